"""The gradient of a convolution to its filter: for each tap, a product of the images below it with dy.

Each chunk of the images adds up its own gradient in scratch; then the threads wait for each other, and add the chunks
in their order.  Chunks come from sizes alone, so that the number of threads does not change a bit of the result.

Vectors hold either neighbouring channels of dy, or the images of a block when there are few channels: then each weight
has a vector of sums, one for each image, until the chunk is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.images import fill_padded, fill_turned, lane_sums
from graphflow.backends.cpu.microkernel import contract
from graphflow.backends.cpu.values import Pointer, Value


def correlate_filter_of_lanes(
    code: Code, images: Pointer, dy: Pointer, result: Pointer, bias: Pointer, *more: Any, **spec: Any
) -> None:  # fmt: skip
    """As correlate_filter, of images and dy whose lanes are images in memory too.   bias [across]: dy, summed."""
    write: Callable[..., None] = correlate_filter
    write(code, images, dy, result, *more[:-2], code.value(0), *more[-2:], bias=bias, **spec)


def correlate_filter(
    code: Code, images: Pointer, dy: Pointer, result: Pointer, team: Pointer, scratch: Pointer, n: Value, h: Value,
    w: Value, oh: Value, ow: Value, kh: Value, kw: Value, top: Value, left: Value, columns: Value, band: Value,
    step: Value, chunks: Value, groups: Value, at_slots: Value, at_dy: Value, at_sums: Value, at_zeros: Value,
    slot: Value, slots: Value, tail: Value, tid: Value, nthreads: Value, *, dtype: str, deep: int, across: int,
    strides: tuple[int, int], dilations: tuple[int, int], batch: bool, rows: tuple[int, ...],
    channels: tuple[int, ...], laned: bool, bias: Pointer | None = None,
) -> None:  # fmt: skip
    """result [kh, kw, deep, across] from images [n, h, w, deep] and dy [n, oh, ow, across].

    columns    of images in scratch
    band       rows of dy that are copied together
    step       rows of dy for which a tile adds up its weights before the next one does
    chunks     of bands of blocks, with a gradient each at the start of scratch
    groups     into which the lines of the filter are cut: a task is one group for one chunk
    at_...     where things lie in a thread's slot of scratch
    batch      whether lanes are images instead of channels of dy
    laned      whether they are so in memory too, images [blocks, h, w, deep * lanes] and dy [blocks, oh, ow, across *
               lanes].  Then the sums of dy are one line of sums more, after those of the weights, and go to `bias`
    rows, channels   the tiles in registers: weights along a line of the filter, channels of dy or vectors of them; the
                     second size, if any, is that of the last tile
    """
    lanes = code.lanes
    numbers = scratch.cast(dtype)
    space = numbers.at(at_slots + tid * slot)
    padded, turned, sums = space, space.at(at_dy), space.at(at_sums)
    vectors = -(-across // lanes)
    pitch = across if batch else vectors * lanes
    each = lanes if batch else 1
    # without dilation the weights of a row of taps meet neighbouring numbers: they are one line
    line = kw * deep if dilations[1] == 1 else code.value(deep)
    lines = kh if dilations[1] == 1 else kh * kw
    weights = kh * kw * (deep * pitch)
    size = weights + (pitch if laned else 0)
    bands = (oh + band - 1) // band
    units = (n + (each - 1)) // each * bands

    def tiles(line_of_images: Pointer, line_of_dy: Pointer, line_of_sums: Pointer, height: Value) -> None:
        wide = pitch if batch else vectors
        nest = [(height, columns * (strides[0] * deep * each), ow * (across * each)),
                (ow, strides[1] * deep * each, across * each)]  # fmt: skip
        for i, ts in _split(code, line, rows):
            for k, ks in _split(code, code.value(wide), channels):
                x, g = line_of_images.at(i * each), line_of_dy.at(k * lanes)
                place = line_of_sums.at((i * pitch + k) * lanes if batch else i * pitch + k * lanes)
                between = pitch * each
                masks = [None if batch or across % lanes == 0 else code.lanes_below(across - (k + b) * lanes)
                         for b in range(ks)]  # fmt: skip
                before = [[place.load(a * between + b * lanes, lanes) for b in range(ks)] for a in range(ts)]

                def load_dy(p: Pointer, b: int) -> Value:
                    return p.load(b * lanes, lanes, masks[b])

                def load_image(p: Pointer, a: int) -> Value:
                    return p.load(a * each, lanes if batch else 0)

                after = contract(code, before, nest, x, g, load_image, load_dy)
                for a in range(ts):
                    for b in range(ks):
                        place.store(a * between + b * lanes, after[a][b])

    tasks = chunks * groups
    workers = code.minimum(nthreads, slots)
    first_task, last_task = (code.minimum(t, tasks) for t in code.share(tasks, tid, workers))
    with code.loop(first_task, last_task) as task:
        chunk, group = task // groups, task % groups
        first_line, last_line = lines * group // groups, lines * (group + 1) // groups
        partial = numbers.at(chunk * size)
        target = sums if batch else partial
        if batch:
            _clear(code, target, size * lanes)
        else:
            _clear(code, target.at(first_line * line * pitch), (last_line - first_line) * line * pitch)
        with code.loop(units * chunk // chunks, units * (chunk + 1) // chunks) as unit:
            block, start = unit // bands, unit % bands * band
            height = code.minimum(band, oh - start)
            top_row = start * strides[0] - top
            reach = (height - 1) * strides[0] + (kh - 1) * dilations[0] + 1
            own_dy = dy.at((block * oh + start) * ow * (across * each))
            if laned:
                fill_padded(code, images, block, h, w, deep * lanes, top_row, reach, left, columns, padded)
                # lanes without an image may hold anything
                live = n - block * lanes
                partial_dy = code.choose(live < lanes, turned, own_dy)
                with code.when(live < lanes):
                    _keep(code, padded, padded, reach * columns * deep, live)
                    _keep(code, own_dy, turned, height * ow * across, live)
                own_dy = partial_dy
                _add_up(code, own_dy, sums.at(weights * lanes), height * ow, across)
            elif batch:
                zeros = space.at(at_zeros)
                of_images = (images, block, n, h, w, code.number(deep), top_row, reach, left, columns, padded, zeros)
                of_dy = (dy, block, n, oh, ow, code.number(across), start, height, code.number(0), ow, turned, zeros)
                fill = code.part(fill_turned, *of_images)
                fill(*of_images)
                fill(*of_dy)
                own_dy = turned
            else:
                fill_padded(code, images, block, h, w, deep, top_row, reach, left, columns, padded)
            with code.loop(0, height, step) as y, code.loop(first_line, last_line) as number:
                ky, kx = (number, 0) if dilations[1] == 1 else (number // kw, number % kw)
                begin = ((y * strides[0] + ky * dilations[0]) * columns + kx * dilations[1]) * (deep * each)
                tiles(padded.at(begin), own_dy.at(y * ow * (across * each)),
                      target.at(number * line * (pitch * each)), code.minimum(step, height - y))  # fmt: skip
        if batch:
            with code.loop(0, size, lanes) as i:
                total = lane_sums(code, [sums.load((i + a) * lanes, lanes) for a in range(lanes)])
                partial.store(i, total, code.lanes_below(size - i))
    code.barrier(team, tid, nthreads)
    height = kh * kw * deep
    first, last = code.share(height, tid, nthreads)
    with code.loop(first, last) as i, code.loop(0, across, lanes) as k:
        inside = code.lanes_below(across - k)
        start = numbers.load(i * pitch + k, lanes, inside)
        [total] = code.repeat(
            1, chunks, [start],
            lambda chunk, total: [total + numbers.load(chunk * size + i * pitch + k, lanes, inside)],
        )  # fmt: skip
        result.store(i * across + k, total, inside)
    if bias is not None:
        with code.when(tid == 0), code.loop(0, across, lanes) as k:
            inside = code.lanes_below(across - k)
            [total] = code.repeat(
                0, chunks, [code.number(0, dtype, lanes)],
                lambda chunk, total: [total + numbers.load(chunk * size + weights + k, lanes, inside)],
            )  # fmt: skip
            bias.store(k, total, inside)
    code.finish(tail, first, last, 0, across)


def _split(code: Code, count: Value, sizes: tuple[int, ...]) -> Iterator[tuple[Value, int]]:
    """Loops over the starts of tiles: all of the first size, then one of the second if there is one."""
    last = sizes[1] if len(sizes) > 1 else 0
    with code.loop(0, count - last, sizes[0]) as i:
        yield i, sizes[0]
    if last:
        yield count - last, last


def _clear(code: Code, target: Pointer, count: Any) -> None:
    zero = code.number(0, target.dtype, code.lanes)
    with code.loop(0, count, code.lanes) as i:
        target.store(i, zero, code.lanes_below(count - i))


def _keep(code: Code, source: Pointer, target: Pointer, count: Value, live: Value) -> None:
    """Copy so many vectors, of which only the first lanes count; the others become 0."""
    inside = code.lanes_below(live)
    zero = code.number(0, target.dtype, code.lanes)
    with code.loop(0, count) as i:
        target.store(i * code.lanes, code.select(inside, source.load(i * code.lanes, code.lanes), zero))


def _add_up(code: Code, dy: Pointer, sums: Pointer, pixels: Value, across: int) -> None:
    """Add the vectors of so many pixels to the sums, a few channels at a time."""
    lanes = code.lanes
    for first in range(0, across, 4):
        channels = range(first, min(first + 4, across))
        before = [sums.load(k * lanes, lanes) for k in channels]
        after = code.repeat(0, pixels, before, lambda i, *totals, channels=channels: [
            total + dy.load((i * across + k) * lanes, lanes) for k, total in zip(channels, totals, strict=True)
        ])  # fmt: skip
        for k, total in zip(channels, after, strict=True):
            sums.store(k * lanes, total)
