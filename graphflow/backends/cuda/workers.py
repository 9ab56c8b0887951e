"""Kernels compiled side by side, by this process and others that help it: numba compiles one at a time, for a second.

They are started as commands, not forked or spawned: a program need not be importable, and CUDA survives no fork.
A worker says when it is ready, after a second or two, and then answers pickled jobs on its input with pickled machine
code; meanwhile this process compiles, from the other end of the list.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from threading import Thread

from graphflow.backends.base import cpu_count
from graphflow.backends.cuda.compile import Job
from graphflow.backends.cuda.worker import SCRIPT, code_of

Code = tuple[str, bytes]  # the name of a kernel, machine code
_PER_WORKER = 2  # kernels for which it is worth while to start one


def compiled(jobs: Sequence[Job], capability: tuple[int, int]) -> Iterator[tuple[Job, Code]]:
    """Each job with its code, as they are done.

    Those that fail are left out: they fail again where they are asked for.
    """
    waiting = deque(sorted(jobs, key=lambda job: -len(job.text())))
    done: SimpleQueue[tuple[Job, Code | None]] = SimpleQueue()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", SCRIPT, *map(str, capability)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        for _ in range(min(len(jobs) // _PER_WORKER, cpu_count() - 1))
    ]
    threads = [Thread(target=_drive, args=(worker, waiting, done), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        left = len(jobs)
        while left:
            try:
                mine = waiting.pop()
            except IndexError:  # the others are at the last ones
                job, made = done.get()
            else:
                job, made = mine, code_of(mine, capability)
            left -= 1
            if made is not None:
                yield job, made
    finally:
        for worker, thread in zip(workers, threads, strict=True):
            worker.kill()
            thread.join()
            with worker:  # closes its pipes
                pass


def _drive(worker: subprocess.Popen, waiting: deque[Job], done: SimpleQueue) -> None:
    """Give a worker that is ready one job after the other, the largest first."""
    assert worker.stdin is not None and worker.stdout is not None
    job = None
    try:
        pickle.load(worker.stdout)
        while waiting:
            job = waiting.popleft()
            pickle.dump((job.text(), *job[1:]), worker.stdin)
            worker.stdin.flush()
            done.put((job, pickle.load(worker.stdout)))
            job = None
    except (EOFError, OSError, IndexError):  # it has died, or another was quicker
        if job is not None:
            done.put((job, None))
