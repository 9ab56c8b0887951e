"""Copies between layouts: transpose, slices, reverse, tile, padding, and tensors side by side in one.

Shapes become loops and strides as they do for the CPU; here every element has a thread.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence

from graphflow.backends.base import Call
from graphflow.backends.cpu.kernels import join, move, pad
from graphflow.backends.cuda.kernels.status import bad_index
from graphflow.backends.cuda.launch import Launch, blocks_for, call, division, each_element
from graphflow.backends.cuda.regions import Source
from graphflow.operation import Operation, Tensor
from graphflow.shape import sizes

Loop = tuple[int, int, int]  # size, stride in x, stride in y
_TOGETHER = 32  # pieces, at most, of a launch
_MOVING = 5  # numbers of an entry of begin: which, stride, low, high, what a negative one counts from


@functools.lru_cache(256)
def copying(loops: int, moving: int, bits: str, into: bool) -> str:
    """y[y_start + ...] = x[x_start + ...] over loops; entries of begin may say more about where to start in x, or in y.

    (x, begin and status if there are moving entries, y, x_start, y_start, count, *loops, *moving entries)
    """
    names = [f"{c}{d}" for d in range(loops) for c in ("n", "s", "q")]
    entries = [f"{c}{e}" for e in range(moving) for c in ("entry", "stride", "low", "high", "wrap")]
    source = Source(
        ["x", *(["begin", "y", "status"] if moving else ["y"]), "x_start", "y_start", "count", *names, *entries]
    )
    for e in range(moving):
        source.add(f"at{e} = int64(begin[entry{e}])")
        source.open(f"if (at{e} < low{e}) | (at{e} >= high{e}):")
        source.add(bad_index(f"entry{e}", f"at{e}"), "return")
        source.close()
        start = "y_start" if into else "x_start"
        source.add(f"{start} = {start} + stride{e} * where(at{e} < 0, at{e} + wrap{e}, at{e})")
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add("r = i", "a = x_start", "b = y_start")
    for d in reversed(range(loops)):
        if d:
            source.add(f"c = mod{bits}(r, n{d})", f"r = div{bits}(r, n{d})")
        else:
            source.add("c = r")
        source.add(f"a = a + c * s{d}", f"b = b + c * q{d}")
    source.add("y[b] = x[a]")
    return str(source)


def _loops(numbers: Sequence[int]) -> list[Loop]:
    """Loops of more than one step, so that neighbouring threads write neighbours."""
    found = [tuple(numbers[i : i + 3]) for i in range(0, len(numbers), 3)]
    return sorted([(n, s, q) for n, s, q in found if n != 1], key=lambda loop: -abs(loop[2]))


def _copy(
    x: Tensor, y: Tensor, starts: tuple[int, int], loops: Sequence[Loop], begin: Tensor | None = None,
    entries: Sequence[int] = (), into: bool = False,
) -> Launch:  # fmt: skip
    count = math.prod(n for n, _, _ in loops)
    text = copying(len(loops), len(entries) // _MOVING, division(count), into)
    pointers = (x, y) if begin is None else (x, begin, y, "status")
    return each_element(text, pointers, (*starts, count, *move.flat(loops), *entries), count)


def _moved(shape: Callable[[Operation], Call | None]) -> Callable[[Operation], Call | None]:
    """The copy that has the shape of the CPU's."""

    def bind(op: Operation) -> Call | None:
        found = shape(op)
        if found is None:
            return None
        x, y = op.inputs[0], op.output
        numbers = list(found.sizes[:-2])  # the last two are the CPU's tiles
        if found.function is move.copy:
            start, *loops = numbers
            return call([_copy(x, y, (start, 0), _loops(loops))])
        loops = numbers[-3 * move.LOOPS :]
        start, *entries = numbers[: -3 * move.LOOPS]
        return call([_copy(x, y, (start, 0), _loops(loops), op.inputs[1], _used(entries))], error=found.error)

    return bind


def _used(entries: Sequence[int]) -> list[int]:
    """The numbers of moving entries without those that move nothing."""
    used = [e for e in range(0, len(entries), _MOVING) if entries[e + 3] != 2**62]
    return [n for e in used for n in entries[e : e + _MOVING]]


# -- padding -----------------------------------------------------------------------------------------------------------
@functools.lru_cache(64)
def filling(dtype: str, given: bool) -> str:
    """y = one number: that of a tensor, or zero.   ([value,] y, count)"""
    source = Source([*(["value"] if given else []), "y", "count"])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add("y[i] = value[0]" if given else f"y[i] = {'False' if dtype == 'bool' else f'{dtype}(0)'}")
    return str(source)


