"""The memory of bodies, and what goes in and out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow.arena import padded
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.buffers import Buffers
from graphflow.backends.cuda.launch import ALIGN
from graphflow.backends.cuda.places import Memory, Pieces, Place
from graphflow.backends.cuda.rounds import Piece, Side
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import type_of
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import elements


class Inner(Memory):
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
        end = padded(plan.arena_bytes, ALIGN) + ALIGN
        starts: dict[int, int] = {}
        for b in plan.fetch_arrays:
            if b.index not in homes:
                starts[b.index] = end
                end += padded(max(b.nbytes, 1), ALIGN)
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


def given(step: Step, memory: Memory, first: int) -> tuple[dict[int, Place], list[Piece]]:
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


def homes_of(plan: Plan, places: Sequence[Place]) -> tuple[dict[int, Place], set[int]]:
    """Places for the arrays of fetches; and which fetches, of one that has two, or of none, are copied to theirs."""
    homes: dict[int, Place] = {}
    copied = set()
    for i, b in enumerate(plan.fetches):
        if b.kind == "fetch" and b.index not in homes:
            homes[b.index] = places[i]
        else:
            copied.add(i)
    return homes, copied


def named(step: Step) -> str:
    return f"{type_of(step.op)} {step.op.name!r}"


def side(place: Place, b: Buffer, nbytes: int | None = None) -> Side:
    """A buffer in its place, or so many bytes there."""
    return Side(*place, b.nbytes if nbytes is None else nbytes)


def row_bytes(b: Buffer) -> int:
    return elements((b.dims or (0,))[1:]) * b.dtype.size
