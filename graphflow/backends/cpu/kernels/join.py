"""Tensors side by side in one: concat and pack put them there, split and unpack take them out again.

All are rows of the one tensor, each a row of every piece after the other.  Kernels are generated for each number of
pieces.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from graphflow.backends.base import Call
from graphflow.operation import Operation, Tensor
from graphflow.ops.static import static_value
from graphflow.shape import sizes

PIECES = 128  # with more, the kernel takes longer to compile than it is worth
_SHORT = 8  # shorter rows are copied column by column


@functools.cache
def rows(pieces: int, joins: bool) -> str:
    """A kernel between pieces [outer, n_i] and whole [outer, sum of n_i].   Threads share each piece."""
    pointers, runs = ([f"{c}{i}" for i in range(pieces)] for c in "pn")
    piece, whole = "piece[at + j{0}]", "whole[start + j{1}]"
    copy = f"{whole} = {piece}" if joins else f"{piece} = {whole}"
    return f"""def kernel({", ".join(pointers)}, whole, outer, {", ".join(runs)}, tid, nthreads):
    pieces = ({", ".join(pointers)},)
    runs = ({", ".join(runs)},)
    width = {" + ".join(runs)}
    before = 0
    for i in range({pieces}):
        piece, n = pieces[i], runs[i]
        if n < {_SHORT}:
            for at in range(n):
                start = before + at
                for j in range(outer * tid // nthreads, outer * (tid + 1) // nthreads):
                    {copy.format(" * n", " * width")}
        else:
            at, stop = outer * n * tid // nthreads, outer * n * (tid + 1) // nthreads
            column = at % n
            start = at // n * width + before + column
            while at < stop:
                run = min(n - column, stop - at)
                for j in range(run):
                    {copy.format("", "")}
                at += run
                start += width - column
                column = 0
        before += n
"""


def _call(pieces: Sequence[Tensor], whole: Tensor, axis: int, joins: bool) -> Call | None:
    """The kernel for pieces whose rows begin at an axis."""
    if len(pieces) > PIECES:
        return None
    outer = math.prod(sizes(whole.dims)[:axis])
    runs = [math.prod(sizes(p.dims)[axis:]) for p in pieces]
    text = rows(len(pieces), joins)
    return Call(text, (*pieces, whole), (outer, *runs))


def _axis(t: Tensor, rank: int) -> int | None:
    """The axis in a tensor, None where it is known only when running or out of range."""
    value = static_value(t)
    return None if value is None or not -rank <= int(value.item()) < rank else int(value.item()) % rank


def concat(op: Operation) -> Call | None:
    *values, axis = op.inputs
    at = _axis(axis, len(sizes(op.output.dims)))
    return None if at is None else _call(values, op.output, at, joins=True)


def pack(op: Operation) -> Call | None:
    return _call(op.inputs, op.output, op.attrs["axis"] % len(sizes(op.output.dims)), joins=True)


def unpack(op: Operation) -> Call | None:
    (value,) = op.inputs
    return _call(op.outputs, value, op.attrs["axis"] % len(sizes(value.dims)), joins=False)


def split(op: Operation) -> Call | None:
    axis, value = op.inputs
    at = _axis(axis, len(sizes(value.dims)))
    return None if at is None else _call(op.outputs, value, at, joins=False)


def split_v(op: Operation) -> Call | None:
    value, lengths, axis = op.inputs
    at = _axis(axis, len(sizes(value.dims)))
    return None if at is None or static_value(lengths) is None else _call(op.outputs, value, at, joins=False)


KERNELS = {"concat": concat, "pack": pack, "unpack": unpack, "split": split, "split_v": split_v}
