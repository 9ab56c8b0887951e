"""Copies of images in scratch memory: with borders of zeros, and with a batch of images in the lanes of vectors.

Few channels do not fill a vector; as many images as it has lanes do.  A block of images [lanes, h, w, c] becomes
[h, w, c, lanes] by transposing square blocks in registers, and back.  Lanes without an image are zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.microkernel import transpose
from graphflow.backends.cpu.values import Pointer, Value


def lane_sums(code: Code, rows: Sequence[Value]) -> Value:
    """The sums of the lanes of as many vectors as they have lanes: lane i is that of vector i."""
    vectors = list(rows)
    lanes = len(rows)
    while len(vectors) > 1:
        half = len(vectors) // 2
        # as in a transposition, but what changes places is added at once
        first = [lanes + i - half if i & half else i for i in range(lanes)]
        second = [lanes + i if i & half else i + half for i in range(lanes)]
        vectors = [code.shuffle(a, b, first) + code.shuffle(a, b, second)
                   for a, b in zip(vectors[:half], vectors[half:], strict=True)]  # fmt: skip
    return vectors[0]


def fill_padded(
    code: Code, images: Pointer, number: Value, h: Value, w: Value, c: int, first: Value, rows: Value, left: Value,
    columns: Value, target: Pointer,
) -> None:  # fmt: skip
    """Rows `first`... of one image to target [rows, columns, c], with zeros around it.

    left   the column of the target where the image begins; those after its end are zero too.
    The target is written up to a vector beyond its end.
    """
    lanes = code.lanes
    image = images.at(number * h * w * c)
    zero = code.number(0, images.dtype, lanes)
    with code.loop(0, rows) as i:
        y = first + i
        row = target.at(i * columns * c)
        filled = code.select((y >= 0) & (y < h), w * c, 0)
        with code.loop(0, left * c, lanes) as j:
            row.store(j, zero)
        with code.loop(0, filled, lanes) as j:
            row.store(left * c + j, image.at(y * w * c).load(j, lanes, code.lanes_below(filled - j)))
        with code.loop(left * c + filled, columns * c, lanes) as j:
            row.store(j, zero)


def fill_turned(
    code: Code, images: Pointer, block: Value, n: Value, h: Value, w: Value, c: Value, first: Value, rows: Value,
    left: Value, columns: Value, target: Pointer, zeros: Pointer,
) -> None:  # fmt: skip
    """As fill_padded for a block of images, to target [rows, columns, c, lanes].

    zeros   a row [w, c] of scratch, which is cleared here.
    The target is written up to a square block beyond its end.
    """
    lanes = code.lanes
    zero = code.number(0, images.dtype, lanes)
    with code.loop(0, w * c, lanes) as j:
        zeros.store(j, zero)
    starts = []
    for lane in range(lanes):
        image = block * lanes + lane
        live = image < n
        starts.append((code.choose(live, images.at(image * h * w * c), zeros), code.select(live, w * c, 0)))
    with code.loop(0, rows) as i:
        y = first + i
        row = target.at(i * columns * (c * lanes))
        filled = code.select((y >= 0) & (y < h), w * c, 0)
        with code.loop(0, left * c) as j:
            row.store(j * lanes, zero)
        inner = row.at(left * (c * lanes))
        sources = [start.at(y * step) for start, step in starts]
        with code.loop(0, filled, lanes) as j:
            inside = code.lanes_below(filled - j)
            for k, vector in enumerate(transpose(code, [s.load(j, lanes, inside) for s in sources])):
                inner.store((j + k) * lanes, vector)
        with code.loop(left * c + filled, columns * c) as j:
            row.store(j * lanes, zero)


def turn_back(
    code: Code, source: Pointer, count: Value, block: Value, n: Value, images: Pointer, size: Value, offset: Value,
    trash: Pointer,
) -> None:  # fmt: skip
    """`count` numbers of each image of a block, from source [count, lanes] to images + offset, `size` apart.

    trash   scratch for `count` numbers of images that do not exist.
    The source is read up to a square block beyond its end.
    """
    lanes = code.lanes
    targets = []
    for lane in range(lanes):
        image = block * lanes + lane
        targets.append(code.choose(image < n, images.at(image * size + offset), trash))
    with code.loop(0, count, lanes) as j:
        inside = code.lanes_below(count - j)
        for target, vector in zip(
            targets, transpose(code, [source.load((j + k) * lanes, lanes) for k in range(lanes)]), strict=True
        ):
            target.store(j, vector, inside)
