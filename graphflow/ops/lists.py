"""Lists of arrays as values: what a TensorArray holds, and what a loop keeps of its iterations for its gradient.

A value is an object array [n] of arrays, None for an item that nothing was written to.  Where all items have one shape
it may also be an array [n, ...], in which such items are zeros.  In a gradient None is zero, and so is what lies behind
the end of a list: the gradient of a list may be shorter or longer than it.
Lists are never changed: an op that writes gives a new one.  Kernels write in place where nobody needs the old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType, list_of
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.list_types import added_type, item_of, kind_of, written
from graphflow.ops.lowering import Kernel
from graphflow.ops.shape_ops import shape as shape_of
from graphflow.ops.static import static_dims, static_value
from graphflow.shape import Dims, sizes


def typed(op: Operation, inputs: tuple[Tensor, ...]) -> Operation | None:
    """The operation over these inputs, in a program whose shapes are known, with all that is known of the list that it
    begins; None for operations that begin none.   A graph knows no items, so that types in it are compared easily.
    """
    if op.definition not in (LIST, EMPTY, UNSTACK):
        return None
    attrs = {**op.attrs, "typed": True}
    made = op.definition.outputs(inputs, attrs, op.name, op.site)
    return Operation(
        op.definition, op.name, inputs, attrs, made, op.control_inputs, op.graph, op.id, op.site, op.device, op.frame
    )


def _new_type(size: Tensor, dtype: DType, typed: bool = False) -> tuple[Dims, DType]:
    n = static_value(size) if typed else None
    return (None if n is None else max(int(n), 0),), list_of(dtype, blank=typed)


def _unstacked_type(value: Tensor, typed: bool = False) -> tuple[Dims, DType]:
    dims = value.dims
    return (dims[0] if dims else None,), list_of(value.dtype, sizes(dims[1:]) if typed and dims else None)


# -- values ----------------------------------------------------------------------------------------------------------
def _empty(n: int) -> np.ndarray:
    return np.full(max(n, 0), None, object)


def as_list(arrays: Sequence[Any]) -> np.ndarray:
    """The value that holds these arrays."""
    out = np.empty(len(arrays), object)
    for i, array in enumerate(arrays):
        out[i] = array
    return out


def as_items(list: np.ndarray) -> np.ndarray:
    """The value as an object array."""
    return list if list.dtype == object else as_list(_rows(list))


def _rows(value: np.ndarray) -> list[np.ndarray]:
    return [value[i : i + 1].reshape(value.shape[1:]) for i in range(len(value))]


def _index(items: np.ndarray, index: Any, what: str) -> int:
    i = int(index)
    if not 0 <= i < len(items):
        raise InvalidArgumentError.because(f"cannot {what} index {i} of a TensorArray of size {len(items)}")
    return i


# -- making ----------------------------------------------------------------------------------------------------------
LIST: OpDef = define(
    "TensorArrayV3", "size:int32",
    infer=_new_type,
    reference=lambda size, dtype, typed=False: _empty(int(size)),
    vjp=NO_GRADIENT,
    lowering=Kernel("list_new"),
)  # fmt: skip

EMPTY: OpDef = define(
    "ListEmpty", "",
    infer=lambda dtype, typed=False: ((0 if typed else None,), list_of(dtype, blank=typed)),
    reference=lambda dtype, typed=False: _empty(0),
    vjp=lambda op, dy: [],
    lowering=Kernel("list_empty"),
)  # fmt: skip


def empty_like(list: Tensor) -> Tensor:
    """A list of such items that has none."""
    return EMPTY(dtype=kind_of(list).element)


def _added(*lists: np.ndarray) -> np.ndarray:
    out = _empty(max(len(each) for each in lists))
    for each in lists:
        for i, item in enumerate(as_items(each)):
            if item is not None:
                out[i] = item if out[i] is None else out[i] + item
    return out


LISTS_ADDED = define(
    "ListAddN", "*lists",
    infer=added_type,
    reference=_added,
    vjp=lambda op, dy: [dy] * len(op.inputs),
    lowering=Kernel("list_add"),
)  # fmt: skip


def lists_added(lists: Sequence[Tensor]) -> Tensor:
    """Item by item the sum.   Lists with one item are added to it, without a look at the others."""
    alone = [t for t in lists if t.op.definition is WRITE and t.op.inputs[0].op.definition is EMPTY]
    others = [t for t in lists if t not in alone] or [alone.pop(0)]
    total = others[0] if len(others) == 1 else LISTS_ADDED(*others)
    for t in alone:
        total = ADD_ITEM(total, *t.op.inputs[1:])
    return total


# -- one item --------------------------------------------------------------------------------------------------------
def _read(list: np.ndarray, index: np.ndarray, dims: Dims) -> np.ndarray:
    item = as_items(list)[_index(list, index, "read")]
    if item is None:
        if dims is None or None in dims:
            raise InvalidArgumentError.because(f"cannot read index {int(index)} of a TensorArray: nothing was written")
        return np.zeros(sizes(dims))
    return item


READ_ITEM: OpDef = define(
    "TensorArrayReadV3", "list:L index:int32",
    infer=lambda list, index, dims: (item_of(list, dims), kind_of(list).element),
    reference=_read,
    vjp=lambda op, dy: [WRITE(empty_like(op.inputs[0]), op.inputs[1], dy, grows=True), None],
    lowering=Kernel("list_read"),
)  # fmt: skip


def read_or_zeros(list: np.ndarray, index: Any, shape: Any) -> np.ndarray:
    i = int(index)
    item = as_items(list)[i] if i < len(list) else None
    return np.zeros(shape) if item is None else item


READ_OR_ZEROS: OpDef = define(
    "ListReadOrZeros", "list:L index:int32 shape:int32",
    infer=lambda list, index, shape: (item_of(list, static_dims(shape)), kind_of(list).element),
    reference=read_or_zeros,
    vjp=lambda op, dy: [WRITE(empty_like(op.inputs[0]), op.inputs[1], dy, grows=True), None, None],
    lowering=Kernel("list_read_or_zeros"),
)  # fmt: skip


def _write(list: np.ndarray, index: np.ndarray, value: np.ndarray, grows: bool) -> np.ndarray:
    i, items = int(index), as_items(list)
    if grows and i >= len(items):
        out = _empty(i + 1)
        out[: len(items)] = items
    else:
        i, out = _index(items, index, "write to"), items.copy()
    out[i] = value.copy()
    return out


def _write_vjp(op: Operation, dy: Tensor) -> list:
    _, index, value = op.inputs
    read = READ_OR_ZEROS(dy, index, shape_of(value))  # first, so that nobody needs dy when the item is dropped
    return [DROPPED(dy, index), None, read]


WRITE: OpDef = define(
    "TensorArrayWriteV3", "list:L index:int32 value",
    infer=lambda list, index, value, grows: ((None,) if grows else list.dims, written(list, value.dims)),
    reference=_write,
    vjp=_write_vjp,
    lowering=Kernel("list_write"),
)  # fmt: skip


def _add_item(list: np.ndarray, index: np.ndarray, value: np.ndarray) -> np.ndarray:
    old = as_items(list)[int(index)] if int(index) < len(list) else None
    return _write(list, index, value if old is None else old + value, grows=True)


ADD_ITEM: OpDef = define(
    "ListAddItem", "list:L index:int32 value",
    infer=lambda list, index, value: ((None,), written(list, value.dims)),
    reference=_add_item,
    vjp=lambda op, dy: [dy, None, READ_OR_ZEROS(dy, op.inputs[1], shape_of(op.inputs[2]))],
    lowering=Kernel("list_add_item"),
)  # fmt: skip


def _dropped(list: np.ndarray, indices: np.ndarray) -> np.ndarray:
    out = as_items(list).copy()
    for i in indices.reshape(-1).tolist():
        if i < len(out):
            out[i] = None
    return out


DROPPED: OpDef = define(
    "ListDrop", "list:L indices:int32",
    infer=lambda list, indices: (list.dims, list.dtype),
    reference=_dropped,
    vjp=lambda op, dy: [DROPPED(dy, op.inputs[1]), None],
    lowering=Kernel("list_drop"),
)  # fmt: skip


def _resized(list: np.ndarray, size: np.ndarray) -> np.ndarray:
    out = _empty(int(size))
    n = min(len(list), len(out))
    out[:n] = as_items(list)[:n]
    return out


RESIZE: OpDef = define(
    "ListResize", "list:L size:int32",
    infer=lambda list, size: ((None,), list.dtype),
    reference=_resized,
    vjp=lambda op, dy: [dy, None],
)  # fmt: skip

SIZE = define(
    "TensorArraySizeV3", "list:L",
    infer=lambda list: ((), dtypes.int32) if kind_of(list) else None,
    reference=lambda list: len(list),
    vjp=NO_GRADIENT,
    lowering=Kernel("list_size"),
)  # fmt: skip


# -- many items ------------------------------------------------------------------------------------------------------
def filled(list: np.ndarray, indices: Sequence[int], dims: Dims, what: str) -> list[np.ndarray]:
    items = as_items(list)
    found = [items[_index(items, i, what)] for i in indices]
    missing = [i for i, item in zip(indices, found, strict=True) if item is None]
    if missing:
        shape = next((item.shape for item in items if item is not None), dims)
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


def _stack(list: np.ndarray, dims: Dims) -> np.ndarray:
    if list.dtype != object:
        return list
    return _stacked(filled(list, range(len(list)), dims, "gather"), dims)


GATHER: OpDef = define(
    "TensorArrayGatherV3", "list:L indices:int32",
    infer=lambda list, indices, dims: (
        None if (item := item_of(list, dims)) is None or indices.dims is None else (*indices.dims, *item),
        kind_of(list).element,
    ),
    reference=lambda list, indices, dims: _stacked(filled(list, indices.tolist(), dims, "gather"), dims),
    vjp=lambda op, dy: [ADD_ITEMS(empty_like(op.inputs[0]), op.inputs[1], dy), None],
    lowering=Kernel("list_gather"),
)  # fmt: skip

STACK: OpDef = define(
    "TensorArrayStackV3", "list:L",
    infer=lambda list, dims: (
        None if (item := item_of(list, dims)) is None else (list.dims[0], *item), kind_of(list).element
    ),
    reference=_stack,
    vjp=lambda op, dy: [UNSTACK(dy)],
    lowering=Kernel("list_stack"),
)  # fmt: skip

UNSTACK: OpDef = define(
    "TensorArrayUnstackV3", "value",
    infer=_unstacked_type,
    reference=lambda value, typed=False: as_list(_rows(value)),
    vjp=lambda op, dy: [STACK_LIKE(dy, shape_of(op.inputs[0]))],
    lowering=Kernel("list_unstack"),
)  # fmt: skip


def _stack_like(list: np.ndarray, shape: np.ndarray) -> np.ndarray:
    items = as_items(list)[: shape[0]]
    out = np.zeros(shape, next((item.dtype for item in items if item is not None), None))
    for i, item in enumerate(items):
        if item is not None:
            out[i] = item
    return out


STACK_LIKE: OpDef = define(
    "ListStackLike", "list:L shape:int32",
    infer=lambda list, shape: (static_dims(shape), kind_of(list).element),
    reference=_stack_like,
    vjp=lambda op, dy: [UNSTACK(dy), None],
    lowering=Kernel("list_stack"),
)  # fmt: skip


def _scattered(list: np.ndarray, indices: np.ndarray, value: np.ndarray, grows: bool) -> np.ndarray:
    if len(indices) != len(value):
        raise InvalidArgumentError.because(f"there are {len(indices)} indices for {len(value)} rows")
    for i, row in zip(indices, _rows(value), strict=True):
        list = _write(list, i, row, grows)
    return list


def _scatter_vjp(op: Operation, dy: Tensor) -> list:
    _, indices, value = op.inputs
    rows = GATHER_LIKE(dy, indices, shape_of(value))
    return [DROPPED(dy, indices), None, rows]


SCATTER: OpDef = define(
    "TensorArrayScatterV3", "list:L indices:int32 value",
    infer=lambda list, indices, value, grows: (
        (None,) if grows else list.dims, written(list, None if value.dims is None else value.dims[1:])
    ),
    reference=_scattered,
    vjp=_scatter_vjp,
    lowering=Kernel("list_scatter"),
)  # fmt: skip


def _add_items(list: np.ndarray, indices: np.ndarray, value: np.ndarray) -> np.ndarray:
    for i, row in zip(indices, _rows(value), strict=True):
        list = _add_item(list, i, row)
    return list


ADD_ITEMS: OpDef = define(
    "ListAddItems", "list:L indices:int32 value",
    infer=lambda list, indices, value: ((None,), written(list, None if value.dims is None else value.dims[1:])),
    reference=_add_items,
    vjp=lambda op, dy: [dy, None, GATHER_LIKE(dy, op.inputs[1], shape_of(op.inputs[2]))],
    lowering=Kernel("list_add_items"),
)  # fmt: skip


def _gather_like(list: np.ndarray, indices: np.ndarray, shape: np.ndarray) -> np.ndarray:
    items = [read_or_zeros(list, i, shape[1:]) for i in indices]
    return np.stack(items) if items else np.zeros(shape)


GATHER_LIKE: OpDef = define(
    "ListGatherLike", "list:L indices:int32 shape:int32",
    infer=lambda list, indices, shape: (static_dims(shape), kind_of(list).element),
    reference=_gather_like,
    vjp=lambda op, dy: [ADD_ITEMS(empty_like(op.inputs[0]), op.inputs[1], dy), None, None],
    lowering=Kernel("list_gather"),
)  # fmt: skip
