"""Convolutions of NHWC images with HWIO filters: the calls of their kernels, with tiles chosen from shapes."""

from __future__ import annotations

import math
import os
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.kernels.correlate import correlate
from graphflow.backends.cpu.kernels.correlate_filter import correlate_filter
from graphflow.backends.cpu.vector import Emitted, size_of, vector_bytes
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.windows import along

CACHED = 384 << 10  # bytes of scratch that stay near a core
UNITS = 14  # pieces of work for the threads to share, where the images allow


def _geometry(op: Operation, images: Tensor, filters: Tensor, made: Tensor) -> tuple[tuple[int, ...], ...] | None:
    """(window, strides, dilations, padding before) in both axes; None when the shapes do not belong together."""
    (n, h, w, c), (kh, kw, cin, o), dims = images.dims, filters.dims, made.dims  # type: ignore[misc]
    attrs: Any = op.attrs
    strides, dilations, pads = attrs["strides"][1:3], attrs["dilations"][1:3], attrs["explicit_paddings"]
    try:
        oh, top = along(h, kh, strides[0], dilations[0], attrs["padding"], pads[:2])  # type: ignore[arg-type]
        ow, left = along(w, kw, strides[1], dilations[1], attrs["padding"], pads[2:])  # type: ignore[arg-type]
    except ShapeError:
        return None
    if cin != c or dims != (n, oh, ow, o) or 0 in (o, oh, ow):
        return None
    return (kh, kw), tuple(strides), tuple(dilations), (top, left)  # type: ignore[return-value]


