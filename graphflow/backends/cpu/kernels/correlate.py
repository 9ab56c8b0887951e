"""Convolutions whose result are images: forward, and the gradient to the input.

Both slide weights over images, which lie in scratch with borders of zeros, so that there are no edges.  The gradient of
a convolution with stride s looks at its rows (and columns) in s phases: those of one phase are met by the same rows of
the filter, every s-th one, and read neighbouring rows.  The filter is copied to scratch, for each phase the weights in
the order in which they are used.

Vectors hold either neighbouring channels of the result, or the images of a block when there are few channels.
"""

from __future__ import annotations

import math
from typing import Any

from graphflow.backends.cpu.images import fill_padded, fill_turned, turn_back
from graphflow.backends.cpu.microkernel import Loop, contract, zeros
from graphflow.backends.cpu.vector import Code, Pointer, Value


def correlate(
    code: Code, images: Pointer, filters: Pointer, result: Pointer, scratch: Pointer, n: Value, h: Value, w: Value,
    rh: Value, rw: Value, kh: Value, kw: Value, top: Value, left: Value, above: Value, beside: Value, reach: Value,
    columns: Value, band: Value, at_images: Value, at_result: Value, at_zeros: Value, at_trash: Value, slot: Value,
    slots: Value, tail: Value, tid: Value, nthreads: Value, *, dtype: str, deep: int, across: int,
    strides: tuple[int, int], dilations: tuple[int, int], backward: bool, batch: bool, pixels: int, channels: int,
) -> None:  # fmt: skip
    """result [n, rh, rw, across] from images [n, h, w, deep] and filters.

    filters    [kh, kw, deep, across], or backward [kh, kw, across, deep]
    top, left  padding of the forward convolution
    above, beside   rows and columns of zeros before the images in scratch
    reach      rows of images that one row of the result looks at
    columns    of images in scratch
    band       rows of each phase that are worked on together; threads share bands of blocks
    at_...     where things lie in a thread's slot of scratch, after the weights
    batch      whether lanes are images instead of channels
    pixels, channels   the tile in registers: pixels of a row, channels or vectors of them
    """
    lanes = code.lanes
    space = scratch.bits(dtype).at(tid * slot)
    packed, padded, turned = space, space.at(at_images), space.at(at_result)
    (phases_y, phases_x), (read_y, read_x) = (strides, (1, 1)) if backward else ((1, 1), strides)
    apart_y, apart_x = (d // math.gcd(s, d) if backward else d for s, d in zip(strides, dilations, strict=True))
    vectors = -(-across // lanes)
    pitch = across if batch else vectors * lanes
    pixel = deep * (lanes if batch else 1)
    one_phase = _most(kh, strides[0], dilations[0], backward) * _most(kw, strides[1], dilations[1], backward)

    def weights_of(phase_y: Any, phase_x: Any) -> Pointer:
        return packed.at((code.value(phase_y) * phases_x + phase_x) * one_phase * (deep * pitch))

    def taps(phase_y: Any, phase_x: Any) -> tuple[_Taps, _Taps]:
        return (_taps(code, phase_y, kh, strides[0], dilations[0], top, backward),
                _taps(code, phase_x, kw, strides[1], dilations[1], left, backward))  # fmt: skip

    rows_of_phase = (rh + (phases_y - 1)) // phases_y
    bands = (rows_of_phase + band - 1) // band
    units = (n + (lanes - 1)) // lanes * bands if batch else n * bands
    first_unit, last_unit = (code.minimum(u, units) for u in code.share(units, tid, code.minimum(nthreads, slots)))

    with code.when(first_unit < last_unit), code.loop(0, phases_y) as py, code.loop(0, phases_x) as px:
        ys, xs = taps(py, px)
        with code.loop(0, ys.count) as i, code.loop(0, xs.count) as j:
            tap = filters.at(((ys.first + i * ys.step) * kw + xs.first + j * xs.step) * (deep * across))
            _pack(code, tap, weights_of(py, px).at((i * xs.count + j) * (deep * pitch)), deep, across, pitch, backward)

    def tiles(rows: Pointer, out: Pointer, weights: Pointer, ys: _Taps, xs: _Taps, count: Value) -> None:
        """One row of one phase: its pixels are `count` times phases_x columns apart from `out`."""
        wide = across if batch else vectors
        with code.loop(0, wide, channels) as k, code.loop(0, count, pixels) as x:
            # the last tile covers some of the one before again
            k = code.minimum(k, wide - channels) if wide % channels else k
            x = code.minimum(x, count - pixels)
            source = rows.at(x * (read_x * pixel))
            across_tap = xs.count * (deep * pitch)
            step = lanes if batch else 1
            inner: list[Loop] = [(xs.count, apart_x * pixel, deep * pitch), (deep, step, pitch)]
            if apart_x == 1:
                inner = [(xs.count * deep, step, pitch)]
            nest = [(ys.count, columns * (apart_y * pixel), across_tap), *inner]
            if batch:
                sums = contract(
                    code, zeros(code, pixels, channels, dtype), nest, source, weights.at(k),
                    lambda p, i: p.load(i * (read_x * pixel), lanes), lambda p, j: p.load(j).splat(lanes),
                )  # fmt: skip
                place = out.at((x * (phases_x * across) + k) * lanes)
                for i in range(pixels):
                    for j in range(channels):
                        place.store((i * (phases_x * across) + j) * lanes, sums[i][j])
            else:
                sums = contract(
                    code, zeros(code, pixels, channels, dtype), nest, source, weights.at(k * lanes),
                    lambda p, i: p.load(i * (read_x * pixel)), lambda p, j: p.load(j * lanes, lanes),
                )  # fmt: skip
                place = out.at(x * (phases_x * across) + k * lanes)
                for j in range(channels):
                    inside = code.lanes_below(across - (k + j) * lanes) if across % lanes else None
                    for i in range(pixels):
                        place.store(i * (phases_x * across) + j * lanes, sums[i][j], inside)

    with code.loop(first_unit, last_unit) as unit:
        block, first = unit // bands, unit % bands * band
        last = code.minimum(first + band, rows_of_phase)
        top_row = first * read_y - above
        rows = (last - first - 1) * read_y + reach
        if batch:
            fill_turned(code, images, block, n, h, w, deep, top_row, rows, beside, columns, padded,
                        space.at(at_zeros))  # fmt: skip
        else:
            fill_padded(code, images, block, h, w, deep, top_row, rows, beside, columns, padded)
        start_row, end_row = first * phases_y, code.minimum(last * phases_y, rh)
        made = turned if batch else result.at((block * rh + start_row) * rw * across)
        with code.loop(0, phases_y) as py, code.loop(0, phases_x) as px:
            ys, xs = taps(py, px)
            count = (rw - px + (phases_x - 1)) // phases_x
            with code.loop(0, (end_row - start_row - py + (phases_y - 1)) // phases_y) as y:
                source = padded.at(((y * read_y + ys.base + above) * columns + xs.base + beside) * pixel)
                place = made.at(((y * phases_y + py) * rw + px) * (across * (lanes if batch else 1)))
                tiles(source, place, weights_of(py, px), ys, xs, count)
        if batch:
            turn_back(code, turned, (end_row - start_row) * rw * across, block, n, result, rh * rw * across,
                      start_row * rw * across, space.at(at_trash))  # fmt: skip
            with code.loop(block * lanes, code.minimum((block + 1) * lanes, n)) as image:
                code.finish(tail, (image * rh + start_row) * rw, (image * rh + end_row) * rw, 0, across)
        else:
            code.finish(tail, (block * rh + start_row) * rw, (block * rh + end_row) * rw, 0, across)


class _Taps:
    """The rows of a filter that meet one phase of the result: first, first + step, ... `count` of them.

    base   the row of the images that the first one meets for the first row of the phase
    """

    def __init__(self, count: Value, first: Value, step: int, base: Value) -> None:
        self.count, self.first, self.step, self.base = count, first, step, base


def _most(k: Value, stride: int, dilation: int, backward: bool) -> Value:
    """How many taps a phase has at most."""
    step = stride // math.gcd(stride, dilation) if backward else 1
    return (k + (step - 1)) // step


def _taps(code: Code, phase: Any, k: Value, stride: int, dilation: int, before: Value, backward: bool) -> _Taps:
    """Along one axis: k taps, `before` rows of padding.

    Row `phase + stride * i` of the gradient meets tap t in row (phase + before - t * dilation) / stride + i of dy,
    where that is whole; the taps are taken from the last to the first, for which the rows ascend.
    """
    if not backward:
        return _Taps(k, code.number(0), 1, 0 - before)
    step = stride // math.gcd(stride, dilation)
    lowest, found = code.number(0), code.number(0)
    for t in range(step):
        meets = (phase + before + t * (stride - 1) * dilation) % stride == 0
        lowest, found = code.select(meets, t, lowest), code.select(meets, 1, found)
    count = (k - lowest + (step - 1)) // step * found
    last = lowest + (count - 1) * step
    return _Taps(count, last, -step, (phase + before - last * dilation) // stride)


def _pack(code: Code, source: Pointer, target: Pointer, deep: int, across: int, pitch: int, transposed: bool) -> None:
    """One tap [deep, across], or [across, deep] transposed, to rows of `pitch`."""
    with code.loop(0, deep) as i:
        with code.loop(0, across) as j:
            target.store(i * pitch + j, source.load(j * deep + i if transposed else i * across + j))
        if pitch > across:
            with code.loop(across, pitch) as j:
                target.store(i * pitch + j, 0.0)
