"""Loops and branches whose values stay on the device: only what steers them comes to the host.

Bodies are lines of their own over memory that is there from the start.  Loop variables live where their last values are
wanted.  A round takes rows of sequences from where they are, computes, and puts what it has made where it is wanted:
in the loop variables, in a row of what is stacked.  It is queued as a whole.  A loop that tests goes on by the answer,
which the test of the next round, queued with the round, sends to the host; one that counts waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphflow.backends.cuda.bodies import Body, own_results
from graphflow.backends.cuda.inner import Inner, given, homes_of, named, row_bytes, side
from graphflow.backends.cuda.lines import Line, Part, variables_in
from graphflow.backends.cuda.places import Memory, Pieces, Place
from graphflow.backends.cuda.rounds import SET, Piece, Side, cleared, moved
from graphflow.plan import Buffer, Step

if TYPE_CHECKING:
    from graphflow.backends.cuda.steering import Steering


class Branch:
    """One branch runs.   What is kept of the others is zeros."""

    def __init__(
        self, steering: Steering, step: Step, bodies: Sequence[Body], memory: Memory, index: Callable[[], list[int]]
    ) -> None:  # fmt: skip
        binder, op = steering.binder, step.op
        self._index, self._mirror = index, memory.mirror
        self._used = {v.id: v for v in variables_in(step, memory.variables)}
        taken, before = given(step, memory, 1)
        results = step.outputs[len(op.definition.writes) :]
        self._branches: list[list[Part]] = []
        for number, (call, body) in enumerate(zip(op.attrs["bodies"], bodies, strict=True)):
            mine = own_results(op, results, number)
            homes, copied = homes_of(body.plan, [memory.place(b) for b in mine])
            known = [memory.on_host(op.inputs[at], step.inputs[at]) for at in call.takes]
            what, feeds = f"branch {number} of {named(step)}", [taken[at] for at in call.takes]
            inner = Inner(steering.root, body.plan, what, feeds, known, homes)
            zeros = [Piece(side(memory.place(b), b), None, b.nbytes) for b in results if b not in mine]
            ends = [Piece(side(memory.place(b), b), side(inner.place(f), f), f.nbytes)
                    for i, (b, f) in enumerate(zip(mine, body.plan.fetches, strict=True)) if i in copied]  # fmt: skip
            line = [*moved(binder, before), *cleared(binder, zeros), *steering.body(body, inner), *moved(binder, ends)]
            self._branches.append(binder.parts(line))

    def __call__(self) -> None:
        (number,) = self._index()
        self._mirror.push(self._used)
        _do(self._branches[number if 0 <= number < len(self._branches) else -1])


class Loop:
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
        taken, before = given(step, memory, 1 + n)
        self._held = [memory.place(b) for b in step.outputs[skip : skip + n]]
        self._sequences = [(b, taken.get(1 + n + k)) for k, b in enumerate(items)]
        self._stacked = [(b, None if b.kind == "list" else memory.place(b)) for b in stacked]
        self._fetches = bodies[0].plan.fetches
        self._own = own = Pieces()
        own.add("at", 24)
        for k, b in enumerate(items):
            own.add(("item", k), row_bytes(b))
        for j in range(n):
            if self._is_variable(self._fetches[j]):
                own.add(("swap", j), self._fetches[j].nbytes)
        own.make(f"the rounds of {named(step)}")
        self._at = own.on_device("at", np.dtype(np.int64), 3)

        def inner(number: int, what: str, homes: Mapping[int, Place]) -> Inner:
            feeds, known = [], []
            for i, at in enumerate(calls[number].takes):
                feeds.append(taken[at] if at >= 0 else self._held[i] if i < n else own.place(("item", i - n)))
                known.append(memory.on_host(op.inputs[at], step.inputs[at]) if at >= 0 else None)
            return Inner(steering.root, bodies[number].plan, f"{what} of {named(step)}", feeds, known, homes)

        self._inner = inner(0, "a round", {})
        self._body = steering.body(bodies[0], self._inner)
        self._test: Line = []
        self._goes_on: Callable[[], int] = lambda: 1
        self._tests = len(bodies) > 1
        if self._tests:
            (t,), (b,) = calls[1].program.fetches, bodies[1].plan.fetches
            homes = {b.index: steering.root.question("tested", step)} if b.kind == "fetch" else {}
            tested = inner(1, "the test", homes)
            asks, answer = steering.asked(tested, step, [("tested", t, b)])
            self._goes_on = lambda: answer()[0]
            self._test = [*steering.body(bodies[1], tested), *asks]
        starts = [Piece(side(to, b), side(memory.place(b), b), b.nbytes)
                  for to, b in zip(self._held, step.inputs[1 : 1 + n], strict=True)]  # fmt: skip
        self._begin: list[Callable[..., None]] = [
            one.queue for one in moved(binder, [*starts, *before], "begin", self._at)
        ]
        self._end = binder.kernel(SET, [memory.view(step.outputs[skip + n])], [0])
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
        take = [Piece(side(self._own.place(("item", k)), b, row_bytes(b)), self._row(b, place), row_bytes(b))
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
            return Side(*place, b.nbytes, row_bytes(b))
        rows = self._memory.rows(b)
        return Side(rows.device, 0, rows.device.size, rows.nbytes)


def _do(parts: Sequence[Part]) -> None:
    for part in parts:
        part()
