"""Loops as native code: a kernel that walks the kernels of a body again and again.

Loop variables live in two places that take turns: an iteration reads one and writes the other.  Rows that are taken
and stacked are read and written where they are.  Before each iteration the kernel puts these addresses where the
kernels of the body look for them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphflow.arena import padded
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.values import Pointer, Value
from graphflow.backends.cpu.walk import ALONE, MEET, WALK, run_words
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import count, elements, known
from graphflow.store import aligned

if TYPE_CHECKING:
    from graphflow.backends.cpu.executable import CpuExecutable

# Words of a loop.
(
    _LIMIT, _REVERSE, START, PAUSED, _MOVES, _MOVE_COUNT, _TEST, _FLAG, _BODY, _BEFORE, _BEFORE_COUNT, _AFTER,
    _AFTER_COUNT, _ROUNDS, _MEMCPY, _TEAM, _WALK, _STATUS, _BUDGET, LOOP_WORDS,
) = range(20)  # fmt: skip
_AT, _READ, _WRITE = 0, 1, 2  # which place a move names: the row of the iteration, what it reads, what it writes
BUDGET = 10**8  # cycles after which a loop comes back to Python for a moment, which may have been interrupted

_memcpy = ctypes.cast(ctypes.CDLL(None).memcpy, ctypes.c_void_p).value


def loop(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Run a body until its test says no, the limit is reached, or the time is up.

    limit   the address of an int32; negative: none
    moves   [count, 4]: the address of a word, and the base, stride and kind of what is put there
    before  [count, 3]: what is copied before the first iteration: to, from, bytes
    after   [count, 4]: what is copied after the last: to, the base and stride of the two places, bytes
    """
    status, team = (code.pointer(words.load(word), "int64") for word in (_STATUS, _TEAM))
    limit = code.pointer(words.load(_LIMIT), "int32").load(0).cast("int64")
    start = words.load(START)
    i, going, finished = code.cell(start), code.cell(1), code.cell(0)
    begin, budget, walk = code.cycles(), words.load(_BUDGET), words.load(_WALK)
    with code.when((tid == 0) & (i.get() == 0)):
        _copy_all(code, words)
    with code.as_long_as(lambda: going.get() != 0):
        with code.when(tid == 0):
            at = code.select(words.load(_REVERSE) != 0, limit - 1 - i.get(), i.get())
            _move_all(code, words, at, i.get())
            late = (budget != 0) & (i.get() > start) & (code.cycles() - begin > budget)
            words.store(PAUSED, code.select(late, code.value(1), code.value(0)))
        code.barrier(team, tid, nthreads)
        over = ((limit >= 0) & (i.get() >= limit)) | (status.load(0) != 0)
        paused = words.load(PAUSED) != 0
        finished.set(code.select(over, code.value(1), code.value(0)))
        with code.when(~over & ~paused & (words.load(_TEST) != 0)):
            code.call(walk, words.load(_TEST), tid, nthreads)
            code.barrier(team, tid, nthreads)
            no = code.pointer(words.load(_FLAG), "uint8").load(0).cast("int64") == 0
            finished.set(code.select(no, code.value(1), code.value(0)))
        with code.either(paused | (finished.get() != 0)) as (stop, on):
            with stop:
                going.set(code.value(0))
            with on:
                code.call(walk, words.load(_BODY), tid, nthreads)
                code.barrier(team, tid, nthreads)
                i.set(i.get() + 1)
    with code.when(tid == 0), code.either(finished.get() != 0) as (done, later):
        with done:
            _copy_last(code, words, i.get())
            code.pointer(words.load(_ROUNDS), "int32").store(0, i.get().cast("int32"))
            words.store(START, code.value(0))
            words.store(PAUSED, code.value(0))
        with later:
            words.store(START, i.get())


def _move_all(code: Code, words: Pointer, at: Value, i: Value) -> None:
    table = code.pointer(words.load(_MOVES), "int64")
    with code.loop(0, words.load(_MOVE_COUNT)) as n:
        entry = table.at(4 * n)
        kind = entry.load(3)
        index = code.select(kind == _AT, at, (i + code.select(kind == _WRITE, code.value(1), code.value(0))) & 1)
        code.pointer(entry.load(0), "int64").store(0, entry.load(1) + index * entry.load(2))


def _copy_all(code: Code, words: Pointer) -> None:
    table = code.pointer(words.load(_BEFORE), "int64")
    with code.loop(0, words.load(_BEFORE_COUNT)) as n:
        entry = table.at(3 * n)
        code.call(words.load(_MEMCPY), entry.load(0), entry.load(1), entry.load(2))


def _copy_last(code: Code, words: Pointer, i: Value) -> None:
    table = code.pointer(words.load(_AFTER), "int64")
    with code.loop(0, words.load(_AFTER_COUNT)) as n:
        entry = table.at(4 * n)
        code.call(words.load(_MEMCPY), entry.load(0), entry.load(1) + (i & 1) * entry.load(2), entry.load(3))


