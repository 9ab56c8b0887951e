"""Python values as NumPy arrays, with TensorFlow 1's rules for dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType
from graphflow.errors import DTypeError, GraphError
from graphflow.shape import Dimension, TensorShape

# which kinds of Python values a kind of dtype takes: an int tensor refuses floats, bools are 0 and 1 as in Python
_TAKES = {"f": "fiub", "c": "cfiub", "i": "iub", "u": "iub", "b": "b", "O": "SUO"}


def as_array(value: Any, dtype: DType | None) -> np.ndarray:
    """A new C-ordered array of `dtype` for a number, string, array or nested list.

    Without `dtype`: int32 for ints that fit (else int64), float32 for floats, bool, complex128, object (bytes) for
    text; an array or NumPy scalar keeps its dtype.  An array is cast to `dtype`; Python values must suit it,
    but for integers that are too large, which wrap around.

    Raises: ValueError for None and ragged lists, TypeError for a value that `dtype` does not take.
    """
    if value is None:
        raise GraphError("None is not a value that a tensor can have")
    if isinstance(value, (np.ndarray, np.generic)):
        return _from_numpy(np.asarray(value), dtype)
    if isinstance(value, TensorShape):
        value = [int(d) for d in value]
    elif isinstance(value, Dimension):
        value = int(value)
    if type(value) is float and (dtype is None or dtype.is_floating):
        return np.array(value, np.float32 if dtype is None else dtype.dtype)
    array = _from_python(value)
    if dtype is None:
        return _with_default_dtype(array)
    if array.dtype.kind not in _TAKES[dtype.dtype.kind] and array.size:
        raise DTypeError(f"expected {dtype.name}, got {value!r} of type {type(value).__name__!r}")
    if dtype is dtypes.string:
        return _as_bytes(array)
    return array.astype(dtype.dtype, order="C")


def padded(parts: Sequence[np.ndarray], dims: Any, value: Any) -> np.ndarray:
    """Arrays put together along a new first dimension, each filled up at its ends to the shape `dims` with `value`."""
    out = np.empty((len(parts), *dims), parts[0].dtype)
    out[...] = value
    for i, part in enumerate(parts):
        place: tuple[Any, ...] = (i, *map(slice, part.shape))
        out[place] = part
    return out


def _from_python(value: Any) -> np.ndarray:
    try:
        array = np.array(value, order="C")
    except NotImplementedError as error:  # of a tensor in a list
        raise DTypeError(f"cannot make a constant of {value!r}: {error}") from None
    except ValueError as error:
        raise GraphError(f"cannot make a tensor of {value!r}: {error}") from None
    if array.dtype.kind not in "biufcSU" and not (array.dtype.kind == "O" and _is_text(array)):
        raise DTypeError(f"cannot make a tensor of a {type(value).__name__}: {value!r}")
    if array.dtype.kind in "SU":  # a fixed-width array would cut trailing NULs, and would turn numbers into text
        array = np.array(value, dtype=object)
        if not _is_text(array):
            raise DTypeError(f"cannot mix text and numbers in one tensor: {value!r}")
    return array


def _is_text(array: np.ndarray) -> bool:
    return all(isinstance(item, (str, bytes)) for item in array.flat)


def _as_bytes(array: np.ndarray) -> np.ndarray:
    out = np.empty(array.shape, object)
    for i, item in enumerate(array.flat):
        out.flat[i] = item.encode() if isinstance(item, str) else item
    return out


def _with_default_dtype(array: np.ndarray) -> np.ndarray:
    kind = array.dtype.kind
    if kind == "f":
        return array.astype(np.float32)
    if array.dtype == np.int64:
        small = array.astype(np.int32)
        return small if np.array_equal(small, array) else array
    return _as_bytes(array) if kind == "O" else array


def _from_numpy(array: np.ndarray, dtype: DType | None) -> np.ndarray:
    if array.dtype.kind in "SUO":
        if dtype not in (None, dtypes.string):
            raise DTypeError(f"expected {dtype}, got text: {array!r}")
        if array.dtype.kind == "O" and not _is_text(array):
            raise DTypeError(f"cannot make a tensor of an object array: {array!r}")
        return _as_bytes(array)
    if dtype is dtypes.string:
        raise DTypeError(f"expected string, got an array of {array.dtype}")
    target = dtypes.as_dtype(array.dtype).dtype if dtype is None else dtype.dtype
    return np.array(array, dtype=target, order="C")
