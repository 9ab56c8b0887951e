"""The executor: one kernel that runs the kernels of a plan, one after the other, and what it needs besides."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.backends.cpu.compile import call_kernel, pointer


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


def relocate(table: Any, arrays: Any, n: Any, head: Any, tid: Any, nthreads: Any) -> None:
    """Write the data addresses of arrays that are new in every run to where kernels look for them.

    table   [n, 2]: the address of an argument, and which array it is
    arrays  [1]: the address of the Python list of these arrays
    head    the words before an object's own fields.  The first field of an array is its data address, by NumPy's C
            interface; those of a list are its length and the address of its items
    """
    items = pointer(pointer(arrays, 0, np.int64), head + 1, np.int64)
    for i in range(n):
        argument = pointer(table, 2 * i, np.int64)
        argument[0] = pointer(items, table[2 * i + 1], np.int64)[head]


def count_draw(draws: Any, tid: Any, nthreads: Any) -> None:
    """A random op has drawn: uint64[2] of Store.draws."""
    draws[1] += np.uint64(1)
