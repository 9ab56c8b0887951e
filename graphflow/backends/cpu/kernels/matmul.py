"""Products of matrices, plain or in batches, with either operand transposed.

A thread walks blocks of k, then blocks of its rows that stay in the cache, then panels of a few vectors of its columns,
then tiles: some rows of a panel, whose sums are in registers for a block of k.  Every element is summed in the order
of k, in memory between blocks: its value does not depend on the tile, on the thread or on their number.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import chain
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted, vector_bytes
from graphflow.backends.cpu.kernels.vectors import dots, row, shared
from graphflow.backends.cpu.microkernel import contract, transpose
from graphflow.backends.cpu.values import Pointer, Value
from graphflow.operation import Operation
from graphflow.shape import sizes

ROWS = 8, 8, 8  # of a tile, at most, for panels of 1, 2 and 3 vectors: 24 + 3 + 1 of the 32 registers of AVX-512
HALF = 6, 6, 4  # the same for the 16 registers of narrower vectors: 12 + 3 + 1
BLOCK_BYTES = 2048  # of a column of B, so that a panel stays in the second cache
NEAR_BYTES = 768  # the same for the first one: of A with its rows in columns, tiles take whole lines of the cache
BLOCK_ROWS = 128  # of A, which then stays there too, together with
GROUP = 5  # panels
MANY_ROWS = 32  # pay for copying B
FEW_ROWS = 8  # for which dot products are faster than turning B
AHEAD = 8  # rows of B that are fetched before they are copied
PAGE = 4096  # steps of so many bytes miss the cache of addresses
WORKERS = 64  # threads that share a product, at most: each has scratch memory
DIRECT, COPIED, TURNED, PACKED = range(4)  # how panels of B are read: where they are, from scratch memory, as they came


def product(
    code: Code, a: Pointer, b: Pointer, c: Pointer, team: Pointer, scratch: Pointer, batch: Value, m: Value, k: Value,
    n: Value, a_batch: Value, a_row: Value, a_column: Value, b_batch: Value, b_row: Value, reading: Value,
    limit: Value, part: Value, apart: Value, tail: Value, tid: Value, nthreads: Value, *, rows: tuple[int, ...],
) -> None:  # fmt: skip
    """C = A B.

    a, b      matrix i starts at i * a_batch, i * b_batch (0: one for all); A[i, p] is at i * a_row + p * a_column
    b_row     B[p, j] is at p * b_row + j; where it is turned, at j * b_row + p
    reading   of B: DIRECT, COPIED, TURNED or PACKED: there it is in panels (graphflow.ops.panels), and batch is 1
    limit     of k in a block
    part      elements of scratch memory for a group of panels
    apart     0, or where scratch memory has room for blocks of A, for each thread, which are copied there
    c         [batch, m, n]
    """
    lanes, vectors = code.lanes, len(rows)
    packed, given = reading != DIRECT, reading == PACKED
    store = scratch.cast(c.dtype)
    # Threads share images; within an image columns, or else rows, for which they pack panels together.
    everything = (n + lanes - 1) // lanes
    by_image = batch >= 2 * nthreads
    narrow = code.select(packed & ~given, everything < 4 * nthreads, (m >= 16 * nthreads) | (everything < nthreads))
    by_column, by_row = ~by_image & ~narrow, ~by_image & narrow

    workers = code.minimum(nthreads, WORKERS)

    def own_share(condition: Value, count: Value) -> tuple[Value, Value]:
        own = shared(code, condition, count, code.minimum(tid, workers), workers)
        return own[0], code.minimum(own[1], count)  # nothing for threads that are too many

    image_first, image_last = own_share(by_image, batch)
    left, right = (code.minimum(v * lanes, n) for v in own_share(by_column & ~given, everything))
    first, last = (code.minimum(pair * 2, m) for pair in own_share(by_row, (m + 1) // 2))
    wide = (right - left + lanes - 1) // lanes
    panels = (wide + vectors - 1) // vectors
    panel_first, panel_last = own_share(by_column & given, panels)
    groups = (panel_last - panel_first + GROUP - 1) // GROUP
    blocks = code.maximum((k + limit - 1) // limit, 1)
    deepest = (k + blocks - 1) // blocks
    beside = store.at(apart + tid * (deepest * BLOCK_ROWS))
    store = store.at(code.select(by_image, tid * part, left * deepest))

    def panel(q: Value) -> tuple[Value, Value]:
        """(its first column, how many vectors it has)"""
        start = wide * q // panels
        return left + start * lanes, wide * (q + 1) // panels - start

    with code.loop(image_first, image_last) as image, code.loop(0, blocks) as block, code.loop(0, groups) as group:
        start = k * block // blocks
        depth = k * (block + 1) // blocks - start
        some = panel_first + group * GROUP
        more = code.minimum(some + GROUP, panel_last)
        edges = panel(some)[0], code.minimum(panel(more)[0], right)
        own_a = a.at(image * a_batch + start * a_column)
        own_b = b.at(code.select(given, start * (everything * lanes), image * b_batch))
        # the next group goes beside this one, which slower threads may still be reading
        own = store.at(code.select(by_row, ((image * blocks + block) * groups + group) % 2 * part, 0))
        with code.when(packed):
            mine, others = own_share(by_row, more - some)
            with code.when(reading == COPIED), code.loop(0, depth) as p, code.loop(some + mine, some + others) as q:
                j, width = panel(q)
                into = own.at((j - edges[0]) * depth + p * width * lanes)
                _copy(code, own_b.at((start + p) * b_row + j), b_row, n - j, width, into)
            with code.when(reading == TURNED), code.loop(some + mine, some + others) as q:
                j, width = panel(q)
                into = own.at((j - edges[0]) * depth)
                _turn(code, own_b.at(j * b_row + start), b_row, depth, n - j, width, into)
            with code.when(by_row & ~given):
                code.barrier(team, tid, nthreads)
        with code.loop(first, last, BLOCK_ROWS) as top:
            bottom = code.minimum(top + BLOCK_ROWS, last)
            with code.when(apart > 0), code.loop(0, depth) as p:
                height = (bottom - top + lanes - 1) // lanes
                _copy(code, own_a.at(top + p * a_column), a_column, bottom - top, height, beside.at(p * BLOCK_ROWS))
            near_a = code.choose(apart > 0, beside, own_a.at(top * a_row))
            a_step = code.select(apart > 0, BLOCK_ROWS, a_column)
            with code.loop(some, more) as q:
                j, width = panel(q)
                near_b = code.choose(packed, own.at((j - edges[0]) * depth), own_b.at(start * b_row + j))
                near_b = code.choose(given, own_b.at(j * depth), near_b)
                b_step = code.select(packed, width * lanes, b_row)
                target = c.at((image * m + top) * n + j)
                for count in range(vectors, 0, -1):
                    with code.when(width == count):
                        code.apart(
                            partial(_tiles, rows=rows[count - 1], vectors=count), near_a, near_b, target, bottom - top,
                            depth, n, a_row, a_step, b_step, block, right - j,
                        )  # fmt: skip
            with code.when(block == blocks - 1):
                code.finish(tail, image * m + top, image * m + bottom, *edges)


def _tiles(
    code: Code, a: Pointer, b: Pointer, c: Pointer, m: Value, depth: Value, n: Value, a_row: Value, a_column: Value,
    b_row: Value, block: Value, columns: Value, *, rows: int, vectors: int,
) -> None:  # fmt: skip
    """C = A B for one panel, of which there are so many columns; C += A B for all blocks of k but the first."""
    lanes = code.lanes
    mask = code.lanes_below(columns - (vectors - 1) * lanes)
    more = (block > 0).splat(lanes)
    masks = [more] * (vectors - 1) + [mask & more]
    four = code.unrelated(a_row * 4)
    count = code.maximum((m + (rows - 1)) // rows, 1)
    least, higher = m // count, m % count  # tiles are as high as that, or one row higher
    top: Any = 0
    for height in range(rows, 0, -1):
        many = code.select(least == height, count - higher, code.select(least == height - 1, higher, 0))
        bottom = top + many * height
        with code.loop(top, bottom, height) as i:
            target = c.at(i * n)
            places = [[r * n + v * lanes for v in range(vectors)] for r in range(height)]
            before = [[target.load(p, lanes, mask) for p, mask in zip(ps, masks, strict=True)] for ps in places]
            for place in chain(*places):
                target.prefetch(place)
            sums = contract(
                code, before, [(depth, a_column, b_row)], a.at(i * a_row), b,
                lambda a, r: a.load(r // 4 * four + r % 4 * a_row),
                lambda b, v: b.load(v * lanes, lanes, mask if v == vectors - 1 else None),
            )  # fmt: skip
            for r in range(height):
                for v in range(vectors):
                    target.store(places[r][v], sums[r][v], mask if v == vectors - 1 else None)
        top = bottom


def _copy(code: Code, b: Pointer, b_row: Value, n: Value, width: Value, into: Pointer) -> None:
    """A row of a panel, `width` vectors wide; from its first column there are n."""
    lanes = code.lanes
    with code.loop(0, width) as v:
        b.prefetch(AHEAD * b_row + v * lanes, write=False)
        into.store(v * lanes, b.load(v * lanes, lanes, code.lanes_below(n - v * lanes)))


def _turn(code: Code, b: Pointer, b_row: Value, depth: Value, n: Value, width: Value, into: Pointer) -> None:
    """A panel from the transposed B, in squares.   Places past an edge get what belongs to the last one, and first."""
    side = min(8, code.lanes)
    with code.loop(0, depth, 8 * side) as top, code.loop(0, width * code.lanes, side) as j:
        columns = [b.at(code.minimum(j + i, n - 1) * b_row) for i in range(side)]
        with code.loop(top, code.minimum(top + 8 * side, depth), side) as p:
            inside = code.lanes_below(depth - p, side)
            turned = transpose(code, [column.load(p, side, inside) for column in columns])
            for i in reversed(range(side)):
                into.store(code.minimum(p + i, depth - 1) * width * code.lanes + j, turned[i])


_DTYPES = ("float32", "float64", "int32", "int64")


def matmul(op: Operation) -> Call | None:
    """None where batches broadcast in part, and for complex numbers."""
    a, b = op.inputs
    flip_a, flip_b = (bool(op.attrs[key]) for key in sorted(op.attrs))
    if a.dtype.name not in _DTYPES:
        return None
    left: Any = a.dims
    out: Any = op.output.dims
    m, n, k = out[-2], out[-1], left[-2 if flip_a else -1]
    batch = math.prod(out[:-2])
    steps = [_step(t.dims, out) for t in op.inputs]
    if None in steps:
        return None
    turned = n == 1
    if turned:  # a column lies in memory as a row does: C^T = B^T A^T
        a, b, m, n = b, a, 1, m
        flip_a, flip_b = not flip_b, not flip_a
        steps.reverse()
    a_row, a_column = (1, m) if flip_a else (k, 1)
    if m == 1 and not flip_b:
        kernel = Emitted(row, (), a.dtype.name)
        numbers: Any = (batch, k, n, steps[0], steps[1], int(turned))
        return Call(kernel, (a, b, op.output), numbers, takes_tail=True)
    if flip_b and (m == 1 or a_column == 1) and m <= FEW_ROWS:
        kernel = Emitted(dots, (), a.dtype.name)
        numbers = (batch, m, k, n, steps[0], a_row, steps[1], k, int(turned))
        return Call(kernel, (a, b, op.output), numbers, takes_tail=True)
    size = a.dtype.size
    lanes, rows = vector_bytes() // size, _rows()
    b_row = k if flip_b else n
    reading = TURNED if flip_b else COPIED if m >= MANY_ROWS else DIRECT
    limit = (NEAR_BYTES if flip_a else BLOCK_BYTES) // size
    depth = -(-k // max(-(-k // limit), 1))  # of the deepest block
    columns = -(-n // lanes) * lanes
    part = depth * min(columns, GROUP * len(rows) * lanes)
    copies = max(2, min(batch // 2, WORKERS))  # one for each thread that has images, or two that all threads share
    room = 0 if reading == DIRECT else max(part * copies, depth * columns)
    scattered = flip_a and a_column * size >= PAGE and n > lanes * len(rows)
    apart = max(room, 1) if scattered else 0
    room = apart + depth * BLOCK_ROWS * WORKERS if scattered else room
    numbers = (
        batch, m, k, n, steps[0], a_row, a_column, steps[1], b_row, reading, limit, part, apart,
    )  # fmt: skip
    kernel = Emitted(product, (("rows", rows),), a.dtype.name)
    return Call(kernel, (a, b, op.output, "team"), numbers, max(room * size, 64), takes_tail=True)


def _step(dims: Any, out: Any) -> int | None:
    """From the matrix of one batch element to that of the next: 0 when one matrix serves all; None for a mixture."""
    own = (1,) * (len(out) - len(dims)) + tuple(dims[:-2])
    if math.prod(own) == 1:
        return 0
    return dims[-1] * dims[-2] if own == tuple(out[:-2]) else None


# -- panels ----------------------------------------------------------------------------------------------------------
def panels(op: Operation) -> dict[str, int] | None:
    """The layout of the right side of a product; None where it is not worth it, or another kernel runs."""
    b = op.inputs[1]
    call = matmul(op) if len(sizes(b.dims)) == 2 and b.dtype.is_floating else None
    if call is None or call.function.write is not product or op.attrs["transpose_a"]:
        return None
    m, n = sizes(op.output.dims)
    if m < FEW_ROWS or n < vector_bytes() // b.dtype.size:
        return None
    return {"lanes": vector_bytes() // b.dtype.size, "vectors": len(_rows()), "depth": BLOCK_BYTES // b.dtype.size}


def to_panels(op: Operation) -> Call | None:
    b, attrs = op.inputs[0], op.attrs
    rows, columns = sizes(b.dims)
    k, n = (columns, rows) if attrs["transpose"] else (rows, columns)
    kernel = Emitted(pack, (), b.dtype.name)
    return Call(kernel, (b, op.output), (k, n, columns, int(attrs["transpose"]), attrs["vectors"], attrs["depth"]))


def pack(
    code: Code, b: Pointer, into: Pointer, k: Value, n: Value, b_row: Value, turned: Value, vectors: Value,
    limit: Value, tid: Value, nthreads: Value,
) -> None:  # fmt: skip
    """Panels of B (graphflow.ops.panels).   Threads share the panels."""
    lanes = code.lanes
    everything = (n + lanes - 1) // lanes
    count = (everything + vectors - 1) // vectors
    blocks = code.maximum((k + limit - 1) // limit, 1)
    first, last = code.share(count, tid, nthreads)
    with code.loop(0, blocks) as block, code.loop(first, last) as q:
        start = k * block // blocks
        depth = k * (block + 1) // blocks - start
        column = everything * q // count
        width = everything * (q + 1) // count - column
        j = column * lanes
        target = into.at(start * everything * lanes + j * depth)
        with code.either(turned > 0) as (flipped, plain):
            with flipped:
                _turn(code, b.at(j * b_row + start), b_row, depth, n - j, width, target)
            with plain, code.loop(0, depth) as p:
                _copy(code, b.at((start + p) * b_row + j), b_row, n - j, width, target.at(p * width * lanes))


def panels_matmul(op: Operation) -> Call | None:
    a, b = op.inputs
    (m, k), n = sizes(a.dims), op.attrs["columns"]
    kernel = Emitted(product, (("rows", _rows()),), a.dtype.name)
    numbers = (1, m, k, n, 0, k, 1, 0, 0, PACKED, op.attrs["depth"], 0, 0)
    return Call(kernel, (a, b, op.output, "team"), numbers, 64, takes_tail=True)


def _rows() -> tuple[int, ...]:
    """The most rows of a tile, by the vectors of a panel."""
    return ROWS if vector_bytes() == 64 else HALF


KERNELS = {"matmul": matmul, "to_panels": to_panels, "panels_matmul": panels_matmul}
