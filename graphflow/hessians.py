"""`tf.hessians`: second derivatives, by gradients of each element of the gradient."""

from __future__ import annotations

from typing import Any

from graphflow.default import name_scope
from graphflow.errors import GradientError, ShapeError
from graphflow.gradients import gradients
from graphflow.operation import Tensor
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.join import stack
from graphflow.ops.shape_ops import reshape
from graphflow.shape import count, sizes


def hessians(
    ys: Any, xs: Any, name: str = "hessians", colocate_gradients_with_ops: bool = False, gate_gradients: bool = False,
    aggregation_method: Any = None,
) -> list[Tensor]:  # fmt: skip
    """For each x the second derivatives of sum(ys) with respect to its elements.

    Shapes:   x [...] of known shape -> [..., ...]
    Cost:     the graph grows by a gradient for each element of x.
    Raises:   LookupError where ys do not depend on x; ValueError for an x of unknown shape.
    """
    sources = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    with name_scope(name, "hessians", []):
        return [_hessian(ys, x) for x in sources]


def _hessian(ys: Any, x: Any) -> Tensor:
    (first,) = gradients(ys, x)
    if first is None:
        raise GradientError(f"there is no gradient of ys with respect to {x!r}")
    tensor = convert_to_tensor(first)
    n = count(tensor.dims)
    if n is None:
        raise ShapeError(f"hessians needs a known shape, and {x!r} has {tensor.shape}")
    flat = reshape(tensor, [n])
    rows = [gradients(flat[i], x)[0] for i in range(n)]
    dense = [zeros_like(tensor) if row is None else convert_to_tensor(row) for row in rows]
    dims = list(sizes(tensor.dims))
    return reshape(stack(dense), dims + dims) if dense else reshape(tensor, dims + dims)
