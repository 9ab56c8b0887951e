"""The words of native runs: arguments, tables and rows of kernels, and those of the loops and branches inside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphflow import dtypes
from graphflow.arena import padded
from graphflow.backends.cpu.buffers import has_work
from graphflow.backends.cpu.cells import layout
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.kernels.lists import COPY_LIST, SWAP_LISTS
from graphflow.backends.cpu.levels import ALONE_BYTES, Address, Level, Move, NotNative, Open, Place, Row
from graphflow.backends.cpu.loops import AT, BRANCH, BUDGET, COPY, IN_CELL, LOOP, READ, WRITE
from graphflow.backends.cpu.walk import ALONE, WALK
from graphflow.dtypes import ListType
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import elements, known
from graphflow.store import aligned

if TYPE_CHECKING:
    from graphflow.backends.cpu.executable import CpuExecutable


class Block:
    """The words of steps that run in one native call, with all that runs in their loops and branches.

    inner   words that hold the address of another word of the block, which is known when the block is in its place
    steps   the steps by the numbers that rows have, for messages
    rows    the kernels, in order
    late    words that wait for the arrays of a run, with the numbers of these
    loops   whether something may go on without end
    """

    def __init__(self, host: CpuExecutable, plan_of: Callable[[Any, Collection[int]], Plan | None] | None) -> None:
        self.host = host
        self._plan_of = plan_of
        self.words: list[int] = []
        self.inner: list[tuple[int, int]] = []
        self.steps: list[Step | None] = [None]
        self.rows: list[Row] = []
        self.late: Open = []
        self.keep: list[Any] = []
        self.loops = False

    def takes(self, step: Step) -> bool:
        """Append a step; where only Python can do it, False, and nothing is appended."""
        kept: list[list] = [self.words, self.inner, self.steps, self.rows, self.late]
        sizes = [len(each) for each in kept]
        try:
            self.add(step, self.host.memory.address, self.rows, self.late)
        except NotNative:
            for each, size in zip(kept, sizes, strict=True):
                del each[size:]
            return False
        return True

    def placed(self) -> np.ndarray:
        """The block in memory."""
        block = np.array(self.words, np.int64)
        start = block.ctypes.data
        for word, target in self.inner:
            block[word] = start + 8 * target
        return block

    # -- steps ---------------------------------------------------------------------------------------------------
    def add(self, step: Step, address: Address, rows: list[Row], opened: Open) -> None:
        """Append the rows of a step.   Raises: NotNative."""
        if step.copy:
            self._add_copy(step.outputs[0], step.inputs[0], address, rows, opened)
            return
        self.steps.append(step)
        number = len(self.steps) - 1
        if step.op.definition.calls:
            repeats = "variables" in step.op.attrs
            write = self._loop if repeats else self._branch
            words, alone = write(step, address, rows, opened)
            rows.append((self.host.address_of(LOOP if repeats else BRANCH), words, ALONE if alone else 0, number))
            return
        if step.call is None or not self.host.memory.bindable(step):
            raise NotNative
        if not has_work(step):
            return
        self.loops = self.loops or step.call.endless
        draws: list[int] = []
        self.host.append_call(step, self.words, opened, self.inner, draws, rows, number, address)
        for place in draws:
            rows.append((self.host.draw_counter, len(self.words), ALONE, number))
            self.words.append(place)

    def _add_copy(self, to: Buffer, source: Buffer, address: Address, rows: list[Row], opened: Open) -> None:
        if to.kind == "object" or not self.host.memory.fits(source):
            raise NotNative
        if to.kind == "list":
            self.copy_list(address(to)[0], address(source)[0], layout(to)[2], layout(source)[2], rows)
        else:
            self.copy(address(to), address(source), source.nbytes, rows, opened)

    def copy(self, to: Place, source: Place, nbytes: int, rows: list[Row], opened: Open) -> None:
        """Append a copy of bytes."""
        self.append(COPY, [to, source], [nbytes], nbytes < ALONE_BYTES, rows, opened)

    def copy_list(self, to: int, source: int, item: int, source_item: int, rows: list[Row]) -> None:
        """Append a copy of a list; one that has no items yet gets zeros."""
        words = [item, int(source_item == item), to, source, self.host.status_address]
        self.append(COPY_LIST, [], words, True, rows, [])

    def swap_lists(self, a: int, b: int, rows: list[Row]) -> None:
        self.append(SWAP_LISTS, [], [a, b], True, rows, [])

    def append(
        self, kernel: Emitted, places: Sequence[Place], numbers: Sequence[int], alone: bool, rows: list[Row],
        opened: Open,
    ) -> None:  # fmt: skip
        """A row of a kernel that takes these places and numbers; `alone` is for one thread."""
        begin = len(self.words)
        for place in places:
            self._place(place, opened)
        self.words += numbers
        rows.append((self.host.address_of(kernel), begin, ALONE if alone else 0, 0))

    # -- loops and branches --------------------------------------------------------------------------------------
    def _loop(self, step: Step, address: Address, rows: list[Row], late: Open) -> tuple[int, bool]:
        """(where the words of a loop begin, whether it is for one thread)."""
        self.loops = True
        op = step.op
        skip, n = len(op.definition.writes), op.attrs["variables"]
        calls = op.attrs["bodies"]
        variables, finals = step.inputs[1 : 1 + n], step.outputs[skip : skip + n]
        stacked = step.outputs[skip + n + 1 :]
        given = self._given(step, address, rows, late)
        lists = [j for j in range(n) if finals[j].kind == "list"]
        dense = [j for j in range(n) if j not in lists]
        if any(calls[0].program.fetches[j].dims != variables[j].dims for j in dense):
            raise NotNative
        states = {j: aligned((2 * padded(variables[j].nbytes),), np.dtype(np.uint8)) for j in dense}
        flag = np.zeros(8, np.uint8)
        self.keep += [*states.values(), flag]
        held: dict[int, Move] = {
            j: ((s.ctypes.data, None), padded(variables[j].nbytes), READ) for j, s in states.items()
        }
        for j in lists:
            held[j] = address(finals[j]), 0, AT
            to, source = finals[j], variables[j]
            if 1 + j in step.donated and layout(to)[2] == layout(source)[2]:
                self.swap_lists(address(to)[0], given[1 + j][0], rows)
            else:
                self.copy_list(address(to)[0], given[1 + j][0], layout(to)[2], layout(source)[2], rows)
        moves: list[tuple[int, Move]] = []

        def fed(call: Any) -> list[Move]:
            found: list[Move] = []
            for i, at in enumerate(call.takes):
                if at < 0 and i < n:
                    found.append(held[i])
                elif at < 0:
                    found.append(_row(given[1 + i], step.inputs[1 + i]))
                else:
                    found.append((given[at], 0, AT))
            return found

        def bound(call: Any, targets: list[Move], donated: Collection[int]) -> tuple[int, bool]:
            plan = self._planned(call.program, donated)
            return Level(self, plan, fed(call), targets, moves, late).run()

        test, alone = 0, True
        if len(calls) > 1:
            test, alone = bound(calls[1], [((flag.ctypes.data, None), 0, AT)], ())
        targets: list[Move] = [(p, s, WRITE if kind == READ else kind) for p, s, kind in (held[j] for j in range(n))]
        targets += [_row(address(b), b) for b in stacked]
        body, body_alone = bound(calls[0], targets, lists)
        before = self._table([(held[j][0], given[1 + j], variables[j].nbytes) for j in dense], late)
        after = self._table([(address(finals[j]), *held[j][:2], finals[j].nbytes) for j in dense], late)
        growing = [b for b in stacked if b.kind == "list"]
        grown = self._table([(address(b), layout(b)[2]) for b in growing], late)
        table = len(self.words)
        for word, (base, stride, kind) in moves:
            self.inner.append((len(self.words), word))
            self.words.append(0)
            self._place(base, late)
            self.words += [stride, kind]
        begin = len(self.words)
        self._place(given[0], late)
        self.words += [int(op.attrs["reverse"]), 0]
        self._inside(table)
        self.words.append(len(moves))
        self._inside(test if len(calls) > 1 else -1)
        self.words.append(flag.ctypes.data)
        self._inside(body)
        for place, count in ((before, len(dense)), (after, len(dense)), (grown, len(growing))):
            self._inside(place)
            self.words.append(count)
        self._place(address(step.outputs[skip + n]), late)
        host = self.host
        self.words += [host.team_address, host.address_of(WALK), host.status_address, BUDGET]
        return begin, alone and body_alone

    def _branch(self, step: Step, address: Address, rows: list[Row], late: Open) -> tuple[int, bool]:
        """(where the words of a branch begin, whether it is for one thread)."""
        op = step.op
        calls, saved = op.attrs["bodies"], op.attrs["source"].saved
        results = step.outputs[len(op.definition.writes) :]
        count = len(results) - len(saved)
        given = self._given(step, address, rows, late)
        if any(b.kind == "list" for b in results[count:]):
            raise NotNative
        runs, alone = [], True
        for number, call in enumerate(calls):
            plan = self._planned(call.program, [i for i, at in enumerate(call.takes) if at in step.donated])
            mine = [*results[:count], *[b for b, (n, _) in zip(results[count:], saved, strict=True) if n == number]]
            others = [b for b, (n, _) in zip(results[count:], saved, strict=True) if n != number]
            if any(b.kind != "list" and a.dims != b.dims for a, b in zip(plan.fetches, mine, strict=True)):
                raise NotNative
            feeds: list[Move] = [(given[at], 0, AT) for at in call.takes]
            level = Level(self, plan, feeds, [(address(b), 0, AT) for b in mine], [], late)
            wanted = {i: layout(b)[2] for i, b in enumerate(mine) if b.kind == "list"}
            begin, own = level.run([(address(b), b.nbytes) for b in others], wanted)
            runs.append(begin)
            alone = alone and own
        table = len(self.words)
        for run in runs:
            self._inside(run)
        begin = len(self.words)
        self._place(given[0], late)
        self.words += [int(op.inputs[0].dtype is dtypes.bool_), len(runs)]
        self._inside(table)
        self.words.append(self.host.address_of(WALK))
        return begin, alone

    def _planned(self, program: Any, donated: Collection[int]) -> Plan:
        plan = None if self._plan_of is None else self._plan_of(program, donated)
        if plan is None:
            raise NotNative
        return plan

    def _given(self, step: Step, address: Address, rows: list[Row], late: Open) -> dict[int, Place]:
        """Where the inputs are; the value that a variable has before the step changes it is copied first."""
        op, skip = step.op, len(step.op.definition.writes)
        data = {i: b for i, b in enumerate(step.inputs) if i not in op.definition.refs}
        if any(b.kind != "list" and (b.kind == "object" or not known(b.dims)) for b in (*data.values(), *step.outputs)):
            raise NotNative
        if not all(self.host.memory.has_value(b) for b in step.outputs[:skip]):
            raise NotNative
        changed = {b.index for b in step.outputs[:skip]}
        given: dict[int, Place] = {}
        for i, b in data.items():
            given[i] = address(b)
            if b.kind == "state" and b.index in changed:
                before = aligned((b.nbytes,), np.dtype(np.uint8))
                self.keep.append(before)
                self.copy((before.ctypes.data, None), given[i], b.nbytes, rows, late)
                given[i] = before.ctypes.data, None
        return given

    # -- words ---------------------------------------------------------------------------------------------------
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

    def _table(self, rows: Sequence[tuple], late: Open) -> int:
        """Places and numbers, one after the other; gives where they begin."""
        begin = len(self.words)
        for row in rows:
            for item in row:
                if isinstance(item, tuple):
                    self._place(item, late)
                else:
                    self.words.append(item)
        return begin


def _row(place: Place, b: Buffer) -> Move:
    """The row of an iteration; NotNative for lists, which may have fewer items than there are iterations."""
    if b.kind != "list":
        return place, elements((b.dims or (0,))[1:]) * b.dtype.size, AT
    if isinstance(b.dtype, ListType):
        raise NotNative
    return place, layout(b)[2], AT | IN_CELL
