"""Rows taken by their index, and rows added up by it.   An index out of range goes to status."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphflow.backends.base import Call
from graphflow.operation import Operation, Tensor
from graphflow.ops.static import static_value
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


def add_rows(dy, indices, dx, status, batch, outer, n, m, inner, drops, tid, nthreads):  # type: ignore
    """dx[b, o, indices[b, k]] += dy[b, o, k], from zero and in the order of k.

    dy       [batch, outer, m, inner]
    indices  [batch, m]; with `drops`, rows whose index is negative are left out
    dx       [batch, outer, n, inner]; threads share the n, so that each row has one that adds to it
    """
    low, high = n * tid // nthreads, n * (tid + 1) // nthreads
    for block in range(batch * outer):
        for j in range((block * n + low) * inner, (block * n + high) * inner):
            dx[j] = 0
        at = block // outer * m
        for k in range(m):
            i = indices[at + k]
            if i >= n or (i < 0 and drops == 0):
                status[0] = 1
                status[1] = at + k
                status[2] = i
                return
            if low <= i < high:
                p, q = (block * m + k) * inner, (block * n + i) * inner
                for j in range(inner):
                    dx[q + j] += dy[p + j]


def _error(n: int) -> str:
    return f"index {{value}} is out of range: it must be in [0, {n})"


def _sizes(op: Operation, wide: Tensor, indices: Tensor, axis: Tensor) -> tuple[int, ...] | None:
    """(batch, outer, n, m, inner) of what rows are taken out of, or added to.

    None where the axis is known only when running, where the reference refuses shapes, and without elements: then the
    reference has only the indices to look at.
    """
    dims, index_dims, value = sizes(wide.dims), sizes(indices.dims), static_value(axis)
    b: Any = op.attrs["batch_dims"]
    if value is None or not -len(dims) <= int(value.item()) < len(dims):
        return None
    at = int(value.item()) % len(dims)
    if at < b or dims[:b] != index_dims[:b] or _empty(op):
        return None
    return _products(dims[:b], dims[b:at], dims[at : at + 1], index_dims[b:], dims[at + 1 :])


def _products(*parts: Sequence[int]) -> tuple[int, ...]:
    return tuple(math.prod(part) for part in parts)


def _empty(op: Operation) -> bool:
    return 0 in sizes(op.output.dims)


def gather(op: Operation) -> Call | None:
    params, indices, axis = op.inputs
    found = _sizes(op, params, indices, axis)
    return None if found is None else Call(take, (params, indices, op.output, "status"), found, error=_error(found[2]))


def gather_nd(op: Operation) -> Call | None:
    params, indices = op.inputs
    dims, index_dims = sizes(params.dims), sizes(indices.dims)
    depth = index_dims[-1]
    if depth > _DEPTH or _empty(op):
        return None
    error = f"index {{value}} in coordinates {{position}} is out of range for shape {dims}"
    m, inner = _products(index_dims[:-1], dims[depth:])
    numbers = (m, depth, inner, *dims[:depth], *[1] * (_DEPTH - depth))
    return Call(take_nd, (params, indices, op.output, "status"), numbers, error=error)


def gather_grad(op: Operation) -> Call | None:
    """None where the shape of the output is known only when running, or does not go with the gradient."""
    dy, indices, axis, shape = op.inputs
    found = _sizes(op, op.output, indices, axis)
    if found is None or static_value(shape) is None or math.prod(sizes(dy.dims)) != math.prod(found) // found[2]:
        return None
    return Call(add_rows, (dy, indices, op.output, "status"), (*found, 0), error=_error(found[2]))


def segment_sum(op: Operation) -> Call | None:
    data, ids, number = op.inputs
    given, dims, id_dims = static_value(number), sizes(data.dims), sizes(ids.dims)
    if given is None or dims[: len(id_dims)] != id_dims or _empty(op):
        return None
    n, m, inner = int(given), *_products(id_dims, dims[len(id_dims) :])
    return Call(add_rows, (data, ids, op.output, "status"), (1, 1, n, m, inner, 1), error=_error(n))


KERNELS = {"gather": gather, "gather_nd": gather_nd, "gather_grad": gather_grad, "segment_sum": segment_sum}
