"""Reductions over segments: rows with the same segment id are summed, averaged, multiplied, or the extreme is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import INDEX, NUMERIC, REAL, DType, int32
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.compare import equal, greater, greater_equal
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.division import divide
from graphflow.ops.indexed_slices import GATHER, UNSORTED_SEGMENT_SUM, checked_indices, segments_infer
from graphflow.ops.indexing import gather
from graphflow.ops.infer import require_rank
from graphflow.ops.join import concat
from graphflow.ops.lowering import Kernel
from graphflow.ops.math import sqrt
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import rank, refuse, reshape, shape
from graphflow.ops.static import static_value
from graphflow.shape import Dims, show

# What `tf` has of these.
__all__ = [
    "segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum", "sparse_segment_mean",
    "sparse_segment_sqrt_n", "sparse_segment_sum", "unsorted_segment_max", "unsorted_segment_mean",
    "unsorted_segment_min", "unsorted_segment_prod", "unsorted_segment_sqrt_n", "unsorted_segment_sum",
]  # fmt: skip

Fold = tuple[Callable, Callable[[np.dtype], Any]]  # how a row is added to a segment, and what an empty one holds


def _extreme(lowest: bool) -> Callable[[np.dtype], Any]:
    def bound(dtype: np.dtype) -> Any:
        info: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        return info.min if lowest else info.max

    return bound


_SUM: Fold = (np.add.at, lambda dtype: 0)
_PROD: Fold = (np.multiply.at, lambda dtype: 1)
_MAX: Fold = (np.maximum.at, _extreme(lowest=True))
_MIN: Fold = (np.minimum.at, _extreme(lowest=False))


def _folded(data: np.ndarray, ids: np.ndarray, n: int, fold: Fold) -> np.ndarray:
    """[n, ...]: the rows of each segment folded; rows with a negative id are left out."""
    add_at, empty = fold
    out = np.full((n, *data.shape[ids.ndim :]), empty(data.dtype), data.dtype)
    kept = ids >= 0
    add_at(out, ids[kept], data[kept])
    return out


# -- sorted ids ----------------------------------------------------------------------------------------------------
def _sorted_infer(data: Tensor, segment_ids: Tensor) -> tuple[Dims, DType]:
    require_rank(segment_ids, 1, "segment_ids")
    if data.dims is None:
        return None, data.dtype
    if not data.dims:
        raise ShapeError("the data of a segment reduction must have rank 1 at least")
    ids = static_value(segment_ids)
    return (None if ids is None else int(ids[-1]) + 1 if ids.size else 0, *data.dims[1:]), data.dtype


def _segments_of(data: np.ndarray, ids: np.ndarray) -> int:
    """The number of segments; InvalidArgumentError unless there is one id a row, and they do not decrease."""
    if ids.ndim != 1 or data.shape[:1] != ids.shape:
        raise refuse(f"segment_ids {show(ids.shape)} must be one for each row of the data {show(data.shape)}")
    if ids.size and (ids[0] < 0 or (np.diff(ids) < 0).any()):
        raise refuse("segment ids must be at least 0 and not decrease")
    return int(ids[-1]) + 1 if ids.size else 0


def _sorted_fold(fold: Fold) -> Callable:
    """A segment without rows holds 0 (1 for products), not an extreme."""

    def reference(data: np.ndarray, ids: np.ndarray) -> np.ndarray:
        out = _folded(data, ids, _segments_of(data, ids), fold)
        if fold is not _PROD:
            out[np.setdiff1d(np.arange(len(out)), ids)] = 0
        return out

    return reference


def _mean(data: np.ndarray, ids: np.ndarray) -> np.ndarray:
    n = _segments_of(data, ids)
    counts = np.maximum(np.bincount(ids, minlength=n)[:n], 1).reshape(-1, *[1] * (data.ndim - 1))
    return (_folded(data, ids, n, _SUM) / counts).astype(data.dtype)


def _rows(dy: Tensor, ids: Tensor) -> Tensor:
    """For each row what its segment has."""
    return GATHER(dy, ids, 0, batch_dims=0)


def _sorted_counts(ids: Tensor, like: Tensor) -> Tensor:
    """The number of rows of each segment, at least 1, to divide `like` [segments, ...] by."""
    counts = maximum(SEGMENT_SUM(ones_like(ids), ids), 1)
    return _as_column(cast(counts, like.dtype), like)


def _as_column(vector: Tensor, like: Tensor) -> Tensor:
    """[n] as [n, 1, ...], with the rank of `like`."""
    if like.dims is not None:
        return reshape(vector, [-1] + [1] * (len(like.dims) - 1))
    return reshape(vector, concat([[-1], ones_like(shape(like)[1:])], 0))


def _extreme_vjp(op: Operation, dy: Tensor) -> list[Any]:
    """Rows that equal the extreme of their segment share its gradient."""
    data, ids, *n = op.inputs
    record = UNSORTED_SEGMENT_SUM if n else SEGMENT_SUM
    places = maximum(ids, 0) if n else ids
    chosen = equal(data, _rows(op.output, places))
    if n:
        chosen = _kept(chosen, ids, data)
    sharers = record(cast(chosen, dy.dtype), ids, *n)
    share = _rows(dy / sharers, places)
    return [where_v2(chosen, share, zeros_like(share)), None, *[None for _ in n]]


def _kept(chosen: Tensor, ids: Tensor, data: Tensor) -> Tensor:
    """`chosen` where the row's id is not negative."""
    tail = shape(data)[(rank(ids) if ids.dims is None else len(ids.dims)) :]
    return chosen & reshape(greater_equal(ids, 0), concat([shape(ids), ones_like(tail)], 0))


