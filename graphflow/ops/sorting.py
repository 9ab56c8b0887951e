"""Sorting along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import REAL, int32
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arrange import order_with_last, transpose
from graphflow.ops.basic import identity
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.infer import axis_in
from graphflow.ops.lowering import Kernel
from graphflow.ops.ranking import TAKE
from graphflow.ops.shape_ops import refuse
from graphflow.ops.static import static_value


def _argsort(x: np.ndarray, descending: bool) -> np.ndarray:
    if x.ndim == 0:
        raise refuse("a scalar cannot be sorted")
    if not descending:
        return np.argsort(x, axis=-1, kind="stable")
    # a stable sort of the reversed row, read from its end: equal elements stay in order
    return x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]


ARGSORT = define(
    "ArgSort", "values",
    infer=lambda values, descending: (values.dims, int32),
    reference=_argsort,
    vjp=NO_GRADIENT,
    lowering=Kernel("argsort"),
    types=REAL,
)  # fmt: skip


def _sorted_last(values: Any, axis: Any, direction: str) -> tuple[Tensor, Tensor, Any]:
    """(values with the axis last, the order of each row, the permutation that swaps the axes, None for none)."""
    if direction not in ("ASCENDING", "DESCENDING"):
        raise GraphError(f"direction must be ASCENDING or DESCENDING, not {direction!r}")
    at = static_value(convert_to_tensor(axis))
    if at is None or at.ndim:
        raise GraphError(f"the axis to sort along must be one number that is known now, not {axis!r}")
    values = convert_to_tensor(values, name="values")
    if values.dims == ():
        raise ShapeError("a scalar cannot be sorted")
    place = int(at) if values.dims is None else axis_in(int(at), len(values.dims))
    if place == (-1 if values.dims is None else len(values.dims) - 1):
        return values, ARGSORT(values, descending=direction == "DESCENDING"), None
    swap = order_with_last(values, place)
    values = transpose(values, swap)
    return values, ARGSORT(values, descending=direction == "DESCENDING"), swap


def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Tensor:
    """The elements in order along an axis.

    Shapes:   kept.   Dtype: real numbers, kept.   Gradient: values.
    Raises:   ValueError for a scalar, an axis out of range, or another direction.
    """
    with name_scope(name, "sort", [values]) as scope:
        rows, order, swap = _sorted_last(values, axis, direction)
        taken = TAKE(rows, order)
        return identity(taken, name=scope) if swap is None else transpose(taken, swap, name=scope)


def argsort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Tensor:
    """The indices, int32, that put the elements along an axis in order; equal elements keep theirs.   No gradient."""
    with name_scope(name, "argsort", [values]) as scope:
        _, order, swap = _sorted_last(values, axis, direction)
        return identity(order, name=scope) if swap is None else transpose(order, swap, name=scope)
