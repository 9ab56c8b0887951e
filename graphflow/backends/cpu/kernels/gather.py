"""Rows taken by their index.   An index out of range goes to status."""

from __future__ import annotations

import math

from graphflow.backends.base import Call
from graphflow.backends.cpu.kernels.scatter import gather_sizes
from graphflow.operation import Operation
from graphflow.shape import sizes

_DEPTH = 6  # coordinates of one element


def take(x, indices, y, status, batch, outer, n, m, inner, tid, nthreads):  # type: ignore
    """y[b, o, k] = x[b, o, indices[b, k]].

    x        [batch, outer, n, inner]
    indices  [batch, m]
    y        [batch, outer, m, inner]; threads share its rows
    """
    first, last = batch * outer * m * tid // nthreads, batch * outer * m * (tid + 1) // nthreads
    while first < last:
        block = first // m
        stop = min(last, (block + 1) * m)
        at = (block // outer - block) * m
        for row in range(first, stop):
            i = indices[at + row]
            if i < 0 or i >= n:
                status[0] = 1
                status[1] = at + row
                status[2] = i
                return
            p = block * n + i
            if inner == 1:
                y[row] = x[p]
            else:
                for j in range(inner):
                    y[row * inner + j] = x[p * inner + j]
        first = stop


def take_nd(x, indices, y, status, m, depth, inner, n0, n1, n2, n3, n4, n5, tid, nthreads):  # type: ignore
    """y[k] = x[indices[k, 0], ..., indices[k, depth - 1]].

    x        [n0, n1, ..., inner], the first `depth` of the n
    indices  [m, depth]
    y        [m, inner]; threads share its rows
    """
    dims = (n0, n1, n2, n3, n4, n5)
    for k in range(m * tid // nthreads, m * (tid + 1) // nthreads):
        row = 0
        for d in range(depth):
            i = indices[k * depth + d]
            if i < 0 or i >= dims[d]:
                status[0] = 1
                status[1] = k
                status[2] = i
                return
            row = row * dims[d] + i
        for j in range(inner):
            y[k * inner + j] = x[row * inner + j]


def outside(n: int) -> str:
    """The message for an index."""
    return f"indices[{{position}}] = {{value}} is out of range: it must be in [0, {n})"


def gather(op: Operation) -> Call | None:
    params, indices, axis = op.inputs
    found = gather_sizes(op, params, indices, axis)
    return None if found is None else Call(take, (params, indices, op.output, "status"), found, error=outside(found[2]))


def gather_nd(op: Operation) -> Call | None:
    params, indices = op.inputs
    dims, index_dims = sizes(params.dims), sizes(indices.dims)
    depth = index_dims[-1]
    if depth > _DEPTH or 0 in sizes(op.output.dims):
        return None
    error = f"indices[{{position}}] has {{value}}, which is out of range for shape {dims}"
    m, inner = math.prod(index_dims[:-1]), math.prod(dims[depth:])
    numbers = (m, depth, inner, *dims[:depth], *[1] * (_DEPTH - depth))
    return Call(take_nd, (params, indices, op.output, "status"), numbers, error=error)


KERNELS = {"gather": gather, "gather_nd": gather_nd}
