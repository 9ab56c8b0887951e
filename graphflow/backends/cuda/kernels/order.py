"""Sorting rows, and rows that are put or added where indices say, in the order of their places.

Rows are sorted by a bitonic network, a launch for each of its steps: of (value, place) pairs no two are equal, so the
order is stable.  What goes to one place is found side by side after sorting, and one thread combines it in order: every
run gives the same bits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.backends.base import Call
from graphflow.backends.cpu.kernels import order, scatter
from graphflow.backends.cuda.kernels.status import bad_index
from graphflow.backends.cuda.launch import Launch, Pointer, Room, Scratch, call, each_element
from graphflow.backends.cuda.regions import Source
from graphflow.dtypes import as_dtype
from graphflow.operation import Operation, Tensor

_GOOD = np.iinfo(np.int64).max

# A NaN is above all numbers.  Places from n on are padding, which comes last.
_BEFORE = """def before(a, p, b, q, n):
    less = ({a} < {b}) | (({b} != {b}) & ({a} == {a}))
    more = ({b} < {a}) | (({a} != {a}) & ({b} == {b}))
    return ((p < n) & (q >= n)) | (((p < n) == (q < n)) & (less | ((not more) & (p < q))))
"""


@functools.lru_cache(8)
def exchanging(descending: bool) -> str:
    """One step of the network, over pairs in rows of `length`.   (keys, places, count, length, size, stride, n)"""
    text = _BEFORE.format(a="b", b="a") if descending else _BEFORE.format(a="a", b="b")
    return (
        text
        + """def kernel(keys, places, count, length, size, stride, n):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        low = div64(i, stride) * 2 * stride + mod64(i, stride)
        high = low + stride
        up = (mod64(low, length) & size) == 0
        a = keys[low]
        b = keys[high]
        p = int64(places[low])
        q = int64(places[high])
        if before(b, q, a, p, n) == up:
            keys[low] = b
            keys[high] = a
            places[low] = q
            places[high] = p
"""
    )


@functools.lru_cache(16)
def _opening(dtype: str) -> str:
    """Rows of x and their places, filled up to a power of two.   (x, keys, places, count, length, n)"""
    cast = "uint8(x[at])" if dtype == "bool" else "x[at]"
    return f"""def kernel(x, keys, places, count, length, n):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        row = div64(i, length)
        place = i - row * length
        at = row * n + min(place, n - 1)
        keys[i] = {cast}
        places[i] = place
"""


CLOSING = """def kernel(x, sorted_places, values, places, count, length, n, k):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        row = div64(i, k)
        place = sorted_places[row * length + i - row * k]
        places[i] = place
        values[i] = x[row * n + int64(place)]
"""

ONLY_PLACES = """def kernel(sorted_places, places, count, length, k):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        row = div64(i, k)
        places[i] = sorted_places[row * length + i - row * k]
