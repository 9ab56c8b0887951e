"""When the steps of a plan ran, and on which threads, in runs that are measured: by perf_counter_ns."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import numpy as np

KEPT = 1000  # runs that are remembered, the last ones
_BYTES = 2**24  # of a part, which has fewer runs remembered when they take more

_SHORTEST = 250  # nanoseconds of a wait: less is the way from one kernel to the next
_NEVER = np.iinfo(np.int64).max
CALLER = 0  # in the place of a thread's id: the thread that made the run


@dataclass(frozen=True)
class _Part:
    """What is measured in one go: a step, or the rows of a native call.

    steps    the step that each row belongs to, negative for none
    threads  the ids of the threads that may take part
    runs     what came of it in each run: int64 [threads, rows, 2], begin and end of what a thread did of a row, zeros
             where it did nothing
    """

    steps: Sequence[int]
    threads: Sequence[int]
    runs: deque[Any]


class Clock:
    """How long each step of a plan took, run after run.  A step that has nothing to do is never measured."""

    def __init__(self, parts: Iterable[_Part] = ()) -> None:
        self._parts = list(parts)

    def around(self, number: int, part: Callable) -> Callable:
        """`part`, measured as step `number` whenever it is called and does not raise."""
        runs: deque[Any] = deque(maxlen=KEPT)
        self._parts.append(_Part([number], [CALLER], runs))
        add = runs.append

        def measured(*arguments: Any, **named: Any) -> Any:
            start = perf_counter_ns()
            result = part(*arguments, **named)
            add(((start, perf_counter_ns()),))
            return result

        return measured

    def around_native(
        self, steps: Sequence[int], threads: Sequence[int], stamps: np.ndarray, part: Callable
    ) -> Callable:
        """`part`, which leaves in `stamps`, int64 [threads, rows, 2] of zeros, when its rows began and ended.

        steps, threads   see _Part
        """
        runs: deque[Any] = deque(maxlen=max(1, min(KEPT, _BYTES // max(1, stamps.nbytes))))
        self._parts.append(_Part(steps, threads, runs))

        def measured() -> None:
            part()
            runs.append(stamps.copy())
            stamps.fill(0)

        return measured

    def last(self) -> Clock:
        """A clock that knows the last run only, and keeps it."""
        return Clock([_Part(p.steps, p.threads, deque([p.runs[-1]])) for p in self._parts if p.runs])

    # -- what was measured -------------------------------------------------------------------------------------------
    def shares(self) -> dict[int, list[dict[int, tuple[int, int]]]]:
        """By step and run: by the id of each thread that took part, begin and duration of what it did, in ns."""
        found: dict[int, list[dict[int, tuple[int, int]]]] = {}
        for part in [part for part in self._parts if part.runs]:
            times = np.array(part.runs, np.int64).reshape(-1, len(part.threads), len(part.steps), 2)
            for step in {n for n in part.steps if n >= 0}:
                own = times[:, :, [row for row, n in enumerate(part.steps) if n == step]]
                begin = np.where(own[..., 0] > 0, own[..., 0], _NEVER).min(axis=2).tolist()
                end = own[..., 1].max(axis=2).tolist()
                runs = [
                    {t: (b, e - b) for t, b, e in zip(part.threads, begins, ends, strict=True) if e}
                    for begins, ends in zip(begin, end, strict=True)
                ]
                before = found.get(step)  # a step may have several parts
                found[step] = runs if before is None else list(map(_both, before, runs))
        ran = {step: [run for run in runs if run] for step, runs in sorted(found.items())}
        return {step: runs for step, runs in ran.items() if runs}

    def spans(self) -> dict[int, list[tuple[int, int]]]:
        """By step: (begin, duration) in nanoseconds in each run, until the last thread was done."""
        return {step: [_whole(run) for run in runs] for step, runs in self.shares().items()}

    def waits(self) -> Iterator[tuple[int, int, int]]:
        """(id of the thread, begin, duration) of what threads that took part in a native call waited for each other."""
        for part in self._parts:
            for times in part.runs if len(part.threads) > 1 else ():
                busy = {t: rows[rows[:, 1] > 0] for t, rows in zip(part.threads, times, strict=True) if rows.any()}
                first = min((rows[0, 0] for rows in busy.values()), default=0)
                last = max((rows[-1, 1] for rows in busy.values()), default=0)
                for thread, rows in busy.items() if len(busy) > 1 else ():
                    ends, begins = [first, *rows[:, 1].tolist()], [*rows[:, 0].tolist(), last]
                    for end, begin in zip(ends, begins, strict=True):
                        if begin - end >= _SHORTEST:
                            yield thread, int(end), int(begin - end)

    @property
    def runs(self) -> int:
        """How many runs have been measured, of those that are remembered."""
        return max((len(part.runs) for part in self._parts), default=0)

    def seconds(self) -> dict[int, float]:
        """By step: the median."""
        return {step: 1e-9 * statistics.median(s for _, s in spans) for step, spans in self.spans().items()}


def _both(a: dict[int, tuple[int, int]], b: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """From the begin of the one part of a run to the end of the other, by thread."""
    return {t: _whole({i: part[t] for i, part in enumerate((a, b)) if t in part}) for t in {**a, **b}}


def _whole(run: dict[int, tuple[int, int]]) -> tuple[int, int]:
    begin = min(b for b, _ in run.values())
    return begin, max(b + s for b, s in run.values()) - begin
