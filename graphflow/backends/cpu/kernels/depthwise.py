"""Depthwise convolutions of NHWC images: forward, to the input and to the filter, a vector of channels at a time.

All three take the same sizes: n images of h x w x c, output of oh x ow x (c * q), and rows and columns of padding
before the image; they are made for one filter of kh x kw with q outputs for each channel, its strides and dilations.
With one output vectors hold neighbouring channels; with more of them there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.kernels.window import Pair, Window
from graphflow.backends.cpu.microkernel import multiply_add
from graphflow.backends.cpu.values import Pointer, Value
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.windows import along
from graphflow.shape import sizes


def forward(
    code: Code, x: Pointer, f: Pointer, y: Pointer, n: Value, h: Value, w: Value, c: Value, oh: Value, ow: Value,
    top: Value, left: Value, tid: Value, nthreads: Value, *, window: Pair, strides: Pair, dilations: Pair, q: int,
    over_edges: bool, flipped: bool = False,
) -> None:  # fmt: skip
    """y [n, oh, ow, c * q] from x [n, h, w, c] and f [kh, kw, c, q], or f turned around.   Threads share rows of y."""
    first, last = code.share(n * oh, tid, nthreads)
    with code.loop(first, last) as row, code.loop(0, ow) as column:
        image = x.at(row // oh * h * w * c)
        corner = (row % oh * strides[0] - top, column * strides[1] - left)
        places = Window(code, window, corner, h, w, over_edges, dilations)
        with _channels(code, c, q) as (k, lanes, inside), code.loop(0, q) as j:

            def add(number: Any, pixel: Value, real: Value, total: Value) -> list[Value]:
                tap = window[0] * window[1] - 1 - number if flipped else number
                weight = f.load((c * tap + k) * q + j, lanes, inside)
                more = multiply_add(code, image.load(pixel * c + k, lanes, inside), weight, total)
                return [code.select(real, more, total) if over_edges else more]

            [total] = places.fold([code.number(0, y.dtype, lanes)], add)
            y.at((row * ow + column) * c * q).store(k * q + j, total, inside)


def to_input(
    code: Code, f: Pointer, dy: Pointer, dx: Pointer, n: Value, h: Value, w: Value, c: Value, oh: Value, ow: Value,
    top: Value, left: Value, tid: Value, nthreads: Value, *, window: Pair, strides: Pair, dilations: Pair, q: int,
    over_edges: bool,
) -> None:  # fmt: skip
    """dx [n, h, w, c] from f [kh, kw, c, q] and dy [n, oh, ow, c * q].   Threads share images and some channels."""
    group = code.lanes * 4
    groups = (c + (group - 1)) // group
    first, last = code.share(n * groups, tid, nthreads)
    with code.loop(first, last) as task:
        number, low = task // groups, task % groups * group
        high = code.minimum(low + group, c)
        image = dx.at(number * h * w * c)
        with code.loop(0, h * w) as pixel, _channels(code, high, q, low) as (k, lanes, inside):
            image.store(pixel * c + k, code.number(0, dx.dtype, lanes), inside)
        with code.loop(0, oh) as oy, code.loop(0, ow) as ox:
            corner = (oy * strides[0] - top, ox * strides[1] - left)
            places = Window(code, window, corner, h, w, over_edges, dilations)
            with _channels(code, high, q, low) as (k, lanes, inside), code.loop(0, q) as j:
                g = dy.at(((number * oh + oy) * ow + ox) * c * q).load(k * q + j, lanes, inside)

                def give(place: Any, pixel: Value, real: Value) -> list[Value]:
                    weight = f.load((c * place + k) * q + j, lanes, inside)
                    before = image.load(pixel * c + k, lanes, inside)
                    after = multiply_add(code, g, weight, before)
                    image.store(pixel * c + k, code.select(real, after, before) if over_edges else after, inside)
                    return []

                places.fold([], give)


def to_filter(
    code: Code, x: Pointer, dy: Pointer, df: Pointer, n: Value, h: Value, w: Value, c: Value, oh: Value, ow: Value,
    top: Value, left: Value, tid: Value, nthreads: Value, *, window: Pair, strides: Pair, dilations: Pair, q: int,
    over_edges: bool,
) -> None:  # fmt: skip
    """df [kh, kw, c, q] from x [n, h, w, c] and dy [n, oh, ow, c * q].   Threads share rows of taps and channels."""
    kh, kw = window
    group = code.lanes
    groups = (c + (group - 1)) // group
    first, last = code.share(groups * kh, tid, nthreads)
    with code.loop(first, last) as task:
        ky, low = task % kh, task // kh * group
        with _channels(code, code.minimum(low + group, c), q, low) as (k, lanes, inside), code.loop(0, q) as j:

            def along_row(row: Value, *sums: Value) -> Sequence[Value]:
                y = row % oh * strides[0] - top + ky * dilations[0]
                image_row = x.at((row // oh * h + y) * w * c)

                def add(ox: Value, *sums: Value) -> list[Value]:
                    g = dy.load((row * ow + ox) * c * q + k * q + j, lanes, inside)
                    new = []
                    for kx, total in enumerate(sums):
                        at = ox * strides[1] - left + kx * dilations[1]
                        nearest = code.minimum(code.maximum(at, 0), w - 1) if over_edges else at
                        more = multiply_add(code, image_row.load(nearest * c + k, lanes, inside), g, total)
                        new.append(code.select((at >= 0) & (at < w), more, total) if over_edges else more)
                    return new

                return code.repeat(0, code.select((y >= 0) & (y < h), ow, 0), sums, add)

            sums = code.repeat(0, n * oh, [code.number(0, df.dtype, lanes)] * kw, along_row)
            for kx, total in enumerate(sums):
                df.store(((ky * kw + kx) * c + k) * q + j, total, inside)


@contextmanager
def _channels(code: Code, last: Value, q: int, first: Any = 0) -> Iterator[tuple[Value, int, Value | None]]:
    """Loop over channels: (the first of a vector, its lanes, those that are there), or one at a time."""
    lanes = code.lanes if q == 1 else 0
    with code.loop(first, last, lanes or 1) as k:
        yield k, lanes, code.lanes_below(last - k) if lanes else None


def _bound(
    kernel: Callable, op: Operation, pointers: tuple[Tensor, ...], images: Tensor, filters: Tensor, made: Tensor
) -> Call | None:
    """None when the shapes do not belong together, which the reference reports."""
    (n, h, w, c), (kh, kw, cin, q) = sizes(images.dims), sizes(filters.dims)
    attrs: Any = op.attrs
    more: tuple = ()
    (_, sh, sw, _), (_, dh, dw, _), pads = attrs["strides"], attrs["dilations"], attrs["explicit_paddings"]
    try:
        oh, top = along(h, kh, sh, dh, attrs["padding"], pads[:2])
        ow, left = along(w, kw, sw, dw, attrs["padding"], pads[2:])
    except ShapeError:
        return None
    if cin != c or made.dims != (n, oh, ow, c * q):
        return None
    if kernel is to_input and q == sh == sw == 1:  # slides over dy, turned around: nothing is added up in memory
        h, w, oh, ow = oh, ow, h, w
        top, left = (kh - 1) * dh - top, (kw - 1) * dw - left
        pointers, more = (pointers[1], pointers[0], pointers[2]), (("flipped", True),)
        kernel = forward
    ends = (oh - 1) * sh - top + (kh - 1) * dh, (ow - 1) * sw - left + (kw - 1) * dw
    over_edges = top > 0 or left > 0 or ends[0] >= h or ends[1] >= w
    spec = (
        ("window", (kh, kw)), ("strides", (sh, sw)), ("dilations", (dh, dw)), ("q", q), ("over_edges", over_edges),
        *more,
    )  # fmt: skip
    return Call(Emitted(kernel, spec, pointers[-1].dtype.name), pointers, (n, h, w, c, oh, ow, top, left))


def depthwise(op: Operation) -> Call | None:
    x, f = op.inputs
    return _bound(forward, op, (x, f, op.output), x, f, op.output)


def depthwise_backprop_input(op: Operation) -> Call | None:
    _, f, dy = op.inputs
    return _bound(to_input, op, (f, dy, op.output), op.output, f, dy)


def depthwise_backprop_filter(op: Operation) -> Call | None:
    x, _, dy = op.inputs
    return _bound(to_filter, op, (x, dy, op.output), x, op.output, dy)


KERNELS = {
    "depthwise": depthwise,
    "depthwise_backprop_input": depthwise_backprop_input,
    "depthwise_backprop_filter": depthwise_backprop_filter,
}
