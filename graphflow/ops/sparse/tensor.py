"""SparseTensor itself, placeholders for it, and the ways between it and dense tensors."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.default import name_scope
from graphflow.dtypes import DType, as_dtype, int64
from graphflow.errors import ShapeError
from graphflow.graph import Graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.indexing import GATHER_ND, coordinates
from graphflow.ops.infer import require_rank
from graphflow.ops.placeholder import placeholder
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import broadcast_to, expand_dims, refuse, size_vector
from graphflow.ops.static import static_dims
from graphflow.shape import Dims, TensorShape, as_dims, known, merge, show

SparseTensorValue = namedtuple("SparseTensorValue", "indices values dense_shape")
SparseTensorValue.__doc__ = "What a run gives for a SparseTensor, and what one is fed with: three arrays."


class SparseTensor:
    """The elements of a tensor that are not 0, in row-major order.

    indices      [n, rank], int64: where they stand
    values       [n]
    dense_shape  [rank], int64: the shape of the tensor
    Raises: ValueError for shapes that do not go together.
    """

    __slots__ = ("dense_shape", "indices", "values")
    __array_priority__ = 100

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        with name_scope(None, "SparseTensor", [indices, values, dense_shape]):
            self.indices: Tensor = convert_to_tensor(indices, int64, name="indices")
            self.values: Tensor = convert_to_tensor(values, name="values")
            self.dense_shape: Tensor = convert_to_tensor(dense_shape, int64, name="dense_shape")
        n, rank = require_rank(self.indices, 2, "indices")
        merge((n,), require_rank(self.values, 1, "values"))
        merge((rank,), require_rank(self.dense_shape, 1, "dense_shape"))

    @classmethod
    def from_value(cls, value: Any) -> SparseTensor:
        """A SparseTensor of constants; a SparseTensor itself.   Raises: TypeError for other values."""
        if isinstance(value, cls):
            return value
        if isinstance(value, SparseTensorValue):
            return cls(*value)
        raise TypeError(f"neither a SparseTensor nor a SparseTensorValue: {value!r}")

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
    def name(self) -> str:
        return self.values.name

    @property
    def shape(self) -> TensorShape:
        """The static shape of the tensor."""
        return TensorShape(static_dims(self.dense_shape))

    def get_shape(self) -> TensorShape:
        return self.shape

    def with_values(self, values: Tensor) -> SparseTensor:
        """Other values at the same places."""
        return SparseTensor(self.indices, values, self.dense_shape)

    def fetch_components(self) -> tuple[list[Tensor], Any]:
        """What a session fetches for it, and how the result is made of the values."""
        return self.feed_components(), SparseTensorValue

    def feed_components(self) -> list[Tensor]:
        """What a session feeds with the three parts of a value."""
        return [self.indices, self.values, self.dense_shape]

    def _times(self, other: Any, divide: bool) -> SparseTensor:
        dense = convert_to_tensor(other, self.values.dtype)
        elements = GATHER_ND(broadcast_to(dense, self.dense_shape), self.indices)
        return self.with_values(self.values / elements if divide else self.values * elements)

    def __mul__(self, other: Any) -> SparseTensor:
        return self._times(other, divide=False)

    def __truediv__(self, other: Any) -> SparseTensor:
        return self._times(other, divide=True)

    def __repr__(self) -> str:
        return f"<tf.SparseTensor indices={self.indices!r} values={self.values!r} dense_shape={self.dense_shape!r}>"


def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """A SparseTensor that every run must be fed, with a SparseTensorValue or (indices, values, dense_shape).

    shape   as of a placeholder; or an int64 vector, a tensor
    """
    if isinstance(shape, Tensor):
        dims, rank = None, shape.dims[0] if shape.dims else None
    else:
        dims = as_dims(shape)
        rank = None if dims is None else len(dims)
    names = [None if name is None else f"{name}/{part}" for part in ("shape", "values", "indices")]
    if isinstance(shape, Tensor):
        sizes: Any = convert_to_tensor(shape, int64)
    elif known(dims):
        sizes = np.array(dims, np.int64)
    else:
        sizes = placeholder(int64, [rank], name=names[0])
        sizes.static = None if dims is None else np.array(dims, object)  # what is known of it, whatever is fed
    values = placeholder(as_dtype(dtype), [None], name=names[1])
    return SparseTensor(placeholder(int64, [None, rank], name=names[2]), values, sizes)


# -- dense ---------------------------------------------------------------------------------------------------------
def _dense_infer(
    sparse_indices: Tensor, output_shape: Tensor, sparse_values: Tensor, default_value: Tensor, validate: bool
) -> tuple[Dims, DType]:
    if default_value.dims:
        raise ShapeError(f"default_value must be a scalar, and has shape {show(default_value.dims)}")
    if sparse_indices.dims is not None and len(sparse_indices.dims) > 2:
        raise ShapeError(f"sparse_indices must have rank 2 at most, and have shape {show(sparse_indices.dims)}")
    return size_vector(output_shape, "output_shape"), sparse_values.dtype


def _as_rows(indices: np.ndarray, rank: int) -> np.ndarray:
    """Coordinates [n, rank] from those, a vector of places in a vector, or one place."""
    return indices.reshape(-1, rank if indices.ndim == 2 else 1)


def _dense(
    indices: np.ndarray, output_shape: np.ndarray, values: np.ndarray, default: np.ndarray, validate: bool
) -> np.ndarray:
    rows = _as_rows(indices, output_shape.size)
    if rows.shape[1] != output_shape.size or values.shape not in ((), (len(rows),)):
        raise refuse(f"indices {indices.shape} and values {values.shape} do not fit shape {output_shape.tolist()}")
    if validate and len(rows) > 1:
        step = np.diff(rows, axis=0)
        first = step[np.arange(len(step)), (step != 0).argmax(axis=1)]
        if (first <= 0).any():
            raise refuse("indices must be in row-major order, and none may come again")
    out = np.full(output_shape, default, values.dtype)
    where = coordinates(rows, out.shape)
    out[where if where else ...] = values if where else values.reshape(-1)[-1]
    return out


def _dense_vjp(op: Operation, dy: Tensor) -> list[Any]:
    indices = rows = op.inputs[0]
    if indices.dims is not None and len(indices.dims) < 2:
        rows = expand_dims(indices, -1)
    d_values = GATHER_ND(dy, rows)
    d_default = reduce_sum(dy) - reduce_sum(d_values)
    return [None, None, d_values, d_default]  # summed where one value stands for all


SPARSE_TO_DENSE = define(
    "SparseToDense", "sparse_indices:I output_shape:I sparse_values default_value",
    infer=_dense_infer,
    reference=_dense,
    vjp=_dense_vjp,
)  # fmt: skip


def sparse_to_dense(
    sparse_indices: Any, output_shape: Any, sparse_values: Any, default_value: Any = 0,
    validate_indices: bool = True, name: str | None = None,
) -> Tensor:  # fmt: skip
    """default_value everywhere but at the indices, where the values are.

    Shapes:   sparse_indices [n, rank], [n] for a vector, or []; sparse_values [n] or [] -> output_shape
    Gradient: sparse_values and default_value.
    Raises:   InvalidArgumentError when run for indices out of range, or, with validate_indices, out of order or twice.
    """
    values = convert_to_tensor(sparse_values, name="sparse_values")
    zero = isinstance(default_value, int) and default_value == 0
    default = convert_to_tensor(_zero(values.dtype) if zero else default_value, values.dtype, name="default_value")
    return SPARSE_TO_DENSE(sparse_indices, output_shape, values, default, validate=bool(validate_indices),
                           name=name)  # fmt: skip


def sparse_tensor_to_dense(
    sp_input: Any, default_value: Any = None, validate_indices: bool = True, name: str | None = None
) -> Tensor:
    """The tensor with all its elements; default_value (0 or an empty string) where there is none.

    Gradient: values.   Raises: as sparse_to_dense.
    """
    sp = SparseTensor.from_value(sp_input)
    default = _zero(sp.dtype) if default_value is None else default_value
    return sparse_to_dense(sp.indices, sp.dense_shape, sp.values, default, validate_indices, name)


def _zero(dtype: DType) -> np.ndarray:
    return np.array(b"", object) if dtype is dtypes.string else np.zeros((), dtype.dtype)
