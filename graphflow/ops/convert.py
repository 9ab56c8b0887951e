"""Conversion that leaves slices and sparse tensors as they are."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import as_dtype
from graphflow.errors import GraphError
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.ops.sparse.tensor import SparseTensor, SparseTensorValue


def convert_to_tensor_or_indexed_slices(value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """IndexedSlices as they are (ValueError for another dtype); anything else as tf.convert_to_tensor."""
    return _kept(value, dtype) if isinstance(value, IndexedSlices) else convert_to_tensor(value, dtype, name)


def convert_to_tensor_or_sparse_tensor(value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A SparseTensor as it is (ValueError for another dtype), also for a SparseTensorValue; anything else a tensor."""
    if isinstance(value, (SparseTensor, SparseTensorValue)):
        return _kept(SparseTensor.from_value(value), dtype)
    return convert_to_tensor(value, dtype, name)


def _kept(value: Any, dtype: Any) -> Any:
    if dtype is not None and value.dtype is not as_dtype(dtype):
        raise GraphError(f"dtype {as_dtype(dtype).name} is needed, and {value!r} has {value.dtype.name}")
    return value
