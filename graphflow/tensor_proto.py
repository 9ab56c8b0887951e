"""Values of tensors as messages, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.dtypes import as_dtype, complex64, complex128, float16, string
from graphflow.errors import GraphError, ShapeError
from graphflow.graph_protos import TensorProto, TensorShapeProto
from graphflow.ops.values import as_array
from graphflow.shape import Dims, as_dims, show

# Which list of a TensorProto has the values of a dtype.
_LISTS = {
    "float32": "float_val", "float64": "double_val", "int32": "int_val", "int16": "int_val", "int8": "int_val",
    "uint8": "int_val", "uint16": "int_val", "string": "string_val", "complex64": "scomplex_val",
    "int64": "int64_val", "bool": "bool_val", "complex128": "dcomplex_val", "float16": "half_val",
    "uint32": "uint32_val", "uint64": "uint64_val",
}  # fmt: skip


def shape_proto(dims: Dims) -> TensorShapeProto:
    """A static shape as a message."""
    if dims is None:
        return TensorShapeProto(unknown_rank=True)
    made = TensorShapeProto()
    for size in dims:
        made.dim.add(size=-1 if size is None else size)
    made.SetInParent()
    return made


def shape_dims(proto: TensorShapeProto) -> Dims:
    """The static shape that a message says."""
    return None if proto.unknown_rank else tuple(None if d.size < 0 else d.size for d in proto.dim)


def make_tensor_proto(
    values: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False, allow_broadcast: bool = False
) -> TensorProto:
    """A value as a message.

    shape   what it is reshaped to; a single value, or one that is too short, is repeated
    Raises: TypeError for None and for values that have no such dtype; ShapeError when there are too many of them, or,
            with verify_shape, when the shape is another.
    """
    array = as_array(values, None if dtype is None else as_dtype(dtype))
    if shape is not None:
        array = _shaped(array, as_dims(shape), verify_shape)
    kind = as_dtype(array.dtype)
    proto = TensorProto(dtype=kind.as_datatype_enum, tensor_shape=shape_proto(array.shape))
    if kind is string:
        proto.string_val.extend(array.reshape(-1).tolist())
    elif array.size == 1:
        getattr(proto, _LISTS[kind.name]).extend(_numbers(array))
    else:
        proto.tensor_content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return proto


def _shaped(array: np.ndarray, dims: Dims, verify: bool) -> np.ndarray:
    size = math.prod(dims or ())  # type: ignore[arg-type]
    if verify and array.shape != dims or array.size > size or not array.size < size == 0 and not array.size and size:
        raise ShapeError(f"a value of shape {show(array.shape)} does not fit {show(dims)}")
    flat = array.reshape(-1)
    return np.concatenate([flat, np.repeat(flat[-1:], size - flat.size)]).reshape(dims)  # type: ignore[arg-type]


def _numbers(array: np.ndarray) -> list[Any]:
    if array.dtype == float16.dtype:
        array = array.view(np.uint16)
    elif array.dtype.kind == "c":
        array = array.reshape(-1).view(np.float32 if array.dtype == complex64.dtype else np.float64)
    return array.reshape(-1).tolist()


def make_ndarray(tensor: TensorProto) -> np.ndarray:
    """The array that a message says; strings as bytes in an object array.

    Raises: TypeError for dtypes that graphflow does not have; GraphError for bytes of another length than the shape.
    """
    dtype = as_dtype(tensor.dtype)
    dims = shape_dims(tensor.tensor_shape)
    if dims is None or None in dims:
        raise GraphError(f"the value of a tensor has the unknown shape {show(dims)}")
    sizes: tuple = dims
    size = math.prod(sizes)
    if tensor.tensor_content:
        content = tensor.tensor_content
        if len(content) != size * dtype.size or dtype is string:
            raise GraphError(f"{len(content)} bytes are no {dtype.name} of shape {show(dims)}")
        return np.frombuffer(content, dtype.dtype.newbyteorder("<")).astype(dtype.dtype).reshape(sizes)
    found = list(getattr(tensor, _LISTS[dtype.name]))
    if dtype is string:
        flat = np.empty(len(found), object)
        flat[:] = found
    elif dtype is float16:
        flat = np.array(found, np.uint16).view(np.float16)
    elif dtype in (complex64, complex128):
        flat = np.array(found, np.float32 if dtype is complex64 else np.float64).view(dtype.dtype)
    else:
        flat = np.array(found, dtype.dtype)
    if len(flat) > size:
        raise GraphError(f"{len(flat)} values are too many for {show(dims)}")
    filler = flat[-1:] if len(flat) else np.array([b""] if dtype is string else [0], dtype.dtype)
    return np.concatenate([flat, np.repeat(filler, size - len(flat))]).reshape(sizes)
