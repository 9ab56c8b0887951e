"""Sliding windows over images: the arguments of convolutions and pools, sizes, padding, and windows as an array.

Images have any number of spatial axes, between batch and channels; it is the number of sizes that a window has.
Strides and dilations have a number for batch and channels too, which is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef
from graphflow.ops.infer import whole_numbers
from graphflow.shape import sizes

Padding = tuple[str, tuple[int, ...]]  # SAME, VALID, or EXPLICIT with (top, bottom, left, right)


def again(record: OpDef, op: Operation, *inputs: Tensor) -> Tensor:
    """Another operation with the windows of this one."""
    return record(*inputs, **op.attrs)


def per_axis(value: Any, what: str, spatial: int = 2) -> tuple[int, ...]:
    """Strides, window sizes or dilations for all axes, from an int, one for each spatial axis, or all of them."""
    if value is None:
        raise GraphError(f"{what} must be given")
    numbers = whole_numbers(value, what)
    if len(numbers) == 1:
        numbers *= spatial
    if len(numbers) == spatial:
        numbers = [1, *numbers, 1]
    if len(numbers) != spatial + 2 or min(numbers) < 1:
        raise GraphError(f"{what} must be an int, or 1, {spatial} or {spatial + 2} of them, each at least 1; "
                         f"not {value!r}")  # fmt: skip
    if numbers[0] != 1 or numbers[-1] != 1:
        raise GraphError(f"{what} must be 1 for batch and channels, not {numbers}")
    return tuple(numbers)


def one_axis(value: Any, what: str) -> int:
    """A stride or dilation along the one spatial axis, from an int, [number] or [1, number, 1]."""
    numbers = whole_numbers(value, what)
    if len(numbers) not in (1, 3):
        raise GraphError(f"{what} must be an int, or 1 or 3 of them, not {value!r}")
    return numbers[len(numbers) // 2]


def padding_of(padding: Any) -> Padding:
    """(kind, explicit amounts) from 'SAME', 'VALID', or a pair (before, after) for each of the four axes."""
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise GraphError(f"padding must be SAME, VALID or a pair for each axis, not {padding!r}")
        return padding, ()
    try:
        pairs = [(int(a), int(b)) for a, b in padding]
    except (TypeError, ValueError):
        raise GraphError(f"padding must be SAME, VALID or a pair for each axis, not {padding!r}") from None
    if len(pairs) != 4 or pairs[0] != (0, 0) or pairs[3] != (0, 0) or min(map(min, pairs)) < 0:
        raise GraphError(f"explicit padding is a pair for each axis, (0, 0) for batch and channels; not {pairs}")
    return "EXPLICIT", (*pairs[1], *pairs[2])


def require_channels_last(data_format: Any, what: str, expected: str = "NHWC") -> None:
    """GraphError for a layout other than the expected one."""
    if data_format not in (None, expected):
        raise GraphError(f"{what} takes {expected} images, not {data_format!r}",
                         hint="tf.transpose moves the channels to the end")  # fmt: skip


def along(size: int, window: int, stride: int, dilation: int, padding: str, explicit: Sequence[int]) -> tuple[int, int]:
    """(number of windows, padding before) along one axis; ShapeError when not one window fits.

    SAME: ceil(size / stride) windows, and as much padding as they need, the odd one after.   VALID: no padding.
    """
    span = (window - 1) * dilation + 1
    if padding == "SAME":
        count = -(-size // stride)
        return count, max((count - 1) * stride + span - size, 0) // 2
    before, after = explicit or (0, 0)
    if size + before + after < span:
        raise ShapeError(f"a window of {span} does not fit into an image of {size + before + after}")
    return (size + before + after - span) // stride + 1, before


def pool_border(op: Operation, images: Tensor, made: Tensor) -> tuple[int, int] | None:
    """The padding (above, left of) images [n, h, w, c] of a pool; None where its results do not go with them."""
    n, h, w, c = sizes(images.dims)
    attrs: Any = op.attrs
    (_, kh, kw, _), (_, sh, sw, _), padding = attrs["ksize"], attrs["strides"], attrs["padding"]
    try:
        oh, top = along(h, kh, sh, 1, padding, ())
        ow, left = along(w, kw, sw, 1, padding, ())
    except ShapeError:
        return None
    return (top, left) if made.dims == (n, oh, ow, c) else None


def windows_dims(
    dims: Sequence[int | None], window: Sequence[int | None], strides: Sequence[int], dilations: Sequence[int],
    padding: str, explicit: Sequence[int],
) -> list[int | None]:  # fmt: skip
    """How many windows there are along each spatial axis, as far as it is known."""
    found: list[int | None] = []
    for i, k in enumerate(window):
        size = dims[i + 1]
        if size is None or (k is None and padding != "SAME"):
            found.append(None)
        else:
            pads = explicit[2 * i : 2 * i + 2]
            found.append(along(size, k or 1, strides[i + 1], dilations[i + 1], padding, pads)[0])
    return found


@dataclass(frozen=True)
class Place:
    """Where the windows lie: how many there are along each spatial axis, and how much padding is before the first."""

    counts: tuple[int, ...]
    before: tuple[int, ...]


def layout(
    sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], dilations: Sequence[int], padding: str,
    explicit: Sequence[int] = (),
) -> Place:  # fmt: skip
    """Where the windows lie in images of these spatial sizes, when values are at hand."""
    try:
        found = [
            along(n, k, strides[i + 1], dilations[i + 1], padding, explicit[2 * i : 2 * i + 2])
            for i, (n, k) in enumerate(zip(sizes, window, strict=True))
        ]
    except ShapeError as error:
        raise InvalidArgumentError.because(error.message) from None
    return Place(tuple(count for count, _ in found), tuple(before for _, before in found))


def _reach(window: Sequence[int], strides: Sequence[int], dilations: Sequence[int], place: Place) -> list[int]:
    """The size of the padded image that all windows together cover, along each spatial axis."""
    return [max((count - 1) * strides[i + 1] + (k - 1) * dilations[i + 1] + 1, 0)
            for i, (count, k) in enumerate(zip(place.counts, window, strict=True))]  # fmt: skip


def padded(
    x: np.ndarray, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int], place: Place, fill: Any
) -> np.ndarray:
    """The images with as much `fill` around them as the windows reach, and cut where they do not."""
    reach = _reach(window, strides, dilations, place)
    out = np.full((x.shape[0], *reach, x.shape[-1]), fill, x.dtype)
    inside = x[(slice(None), *(slice(max(n - before, 0)) for n, before in zip(reach, place.before, strict=True)))]
    ends = zip(place.before, inside.shape[1:-1], strict=True)
    out[(slice(None), *(slice(before, before + n) for before, n in ends))] = inside
    return out


def unfolded(
    x: np.ndarray, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int], place: Place
) -> np.ndarray:
    """Padded images as a view [n, *counts, *window, channels]."""
    spatial = range(1, x.ndim - 1)
    shape = (x.shape[0], *place.counts, *window, x.shape[-1])
    starts, taps = [x.strides[i] * strides[i] for i in spatial], [x.strides[i] * dilations[i] for i in spatial]
    steps = (x.strides[0], *starts, *taps, x.strides[-1])
    return np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False)


def folded(
    pieces: np.ndarray, x_shape: tuple[int, ...], strides: Sequence[int], dilations: Sequence[int], place: Place
) -> np.ndarray:
    """The opposite of padded and unfolded: pieces [n, *counts, *window, c] added up where they were taken from."""
    rank = len(place.counts)
    window = pieces.shape[rank + 1 : -1]
    sizes = zip(_reach(window, strides, dilations, place), place.before, x_shape[1:-1], strict=True)
    out = np.zeros((x_shape[0], *(max(reach, before + n) for reach, before, n in sizes), x_shape[-1]), pieces.dtype)
    for tap in np.ndindex(*window):
        first = [t * d for t, d in zip(tap, dilations[1:-1], strict=True)]
        steps = zip(first, place.counts, strides[1:-1], strict=True)
        where = (slice(None), *(slice(t, t + count * step, step) for t, count, step in steps))
        out[where] += pieces[(slice(None),) * (rank + 1) + tap]
    inside = zip(place.before, x_shape[1:-1], strict=True)
    return out[(slice(None), *(slice(before, before + n) for before, n in inside))]
