"""Direct convolutions of NHWC images: forward, to the input and to the filter.

All three take the same sizes: n images of h x w x c; filters of kh x kw; output of oh x ow x o; strides, dilations, and
rows and columns of padding before the image.
"""

from __future__ import annotations

from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.compile import finish
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.windows import along


def forward(x, f, y, n, h, w, c, kh, kw, oh, ow, o, sh, sw, dh, dw, top, left, tail, tid, nthreads):  # type: ignore
    """y [n, oh, ow, o] = x [n, h, w, c] * f [kh, kw, c, o].   Threads share the rows of y.

    Without dilation the pixels under a row of the filter lie side by side, and so do their weights: one run of numbers
    each, by which two neighbouring pixels of y are worked on together.
    """
    runs, wide = (1, kw) if dw == 1 else (kw, 1)
    for row in range(n * oh * tid // nthreads, n * oh * (tid + 1) // nthreads):
        image = row // oh
        for j in range(row * ow * o, (row + 1) * ow * o):
            y[j] = 0
        for ky in range(kh):
            iy = row % oh * sh - top + ky * dh
            if iy < 0 or iy >= h:
                continue
            for run in range(runs):
                ox = 0
                while ox < ow:
                    ix = ox * sw - left + run * dw
                    first, last = max(0, -ix), min(wide, w - ix)
                    paired = ox + 1 < ow and first == 0 and last == wide and ix + sw + wide <= w
                    x0 = ((image * h + iy) * w + ix + first) * c
                    f0 = (ky * kw + run + first) * c * o
                    y0 = (row * ow + ox) * o
                    length = max(last - first, 0) * c
                    triples = length // 3
                    if paired:
                        x1, y1 = x0 + sw * c, y0 + o
                        for t in range(triples):
                            p0, p1, p2 = x[x0 + 3 * t], x[x0 + 3 * t + 1], x[x0 + 3 * t + 2]
                            q0, q1, q2 = x[x1 + 3 * t], x[x1 + 3 * t + 1], x[x1 + 3 * t + 2]
                            f1, f2 = f0 + o, f0 + 2 * o
                            for j in range(o):
                                u, v, z = f[f0 + j], f[f1 + j], f[f2 + j]
                                y[y0 + j] += p0 * u + p1 * v + p2 * z
                                y[y1 + j] += q0 * u + q1 * v + q2 * z
                            f0 += 3 * o
                        for t in range(3 * triples, length):
                            p0, q0 = x[x0 + t], x[x1 + t]
                            for j in range(o):
                                u = f[f0 + j]
                                y[y0 + j] += p0 * u
                                y[y1 + j] += q0 * u
                            f0 += o
                        ox += 2
                    else:
                        for t in range(length):
                            p0 = x[x0 + t]
                            for j in range(o):
                                y[y0 + j] += p0 * f[f0 + j]
                            f0 += o
                        ox += 1
        finish(tail, row * ow, (row + 1) * ow, 0, o)


def to_input(f, dy, dx, n, h, w, c, kh, kw, oh, ow, o, sh, sw, dh, dw, top, left, tail, tid, nthreads):  # type: ignore
    """dx [n, h, w, c] from f [kh, kw, c, o] and dy [n, oh, ow, o].   Threads share the rows of dx."""
    for row in range(n * h * tid // nthreads, n * h * (tid + 1) // nthreads):
        image = row // h
        for j in range(row * w * c, (row + 1) * w * c):
            dx[j] = 0
        for ky in range(kh):
            oy = row % h + top - ky * dh
            if oy < 0 or oy % sh != 0 or oy // sh >= oh:
                continue
            oy = oy // sh
            for kx in range(kw):
                for ix in range(w):
                    ox = ix + left - kx * dw
                    if ox < 0 or ox % sw != 0 or ox // sw >= ow:
                        continue
                    y0 = ((image * oh + oy) * ow + ox // sw) * o
                    f0 = (ky * kw + kx) * c * o
                    at = (row * w + ix) * c
                    for i in range(c):
                        s = dx[at + i]
                        for j in range(o):
                            s += dy[y0 + j] * f[f0 + j]
                        dx[at + i] = s
                        f0 += o
        finish(tail, row * w, (row + 1) * w, 0, c)


def to_filter(x, dy, df, n, h, w, c, kh, kw, oh, ow, o, sh, sw, dh, dw, top, left, tail, tid, nthreads):  # type: ignore
    """df [kh, kw, c, o] from x [n, h, w, c] and dy [n, oh, ow, o].   Threads share pairs of channels of all taps."""
    pairs = (c + 1) // 2
    task, last = kh * kw * pairs * tid // nthreads, kh * kw * pairs * (tid + 1) // nthreads
    while task < last:
        tap, start = task // pairs, task % pairs
        stop = min(pairs, start + last - task)
        task += stop - start
        ky, kx = tap // kw, tap % kw
        low, high = 2 * start, min(2 * stop, c)
        for j in range((tap * c + low) * o, (tap * c + high) * o):
            df[j] = 0
        for row in range(n * oh):
            iy = row % oh * sh - top + ky * dh
            if iy < 0 or iy >= h:
                continue
            before = left - kx * dw
            # the pixels of dy whose windows have this tap inside the image
            first = max((before + sw - 1) // sw, 0)
            pixels = max(min((w - 1 + before) // sw + 1, ow) - first, 0)
            x_row = ((row // oh * h + iy) * w + first * sw - before) * c
            y_row = (row * ow + first) * o
            for i in range(low, high, 2):
                d0 = (tap * c + i) * o
                d1 = d0 + o
                x0 = x_row + i
                y0 = y_row
                if i + 1 < high:
                    for _ in range(pixels // 3):
                        x1, x2 = x0 + sw * c, x0 + 2 * sw * c
                        p0, p1, p2 = x[x0], x[x1], x[x2]
                        q0, q1, q2 = x[x0 + 1], x[x1 + 1], x[x2 + 1]
                        y1, y2 = y0 + o, y0 + 2 * o
                        for j in range(o):
                            u, v, z = dy[y0 + j], dy[y1 + j], dy[y2 + j]
                            df[d0 + j] += p0 * u + p1 * v + p2 * z
                            df[d1 + j] += q0 * u + q1 * v + q2 * z
                        x0 += 3 * sw * c
                        y0 += 3 * o
                    for _ in range(pixels % 3):
                        p0, q0 = x[x0], x[x0 + 1]
                        for j in range(o):
                            u = dy[y0 + j]
                            df[d0 + j] += p0 * u
                            df[d1 + j] += q0 * u
                        x0 += sw * c
                        y0 += o
                else:
                    for _ in range(pixels):
                        p0 = x[x0]
                        for j in range(o):
                            df[d0 + j] += p0 * dy[y0 + j]
                        x0 += sw * c
                        y0 += o
        finish(tail, tap * c + low, tap * c + high, 0, o)


# the order of a sum is free, so that it can be vectorised; NaN and infinities stay what they are
FREE_ORDER = {"contract", "reassoc", "nsz"}
forward.fastmath = to_input.fastmath = to_filter.fastmath = FREE_ORDER  # type: ignore[attr-defined]


def _sizes(op: Operation, images: Tensor, filters: Tensor, made: Tensor) -> tuple[int, ...] | None:
    """The sizes of the three kernels; None when the shapes do not belong together, which the reference reports."""
    (n, h, w, c), (kh, kw, cin, o), dims = images.dims, filters.dims, made.dims  # type: ignore[misc]
    attrs: Any = op.attrs
    (_, sh, sw, _), (_, dh, dw, _), pads = attrs["strides"], attrs["dilations"], attrs["explicit_paddings"]
    try:
        oh, top = along(h, kh, sh, dh, attrs["padding"], pads[:2])  # type: ignore[arg-type]
        ow, left = along(w, kw, sw, dw, attrs["padding"], pads[2:])  # type: ignore[arg-type]
    except ShapeError:
        return None
    if cin != c or dims != (n, oh, ow, o):
        return None
    return n, h, w, c, kh, kw, oh, ow, o, sh, sw, dh, dw, top, left  # type: ignore[return-value]


def conv2d(op: Operation) -> Call | None:
    x, f = op.inputs
    sizes = _sizes(op, x, f, op.output)
    return None if sizes is None else Call(forward, (x, f, op.output), sizes, takes_tail=True)


def conv2d_backprop_input(op: Operation) -> Call | None:
    _, f, dy = op.inputs
    sizes = _sizes(op, op.output, f, dy)
    return None if sizes is None else Call(to_input, (f, dy, op.output), sizes, takes_tail=True)


def conv2d_backprop_filter(op: Operation) -> Call | None:
    x, _, dy = op.inputs
    sizes = _sizes(op, x, op.output, dy)
    return None if sizes is None else Call(to_filter, (x, dy, op.output), sizes, takes_tail=True)


KERNELS = {
    "conv2d": conv2d,
    "conv2d_backprop_input": conv2d_backprop_input,
    "conv2d_backprop_filter": conv2d_backprop_filter,
}
