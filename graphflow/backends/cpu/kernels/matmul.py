"""Products of matrices, plain or in batches, with either operand transposed."""

from __future__ import annotations

import math
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.compile import finish
from graphflow.operation import Operation

FEW_ROWS = 16  # up to so many rows threads share the columns


def outer(a, b, c, batch, m, k, n, a_batch, a_row, a_column, b_batch, by_columns, tail, tid, nthreads):  # type: ignore
    """C = A B, two rows of C at a time; B [k, n] is read along its rows, A with any strides.

    a, b   batch i starts at i * a_batch, i * b_batch (0: one matrix for all); A[i, j] is at i * a_row + j * a_column
    c      [batch, m, n]
    by_columns   threads share columns instead of pairs of rows
    """
    pairs = (m + 1) // 2
    groups = (n + 15) // 16
    first, last = 0, batch * pairs
    left, right = 0, n
    if by_columns:
        left = min(16 * (groups * tid // nthreads), n)
        right = min(16 * (groups * (tid + 1) // nthreads), n)
    else:
        first, last = last * tid // nthreads, last * (tid + 1) // nthreads
    # blocks of B that stay in the cache while the rows of A pass by
    wide, deep = 512, 128
    task = first
    while task < last:
        image = task // pairs
        start = task % pairs
        stop = min(pairs, start + last - task)
        task += stop - start
        for i in range(2 * start, min(2 * stop, m)):
            for j in range(left, right):
                c[(image * m + i) * n + j] = 0
        for j0 in range(left, right, wide):
            width = min(wide, right - j0)
            for k0 in range(0, k, deep):
                depth = min(deep, k - k0)
                for pair in range(start, stop):
                    i = 2 * pair
                    a0 = image * a_batch + i * a_row + k0 * a_column
                    c0 = (image * m + i) * n + j0
                    b0 = image * b_batch + k0 * n + j0
                    triples = depth // 3
                    if i + 1 < m:
                        a1 = a0 + a_row
                        c1 = c0 + n
                        for _ in range(triples):
                            p0, p1, p2 = a[a0], a[a0 + a_column], a[a0 + 2 * a_column]
                            q0, q1, q2 = a[a1], a[a1 + a_column], a[a1 + 2 * a_column]
                            b1 = b0 + n
                            b2 = b1 + n
                            for j in range(width):
                                x, y, z = b[b0 + j], b[b1 + j], b[b2 + j]
                                c[c0 + j] += p0 * x + p1 * y + p2 * z
                                c[c1 + j] += q0 * x + q1 * y + q2 * z
                            a0 += 3 * a_column
                            a1 += 3 * a_column
                            b0 += 3 * n
                        for _ in range(depth - 3 * triples):
                            p0, q0 = a[a0], a[a1]
                            for j in range(width):
                                x = b[b0 + j]
                                c[c0 + j] += p0 * x
                                c[c1 + j] += q0 * x
                            a0 += a_column
                            a1 += a_column
                            b0 += n
                    else:
                        for _ in range(triples):
                            p0, p1, p2 = a[a0], a[a0 + a_column], a[a0 + 2 * a_column]
                            b1 = b0 + n
                            b2 = b1 + n
                            for j in range(width):
                                c[c0 + j] += p0 * b[b0 + j] + p1 * b[b1 + j] + p2 * b[b2 + j]
                            a0 += 3 * a_column
                            b0 += 3 * n
                        for _ in range(depth - 3 * triples):
                            p0 = a[a0]
                            for j in range(width):
                                c[c0 + j] += p0 * b[b0 + j]
                            a0 += a_column
                            b0 += n
        finish(tail, image * m + 2 * start, image * m + min(2 * stop, m), left, right)


def inner(a, b, c, batch, m, k, n, a_batch, a_row, a_column, b_batch, by_columns, tail, tid, nthreads):  # type: ignore
    """C = A B^T by dot products, four columns of C at a time; B [n, k] is read along its rows.   Otherwise as outer."""
    quads = (n + 3) // 4
    first, last = 0, batch * m
    left, right = 0, quads
    if by_columns:
        left, right = quads * tid // nthreads, quads * (tid + 1) // nthreads
    else:
        first, last = last * tid // nthreads, last * (tid + 1) // nthreads
    for quad in range(left, right):
        j = 4 * quad
        for row in range(first, last):
            image = row // m
            a0 = image * a_batch + row % m * a_row
            b0 = image * b_batch + j * k
            at = row * n + j
            if j + 3 < n:
                b1, b2, b3 = b0 + k, b0 + 2 * k, b0 + 3 * k
                c[at], c[at + 1], c[at + 2], c[at + 3] = 0, 0, 0, 0
                s0, s1, s2, s3 = c[at], c[at + 1], c[at + 2], c[at + 3]
                for t in range(k):
                    x = a[a0 + t * a_column]
                    s0 += x * b[b0 + t]
                    s1 += x * b[b1 + t]
                    s2 += x * b[b2 + t]
                    s3 += x * b[b3 + t]
                c[at], c[at + 1], c[at + 2], c[at + 3] = s0, s1, s2, s3
            else:
                for q in range(n - j):
                    c[at + q] = 0
                    s = c[at + q]
                    for t in range(k):
                        s += a[a0 + t * a_column] * b[b0 + q * k + t]
                    c[at + q] = s
    finish(tail, first, last, 4 * left, min(4 * right, n))


# the order of a sum is free, so that it can be vectorised; NaN and infinities stay what they are
outer.fastmath = inner.fastmath = {"contract", "reassoc", "nsz"}  # type: ignore[attr-defined]


def matmul(op: Operation) -> Call | None:
    """None where batches broadcast in part, and for complex numbers that are conjugated."""
    a, b = op.inputs
    flip_a, flip_b = (bool(flag) for flag in op.attrs.values())
    if a.dtype.is_complex and op.type != "MatMul":
        return None
    left: Any = a.dims
    out: Any = op.output.dims
    m, n, k = out[-2], out[-1], left[-2 if flip_a else -1]
    batch = math.prod(out[:-2])
    steps = [_step(t.dims, out) for t in op.inputs]
    if None in steps:
        return None
    a_row, a_column = (1, m) if flip_a else (k, 1)
    few = batch == 1 and m <= FEW_ROWS
    sizes: Any = (batch, m, k, n, steps[0], a_row, a_column, steps[1], int(few))
    return Call(inner if flip_b else outer, (a, b, op.output), sizes, takes_tail=True)


def _step(dims: Any, out: Any) -> int | None:
    """From the matrix of one batch element to that of the next: 0 when one matrix serves all; None for a mixture."""
    own = (1,) * (len(out) - len(dims)) + tuple(dims[:-2])
    if math.prod(own) == 1:
        return 0
    return dims[-1] * dims[-2] if own == tuple(out[:-2]) else None


KERNELS = {"matmul": matmul}
