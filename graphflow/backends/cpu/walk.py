"""The executor: one kernel that runs the kernels of a plan, one after the other."""

from __future__ import annotations

from typing import Any

from graphflow.backends.cpu.compile import call_kernel


def walk(rows: Any, status: Any, n: Any, tid: Any, nthreads: Any) -> None:
    """Call n kernels.

    rows    [n, 2]: the address of a kernel and that of its arguments
    status  int64[4]: a kernel that meets a bad value sets the first word; the walk then stops, and leaves the number
            of the kernel in the last word
    """
    for i in range(n):
        call_kernel(rows[2 * i], rows[2 * i + 1], tid, nthreads)
        if status[0] != 0:
            status[3] = i
            return
