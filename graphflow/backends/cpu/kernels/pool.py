"""Max and average pooling of NHWC images, forward and backward.

All kernels take the same sizes: n images of h x w x c, windows of kh x kw, output of oh x ow, strides, and rows and
columns of padding before the image.  Backward, threads share images and groups of 16 channels: windows may overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.backends.base import Call
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.windows import along


def max_forward(x, y, n, h, w, c, kh, kw, oh, ow, sh, sw, top, left, tid, nthreads):  # type: ignore
    """y [n, oh, ow, c] = the largest element of each window; NaN where there is one."""
    for row in range(n * oh * tid // nthreads, n * oh * (tid + 1) // nthreads):
        y_from, y_to = max(row % oh * sh - top, 0), min(row % oh * sh - top + kh, h)
        for ox in range(ow):
            x_from, x_to = max(ox * sw - left, 0), min(ox * sw - left + kw, w)
            at = (row * ow + ox) * c
            start = ((row // oh * h + y_from) * w + x_from) * c
            for j in range(c):
                y[at + j] = x[start + j]
            for iy in range(y_from, y_to):
                for ix in range(x_from, x_to):
                    pixel = ((row // oh * h + iy) * w + ix) * c
                    for j in range(c):
                        v = x[pixel + j]
                        y[at + j] = v if v > y[at + j] or v != v else y[at + j]


def max_backward(x, dy, dx, n, h, w, c, kh, kw, oh, ow, sh, sw, top, left, tid, nthreads):  # type: ignore
    """dx [n, h, w, c]: the gradient of each window goes to its first largest element."""
    groups = (c + 15) // 16
    for task in range(n * groups * tid // nthreads, n * groups * (tid + 1) // nthreads):
        image, low = task // groups, task % groups * 16
        high = min(low + 16, c)
        for pixel in range(image * h * w, (image + 1) * h * w):
            for j in range(low, high):
                dx[pixel * c + j] = 0
        for oy in range(oh):
            y_from, y_to = max(oy * sh - top, 0), min(oy * sh - top + kh, h)
            for ox in range(ow):
                x_from, x_to = max(ox * sw - left, 0), min(ox * sw - left + kw, w)
                at = ((image * oh + oy) * ow + ox) * c
                for j in range(low, high):
                    where = ((image * h + y_from) * w + x_from) * c + j
                    best = x[where]
                    for iy in range(y_from, y_to):
                        for ix in range(x_from, x_to):
                            pixel = ((image * h + iy) * w + ix) * c + j
                            v = x[pixel]
                            if best == best and (v > best or v != v):
                                best = v
                                where = pixel
                    dx[where] += dy[at + j]


def max_backward_2x2(x, dy, dx, rows, ow, c, tid, nthreads):  # type: ignore
    """max_backward for windows of 2 x 2 side by side, which fill the images: every element is written once.

    x, dx [2 * rows, 2 * ow, c], dy [rows, ow, c].   Threads share rows of windows.
    """
    for row in range(rows * tid // nthreads, rows * (tid + 1) // nthreads):
        for ox in range(ow):
            at = (row * ow + ox) * c
            p0 = (row * 2 * 2 * ow + 2 * ox) * c
            p1, p2, p3 = p0 + c, p0 + 2 * ow * c, p0 + 2 * ow * c + c
            # corner by corner: one place to write to and five to read from, so that the loop can be vectorised
            for corner in range(4):
                p = p0 + corner // 2 * 2 * ow * c + corner % 2 * c
                for j in range(c):
                    v0, v1, v2, v3, g = x[p0 + j], x[p1 + j], x[p2 + j], x[p3 + j], dy[at + j]
                    best = v1 if v1 > v0 or v1 != v1 else v0
                    best = v2 if v2 > best or v2 != v2 else best
                    best = v3 if v3 > best or v3 != v3 else best
                    first = v0 == best or v0 != v0
                    second = v1 == best or v1 != v1
                    third = v2 == best or v2 != v2
                    winner = 0 if first else (1 if second else (2 if third else 3))
                    dx[p + j] = g if winner == corner else type(g)(0)


def average_forward(x, y, n, h, w, c, kh, kw, oh, ow, sh, sw, top, left, tid, nthreads):  # type: ignore
    """y [n, oh, ow, c] = the mean of the real elements of each window."""
    for row in range(n * oh * tid // nthreads, n * oh * (tid + 1) // nthreads):
        y_from, y_to = max(row % oh * sh - top, 0), min(row % oh * sh - top + kh, h)
        for ox in range(ow):
            x_from, x_to = max(ox * sw - left, 0), min(ox * sw - left + kw, w)
            at = (row * ow + ox) * c
            for j in range(c):
                y[at + j] = 0
            for iy in range(y_from, y_to):
                for ix in range(x_from, x_to):
                    pixel = ((row // oh * h + iy) * w + ix) * c
                    for j in range(c):
                        y[at + j] += x[pixel + j]
            size = (y_to - y_from) * (x_to - x_from)
            for j in range(c):
                y[at + j] = y[at + j] / size


def average_backward(dy, dx, n, h, w, c, kh, kw, oh, ow, sh, sw, top, left, tid, nthreads):  # type: ignore
    """dx [n, h, w, c]: the gradient of each window in equal parts to its real elements."""
    groups = (c + 15) // 16
    for task in range(n * groups * tid // nthreads, n * groups * (tid + 1) // nthreads):
        image, low = task // groups, task % groups * 16
        high = min(low + 16, c)
        for pixel in range(image * h * w, (image + 1) * h * w):
            for j in range(low, high):
                dx[pixel * c + j] = 0
        for oy in range(oh):
            y_from, y_to = max(oy * sh - top, 0), min(oy * sh - top + kh, h)
            for ox in range(ow):
                x_from, x_to = max(ox * sw - left, 0), min(ox * sw - left + kw, w)
                at = ((image * oh + oy) * ow + ox) * c
                size = (y_to - y_from) * (x_to - x_from)
                for iy in range(y_from, y_to):
                    for ix in range(x_from, x_to):
                        pixel = ((image * h + iy) * w + ix) * c
                        for j in range(low, high):
                            dx[pixel + j] += dy[at + j] / size


def _sizes(op: Operation, images: Tensor, made: Tensor) -> tuple[int, ...] | None:
    """The sizes of the kernels; None when the shapes do not belong together, which the reference reports."""
    n, h, w, c = images.dims  # type: ignore[misc]
    attrs: Any = op.attrs
    (_, kh, kw, _), (_, sh, sw, _), padding = attrs["ksize"], attrs["strides"], attrs["padding"]
    try:
        oh, top = along(h, kh, sh, 1, padding, ())  # type: ignore[arg-type]
        ow, left = along(w, kw, sw, 1, padding, ())  # type: ignore[arg-type]
    except ShapeError:
        return None
    if made.dims != (n, oh, ow, c):
        return None
    return n, h, w, c, kh, kw, oh, ow, sh, sw, top, left  # type: ignore[return-value]


def _forward(kernel: Callable) -> Callable[[Operation], Call | None]:
    def bind(op: Operation) -> Call | None:
        sizes = _sizes(op, op.inputs[0], op.output)
        return None if sizes is None else Call(kernel, (op.inputs[0], op.output), sizes)

    return bind


def max_pool_grad(op: Operation) -> Call | None:
    x, _, dy = op.inputs
    sizes = _sizes(op, x, dy)
    if sizes is None:
        return None
    n, h, w, c, kh, kw, oh, ow, sh, sw, _, _ = sizes
    if kh == kw == sh == sw == 2 and (h, w) == (2 * oh, 2 * ow):
        return Call(max_backward_2x2, (x, dy, op.output), (n * oh, ow, c))
    return Call(max_backward, (x, dy, op.output), sizes)


def avg_pool_grad(op: Operation) -> Call | None:
    sizes = _sizes(op, op.output, op.inputs[1])
    return None if sizes is None else Call(average_backward, (op.inputs[1], op.output), sizes)


KERNELS = {
    "max_pool": _forward(max_forward),
    "max_pool_grad": max_pool_grad,
    "avg_pool": _forward(average_forward),
    "avg_pool_grad": avg_pool_grad,
}
