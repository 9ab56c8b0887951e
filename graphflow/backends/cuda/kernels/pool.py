"""Max and average pooling of NHWC images, forward and backward: a thread for each number of the result.

Places outside of the image are never the first maximum, and averages leave them out.  Backward every number of the
image looks at the windows that it is in: nothing is added up in memory.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cuda.launch import Pointer, call, each_element
from graphflow.backends.cuda.regions import Epilogue, Source
from graphflow.operation import Operation, Tensor
from graphflow.ops.windows import pool_border
from graphflow.shape import sizes

_SIZES = ("count", "h", "w", "c", "oh", "ow", "top", "left")
_WRITTEN_OUT = 16
Pair = tuple[int, int]


def _walk(source: Source, window: Pair, lines: Sequence[str]) -> None:
    """The lines for each place of the window at cx, cy: `inside` of the image or not, at yy, xx with the number v.

    Places of small windows are written out one by one: loops in loops of threads that go apart cost more.
    """

    def place() -> None:
        source.add("inside = (yy >= 0) & (yy < h) & (xx >= 0) & (xx < w)")
        source.add("v = fetch(x, ((image + yy) * w + xx) * c + k, inside, zero)", *lines)

    if window[0] * window[1] <= _WRITTEN_OUT:
        for dy in range(window[0]):
            for dx in range(window[1]):
                source.add(f"yy = cy + {dy}", f"xx = cx + {dx}")
                place()
        return
    source.open(f"for tap in range({window[0] * window[1]}):")
    source.add(f"yy = cy + tap // {window[1]}", f"xx = cx + tap % {window[1]}")
    place()
    source.close()


def _size(window: Pair) -> str:
    """How many places of the window at cx, cy are inside of the image."""
    return f"(min(cy + {window[0]}, h) - max(cy, 0)) * (min(cx + {window[1]}, w) - max(cx, 0))"


@functools.lru_cache(256)
def forward(window: Pair, strides: Pair, mean: bool, dtype: str, after: Epilogue) -> str:
    """(x, *pointers of the epilogue, *sizes)"""
    source = Source(["x", *after.pointers(), *_SIZES])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add("k = mod32(i, c)", "at = div32(i, c)", "ox = mod32(at, ow)", "row = div32(at, ow)")
    source.add("oy = mod32(row, oh)", "image = div32(row, oh) * h", f"zero = {dtype}(0)")
    source.add(f"cy = oy * {strides[0]} - top", f"cx = ox * {strides[1]} - left")
    if mean:
        source.add("best = zero")
        _walk(source, window, ["best = best + v"])
        source.add(f"best = best / {dtype}({_size(window)})")
    else:
        source.add("best = x[((image + max(cy, 0)) * w + max(cx, 0)) * c + k]")
        _walk(source, window, ["best = where(inside & (((v > best) & (best == best)) | (v != v)), v, best)"])
    source.add(after.call("best", "at", "k", "c"))
    return after.define() + str(source)


@functools.lru_cache(256)
def backward(window: Pair, strides: Pair, mean: bool, dtype: str, after: Epilogue) -> str:
    """(x unless it is for the mean, dy, *pointers of the epilogue, *sizes)"""
    source = Source([*([] if mean else ["x"]), "dy", *after.pointers(), *_SIZES])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add("k = mod32(i, c)", "at = div32(i, c)", "px = mod32(at, w)", "row = div32(at, w)")
    source.add(
        "py = mod32(row, h)", "number = div32(row, h)", "image = number * h", f"zero = {dtype}(0)", "total = zero"
    )
    for axis, size, stride, before in (("y", window[0], strides[0], "top"), ("x", window[1], strides[1], "left")):
        source.add(f"low{axis} = max(p{axis} + {before} - {size - 1} + {stride - 1}, 0) // {stride}")
        source.add(f"high{axis} = min((p{axis} + {before}) // {stride} + 1, o{'h' if axis == 'y' else 'w'})")
    source.open("for oy in range(lowy, highy):")
    source.open("for ox in range(lowx, highx):")
    source.add("g = dy[((number * oh + oy) * ow + ox) * c + k]")
    source.add(f"cy = oy * {strides[0]} - top", f"cx = ox * {strides[1]} - left")
    if mean:
        source.add(f"total = total + g / {dtype}({_size(window)})")
    else:
        source.add("y0 = max(cy, 0)", "x0 = max(cx, 0)", "best = x[((image + y0) * w + x0) * c + k]")
        source.add("first = y0 * w + x0")
        better = "better = inside & ((v > best) | (v != v)) & (best == best)"
        _walk(source, window, [better, "best = where(better, v, best)", "first = where(better, yy * w + xx, first)"])
        source.add("total = total + where(first == py * w + px, g, zero)")
    source.close()
    source.close()
    source.add(after.call("total", "at", "k", "c"))
    return after.define() + str(source)


def _call(
    op: Operation, pointers: tuple[Tensor, ...], images: Tensor, made: Tensor, mean: bool, after: Epilogue,
    finished: tuple[Pointer, ...],
) -> Call | None:  # fmt: skip
    """None when the shapes do not belong together, which the reference reports."""
    border = pool_border(op, images, made)
    if border is None:
        return None
    (n, h, w, c), (_, oh, ow, _) = sizes(images.dims), sizes(made.dims)
    attrs: Any = op.attrs
    (_, kh, kw, _), (_, sh, sw, _), (top, left) = attrs["ksize"], attrs["strides"], border
    count = math.prod(sizes(op.output.dims))
    if max(n * h * w * c, count) >= 2**31:
        return None
    back = images is op.output
    if back and op.output.dtype.name not in ("float32", "float64"):
        return None
    text = (backward if back else forward)((kh, kw), (sh, sw), mean, op.output.dtype.name, after)
    numbers = (count, h, w, c, oh, ow, top, left)
    return call([each_element(text, (*pointers, *finished), numbers, count)])


def max_pool(op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]) -> Call | None:
    return _call(op, (inputs[0],), inputs[0], op.output, False, after, finished)


def max_pool_grad(
    op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]
) -> Call | None:
    x, _, dy = inputs
    return _call(op, (x, dy), op.output, dy, False, after, finished)


def avg_pool(op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]) -> Call | None:
    return _call(op, (inputs[0],), inputs[0], op.output, True, after, finished)


def avg_pool_grad(
    op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]
) -> Call | None:
    return _call(op, (inputs[1],), op.output, inputs[1], True, after, finished)


ANCHORS = {
    "max_pool": max_pool,
    "max_pool_grad": max_pool_grad,
    "avg_pool": avg_pool,
    "avg_pool_grad": avg_pool_grad,
}