"""


def _length(n: int) -> int:
    return 1 << (n - 1).bit_length()


def sorting(keys: Scratch, places: Scratch, rows: int, n: int, descending: bool) -> list[Launch]:
    """The steps that sort rows of keys, which are filled up to a power of two."""
    length, text, launches = _length(n), exchanging(descending), []
    size = 2
    while size <= length:
        stride = size // 2
        while stride:
            count = rows * length // 2
            numbers = (count, length, size if size < length else 0, stride, n)
            launches.append(each_element(text, (keys, places), numbers, count))
            stride //= 2
        size *= 2
    return launches


def _ordered(shape: Callable[[Operation], Call | None]) -> Callable[[Operation], Call | None]:
    def bind(op: Operation) -> Call | None:
        found = shape(op)
        if found is None:
            return None
        x, values, places = found.pointers
        assert isinstance(x, Tensor)
        n, k, rows, *_ = found.sizes
        spec, length, room = dict(found.function.spec), _length(n), Room()
        dtype = "uint8" if x.dtype.name == "bool" else x.dtype.name
        keys = room.take(dtype, rows * length, as_dtype(dtype).size)
        homes = room.take("int32", rows * length, 4)
        count = rows * length
        first = each_element(_opening(x.dtype.name), (x, keys, homes), (count, length, n), count)
        steps = sorting(keys, homes, rows, n, spec["descending"])
        if spec["valued"]:
            last = each_element(CLOSING, (x, homes, values, places), (rows * k, length, n, k), rows * k)
        else:
            last = each_element(ONLY_PLACES, (homes, places), (rows * k, length, k), rows * k)
        return call([first, *steps, last], room.nbytes)

    return bind


# -- rows that are put or added into rows ------------------------------------------------------------------------------
_COMBINE = {
    "put": "b", "add": "a + b", "sub": "a - b", "mul": "a * b", "div": "a / b",
    "max": "where((a > b) | (a != a), a, b)", "min": "where((a < b) | (a != a), a, b)",
}  # fmt: skip


@functools.lru_cache(64)
def _targets(depth: int, drops: bool) -> str:
    """The row that each update goes to, `rows` for those that are left out, in order to be sorted.

    (indices, keys, places, status, count, length, m, rows, *dims)
    """
    dims = [f"n{d}" for d in range(depth)]
    source = Source(["indices", "keys", "places", "status", "count", "length", "m", "rows", *dims])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add("block = div64(i, length)", "place = i - block * length", "row = int64(0)", "used = place < m")
    source.add("at = block * m + min(place, m - 1)", "bad = int64(0)", "wrong = False")
    for d in range(depth):
        source.add(f"i{d} = int64(indices[at * {depth} + {d}])", f"row = row * n{d} + i{d}")
        outside = f"(i{d} >= n{d})" + ("" if drops else f" | (i{d} < 0)")
        source.add(f"outside = {outside}", f"bad = where(outside & (not wrong), i{d}, bad)", "wrong = wrong | outside")
        if drops:
            source.add(f"used = used & (i{d} >= 0)")
    source.add("keys[i] = where(used & (not wrong), row, rows)", "places[i] = place")
    source.open("if wrong & (place < m):")
    source.add(bad_index("at", "bad"))
    return str(source)


@functools.lru_cache(64)
def _beginning(dtype: str, start: Any) -> str:
    """What elements start from.   (before, out, status, count)"""
    value = "before[i]" if start == "given" else f"{dtype}({start})"
    if dtype == "bool" and start != "given":
        value = str(bool(start))
    source = Source([*(["before"] if start == "given" else []), "out", "count"])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add(f"out[i] = {value}")
    return str(source)


@functools.lru_cache(64)
def _combining(dtype: str, how: str, one: bool) -> str:
    """The first of all updates of a row combines them, in order; nothing is done when an index was out of range.

    (keys, places, updates, out, status, count, outer, m, rows, inner, length)
    """
    made = _COMBINE[how]
    if dtype[0] != "f" and how in ("add", "sub", "mul"):
        made = f"{dtype}({made})"
    update = "updates[0]" if one else "updates[(block * m + int64(places[q])) * inner + j]"
    return f"""def kernel(keys, places, updates, out, status, count, outer, m, rows, inner, length):
    if status[0] != {_GOOD}:
        return
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        at = div64(i, inner)
        j = i - at * inner
        block = div64(at, m)
        first = div64(block, outer) * length
        q = first + at - block * m
        last = first + m
        row = keys[q]
        if row < rows:
            if (q == first) | (keys[max(q - 1, first)] != row):
                a = out[(block * rows + row) * inner + j]
                while q < last and keys[q] == row:
                    b = {update}
                    a = {made}
                    q += 1
                out[(block * rows + row) * inner + j] = a
"""


def _combined(shape: Callable[[Operation], Call | None]) -> Callable[[Operation], Call | None]:
    def bind(op: Operation) -> Call | None:
        found = shape(op)
        if found is None:
            return None
        before, indices, updates, out, _ = found.pointers
        blocks, outer, m, rows, inner, *dims = found.sizes
        spec, dtype = dict(found.function.spec), op.output.dtype.name
        launches: list[Launch] = []
        if spec["start"] != "own":
            text = _beginning(dtype, _plain(spec["start"]))
            given: Sequence[Pointer] = (before,) if spec["start"] == "given" else ()
            launches.append(each_element(text, (*given, out), (blocks * rows * inner,), blocks * rows * inner))
        if not m:
            return call(launches)
        room, length, groups = Room(), _length(m), blocks // outer
        keys = room.take("int64", groups * length, 8)
        places = room.take("int32", groups * length, 4)
        numbers = (groups * length, length, m, rows, *dims)
        pointers = (indices, keys, places, "status")
        launches.append(each_element(_targets(len(dims), spec["drops"]), pointers, numbers, groups * length))
        launches += sorting(keys, places, groups, m, False)
        count = blocks * m * inner
        launches.append(
            each_element(
                _combining(dtype, spec["how"], spec["one"]), (keys, places, updates, out, "status"),
                (count, outer, m, rows, inner, length), count,
            )
        )  # fmt: skip
        return call(launches, room.nbytes, error=found.error)

    return bind


def _plain(start: Any) -> Any:
    return start if isinstance(start, str) else start.item() if isinstance(start, np.generic) else start


KERNELS = {
    "argsort": _ordered(order.argsort),
    "top_k": _ordered(order.top_k),
    "put_along_rows": _combined(order.put_along_rows),
    **{name: _combined(shape) for name, shape in scatter.KERNELS.items()},
}
