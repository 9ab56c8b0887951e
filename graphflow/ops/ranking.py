"""The largest elements of each row, and whether a class is among them."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import REAL, DType, bool_, float32, int32
from graphflow.errors import InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.infer import require_rank
from graphflow.ops.lowering import Kernel
from graphflow.ops.shape_ops import shape
from graphflow.ops.static import static_value
from graphflow.shape import Dims, count, merge, show

TopKV2 = namedtuple("TopKV2", "values indices")
TopKV2.__doc__ = "What top_k gives: the elements, largest first, and where they were."


def _top_k_infer(input: Tensor, k: Tensor, sorted: bool) -> list[tuple[Dims, DType]]:
    if count(k.dims) not in (None, 1):
        raise ShapeError(f"k must be one number, and has shape {show(k.dims)}")
    value = static_value(k)
    n = None if value is None else int(value.item())
    dims = input.dims
    if dims == () or (n is not None and (n < 0 or (dims is not None and dims[-1] is not None and dims[-1] < n))):
        raise ShapeError(f"there are no {n} largest elements in rows of {show(dims)}")
    out = None if dims is None else (*dims[:-1], n)
    return [(out, input.dtype), (out, int32)]


def _top_k(x: np.ndarray, k: np.ndarray, sorted: bool) -> tuple[np.ndarray, np.ndarray]:
    n = int(k.item())
    if x.ndim == 0 or not 0 <= n <= x.shape[-1]:
        raise InvalidArgumentError.because(f"there are no {n} largest elements in rows of {x.shape}")
    # a stable sort of the reversed row, read from its end: equal elements stay in the order of their indices
    backwards = np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1][..., :n]
    indices = x.shape[-1] - 1 - backwards
    return np.take_along_axis(x, indices, -1), indices.astype(np.int32)


def _top_k_vjp(op: Operation, d_values: Tensor, _: Any) -> Tensor:
    return TOP_K_GRAD(d_values, op.outputs[1], shape(op.inputs[0]))


def _put(dy: np.ndarray, indices: np.ndarray, shape: np.ndarray) -> np.ndarray:
    out = np.zeros(shape, dy.dtype)
    np.put_along_axis(out, indices.astype(np.int64), dy, -1)
    return out


def _put_infer(values: Tensor, indices: Tensor, shape: Tensor) -> tuple[Dims, DType]:
    sizes = static_value(shape)
    rank = None if values.dims is None else len(values.dims)
    if sizes is not None:
        return tuple(sizes.tolist()), values.dtype
    return (None if rank is None else (None,) * rank), values.dtype


def _take(op: Operation, dx: Tensor) -> Tensor:
    return TAKE(dx, op.inputs[1])


TOP_K = define(
    "TopKV2", "input k:int32",
    infer=_top_k_infer,
    reference=_top_k,
    vjp=(_top_k_vjp, None),
    lowering=Kernel("top_k"),
    types=REAL,
)  # fmt: skip

TOP_K_GRAD: OpDef = define(
    "PutAlongRows", "values indices:int32 shape:int32",
    infer=_put_infer,
    reference=_put,
    vjp=(_take, None, None),
    lowering=Kernel("put_along_rows"),
    types=REAL,
)  # fmt: skip

TAKE: OpDef = define(
    "TakeAlongRows", "x indices:int32",
    infer=lambda x, indices: (indices.dims, x.dtype),
    reference=lambda x, indices: np.take_along_axis(x, indices.astype(np.int64), -1),
    vjp=(lambda op, dy: TOP_K_GRAD(dy, op.inputs[1], shape(op.inputs[0])), None),
    lowering=Kernel("take_along_rows"),
    types=REAL,
)  # fmt: skip


def _in_top_k_infer(predictions: Tensor, targets: Tensor, k: Tensor) -> tuple[Dims, DType]:
    rows = require_rank(predictions, 2, "the predictions")[:1]
    return merge(rows, require_rank(targets, 1, "the targets")), bool_


def _in_top_k(predictions: np.ndarray, targets: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Fewer than k elements are larger; never for a class that does not exist or a prediction that is not finite."""
    if predictions.ndim != 2 or targets.shape != predictions.shape[:1]:
        raise InvalidArgumentError.because(f"predictions {predictions.shape} do not go with targets {targets.shape}")
    valid = (targets >= 0) & (targets < predictions.shape[1])
    chosen = np.zeros((len(targets), 1), predictions.dtype)
    chosen[valid, 0] = predictions[valid, targets[valid]]
    larger = (predictions > chosen).sum(axis=1)
    return valid & np.isfinite(chosen[:, 0]) & np.isfinite(predictions).all(axis=1) & (larger < k)


IN_TOP_K = define(
    "InTopKV2", "predictions targets:I k:I",
    infer=_in_top_k_infer,
    reference=_in_top_k,
    vjp=NO_GRADIENT,
    lowering=Kernel("in_top_k"),
    types=(float32,),
)  # fmt: skip


def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """The k largest elements along the last axis, largest first, and their indices; of equal ones the first.

    Shapes:   [..., n] -> values [..., k], indices [..., k] as int32.   Dtype: real numbers, kept.
    Gradient: input, from the values.   Raises: ValueError, or InvalidArgumentError when run, for k > n.
    """
    return TopKV2(*TOP_K(input, k, sorted=bool(sorted), name=name))


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether the prediction for the target class is among the k largest of its row; ties with the k-th count.

    Shapes: predictions [n, classes], targets [n] -> [n], bool.   No gradient.
    """
    with name_scope(name, "in_top_k"):
        return IN_TOP_K(predictions, targets, k)
