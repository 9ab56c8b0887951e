"""Depthwise convolutions of NHWC images: a thread for each number of the result; a block for each weight's gradient."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.kernels import depthwise
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.launch import Launch, call, each_element
from graphflow.backends.cuda.regions import Source
from graphflow.operation import Operation
from graphflow.shape import sizes

_SIZES = ("count", "n", "h", "w", "c", "oh", "ow", "top", "left")


@functools.lru_cache(64)
def forward(dtype: str, window: Any, strides: Any, dilations: Any, q: int, flipped: bool) -> str:
    """y [n, oh, ow, c * q] from x [n, h, w, c] and f [kh, kw, c, q], or f turned around.   (x, f, y, *sizes)"""
    kh, kw = window
    tap = f"({kh * kw - 1} - ky * {kw} - kx)" if flipped else f"(ky * {kw} + kx)"
    source = Source(["x", "f", "y", *_SIZES])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add(f"e = mod64(i, c * {q})", f"at = div64(i, c * {q})", f"k = div64(e, {q})", "ox = mod64(at, ow)")
    source.add("row = div64(at, ow)", "oy = mod64(row, oh)", "image = div64(row, oh) * h", f"total = {dtype}(0)")
    source.open(f"for ky in range({kh}):")
    source.add(f"yy = oy * {strides[0]} - top + ky * {dilations[0]}")
    source.open(f"for kx in range({kw}):")
    source.add(f"xx = ox * {strides[1]} - left + kx * {dilations[1]}")
    source.open("if (yy >= 0) & (yy < h) & (xx >= 0) & (xx < w):")
    source.add(f"total = total + x[((image + yy) * w + xx) * c + k] * f[{tap} * c * {q} + e]")
    source.close()
    source.close()
    source.close()
    source.add("y[i] = total")
    return str(source)


@functools.lru_cache(64)
def to_input(dtype: str, window: Any, strides: Any, dilations: Any, q: int) -> str:
    """dx [n, h, w, c] from f [kh, kw, c, q] and dy [n, oh, ow, c * q].   (f, dy, dx, *sizes)"""
    kh, kw = window
    source = Source(["f", "dy", "dx", *_SIZES])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add("k = mod64(i, c)", "at = div64(i, c)", "px = mod64(at, w)", "row = div64(at, w)", "py = mod64(row, h)")
    source.add("image = div64(row, h) * oh", f"total = {dtype}(0)")
    source.open(f"for ky in range({kh}):")
    source.add(f"ty = py + top - ky * {dilations[0]}", f"oy = div64(max(ty, 0), {strides[0]})")
    source.open(f"for kx in range({kw}):")
    source.add(f"tx = px + left - kx * {dilations[1]}", f"ox = div64(max(tx, 0), {strides[1]})")
    source.open(f"if (oy * {strides[0]} == ty) & (oy < oh) & (ox * {strides[1]} == tx) & (ox < ow):")
    source.open(f"for j in range({q}):")
    source.add(
        f"total = total + dy[((image + oy) * ow + ox) * c * {q} + k * {q} + j] * "
        f"f[((ky * {kw} + kx) * c + k) * {q} + j]"
    )
    source.close()
    source.close()
    source.close()
    source.close()
    source.add("dx[i] = total")
    return str(source)


@functools.lru_cache(64)
def to_filter(dtype: str, window: Any, strides: Any, dilations: Any, q: int) -> str:
    """df [kh, kw, c, q] from x [n, h, w, c] and dy [n, oh, ow, c * q].   (x, dy, df, *sizes)"""
    source = Source(["x", "dy", "df", *_SIZES])
    source.add(f"s = cuda.shared.array({shim.THREADS}, {dtype})", "t = cuda.threadIdx.x")
    source.open("for i in range(cuda.blockIdx.x, count, cuda.gridDim.x):")
    source.add(f"e = mod64(i, c * {q})", f"tap = div64(i, c * {q})", f"k = div64(e, {q})")
    source.add(f"ky = div64(tap, {window[1]}) * {dilations[0]} - top")
    source.add(f"kx = mod64(tap, {window[1]}) * {dilations[1]} - left", f"total = {dtype}(0)")
    source.open(f"for at in range(t, n * oh * ow, {shim.THREADS}):")
    source.add("row = div64(at, ow)", "image = div64(row, oh)", f"yy = (row - image * oh) * {strides[0]} + ky")
    source.add(f"xx = (at - row * ow) * {strides[1]} + kx")
    source.open("if (yy >= 0) & (yy < h) & (xx >= 0) & (xx < w):")
    source.add(f"total = total + x[((image * h + yy) * w + xx) * c + k] * dy[at * c * {q} + e]")
    source.close()
    source.close()
    source.add("s[t] = total", "cuda.syncthreads()")
    half = shim.THREADS // 2
    while half:
        source.open(f"if t < {half}:")
        source.add(f"s[t] = s[t] + s[t + {half}]")
        source.close()
        source.add("cuda.syncthreads()")
        half //= 2
    source.open("if t == 0:")
    source.add("df[i] = s[0]")
    source.close()
    source.add("cuda.syncthreads()")
    return str(source)


def _bound(shape: Callable[[Operation], Call | None]) -> Callable[[Operation], Call | None]:
    def bind(op: Operation) -> Call | None:
        found = shape(op)
        if found is None or op.output.dtype.name not in ("float32", "float64"):
            return None
        spec = dict(found.function.spec)
        places = op.output.dtype.name, spec["window"], spec["strides"], spec["dilations"], spec["q"]
        count = math.prod(sizes(op.output.dims))
        numbers = (count, *found.sizes)
        write = found.function.write
        if write is depthwise.to_filter:
            blocks = (min(count, shim.BLOCKS), 1)
            return call([Launch(to_filter(*places), found.pointers, numbers, blocks, shim.THREADS)])
        text = to_input(*places) if write is depthwise.to_input else forward(*places, "flipped" in spec)
        return call([each_element(text, found.pointers, numbers, count)])

    return bind


KERNELS = {name: _bound(shape) for name, shape in depthwise.KERNELS.items()}
