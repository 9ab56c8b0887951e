"""Tensors made of few numbers: one-hot rows, ranges, and one number everywhere."""

from __future__ import annotations

import math

from graphflow.backends.base import Call
from graphflow.operation import Operation
from graphflow.ops.static import static_value
from graphflow.shape import sizes


def hot_rows(indices, on, off, y, outer, n, inner, tid, nthreads):  # type: ignore
    """y[o, j, i] = on if indices[o, i] is j, else off.   y [outer, n, inner]; threads share the first."""
    yes, no = on[0], off[0]
    for o in range(outer * tid // nthreads, outer * (tid + 1) // nthreads):
        if inner == 1:
            where = indices[o]
            for j in range(n):
                y[o * n + j] = yes if where == j else no
        else:
            for j in range(n):
                for i in range(inner):
                    y[(o * n + j) * inner + i] = yes if indices[o * inner + i] == j else no


def steps(start, delta, y, n, tid, nthreads):  # type: ignore
    """y[i] = start + i * delta, worked out in the dtype of y."""
    for i in range(n * tid // nthreads, n * (tid + 1) // nthreads):
        y[i] = i
        y[i] = start[0] + y[i] * delta[0]


def one_hot(op: Operation) -> Call | None:
    """None where the depth is known only when running."""
    indices, depth, on, off = op.inputs
    if static_value(depth) is None:
        return None
    dims, axis = sizes(op.output.dims), op.attrs["axis"]
    at = axis % len(dims)
    return Call(hot_rows, (indices, on, off, op.output), (math.prod(dims[:at]), dims[at], math.prod(dims[at + 1 :])))


def range_(op: Operation) -> Call | None:
    """None where the number of elements is known only when running."""
    start, limit, delta = op.inputs
    if any(static_value(t) is None for t in (start, limit, delta)):
        return None
    return Call(steps, (start, delta, op.output), sizes(op.output.dims))


KERNELS = {"one_hot": one_hot, "range": range_}
