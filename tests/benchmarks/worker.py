"""The side that runs: a process for each framework, in which only that one is imported."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from tests.benchmarks.frameworks import FRAMEWORKS
from tests.benchmarks.workloads import WORKLOADS

_STEPS = 3  # results that are compared before anything is measured


def serve(framework: str, threads: int, pipe: Any) -> None:
    """Build workloads and run them as often as the parent says."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    step = None
    while (order := pipe.recv()) is not None:
        try:
            if isinstance(order, str):
                start = time.perf_counter()
                step = FRAMEWORKS[framework](WORKLOADS[order], threads)
                results = [np.asarray(step())]
                first = time.perf_counter() - start
                results += [np.asarray(step()) for _ in range(_STEPS - 1)]
                pipe.send((first, results))
            else:
                times = []
                for _ in range(order):
                    start = time.perf_counter()
                    step()
                    times.append(time.perf_counter() - start)
                pipe.send(times)
        except Exception as error:  # told to the parent, which goes on with the others
            pipe.send(f"{type(error).__name__}: {error}".splitlines()[0])
