"""Kernels of fused regions: what they compute (`Body`), and the loops of those that reduce nothing.

A region computes members from inputs at every point of a space of loops.  Each input moves along some of the loops
(its mask) and is broadcast along the others.  The innermost loop takes a vector of points at a time; rows that are too
short for that are joined to longer ones, over which the inputs that repeat with every row are spread out beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.expression import evaluate, random_words
from graphflow.backends.cpu.rounds import every_round
from graphflow.backends.cpu.values import Pointer, Value
from graphflow.backends.space import Body, Mask

Bounds = Callable[[list[Value]], tuple[Any, Any]]  # of a loop, from the positions of the loops around it
# What is done with a vector: positions, the lanes inside (None: all), the values of the inputs.
Point = Callable[[list[Value], Value | None, dict[int, Value]], None]
SHORT = 64  # rows of fewer elements are joined


class Emission:
    """A kernel of a body that is being emitted: its pointers and sizes, and loops over its space.

    origin  the number of the first point, when that is not 0
    whole   whether the innermost loop is one of whole vectors, which need no masks
    """

    def __init__(self, code: Code, body: Body, args: Sequence[Any], depth: int, whole: bool = False) -> None:
        self.code, self.body, self.whole = code, body, whole
        self.late = () if body.again is None else body.again.items  # inputs that are loaded in every round
        ends = [len(body.inputs), len(body.inputs) + len(body.outputs)]
        self.inputs: list[Pointer] = list(args[: ends[0]])
        self.outputs: list[Pointer] = list(args[ends[0] : ends[1]])
        self.seeds = [(p.load(0), p.load(1)) for p in args[ends[1] : ends[1] + body.draws]]
        self.sizes: list[Value] = list(args[ends[1] + body.draws :][:depth])
        rest = list(args[ends[1] + body.draws + depth :])
        self.widths: dict[int, Value] = {}  # of the rows that pointers are columns of
        for pointer in body.columns:
            start, self.widths[pointer], *rest = rest
            pointers, k = (self.inputs, pointer) if pointer < ends[0] else (self.outputs, pointer - ends[0])
            pointers[k] = pointers[k].at(start)
        self.rest: Sequence[Any] = rest
        self.origin: Value | None = None

    def join_rows(self, period: int, rows: Value, first: Value | None = None) -> Value:
        """Make `rows` rows (from `first` on) of the last size into fewer ones of `period`; gives the number of points.

        What repeats with every row is spread over a whole period.
        """
        code, n = self.code, self.sizes[-1]
        total = rows * n
        self.sizes = [(total + (period - 1)) // period, code.value(period)]
        self.origin = None if first is None else first * n
        for k, (mask, _) in enumerate(self.body.inputs):
            if mask == (False, True):
                self.inputs[k] = spread(code, self.inputs[k], n, period)
            elif mask == (True, True) and self.origin is not None:
                self.inputs[k] = self.inputs[k].at(self.origin)
        if self.origin is not None:
            self.outputs = [p.at(self.origin) for p in self.outputs]
        return total

    def loops(self, bounds: Sequence[Bounds], point: Point) -> None:
        """Loops within these bounds, the innermost by vectors; each input is loaded as far outside as it can be."""
        self.inner_loops(bounds, point, [], {})

    def outer_loops(
        self, bounds: Sequence[Bounds], visit: Callable[[list[Value], dict[int, Value]], None],
        at: Sequence[Value] = (), values: dict[int, Value] | None = None,
    ) -> None:  # fmt: skip
        """Loops within these bounds, one by one; `visit` gets the positions and the inputs that are known there."""
        known = self._known(at, values or {})
        if len(at) == len(bounds):
            visit(list(at), known)
            return
        start, stop = bounds[len(at)](list(at))
        with self.code.loop(start, stop) as i:
            self.outer_loops(bounds, visit, [*at, i], known)

    def _known(self, at: Sequence[Value], values: dict[int, Value]) -> dict[int, Value]:
        """The values, and all inputs that move along no loop further inside."""
        known = dict(values)
        for k, (mask, _) in enumerate(self.body.inputs):
            if k not in known and k not in self.late and not any(mask[len(at) :]):
                known[k] = self.inputs[k].load(self.place(k, mask, at))
        return known

    def inner_loops(self, bounds: Sequence[Bounds], point: Point, at: list[Value], values: dict[int, Value]) -> None:
        """The loops inside those of `at`, as `loops`."""
        code, depth = self.code, len(at)
        values = self._known(at, values)
        start, stop = (code.value(n) for n in bounds[depth](at))
        if depth + 1 < len(bounds):
            with code.loop(start, stop) as i:
                self.inner_loops(bounds, point, [*at, i], values)
            return
        with code.loop(start, stop, code.lanes) as i:
            inside = None if self.whole else code.lanes_below(stop - i)
            here = dict(values)
            for k, (mask, _) in enumerate(self.body.inputs):
                if k not in here and k not in self.late:
                    here[k] = self.inputs[k].load(self.place(k, mask, [*at, i]), code.lanes, inside)
            point([*at, i], inside, here)

    def compute(self, number: int, values: dict[int, Value], at: list[Value]) -> Value:
        """Value `number`, a member that is no reduction, at these positions."""
        code, member = self.code, self.body.members[number - len(self.body.inputs)]
        names = {n: values[i] for n, i in zip(member.names, member.operands, strict=True)}
        if member.draws is not None:
            position = self.index((True,) * len(at), at) + code.steps(code.lanes)
            if self.origin is not None:
                position = position + self.origin
            names["a"], names["b"] = random_words(code, *self.seeds[member.draws], position)
        return evaluate(code, member.expression, names, member.dtype)

    def store(self, number: int, value: Value, index: Value, inside: Value | None, at: Sequence[Value] = ()) -> None:
        """Save a value that is wanted outside, in one shape or two, at this element and those beside it.

        at   its positions, where outputs may be columns of wider rows
        """
        for k, (place, wanted) in enumerate(zip(self.outputs, self.body.outputs, strict=True), len(self.inputs)):
            if wanted == number:
                where = self.place(k, (True,) * len(at), at) if k in self.widths else index
                place.store(where, value.splat(self.code.lanes), inside)

    def place(self, pointer: int, mask: Mask, at: Sequence[Value]) -> Value:
        """Which element of what a pointer is to, an input or an output, is at these positions."""
        if pointer not in self.widths:
            return self.index(mask, at)
        return self.index(mask[:-1], at[:-1]) * self.widths[pointer] + at[-1]

    def index(self, mask: Mask, at: Sequence[Value]) -> Value:
        """Which element of something that moves with these loops is at these positions, in C order."""
        index: Value | None = None
        for moves, i, n in zip(mask, at, self.sizes, strict=False):
            if moves:
                index = i if index is None else index * n + i
        return self.code.value(0) if index is None else index

    def count(self, mask: Mask) -> Value:
        """How many elements something has that moves with these loops."""
        number = self.code.value(1)
        for moves, n in zip(mask, self.sizes, strict=False):
            number = number * n if moves else number
        return number

    def every_member(self, at: list[Value], inside: Value | None, values: dict[int, Value]) -> None:
        """Compute and store all members."""
        where = self.index((True,) * len(at), at)
        for number in range(len(self.body.inputs), len(self.body.dtypes)):
            values[number] = self.compute(number, values, at)
            self.store(number, values[number], where, inside, at)


def spread(code: Code, source: Pointer, n: Value, period: int) -> Pointer:
    """A row of n, repeated over a period of whole rows.   Epilogues do this for every block: no division."""
    made = code.array(period, source.dtype)
    with code.loop(0, period, n) as start, code.loop(0, n) as i:
        made.store(start + i, source.load(i))
    return made


def all_of(n: Any) -> Bounds:
    """All of a loop."""
    return lambda at: (0, n)


def period_of(n: int, lanes: int) -> int:
    """The length that rows of n get when they are joined: whole rows, whole vectors, not short."""
    period = math.lcm(n, lanes)
    return period * -(-SHORT // period)


# -- kernels without reductions --------------------------------------------------------------------------------------
def elementwise(code: Code, *args: Any, body: Body, depth: int, period: int = 0, whole: bool = False) -> None:
    """(*pointers, *sizes of the loops, tid, nthreads).   Threads share the outermost loop.

    With a period, two loops of which the inner one is short.   A body that is repeated may have the pointer `status`.
    """
    status, *rest = args if body.again is not None and body.again.endless else (None, *args)
    e = Emission(code, body, rest, depth, whole)
    tid, nthreads = e.rest
    turn = tid if body.again is None else nthreads - 1 - tid  # the thread that looks for signals has something to do
    if period:
        total = e.join_rows(period, e.sizes[0])
        bounds: list[Bounds] = [
            lambda at: code.share(e.sizes[0], turn, nthreads),
            lambda at: (0, code.minimum(total - at[0] * period, period)),
        ]
    elif depth == 1:
        n = e.sizes[0]
        start, stop = code.share((n + (code.lanes - 1)) // code.lanes, turn, nthreads)
        bounds = [lambda at: (start * code.lanes, code.minimum(stop * code.lanes, n))]
    else:
        bounds = [lambda at: code.share(e.sizes[0], turn, nthreads)]
        bounds += [all_of(n) for n in e.sizes[1:]]
    e.loops(bounds, e.every_member if body.again is None else partial(every_round, e, body.again, status, tid))


def epilogue(code: Code, *args: Any, body: Body, period: int = 0, rows_whole: bool = False) -> None:
    """(*pointers, rows, columns, first, last, left, right): the block of a matrix that is to be finished.

    rows_whole   rows are whole vectors, and kernels finish no parts of them
    With a period, the rows are short; those of a block of whole rows are joined.
    """
    e = Emission(code, body, args, 2, rows_whole)
    first, last, left, right = e.rest
    if not period:
        with code.either((right - left) % code.lanes == 0) as branches:  # masks cost much on some CPUs
            for e.whole, branch in zip((True, False), branches, strict=True):
                with branch:
                    e.loops([lambda at: (first, last), lambda at: (left, right)], e.every_member)
        return
    with code.either((left == 0) & (right >= e.sizes[1])) as (whole, part):
        with part:  # threads share the columns
            some = Emission(code, body, args, 2)
            some.loops([lambda at: (first, last), lambda at: (left, right)], some.every_member)
        with whole:
            total = e.join_rows(period, last - first, first)
            full = total // period
            e.whole = True
            e.loops([lambda at: (0, full), all_of(period)], e.every_member)
            e.whole = False
            e.loops([lambda at: (full, e.sizes[0]), lambda at: (0, total - at[0] * period)], e.every_member)


def each(code: Code, words: Pointer, tid: Value, nthreads: Value, body: Body) -> None:
    """The same computation over each of many arrays of different lengths; an input moves along it or is one number.

    words: how many arrays, how many vectors in all; for each array its length and how many vectors are before it; then
    its pointers.   Threads share the vectors.
    """
    count, total = words.load(0), words.load(1)
    first, last = code.share(total, tid, nthreads)
    dtypes = [dtype for _, dtype in body.inputs] + [body.dtypes[i] for i in body.outputs]
    with code.loop(0, count) as i:
        length, before = words.load(2 + 2 * i), words.load(3 + 2 * i)
        start = code.maximum(first - before, 0) * code.lanes
        stop = code.minimum((last - before) * code.lanes, length)
        place = 2 + 2 * count + i * len(dtypes)
        pointers = [code.pointer(words.load(place + j), dtype) for j, dtype in enumerate(dtypes)]
        with code.when(start < stop):
            e = Emission(code, body, [*pointers, length], 1)
            e.loops([lambda at: (start, stop)], e.every_member)
