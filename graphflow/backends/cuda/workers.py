"""Kernels compiled side by side by other processes: numba compiles one at a time in each, for a second or so.

They are started as commands, not forked or spawned: a program need not be importable, and CUDA survives no fork.
Each answers pickled jobs on its input with pickled machine code.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue

from graphflow.backends.base import cpu_count
from graphflow.backends.cuda.compile import Job

_PER_WORKER = 2  # kernels for which it is worth while to start one


def compiled(jobs: Sequence[Job], capability: tuple[int, int]) -> Iterator[tuple[Job, tuple[str, bytes]]]:
    """(job, (name of the kernel, machine code)) as they are done, largest first.

    Those that fail are left out: they fail again where they are asked for.
    """
    count = min(len(jobs) // _PER_WORKER, cpu_count())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", f"from {__name__} import main; main()", *map(str, capability)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) for _ in range(count)
    ]
    free: SimpleQueue[subprocess.Popen] = SimpleQueue()
    for process in processes:
        free.put(process)

    def one(job: Job) -> tuple[str, bytes] | None:
        process = free.get()
        assert process.stdin is not None and process.stdout is not None
        try:
            pickle.dump((job.text(), *job[1:]), process.stdin)
            process.stdin.flush()
            made: tuple[str, bytes] | None = pickle.load(process.stdout)
        except (EOFError, OSError):  # it has died
            return None
        finally:
            free.put(process)
        return made

    try:
        with ThreadPoolExecutor(count) as pool:
            waiting = {pool.submit(one, job): job for job in sorted(jobs, key=lambda j: -len(j.text()))}
            for done in as_completed(waiting):
                made = done.result()
                if made is not None:
                    yield waiting[done], made
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def main() -> None:
    """What a worker runs; its arguments are the compute capability."""
    capability = int(sys.argv[1]), int(sys.argv[2])
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what else prints does not get between
    while True:
        try:
            job = Job(*pickle.load(sys.stdin.buffer))
        except EOFError:
            return
        try:
            made = job.compile(capability)
        except Exception:
            made = None
        pickle.dump(made, answers)
        answers.flush()
