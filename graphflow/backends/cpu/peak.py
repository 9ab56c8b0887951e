"""The arithmetic peak of this machine: multiply-adds that stay in vector registers, on so many threads at once."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable

import numpy as np

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.compile import Kernels
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.values import Pointer, Value

_CHAINS = 12  # independent sums: two units that each take four cycles need eight
_ROUNDS = 500_000  # about 2 ms
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def _multiply_add(code: Code, sums: Pointer, n: Value, tid: Value, nthreads: Value) -> None:
    start = [code.number(i, "float32", code.lanes) for i in range(_CHAINS)]
    ends = code.repeat(0, n, start, lambda i, *values: [code.fma(v, 0.5, 1.0) for v in values])
    for i, end in enumerate(ends):
        sums.store((tid * _CHAINS + i) * code.lanes, end)


def _kernel(kernels: Kernels) -> tuple[Callable, int]:
    """(the compiled loop, how many FLOPs one thread's call makes)."""
    loop = Emitted(_multiply_add)
    lanes = loop.vector_bytes // 4
    return _KERNEL(kernels.address(loop, ("float32",), 1)), 2 * lanes * _CHAINS * _ROUNDS


def peak(kernels: Kernels, threads: int, tries: int = 10) -> float:
    """FLOP/s in float32, the best of some tries; every thread starts when all are there, and the last one counts."""
    kernel, flop = _kernel(kernels)
    sums = np.zeros(threads * flop // _ROUNDS, np.float32)
    block = np.array([sums.ctypes.data, _ROUNDS], np.int64)
    barrier = threading.Barrier(threads)
    spans = np.zeros((tries, threads, 2))

    def run(tid: int) -> None:
        for attempt in range(tries):
            barrier.wait()
            start = time.perf_counter()
            kernel(block.ctypes.data, tid, threads)
            spans[attempt, tid] = start, time.perf_counter()

    team = [threading.Thread(target=run, args=(tid,)) for tid in range(threads)]
    for member in team:
        member.start()
    for member in team:
        member.join()
    seconds = spans[..., 1].max(axis=1) - spans[..., 0].min(axis=1)
    return threads * flop / seconds.min()
