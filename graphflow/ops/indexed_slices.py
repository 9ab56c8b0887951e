"""IndexedSlices: the gradient of gather, a few rows of a tensor; and the ops that take rows and add up rows."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import INDEX, NUMERIC, DType
from graphflow.errors import GraphError, ShapeError
from graphflow.graph import Graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.compare import greater_equal
from graphflow.ops.define import define, register_tensor_conversion_function
from graphflow.ops.infer import axis_in
from graphflow.ops.join import checked_axis, concat, fixed_axis
from graphflow.ops.lowering import Kernel
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import rank, refuse, reshape, shape, size, size_vector
from graphflow.ops.static import static_dims, static_value
from graphflow.shape import Dims, TensorShape, compatible, count, elements, known, merge, show

IndexedSlicesValue = namedtuple("IndexedSlicesValue", "values indices dense_shape")
IndexedSlicesValue.__doc__ = "What a run gives for IndexedSlices: three arrays."


class IndexedSlices:
    """Rows of a tensor: values[i] belongs to row indices[i]; an index may come again, and its rows add up then."""

    __slots__ = ("dense_shape", "indices", "values")

    def __init__(self, values: Tensor, indices: Tensor, dense_shape: Tensor | None = None) -> None:
        self.values = values
        self.indices = indices
        self.dense_shape = dense_shape

    @property
    def name(self) -> str:
        return self.values.name

    @property
    def op(self) -> Operation:
        return self.values.op

    @property
    def graph(self) -> Graph:
        return self.values.graph

    @property
    def dtype(self) -> DType:
        return self.values.dtype

    @property
    def device(self) -> str:
        return self.values.device

    @property
    def shape(self) -> TensorShape:
        """The static shape of the tensor whose rows these are."""
        if self.dense_shape is not None:
            return TensorShape(static_dims(self.dense_shape))
        return TensorShape(None if self.values.dims is None else (None, *self.values.dims[1:]))

    def get_shape(self) -> TensorShape:
        return self.shape

    def fetch_components(self) -> tuple[list[Tensor], Any]:
        """What a session fetches for it, and how the result is made of the values."""
        if self.dense_shape is None:
            return [self.values, self.indices], lambda values, indices: IndexedSlicesValue(values, indices, None)
        return [self.values, self.indices, self.dense_shape], IndexedSlicesValue

    def with_values(self, values: Tensor) -> IndexedSlices:
        """Other values in the same rows."""
        return IndexedSlices(values, self.indices, self.dense_shape)

    def __neg__(self) -> IndexedSlices:
        return self.with_values(-self.values)

    def __repr__(self) -> str:
        return f"<tf.IndexedSlices values={self.values!r} indices={self.indices!r} dense_shape={self.dense_shape!r}>"


def values_of(t: Any) -> Any:
    """The rows of IndexedSlices; anything else as it is."""
    return t.values if isinstance(t, IndexedSlices) else t


def concatenated(parts: Sequence[IndexedSlices]) -> IndexedSlices:
    """The rows of all parts, which belong to one tensor: their sum."""
    if len(parts) == 1:
        return parts[0]
    wide = any(p.indices.dtype is dtypes.int64 for p in parts)
    indices = [cast(p.indices, dtypes.int64) if wide else p.indices for p in parts]
    return IndexedSlices(concat([p.values for p in parts], 0), concat(indices, 0), parts[0].dense_shape)


# -- taking rows ---------------------------------------------------------------------------------------------------
def _gather_infer(params: Tensor, indices: Tensor, axis: Tensor, batch_dims: int) -> tuple[Dims, DType]:
    at, dims, index_dims = fixed_axis(axis), params.dims, indices.dims
    if dims is not None and at is not None:
        at = axis_in(at, len(dims))
    if index_dims is not None and batch_dims > len(index_dims):
        raise ShapeError(f"batch_dims is {batch_dims}, and the indices have shape {show(index_dims)}")
    if dims is None or index_dims is None:
        return None, params.dtype
    if at is None:
        return (None,) * (len(dims) - 1 + len(index_dims) - batch_dims), params.dtype
    if at < batch_dims:
        raise ShapeError(f"axis {at} is one of the {batch_dims} batch dimensions")
    batch = merge(dims[:batch_dims], index_dims[:batch_dims])
    assert batch is not None
    return (*batch, *dims[batch_dims:at], *index_dims[batch_dims:], *dims[at + 1 :]), params.dtype


def checked_indices(indices: np.ndarray, n: int) -> np.ndarray:
    if indices.size and (indices.min() < 0 or indices.max() >= n):
        at = int(np.argmax((indices < 0) | (indices >= n)))
        raise refuse(f"indices[{at}] = {indices.reshape(-1)[at]} is out of range: it must be in [0, {n})")
    return indices


def _batch_grid(shape: Sequence[int], ndim: int) -> tuple[np.ndarray, ...]:
    """Index arrays that pair each element of a batched index array of `ndim` axes with its own batch element."""
    return tuple(np.arange(n).reshape(-1, *[1] * (ndim - i - 1)) for i, n in enumerate(shape))


def _gather(params: np.ndarray, indices: np.ndarray, axis: np.ndarray, batch_dims: int) -> np.ndarray:
    at, b, free = checked_axis(axis, params.ndim), batch_dims, indices.ndim - batch_dims
    if at < b or params.shape[:b] != indices.shape[:b]:
        raise refuse(f"{b} batch dimensions, axis {at}: params {params.shape} do not go with indices {indices.shape}")
    checked_indices(indices, params.shape[at])
    if b == 0:
        return np.take(params, indices, at)
    rows = np.moveaxis(params, at, b)[(*_batch_grid(params.shape[:b], indices.ndim), indices)]
    return np.moveaxis(rows, range(b, b + free), range(at, at + free))


def _rows_of(params: Tensor, indices: Tensor) -> Any:
    """The shape of the rows that the indices, as a vector, take out of params."""
    n = count(indices.dims)
    first = size(indices) if n is None else n
    if params.dims is not None and known(params.dims[1:]):
        return [first, *params.dims[1:]]
    return concat([[first], shape(params)[1:]], 0)


def _gather_vjp(op: Operation, dy: Tensor) -> Any:
    params, indices, axis = op.inputs
    if op.attrs["batch_dims"] or static_value(axis) != 0:
        return GATHER_GRAD(dy, indices, axis, shape(params), batch_dims=op.attrs["batch_dims"])
    if indices.dims is None or len(indices.dims) != 1:
        dy, indices = reshape(dy, _rows_of(params, indices)), reshape(indices, [-1])
    return IndexedSlices(dy, indices, shape(params))


GATHER = define(
    "GatherV2", "params indices:I axis:Taxis",
    infer=_gather_infer,
    reference=_gather,
    vjp=(_gather_vjp, None, None),
    lowering=Kernel("gather"),
    types={"Taxis": INDEX},
    moves="params",
)  # fmt: skip


# -- adding rows up ------------------------------------------------------------------------------------------------
def _gather_grad(
    dy: np.ndarray, indices: np.ndarray, axis: np.ndarray, sizes: np.ndarray, batch_dims: int
) -> np.ndarray:
    dx = np.zeros(sizes, dy.dtype)
    at, b, free = checked_axis(axis, dx.ndim), batch_dims, indices.ndim - batch_dims
    checked_indices(indices, dx.shape[at])
    rows = np.moveaxis(dy, range(at, at + free), range(b, b + free))
    np.add.at(np.moveaxis(dx, at, b), (*_batch_grid(dx.shape[:b], indices.ndim), indices), rows)
    return dx


GATHER_GRAD = define(
    "GatherGrad", "dy indices:I axis:Taxis shape:int32",
    infer=lambda dy, indices, axis, shape, batch_dims: (size_vector(shape, "shape"), dy.dtype),
    reference=_gather_grad,
    vjp=(lambda op, dy: GATHER(dy, op.inputs[1], op.inputs[2], batch_dims=op.attrs["batch_dims"]), None, None, None),
    lowering=Kernel("gather_grad"),
    types={"T": NUMERIC, "Taxis": INDEX},
    flops=lambda op: elements(op.inputs[0].dims),
)  # fmt: skip


def segments_infer(data: Tensor, segment_ids: Tensor, num_segments: Tensor) -> tuple[Dims, DType]:
    n, ids = static_value(num_segments), segment_ids.dims
    if n is not None and (n.ndim or n < 0):
        raise ShapeError(f"num_segments must be a number of at least 0, not {n.tolist()}")
    if data.dims is None or ids is None:
        return None, data.dtype
    if not compatible(data.dims[: len(ids)], ids):
        raise ShapeError(f"segment_ids {show(ids)} must have the first axes of the data {show(data.dims)}")
    return (None if n is None else int(n), *data.dims[len(ids) :]), data.dtype


def _segment_sum(data: np.ndarray, segment_ids: np.ndarray, num_segments: np.ndarray) -> np.ndarray:
    n, ids = int(num_segments), segment_ids
    if data.shape[: ids.ndim] != ids.shape:
        raise refuse(f"segment_ids {ids.shape} must have the first axes of the data {data.shape}")
    checked_indices(np.maximum(ids, 0), n)
    out = np.zeros((n, *data.shape[ids.ndim :]), data.dtype)
    kept = ids >= 0
    np.add.at(out, ids[kept], data[kept])
    return out


def _segment_rows(op: Operation, dy: Tensor) -> Tensor:
    """The gradient of the segment for each row, zero for the rows that a negative id left out."""
    data, ids, _ = op.inputs
    rows = GATHER(dy, maximum(ids, 0), 0, batch_dims=0)
    known_ids = static_value(ids)
    if known_ids is not None and (known_ids >= 0).all():
        return rows
    tail = shape(data)[(rank(ids) if ids.dims is None else len(ids.dims)) :]
    kept = reshape(greater_equal(ids, 0), concat([shape(ids), ones_like(tail)], 0))
    return where_v2(kept, rows, zeros_like(rows))


UNSORTED_SEGMENT_SUM = define(
    "UnsortedSegmentSum", "data segment_ids:I num_segments:Tnum",
    infer=segments_infer,
    reference=_segment_sum,
    vjp=(_segment_rows, None, None),
    lowering=Kernel("segment_sum"),
    types={"T": NUMERIC, "Tnum": INDEX},
    flops=lambda op: elements(op.inputs[0].dims),
)  # fmt: skip


def _dense(value: IndexedSlices, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Tensor:
    """The tensor that has these rows, and zeros elsewhere."""
    if value.dense_shape is None:
        raise GraphError(f"{value!r} cannot be made dense: its dense_shape is not known")
    dense = UNSORTED_SEGMENT_SUM(value.values, value.indices, value.dense_shape[0])
    dense.set_shape(TensorShape(static_dims(value.dense_shape)))
    return dense


register_tensor_conversion_function(IndexedSlices, _dense)
