"""Teams of threads that run plans together, and how many threads there are to be."""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import time

import numpy as np

from graphflow.backends.base import cpu_count
from graphflow.backends.cpu.compile import Kernels
from graphflow.backends.cpu.walk import BUSY, DISMISS, HAS_TEAMS, MEMBERS, READY, TEAM_WORDS, WAIT, WORK
from graphflow.config import current
from graphflow.store import aligned

_Native = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)  # gives the GIL back


def thread_count(asked: int = 0) -> int:
    """Threads for a session that asks for so many; 0 leaves it to GRAPHFLOW_THREADS, or to the CPUs of the process."""
    return asked or current().threads or cpu_count() if HAS_TEAMS else 1


class Team:
    """Threads that wait for runs: Python threads in a native loop, without the GIL.   members: the caller's too."""

    def __init__(self, kernels: Kernels, members: int) -> None:
        self.words = aligned((TEAM_WORDS,), np.dtype(np.int64))
        self.words[:] = 0
        self.words[0] = kernels.address(WAIT, (), 0)
        self.words[MEMBERS] = members
        work = _Native(kernels.address(WORK, (), 0))
        self._dismiss = _Native(kernels.address(DISMISS, (), 0))
        self._threads = [
            threading.Thread(target=work, args=(self.address, tid, members), daemon=True, name=f"graphflow-{tid}")
            for tid in range(1, members)
        ]
        for thread in self._threads:
            thread.start()
        while self.words[READY] < members - 1:
            time.sleep(0)
        atexit.register(self.close)

    @property
    def thread_ids(self) -> list[int]:
        """What the system calls the threads other than the caller's."""
        return [thread.native_id or 0 for thread in self._threads]

    @property
    def address(self) -> int:
        return self.words.ctypes.data

    def close(self) -> None:
        """Stop the threads, before the memory with their code is given back."""
        self._dismiss(self.address, 0, 1)
        for thread in self._threads:
            thread.join()


class Teams:
    """A team for each number of threads, made when it is first wanted; a forked process makes its own."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self._teams: dict[int, Team] = {}
        self._lost: list[Team] = []
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def of(self, members: int) -> Team:
        with self._lock:
            if members not in self._teams:
                self._teams[members] = Team(self._kernels, members)
            return self._teams[members]

    def _forget(self) -> None:
        """In a child process: threads are not inherited, so plans that know these teams run alone from now on."""
        for team in self._teams.values():
            team.words[BUSY] = 1
            atexit.unregister(team.close)
        self._lost += self._teams.values()
        self._teams = {}
        self._lock = threading.Lock()
