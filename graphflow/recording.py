"""What sessions run while somebody records it: `graphflow view program.py` and its like look at it afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from graphflow.backends.base import Executable
from graphflow.debug import Profile
from graphflow.operation import Program


@dataclass
class Recorded:
    """What a session ran, for feeds of one shape: its plans, how often and how long it ran."""

    asked: Program
    profiles: Sequence[Profile]
    runs: int = 0
    seconds: float = 0.0

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


def recorded(asked: Program, profiles: Sequence[Profile], executable: Executable) -> Executable:
    """The executable, whose runs are counted."""
    assert _records is not None
    found = Recorded(asked, profiles)
    _records.append(found)

    def run(feeds: list[np.ndarray]) -> list[np.ndarray]:
        start = time.perf_counter()
        results = executable(feeds)
        found.seconds += time.perf_counter() - start
        found.runs += 1
        return results

    return run