def _product_vjp(op: Operation, dy: Tensor) -> list[Any]:
    """The product of the other rows; a zero among the rows of a segment leaves a gradient to the zero only."""
    data, ids, *n = op.inputs
    total, product = (UNSORTED_SEGMENT_SUM, UNSORTED_SEGMENT_PROD) if n else (SEGMENT_SUM, SEGMENT_PROD)
    places = maximum(ids, 0) if n else ids
    zero = equal(data, zeros_like(data))
    zeros = total(cast(zero, int32), ids, *n)
    dy = where_v2(greater(zeros, 1), zeros_like(dy), dy)
    others = _rows(product(where_v2(zero, ones_like(data), data), ids, *n), places)
    partial = where_v2(zero, others, _rows(op.output, places) / data)
    rows = _rows(dy, places) * partial
    if n:
        rows = where_v2(_kept(ones_like(zero), ids, data), rows, zeros_like(rows))
    return [rows, None, *[None for _ in n]]


SEGMENT_SUM: OpDef = define(
    "SegmentSum", "data segment_ids:I",
    infer=_sorted_infer,
    reference=_sorted_fold(_SUM),
    vjp=(lambda op, dy: _rows(dy, op.inputs[1]), None),
    types=NUMERIC,
)  # fmt: skip

SEGMENT_MEAN = define(
    "SegmentMean", "data segment_ids:I",
    infer=_sorted_infer,
    reference=_mean,
    vjp=(lambda op, dy: _rows(dy / _sorted_counts(op.inputs[1], dy), op.inputs[1]), None),
    types=NUMERIC,
)  # fmt: skip

SEGMENT_PROD: OpDef = define("SegmentProd", "data segment_ids:I", _sorted_infer, _sorted_fold(_PROD), NUMERIC,
                             vjp=_product_vjp)  # fmt: skip
SEGMENT_MAX = define("SegmentMax", "data segment_ids:I", _sorted_infer, _sorted_fold(_MAX), REAL, vjp=_extreme_vjp)
SEGMENT_MIN = define("SegmentMin", "data segment_ids:I", _sorted_infer, _sorted_fold(_MIN), REAL, vjp=_extreme_vjp)


# -- ids in any order ----------------------------------------------------------------------------------------------
def _unsorted_fold(fold: Fold) -> Callable:
    def reference(data: np.ndarray, ids: np.ndarray, num_segments: np.ndarray) -> np.ndarray:
        if data.shape[: ids.ndim] != ids.shape:
            raise refuse(f"segment_ids {ids.shape} must have the first axes of the data {data.shape}")
        checked_indices(np.maximum(ids, 0), int(num_segments))
        return _folded(data, ids, int(num_segments), fold)

    return reference


def _unsorted(how: str, fold: Fold, types: tuple[DType, ...], vjp: Any) -> OpDef:
    return define(f"UnsortedSegment{how}", "data segment_ids:I num_segments:Tnum", segments_infer,
                  _unsorted_fold(fold), {"T": types, "Tnum": INDEX}, vjp=vjp,
                  lowering=Kernel(f"segment_{how.lower()}"))  # fmt: skip


UNSORTED_SEGMENT_PROD: OpDef = _unsorted("Prod", _PROD, NUMERIC, _product_vjp)
UNSORTED_SEGMENT_MAX = _unsorted("Max", _MAX, REAL, _extreme_vjp)
UNSORTED_SEGMENT_MIN = _unsorted("Min", _MIN, REAL, _extreme_vjp)


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The sum of the rows of each segment; 0 for a segment without rows.

    Shapes:   data [n, ...], segment_ids [n], not decreasing -> [last id + 1, ...]
    Gradient: data.   Raises: InvalidArgumentError when run for ids that decrease or are negative.
    """
    return SEGMENT_SUM(data, segment_ids, name=name)


def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The mean of the rows of each segment, as segment_sum."""
    return SEGMENT_MEAN(data, segment_ids, name=name)


