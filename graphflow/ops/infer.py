"""Type rules that many ops share: (*inputs, **attrs) -> (dims, dtype)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType
from graphflow.errors import DTypeError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.static import static_value
from graphflow.shape import Dims, broadcast, merge, show


def same_as_input(x: Tensor, *_: Tensor, **__: Any) -> tuple[Dims, DType]:
    """Shape and dtype of the first input."""
    return x.dims, x.dtype


def broadcasted(x: Tensor, *others: Tensor, **_: Any) -> tuple[Dims, DType]:
    """Broadcast shape of all inputs, dtype of the first."""
    dims = x.dims
    for y in others:
        dims = broadcast(dims, y.dims)
    return dims, x.dtype


def compared(x: Tensor, y: Tensor, **_: Any) -> tuple[Dims, DType]:
    """Broadcast shape, bool."""
    return broadcast(x.dims, y.dims), dtypes.bool_


def predicate(x: Tensor, **_: Any) -> tuple[Dims, DType]:
    """Shape of the input, bool."""
    return x.dims, dtypes.bool_


def all_alike(*values: Tensor, **_: Any) -> tuple[Dims, DType]:
    """One shape and dtype for any number of inputs."""
    dims = values[0].dims
    for v in values[1:]:
        dims = merge(dims, v.dims)
    return dims, values[0].dtype


def whole_numbers(value: Any, what: str) -> list[int]:
    """The numbers of an attribute, given as one of them or a list; DTypeError for tensors, whose value comes later."""
    if any(isinstance(v, Tensor) for v in (value if isinstance(value, (list, tuple)) else [value])):
        raise DTypeError(f"{what} must be numbers, not tensors: {value!r}")
    return [int(v) for v in np.atleast_1d(value)]


def axis_in(axis: int, rank: int, what: str = "axis") -> int:
    """`axis` counted from 0; ShapeError when it is outside [-rank, rank)."""
    if not -rank <= axis < rank:
        raise ShapeError(f"{what} {axis} is out of range for rank {rank}: it must be in [{-rank}, {rank})")
    return axis % rank


def axes_in(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from 0, in order; ShapeError when one is out of range or repeated."""
    result = tuple(sorted(axis_in(int(a), rank) for a in axes))
    if len(set(result)) != len(result):
        raise ShapeError(f"an axis stands twice in {list(axes)}")
    return result


def static_axes(axis: Tensor, rank: int) -> tuple[int, ...] | None:
    """The axes that an index tensor holds, None when they are not known yet."""
    value = static_value(axis)
    return None if value is None else axes_in(value.reshape(-1).tolist(), rank)


def reduced(x: Tensor, axis: Tensor, keepdims: bool = False, **_: Any) -> tuple[Dims, DType]:
    """Shape after a reduction over the axes in the second input."""
    if x.dims is None:
        return None, x.dtype
    axes = static_axes(axis, len(x.dims))
    if axes is None:
        return ((None,) * len(x.dims) if keepdims else None), x.dtype
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(x.dims)), x.dtype
    return tuple(d for i, d in enumerate(x.dims) if i not in axes), x.dtype


def require_rank(x: Tensor, rank: int, what: str) -> tuple[int | None, ...]:
    """The sizes of a tensor that must have this rank; Nones when its rank is unknown."""
    if x.dims is None:
        return (None,) * rank
    if len(x.dims) != rank:
        raise ShapeError(f"{what} must have rank {rank}, and has shape {show(x.dims)}")
    return x.dims
