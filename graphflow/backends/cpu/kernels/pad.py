"""Tensors put into larger ones: padding, with a value or mirrored, and the gradient of a strided slice."""

from __future__ import annotations

import math

import numpy as np

from graphflow.backends.base import Call
from graphflow.backends.cpu.kernels.move import (
    LOOPS,
    MOVING,
    Layout,
    Loop,
    collapse,
    contiguous,
    flat,
    layout,
    moving_layout,
    moving_numbers,
    outside,
)
from graphflow.operation import Operation, Tensor
from graphflow.ops.slicing import SLICE, STRIDED_SLICE
from graphflow.ops.static import static_value
from graphflow.shape import sizes


def placing(value: str, moves: bool = False) -> str:
    """A kernel that puts x into y [size], and `value` everywhere else: "0", or "value[0]" for one more pointer.

    moves   where x goes depends on entries of begin, which is one more pointer: see move.moving_layout
    Threads share y; each copies what of x falls into its part.
    """
    pointers = "x, y" if value == "0" else "x, value, y"
    numbers = "x_start, y_start, size, " + ", ".join(f"n{i}, x{i}, y{i}" for i in range(LOOPS))
    start = ""
    for i in range(MOVING if moves else 0):
        numbers += f", entry{i}, stride{i}, low{i}, high{i}, wrap{i}"
        start += f"""    at = begin[entry{i}]
    if at < low{i} or at >= high{i}:
        status[0] = 1
        status[1] = entry{i}
        status[2] = at
        return
    y_start += stride{i} * (at + wrap{i} if at < 0 else at)
"""
    pointers += ", begin, status" if moves else ""
    return f"""def kernel({pointers}, {numbers}, tid, nthreads):
{start}    low, high = size * tid // nthreads, size * (tid + 1) // nthreads
    element = {value}
    for j in range(low, high):
        y[j] = element
    for i0 in range(n0):
        for i1 in range(n1):
            for i2 in range(n2):
                for i3 in range(n3):
                    for i4 in range(n4):
                        p = x_start + i0 * x0 + i1 * x1 + i2 * x2 + i3 * x3 + i4 * x4
                        q = y_start + i0 * y0 + i1 * y1 + i2 * y2 + i3 * y3 + i4 * y4
                        first = (max(low - q, 0) + y5 - 1) // y5
                        last = min(n5, (max(high - q, 0) + y5 - 1) // y5)
                        if x5 == 1 and y5 == 1:
                            for j in range(first, last):
                                y[q + j] = x[p + j]
                        else:
                            for j in range(first, last):
                                y[q + j * y5] = x[p + j * x5]
"""


def mirror(x, y, n0, o0, b0, n1, o1, b1, n2, o2, b2, n3, o3, b3, inner, edge, tid, nthreads):  # type: ignore
    """y [o0, o1, o2, o3, inner] from x [n0, n1, n2, n3, inner], b of the o before x.   Threads share the first axis.

    edge   1 where the mirror image begins with the element at the edge, else 0
    """
    for i0 in range(o0 * tid // nthreads, o0 * (tid + 1) // nthreads):
        j0 = i0 - b0
        j0 = -j0 - edge if j0 < 0 else 2 * n0 - 2 + edge - j0 if j0 >= n0 else j0
        for i1 in range(o1):
            j1 = i1 - b1
            j1 = -j1 - edge if j1 < 0 else 2 * n1 - 2 + edge - j1 if j1 >= n1 else j1
            for i2 in range(o2):
                j2 = i2 - b2
                j2 = -j2 - edge if j2 < 0 else 2 * n2 - 2 + edge - j2 if j2 >= n2 else j2
                for i3 in range(o3):
                    j3 = i3 - b3
                    j3 = -j3 - edge if j3 < 0 else 2 * n3 - 2 + edge - j3 if j3 >= n3 else j3
                    p = (((j0 * n1 + j1) * n2 + j2) * n3 + j3) * inner
                    q = (((i0 * o1 + i1) * o2 + i2) * o3 + i3) * inner
                    for k in range(inner):
                        y[q + k] = x[p + k]


def _placed(x: Tensor, value: Tensor | None, y: Tensor, found: Layout | None) -> Call | None:
    """The call that puts x where a view of y lies; None when x has another shape than that."""
    if found is None or found[0] != x.dims or (value is not None and value.dims != ()):
        return None
    dims, y_start, y_strides = found
    x_start, x_strides = 0, contiguous(dims)
    for i, (n, stride) in enumerate(zip(dims, y_strides, strict=True)):
        if stride < 0:  # both the other way round, so that y is walked upwards
            x_start += (n - 1) * x_strides[i]
            y_start += (n - 1) * stride
            x_strides[i], y_strides[i] = -x_strides[i], -stride
    loops = collapse(dims, x_strides, y_strides)
    if len(loops) > LOOPS:
        return None
    padding: list[Loop] = [(1, 0, 1)] * (LOOPS - len(loops))
    numbers = (x_start, y_start, math.prod(sizes(y.dims)), *flat([*padding, *loops]))
    text = placing("0" if value is None else "value[0]")
    return Call(text, (x, y) if value is None else (x, value, y), numbers)


def pad(op: Operation) -> Call | None:
    """None where the paddings are known only when running."""
    x, paddings, *value = op.inputs
    given, y = static_value(paddings), op.output
    if given is None:
        return None
    found = layout(SLICE, sizes(y.dims), given[:, 0], np.array(sizes(x.dims)))
    return _placed(x, value[0] if value else None, y, found)


def strided_slice_grad(op: Operation) -> Call | None:
    """Single indices may be known only when running, as in a loop over rows."""
    _, *bounds, dy = op.inputs
    dims = sizes(op.output.dims)
    values = [static_value(t) for t in bounds]
    if all(v is not None for v in values):
        return _placed(dy, None, op.output, layout(STRIDED_SLICE, dims, *values, **op.attrs))
    found = moving_layout(bounds, dims, op.attrs) if values[0] is None else None
    call = None if found is None else _placed(dy, None, op.output, found[0])
    if found is None or call is None:
        return None
    numbers = (*call.sizes, *moving_numbers(found[1]))
    return Call(placing("0", moves=True), (dy, op.output, bounds[0], "status"), numbers, error=outside(dims))


def mirror_pad(op: Operation) -> Call | None:
    """Neighbouring axes without padding are walked as one."""
    x, paddings = op.inputs
    given = static_value(paddings)
    if given is None:
        return None
    axes: list[tuple[int, int, int]] = []  # size in x, size in y, how many before x
    for n, o, before in (*zip(sizes(x.dims), sizes(op.output.dims), given[:, 0].tolist(), strict=True), (1, 1, 0)):
        if axes and n == o and axes[-1][0] == axes[-1][1]:
            axes[-1] = (axes[-1][0] * n, axes[-1][1] * n, 0)
        else:
            axes.append((n, o, before))
    *outer, (inner, _, _) = axes
    if len(outer) > 4:
        return None
    outer += [(1, 1, 0)] * (4 - len(outer))
    return Call(mirror, (x, op.output), (*flat(outer), inner, int(op.attrs["mode"] == "SYMMETRIC")))


KERNELS = {"pad": pad, "strided_slice_grad": strided_slice_grad, "mirror_pad": mirror_pad}
