"""The small kernels of loops and branches: what goes from place to place between rounds, and what is counted.

A loop has three words `at` on the device: the round at hand, the next one, and how far they lie apart.  A kernel that
all blocks of a launch read a word in writes another one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow.backends.cuda import shim
from graphflow.backends.cuda.lines import Binder, Queued
from graphflow.backends.cuda.regions import Source

TOGETHER = 16  # pieces, at most, of a launch: each has blocks of its own
_FIRST = {"take": "row = at[1]", "give": "row = at[0]"}
_LAST = {"begin": ("at[1] = first", "at[2] = step"), "take": ("at[0] = row",), "give": ("at[1] = row + at[2]",)}

COUNT = """def kernel(draws):
    if cuda.grid(1) == 0:
        draws[1] = draws[1] + uint64(1)
"""
SET = """def kernel(y, value):
    if cuda.grid(1) == 0:
        y[0] = int32(value)
"""
# The number and the status of the step that has failed first lie behind the statuses.
LATCH = """def kernel(statuses, count, good):
    if cuda.grid(1) == 0:
        for i in range(count):
            if statuses[i] != good and statuses[count] == good:
                statuses[count] = i
                statuses[count + 1] = statuses[i]
"""


class Side(NamedTuple):
    """One side of a copy: device bytes, where it begins in them, how many there are; bytes from row to row, or 0."""

    device: Any
    start: int
    extent: int
    stride: int = 0


class Piece(NamedTuple):
    """A copy of so many bytes.   Without a source they become zero."""

    to: Side
    source: Side | None
    nbytes: int


@functools.lru_cache(256)
def moving(pieces: int, when: str) -> str:
    """Copies to "begin" a loop, those that a round has to "take" at its begin and to "give" at its end, or others: "".

    (at, in loops, *(x, y), *(count, stride of x, stride of y), and to begin: the first round, how far to the next)
    """
    names = [f"{c}{k}" for k in range(pieces) for c in "xy"], [f"{c}{k}" for k in range(pieces) for c in "nst"]
    source = Source([*(["at"] if when else []), *names[0], *names[1], *(["first", "step"] if when == "begin" else [])])
    source.add(_FIRST.get(when, "row = 0"))
    for k in range(pieces):
        source.open(f"if cuda.blockIdx.y == {k}:")
        source.open(f"for i in range(cuda.grid(1), n{k}, cuda.gridsize(1)):")
        source.add(f"y{k}[t{k} * row + i] = x{k}[s{k} * row + i]")
        source.close()
        source.close()
    if when:
        source.open("if (cuda.grid(1) == 0) & (cuda.blockIdx.y == 0):")
        source.add(*_LAST[when])
    return str(source)


@functools.lru_cache(256)
def clearing(pieces: int) -> str:
    """Zeros.   (*y, *count)"""
    source = Source([*[f"y{k}" for k in range(pieces)], *[f"n{k}" for k in range(pieces)]])
    for k in range(pieces):
        source.open(f"if cuda.blockIdx.y == {k}:")
        source.open(f"for i in range(cuda.grid(1), n{k}, cuda.gridsize(1)):")
        source.add(f"y{k}[i] = 0")
        source.close()
        source.close()
    return str(source)


def moved(binder: Binder, pieces: Sequence[Piece], when: str = "", at: Any = None) -> list[Queued]:
    """What queues copies; in a loop also what counts its rounds, if it has an `at`."""
    found = [p for p in pieces if p.nbytes and p.source is not None]
    starts = range(0, max(len(found), 1 if when else 0), TOGETHER)
    made = []
    for group in [found[i : i + TOGETHER] for i in starts]:
        arrays, numbers = [at] if when else [], []
        for p in group:
            assert p.source is not None
            word = _word(p)
            arrays += [shim.part(s.device, s.start, word, s.extent // word.itemsize) for s in (p.source, p.to)]
            numbers += [n // word.itemsize for n in (p.nbytes, p.source.stride, p.to.stride)]
        extra = [0, 1] if when == "begin" else []
        most = max([p.nbytes // _word(p).itemsize for p in group], default=1)
        made.append(Queued(binder.kernel(moving(len(group), when), arrays, [*numbers, *extra], most, len(group))))
    return made


def cleared(binder: Binder, pieces: Sequence[Piece]) -> list[Queued]:
    """What queues zeros."""
    found = [p for p in pieces if p.nbytes and p.source is None]
    made = []
    for group in [found[i : i + TOGETHER] for i in range(0, len(found), TOGETHER)]:
        counts = [p.nbytes // _word(p).itemsize for p in group]
        arrays = [shim.part(p.to.device, p.to.start, _word(p), n) for p, n in zip(group, counts, strict=True)]
        made.append(Queued(binder.kernel(clearing(len(group)), arrays, counts, max(counts), len(group))))
    return made


def _word(piece: Piece) -> np.dtype:
    """The largest integers that bytes can be moved as."""
    size = next(n for n in (8, 4, 2, 1) if piece.nbytes % n == 0)
    return np.dtype(f"int{8 * size}")
