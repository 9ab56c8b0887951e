"""Convolutions whose result are images: forward, and the gradient to the input.

Both slide weights over images, which lie in scratch with borders of zeros, so that there are no edges.  The gradient of
a convolution with stride s looks at its rows (and columns) in s phases: those of one phase are met by the same rows of
the filter, every s-th one, and read neighbouring rows.

Vectors hold either neighbouring channels of the result, or the images of a block when there are few channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.images import fill_padded, fill_turned, turn_back
from graphflow.backends.cpu.microkernel import Loop, contract, transpose, zeros
from graphflow.backends.cpu.values import Pointer, Value


def correlate(
    code: Code, images: Pointer, filters: Pointer, result: Pointer, team: Pointer, scratch: Pointer, n: Value, h: Value,
    w: Value, rh: Value, rw: Value, kh: Value, kw: Value, top: Value, left: Value, above: Value, beside: Value,
    reach: Value, columns: Value, band: Value, sweep: Value, at_slots: Value, at_result: Value, at_zeros: Value,
    at_trash: Value, slot: Value, slots: Value, tail: Value, tid: Value, nthreads: Value, *, dtype: str, deep: int,
    across: int, strides: tuple[int, int], dilations: tuple[int, int], backward: bool, batch: bool, pixels: int,
    channels: int, flat: bool, laned: bool,
) -> None:  # fmt: skip
    """result [n, rh, rw, across] from images [n, h, w, deep] and filters.

    filters    [kh, kw, deep, across], or backward [kh, kw, across, deep]
    top, left  padding of the forward convolution
    above, beside   rows and columns of zeros before the images in scratch
    reach      rows of images that one row of the result looks at
    columns    of images in scratch
    band       rows of each phase that are worked on together; threads share bands of blocks
    sweep      rows of a band for which weights are used before the next ones are: more when there are many weights
    at_...     where slots of threads start in scratch, after the weights that they share, and what lies where in a slot
    batch      whether lanes are images instead of channels
    laned      whether they are so in memory too: images [blocks, h, w, deep * lanes], and so the result
    pixels, channels   the tile in registers: pixels of a row, channels or vectors of them
    flat       whether tiles go on from the end of a row to the next one

    Weights lie in panels [kh, kw, deep, channels] as wide as a tile, so that it reads them in one piece.
    """
    lanes = code.lanes
    numbers = scratch.cast(dtype)
    space = numbers.at(at_slots + tid * slot)
    padded, turned = space, space.at(at_result)
    (phases_y, phases_x), (read_y, read_x) = (strides, (1, 1)) if backward else ((1, 1), strides)
    apart_y, apart_x = (d // math.gcd(s, d) if backward else d for s, d in zip(strides, dilations, strict=True))
    vectors = -(-across // lanes)
    wide, unit_of = (across, 1) if batch else (vectors, lanes)
    pitch = channels * unit_of
    panels = -(-wide // channels)
    each = lanes if batch else 1
    pixel = deep * each
    most = kh * kw
    if backward:
        most = _most(kh, strides[0], dilations[0]) * _most(kw, strides[1], dilations[1])
    of_panel = most * (deep * pitch)

    def taps(phase_y: Value, phase_x: Value) -> tuple[_Taps, _Taps]:
        if not backward:
            return _Taps(kh, code.number(0), 1, 0 - top), _Taps(kw, code.number(0), 1, 0 - left)
        return (_taps_back(code, phase_y, kh, strides[0], dilations[0], top),
                _taps_back(code, phase_x, kw, strides[1], dilations[1], left))  # fmt: skip

    weights = filters if not backward and pitch == across else numbers
    if weights is numbers:
        with code.loop(0, phases_y) as py, code.loop(0, phases_x) as px:
            ys, xs = taps(py, px)
            phase = numbers.at((py * phases_x + px) * panels * of_panel)
            with code.loop(0, ys.count) as i, code.loop(0, xs.count) as j, code.loop(0, panels) as panel:
                tap = filters.at(((ys.first + i * ys.step) * kw + xs.first + j * xs.step) * (deep * across))
                target = phase.at(panel * of_panel + (i * xs.count + j) * (deep * pitch))
                _pack(code, tap, target, deep, across, code.minimum(panel * channels, wide - channels) * unit_of, pitch,
                      backward, tid, nthreads)  # fmt: skip
        code.barrier(team, tid, nthreads)

    def tile(
        source: Pointer, weights: Pointer, made: Pointer, reads: Sequence[Any], writes: Sequence[Any], ys: _Taps,
        xs: _Taps, masks: Sequence[Value | None],
    ) -> None:  # fmt: skip
        """Some pixels, which are read and written so far from the pointers, and some channels."""
        inner: list[Loop] = [(xs.count, apart_x * pixel, deep * pitch), (deep, each, pitch)]
        if apart_x == 1:
            inner = [(xs.count * deep, each, pitch)]
        nest = [(ys.count, columns * (apart_y * pixel), xs.count * (deep * pitch)), *inner]
        sums = contract(
            code, zeros(code, pixels, channels, dtype), nest, source, weights,
            lambda p, i: p.load(reads[i], lanes if batch else 0),
            lambda p, j: p.load(j).splat(lanes) if batch else p.load(j * lanes, lanes),
        )  # fmt: skip
        for i in range(pixels):
            for j in range(channels):
                made.at(writes[i]).store(j * lanes, sums[i][j], masks[j])

    rows_of_phase = (rh + (phases_y - 1)) // phases_y
    bands = (rows_of_phase + band - 1) // band
    units = (n + (each - 1)) // each * bands
    first_unit, last_unit = (code.minimum(u, units) for u in code.share(units, tid, code.minimum(nthreads, slots)))
    with code.loop(first_unit, last_unit) as unit:
        block, first = unit // bands, unit % bands * band
        last = code.minimum(first + band, rows_of_phase)
        top_row = first * read_y - above
        rows = (last - first - 1) * read_y + reach
        if batch and not laned:
            code.apart(fill_turned, images, block, n, h, w, code.number(deep), top_row, rows, beside, columns, padded,
                       space.at(at_zeros))  # fmt: skip
        else:
            fill_padded(code, images, block, h, w, pixel, top_row, rows, beside, columns, padded)
        start, end = first * phases_y, code.minimum(last * phases_y, rh)
        made = turned if batch and not laned else result.at((block * rh + start) * rw * (across * each))
        with code.loop(0, phases_y) as py, code.loop(0, phases_x) as px:
            ys, xs = taps(py, px)
            own = weights.at((py * phases_x + px) * panels * of_panel)
            height = (end - start - py + (phases_y - 1)) // phases_y
            width = (rw - px + (phases_x - 1)) // phases_x
            source = padded.at(((ys.base + above) * columns + xs.base + beside) * pixel)
            target = made.at((py * rw + px) * (across * each))

            def read(y: Value, x: Value) -> Value:
                return (y * (read_y * columns) + x * read_x) * pixel

            def written(y: Value, x: Value) -> Value:
                return (y * phases_y * rw + x * phases_x) * (across * each)

            with code.loop(0, height, sweep) as low, code.loop(0, panels) as panel:
                # the last tile covers some of the one before again
                k = code.minimum(panel * channels, wide - channels) * unit_of
                masks = [code.lanes_below(across - k - j * lanes) if across % lanes and not batch else None
                         for j in range(channels)]  # fmt: skip
                high = code.minimum(low + sweep, height)
                near, place = own.at(panel * of_panel), target.at(k * each)
                if flat:
                    with code.loop(low * width, high * width, pixels) as t:
                        t = code.minimum(t, high * width - pixels)
                        y = t // width
                        spots = [(y, t - y * width)]
                        for _ in range(pixels - 1):
                            y, x = spots[-1]
                            over = x + 1 == width
                            spots.append((y + over.cast("int64"), code.select(over, 0, x + 1)))
                        tile(source, near, place, [read(*s) for s in spots], [written(*s) for s in spots], ys, xs,
                             masks)  # fmt: skip
                else:
                    reads = [i * (read_x * pixel) for i in range(pixels)]
                    writes = [i * (phases_x * across * each) for i in range(pixels)]
                    with code.loop(low, high) as y, code.loop(0, width, pixels) as x:
                        x = code.minimum(x, width - pixels)
                        tile(source.at(read(y, x)), near, place.at(written(y, x)), reads, writes, ys, xs, masks)
        if batch and not laned:
            code.apart(turn_back, turned, (end - start) * rw * across, block, n, result, rh * rw * across,
                       start * rw * across, space.at(at_trash))  # fmt: skip
            with code.loop(block * each, code.minimum((block + 1) * each, n)) as image:
                code.finish(tail, (image * rh + start) * rw, (image * rh + end) * rw, 0, across)
        else:
            code.finish(tail, (block * rh + start) * rw, (block * rh + end) * rw, 0, across * each)


class _Taps:
    """The rows of a filter that meet one phase of the result: first, first + step, ... `count` of them.

    base   the row of the images that the first one meets for the first row of the phase
    """

    def __init__(self, count: Value, first: Value, step: int, base: Value) -> None:
        self.count, self.first, self.step, self.base = count, first, step, base


def _most(k: Value, stride: int, dilation: int) -> Value:
    """How many taps a phase has at most."""
    step = stride // math.gcd(stride, dilation)
    return (k + (step - 1)) // step


def _taps_back(code: Code, phase: Value, k: Value, stride: int, dilation: int, before: Value) -> _Taps:
    """Along one axis: k taps, `before` rows of padding.

    Row `phase + stride * i` of the gradient meets tap t in row (phase + before - t * dilation) / stride + i of dy,
    where that is whole; the taps are taken from the last to the first, for which the rows ascend.
    """
    step = stride // math.gcd(stride, dilation)
    lowest, found = code.number(0), code.number(0)
    for t in range(step):
        meets = (phase + before + t * (stride - 1) * dilation) % stride == 0
        lowest, found = code.select(meets, t, lowest), code.select(meets, 1, found)
    count = (k - lowest + (step - 1)) // step * found
    last = lowest + (count - 1) * step
    return _Taps(count, last, -step, (phase + before - last * dilation) // stride)


def _pack(
    code: Code, source: Pointer, target: Pointer, deep: int, across: int, first: Value, width: int, transposed: bool,
    tid: Value, nthreads: Value,
) -> None:  # fmt: skip
    """Columns `first`... of one tap [deep, across], or of [across, deep] transposed; threads share the rows.

    Columns past the last one count as 0, or as the last one.
    """
    lanes = code.lanes
    if transposed and width % lanes == 0:
        low, high = code.share(-(-deep // lanes), tid, nthreads)
        with code.loop(low * lanes, high * lanes, lanes) as i, code.loop(0, width, lanes) as j:
            inside = code.lanes_below(deep - i)
            square = [source.load(code.minimum(first + j + k, across - 1) * deep + i, lanes, inside)
                      for k in range(lanes)]  # fmt: skip
            # rows past the last one are written first, and then overwritten
            for k, row in reversed(list(enumerate(transpose(code, square)))):
                target.store(code.minimum(i + k, deep - 1) * width + j, row)
    elif width % lanes == 0:
        low, high = code.share(deep, tid, nthreads)
        with code.loop(low, high) as i, code.loop(0, width, lanes) as j:
            inside = code.lanes_below(across - first - j)
            target.store(i * width + j, source.load(i * across + first + j, lanes, inside))
    else:  # few weights
        low, high = code.share(deep, tid, nthreads)
        with code.loop(low, high) as i, code.loop(0, width) as j:
            at = (first + j) * deep + i if transposed else i * across + first + j
            target.store(i * width + j, source.load(at))