def copy(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Copy bytes: to, from, how many, and the address of memcpy."""
    code.call(words.load(3), words.load(0), words.load(1), words.load(2))


LOOP, COPY = Emitted(loop, raw=True), Emitted(copy, raw=True)

Place = tuple[int, Any]  # an address, and what says where it is when that changes from run to run; else None
Move = tuple[Place, int, int]  # a base, a stride, and which place of these
Address = Callable[[Buffer], Place]
Open = list[tuple[int, Any]]  # words that wait for an address, and what says where that is
Row = tuple[int, int, int, int]  # the address of a kernel, where its words begin, flags, the number of the step


class NotNative(Exception):
    """A body has something that only Python can do."""


class LoopBlock:
    """The words of a loop and of all that runs in it: arguments, tables, rows of kernels.

    inner  words that hold the address of another word of the block, which is known when the block is in its place
    steps  the steps by the numbers that rows have, for messages
    """

    def __init__(self, host: CpuExecutable, plan_of: Callable[[Any], Plan | None]) -> None:
        self.host = host
        self._plan_of = plan_of
        self.words: list[int] = []
        self.inner: list[tuple[int, int]] = []
        self.steps: list[Step | None] = [None]
        self.keep: list[Any] = []

    def placed(self) -> np.ndarray:
        """The block in memory."""
        block = np.array(self.words, np.int64)
        start = block.ctypes.data
        for word, target in self.inner:
            block[word] = start + 8 * target
        return block

    def loop(self, step: Step, address: Address, late: Open, budget: int) -> tuple[int, bool]:
        """(where the words of a loop begin, whether it is for one thread).   Raises: NotNative."""
        op = step.op
        skip, n = len(op.definition.writes), op.attrs["variables"]
        calls = op.attrs["bodies"]
        variables, finals = step.inputs[1 : 1 + n], step.outputs[skip : skip + n]
        stacked = step.outputs[skip + n + 1 :]
        data = [b for i, b in enumerate(step.inputs) if i not in op.definition.refs]
        settled = all(known(b.dims) and b.kind != "object" for b in (*data, *step.outputs))
        same = [t.dims for t in calls[0].program.fetches[:n]] == [b.dims for b in variables]
        if not settled or not same or any(not self._initialized(b) for b in step.outputs[:skip]):
            raise NotNative
        changed = {b.index for b in step.outputs[:skip]}
        if any(b.kind == "state" and b.index in changed for b in data):  # the body takes the value from before
            raise NotNative
        states = [aligned((2 * padded(b.nbytes),), np.dtype(np.uint8)) for b in variables]
        flag = np.zeros(8, np.uint8)
        self.keep += [*states, flag]
        places = [(s.ctypes.data, None) for s in states]
        strides = [padded(b.nbytes) for b in variables]
        moves: list[tuple[int, Move]] = []

        def fed(call: Any) -> list[Move]:
            found: list[Move] = []
            for i, at in enumerate(call.takes):
                if at >= 0:
                    found.append((address(step.inputs[at]), 0, _AT))
                elif i < n:
                    found.append((places[i], strides[i], _READ))
                else:
                    found.append((address(step.inputs[1 + i]), _row_bytes(step.inputs[1 + i]), _AT))
            return found

        def bound(call: Any, targets: list[Move]) -> tuple[int, bool]:
            plan = self._plan_of(call.program)
            if plan is None:
                raise NotNative
            return _Level(self, plan, fed(call), targets, moves, late).run()

        test, alone = 0, True
        if len(calls) > 1:
            test, alone = bound(calls[1], [((flag.ctypes.data, None), 0, _AT)])
        targets: list[Move] = [(p, s, _WRITE) for p, s in zip(places, strides, strict=True)]
        targets += [(address(b), _row_bytes(b), _AT) for b in stacked]
        body, body_alone = bound(calls[0], targets)
        before = self._table([[(p, address(b), b.nbytes) for p, b in zip(places, variables, strict=True)]], late)
        after = self._table(
            [[(address(b), p, s, b.nbytes) for b, p, s in zip(finals, places, strides, strict=True)]], late
        )
        table = len(self.words)
        for word, (base, stride, kind) in moves:
            self.inner.append((len(self.words), word))
            self.words.append(0)
            self._place(base, late)
            self.words += [stride, kind]
        begin = len(self.words)
        self._place(address(step.inputs[0]), late)
        self.words += [int(op.attrs["reverse"]), 0, 0]
        self._inside(table)
        self.words.append(len(moves))
        self._inside(test if len(calls) > 1 else -1)
        self.words.append(flag.ctypes.data)
        self._inside(body)
        self._inside(before)
        self.words.append(n)
        self._inside(after)
        self.words.append(n)
        self._place(address(step.outputs[skip + n]), late)
        host = self.host
        self.words += [_memcpy or 0, host.team_address, host.address_of(WALK), host.status_address, budget]
        return begin, alone and body_alone

    def _initialized(self, state: Buffer) -> bool:
        return self.host.has_value(state)

    def _place(self, place: Place, late: Open) -> None:
        """A word with an address, now or later."""
        if place[1] is not None:
            late.append((len(self.words), place[1]))
        self.words.append(place[0])

    def _inside(self, target: int) -> None:
        """A word with the address of a word of the block; 0 for none."""
        if target >= 0:
            self.inner.append((len(self.words), target))
        self.words.append(0)

    def _table(self, rows: Sequence[Sequence[tuple]], late: Open) -> int:
        """Places and numbers, one after the other; gives where they begin."""
        begin = len(self.words)
        for row in rows:
            for entry in row:
                for item in entry:
                    if isinstance(item, tuple):
                        self._place(item, late)
                    else:
                        self.words.append(item)
        return begin


def _row_bytes(b: Buffer) -> int:
    return elements((b.dims or (0,))[1:]) * b.dtype.size


class _Level:
    """The plan of one body: where its values are, and the rows of its kernels.

    feeds    for each feed of the program where it is
    targets  for each fetch where it goes: the kernel that makes it writes there, or it is copied
    """

    def __init__(
        self, block: LoopBlock, plan: Plan, feeds: Sequence[Move], targets: Sequence[Move],
        moves: list[tuple[int, Move]], late: Open,
    ) -> None:  # fmt: skip
        self._block, self._plan, self._feeds, self._targets = block, plan, feeds, targets
        self._moves, self._late = moves, late
        self._arena = aligned((plan.arena_bytes,), np.dtype(np.uint8))
        self._owner: dict[int, int] = {}  # by fetch array: the fetch that it is
        for position, b in enumerate(plan.fetches):
            if b.kind == "fetch":
                self._owner.setdefault(b.index, position)
        block.keep += [plan, self._arena]

    def _address(self, b: Buffer) -> Place:
        if b.kind == "arena":
            return self._arena.ctypes.data + b.index, None
        if b.kind == "const":
            return self._plan.constants[b.index].ctypes.data, None
        if b.kind == "state":
            return self._block.host.state_address(b), None
        if b.kind == "object":
            raise NotNative
        return self._whereabouts(self._feeds[b.index] if b.kind == "feed" else self._targets[self._owner[b.index]])

    @staticmethod
    def _whereabouts(move: Move) -> Place:
        """A place; one that moves, or that is known later, is told by the move itself."""
        (base, key), stride, _ = move
        return (base, None) if key is None and not stride else (0, move)

    def run(self) -> tuple[int, bool]:
        """(where the words of a run of these kernels begin, whether one thread does all of it)."""
        block = self._block
        opened: Open = []
        rows: list[Row] = []
        for step in self._plan.steps:
            self._add(step, rows, opened)
        for position, b in enumerate(self._plan.fetches):
            if b.kind != "fetch" or self._owner[b.index] != position:
                self._copy(self._whereabouts(self._targets[position]), self._address(b), b.nbytes, rows, opened)
        for word, move in opened:
            (base, key), stride, _ = move
            if stride:
                self._moves.append((word, move))
            else:
                block.words[word] = base
                if key is not None:
                    self._late.append((word, key))
        together = [not row[2] & ALONE for row in rows]
        table = len(block.words)
        for i, (kernel, words, flags, number) in enumerate(rows):
            meet = any(together[i : i + 2]) and i + 1 < len(rows)
            block.inner.append((len(block.words) + 1, words))
            block.words += [kernel, 0, flags | (MEET if meet else 0), number]
        begin = len(block.words)
        block.inner.append((begin, table))
        host = block.host
        block.words += run_words(0, host.status_address, len(rows), host.team_address, 0)
        return begin, not any(together)

    def _add(self, step: Step, rows: list[Row], opened: Open) -> None:
        block, host = self._block, self._block.host
        if step.copy:
            source = step.inputs[0]
            self._copy(self._address(step.outputs[0]), self._address(source), source.nbytes, rows, opened)
            return
        block.steps.append(step)
        number = len(block.steps) - 1
        if step.op.definition.calls:
            if "variables" not in step.op.attrs:
                raise NotNative
            words, alone = block.loop(step, self._address, opened, 0)
            rows.append((host.address_of(LOOP), words, ALONE if alone else 0, number))
            return
        if step.call is None or not host.bindable(step):
            raise NotNative
        if any(b.kind == "state" and not host.has_value(b) for b in (*step.inputs, *step.outputs)):
            raise NotNative  # the run will say so, or make it
        if not any(count(b.dims) for b in step.outputs):
            return
        draws: list[int] = []
        host.append_call(step, block.words, opened, block.inner, draws, rows, number, self._address)
        for address in draws:
            rows.append((host.draw_counter, len(block.words), ALONE, number))
            block.words.append(address)

    def _copy(self, to: Place, source: Place, nbytes: int, rows: list[Row], opened: Open) -> None:
        words, begin = self._block.words, len(self._block.words)
        for place in (to, source):
            if place[1] is not None:
                opened.append((len(words), place[1]))
            words.append(place[0])
        words += [nbytes, _memcpy or 0]
        rows.append((self._block.host.address_of(COPY), begin, ALONE, 0))
