"""Copies between any two layouts: transpose, slices, reverse and tile are one kernel with other strides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.backends.base import Call
from graphflow.errors import OpError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef
from graphflow.ops.slicing import STRIDED_SLICE, moving_entries
from graphflow.ops.static import partial_value, static_value
from graphflow.shape import sizes

LOOPS = 6  # as many as a kernel has; layouts that need more run the reference
MOVING = 4  # entries of begin that are known only when running
_AREA = 4096  # elements of a tile
_WIDTH = 16  # columns of a tile when x is better read down than across
_SHORT = 8  # an innermost loop of fewer steps changes places with the longest one

Loop = tuple[int, int, int]  # size, stride in x, stride in y
Layout = tuple[tuple[int, ...], int, list[int]]  # shape, start, strides


def copy(  # type: ignore
    x, y, start, n0, x0, y0, n1, x1, y1, n2, x2, y2, n3, x3, y3, rows, x4, y4, columns, x5, y5, height, width,
    tid, nthreads,
):  # fmt: skip
    """y[i0 * y0 + ...] = x[start + i0 * x0 + ...] for six loops.   Threads share tiles of the two innermost."""
    lengths, x_strides, y_strides = (n3, n2, n1, n0), (x3, x2, x1, x0), (y3, y2, y1, y0)
    down = (rows + height - 1) // height
    across = (columns + width - 1) // width
    tiles = n0 * n1 * n2 * n3 * down * across
    for tile in range(tiles * tid // nthreads, tiles * (tid + 1) // nthreads):
        left = tile % across * width
        top = tile // across % down * height
        p, q = start + left * x5, left * y5
        outer = tile // across // down
        for d in range(4):
            i = outer % lengths[d]
            outer = outer // lengths[d]
            p += i * x_strides[d]
            q += i * y_strides[d]
        wide = min(width, columns - left)
        for row in range(top, min(top + height, rows)):
            a, b = p + row * x4, q + row * y4
            if x5 == 1 and y5 == 1:
                for j in range(wide):
                    y[b + j] = x[a + j]
            else:
                for j in range(wide):
                    y[b + j * y5] = x[a + j * x5]


def copy_from(  # type: ignore
    x, begin, y, status, start, entry0, stride0, low0, high0, wrap0, entry1, stride1, low1, high1, wrap1, entry2,
    stride2, low2, high2, wrap2, entry3, stride3, low3, high3, wrap3, n0, x0, y0, n1, x1, y1, n2, x2, y2, n3, x3, y3,
    rows, x4, y4, columns, x5, y5, height, width, tid, nthreads,
):  # fmt: skip
    """As copy, from where four entries of begin say: each is in [low, high), and if negative counts from `wrap`."""
    for entry, stride, low, high, wrap in (
        (entry0, stride0, low0, high0, wrap0), (entry1, stride1, low1, high1, wrap1),
        (entry2, stride2, low2, high2, wrap2), (entry3, stride3, low3, high3, wrap3),
    ):  # fmt: skip
        at = begin[entry]
        if at < low or at >= high:
            status[0] = 1
            status[1] = entry
            status[2] = at
            return
        start += stride * (at + wrap if at < 0 else at)
    copy(
        x, y, start, n0, x0, y0, n1, x1, y1, n2, x2, y2, n3, x3, y3, rows, x4, y4, columns, x5, y5, height, width,
        tid, nthreads,
    )  # fmt: skip


def copied(x: Tensor, y: Tensor, dims: Sequence[int], start: int, strides: Sequence[int]) -> Call | None:
    """The call that fills y, seen as an array of shape `dims`, from the elements of x with these strides."""
    loops = collapse(dims, strides, contiguous(dims))
    if len(loops) > LOOPS:
        return None
    columns = loops[-1] if loops and loops[-1][0] >= _SHORT else max(loops, default=(1, 0, 1))
    others = [loop for loop in loops if loop is not columns]
    rows = min(others, key=lambda loop: abs(loop[1]), default=(1, 0, 0))
    outer = [loop for loop in others if loop is not rows]
    blocked = 0 < abs(rows[1]) < abs(columns[1])
    width = max(1, min(columns[0], max(_WIDTH, _AREA // max(1, rows[0])) if blocked else _AREA))
    padding = [(1, 0, 0)] * (LOOPS - 2 - len(outer))
    return Call(copy, (x, y), (start, *flat([*padding, *outer, rows, columns]), _AREA // width, width))


def collapse(dims: Sequence[int], x: Sequence[int], y: Sequence[int]) -> list[Loop]:
    """Loops over `dims`, outermost first: those of one step vanish, neighbours that follow on in x and y become one."""
    loops: list[Loop] = []
    for n, a, b in zip(dims, x, y, strict=True):
        if n == 1:
            continue
        if loops and loops[-1][1:] == (a * n, b * n):
            loops[-1] = (loops[-1][0] * n, a, b)
        else:
            loops.append((n, a, b))
    return loops


def flat(loops: Sequence[tuple[int, ...]]) -> list[int]:
    return [number for loop in loops for number in loop]


def contiguous(dims: Sequence[int]) -> list[int]:
    """The strides of an array in C order."""
    return [math.prod(dims[i + 1 :]) for i in range(len(dims))]


def layout(view: OpDef, dims: tuple[int, ...], *values: Any, **attrs: Any) -> Layout | None:
    """Where the elements that `view` takes of an array of shape `dims` lie in it; None where it refuses the values.

    Its reference gives a view in NumPy; here it works on an array that has an address and no memory.
    """
    whole = np.lib.stride_tricks.as_strided(np.empty(1, np.int8), dims, contiguous(dims))
    try:
        part = view.reference(whole, *values, **attrs)  # type: ignore[misc]
    except OpError:
        return None
    if not dims:  # NumPy gives numbers instead of views of 0-d arrays
        return np.shape(part), 0, [0] * np.ndim(part)
    return part.shape, part.ctypes.data - whole.ctypes.data, list(part.strides)


def rearranged(op: Operation) -> Call | None:
    """A copy of a view.   None where the view is known only when running, and for values that the reference refuses."""
    x, *rest = op.inputs
    values = [static_value(t) for t in rest]
    if any(v is None for v in values):
        return None
    found = layout(op.definition, sizes(x.dims), *values, **op.attrs)
    return None if found is None else copied(x, op.output, *found)


def tile(op: Operation) -> Call | None:
    """Each axis is two loops, and the input stands still in the first."""
    x, multiples = op.inputs
    times, dims = static_value(multiples), sizes(x.dims)
    if times is None or times.shape != (len(dims),) or (times < 0).any():
        return None
    pairs = zip(times.tolist(), dims, contiguous(dims), strict=True)
    both = [entry for m, n, stride in pairs for entry in ((m, 0), (n, stride))]
    return copied(x, op.output, [n for n, _ in both], 0, [stride for _, stride in both])


def sliced(op: Operation) -> Call | None:
    """A slice; where it begins may be known only when running."""
    x, begin, _ = op.inputs
    call = rearranged(op)
    if call is not None or static_value(begin) is not None:
        return call
    known = partial_value(begin)
    dims, out = sizes(x.dims), sizes(op.output.dims)
    starts = [None] * len(dims) if known is None else known.tolist()
    strides = contiguous(dims)
    moving = [(i, strides[i], 0, dims[i] - out[i] + 1, 0) for i, b in enumerate(starts) if b is None]
    if any(b is not None and b + m > n for b, m, n in zip(starts, out, dims, strict=True)):
        return None
    start = sum(b * stride for b, stride in zip(starts, strides, strict=True) if b is not None)
    return _copied_from(op, (out, start, strides), moving)


def strided(op: Operation) -> Call | None:
    """A strided slice; single indices may be known only when running."""
    x, *bounds = op.inputs
    call = rearranged(op)
    if call is None and static_value(bounds[0]) is None:
        found = moving_layout(bounds, sizes(x.dims), op.attrs)
        call = None if found is None else _copied_from(op, *found)
    return call


def moving_layout(
    bounds: Sequence[Tensor], dims: tuple[int, ...], attrs: dict[str, int]
) -> tuple[Layout, list[tuple[int, ...]]] | None:
    """Where a strided slice lies that begins at 0 where its begin is known only when running, and how far it moves.

    That is for each such entry of begin: which it is, its stride, the lowest value, what is above the highest, and what
    a negative one counts from.   None where there is more that is not known.
    """
    entries = moving_entries(bounds, len(dims), attrs)
    if not entries or len(entries) > MOVING or 0 in dims:
        return None
    values = []
    for t in bounds:
        known = partial_value(t)
        n = sizes(t.dims)[0]
        values.append(np.array([0 if v is None else v for v in ([0] * n if known is None else known.tolist())]))
    found = layout(STRIDED_SLICE, dims, *values, **attrs)
    if found is None:
        return None
    return found, [(i, contiguous(dims)[axis], -dims[axis], dims[axis], dims[axis]) for i, axis in entries]


def moving_numbers(moving: Sequence[tuple[int, ...]]) -> list[int]:
    """What a kernel gets of them: MOVING times five numbers."""
    unused = (0, 0, -(2**62), 2**62, 0)
    return flat([*moving, *[unused] * (MOVING - len(moving))])


def outside(dims: tuple[int, ...]) -> str:
    """The message for an index."""
    return f"index {{value}}, entry {{position}} of begin, is out of range for shape {dims}"


def _copied_from(op: Operation, found: Layout, moving: Sequence[tuple[int, ...]]) -> Call | None:
    x, begin, *_ = op.inputs
    call = copied(x, op.output, *found)
    if call is None or len(moving) > MOVING:
        return None
    start, *loops = call.sizes
    numbers = (start, *moving_numbers(moving), *loops)
    return Call(copy_from, (x, begin, op.output, "status"), numbers, error=outside(sizes(x.dims)))


KERNELS = {
    "transpose": rearranged,
    "slice": sliced,
    "strided_slice": strided,
    "reverse": rearranged,
    "tile": tile,
}
