"""Offsets for the values of a plan: bytes that come into being at one step and are free again after another."""

from __future__ import annotations

import heapq
from bisect import bisect, insort
from collections.abc import Sequence

ALIGN = 64
LIMIT = 1.15  # how much larger than the largest live set an arena may be before a smaller one is looked for
_ROUNDS = 40  # packings that are tried
_WORK = 1 << 24  # comparisons that they may take together

Slot = tuple[int, int, int]  # bytes, the step that makes them, the last step that needs them


class Arena:
    """Offsets for buffers that come and go: the smallest gap that fits, else the end."""

    def __init__(self) -> None:
        self.size = 0
        self._gaps: list[tuple[int, int]] = []  # (start, size), by start, never adjacent
        self._fits: list[tuple[int, int]] = []  # the same as (size, start), by size

    def take(self, size: int) -> int:
        if not size:
            return 0
        i = bisect(self._fits, (size,))
        if i < len(self._fits):
            gap, start = self._fits[i]
            self._drop(start, gap)
            if gap > size:
                self._add(start + size, gap - size)
            return start
        start = self.size
        if self._gaps and sum(self._gaps[-1]) == self.size:  # grow the gap at the end
            start, gap = self._gaps[-1]
            self._drop(start, gap)
        self.size = start + size
        return start

    def free(self, start: int, size: int) -> None:
        if not size:
            return
        i = bisect(self._gaps, (start,))
        if i < len(self._gaps) and self._gaps[i][0] == start + size:
            after = self._gaps[i]
            self._drop(*after)
            size += after[1]
        if i and sum(self._gaps[i - 1]) == start:
            before = self._gaps[i - 1]
            self._drop(*before)
            start, size = before[0], before[1] + size
        self._add(start, size)

    def _add(self, start: int, size: int) -> None:
        insort(self._gaps, (start, size))
        insort(self._fits, (size, start))

    def _drop(self, start: int, size: int) -> None:
        del self._gaps[bisect(self._gaps, (start,))]
        del self._fits[bisect(self._fits, (size, start)) - 1]


def padded(nbytes: int, align: int = ALIGN) -> int:
    """The bytes that a buffer takes in an arena, or another number up to the next multiple."""
    return -(-nbytes // align) * align


def largest_live(slots: Sequence[Slot]) -> int:
    """The most bytes that are needed at one step: no arena can be smaller."""
    change: dict[int, int] = {}
    for size, birth, death in slots:
        change[birth] = change.get(birth, 0) + size
        change[death + 1] = change.get(death + 1, 0) - size
    most = now = 0
    for step in sorted(change):
        now += change[step]
        most = max(most, now)
    return most


def arranged(slots: Sequence[Slot]) -> tuple[list[int], int]:
    """(an offset for each slot, the bytes of all) for slots in the order of their births."""
    found = _in_order(slots)
    goal = LIMIT * largest_live(slots)
    if found[1] > goal:
        better = packed(slots, goal)
        if better[0] and better[1] < found[1]:
            return better
    return found


def _in_order(slots: Sequence[Slot]) -> tuple[list[int], int]:
    """Offsets as values come and go.  O(slots * log(slots))."""
    arena = Arena()
    offsets: list[int] = []
    live: list[tuple[int, int, int]] = []  # (death, start, size)
    for size, birth, death in slots:
        while live and live[0][0] < birth:
            _, start, freed = heapq.heappop(live)
            arena.free(start, freed)
        offsets.append(arena.take(size))
        heapq.heappush(live, (death, offsets[-1], size))
    return offsets, arena.size


def packed(slots: Sequence[Slot], goal: float) -> tuple[list[int], int]:
    """(an offset for each slot, the bytes of all) that suit all of them together: within the goal where that is found.

    The largest first, each as low as those fit that live at the same time.  While that does not reach the goal, the
    slot that sticks out is put before all others.  O(slots ** 2) a round; no offsets for more slots than that allows.
    """
    best: tuple[list[int], int] = [], 0
    order = sorted(range(len(slots)), key=lambda i: (-slots[i][0], slots[i][1]))
    for _ in range(min(_ROUNDS, _WORK // max(len(slots), 1) ** 2)):
        offsets, size = _stacked(slots, order)
        if not best[0] or size < best[1]:
            best = offsets, size
        if size <= goal:
            break
        top = max(order, key=lambda i: offsets[i] + slots[i][0])
        order.remove(top)
        order.insert(0, top)
    return best


def _stacked(slots: Sequence[Slot], order: Sequence[int]) -> tuple[list[int], int]:
    """Offsets that are as low as they can be, given in this order."""
    offsets = [0] * len(slots)
    end = 0
    placed: list[tuple[int, int, int, int]] = []  # (start, end, birth, death), by start
    for i in order:
        size, birth, death = slots[i]
        at = 0
        for low, high, born, dead in placed:
            if born <= death and birth <= dead:
                if low - at >= size:
                    break
                at = max(at, high)
        offsets[i] = at
        insort(placed, (at, at + size, birth, death))
        end = max(end, at + size)
    return offsets, end
