"""A driver for the simulator that counts, and that is as late as a real one may be: what is queued runs when one waits.

What is queued while something is captured runs in each replay, and then only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np


class Driver:
    """counts: launches and graphs that were queued, waits, copies that have come to (up) or from (down) the device."""

    def __init__(self, monkeypatch: Any) -> None:
        from graphflow.backends.cuda import shim

        self.counts: Counter[str] = Counter()
        self._queue: list[Callable[[], Any]] = []
        self._captured: list[Callable[[], Any]] | None = None
        self._pinned: list[np.ndarray] = []
        names = ("bound", "upload", "download", "copy", "pinned", "allocate")
        self._own = {name: getattr(shim, name) for name in names}
        for name in (*self._own, "wait", "captured"):
            monkeypatch.setattr(shim, name, getattr(self, name))

    def counted(self, run: Callable[[], Any]) -> dict[str, int]:
        """What a run takes."""
        before = self.counts.copy()
        run()
        return dict(self.counts - before)

    # -- in the place of the shim's functions --------------------------------------------------------------------------
    def bound(self, *given: Any) -> Callable[..., None]:
        run = self._own["bound"](*given)

        def launch(*numbers: int) -> None:
            self._put(lambda: run(*numbers), "launch")

        return launch

    def upload(self, target: Any, source: np.ndarray, stream: Any) -> None:
        self._copy("upload", "up", target, source, source)

    def download(self, source: Any, target: np.ndarray, stream: Any) -> None:
        self._copy("download", "down", source, target, target)

    def copy(self, target: Any, source: Any, stream: Any) -> None:
        self._put(lambda: self._own["copy"](target, source, stream), "launch")

    def pinned(self, nbytes: int) -> np.ndarray:
        self._pinned.append(self._own["pinned"](nbytes))
        return self._pinned[-1]

    def allocate(self, nbytes: int, what: str) -> Any:
        assert self._captured is None, "memory cannot be had while something is captured"
        return self._own["allocate"](nbytes, what)

    def wait(self, stream: Any) -> None:
        assert self._captured is None, "one cannot wait while something is captured"
        self.counts["wait"] += 1
        queue, self._queue = self._queue, []
        for do in queue:
            do()

    def captured(self, queue: Callable[[], None], stream: Any) -> Callable[[], None]:
        assert self._captured is None
        self._captured = made = []
        try:
            queue()
        finally:
            self._captured = None

        def replay() -> None:
            self.counts["graph"] += 1
            self._queue.extend(made)

        return replay

    def _copy(self, name: str, what: str, a: Any, b: Any, host: np.ndarray) -> None:
        if self._captured is not None:
            assert any(np.may_share_memory(host, p) for p in self._pinned), "only pinned memory is copied in a graph"

        def do() -> None:
            self.counts[what] += 1
            self._own[name](a, b, None)

        self._put(do, "")

    def _put(self, do: Callable[[], Any], what: str) -> None:
        if self._captured is not None:
            self._captured.append(do)
            return
        if what:
            self.counts[what] += 1
        self._queue.append(do)
