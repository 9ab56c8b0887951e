"""The words of loops and branches: arguments, tables and rows of kernels, in one block of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphflow import dtypes
from graphflow.arena import padded
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.loops import AT, BRANCH, CLEAR, COPY, LOOP, MEMCPY, MEMSET, READ, WRITE
from graphflow.backends.cpu.walk import ALONE, MEET, WALK, run_words
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import count, elements, known
from graphflow.store import aligned

if TYPE_CHECKING:
    from graphflow.backends.cpu.executable import CpuExecutable

ALONE_BYTES = 2**14  # steps that touch less are done before another thread has heard of them

Place = tuple[int, Any]  # an address, and what says where it is when that changes from run to run; else None
Move = tuple[Place, int, int]  # a base, a stride, and which place of these
Address = Callable[[Buffer], Place]
Open = list[tuple[int, Any]]  # words that wait for an address, and what says where that is
Row = tuple[int, int, int, int]  # the address of a kernel, where its words begin, flags, the number of the step


class NotNative(Exception):
    """A body has something that only Python can do."""


class Block:
    """The words of a loop and of all that runs in it.

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
        same = [t.dims for t in calls[0].program.fetches[:n]] == [b.dims for b in variables]
        if not same or not self._settled(step):
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
                    found.append((address(step.inputs[at]), 0, AT))
                elif i < n:
                    found.append((places[i], strides[i], READ))
                else:
                    found.append((address(step.inputs[1 + i]), _row_bytes(step.inputs[1 + i]), AT))
            return found

        def bound(call: Any, targets: list[Move]) -> tuple[int, bool]:
            plan = self._plan_of(call.program)
            if plan is None:
                raise NotNative
            return _Level(self, plan, fed(call), targets, moves, late).run()

        test, alone = 0, True
        if len(calls) > 1:
            test, alone = bound(calls[1], [((flag.ctypes.data, None), 0, AT)])
        targets: list[Move] = [(p, s, WRITE) for p, s in zip(places, strides, strict=True)]
        targets += [(address(b), _row_bytes(b), AT) for b in stacked]
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
        self.words += [MEMCPY, host.team_address, host.address_of(WALK), host.status_address, budget]
        return begin, alone and body_alone

    def branch(self, step: Step, address: Address, late: Open) -> tuple[int, bool]:
        """(where the words of a branch begin, whether it is for one thread).   Raises: NotNative."""
        op = step.op
        calls, saved = op.attrs["bodies"], op.attrs["source"].saved
        results = step.outputs[len(op.definition.writes) :]
        count = len(results) - len(saved)
        if not self._settled(step):
            raise NotNative
        runs, alone = [], True
        for number, call in enumerate(calls):
            plan = self._plan_of(call.program)
            if plan is None:
                raise NotNative
            mine = [*results[:count], *[b for b, (n, _) in zip(results[count:], saved, strict=True) if n == number]]
            others = [b for b, (n, _) in zip(results[count:], saved, strict=True) if n != number]
            if [b.dims for b in plan.fetches] != [b.dims for b in mine]:
                raise NotNative
            feeds: list[Move] = [(address(step.inputs[at]), 0, AT) for at in call.takes]
            targets: list[Move] = [(address(b), 0, AT) for b in mine]
            level = _Level(self, plan, feeds, targets, [], late)
            begin, own = level.run([(address(b), b.nbytes) for b in others])
            runs.append(begin)
            alone = alone and own
        table = len(self.words)
        for run in runs:
            self._inside(run)
        begin = len(self.words)
        self._place(address(step.inputs[0]), late)
        self.words += [int(op.inputs[0].dtype is dtypes.bool_), len(runs)]
        self._inside(table)
        self.words.append(self.host.address_of(WALK))
        return begin, alone

    def _settled(self, step: Step) -> bool:
        """Whether all that comes and goes is memory, and nothing is the value that a variable has before it changes."""
        op, skip = step.op, len(step.op.definition.writes)
        data = [b for i, b in enumerate(step.inputs) if i not in op.definition.refs]
        changed = {b.index for b in step.outputs[:skip]}
        return (
            all(known(b.dims) and b.kind != "object" for b in (*data, *step.outputs))
            and all(self.host.has_value(b) for b in step.outputs[:skip])
            and not any(b.kind == "state" and b.index in changed for b in data)
        )

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
        self, block: Block, plan: Plan, feeds: Sequence[Move], targets: Sequence[Move],
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

    def run(self, cleared: Sequence[tuple[Place, int]] = ()) -> tuple[int, bool]:
        """(where the words of a run of these kernels begin, whether one thread does all of it).

        cleared   places that are filled with so many zeros first
        """
        block = self._block
        opened: Open = []
        rows: list[Row] = []
        for place, nbytes in cleared:
            self._append(CLEAR, [self._whereabouts((place, 0, AT))], [nbytes, MEMSET], True, rows, opened)
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
            repeats = "variables" in step.op.attrs
            words, alone = (
                block.loop(step, self._address, opened, 0) if repeats else block.branch(step, self._address, opened)
            )
            rows.append((host.address_of(LOOP if repeats else BRANCH), words, ALONE if alone else 0, number))
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
        self._append(COPY, [to, source], [nbytes, MEMCPY], nbytes < ALONE_BYTES, rows, opened)

    def _append(
        self, kernel: Emitted, places: Sequence[Place], numbers: Sequence[int], alone: bool, rows: list[Row],
        opened: Open,
    ) -> None:  # fmt: skip
        """A row of a kernel that takes these places and numbers; `alone` is for one thread."""
        words, begin = self._block.words, len(self._block.words)
        for place in places:
            if place[1] is not None:
                opened.append((len(words), place[1]))
            words.append(place[0])
        words += numbers
        rows.append((self._block.host.address_of(kernel), begin, ALONE if alone else 0, 0))
