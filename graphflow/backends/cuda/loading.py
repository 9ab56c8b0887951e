"""Compiled kernels, from this process, from others that help it, or from the disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphflow.backends.base import cpu_count
from graphflow.backends.cache import Cache
from graphflow.backends.cuda import shim, workers
from graphflow.backends.cuda.compile import Job, function_of

_MANY = 4  # kernels, from which on processes are started for them
_CORES = 4  # of a machine that has some to spare


class Kernels:
    """Loaded kernels, each compiled once in a process and once on a machine.

    compiled, loaded   how many were compiled by this process, and how many came from the disk
    """

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.compiled = 0
        self.loaded = 0
        self._found: dict[Job, Any] = {}

    def prepare(self, jobs: Iterable[Job]) -> None:
        """Compile what many kernels want, side by side.  A kernel that fails does so again when it is asked for."""
        if shim.SIMULATED:
            return
        missing = []
        for job in dict.fromkeys(jobs):
            if job not in self._found and not self._load(job):
                missing.append(job)
        if len(missing) < _MANY or cpu_count() < _CORES:
            return
        for job, made in workers.compiled(missing, shim.capability()):
            self._keep(job, made)

    def get(self, job: Job) -> Any:
        """The kernel, ready to be launched."""
        found = self._found.get(job)
        if found is not None:
            return found
        if shim.SIMULATED:
            self.compiled += 1
            self._found[job] = shim.interpreted(function_of(job.kernel))
        elif not self._load(job):
            self._keep(job, job.compile(shim.capability())[:2])
        return self._found[job]

    def _load(self, job: Job) -> bool:
        blob = self.cache.load(job.key(shim.capability()))
        if blob is None:
            return False
        name, code = blob.split(b"\0", 1)
        self._found[job] = shim.loaded(name.decode(), code)
        self.loaded += 1
        return True

    def _keep(self, job: Job, made: tuple[str, bytes]) -> None:
        name, code = made
        self.cache.save(job.key(shim.capability()), name.encode() + b"\0" + code)
        self._found[job] = shim.loaded(name, code)
        self.compiled += 1
