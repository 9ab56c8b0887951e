"""Cells: lists of items of one shape in memory that grows, for kernels and for Python."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.values import I64, Pointer, Value
from graphflow.dtypes import ListType
from graphflow.errors import ResourceExhaustedError
from graphflow.plan import Buffer
from graphflow.shape import sizes

DATA, COUNT, ROOM = range(3)  # words of a cell: the address of the items, how many there are, bytes that are reserved
_WORDS = 4
NO_MEMORY = 2  # what the first word of the status is then

_C = ctypes.CDLL(None)
_C.realloc.restype, _C.realloc.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t]
_C.free.restype, _C.free.argtypes = None, [ctypes.c_void_p]


class Cells:
    """So many cells; their memory lives as long as this."""

    def __init__(self, n: int) -> None:
        self._words = np.zeros((n, _WORDS), np.int64)

    def __del__(self) -> None:
        for data in self._words[:, DATA].tolist():
            _C.free(data)

    def address(self, i: int) -> int:
        return self._words.ctypes.data + 8 * _WORDS * i

    def value(self, buffer: Buffer) -> np.ndarray:
        """The items, as a copy: an array [n, ...], or as many Nones as long as nothing is written."""
        element, item, _ = layout(buffer)
        data, count, _, _ = self._words[buffer.index].tolist()
        if item is None:
            return np.full(count, None, object)
        out = np.empty((count, *item), element)
        ctypes.memmove(out.ctypes.data, data, out.nbytes)
        return out

    def set(self, buffer: Buffer, value: np.ndarray) -> None:
        """Take these items: a list, or an array [n, ...]."""
        element, item, _ = layout(buffer)
        words = self._words[buffer.index]
        words[COUNT] = len(value)
        if item is None:
            return
        rows = np.zeros((len(value), *item), element)
        for i, row in enumerate(value):
            if row is not None:
                rows[i] = row
        if words[ROOM] < rows.nbytes:
            data = _C.realloc(int(words[DATA]), rows.nbytes)
            if data is None:
                raise ResourceExhaustedError.because(f"there is no memory for a list of {rows.nbytes} bytes")
            words[DATA], words[ROOM] = data, rows.nbytes
        ctypes.memmove(int(words[DATA]), rows.ctypes.data, rows.nbytes)


def layout(buffer: Buffer) -> tuple[Any, tuple[int, ...] | None, int]:
    """(the dtype of the elements, the shape of an item, its bytes); None and 0 as long as no item says so."""
    kind = buffer.dtype
    if isinstance(kind, ListType):
        return kind.element.dtype, kind.item, kind.item_bytes
    item = sizes((buffer.dims or ())[1:])
    return kind.dtype, item, int(np.prod(item, dtype=np.int64)) * kind.size


# -- for kernels -----------------------------------------------------------------------------------------------------
def reserve(code: Code, cell: Pointer, nbytes: Value, status: Pointer) -> Value:
    """Whether the cell has room for so many bytes, after more was asked for where it had not."""
    with code.when(cell.load(ROOM) < nbytes):
        room = code.maximum(nbytes, cell.load(ROOM) * 2)
        data = Value(code, code.intrinsic("realloc", I64, [cell.load(DATA).value, room.value]), "int64")
        with code.either(data != 0) as (got, not_got):
            with got:
                cell.store(DATA, data)
                cell.store(ROOM, room)
            with not_got:
                status.store(0, NO_MEMORY)
    return cell.load(ROOM) >= nbytes


def grow(code: Code, cell: Pointer, count: Value, item: Value, status: Pointer) -> Value:
    """Whether the cell has so many items at least, zeros where there was none."""
    before = cell.load(COUNT)
    fits = reserve(code, cell, count * item, status)
    with code.when(fits & (before < count)):
        clear(code, cell.load(DATA) + before * item, (count - before) * item)
        cell.store(COUNT, count)
    return fits


def move(code: Code, to: Value, source: Value, nbytes: Value) -> None:
    """Copy bytes from one address to another."""
    code.intrinsic("memmove", I64, [to.value, source.value, nbytes.value])


def clear(code: Code, to: Value, nbytes: Value) -> None:
    """Fill bytes with zero."""
    code.intrinsic("memset", I64, [to.value, I64(0), nbytes.value])
