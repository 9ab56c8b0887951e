"""Lists of arrays as values: what a TensorArray holds, and what a loop keeps of its iterations for its gradient.

A value is an object array [n] of arrays, None for an item that nothing was written to.  In a gradient None is zero.
Lists are never changed: an op that writes gives a new one, which shares the other arrays.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType, ListType, list_of
from graphflow.errors import DTypeError, InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.shape import Dims, sizes


def _element(t: Tensor) -> DType:
    if not isinstance(t.dtype, ListType):
        raise DTypeError(f"{t!r} is not the flow of a TensorArray")
    return t.dtype.element


def _empty(n: int) -> np.ndarray:
    return np.full(max(n, 0), None, object)


def as_list(arrays: Sequence[Any]) -> np.ndarray:
    """The value that holds these arrays."""
    out = np.empty(len(arrays), object)
    for i, array in enumerate(arrays):
        out[i] = array
    return out


def _index(items: np.ndarray, index: Any, what: str) -> int:
    i = int(index)
    if not 0 <= i < len(items):
        raise InvalidArgumentError.because(f"cannot {what} index {i} of a TensorArray of size {len(items)}")
    return i


# -- making ----------------------------------------------------------------------------------------------------------
LIST = define(
    "TensorArrayV3", "size:int32",
    infer=lambda size, dtype: ((None,), list_of(dtype)),
    reference=lambda size, dtype: _empty(int(size)),
    vjp=NO_GRADIENT,
)  # fmt: skip

EMPTY_LIKE = define(
    "ListEmptyLike", "list",
    infer=lambda list: (list.dims, list.dtype),
    reference=lambda list: _empty(len(list)) if list.dtype == object else np.zeros_like(list),
    vjp=NO_GRADIENT,
)  # fmt: skip


def _added(*lists: np.ndarray) -> np.ndarray:
    if all(each.dtype != object for each in lists):
        return np.sum(lists, 0, lists[0].dtype)
    size = max(len(each) for each in lists)
    out = _empty(size)
    for each in lists:
        for i, item in enumerate(each):
            if item is not None:
                out[i] = item if out[i] is None else out[i] + item
    return out


LISTS_ADDED = define(
    "ListAddN", "*lists",
    infer=lambda *lists: next(((t.dims, t.dtype) for t in lists if isinstance(t.dtype, ListType)),
                              (lists[0].dims, lists[0].dtype)),  # a list whose items have one shape may be an array
    reference=_added,
    vjp=lambda op, dy: [dy] * len(op.inputs),
)  # fmt: skip


def empty_like(list: Tensor) -> Tensor:
    """As many items, none of them written."""
    return EMPTY_LIKE(list)


def lists_added(lists: Sequence[Tensor]) -> Tensor:
    """Item by item the sum."""
    return LISTS_ADDED(*lists)


# -- one item --------------------------------------------------------------------------------------------------------
def _read(list: np.ndarray, index: np.ndarray, dims: Dims) -> np.ndarray:
    item = list[_index(list, index, "read")]
    if item is None:
        if dims is None or None in dims:
            raise InvalidArgumentError.because(f"cannot read index {int(index)} of a TensorArray: nothing was written")
        return np.zeros(sizes(dims))
    return item


def _read_vjp(op: Operation, dy: Tensor) -> list:
    array, index = op.inputs
    return [WRITE(empty_like(array), index, dy, grows=False), None]


READ_ITEM: OpDef = define(
    "TensorArrayReadV3", "list:L index:int32",
    infer=lambda list, index, dims: (dims, _element(list)),
    reference=_read,
    vjp=_read_vjp,
)  # fmt: skip


def _read_or_zeros(list: np.ndarray, index: np.ndarray, like: np.ndarray) -> np.ndarray:
    i = int(index)
    item = list[i] if i < len(list) else None
    return np.zeros_like(like) if item is None else item


READ_OR_ZEROS: OpDef = define(
    "ListReadOrZeros", "list:L index:int32 like",
    infer=lambda list, index, like: (like.dims, _element(list)),
    reference=_read_or_zeros,
    vjp=lambda op, dy: [WRITE(empty_like(op.inputs[0]), op.inputs[1], dy, grows=True), None, None],
)  # fmt: skip


def _write(list: np.ndarray, index: np.ndarray, value: np.ndarray, grows: bool) -> np.ndarray:
    i = int(index)
    if grows and i >= len(list):
        out = _empty(i + 1)
        out[: len(list)] = list
    else:
        i, out = _index(list, index, "write to"), list.copy()
    out[i] = value.copy()
    return out


def _write_vjp(op: Operation, dy: Tensor) -> list:
    array, index, value = op.inputs
    return [DROPPED(dy, index, array), None, READ_OR_ZEROS(dy, index, value)]


WRITE: OpDef = define(
    "TensorArrayWriteV3", "list:L index:int32 value",
    infer=lambda list, index, value, grows: ((None,) if grows else list.dims, list_of(_element(list))),
    reference=_write,
    vjp=_write_vjp,
)  # fmt: skip


def _dropped(list: np.ndarray, index: np.ndarray, like: np.ndarray) -> np.ndarray:
    out = _empty(len(like))
    n = min(len(like), len(list))
    out[:n] = list[:n]
    if int(index) < n:
        out[int(index)] = None
    return out


DROPPED: OpDef = define(
    "ListDrop", "list index:int32 like",
    infer=lambda list, index, like: (like.dims, list_of(_element(list))),
    reference=_dropped,
    vjp=lambda op, dy: [DROPPED(dy, op.inputs[1], op.inputs[0]), None, None],
)  # fmt: skip


def _size_type(list: Tensor) -> tuple[Dims, DType]:
    _element(list)
    return (), dtypes.int32


SIZE = define(
    "TensorArraySizeV3", "list:L",
    infer=_size_type,
    reference=lambda list: len(list),
    vjp=NO_GRADIENT,
)  # fmt: skip


# -- many items ------------------------------------------------------------------------------------------------------
def _filled(list: np.ndarray, indices: Sequence[int], dims: Dims, what: str) -> list[np.ndarray]:
    found = [list[_index(list, i, what)] for i in indices]
    missing = [i for i, item in zip(indices, found, strict=True) if item is None]
    if missing:
        shape = next((item.shape for item in list if item is not None), dims)
        if shape is None or None in shape:
            raise InvalidArgumentError.because(
                f"cannot {what} index {missing[0]} of a TensorArray: nothing was written"
            )
        found = [np.zeros(sizes(shape)) if item is None else item for item in found]
    return found


def _stacked(items: Sequence[np.ndarray], dims: Dims) -> np.ndarray:
    if not items:
        return np.zeros((0, *[d or 0 for d in dims or ()]))
    if any(item.shape != items[0].shape for item in items):
        shapes = sorted({item.shape for item in items})
        raise InvalidArgumentError.because(f"the items of a TensorArray have several shapes: {shapes}")
    return np.stack(items)


GATHER: OpDef = define(
    "TensorArrayGatherV3", "list:L indices:int32",
    infer=lambda list, indices, dims: (
        None if dims is None or indices.dims is None else (*indices.dims, *dims), _element(list)
    ),
    reference=lambda list, indices, dims: _stacked(_filled(list, indices.tolist(), dims, "gather"), dims),
    vjp=lambda op, dy: [SCATTER(empty_like(op.inputs[0]), op.inputs[1], dy, grows=True), None],
)  # fmt: skip

STACK: OpDef = define(
    "TensorArrayStackV3", "list:L",
    infer=lambda list, dims: (None if dims is None else (list.dims[0], *dims), _element(list)),
    reference=lambda list, dims: _stacked(_filled(list, range(len(list)), dims, "gather"), dims),
    vjp=lambda op, dy: [UNSTACK(dy)],
)  # fmt: skip

UNSTACK: OpDef = define(
    "TensorArrayUnstackV3", "value",
    infer=lambda value: ((value.dims[0] if value.dims else None,), list_of(value.dtype)),
    reference=lambda value: as_list([np.ascontiguousarray(v) if v.ndim else np.asarray(v) for v in _rows(value)]),
    vjp=lambda op, dy: [STACK_LIKE(dy, op.inputs[0])],
)  # fmt: skip


def _rows(value: np.ndarray) -> list[np.ndarray]:
    return [value[i : i + 1].reshape(value.shape[1:]) for i in range(len(value))]


def _stack_like(list: np.ndarray, like: np.ndarray) -> np.ndarray:
    out = np.zeros_like(like)
    for i, item in enumerate(list[: len(like)]):
        if item is not None:
            out[i] = item
    return out


STACK_LIKE: OpDef = define(
    "ListStackLike", "list:L like",
    infer=lambda list, like: (like.dims, _element(list)),
    reference=_stack_like,
    vjp=lambda op, dy: [UNSTACK(dy), None],
)  # fmt: skip


def _scattered(list: np.ndarray, indices: np.ndarray, value: np.ndarray, grows: bool) -> np.ndarray:
    if len(indices) != len(value):
        raise InvalidArgumentError.because(f"there are {len(indices)} indices for {len(value)} rows")
    for i, row in zip(indices, _rows(value), strict=True):
        list = _write(list, i, row, grows)
    return list


def _scatter_vjp(op: Operation, dy: Tensor) -> list:
    array, indices, value = op.inputs
    return [DROPPED_ALL(dy, indices, array), None, GATHER_LIKE(dy, indices, value)]


SCATTER: OpDef = define(
    "TensorArrayScatterV3", "list:L indices:int32 value",
    infer=lambda list, indices, value, grows: ((None,) if grows else list.dims, list.dtype),
    reference=_scattered,
    vjp=_scatter_vjp,
)  # fmt: skip


def _dropped_all(list: np.ndarray, indices: np.ndarray, like: np.ndarray) -> np.ndarray:
    for i in indices:
        list = _dropped(list, i, like)
    return list if len(indices) else _dropped(list, np.array(len(list)), like)


DROPPED_ALL: OpDef = define(
    "ListDropAll", "list indices:int32 like",
    infer=lambda list, indices, like: (like.dims, list_of(_element(list))),
    reference=_dropped_all,
    vjp=lambda op, dy: [DROPPED_ALL(dy, op.inputs[1], op.inputs[0]), None, None],
)  # fmt: skip


def _gather_like(list: np.ndarray, indices: np.ndarray, like: np.ndarray) -> np.ndarray:
    out = np.zeros_like(like)
    for row, i in enumerate(indices.tolist()):
        if i < len(list) and list[i] is not None:
            out[row] = list[i]
    return out


GATHER_LIKE: OpDef = define(
    "ListGatherLike", "list:L indices:int32 like",
    infer=lambda list, indices, like: (like.dims, _element(list)),
    reference=_gather_like,
    vjp=lambda op, dy: [SCATTER(empty_like(op.inputs[0]), op.inputs[1], dy, grows=True), None, None],
)  # fmt: skip


# -- items of different lengths --------------------------------------------------------------------------------------
def _concatenated(list: np.ndarray, dims: Dims) -> np.ndarray:
    items = _filled(list, range(len(list)), dims, "concat")
    if not items:
        return np.zeros((0, *[d or 0 for d in (dims or ())[1:]]))
    if any(item.ndim == 0 or item.shape[1:] != items[0].shape[1:] for item in items):
        shapes = [item.shape for item in items]
        raise InvalidArgumentError.because(f"the items of a TensorArray cannot be joined along axis 0: {shapes}")
    return np.concatenate(items)


CONCAT: OpDef = define(
    "TensorArrayConcatV3", "list:L",
    infer=lambda list, dims: (None if not dims else (None, *dims[1:]), _element(list)),
    reference=_concatenated,
    vjp=lambda op, dy: [SPLIT_LIKE(dy, op.inputs[0])],
)  # fmt: skip


def _pieces(value: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    ends = np.cumsum([0, *lengths])
    if value.ndim == 0 or ends[-1] != len(value):
        raise InvalidArgumentError.because(f"the lengths {list(lengths)} do not add up to {value.shape[:1]} rows")
    return as_list([value[a:b].copy() for a, b in itertools.pairwise(ends)])


SPLIT_LIKE: OpDef = define(
    "ListSplitLike", "value like:L",
    infer=lambda value, like: (like.dims, like.dtype),
    reference=lambda value, like: _pieces(value, [len(item) for item in like]),
    vjp=lambda op, dy: [CONCAT(dy, dims=op.inputs[0].dims), None],
)  # fmt: skip

SPLIT: OpDef = define(
    "TensorArraySplitV3", "value lengths:I",
    infer=lambda value, lengths: ((lengths.dims[0] if lengths.dims else None,), list_of(value.dtype)),
    reference=lambda value, lengths: _pieces(value, lengths.tolist()),
    vjp=lambda op, dy: [CONCAT(dy, dims=op.inputs[0].dims), None],
)  # fmt: skip
