"""A clock around the steps of a plan, for runs that are measured."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

_KEPT = 1000  # runs that are remembered, the last ones


class Clock:
    """How long each step of a plan took, run after run.  A step that has nothing to do is never measured."""

    def __init__(self, steps: int) -> None:
        self._nanoseconds: list[deque[int]] = [deque(maxlen=_KEPT) for _ in range(steps)]
        self._begun = [0] * steps  # when each step began the last time

    def around(self, number: int, part: Callable) -> Callable:
        """`part`, measured as step `number` whenever it is called and does not raise."""
        add, begun = self._nanoseconds[number].append, self._begun

        def measured(*arguments: Any, **named: Any) -> Any:
            start = perf_counter_ns()
            result = part(*arguments, **named)
            add(perf_counter_ns() - start)
            begun[number] = start
            return result

        return measured

    @property
    def runs(self) -> int:
        """How many runs have been measured, of those that are remembered."""
        return max(map(len, self._nanoseconds), default=0)

    def seconds(self) -> list[float | None]:
        """The median of each step, None for a step that was not measured."""
        return [1e-9 * statistics.median(times) if times else None for times in self._nanoseconds]

    def last(self) -> list[tuple[int, int] | None]:
        """(begin, duration) in nanoseconds of the last time of each step, None for a step that was not measured."""
        return [(start, times[-1]) if times else None
                for start, times in zip(self._begun, self._nanoseconds, strict=True)]  # fmt: skip
