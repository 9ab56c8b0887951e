"""Max and average pooling of NHWC images, forward and backward, a vector of channels at a time.

All kernels take the same sizes: n images of h x w x c, output of oh x ow, and rows and columns of padding before the
image; they are made for one window and its strides.  `over_edges` says whether some windows reach over the edge of the
image: places outside are never the first maximum, and averages leave them out.  `whole` says whether the channels
are whole vectors.
"""

from __future__ import annotations

from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted, vector_bytes
from graphflow.backends.cpu.kernels.window import Pair, Window
from graphflow.backends.cpu.values import Pointer, Value, size_of
from graphflow.operation import Operation, Tensor
from graphflow.ops.windows import pool_border
from graphflow.shape import sizes

GROUP = 4  # vectors of channels that a thread takes together, backward
_INDEX = {"float32": "int32", "float64": "int64"}  # of places in a window, as wide as the elements


def forward(
    code: Code, x: Pointer, y: Pointer, n: Value, h: Value, w: Value, c: Value, oh: Value, ow: Value, top: Value,
    left: Value, tail: Value, tid: Value, nthreads: Value, *, window: Pair, strides: Pair, over_edges: bool, mean: bool,
    whole: bool,
) -> None:  # fmt: skip
    """y [n, oh, ow, c] = the mean of each window, or its largest element, NaN where there is one.

    Threads share rows.
    """
    lanes = code.lanes
    first, last = code.share(n * oh, tid, nthreads)
    with code.loop(first, last) as row:
        with code.loop(0, ow) as column:
            image = x.at(row // oh * h * w * c)
            corner = (row % oh * strides[0] - top, column * strides[1] - left)
            places = Window(code, window, corner, h, w, over_edges)
            if mean:
                size = places.size().cast(x.dtype)
            with code.loop(0, c, lanes) as k:
                inside = None if whole else code.lanes_below(c - k)

                def add(_: Any, pixel: Value, real: Value, total: Value) -> list[Value]:
                    v = image.load(pixel * c + k, lanes, inside)
                    return [total + (code.select(real, v, 0) if over_edges else v)]

                def larger(_: Any, pixel: Value, real: Value, best: Value) -> list[Value]:
                    return [_larger(code, best, image.load(pixel * c + k, lanes, inside))]

                if mean:
                    [found] = places.fold([code.number(0, x.dtype, lanes)], add)
                    found = found / size
                else:
                    row_of, column_of = (code.maximum(i, 0) for i in corner)
                    start = image.load((row_of * w + column_of) * c + k, lanes, inside)
                    [found] = places.fold([start], larger)
                y.at((row * ow + column) * c).store(k, found, inside)
        code.finish(tail, row * ow, (row + 1) * ow, 0, c)


def _larger(code: Code, a: Value, b: Value) -> Value:
    """The larger one; NaN where one of them is."""
    larger = code.maximum(a, b)  # b where a is NaN
    return code.select(a != a, a, larger) if a.is_float else larger


def backward(
    code: Code, *arguments: Any, window: Pair, strides: Pair, over_edges: bool, mean: bool, whole: bool,
    apart: bool,
) -> None:  # fmt: skip
    """dx [n, h, w, c] from x, unless it is for the mean, and dy: the gradient of each window goes to its first largest
    element, or in equal parts to all.   Threads share images and groups of channels, since windows may overlap.

    apart   windows lie side by side and fill the images: every element is written once
    """
    *pointers, n, h, w, c, oh, ow, top, left, tail, tid, nthreads = arguments
    dy, dx = pointers[-2:]
    lanes, dtype = code.lanes, dx.dtype
    group = lanes * GROUP
    groups = (c + (group - 1)) // group
    first, last = code.share(n * groups, tid, nthreads)
    with code.loop(first, last) as task:
        image, low = task // groups, task % groups * group
        high = code.minimum(low + group, c)
        own_dx = dx.at(image * h * w * c)
        if not apart:
            with code.loop(0, h * w) as pixel, code.loop(low, high, lanes) as k:
                own_dx.store(pixel * c + k, code.number(0, dtype, lanes), None if whole else code.lanes_below(high - k))
        with code.loop(0, oh) as oy, code.loop(0, ow) as ox:
            corner = (oy * strides[0] - top, ox * strides[1] - left)
            places = Window(code, window, corner, h, w, over_edges)
            size = places.size().cast(dtype) if mean else None
            with code.loop(low, high, lanes) as k:
                inside = None if whole else code.lanes_below(high - k)
                g = dy.load(((image * oh + oy) * ow + ox) * c + k, lanes, inside)
                if mean:
                    g = g / size
                else:
                    winner = _winner(code, places, pointers[0].at(image * h * w * c), c, k, inside)

                def give(number: Any, pixel: Value, real: Value) -> list[Value]:
                    at = pixel * c + k
                    mine = real if mean else winner == code.value(number).cast(winner.dtype)
                    part = code.select(mine, g, 0) if over_edges or not mean else g
                    own_dx.store(at, part if apart else own_dx.load(at, lanes, inside) + part, inside)
                    return []

                places.fold([], give)
        code.finish(tail, image * h * w, (image + 1) * h * w, low, high)


def _winner(code: Code, places: Window, image: Pointer, c: Value, k: Value, inside: Value | None) -> Value:
    """In each lane the number of the first place with the largest element, the first NaN if there is one."""
    lanes, index = code.lanes, _INDEX[image.dtype]

    def better(number: Any, pixel: Value, real: Value, best: Value, where: Value) -> list[Value]:
        v = image.load(pixel * c + k, lanes, inside)
        number = code.value(number).cast(index)
        taken = ((v > best) | (v != v)) & (best == best)
        return [code.select(taken, v, best), code.select(taken, number, where)]

    y, x = (code.maximum(i, 0) for i in places.corner)
    start = image.load((y * places.w + x) * c + k, lanes, inside)
    # the first place in the image is where the walk begins, or stands for it there
    return places.fold([start, code.number(0, index, lanes)], better)[1]


def _call(op: Operation, pointers: tuple[Tensor, ...], images: Tensor, made: Tensor, mean: bool) -> Call | None:
    """None when the shapes do not belong together, which the reference reports."""
    border = pool_border(op, images, made)
    if border is None:
        return None
    (n, h, w, c), (_, oh, ow, _) = sizes(images.dims), sizes(made.dims)
    attrs: Any = op.attrs
    (_, kh, kw, _), (_, sh, sw, _), (top, left) = attrs["ksize"], attrs["strides"], border
    dtype = pointers[-1].dtype.name
    over_edges = top > 0 or left > 0 or (oh - 1) * sh + kh > h or (ow - 1) * sw + kw > w
    whole = c % (vector_bytes() // size_of(dtype)) == 0
    spec: tuple = (
        ("window", (kh, kw)), ("strides", (sh, sw)), ("over_edges", over_edges), ("mean", mean), ("whole", whole),
    )  # fmt: skip
    if pointers[-1] is images:
        if dtype not in _INDEX:
            return None
        spec += (("apart", (kh, kw) == (sh, sw) and (oh * kh, ow * kw) == (h, w)),)
    kernel = Emitted(backward if pointers[-1] is images else forward, spec, dtype)
    return Call(kernel, pointers, (n, h, w, c, oh, ow, top, left), takes_tail=True)


def max_pool(op: Operation) -> Call | None:
    return _call(op, (op.inputs[0], op.output), op.inputs[0], op.output, mean=False)


def max_pool_grad(op: Operation) -> Call | None:
    x, _, dy = op.inputs
    return _call(op, (x, dy, op.output), op.output, dy, mean=False)


def avg_pool(op: Operation) -> Call | None:
    return _call(op, (op.inputs[0], op.output), op.inputs[0], op.output, mean=True)


def avg_pool_grad(op: Operation) -> Call | None:
    return _call(op, (op.inputs[1], op.output), op.output, op.inputs[1], mean=True)


KERNELS = {
    "max_pool": max_pool,
    "max_pool_grad": max_pool_grad,
    "avg_pool": avg_pool,
    "avg_pool_grad": avg_pool_grad,
}
