"""A clock around the steps of a plan, for runs that are measured."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

KEPT = 1000  # runs that are remembered, the last ones


class Clock:
    """How long each step of a plan took, run after run.  A step that has nothing to do is never measured."""

    def __init__(self, steps: int) -> None:
        self._spans: list[deque[tuple[int, int]]] = [deque(maxlen=KEPT) for _ in range(steps)]

    def around(self, number: int, part: Callable) -> Callable:
        """`part`, measured as step `number` whenever it is called and does not raise."""
        add = self._spans[number].append

        def measured(*arguments: Any, **named: Any) -> Any:
            start = perf_counter_ns()
            result = part(*arguments, **named)
            add((start, perf_counter_ns() - start))
            return result

        return measured

    @property
    def runs(self) -> int:
        """How many runs have been measured, of those that are remembered."""
        return max(map(len, self._spans), default=0)

    def seconds(self) -> list[float | None]:
        """The median of each step, None for a step that was not measured."""
        return [1e-9 * statistics.median(t for _, t in spans) if spans else None for spans in self._spans]

    def last(self) -> list[tuple[int, int] | None]:
        """(begin, duration) in nanoseconds of the last time of each step, None for a step that was not measured."""
        return [spans[-1] if spans else None for spans in self._spans]

    def spans(self, number: int) -> list[tuple[int, int]]:
        """(begin, duration) in nanoseconds of a step in every run that is remembered."""
        return list(self._spans[number])
