"""Lists in cells: reading and writing items.   One thread does it; kernels that change a list find it in its output.

Words are sizes, then pointers.   An index that is not there goes to status, with the size of the list.
"""

from __future__ import annotations

from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.cells import COUNT, DATA, ROOM, clear, grow, move, reserve
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.values import TYPES, Pointer, Value, size_of
from graphflow.dtypes import ListType
from graphflow.operation import Operation, Tensor
from graphflow.shape import elements, known

_PARTS = {"complex64": "float32", "complex128": "float64"}


def _at(code: Code, words: Pointer, i: int, dtype: str = "int64") -> Pointer:
    return code.pointer(words.load(i), dtype)


def _refuse(status: Pointer, index: Value, count: Value) -> None:
    status.store(1, count)
    status.store(2, index)
    status.store(0, 1)


# -- whole lists -----------------------------------------------------------------------------------------------------
def new(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """size, list: so many items, of no shape yet."""
    with code.when(tid == 0):
        _at(code, words, 1).store(COUNT, code.maximum(_at(code, words, 0, "int32").load(0).cast("int64"), 0))


def empty(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """list: no item."""
    with code.when(tid == 0):
        _at(code, words, 0).store(COUNT, code.value(0))


def copy(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """bytes of an item, whether there are items to copy; to, from, status."""
    item, filled = words.load(0), words.load(1)
    to, source, status = (_at(code, words, i) for i in (2, 3, 4))
    with code.when(tid == 0):
        count = source.load(COUNT)
        with code.when(reserve(code, to, count * item, status)):
            with code.either(filled != 0) as (items, blank):
                with items:
                    move(code, to.load(DATA), source.load(DATA), count * item)
                with blank:
                    clear(code, to.load(DATA), count * item)
            to.store(COUNT, count)


def swap(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Two lists change places."""
    a, b = _at(code, words, 0), _at(code, words, 1)
    with code.when(tid == 0):
        for word in (DATA, COUNT, ROOM):
            held = a.load(word)
            a.store(word, b.load(word))
            b.store(word, held)


def size(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """list, its size."""
    with code.when(tid == 0):
        _at(code, words, 1, "int32").store(0, _at(code, words, 0).load(COUNT).cast("int32"))


def stack(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """bytes of an item, rows, whether there are items; list, to: the first items as rows, zeros behind them."""
    item, rows, filled = (words.load(i) for i in range(3))
    cell, to = _at(code, words, 3), words.load(4)
    with code.when(tid == 0):
        n = code.select(filled != 0, code.minimum(cell.load(COUNT), rows), code.value(0)) * item
        move(code, to, cell.load(DATA), n)
        clear(code, to + n, rows * item - n)


def unstack(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """bytes of an item, rows; from, list, status: rows as items."""
    item, rows = words.load(0), words.load(1)
    cell, status = _at(code, words, 3), _at(code, words, 4)
    with code.when(tid == 0), code.when(reserve(code, cell, rows * item, status)):
        move(code, cell.load(DATA), words.load(2), rows * item)
        cell.store(COUNT, rows)


def add(code: Code, words: Pointer, tid: Value, nthreads: Value, *, dtype: str, others: int) -> None:
    """bytes of an item; list, the others, status: item by item the sum."""
    item, cell, status = words.load(0), _at(code, words, 1), _at(code, words, 2 + others)
    with code.when(tid == 0):
        for i in range(others):
            other = _at(code, words, 2 + i)
            with code.when(grow(code, cell, other.load(COUNT), item, status)):
                _sum(code, cell.load(DATA), other.load(DATA), other.load(COUNT) * item, dtype)


def _sum(code: Code, to: Value, source: Value, nbytes: Value, dtype: str) -> None:
    """Add numbers to others."""
    a, b = code.pointer(to, dtype), code.pointer(source, dtype)
    n = nbytes // size_of(dtype)
    whole = n - n % code.lanes
    with code.loop(0, whole, code.lanes) as i:
        a.store(i, a.load(i, code.lanes) + b.load(i, code.lanes))
    with code.loop(whole, n) as i:
        a.store(i, a.load(i) + b.load(i))


# -- items -----------------------------------------------------------------------------------------------------------
def read(code: Code, words: Pointer, tid: Value, nthreads: Value, *, strict: bool) -> None:
    """bytes of an item, indices, whether there are items; list, indices, to, status: items, zeros where none is."""
    item, m, filled = (words.load(i) for i in range(3))
    cell, indices, to, status = _at(code, words, 3), _at(code, words, 4, "int32"), words.load(5), _at(code, words, 6)
    with code.when(tid == 0):
        count = cell.load(COUNT)
        with code.loop(0, m) as k:
            index = indices.load(k).cast("int64")
            inside = (index >= 0) & (index < count)
            with code.either(inside & (filled != 0)) as (found, missing):
                with found:
                    move(code, to + k * item, cell.load(DATA) + index * item, item)
                with missing:
                    clear(code, to + k * item, item)
                    if strict:
                        with code.when(~inside):
                            _refuse(status, index, count)


def write(
    code: Code, words: Pointer, tid: Value, nthreads: Value, *, grows: bool, adds: bool, dtype: str = "float32"
) -> None:
    """bytes of an item, indices; list, indices, rows, status: rows become items, or are added to them."""
    item, m = words.load(0), words.load(1)
    cell, indices, rows, status = _at(code, words, 2), _at(code, words, 3, "int32"), words.load(4), _at(code, words, 5)
    with code.when(tid == 0), code.loop(0, m) as k:
        index, count = indices.load(k).cast("int64"), cell.load(COUNT)
        inside = index >= 0 if grows else (index >= 0) & (index < count)
        with code.either(inside) as (fine, bad):
            with fine, code.when(grow(code, cell, code.maximum(index + 1, count), item, status)):
                place = cell.load(DATA) + index * item
                if adds:
                    _sum(code, place, rows + k * item, item, dtype)
                else:
                    move(code, place, rows + k * item, item)
            with bad:
                _refuse(status, index, count)


def drop(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """bytes of an item, indices; list, indices: zeros."""
    item, m = words.load(0), words.load(1)
    cell, indices = _at(code, words, 2), _at(code, words, 3, "int32")
    with code.when(tid == 0), code.loop(0, m) as k:
        index = indices.load(k).cast("int64")
        with code.when((index >= 0) & (index < cell.load(COUNT))):
            clear(code, cell.load(DATA) + index * item, item)


COPY_LIST, SWAP_LISTS = Emitted(copy, raw=True), Emitted(swap, raw=True)


# -- operations ------------------------------------------------------------------------------------------------------
def _raw(function: Any, **spec: Any) -> Emitted:
    return Emitted(function, tuple(spec.items()), spec.get("dtype", "float32"), raw=True)


def _kind(t: Tensor) -> ListType | None:
    """The type of a list that a cell can hold."""
    kind = t.dtype
    if not isinstance(kind, ListType) or kind.element.dtype.hasobject or kind.item is None and not kind.blank:
        return None
    return kind


def _number(kind: ListType) -> str | None:
    """What the elements are for a sum."""
    name = _PARTS.get(kind.element.name, kind.element.name)
    return name if name in TYPES and name != "bool" else None


def _made(op: Operation, function: Emitted) -> Call | None:
    return None if _kind(op.output) is None else Call(function, (*op.inputs, op.output), ())


def _size(op: Operation) -> Call | None:
    return None if _kind(op.inputs[0]) is None else Call(_raw(size), (op.inputs[0], op.output), ())


def _stack(op: Operation) -> Call | None:
    kind, out = _kind(op.inputs[0]), op.output
    if kind is None or not known(out.dims) or not kind.blank and out.dims[1:] != kind.item:  # type: ignore[index]
        return None
    rows, item = _rows(out)
    return Call(_raw(stack), (op.inputs[0], out), (item, rows, int(not kind.blank)))


def _unstack(op: Operation) -> Call | None:
    kind, value = _kind(op.output), op.inputs[0]
    if kind is None or not known(value.dims):
        return None
    rows, item = _rows(value)
    return Call(_raw(unstack), (value, op.output, "status"), (item, rows))


def _rows(t: Tensor) -> tuple[int, int]:
    """(how many, bytes of each)."""
    dims = t.dims or (0,)
    return elements(dims[:1]), elements(dims[1:]) * t.dtype.size


def _read(op: Operation, strict: bool) -> Call | None:
    kind, out = _kind(op.inputs[0]), op.output
    if kind is None or not known(out.dims):
        return None
    indices = op.inputs[1]
    item = out.dims if indices.dims == () else out.dims[1:]  # type: ignore[index]
    if not known(indices.dims) or not kind.blank and item != kind.item:
        return None
    numbers = elements(item) * out.dtype.size, elements(indices.dims), int(not kind.blank)
    error = "cannot read index {value} of a TensorArray of size {position}"
    return Call(_raw(read, strict=strict), (op.inputs[0], indices, out, "status"), numbers, error=error)


def _write(op: Operation, adds: bool) -> Call | None:
    kind, (_, indices, rows) = _kind(op.output), op.inputs
    if kind is None or kind.blank or not known(indices.dims) or not known(rows.dims):
        return None
    number = _number(kind) if adds else "float32"
    if number is None or indices.dims != () and indices.dims != rows.dims[:1]:  # type: ignore[index]
        return None
    spec: dict[str, Any] = {"grows": adds or op.attrs["grows"], "adds": adds} | ({"dtype": number} if adds else {})
    error = "cannot write to index {value} of a TensorArray of size {position}"
    pointers = (op.output, indices, rows, "status")
    return Call(_raw(write, **spec), pointers, (kind.item_bytes, elements(indices.dims)), error=error, over=0)


def _drop(op: Operation) -> Call | None:
    kind, indices = _kind(op.output), op.inputs[1]
    if kind is None or not known(indices.dims):
        return None
    numbers = kind.item_bytes, 0 if kind.blank else elements(indices.dims)
    return Call(_raw(drop), (op.output, indices), numbers, over=0)


def _add(op: Operation) -> Call | None:
    kind, others = _kind(op.output), [_kind(t) for t in op.inputs[1:]]
    number = None if kind is None else _number(kind)
    if kind is None or number is None or None in others or any(k.blank and not kind.blank for k in others if k):
        return None
    function = _raw(add, dtype=number, others=len(others))
    return Call(function, (op.output, *op.inputs[1:], "status"), (kind.item_bytes,), over=0)


KERNELS = {
    "list_new": lambda op: _made(op, _raw(new)),
    "list_empty": lambda op: _made(op, _raw(empty)),
    "list_size": _size,
    "list_stack": _stack,
    "list_unstack": _unstack,
    "list_read": lambda op: _read(op, strict=True),
    "list_read_or_zeros": lambda op: _read(op, strict=False),
    "list_gather": lambda op: _read(op, strict=op.type == "TensorArrayGatherV3"),
    "list_write": lambda op: _write(op, adds=False),
    "list_scatter": lambda op: _write(op, adds=False),
    "list_add_item": lambda op: _write(op, adds=True),
    "list_add_items": lambda op: _write(op, adds=True),
    "list_drop": _drop,
    "list_add": _add,
}