def segment_prod(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The product of the rows of each segment, as segment_sum; 1 for a segment without rows."""
    return SEGMENT_PROD(data, segment_ids, name=name)


def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The largest element of each segment, as segment_sum.   Gradient: shared by equal elements."""
    return SEGMENT_MAX(data, segment_ids, name=name)


def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The smallest element of each segment, as segment_sum.   Gradient: shared by equal elements."""
    return SEGMENT_MIN(data, segment_ids, name=name)


def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The sum of the rows of each segment; the ids come in any order, and rows with a negative one are left out.

    Shapes:   data [p..., q...], segment_ids [p...] -> [num_segments, q...]
    Gradient: data.   Raises: InvalidArgumentError when run for an id of num_segments or more.
    """
    return UNSORTED_SEGMENT_SUM(data, segment_ids, num_segments, name=name)


def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The product of the rows of each segment, as unsorted_segment_sum; 1 for a segment without rows."""
    return UNSORTED_SEGMENT_PROD(data, segment_ids, num_segments, name=name)


def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The largest element of each segment, as unsorted_segment_sum; the dtype's lowest number for one without rows."""
    return UNSORTED_SEGMENT_MAX(data, segment_ids, num_segments, name=name)


def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The smallest element of each segment, as unsorted_segment_sum; the dtype's highest number without rows."""
    return UNSORTED_SEGMENT_MIN(data, segment_ids, num_segments, name=name)


def _counts(data: Tensor, ids: Tensor, num_segments: Any, total: Tensor) -> Tensor:
    """The rows of each segment, at least 1, to divide `total` by."""
    counts = maximum(UNSORTED_SEGMENT_SUM(ones_like(ids, dtype=data.dtype), ids, num_segments), 1)
    return _as_column(counts, total)


def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The mean of the rows of each segment, as unsorted_segment_sum."""
    with name_scope(name, "UnsortedSegmentMean", [data, segment_ids]):
        data, ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
        total = UNSORTED_SEGMENT_SUM(data, ids, num_segments)
        return total / _counts(data, ids, num_segments, total)


def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The sum of the rows of each segment, divided by the root of their number."""
    with name_scope(name, "UnsortedSegmentSqrtN", [data, segment_ids]):
        data, ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
        total = UNSORTED_SEGMENT_SUM(data, ids, num_segments)
        return total / sqrt(_counts(data, ids, num_segments, total))


# -- rows chosen by indices ----------------------------------------------------------------------------------------
def _chosen(data: Any, indices: Any, segment_ids: Any, num_segments: Any) -> tuple[Tensor, Tensor]:
    """(ids, sum of each segment)."""
    data = convert_to_tensor(data)
    rows = gather(reshape(data, shape(data)), indices)  # reshaped, so that the gradient is dense, as in TensorFlow
    ids = convert_to_tensor(segment_ids, dtype_hint=int32)
    if num_segments is None:
        return ids, SEGMENT_SUM(rows, ids)
    return ids, UNSORTED_SEGMENT_SUM(rows, ids, num_segments)


def _numbers(ids: Tensor, num_segments: Any, total: Tensor) -> Tensor:
    if num_segments is None:
        return _sorted_counts(ids, total)
    return _counts(total, ids, num_segments, total)


def sparse_segment_sum(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Tensor:
    """segment_sum of the rows of data at the indices; num_segments adds empty segments at the end.

    Shapes:   data [m, ...], indices [n], segment_ids [n] -> [last id + 1 or num_segments, ...]
    Gradient: data.
    """
    with name_scope(name, "SparseSegmentSum", [data, indices, segment_ids]):
        return _chosen(data, indices, segment_ids, num_segments)[1]


def sparse_segment_mean(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Tensor:
    """The mean of the rows that sparse_segment_sum adds up."""
    with name_scope(name, "SparseSegmentMean", [data, indices, segment_ids]) as scope:
        ids, total = _chosen(data, indices, segment_ids, num_segments)
        return divide(total, _numbers(ids, num_segments, total), name=scope)


def sparse_segment_sqrt_n(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Tensor:
    """sparse_segment_sum, divided by the root of the number of rows."""
    with name_scope(name, "SparseSegmentSqrtN", [data, indices, segment_ids]) as scope:
        ids, total = _chosen(data, indices, segment_ids, num_segments)
        return divide(total, sqrt(_numbers(ids, num_segments, total)), name=scope)
