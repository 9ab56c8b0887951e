"""Casts by name, and the cast that stays within the range of its dtype."""

from __future__ import annotations

from typing import Any

from graphflow import dtypes
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum, minimum
from graphflow.ops.basic import cast
from graphflow.ops.define import convert_to_tensor

# What `tf` has of these.
__all__ = [
    "saturate_cast", "to_complex64", "to_complex128", "to_double", "to_float", "to_int32", "to_int64",
]  # fmt: skip


def to_float(x: Any, name: str = "ToFloat") -> Tensor:
    """x as float32."""
    return cast(x, dtypes.float32, name=name)


def to_double(x: Any, name: str = "ToDouble") -> Tensor:
    """x as float64."""
    return cast(x, dtypes.float64, name=name)


def to_int32(x: Any, name: str = "ToInt32") -> Tensor:
    """x as int32, truncated toward zero."""
    return cast(x, dtypes.int32, name=name)


def to_int64(x: Any, name: str = "ToInt64") -> Tensor:
    """x as int64, truncated toward zero."""
    return cast(x, dtypes.int64, name=name)


def to_complex64(x: Any, name: str = "ToComplex64") -> Tensor:
    """x as complex64."""
    return cast(x, dtypes.complex64, name=name)


def to_complex128(x: Any, name: str = "ToComplex128") -> Tensor:
    """x as complex128."""
    return cast(x, dtypes.complex128, name=name)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """A cast that clips to the range of `dtype` instead of wrapping around."""
    value, wanted = convert_to_tensor(value, name="value"), dtypes.as_dtype(dtype)
    low, high, have_low, have_high = wanted.min, wanted.max, value.dtype.min, value.dtype.max
    if have_low < low:
        value = maximum(value, convert_to_tensor(low, value.dtype))
    if have_high > high:
        value = minimum(value, convert_to_tensor(high, value.dtype))
    return cast(value, wanted, name=name or "saturate_cast")