def _by_images(n: int, channels: int, lanes: int) -> bool:
    """Whether lanes are better filled by images, which have to be turned, than by channels."""
    return 0.85 * min(n, lanes) / lanes > channels / (-(-channels // lanes) * lanes)


def _reads(size: int, made: int, k: int, stride: int, dilation: int, before: int, backward: bool) -> tuple[int, int]:
    """(rows before the images, rows after the first of them) that a phase's first row of the result reads at most."""
    if not backward:
        return before, (k - 1) * dilation + 1
    step = stride // math.gcd(stride, dilation)
    low, high = 0, 0
    for phase in range(stride):
        meets = [t for t in range(k) if (phase + before - t * dilation) % stride == 0]
        if meets:
            low = min(low, (phase + before - meets[-1] * dilation) // stride)
            high = max(high, (phase + before - meets[0] * dilation) // stride)
    return -low, high - low + 1


def tile(counts: tuple[int, ...], channels: int, vectors_read: bool) -> tuple[int, int]:
    """(pixels, channels) of a tile for rows of so many pixels: what keeps multiplying longest without reading.

    A tile may be no longer than the shortest row.
    """
    registers = 32 if vector_bytes() == 64 else 16
    counts = tuple(c for c in counts if c) or (1,)

    def cost(pixels: int, wide: int) -> float:
        cover = sum(-(-c // pixels) * pixels for c in counts) / sum(counts) * -(-channels // wide) * wide / channels
        work = pixels * wide
        return cover * max(work / 2, (pixels + wide) / 2 + 0.5, 4.5) / work

    fitting = [
        (cost(p, q), -p * q, p, q)
        for p in range(1, min(min(counts), 14) + 1)
        for q in range(1, min(channels, 6) + 1)
        if p * q + q + 1 < registers
    ]
    return min(fitting)[2:]


def _correlation(op: Operation, images: Tensor, filters: Tensor, made: Tensor, backward: bool) -> Call | None:
    forward = (made, filters, images) if backward else (images, filters, made)
    found = _geometry(op, *forward)
    if found is None:
        return None
    (kh, kw), strides, dilations, (top, left) = found
    (n, h, w, deep), (_, rh, rw, across) = images.dims, made.dims  # type: ignore[misc]
    dtype = made.dtype.name
    size = size_of(dtype)
    lanes = vector_bytes() // size
    batch = _by_images(n, across, lanes)
    above, reach = _reads(h, rh, kh, strides[0], dilations[0], top, backward)
    beside, wide = _reads(w, rw, kw, strides[1], dilations[1], left, backward)
    phases, read = (strides, (1, 1)) if backward else ((1, 1), strides)
    rows, columns = -(-rh // phases[0]), -(-rw // phases[1])
    columns = max((columns - 1) * read[1] + wide, beside + w)
    each = lanes if batch else 1
    blocks = -(-n // each)
    row_bytes = (read[0] * columns * deep + phases[0] * rw * across * batch) * each * size
    band = max(min(CACHED // max(row_bytes, 1), -(-rows * blocks // UNITS), rows), 1)
    counts = tuple((rw - p + phases[1] - 1) // phases[1] for p in range(phases[1]))
    pixels, channels = tile(counts, across if batch else -(-across // lanes), batch)
    pitch = across if batch else -(-across // lanes) * lanes
    taps = 1
    for k, s, d in zip((kh, kw), strides, dilations, strict=True):
        taps *= s * -(-k // (s // math.gcd(s, d))) if backward else k
    parts = [taps * deep * pitch, ((band - 1) * read[0] + reach) * columns * deep * each + lanes * lanes]
    if batch:
        of_image = band * phases[0] * rw * across
        parts += [of_image * lanes + lanes * lanes, w * deep + lanes, of_image]
    else:
        parts += [0, 0, 0]
    starts = [0]
    for p in parts:
        starts.append(starts[-1] + -(-p // 16) * 16)
    slots = max(min(os.cpu_count() or 1, blocks * -(-rows // band)), 1)
    kernel = Emitted(correlate, (
        ("dtype", dtype), ("deep", deep), ("across", across), ("strides", strides), ("dilations", dilations),
        ("backward", backward), ("batch", batch), ("pixels", pixels), ("channels", channels),
    ), dtype)  # fmt: skip
    sizes = (n, h, w, rh, rw, kh, kw, top, left, above, beside, reach, columns, band, *starts[1:5], starts[5], slots)
    return Call(kernel, (images, filters, made), sizes, slots * starts[5] * size, takes_tail=True)  # type: ignore


def conv2d(op: Operation) -> Call | None:
    x, f = op.inputs
    return _correlation(op, x, f, op.output, backward=False)


def conv2d_backprop_input(op: Operation) -> Call | None:
    _, f, dy = op.inputs
    return _correlation(op, dy, f, op.output, backward=True)


def filter_tile(line: int, channels: int, batch: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes of tiles along a line of the filter, and of channels: one size each where that fits, at most two."""
    registers = 32 if vector_bytes() == 64 else 16

    def sizes(count: int, most: int) -> tuple[int, ...]:
        return (most, count % most) if count % most else (most,)

    def cost(p: int, q: int) -> float:
        total = 0.0
        for a in ([p] * (line // p) + [line % p] * (line % p > 0)):
            for b in ([q] * (channels // q) + [channels % q] * (channels % q > 0)):
                total += max(a * b / 2, (a + b) / 2 + 0.5, 4.5) + 1
        return total * (1 + 0.03 * len(sizes(line, p)) * len(sizes(channels, q)))

    fitting = [
        (cost(p, q), -p * q, p, q)
        for p in range(1, min(line, 14) + 1)
        for q in range(1, min(channels, 6) + 1)
        if p * q + q + 1 < registers
    ]
    _, _, p, q = min(fitting)
    return sizes(line, p), sizes(channels, q)


L1 = 48 << 10


def conv2d_backprop_filter(op: Operation) -> Call | None:
    x, _, dy = op.inputs
    made = op.output
    found = _geometry(op, x, made, dy)
    if found is None:
        return None
    (kh, kw), strides, dilations, (top, left) = found
    (n, h, w, deep), (_, oh, ow, across) = x.dims, dy.dims  # type: ignore[misc]
    dtype = made.dtype.name
    size = size_of(dtype)
    lanes = vector_bytes() // size
    batch = _by_images(n, across, lanes) and kh * kw * deep * across * lanes * size <= CACHED // 2
    each = lanes if batch else 1
    vectors = -(-across // lanes)
    pitch = across if batch else vectors * lanes
    columns = max((ow - 1) * strides[1] + (kw - 1) * dilations[1] + 1, left + w)
    row_bytes = (strides[0] * columns * deep + ow * across) * each * size
    step = max(min(L1 // max(row_bytes, 1), oh), 1)
    band = max(min(CACHED // max(row_bytes, 1), -(-oh * -(-n // each) // UNITS), oh), 1)
    rows, channels = filter_tile(kw * deep if dilations[1] == 1 else deep, across if batch else vectors, batch)
    blocks = -(-n // each)
    units = blocks * -(-oh // band)
    weights = kh * kw * deep * pitch
    steps = blocks * oh * ow
    chunks = max(min(8, units, steps // 100, (2 << 20) // (weights * size)), 1)
    groups = 1 if batch else min(-(-8 // chunks), kh)
    reach = (band - 1) * strides[0] + (kh - 1) * dilations[0] + 1
    parts = [reach * columns * deep * each + lanes * lanes]
    if batch:
        parts += [band * ow * across * lanes + lanes * lanes, weights * lanes + lanes * lanes,
                  max(w * deep, ow * across) + lanes]
    else:
        parts += [0, 0, 0]
    starts = [0]
    for p in parts:
        starts.append(starts[-1] + -(-p // 16) * 16)
    at_slots = -(-chunks * weights // 16) * 16 + 16
    slots = max(min(os.cpu_count() or 1, chunks * groups), 1)
    kernel = Emitted(correlate_filter, (
        ("dtype", dtype), ("deep", deep), ("across", across), ("strides", strides), ("dilations", dilations),
        ("batch", batch), ("rows", rows), ("channels", channels),
    ), dtype)  # fmt: skip
    sizes = (n, h, w, oh, ow, kh, kw, top, left, columns, band, step, chunks, groups, at_slots, *starts[1:5], slots)
    return Call(kernel, (x, dy, made, "team"), sizes, (at_slots + slots * starts[4]) * size, takes_tail=True)  # type: ignore


KERNELS = {
    "conv2d": conv2d,
    "conv2d_backprop_input": conv2d_backprop_input,
    "conv2d_backprop_filter": conv2d_backprop_filter,
}
