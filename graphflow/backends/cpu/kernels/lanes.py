"""Images side by side: numbers [n, count] become [blocks, count, lanes], and back, in squares that fit registers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphflow.backends.base import Call
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted, vector_bytes
from graphflow.backends.cpu.microkernel import transpose
from graphflow.backends.cpu.values import Pointer, Value, size_of
from graphflow.operation import Operation
from graphflow.shape import sizes

PIECE = 32  # squares that a thread takes together


def _pieces(code: Code, n: Value, count: Value) -> tuple[Value, Value]:
    """(pieces of a block, pieces in all)"""
    pieces = (count + (PIECE * code.lanes - 1)) // (PIECE * code.lanes)
    return pieces, (n + (code.lanes - 1)) // code.lanes * pieces


def to_lanes(code: Code, x: Pointer, y: Pointer, n: Value, count: Value, tid: Value, nthreads: Value) -> None:
    """y [blocks, count, lanes] from x [n, count]; lanes without an image are 0.   Threads share pieces of blocks."""
    lanes = code.lanes
    pieces, total = _pieces(code, n, count)
    first, last = code.share(total, tid, nthreads)
    with code.loop(first, last) as task:
        block, start = task // pieces, task % pieces * (PIECE * lanes)
        images = [code.minimum(block * lanes + lane, n - 1) * count for lane in range(lanes)]
        live = [(block * lanes + lane < n) for lane in range(lanes)]
        with code.loop(start, code.minimum(start + PIECE * lanes, count), lanes) as j:
            inside = code.lanes_below(count - j)
            rows = [code.select(there, x.load(image + j, lanes, inside), code.number(0, x.dtype, lanes))
                    for image, there in zip(images, live, strict=True)]  # fmt: skip
            _store(code, y.at((block * count + j) * lanes), transpose(code, rows), count - j)


def _store(code: Code, y: Pointer, vectors: Sequence[Value], left: Value) -> None:
    """The first `left` of these vectors, one after the other."""
    with code.either(left >= len(vectors)) as (all_, some):
        with all_:
            for i, v in enumerate(vectors):
                y.store(i * code.lanes, v)
        with some:
            for i, v in enumerate(vectors):
                with code.when(left > i):
                    y.store(i * code.lanes, v)


def from_lanes(code: Code, x: Pointer, y: Pointer, n: Value, count: Value, tid: Value, nthreads: Value) -> None:
    """y [n, count] from x [blocks, count, lanes].   Threads share pieces of blocks."""
    lanes = code.lanes
    pieces, total = _pieces(code, n, count)
    first, last = code.share(total, tid, nthreads)
    with code.loop(first, last) as task:
        block, start = task // pieces, task % pieces * (PIECE * lanes)
        with code.loop(start, code.minimum(start + PIECE * lanes, count), lanes) as j:
            inside = code.lanes_below(count - j)
            vectors = [x.load((block * count + code.minimum(j + i, count - 1)) * lanes, lanes) for i in range(lanes)]
            for lane, row in enumerate(transpose(code, vectors)):
                image = block * lanes + lane
                with code.when(image < n):
                    y.store(image * count + j, row, inside)


def _call(op: Operation, write: object, images: tuple[int, ...]) -> Call | None:
    dtype = op.output.dtype.name
    if op.attrs["lanes"] != vector_bytes() // size_of(dtype):
        return None
    return Call(Emitted(write, (), dtype), (op.inputs[0], op.output), (images[0], math.prod(images[1:])))  # type: ignore


KERNELS = {
    "to_lanes": lambda op: _call(op, to_lanes, sizes(op.inputs[0].dims)),
    "from_lanes": lambda op: _call(op, from_lanes, sizes(op.output.dims)),
}
