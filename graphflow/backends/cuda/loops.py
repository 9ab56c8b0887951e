"""Loops and branches whose values stay on the device: only what steers them comes to the host.

Bodies are lines of their own over memory that is there from the start.  Loop variables live where their last values are
wanted.  A round takes rows of sequences from where they are, computes, and puts what it has made where it is wanted:
in the loop variables, in a row of what is stacked.  It is queued as a whole.  A loop that tests goes on by the answer,
which the test of the next round, queued with the round, sends to the host; one that counts waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphflow.backends.cuda import shim
from graphflow.backends.cuda.bodies import Body, own_results
from graphflow.backends.cuda.buffers import GOOD, Buffers
from graphflow.backends.cuda.launch import draws_of
from graphflow.backends.cuda.lines import Binder, Line, Part, Queued, variables_in
from graphflow.backends.cuda.places import ALIGN, Memory, Pieces, Place
from graphflow.backends.cuda.rounds import COUNT, LATCH, SET, Piece, Side, cleared, moved
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import type_of
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import elements


class _Inner(Memory):
    """The memory of a body.

    feeds   where each feed is; known: what knows its value without asking the device
    homes   where fetches are that have a place outside, by the number of their array; the others follow the arena
    """

    def __init__(
        self, root: Buffers, plan: Plan, what: str, feeds: Sequence[Place], known: Sequence[Callable | None],
        homes: Mapping[int, Place],
    ) -> None:  # fmt: skip
        super().__init__(plan, root.store, root.mirror, root.stream)
        self._root, self._feeds, self._known, self._homes = root, feeds, known, dict(homes)
        end = -(-plan.arena_bytes // ALIGN) * ALIGN + ALIGN
        starts: dict[int, int] = {}
        for b in plan.fetch_arrays:
            if b.index not in homes:
                starts[b.index] = end
                end += -(-max(b.nbytes, 1) // ALIGN) * ALIGN
        self.arena = shim.allocate(end, f"what lies between the steps of {what}")
        self._homes |= {index: (self.arena, start) for index, start in starts.items()}

    def outside(self, buffer: Buffer) -> Place:
        return self._feeds[buffer.index] if buffer.kind == "feed" else self._homes[buffer.index]

    def on_host(self, t: Tensor, buffer: Buffer) -> Callable[[], Any] | None:
        return self._known[buffer.index] if buffer.kind == "feed" else super().on_host(t, buffer)

    def draws(self, op: Operation) -> Any:
        return self._root.draws(op)

    def status(self, step: Step) -> Any:
        return self._root.status(step)


class Steering:
    """Puts loops and branches into the lines of one executable."""

    def __init__(self, root: Buffers, binder: Binder) -> None:
        self.root, self.binder = root, binder

    def line(self, step: Step, bodies: Sequence[Body], memory: Memory) -> Line:
        """A loop or branch, after what asks for the number that it needs first."""
        asks, answer = self.asked(step.op.inputs[0], step.inputs[0], memory, step, "asked")
        make = _Loop if "variables" in step.op.attrs else _Branch
        return [*asks, make(self, step, bodies, memory, answer)]

    def body(self, body: Body, memory: Memory) -> Line:
        """The steps of a body.   What draws there draws again in the next round; what went wrong first is kept."""
        made: Line = []
        for number, step in enumerate(body.plan.steps):
            if number in body.inner:
                made += self.line(step, body.inner[number], memory)
                continue
            made += self.binder.step(step, memory)
            made += [Queued(self.binder.kernel(COUNT, [memory.draws(op)], [], 1)) for op in draws_of([step])]
        checked = [s for s in body.plan.steps if self.root.checks(s)]
        if checked:
            words = self.root.statuses
            made.append(Queued(self.binder.kernel(LATCH, [words], [words.size - 2, int(GOOD)], 1)))
        return made

    def asked(self, t: Tensor, buffer: Buffer, memory: Memory, step: Step, what: str) -> tuple[Line, Callable[[], int]]:
        """(what sends a number to the host, what waits for it); nothing is sent that the host knows."""
        known = memory.on_host(t, buffer)
        if known is not None:
            return [], lambda: int(known())
        to, source = self.root.question(what, step), memory.place(buffer)
        there = to[0] is source[0] and to[1] == source[1]
        pieces = [] if there else [Piece(side(to, buffer), side(source, buffer), buffer.nbytes)]
        sent = [Queued(one) for one in self.root.news()]
        return [*moved(self.binder, pieces), *sent], self.root.answer(what, step, buffer.dtype.dtype)

    def given(self, step: Step, memory: Memory, first: int) -> tuple[dict[int, Place], list[Piece]]:
        """Where inputs are, from `first` on, and copies of the values of variables that the step is going to change."""
        changed, skipped = {b.index for b in step.outputs if b.kind == "state"}, step.op.definition.refs
        taken = {i: b for i, b in enumerate(step.inputs) if i >= first and i not in skipped and b.kind != "list"}
        places, copied = {i: memory.place(b) for i, b in taken.items()}, Pieces()
        old = {i: b for i, b in taken.items() if b.kind == "state" and b.index in changed}
        for i, b in old.items():
            copied.add(i, b.nbytes)
        if old:
            copied.make(f"variables before {named(step)} changes them")
        pieces = [Piece(side(copied.place(i), b), side(places[i], b), b.nbytes) for i, b in old.items()]
        return places | {i: copied.place(i) for i in old}, pieces


class _Branch:
    """One branch runs.   What is kept of the others is zeros."""

    def __init__(
        self, steering: Steering, step: Step, bodies: Sequence[Body], memory: Memory, index: Callable[[], int]
    ) -> None:  # fmt: skip
        binder, op = steering.binder, step.op
        self._index, self._mirror = index, memory.mirror
        self._used = {v.id: v for v in variables_in(step, memory.variables)}
        given, before = steering.given(step, memory, 1)
        results = step.outputs[len(op.definition.writes) :]
        self._branches: list[list[Part]] = []
        for number, (call, body) in enumerate(zip(op.attrs["bodies"], bodies, strict=True)):
            mine = own_results(op, results, number)
            homes, copied = _homes(body.plan, [memory.place(b) for b in mine])
            known = [memory.on_host(op.inputs[at], step.inputs[at]) for at in call.takes]
            what, feeds = f"branch {number} of {named(step)}", [given[at] for at in call.takes]
            inner = _Inner(steering.root, body.plan, what, feeds, known, homes)
            zeros = [Piece(side(memory.place(b), b), None, b.nbytes) for b in results if b not in mine]
            ends = [Piece(side(memory.place(b), b), side(inner.place(f), f), f.nbytes)
                    for i, (b, f) in enumerate(zip(mine, body.plan.fetches, strict=True)) if i in copied]  # fmt: skip
            line = [*moved(binder, before), *cleared(binder, zeros), *steering.body(body, inner), *moved(binder, ends)]
            self._branches.append(binder.parts(line))

    def __call__(self) -> None:
        number = self._index()
        self._mirror.push(self._used)
        _do(self._branches[number if 0 <= number < len(self._branches) else -1])


class _Loop:
    """Rounds are queued until the test says no, or the limit is reached."""

    def __init__(
        self, steering: Steering, step: Step, bodies: Sequence[Body], memory: Memory, limit: Callable[[], int]
    ) -> None:  # fmt: skip
        op, binder = step.op, steering.binder
        skip, n, calls = len(op.definition.writes), op.attrs["variables"], op.attrs["bodies"]
        first = 1 + n + op.attrs["sequences"]
        items, stacked = step.inputs[1 + n : first], step.outputs[skip + n + 1 :]
        self._binder, self._memory, self._limit, self._mirror = binder, memory, limit, memory.mirror
        self._used = {v.id: v for v in variables_in(step, memory.variables)}
        self._reverse, self._done = op.attrs["reverse"], 0
        memory.rounds[op.outputs[skip + n]] = lambda: self._done
        given, before = steering.given(step, memory, 1 + n)
        self._held = [memory.place(b) for b in step.outputs[skip : skip + n]]
        self._sequences = [(b, given.get(1 + n + k)) for k, b in enumerate(items)]
        self._stacked = [(b, None if b.kind == "list" else memory.place(b)) for b in stacked]
        self._fetches = bodies[0].plan.fetches
        self._own = own = Pieces()
        own.add("at", 24)
        for k, b in enumerate(items):
            own.add(("item", k), _row_bytes(b))
        for j in range(n):
            if self._is_variable(self._fetches[j]):
                own.add(("swap", j), self._fetches[j].nbytes)
        own.make(f"the rounds of {named(step)}")
        self._at = own.on_device("at", np.dtype(np.int64), 3)

        def inner(number: int, what: str, homes: Mapping[int, Place]) -> _Inner:
            feeds, known = [], []
            for i, at in enumerate(calls[number].takes):
                feeds.append(given[at] if at >= 0 else self._held[i] if i < n else own.place(("item", i - n)))
                known.append(memory.on_host(op.inputs[at], step.inputs[at]) if at >= 0 else None)
            return _Inner(steering.root, bodies[number].plan, f"{what} of {named(step)}", feeds, known, homes)

        self._inner = inner(0, "a round", {})
        self._body = steering.body(bodies[0], self._inner)
        self._test: Line = []
        self._goes_on: Callable[[], int] = lambda: 1
        self._tests = len(calls) > 1
        if self._tests:
            (t,), (b,) = calls[1].program.fetches, bodies[1].plan.fetches
            homes = {b.index: steering.root.question("tested", step)} if b.kind == "fetch" else {}
            tested = inner(1, "the test", homes)
            asks, self._goes_on = steering.asked(t, b, tested, step, "tested")
            self._test = [*steering.body(bodies[1], tested), *asks]
        starts = [Piece(side(to, b), side(memory.place(b), b), b.nbytes)
                  for to, b in zip(self._held, step.inputs[1 : 1 + n], strict=True)]  # fmt: skip
        self._begin: list[Callable[..., None]] = [
            one.queue for one in moved(binder, [*starts, *before], "begin", self._at)
        ]
        self._end = binder.kernel(SET, [memory.view(step.outputs[skip + n])], [0], 1)
        self._first = binder.parts(self._test)
        self._grown = [memory.rows(b, f"what {named(step)} stacks") for b in stacked if b.kind == "list"]
        self._rows = self._grown + [memory.rows(b, f"a sequence of {named(step)}") for b in items if b.kind == "list"]
        for rows in self._rows:
            rows.reserve(1)
        self._bind()

    def __call__(self) -> None:
        limit = self._limit()
        self._mirror.push(self._used)
        self._make_room(1 if self._tests else limit)
        for launch in self._begin:
            launch(*((limit - 1, -1) if self._reverse else (0, 1)))
        self._done = 0
        going = limit != 0
        if going:
            _do(self._first)
            going = bool(self._goes_on())
        while going:
            self._make_room(self._done + 1)
            last = self._done + 1 == limit
            _do(self._last if last else self._round)
            self._done += 1
            going = not last and bool(self._goes_on())
        for rows in self._grown:
            rows.count = self._done
        self._end(self._done)

    def _make_room(self, count: int) -> None:
        """For rows that are stacked; a round that has bound the place of any rows is bound again when they move."""
        if self._rows:
            for rows in self._grown:
                rows.reserve(count)
            if any(rows.device is not device for rows, device in zip(self._rows, self._bound, strict=True)):
                self._bind()

    def _bind(self) -> None:
        take, give = self._moves()
        rows = bool(self._sequences or self._stacked)
        line = [
            *(moved(self._binder, take, "take", self._at) if rows or take else []), *self._body,
            *(moved(self._binder, give, "give", self._at) if rows or give else []),
        ]  # fmt: skip
        self._last = self._binder.parts(line)
        self._round = self._binder.parts([*line, *self._test]) if self._test else self._last
        self._bound = [rows.device for rows in self._rows]

    def _moves(self) -> tuple[list[Piece], list[Piece]]:
        """What goes where before a round computes, and after it; what is in a loop variable goes before it changes."""
        n = len(self._held)
        take = [Piece(side(self._own.place(("item", k)), b, _row_bytes(b)), self._row(b, place), _row_bytes(b))
                for k, (b, place) in enumerate(self._sequences)]  # fmt: skip
        give = []
        for j, b in enumerate(self._fetches):
            if j < n and b.kind == "feed" and b.index == j:
                continue  # it stays as it is
            to = side(self._held[j], b) if j < n else self._row(*self._stacked[j - n])
            source = side(self._inner.place(b), b)
            if not self._is_variable(b):
                give.append(Piece(to, source, b.nbytes))
            elif j >= n:
                take.append(Piece(to, source, b.nbytes))
            else:
                spare = side(self._own.place(("swap", j)), b)
                take.append(Piece(spare, source, b.nbytes))
                give.append(Piece(to, spare, b.nbytes))
        return take, give

    def _is_variable(self, b: Buffer) -> bool:
        """Whether a fetch of the body is a loop variable as it came."""
        return b.kind == "feed" and b.index < len(self._held)

    def _row(self, b: Buffer, place: Place | None) -> Side:
        """The row of the round at hand."""
        if place is not None:
            return Side(*place, b.nbytes, _row_bytes(b))
        rows = self._memory.rows(b)
        return Side(rows.device, 0, rows.device.size, rows.nbytes)


def named(step: Step) -> str:
    return f"{type_of(step.op)} {step.op.name!r}"


def side(place: Place, b: Buffer, nbytes: int | None = None) -> Side:
    """A buffer in its place, or so many bytes there."""
    return Side(*place, b.nbytes if nbytes is None else nbytes)


def _row_bytes(b: Buffer) -> int:
    return elements((b.dims or (0,))[1:]) * b.dtype.size


def _homes(plan: Plan, places: Sequence[Place]) -> tuple[dict[int, Place], set[int]]:
    """Places for the arrays of fetches; and which fetches, of one that has two, or of none, are copied to theirs."""
    homes: dict[int, Place] = {}
    copied = set()
    for i, b in enumerate(plan.fetches):
        if b.kind == "fetch" and b.index not in homes:
            homes[b.index] = places[i]
        else:
            copied.add(i)
    return homes, copied


def _do(parts: Sequence[Part]) -> None:
    for part in parts:
        part()
