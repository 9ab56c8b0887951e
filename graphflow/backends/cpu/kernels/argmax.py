"""The index of the largest or smallest element along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphflow.backends.base import Call
from graphflow.operation import Operation
from graphflow.ops.static import static_value


def largest(x, out, outer, n, inner, tid, nthreads):  # type: ignore
    """out[i, k] = the first j where x[i, j, k] is largest, and no NaN.   x [outer, n, inner], n > 0."""
    for at in range(outer * inner * tid // nthreads, outer * inner * (tid + 1) // nthreads):
        start = at // inner * n * inner + at % inner
        best = x[start]
        where = 0
        for j in range(1, n):
            v = x[start + j * inner]
            if v > best or (best != best and v == v):
                best = v
                where = j
        out[at] = where


def smallest(x, out, outer, n, inner, tid, nthreads):  # type: ignore
    """As largest, for the first smallest element."""
    for at in range(outer * inner * tid // nthreads, outer * inner * (tid + 1) // nthreads):
        start = at // inner * n * inner + at % inner
        best = x[start]
        where = 0
        for j in range(1, n):
            v = x[start + j * inner]
            if v < best or (best != best and v == v):
                best = v
                where = j
        out[at] = where


def _bound_to(kernel: Callable) -> Callable[[Operation], Call | None]:
    def bind(op: Operation) -> Call | None:
        """None where the axis is known only when running, and for an empty axis, which the reference refuses."""
        x, dimension = op.inputs
        axis = static_value(dimension)
        dims: Any = x.dims
        if axis is None or not -len(dims) <= int(axis.item()) < len(dims):
            return None
        at = int(axis.item()) % len(dims)
        if dims[at] == 0:
            return None
        return Call(kernel, (x, op.output), (math.prod(dims[:at]), dims[at], math.prod(dims[at + 1 :])))

    return bind


KERNELS = {"argmax": _bound_to(largest), "argmin": _bound_to(smallest)}