def _padded(shape: Callable[[Operation], Call | None]) -> Callable[[Operation], Call | None]:
    """The value everywhere, and then x in its place."""

    def bind(op: Operation) -> Call | None:
        found = shape(op)
        if found is None:
            return None
        moves = "status" in found.pointers
        x, *value, y = (*found.pointers[:2],) if moves else found.pointers
        begin = found.pointers[2] if moves else None
        assert isinstance(x, Tensor) and isinstance(y, Tensor) and (begin is None or isinstance(begin, Tensor))
        x_start, y_start, size, *numbers = found.sizes
        loops, entries = _loops(numbers[: 3 * move.LOOPS]), _used(numbers[3 * move.LOOPS :])
        launches = [each_element(filling(y.dtype.name, bool(value)), (*value, y), (size,), size)]
        if math.prod(sizes(x.dims)):
            launches.append(_copy(x, y, (x_start, y_start), loops, begin, entries, into=True))
        return call(launches, error=found.error)

    return bind


MIRROR = """def kernel(x, y, count, n0, o0, b0, n1, o1, b1, n2, o2, b2, n3, o3, b3, inner, edge):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        k = mod64(i, inner)
        r = div64(i, inner)
        j3 = mod64(r, o3) - b3
        r = div64(r, o3)
        j2 = mod64(r, o2) - b2
        r = div64(r, o2)
        j1 = mod64(r, o1) - b1
        j0 = div64(r, o1) - b0
        j0 = where(j0 < 0, -j0 - edge, where(j0 >= n0, 2 * n0 - 2 + edge - j0, j0))
        j1 = where(j1 < 0, -j1 - edge, where(j1 >= n1, 2 * n1 - 2 + edge - j1, j1))
        j2 = where(j2 < 0, -j2 - edge, where(j2 >= n2, 2 * n2 - 2 + edge - j2, j2))
        j3 = where(j3 < 0, -j3 - edge, where(j3 >= n3, 2 * n3 - 2 + edge - j3, j3))
        y[i] = x[(((j0 * n1 + j1) * n2 + j2) * n3 + j3) * inner + k]
"""


def mirror_pad(op: Operation) -> Call | None:
    found = pad.mirror_pad(op)
    if found is None:
        return None
    count = math.prod(sizes(op.output.dims))
    return call([each_element(MIRROR, found.pointers, (count, *found.sizes), count)])


# -- side by side ------------------------------------------------------------------------------------------------------
@functools.lru_cache(256)
def rows(joins: bool, pieces: int, bits: str) -> str:
    """Between pieces [outer, n] and their places in whole [outer, width].

    (*pieces, whole, outer, width, n and the columns before of each piece): those of a piece are blocks along y.
    """
    one = Source(["piece", "whole", "outer", "width", "first", "step", "n", "before"], "move")
    one.open("for i in range(first, outer * n, step):")
    one.add(f"o = div{bits}(i, n)", "j = o * width + before + i - o * n")
    one.add("whole[j] = piece[i]" if joins else "piece[i] = whole[j]")
    numbers = [f"{c}{k}" for k in range(pieces) for c in ("n", "b")]
    source = Source([*[f"p{k}" for k in range(pieces)], "whole", "outer", "width", *numbers])
    for k in range(pieces):
        source.open(f"if cuda.blockIdx.y == {k}:")
        source.add(f"move(p{k}, whole, outer, width, cuda.grid(1), cuda.gridsize(1), n{k}, b{k})")
        source.close()
    return f"{one}{source}"


def _joined(shape: Callable[[Operation], Call | None], joins: bool) -> Callable[[Operation], Call | None]:
    """A launch for some pieces at a time."""

    def bind(op: Operation) -> Call | None:
        found = shape(op)
        if found is None:
            return None
        *pieces, whole = found.pointers
        outer, *runs = found.sizes
        width, befores = sum(runs), itertools.accumulate(runs, initial=0)
        there = [each for each in zip(pieces, runs, befores, strict=False) if each[1]]
        launches = []
        for first in range(0, len(there), _TOGETHER):
            some = there[first : first + _TOGETHER]
            text = rows(joins, len(some), division(outer * width))
            numbers = [n for _, *both in some for n in both]
            blocks = blocks_for(outer * max(n for _, n, _ in some)), len(some)
            launches.append(Launch(text, (*[p for p, _, _ in some], whole), (outer, width, *numbers), blocks))
        return call(launches)

    return bind


KERNELS = {
    "transpose": _moved(move.rearranged), "slice": _moved(move.sliced), "strided_slice": _moved(move.strided),
    "reverse": _moved(move.rearranged), "tile": _moved(move.tile), "pad": _padded(pad.pad),
    "strided_slice_grad": _padded(pad.strided_slice_grad), "mirror_pad": mirror_pad,
    "concat": _joined(join.concat, True), "pack": _joined(join.pack, True), "unpack": _joined(join.unpack, False),
    "split": _joined(join.split, False), "split_v": _joined(join.split_v, False),
}  # fmt: skip
