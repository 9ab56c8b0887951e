"""Sliding windows over images: the arguments of convolutions and pools, sizes, padding, and windows as an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.errors import GraphError, InvalidArgumentError, ShapeError

Padding = tuple[str, tuple[int, ...]]  # SAME, VALID, or EXPLICIT with (top, bottom, left, right)


def per_axis(value: Any, what: str) -> tuple[int, int, int, int]:
    """Strides, window sizes or dilations for NHWC, from an int, [size], [height, width] or all four."""
    if value is None:
        raise GraphError(f"{what} must be given")
    numbers = [int(v) for v in np.atleast_1d(value)]
    if len(numbers) in (1, 2):
        numbers = [1, numbers[0], numbers[-1], 1]
    if len(numbers) != 4 or min(numbers) < 1:
        raise GraphError(f"{what} must be an int, or 1, 2 or 4 of them, each at least 1; not {value!r}")
    if numbers[0] != 1 or numbers[3] != 1:
        raise GraphError(f"{what} must be 1 for batch and channels, not {numbers}")
    return tuple(numbers)  # type: ignore[return-value]


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


def require_nhwc(data_format: Any, what: str) -> None:
    """GraphError for another layout."""
    if data_format not in (None, "NHWC"):
        raise GraphError(f"{what} takes NHWC images, not {data_format!r}",
                         hint="tf.transpose(x, [0, 2, 3, 1]) makes NHWC of NCHW")  # fmt: skip


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


def windows_dims(
    dims: Sequence[int | None], window: Sequence[int | None], strides: Sequence[int], dilations: Sequence[int],
    padding: str, explicit: Sequence[int],
) -> tuple[int | None, int | None]:  # fmt: skip
    """How many windows there are in height and width, as far as it is known."""
    found: list[int | None] = []
    for i in (0, 1):
        size, k = dims[i + 1], window[i]
        if size is None or (k is None and padding != "SAME"):
            found.append(None)
        else:
            pads = explicit[2 * i : 2 * i + 2]
            found.append(along(size, k or 1, strides[i + 1], dilations[i + 1], padding, pads)[0])
    return found[0], found[1]


def layout(
    height: int, width: int, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int], padding: str,
    explicit: Sequence[int],
) -> tuple[int, int, int, int]:  # fmt: skip
    """(windows in height, in width, rows of padding above, columns of padding at the left) when values are at hand."""
    try:
        oh, top = along(height, window[0], strides[1], dilations[1], padding, explicit[:2])
        ow, left = along(width, window[1], strides[2], dilations[2], padding, explicit[2:])
    except ShapeError as error:
        raise InvalidArgumentError.because(error.message) from None
    return oh, ow, top, left


def padded(
    x: np.ndarray, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int],
    place: tuple[int, int, int, int], fill: Any,
) -> np.ndarray:  # fmt: skip
    """The images with as much `fill` around them as the windows reach, and cut where they do not."""
    oh, ow, top, left = place
    n, _, _, c = x.shape
    high = max((oh - 1) * strides[1] + (window[0] - 1) * dilations[1] + 1, 0)
    wide = max((ow - 1) * strides[2] + (window[1] - 1) * dilations[2] + 1, 0)
    out = np.full((n, high, wide, c), fill, x.dtype)
    inside = x[:, : max(high - top, 0), : max(wide - left, 0)]
    out[:, top : top + inside.shape[1], left : left + inside.shape[2]] = inside
    return out


def unfolded(
    x: np.ndarray, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int],
    place: tuple[int, int, int, int],
) -> np.ndarray:  # fmt: skip
    """Padded images as a view [n, oh, ow, window height, window width, channels]."""
    (n, _, _, c), (sn, sh, sw, sc) = x.shape, x.strides
    shape = (n, place[0], place[1], window[0], window[1], c)
    steps = (sn, sh * strides[1], sw * strides[2], sh * dilations[1], sw * dilations[2], sc)
    return np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False)


def folded(
    pieces: np.ndarray, x_shape: tuple[int, ...], strides: Sequence[int], dilations: Sequence[int],
    place: tuple[int, int, int, int],
) -> np.ndarray:  # fmt: skip
    """The opposite of padded and unfolded: pieces [n, oh, ow, kh, kw, c] added up where they were taken from."""
    oh, ow, top, left = place
    _, _, _, kh, kw, c = pieces.shape
    n, h, w, _ = x_shape
    high = max(top + h, (oh - 1) * strides[1] + (kh - 1) * dilations[1] + 1)
    wide = max(left + w, (ow - 1) * strides[2] + (kw - 1) * dilations[2] + 1)
    out = np.zeros((n, high, wide, c), pieces.dtype)
    for i in range(kh):
        for j in range(kw):
            y, z = i * dilations[1], j * dilations[2]
            out[:, y : y + (oh - 1) * strides[1] + 1 : strides[1], z : z + (ow - 1) * strides[2] + 1 : strides[2]] += (
                pieces[:, :, :, i, j]
            )
    return out[:, top : top + h, left : left + w]
