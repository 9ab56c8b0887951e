"""Images turned, mirrored, cropped and padded."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import DType, float64, int32
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.arrange import reverse, transpose
from graphflow.ops.basic import cast
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.fill import range as range_
from graphflow.ops.image.resize import ResizeMethod, resize_images
from graphflow.ops.image.shapes import (
    Size,
    as_batch,
    as_batch_or_image,
    height_and_width,
    larger,
    require_image,
    smaller,
    unbatched,
)
from graphflow.ops.join import concat
from graphflow.ops.math import floor
from graphflow.ops.pad import pad
from graphflow.ops.random import random_uniform
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import rank, shape
from graphflow.ops.slicing import slice_
from graphflow.ops.static import static_value
from graphflow.shape import Dims, show


def _image(image: Any) -> Tensor:
    t = convert_to_tensor(image, name="image")
    require_image(t)
    return t


# -- mirrors and turns ---------------------------------------------------------------------------------------------
def _one_image(made: Tensor, image: Tensor) -> Tensor:
    """What was made of an image; a tensor of unknown rank counts as one."""
    if image.dims is None:
        made.set_shape([None] * 3)
    return made


def _flipped(image: Tensor, axis: int) -> Tensor:
    return _one_image(reverse(image, [axis]), image)


def flip_left_right(image: Any) -> Tensor:
    """Mirrored: the left column becomes the right one.   Shapes: [h, w, c] or [n, h, w, c], kept.   Gradient: image."""
    with name_scope(None, "flip_left_right", [image]):
        return _flipped(_image(image), -2)


def flip_up_down(image: Any) -> Tensor:
    """Upside down.   Shapes: [h, w, c] or [n, h, w, c], kept.   Gradient: image."""
    with name_scope(None, "flip_up_down", [image]):
        return _flipped(_image(image), -3)


def _random_flip(image: Any, axis: int, seed: int | None, scope: str) -> Tensor:
    """Each image of a batch is flipped, or not, by its own draw."""
    with name_scope(None, scope, [image]):
        t = _image(image)
        draws = random_uniform(concat([shape(t)[:-3], [1, 1, 1]], 0), seed=seed)
        made = where_v2(draws < 0.5, reverse(t, [axis]), t)
        made.set_shape(t.shape)
        return made


def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """flip_left_right of every other image, on average, by chance.   Gradient: image."""
    return _random_flip(image, -2, seed, "random_flip_left_right")


def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """flip_up_down of every other image, on average, by chance.   Gradient: image."""
    return _random_flip(image, -3, seed, "random_flip_up_down")


def transpose_image(image: Any, name: str | None = None) -> Tensor:
    """Height and width exchanged: [h, w, c] -> [w, h, c], also in a batch.   Gradient: image.

    A tensor of unknown rank counts as one image.
    """
    with name_scope(name, "transpose", [image]):
        t = _image(image)
        if t.dims is None:
            n = rank(t)
            return _one_image(transpose(t, concat([range_(n - 3), [n - 2, n - 3, n - 1]], 0)), t)
        return transpose(t, [1, 0, 2] if len(t.dims) == 3 else [0, 2, 1, 3])


def _turned_infer(image: Tensor, k: Tensor) -> tuple[Dims, DType]:
    require_image(image)
    dims, turns = image.dims or (None,) * 3, static_value(k)
    if turns is not None and turns % 2 == 0:
        return dims, image.dtype
    *batch, height, width, channels = dims
    if turns is None:
        height = width = height if height == width else None
    return (*batch, width, height, channels), image.dtype


ROT90: OpDef = define(
    "Rot90", "image k:int32",
    infer=_turned_infer,
    reference=lambda x, k: np.rot90(x, int(k), (-3, -2)),
    vjp=(lambda op, dy: ROT90(dy, -op.inputs[1]), None),
)  # fmt: skip


def rot90(image: Any, k: Any = 1, name: str | None = None) -> Tensor:
    """Turned k times by 90 degrees against the clock.

    Shapes: [h, w, c] or [n, h, w, c]; height and width change places for odd k.   A tensor of unknown rank counts as
            one image.   Gradient: image.
    """
    t = _image(image)
    turns = convert_to_tensor(k, int32, name="k")
    if turns.dims:
        raise ShapeError(f"k must be a scalar, and has shape {show(turns.dims)}")
    return ROT90(t, turns, name=name or "rot90")


# -- crops and borders ---------------------------------------------------------------------------------------------
def _number(value: Any, least: int, what: str) -> Size:
    """An int where it is one or known to be one, else a scalar tensor; GraphError when it is too small."""
    if isinstance(value, Tensor):
        known = static_value(value)
        if known is None:
            return value
        value = known
    if int(value) < least:
        raise GraphError(f"{what} must be at least {least}, not {int(value)}")
    return int(value)


def _box(top: Any, left: Any, high: Any, wide: Any) -> list[Size]:
    return [
        _number(top, 0, "offset_height"),
        _number(left, 0, "offset_width"),
        _number(high, 1, "target_height"),
        _number(wide, 1, "target_width"),
    ]


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """The part of an image [h, w, c], or of each of a batch, from an offset on.

    Shapes:   [..., h, w, c] -> [..., target_height, target_width, c]
    Gradient: image.   Raises: ValueError, or InvalidArgumentError when run, where it reaches beyond the image.
    """
    with name_scope(None, "crop_to_bounding_box", [image]):
        batch, single = as_batch_or_image(convert_to_tensor(image, name="image"))
        top, left, high, wide = _box(offset_height, offset_width, target_height, target_width)
        return unbatched(slice_(batch, [0, top, left, 0], [-1, high, wide, -1]), single)


def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """An image [h, w, c], or each of a batch, at an offset in a larger one of zeros.

    Shapes:   [..., h, w, c] -> [..., target_height, target_width, c]
    Gradient: image.   Raises: ValueError, or InvalidArgumentError when run, where it does not fit.
    """
    with name_scope(None, "pad_to_bounding_box", [image]):
        batch, single = as_batch_or_image(convert_to_tensor(image, name="image"))
        top, left, high, wide = _box(offset_height, offset_width, target_height, target_width)
        height, width = height_and_width(batch)
        paddings = convert_to_tensor([[0, 0], [top, high - top - height], [left, wide - left - width], [0, 0]])
        made = pad(batch, paddings)
        made.set_shape([None, high if isinstance(high, int) else None, wide if isinstance(wide, int) else None, None])
        return unbatched(made, single)


def resize_image_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Tensor:
    """An image [h, w, c], or each of a batch, cut or framed with zeros around its middle.

    Shapes: [..., h, w, c] -> [..., target_height, target_width, c].   Gradient: image.
    """
    with name_scope(None, "resize_image_with_crop_or_pad", [image]):
        batch, single = as_batch_or_image(convert_to_tensor(image, name="image"))
        high, wide = _number(target_height, 1, "target_height"), _number(target_width, 1, "target_width")
        height, width = height_and_width(batch)
        cropped = crop_to_bounding_box(
            batch, larger((height - high) // 2, 0), larger((width - wide) // 2, 0), smaller(high, height),
            smaller(wide, width),
        )  # fmt: skip
        framed = pad_to_bounding_box(
            cropped, larger((high - height) // 2, 0), larger((wide - width) // 2, 0), high, wide
        )
        return unbatched(framed, single)


def resize_image_with_pad(
    image: Any, target_height: Any, target_width: Any, method: Any = ResizeMethod.BILINEAR,
    align_corners: bool = False,
) -> Tensor:  # fmt: skip
    """As large as fits into the target without distortion, framed with zeros.   Gradient: image."""
    with name_scope(None, "resize_image_with_pad", [image]):
        batch, single = as_batch_or_image(convert_to_tensor(image, name="image"))
        high, wide = (cast(convert_to_tensor(v), float64) for v in (target_height, target_width))
        height, width = (cast(convert_to_tensor(v), float64) for v in height_and_width(batch))
        ratio = maximum(width / wide, height / high)
        new_high, new_wide = floor(height / ratio), floor(width / ratio)
        top = maximum(0, cast(floor((high - height / ratio) / 2.0), int32))
        left = maximum(0, cast(floor((wide - width / ratio) / 2.0), int32))
        size = convert_to_tensor([cast(new_high, int32), cast(new_wide, int32)])
        resized = resize_images(batch, size, method, align_corners)
        return unbatched(pad_to_bounding_box(resized, top, left, target_height, target_width), single)


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """The middle of an image [h, w, c], or of each of a batch: this fraction of height and width.

    Gradient: image.   Raises: ValueError for a fraction outside (0, 1].
    """
    with name_scope(None, "central_crop", [image]):
        if not 0.0 < central_fraction <= 1.0:
            raise GraphError(f"central_fraction must be in (0, 1], not {central_fraction}")
        t = convert_to_tensor(image, name="image")
        if central_fraction == 1.0:
            return t
        as_batch(t)
        first, size = zip(*[_middle(n, central_fraction) for n in height_and_width(t)], strict=True)
        before = [0] * (len(t.dims or ()) - 3)
        return slice_(t, [*before, *first, 0], [*[-1 for _ in before], *size, -1])


def _middle(n: Size, fraction: float) -> tuple[Size, Size]:
    """(start, size) of the middle of n pixels."""
    if isinstance(n, int):
        start: Size = int((n - n * fraction) / 2)
    else:
        whole = cast(n, float64)
        start = cast((whole - whole * fraction) / 2.0, int32)
    return start, n - start * 2
