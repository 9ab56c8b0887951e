"""What sessions run while somebody records it: `graphflow view program.py` and its like look at it afterwards."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from graphflow.backends.base import Executable
from graphflow.backends.clock import KEPT
from graphflow.debug import Profile
from graphflow.operation import Program


@dataclass
class Recorded:
    """What a session ran, for feeds of one shape: its plans, how often and how long it ran.

    compiling   seconds until it could run
    spans       (begin, duration) of its last runs in nanoseconds, and the thread that made each
    """

    asked: Program
    profiles: Sequence[Profile]
    compiling: float
    runs: int = 0
    seconds: float = 0.0
    spans: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=KEPT))

    @property
    def name(self) -> str:
        """The names of what was fetched and run."""
        return ", ".join([*(t.name for t in self.asked.fetches), *(op.name for op in self.asked.targets)])


_records: list[Recorded] | None = None


def recording() -> bool:
    """Whether somebody wants to know what is run."""
    return _records is not None


@contextmanager
def record() -> Iterator[list[Recorded]]:
    """A list that gets what sessions run in the block, each shape of the feeds once.  Runs are measured, and slower."""
    global _records
    before, _records = _records, []
    try:
        yield _records
    finally:
        _records = before


def recorded(asked: Program, profiles: Sequence[Profile], executable: Executable, compiling: float) -> Executable:
    """The executable, whose runs are counted."""
    assert _records is not None
    found = Recorded(asked, profiles, compiling)
    _records.append(found)

    def run(feeds: list[np.ndarray]) -> list[np.ndarray]:
        start = time.perf_counter_ns()
        results = executable(feeds)
        spent = time.perf_counter_ns() - start
        found.seconds += 1e-9 * spent
        found.spans.append((start, spent, threading.get_native_id()))
        found.runs += 1
        return results

    return run
