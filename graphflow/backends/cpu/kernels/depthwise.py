"""Depthwise convolutions of NHWC images: forward, to the input and to the filter.

All three take the same sizes: n images of h x w x c; filters of kh x kw with q outputs for each channel; output of
oh x ow x (c * q); strides, dilations, and rows and columns of padding before the image.
"""

from __future__ import annotations

from typing import Any

from graphflow.backends.base import Call
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.windows import along


def forward(x, f, y, n, h, w, c, kh, kw, oh, ow, q, sh, sw, dh, dw, top, left, tid, nthreads):  # type: ignore
    """y [n, oh, ow, c * q] from x [n, h, w, c] and f [kh, kw, c, q].   Threads share the rows of y."""
    o = c * q
    for row in range(n * oh * tid // nthreads, n * oh * (tid + 1) // nthreads):
        for j in range(row * ow * o, (row + 1) * ow * o):
            y[j] = 0
        for ky in range(kh):
            iy = row % oh * sh - top + ky * dh
            if iy < 0 or iy >= h:
                continue
            for ox in range(ow):
                y0 = (row * ow + ox) * o
                for kx in range(kw):
                    ix = ox * sw - left + kx * dw
                    if ix < 0 or ix >= w:
                        continue
                    x0, f0 = ((row // oh * h + iy) * w + ix) * c, (ky * kw + kx) * o
                    if q == 1:
                        for j in range(c):
                            y[y0 + j] += x[x0 + j] * f[f0 + j]
                    else:
                        for i in range(c):
                            p = x[x0 + i]
                            for j in range(i * q, i * q + q):
                                y[y0 + j] += p * f[f0 + j]


def to_input(f, dy, dx, n, h, w, c, kh, kw, oh, ow, q, sh, sw, dh, dw, top, left, tid, nthreads):  # type: ignore
    """dx [n, h, w, c] from f [kh, kw, c, q] and dy [n, oh, ow, c * q].   Threads share the rows of dx."""
    o = c * q
    for row in range(n * h * tid // nthreads, n * h * (tid + 1) // nthreads):
        for j in range(row * w * c, (row + 1) * w * c):
            dx[j] = 0
        for ky in range(kh):
            oy = row % h + top - ky * dh
            if oy < 0 or oy % sh != 0 or oy // sh >= oh:
                continue
            oy = oy // sh
            for ix in range(w):
                at = (row * w + ix) * c
                for kx in range(kw):
                    ox = ix + left - kx * dw
                    if ox < 0 or ox % sw != 0 or ox // sw >= ow:
                        continue
                    y0, f0 = ((row // h * oh + oy) * ow + ox // sw) * o, (ky * kw + kx) * o
                    if q == 1:
                        for j in range(c):
                            dx[at + j] += dy[y0 + j] * f[f0 + j]
                    else:
                        for i in range(c):
                            s = dx[at + i]
                            for j in range(i * q, i * q + q):
                                s += dy[y0 + j] * f[f0 + j]
                            dx[at + i] = s


def to_filter(x, dy, df, n, h, w, c, kh, kw, oh, ow, q, sh, sw, dh, dw, top, left, tid, nthreads):  # type: ignore
    """df [kh, kw, c, q] from x [n, h, w, c] and dy [n, oh, ow, c * q].   Threads share the taps."""
    o = c * q
    for tap in range(kh * kw * tid // nthreads, kh * kw * (tid + 1) // nthreads):
        f0 = tap * o
        for j in range(f0, f0 + o):
            df[j] = 0
        for row in range(n * oh):
            iy = row % oh * sh - top + tap // kw * dh
            if iy < 0 or iy >= h:
                continue
            for ox in range(ow):
                ix = ox * sw - left + tap % kw * dw
                if ix < 0 or ix >= w:
                    continue
                x0, y0 = ((row // oh * h + iy) * w + ix) * c, (row * ow + ox) * o
                if q == 1:
                    for j in range(c):
                        df[f0 + j] += x[x0 + j] * dy[y0 + j]
                else:
                    for i in range(c):
                        p = x[x0 + i]
                        for j in range(i * q, i * q + q):
                            df[f0 + j] += p * dy[y0 + j]


# the order of a sum is free, so that it can be vectorised; NaN and infinities stay what they are
FREE_ORDER = {"contract", "reassoc", "nsz"}
forward.fastmath = to_input.fastmath = to_filter.fastmath = FREE_ORDER  # type: ignore[attr-defined]


def _sizes(op: Operation, images: Tensor, filters: Tensor, made: Tensor) -> tuple[int, ...] | None:
    """The sizes of the three kernels; None when the shapes do not belong together, which the reference reports."""
    (n, h, w, c), (kh, kw, cin, q) = images.dims, filters.dims  # type: ignore[misc]
    attrs: Any = op.attrs
    (_, sh, sw, _), (_, dh, dw, _), pads = attrs["strides"], attrs["dilations"], attrs["explicit_paddings"]
    try:
        oh, top = along(h, kh, sh, dh, attrs["padding"], pads[:2])  # type: ignore[arg-type]
        ow, left = along(w, kw, sw, dw, attrs["padding"], pads[2:])  # type: ignore[arg-type]
    except ShapeError:
        return None
    if cin != c or made.dims != (n, oh, ow, c * q):  # type: ignore[operator]
        return None
    return n, h, w, c, kh, kw, oh, ow, q, sh, sw, dh, dw, top, left  # type: ignore[return-value]


def depthwise(op: Operation) -> Call | None:
    x, f = op.inputs
    sizes = _sizes(op, x, f, op.output)
    return None if sizes is None else Call(forward, (x, f, op.output), sizes)


def depthwise_backprop_input(op: Operation) -> Call | None:
    _, f, dy = op.inputs
    sizes = _sizes(op, op.output, f, dy)
    return None if sizes is None else Call(to_input, (f, dy, op.output), sizes)


def depthwise_backprop_filter(op: Operation) -> Call | None:
    x, _, dy = op.inputs
    sizes = _sizes(op, x, op.output, dy)
    return None if sizes is None else Call(to_filter, (x, dy, op.output), sizes)


KERNELS = {
    "depthwise": depthwise,
    "depthwise_backprop_input": depthwise_backprop_input,
    "depthwise_backprop_filter": depthwise_backprop_filter,
}
