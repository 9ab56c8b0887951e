"""Products of matrices, plain or in batches, with either operand transposed.

A thread walks blocks of k, then blocks of its rows that stay in the cache, then panels of a few vectors of its columns,
then tiles: some rows of a panel, whose sums are in registers for a block of k.  Every element is summed in the order
of k, in memory between blocks: its value does not depend on the tile, on the thread or on their number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.backends.base import Call
from graphflow.backends.cpu.microkernel import contract, transpose
from graphflow.backends.cpu.vector import Code, Emitted, Pointer, Value, vector_bytes
from graphflow.operation import Operation

ROWS = (8, 4, 2, 1)  # of a tile; a binary number of tiles of 8 leaves one of each of the others at most
VECTORS = 3  # of a panel, at most: 24 sums, 3 vectors of B and one of A are 28 registers of AVX-512
HALF = (4, 2, 1), 2  # the same for the 16 registers of narrower vectors: 8 + 2 + 1
BLOCK_BYTES = 2048  # of a column of B, so that a panel stays in the second cache
BLOCK_ROWS = 96  # of A, which then stays there too
DIRECT, COPIED, TURNED = range(3)  # how panels of B are read: where they are, or from scratch memory


def product(
    code: Code, a: Pointer, b: Pointer, c: Pointer, team: Pointer, scratch: Pointer, batch: Value, m: Value, k: Value,
    n: Value, a_batch: Value, a_row: Value, a_column: Value, b_batch: Value, b_row: Value, reading: Value, part: Value,
    tail: Value, tid: Value, nthreads: Value, *, rows: tuple[int, ...], vectors: int,
) -> None:  # fmt: skip
    """C = A B.

    a, b      matrix i starts at i * a_batch, i * b_batch (0: one for all); A[i, p] is at i * a_row + p * a_column
    b_row     B[p, j] is at p * b_row + j; where it is turned, at j * b_row + p
    reading   DIRECT, COPIED or TURNED
    part      the elements of a packed block of k, for all columns
    c         [batch, m, n]
    """
    lanes = code.lanes
    packed = reading != DIRECT
    store = Pointer(code, code.builder.bitcast(scratch.address, c.address.type), c.dtype)
    # Threads share images; within an image columns, or rows, for which they pack panels together.
    everything = (n + lanes - 1) // lanes
    by_image = batch >= 2 * nthreads
    by_column = (
        ~by_image & (everything >= nthreads) & code.select(packed, everything >= 4 * nthreads, m < 16 * nthreads)
    )
    by_row = ~by_image & ~by_column

    def shared(condition: Value, count: Value) -> tuple[Value, Value]:
        first, last = code.share(count, tid, nthreads)
        return code.select(condition, first, 0), code.select(condition, last, count)

    image_first, image_last = shared(by_image, batch)
    left, right = (code.minimum(v * lanes, n) for v in shared(by_column, everything))
    first, last = (code.minimum(quad * 4, m) for quad in shared(by_row, (m + 3) // 4))
    wide = (right - left + lanes - 1) // lanes
    panels = (wide + vectors - 1) // vectors
    blocks = code.maximum((k * np.dtype(c.dtype).itemsize + BLOCK_BYTES - 1) // BLOCK_BYTES, 1)
    store = store.at(code.select(by_image, tid * part, left * ((k + blocks - 1) // blocks)))

    def panel(q: Value) -> tuple[Value, Value]:
        """(its first column, how many vectors it has)"""
        start = wide * q // panels
        return left + start * lanes, wide * (q + 1) // panels - start

    with code.loop(image_first, image_last) as image, code.loop(0, blocks) as block:
        start = k * block // blocks
        depth = k * (block + 1) // blocks - start
        own_a = a.at(image * a_batch + start * a_column)
        own_b = b.at(image * b_batch)
        # the next block goes beside this one, which slower threads may still be reading
        own = store.at(code.select(by_row, (image * blocks + block) % 2 * part, 0))
        with code.when(packed):
            some, more = shared(by_row, panels)
            with code.loop(some, more) as q:
                j, width = panel(q)
                into = own.at((j - left) * depth)
                with code.when(reading == COPIED):
                    _copy(code, own_b.at(start * b_row + j), b_row, depth, n - j, width, into)
                with code.when(reading == TURNED):
                    _turn(code, own_b.at(j * b_row + start), b_row, depth, n - j, width, into)
            with code.when(by_row):
                code.barrier(team, tid, nthreads)
        with code.loop(first, last, BLOCK_ROWS) as top:
            bottom = code.minimum(top + BLOCK_ROWS, last)
            with code.loop(0, panels) as q:
                j, width = panel(q)
                step = code.select(packed, width * lanes, b_row)
                address = code.builder.select(
                    packed.value, own.at((j - left) * depth).address, own_b.at(start * b_row + j).address
                )
                for count in range(vectors, 0, -1):
                    with code.when(width == count):
                        mask = code.lanes_below(right - j - (count - 1) * lanes)
                        _tiles(code, own_a.at(top * a_row), Pointer(code, address, b.dtype),
                               c.at((image * m + top) * n + j), bottom - top, depth, n, a_row, a_column, step,
                               block > 0, mask, rows, count)  # fmt: skip
            with code.when(block == blocks - 1):
                code.finish(tail, image * m + top, image * m + bottom, left, right)


def _tiles(
    code: Code, a: Pointer, b: Pointer, c: Pointer, m: Value, depth: Value, n: Value, a_row: Value, a_column: Value,
    b_row: Value, more: Value, mask: Value, rows: tuple[int, ...], vectors: int,
) -> None:  # fmt: skip
    """C = A B for one panel, or C += A B where there is `more` than this block of k; the mask is of the last vector."""
    lanes = code.lanes
    all_lanes = code.number(1, "bool", lanes)
    masks = [all_lanes] * (vectors - 1) + [mask]
    top: Any = 0
    for height in rows:
        bottom = m if height == 1 else m // height * height
        with code.loop(top, bottom, height) as i:
            target = c.at(i * n)
            places = [[r * n + v * lanes for v in range(vectors)] for r in range(height)]
            before = [[target.load(p, lanes, mask & more) for p, mask in zip(ps, masks, strict=True)] for ps in places]
            sums = contract(
                code, before, [(depth, a_column, b_row)], a.at(i * a_row), b,
                lambda a, r: a.load(a_row * r),
                lambda b, v: b.load(v * lanes, lanes, mask if v == vectors - 1 else None),
            )  # fmt: skip
            for r in range(height):
                for v in range(vectors):
                    target.store(places[r][v], sums[r][v], mask if v == vectors - 1 else None)
        top = bottom


def _copy(code: Code, b: Pointer, b_row: Value, depth: Value, n: Value, width: Value, into: Pointer) -> None:
    """The panel that starts at b, `width` vectors wide, row after row; of its columns there are n."""
    lanes = code.lanes
    with code.loop(0, depth) as p, code.loop(0, width) as v:
        found = b.load(p * b_row + v * lanes, lanes, code.lanes_below(n - v * lanes))
        into.store((p * width + v) * lanes, found)


def _turn(code: Code, b: Pointer, b_row: Value, depth: Value, n: Value, width: Value, into: Pointer) -> None:
    """The same from the transposed B, in squares of vectors."""
    lanes = code.lanes
    with code.loop(0, width) as v:
        columns = [b.at(code.minimum(v * lanes + i, n - 1) * b_row) for i in range(lanes)]
        with code.loop(0, depth, lanes) as p:
            inside = code.lanes_below(depth - p)
            turned = transpose(code, [column.load(p, lanes, inside) for column in columns])
            for i in reversed(range(lanes)):  # rows past the end go to the last one, before that is written
                into.store((code.minimum(p + i, depth - 1) * width + v) * lanes, turned[i])


_DTYPES = ("float32", "float64", "int32", "int64")


def matmul(op: Operation) -> Call | None:
    """None where batches broadcast in part, and for complex numbers."""
    a, b = op.inputs
    flip_a, flip_b = (bool(flag) for flag in op.attrs.values())
    if a.dtype.name not in _DTYPES:
        return None
    left: Any = a.dims
    out: Any = op.output.dims
    m, n, k = out[-2], out[-1], left[-2 if flip_a else -1]
    batch = math.prod(out[:-2])
    steps = [_step(t.dims, out) for t in op.inputs]
    if None in steps:
        return None
    a_row, a_column = (1, m) if flip_a else (k, 1)
    reading = TURNED if flip_b else DIRECT
    width = vector_bytes()
    size = a.dtype.size
    lanes = width // size
    blocks = -(-k * size // BLOCK_BYTES)
    part = -(-k // max(blocks, 1)) * -(-n // lanes) * lanes
    copies = max(2, min(batch // 2, 64))  # one for each thread that has images, or two that all threads share
    rows, vectors = (ROWS, VECTORS) if width == 64 else HALF
    sizes: Any = (batch, m, k, n, steps[0], a_row, a_column, steps[1], k if flip_b else n, reading, part)
    kernel = Emitted(product, (("rows", rows), ("vectors", vectors)), a.dtype.name)
    scratch = 64 if reading == DIRECT else max(part * copies * size, 64)
    return Call(kernel, (a, b, op.output, "team"), sizes, scratch, takes_tail=True)


def _step(dims: Any, out: Any) -> int | None:
    """From the matrix of one batch element to that of the next: 0 when one matrix serves all; None for a mixture."""
    own = (1,) * (len(out) - len(dims)) + tuple(dims[:-2])
    if math.prod(own) == 1:
        return 0
    return dims[-1] * dims[-2] if own == tuple(out[:-2]) else None


KERNELS = {"matmul": matmul}
