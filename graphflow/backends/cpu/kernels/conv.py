"""Convolutions of NHWC images with HWIO filters: the calls of their kernels, with tiles and scratch from shapes."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.emitted import Emitted, vector_bytes
from graphflow.backends.cpu.kernels.correlate import correlate
from graphflow.backends.cpu.kernels.correlate_filter import correlate_filter, correlate_filter_of_lanes
from graphflow.backends.cpu.team import thread_count
from graphflow.backends.cpu.values import size_of
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.windows import along
from graphflow.shape import sizes

NEAR, NEARER = 384 << 10, 48 << 10  # bytes that stay in the second and in the first cache, about
UNITS = 14  # pieces of work that the threads share, where the images allow
CHUNKS = 8  # sums of their own for the gradient of a filter, at most
CHUNK_BYTES = 2 << 20  # of all these sums, as long as there are enough
TASKS = 4  # pieces of this work, at least
_TURN = 0.4  # cycles to turn a number into a lane of its image, or back
_TILE, _FLAT = 30, 25  # time around the sums of a tile, and for each of its pixels that may be in another row

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class _Axis:
    """One axis of a convolution: `size` pixels of the images, `made` of its result, padding `before` the images."""

    size: int
    made: int
    window: int
    stride: int
    dilation: int
    before: int

    def reads(self, backward: bool) -> tuple[int, int]:
        """(pixels before the images, how many from there on) that a result looks at, or backward a result's gradient.

        Backward those are pixels of dy, for the first pixel of each phase.
        """
        if not backward:
            return self.before, (self.window - 1) * self.dilation + 1
        met = [
            (phase + self.before - tap * self.dilation) // self.stride
            for phase in range(self.stride)
            for tap in range(self.window)
            if (phase + self.before - tap * self.dilation) % self.stride == 0
        ]
        low = min(0, *met)
        return -low, max(0, *met) - low + 1

    def taps(self) -> int:
        """The places for weights of all phases of the gradient."""
        step = self.stride // math.gcd(self.stride, self.dilation)
        return self.stride * -(-self.window // step)


def _axes(attrs: Any, images: Sizes, filters: Sizes, made: Sizes) -> tuple[_Axis, _Axis] | None:
    """Both axes; None when the shapes do not belong together, which the reference reports, or there is no result."""
    (n, *image, c), (*window, cin, o), dims = images, filters, made
    found = []
    for i in (0, 1):
        stride, dilation = attrs["strides"][i + 1], attrs["dilations"][i + 1]
        pads = attrs["explicit_paddings"][2 * i : 2 * i + 2]
        try:
            count, before = along(image[i], window[i], stride, dilation, attrs["padding"], pads)
        except ShapeError:
            return None
        found.append(_Axis(image[i], count, window[i], stride, dilation, before))
    if cin != c or dims != (n, found[0].made, found[1].made, o) or 0 in (c, *dims[1:]):
        return None
    return found[0], found[1]


def _lanes_of_images(n: int, channels: int, lanes: int) -> bool:
    """Whether lanes are better filled by images, which have to be turned, than by channels."""
    return 0.85 * min(n, lanes) / lanes > channels / (-(-channels // lanes) * lanes)


def _tiles(longest: int, widest: int, width: int) -> list[tuple[int, int]]:
    """The tiles whose sums, with one operand of each column and one more, fit into the registers of so many bytes."""
    registers = 31 if width == 64 else 16
    return [
        (p, q)
        for p in range(1, min(longest, 14) + 1)
        for q in range(1, min(widest, 6) + 1)
        if p * q + q + 1 <= registers
    ]


def _steps(p: int, q: int) -> float:
    """Time for one step of a tile: two sums, or two loads, at a time, and each sum waits for itself."""
    return max(p * q / 2, (p + q) / 2 + 0.5, 4.5)


@functools.lru_cache(1024)
def _image_tile(counts: tuple[int, ...], channels: int, taps: int, width: int) -> tuple[int, int, bool]:
    """(pixels, channels, whether they go on in the next row) of a tile for rows of so many pixels.

    A tile is as long as the shortest row at most; the last one overlaps another.
    """

    def cost(tile: tuple[int, int, bool]) -> tuple[float, int]:
        p, q, flat = tile
        each = taps * _steps(p, q) + (_TILE + _FLAT * p if flat else _TILE)
        return sum(count / p if flat else -(-count // p) for count in counts) * -(-channels // q) * each, -p * q

    shortest = min((count for count in counts if count), default=1)
    return min(((p, q, flat) for p, q in _tiles(shortest, channels, width) for flat in (False, True)), key=cost)


@functools.lru_cache(1024)
def _filter_tile(line: int, channels: int, width: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes of tiles along a line of weights, and of channels: one, and another for the last tile where that is."""

    def split(count: int, most: int) -> tuple[int, ...]:
        return (most, count % most) if count % most else (most,)

    def cost(tile: tuple[int, int]) -> tuple[float, int]:
        (p, q), total = tile, 0.0
        for a, b in ((a, b) for a in split(line, p) for b in split(channels, q)):
            times = (line // p if a == p else 1) * (channels // q if b == q else 1)
            total += times * (_steps(a, b) + 1)
        return total * (1 + 0.03 * len(split(line, p)) * len(split(channels, q))), -p * q

    p, q = min(_tiles(line, channels, width), key=cost)
    return split(line, p), split(channels, q)


def _placed(*counts: int) -> list[int]:
    """Where arrays of so many elements start, one after the other on full cache lines, and where the last one ends."""
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + -(-count // 16) * 16)
    return starts


def _slots(units: int) -> int:
    """How many threads get a place of their own in scratch; further ones have nothing to do."""
    return max(min(thread_count(), units), 1)


def _single(t: Tensor, lanes: int) -> Sizes:
    """The shape of images that lie side by side in so many lanes, or else as they are (0), as if each had its own."""
    blocks, h, w, wide = sizes(t.dims)
    return (blocks * lanes, h, w, wide // lanes) if lanes else (blocks, h, w, wide)


def _images(op: Operation, images: Tensor, filters: Tensor, made: Tensor, backward: bool) -> Call | None:
    """The call whose result is images; backward `images` are dy and `made` the gradient to the images."""
    attrs: Any = op.attrs
    dtype = made.dtype.name
    lanes = vector_bytes() // size_of(dtype)
    laned = attrs.get("lanes", 0)
    given, gives = _single(images, laned), _single(made, laned)
    axes = _axes(attrs, gives if backward else given, sizes(filters.dims), given if backward else gives)
    if axes is None or laned not in (0, lanes):
        return None
    (n, h, w, deep), (_, rh, rw, across) = given, gives
    batch = laned > 0 or _lanes_of_images(n, across, lanes)
    each = lanes if batch else 1
    vectors = -(-across // lanes)
    strides = tuple(a.stride for a in axes)
    phases, read = (strides, (1, 1)) if backward else ((1, 1), strides)
    (above, reach), (beside, wide) = (a.reads(backward) for a in axes)
    rows, blocks = -(-rh // phases[0]), -(-n // each)  # rows of a phase
    columns = max((-(-rw // phases[1]) - 1) * read[1] + wide, beside + w)
    row_bytes = (read[0] * columns * deep + phases[0] * rw * across * batch) * each * size_of(dtype)
    band = max(min(NEAR // max(row_bytes, 1), -(-rows * blocks // UNITS), rows), 1)
    wide, unit = (across, 1) if batch else (vectors, lanes)
    taps = math.prod(a.taps() // p if backward else a.window for a, p in zip(axes, phases, strict=True)) * deep
    pixels, channels, flat = _image_tile(tuple([len(range(p, rw, phases[1])) for p in range(phases[1])]), wide, taps,
                                         vector_bytes())  # fmt: skip
    # Forward weights are used where they are, if their rows are as wide as a tile.
    width = -(-wide // channels) * channels * unit
    packed = math.prod(phases) * taps * width
    sweep = band if flat or packed * size_of(dtype) > NEAR else 1
    at_slots = _placed(packed if backward or channels * unit != across else 0)[-1]
    square = lanes * lanes
    of_image = band * phases[0] * rw * across if batch and not laned else 0
    starts = _placed(
        ((band - 1) * read[0] + reach) * columns * deep * each + square,
        of_image * lanes + square,
        w * deep + lanes,
        of_image,
    )
    slots = _slots(blocks * -(-rows // band))
    spec = (
        ("dtype", dtype), ("deep", deep), ("across", across), ("strides", strides),
        ("dilations", tuple(a.dilation for a in axes)), ("backward", backward), ("batch", batch), ("pixels", pixels),
        ("channels", channels), ("flat", flat), ("laned", laned > 0),
    )  # fmt: skip
    numbers = (n, h, w, rh, rw, *(a.window for a in axes), *(a.before for a in axes), above, beside, reach, columns,
               band, sweep, at_slots, *starts[1:], slots)  # fmt: skip
    return Call(Emitted(correlate, spec, dtype), (images, filters, made, "team"), numbers,
                (at_slots + slots * starts[-1]) * size_of(dtype), takes_tail=True, whole_rows=True)  # fmt: skip


def conv2d(op: Operation) -> Call | None:
    x, f = op.inputs
    return _images(op, x, f, op.output, backward=False)


def conv2d_backprop_input(op: Operation) -> Call | None:
    _, f, dy = op.inputs
    return _images(op, dy, f, op.output, backward=True)


def _filter(op: Operation, x: Tensor, dy: Tensor, made: Tensor, *more: Tensor) -> Call | None:
    """The call whose result is the gradient of a filter, and if images are in lanes that of a bias."""
    attrs: Any = op.attrs
    dtype = made.dtype.name
    size = size_of(dtype)
    lanes = vector_bytes() // size
    laned = attrs.get("lanes", 0)
    given, back = _single(x, laned), _single(dy, laned)
    axes = _axes(attrs, given, sizes(made.dims), back)
    if axes is None or laned not in (0, lanes):
        return None
    (n, h, w, deep), (_, oh, ow, across) = given, back
    lines, columns = axes
    weights = lines.window * columns.window * deep * across
    batch = laned > 0 or (_lanes_of_images(n, across, lanes) and _few(weights, lanes, size))
    each = lanes if batch else 1
    vectors = -(-across // lanes)
    weights = weights + (across if laned else 0) if batch else weights // across * vectors * lanes
    wide = max((ow - 1) * columns.stride + columns.reads(False)[1], columns.before + w)
    row_bytes = max((lines.stride * wide * deep + ow * across) * each * size, 1)
    blocks = -(-n // each)
    step = max(min(NEARER // row_bytes, oh), 1)
    band = max(min(NEAR // row_bytes, -(-oh * blocks // UNITS), oh), 1)
    line = deep * (columns.window if columns.dilation == 1 else 1)
    rows, channels = _filter_tile(line, across if batch else vectors, vector_bytes())
    # A chunk costs the time of about ten steps for each of its weights.
    units = blocks * -(-oh // band)
    chunks = max(min(CHUNKS, units, blocks * oh * ow // 100, CHUNK_BYTES // (weights * size)), 1)
    groups = 1
    if not batch:
        groups = min(-(-CHUNKS // chunks), lines.window)
        chunks = max(chunks, min(-(-TASKS // groups), units))
    square = lanes * lanes
    starts = _placed(
        ((band - 1) * lines.stride + lines.reads(False)[1]) * wide * deep * each + square,
        band * ow * across * lanes + square if batch else 0,
        weights * lanes + square if batch else 0,
        max(w * deep, ow * across) + lanes,
    )
    slots = _slots(chunks * groups)
    at_slots = _placed(chunks * weights)[-1]
    spec = (
        ("dtype", dtype), ("deep", deep), ("across", across), ("strides", tuple(a.stride for a in axes)),
        ("dilations", tuple(a.dilation for a in axes)), ("batch", batch), ("rows", rows), ("channels", channels),
        ("laned", laned > 0),
    )  # fmt: skip
    numbers = (attrs["images"] if laned else n, h, w, oh, ow, *(a.window for a in axes), *(a.before for a in axes),
               wide, band, step, chunks, groups, at_slots, *starts[1:], slots)  # fmt: skip
    write = correlate_filter_of_lanes if laned else correlate_filter
    return Call(Emitted(write, spec, dtype), (x, dy, made, *more, "team"), numbers,
                (at_slots + slots * starts[-1]) * size, takes_tail=not laned, whole_rows=True)  # fmt: skip


def conv2d_backprop_filter(op: Operation) -> Call | None:
    x, _, dy = op.inputs
    return _filter(op, x, dy, op.output)


# -- images that lie in lanes in memory, too -------------------------------------------------------------------------
def lanes_conv2d(op: Operation) -> Call | None:
    x, f = op.inputs
    return _images(op, x, f, op.output, backward=False)


def lanes_conv2d_backprop_input(op: Operation) -> Call | None:
    f, dy = op.inputs
    return _images(op, dy, f, op.output, backward=True)


def lanes_conv2d_backprop_filter(op: Operation) -> Call | None:
    x, dy = op.inputs
    return _filter(op, x, dy, *op.outputs)


def _few(weights: int, lanes: int, size: int) -> bool:
    """Whether there are so few weights that their gradient may have a vector of sums for each."""
    return weights * lanes * size <= NEAR // 2


def image_lanes(op: Operation) -> tuple[int, float, float]:
    """What graphflow.passes.layout asks: how many images a vector may hold, the cycles, about, as it is, and so."""
    made = op.output
    filters = op.definition.name == "Conv2DBackpropFilter"
    given = [t for t in op.inputs if t.dtype is made.dtype and len(sizes(t.dims)) == 4]
    images = given if filters else [given[0 if op.definition.name == "Conv2D" else 1], made]
    n, *_, across = sizes(images[-1].dims)
    dtype = made.dtype.name
    if dtype not in ("float32", "float64") or any(0 in sizes(t.dims) for t in images):
        return 0, 0, 0
    size = size_of(dtype)
    lanes = vector_bytes() // size
    flops = op.definition.flops(op) if op.definition.flops else 0
    by_image, by_channel = (flops / (4 * lanes) * (-(-count // lanes) * lanes / count) for count in (n, across))
    turned = _TURN * sum(math.prod(sizes(t.dims)) for t in images)
    weights = math.prod(sizes(made.dims)) if filters else 0
    if not _few(weights, lanes, size):
        return 0, by_channel, by_channel
    as_it_is = by_image + turned if _lanes_of_images(n, across, lanes) else by_channel
    return (0 if weights * lanes * size > 2 * NEARER else lanes), as_it_is, by_image


KERNELS = {
    "conv2d": conv2d,
    "conv2d_backprop_input": conv2d_backprop_input,
    "conv2d_backprop_filter": conv2d_backprop_filter,
    "lanes_conv2d": lanes_conv2d,
    "lanes_conv2d_backprop_input": lanes_conv2d_backprop_input,
    "lanes_conv2d_backprop_filter": lanes_conv2d_backprop_filter,
}
