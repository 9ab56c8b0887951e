"""Levels: the bodies of loops and branches in the words of a native run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphflow.backends.cpu.cells import Cells, layout
from graphflow.backends.cpu.loops import AT, CLEAR, IN_CELL
from graphflow.backends.cpu.walk import ALONE, MEET, run_words
from graphflow.plan import Buffer, Plan, Step
from graphflow.store import aligned

if TYPE_CHECKING:
    from graphflow.backends.cpu.blocks import Block

ALONE_BYTES = 2**14  # steps that touch less are done before another thread has heard of them

Place = tuple[int, Any]  # an address, and what says where it is when that changes from run to run; else None
Move = tuple[Place, int, int]  # a base, a stride, and which place of these
Address = Callable[[Buffer], Place]
Open = list[tuple[int, Any]]  # words that wait for an address, and what says where that is
Row = tuple[int, int, int, int]  # the address of a kernel, where its words begin, flags, the number of the step


class NotNative(Exception):
    """Something that only Python can do."""


class Level:
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
        self._cells = Cells(plan.lists)
        self._fed = {b.index: position for position, b in enumerate(plan.feeds) if b.kind == "list"}
        self._owner: dict[int, int] = {}  # by fetch array: the fetch that it is
        for position, b in enumerate(plan.fetches):
            if b.kind == "fetch":
                self._owner.setdefault(b.index, position)
        block.keep += [plan, self._arena, self._cells]

    def _address(self, b: Buffer) -> Place:
        if b.kind == "arena":
            return self._arena.ctypes.data + b.index, None
        if b.kind == "const":
            return self._plan.constants[b.index].ctypes.data, None
        if b.kind == "state":
            return self._block.host.memory.address(b)[0], None
        if b.kind == "list":
            at = self._fed.get(b.index)
            return (self._cells.address(b.index), None) if at is None else self._feeds[at][0]
        if b.kind == "object":
            raise NotNative
        return self._whereabouts(self._feeds[b.index] if b.kind == "feed" else self._targets[self._owner[b.index]])

    @staticmethod
    def _whereabouts(move: Move) -> Place:
        """A place; one that moves, or that is known later, is told by the move itself."""
        (base, key), stride, kind = move
        return (base, None) if key is None and not stride and not kind & IN_CELL else (0, move)

    def run(
        self, cleared: Sequence[tuple[Place, int]] = (), wanted: Mapping[int, int] | None = None
    ) -> tuple[int, bool]:
        """(where the words of a run of these kernels begin, whether one thread does all of it).

        cleared   places that are filled with so many zeros first
        wanted    bytes of the items of lists that are fetched, where they may have none here
        """
        block = self._block
        opened: Open = []
        rows: list[Row] = []
        for place, nbytes in cleared:
            block.append(CLEAR, [self._whereabouts((place, 0, AT))], [nbytes], True, rows, opened)
        for step in self._plan.steps:
            self._add(step, rows, opened)
        for position, b in enumerate(self._plan.fetches):
            if b.kind != "list" and (b.kind != "fetch" or self._owner[b.index] != position):
                block.copy(self._whereabouts(self._targets[position]), self._address(b), b.nbytes, rows, opened)
        self._give_lists(wanted or {}, rows)
        for word, move in opened:
            (base, key), stride, kind = move
            if stride or kind & IN_CELL:
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
        host, calls = self._block.host, step.op.definition.calls
        if not calls and any(b.kind == "state" and not host.memory.has_value(b) for b in (*step.inputs, *step.outputs)):
            raise NotNative  # the run will say so, or make it
        self._block.add(step, self._address, rows, opened)

    def _give_lists(self, wanted: Mapping[int, int], rows: list[Row]) -> None:
        """Lists change places with those that are to hold them; first those are copied that somebody else needs."""
        block = self._block
        found = [(position, b) for position, b in enumerate(self._plan.fetches) if b.kind == "list"]
        targets = {self._targets[position][0][0] for position, _ in found}
        swaps = []
        for position, b in found:
            own, target = self._address(b)[0], self._targets[position][0][0]
            if own == target:
                continue
            item = wanted.get(position, layout(b)[2])
            twice = sum(other.index == b.index for _, other in found) > 1
            if twice or own in targets or item != layout(b)[2] or not self._may_take(b):
                spare = Cells(1)
                block.keep.append(spare)
                block.copy_list(spare.address(0), own, item, layout(b)[2], rows)
                own = spare.address(0)
            swaps.append((own, target))
        for own, target in swaps:
            block.swap_lists(own, target, rows)

    def _may_take(self, b: Buffer) -> bool:
        return b.index not in self._fed or self._fed[b.index] in self._plan.donated
