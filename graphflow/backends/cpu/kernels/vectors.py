"""Products of one or a few rows with a matrix, which is read once and as it lies: in long pieces of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.microkernel import contract, multiply_add, transpose, zeros
from graphflow.backends.cpu.values import Pointer, Value, size_of

TILES = ((4, 1), (1, 2))  # rows, and groups of columns, whose sums are in registers
ROWS = 8  # of B that are added to a row of C at a time
PIECE = 8192  # bytes of a row of C, which stay in the first cache


def shared(code: Code, condition: Value, count: Value, tid: Value, nthreads: Value) -> tuple[Value, Value]:
    """[from, to) of so many tasks for this thread; all of them unless the condition holds."""
    first, last = code.share(count, tid, nthreads)
    return code.select(condition, first, 0), code.select(condition, last, count)


def finish(
    code: Code, tail: Value, turned: Value, image: Value, n: Value, m: Value, first: Any, last: Any, left: Value,
    right: Value,
) -> None:  # fmt: skip
    """Run the epilogue on rows and columns of one image, which are columns and rows of the result if it is turned."""
    with code.when(turned > 0):
        code.finish(tail, image * n + left, image * n + right, 0, 1)
    with code.when(turned == 0):
        code.finish(tail, image * m + first, image * m + last, left, right)


def row(
    code: Code, a: Pointer, b: Pointer, c: Pointer, batch: Value, k: Value, n: Value, a_batch: Value, b_batch: Value,
    turned: Value, tail: Value, tid: Value, nthreads: Value,
) -> None:  # fmt: skip
    """c = a B for a row a, [k], and B [k, n]: rows of B times a number each.   turned: the result is a column.

    a, b     matrix i starts at i * a_batch, i * b_batch (0: one for all)
    c        [batch, n]
    """
    lanes = code.lanes
    by_image = batch >= 2 * nthreads
    image_first, image_last = shared(code, by_image, batch, tid, nthreads)
    left, right = (code.minimum(v * lanes, n) for v in shared(code, ~by_image, (n + lanes - 1) // lanes, tid, nthreads))
    with code.loop(image_first, image_last) as image:
        piece = PIECE // size_of(c.dtype)
        with code.loop(left, right, piece) as start:
            stop = code.minimum(start + piece, right)
            own = c.at(image * n)
            whole = k // ROWS * ROWS
            with code.when(k == 0), code.loop(start, stop) as j:
                own.store(j, 0)
            for first, last, count in ((0, whole, ROWS), (whole, k, 1)):
                with code.loop(first, last, count) as p:
                    factors = [a.load(image * a_batch + p + r).splat(lanes) for r in range(count)]
                    rows = [b.at(image * b_batch + (p + r) * n) for r in range(count)]
                    more = (p > 0).splat(lanes)
                    with code.loop(start, stop, lanes) as j:
                        inside = code.lanes_below(stop - j)
                        total = own.load(j, lanes, inside & more)
                        for factor, of_b in zip(factors, rows, strict=True):
                            total = multiply_add(code, factor, of_b.load(j, lanes, inside), total)
                        own.store(j, total, inside)
            finish(code, tail, turned, image, n, code.value(1), 0, 1, start, stop)


def dots(
    code: Code, a: Pointer, b: Pointer, c: Pointer, batch: Value, m: Value, k: Value, n: Value, a_batch: Value,
    a_row: Value, b_batch: Value, b_row: Value, turned: Value, tail: Value, tid: Value, nthreads: Value,
) -> None:  # fmt: skip
    """C = A B^T.   Every element is summed in one order, whatever tile it is in.

    a, b     matrix i starts at i * a_batch, i * b_batch (0: one for all); A[i, p] is at i * a_row + p, B so too
    turned   whether the result is a matrix of one column, which this one has as its one row
    c        [batch, m, n]
    """
    side = min(4, code.lanes)
    unit = side * TILES[-1][1]
    units = (n + unit - 1) // unit
    by_image = batch >= 2 * nthreads
    by_column = ~by_image & (units >= nthreads)
    image_first, image_last = shared(code, by_image, batch, tid, nthreads)
    left, right = (code.minimum(u * unit, n) for u in shared(code, by_column, units, tid, nthreads))
    first, last = shared(code, ~by_image & ~by_column, m, tid, nthreads)
    with code.loop(image_first, image_last) as image:
        own_b = b.at(image * b_batch)
        middle = first
        for height, groups in TILES:
            bottom = last if height == 1 else middle + (last - middle) // height * height
            with code.when(bottom > middle), code.loop(left, right, side * groups) as j:
                columns = [code.minimum(j + q, n - 1) * b_row for q in range(side * groups)]
                with code.loop(middle, bottom, height) as i:
                    rows = a.at(image * a_batch + i * a_row)
                    sums = _sums(code, rows, own_b, a_row, columns, k, height)
                    for r in range(height):
                        for g in range(groups):
                            start = j + g * side
                            found = _folded(code, sums[r][g * side : (g + 1) * side])
                            c.store((image * m + i + r) * n + start, found, code.lanes_below(right - start, side))
            middle = bottom
        with code.when(last > first):
            finish(code, tail, turned, image, n, m, first, last, left, right)


def _sums(
    code: Code, a: Pointer, b: Pointer, a_row: Value, columns: Sequence[Value], k: Value, height: int
) -> list[list[Value]]:
    """For each row and column a vector whose lanes add up to their product."""
    lanes = code.lanes
    whole = k // lanes
    rest = k - whole * lanes
    start = zeros(code, height, len(columns), a.dtype)
    sums = contract(
        code, start, [(whole, lanes, lanes)], a, b,
        lambda a, r: a.load(a_row * r, lanes), lambda b, q: b.load(columns[q], lanes),
    )  # fmt: skip
    inside = code.lanes_below(rest)
    return contract(
        code, sums, [(code.minimum(rest, 1), 0, 0)], a.at(whole * lanes), b.at(whole * lanes),
        lambda a, r: a.load(a_row * r, lanes, inside), lambda b, q: b.load(columns[q], lanes, inside),
    )  # fmt: skip


def _folded(code: Code, vectors: Sequence[Value]) -> Value:
    """The sums of the lanes of some vectors, as the lanes of one."""
    while vectors[0].lanes > len(vectors):
        half = vectors[0].lanes // 2
        vectors = [code.shuffle(v, v, range(half)) + code.shuffle(v, v, range(half, 2 * half)) for v in vectors]
    rows = transpose(code, vectors)
    while len(rows) > 1:
        rows = [x + y for x, y in zip(rows[::2], rows[1::2], strict=True)]
    return rows[0]
