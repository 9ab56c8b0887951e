"""Boxes in images: choosing among them, drawing them, cutting out what they hold.

A box is [y1, x1, y2, x2] in fractions of height and width.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.default import name_scope
from graphflow.dtypes import DType, float32, int32, int64
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.ops.clip import clip_by_value
from graphflow.ops.compare import greater_equal, less_equal, logical_and
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.image.shapes import height_and_width
from graphflow.ops.indexing import gather_nd
from graphflow.ops.infer import require_rank
from graphflow.ops.join import concat, stack
from graphflow.ops.math import floor
from graphflow.ops.random import generator
from graphflow.ops.seeds import seed_attrs
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import broadcast_to, either, expand_dims, shape
from graphflow.ops.static import static_value
from graphflow.shape import Dims, merge, show

DistortedBox = namedtuple("DistortedBox", "begin size bboxes")


# -- choosing ------------------------------------------------------------------------------------------------------
def _overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with others [n, 4], whose corners are in order; 0 for empty ones."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    area = np.prod(box[2:] - box[:2])
    return np.where((areas > 0) & (area > 0), common / (area + areas - common), 0)


def _suppressed(
    boxes: np.ndarray, scores: np.ndarray, max_output_size: np.ndarray, iou: np.ndarray, least: np.ndarray
) -> np.ndarray:
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise InvalidArgumentError.because(f"boxes {show(boxes.shape)} must be [n, 4], scores {show(scores.shape)} [n]")
    if not 0 <= iou <= 1:
        raise InvalidArgumentError.because(f"iou_threshold must be in [0, 1], not {iou}")
    ordered = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], 1)
    chosen: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        if len(chosen) >= max_output_size or not scores[i] > least:
            break
        if not (_overlap(ordered[i], ordered[chosen]) > iou).any():
            chosen.append(i)
    return np.array(chosen, np.int32)


def _suppressed_infer(boxes: Tensor, scores: Tensor, size: Tensor, *_: Tensor) -> tuple[Dims, DType]:
    n, four = require_rank(boxes, 2, "boxes")
    merge((four,), (4,))
    merge((n,), require_rank(scores, 1, "scores"))
    return (None,), int32


NON_MAX_SUPPRESSION = define(
    "NonMaxSuppressionV3", "boxes scores max_output_size:int32 iou_threshold:float32 score_threshold:float32",
    infer=_suppressed_infer,
    reference=_suppressed,
    vjp=NO_GRADIENT,
    types=dtypes.FLOATING,
)  # fmt: skip


def non_max_suppression(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5, score_threshold: Any = float("-inf"),
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The indices, int32, of the best boxes; none of them overlaps a better one by more than iou_threshold.

    Shapes: boxes [n, 4], any two opposite corners, scores [n] -> [at most max_output_size].   No gradient.
    """
    with name_scope(name, "non_max_suppression", [boxes, scores]):
        return NON_MAX_SUPPRESSION(boxes, scores, max_output_size, iou_threshold, score_threshold)


# -- drawing -------------------------------------------------------------------------------------------------------
_COLORS = np.array([
    [1, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0.5, 0, 0.5, 1], [0.5, 0.5, 0, 1], [0.5, 0, 0, 1],
    [0, 0, 0.5, 1], [0, 1, 1, 1], [1, 0, 1, 1],
])  # fmt: skip


def _drawn(images: np.ndarray, boxes: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """A line is drawn where it lies inside of the image."""
    if images.ndim != 4 or boxes.ndim != 3 or boxes.shape[::2] != (images.shape[0], 4):
        raise InvalidArgumentError.because(f"boxes {show(boxes.shape)} do not go with images {show(images.shape)}")
    out = images.copy()
    _, height, width, depth = images.shape
    table = colors if colors.size else _COLORS if depth > 1 else np.ones((1, 4))
    if table.ndim != 2 or table.shape[1] < depth:
        raise InvalidArgumentError.because(f"colors {show(table.shape)} must be [n, {depth}]")
    for image, own in zip(out, boxes, strict=True):
        for i, box in enumerate(own):
            corners = np.trunc(box * [height - 1, width - 1, height - 1, width - 1])
            if not np.isfinite(corners).all():
                continue
            top, left, bottom, right = (int(c) for c in corners)
            if top > bottom or left > right or top >= height or bottom < 0 or left >= width or right < 0:
                continue
            color = table[i % len(table), :depth]
            rows, columns = slice(max(top, 0), bottom + 1), slice(max(left, 0), right + 1)
            for row in (top, bottom):
                if 0 <= row < height:
                    image[row, columns] = color
            for column in (left, right):
                if 0 <= column < width:
                    image[rows, column] = color
    return out


def _drawn_infer(images: Tensor, boxes: Tensor, colors: Tensor) -> tuple[Dims, DType]:
    require_rank(images, 4, "images")
    merge(require_rank(boxes, 3, "boxes"), (None, None, 4))
    return images.dims, images.dtype


DRAW_BOUNDING_BOXES = define(
    "DrawBoundingBoxesV2", "images boxes:float32 colors:float32",
    infer=_drawn_infer,
    reference=_drawn,
    vjp=NO_GRADIENT,
    types=(float32, dtypes.float16),
)  # fmt: skip


def draw_bounding_boxes(images: Any, boxes: Any, name: str | None = None, colors: Any = None) -> Tensor:
    """The images with the borders of boxes drawn on them.

    colors    [k, channels], taken in turn
    Shapes:   images [n, h, w, c], boxes [n, k, 4] -> [n, h, w, c].   No gradient.
    """
    table = np.zeros((0, 4), np.float32) if colors is None else colors
    return DRAW_BOUNDING_BOXES(images, boxes, table, name=name)


# -- cutting out ---------------------------------------------------------------------------------------------------
def crop_and_resize(
    image: Any, boxes: Any, box_ind: Any = None, crop_size: Any = None, method: str = "bilinear",
    extrapolation_value: float = 0, name: str | None = None, box_indices: Any = None,
) -> Tensor:  # fmt: skip
    """What boxes hold, each resized to crop_size; the corners of a box are the centers of the corner pixels.

    boxes     [k, 4]; corners in the other order mirror; extrapolation_value where a box reaches beyond the image
    box_ind   [k]: the image of each box.   crop_size   two numbers that are known while building
    method    "bilinear" or "nearest"
    Shapes:   image [n, h, w, c] -> [k, crop_size[0], crop_size[1], c].   Dtype: float32.
    Gradient: image and boxes.   Raises: InvalidArgumentError when run for an image that does not exist.
    """
    with name_scope(name, "CropAndResize", [image, boxes]):
        if method not in ("bilinear", "nearest"):
            raise GraphError(f"method must be bilinear or nearest, not {method!r}")
        images = convert_to_tensor(image, name="image")
        pixels = cast(images, float32)
        require_rank(images, 4, "the image")
        corners = convert_to_tensor(boxes, float32, name="boxes")
        merge(require_rank(corners, 2, "boxes"), (None, 4))
        which = convert_to_tensor(either(box_indices, box_ind, "box_indices", "box_ind"), int32, name="box_ind")
        require_rank(which, 1, "box_ind")
        size = static_value(convert_to_tensor(crop_size, int32, name="crop_size"))
        if size is None or size.shape != (2,) or (size < 1).any():
            raise ShapeError("crop_size must be two numbers above 0 that are known while building")
        height, width = height_and_width(images)
        rows = _samples(corners[:, 0], corners[:, 2], height, int(size[0]))
        columns = _samples(corners[:, 1], corners[:, 3], width, int(size[1]))
        inside = logical_and(expand_dims(_inside(rows, height), 2), expand_dims(_inside(columns, width), 1))
        if method == "nearest":
            taken = _pixels(pixels, which, floor(rows + 0.5), floor(columns + 0.5), height, width)
        else:
            taken = _interpolated(pixels, which, rows, columns, height, width)
        made = where_v2(expand_dims(inside, 3), taken, float(extrapolation_value))
        made.set_shape([(corners.dims or (None,))[0], *size.tolist(), None])
        return made


def _samples(first: Tensor, last: Tensor, size: Any, n: int) -> Tensor:
    """[k, n]: where the samples of each box lie along an axis."""
    most = cast(size, float32) - 1.0
    if n == 1:
        return expand_dims(0.5 * (first + last) * most, 1)
    steps = np.arange(n, dtype=np.float32)
    return expand_dims(first * most, 1) + expand_dims((last - first) * most / float(n - 1), 1) * steps


def _inside(at: Tensor, size: Any) -> Tensor:
    return logical_and(greater_equal(at, 0.0), less_equal(at, cast(size, float32) - 1.0))


def _pixels(images: Tensor, which: Tensor, rows: Tensor, columns: Tensor, height: Any, width: Any) -> Tensor:
    """[k, n, m, c]: the pixels at rows [k, n] and columns [k, m], or the nearest ones that there are."""
    row = clip_by_value(cast(rows, int32), 0, height - 1)
    column = clip_by_value(cast(columns, int32), 0, width - 1)
    sizes = concat([shape(rows), shape(columns)[1:]], 0)
    image = expand_dims(expand_dims(which, 1), 2)
    parts = [image, expand_dims(row, 2), expand_dims(column, 1)]
    return gather_nd(images, stack([broadcast_to(p, sizes) for p in parts], axis=-1))


def _interpolated(images: Tensor, which: Tensor, rows: Tensor, columns: Tensor, height: Any, width: Any) -> Tensor:
    top, left = floor(rows), floor(columns)
    down, right = (expand_dims(expand_dims(part, axis), 3) for part, axis in ((rows - top, 2), (columns - left, 1)))

    def line(row: Tensor) -> Tensor:
        a = _pixels(images, which, row, left, height, width)
        return a + (_pixels(images, which, row, left + 1.0, height, width) - a) * right

    above = line(top)
    return above + (line(top + 1.0) - above) * down


# -- random boxes --------------------------------------------------------------------------------------------------
def _distorted(
    image_size: np.ndarray, boxes: np.ndarray, min_object_covered: np.ndarray, *, aspect_ratio_range: tuple,
    area_range: tuple, max_attempts: int, use_image: bool, seed: int, seed2: int, key: int, draw: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """A box of random proportions, area and place that covers enough of one of the boxes; else the whole image."""
    height, width = (int(n) for n in image_size[:2])
    objects = boxes.reshape(-1, 4)
    if not len(objects):
        if not use_image:
            raise InvalidArgumentError.because("there are no bounding boxes, and use_image_if_no_bounding_boxes is off")
        objects = np.array([[0, 0, 1, 1]], np.float32)
    scaled = objects * [height, width, height, width]
    rng = generator(key, draw)
    top, left, high, wide = 0, 0, height, width
    for _ in range(max_attempts):
        ratio, area = rng.uniform(*aspect_ratio_range), rng.uniform(*area_range) * height * width
        h = round(np.sqrt(area / ratio))
        w = round(h * ratio)
        if not (0 < h <= height and 0 < w <= width):
            continue
        y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        low, end = np.maximum(scaled[:, :2], [y, x]), np.minimum(scaled[:, 2:], [y + h, x + w])
        common = np.prod(np.maximum(end - low, 0), axis=1)
        areas = np.prod(scaled[:, 2:] - scaled[:, :2], axis=1)
        if (common >= min_object_covered * areas).any():
            top, left, high, wide = y, x, h, w
            break
    box = [top / height, left / width, (top + high) / height, (left + wide) / width]
    return np.array([top, left, 0]), np.array([high, wide, -1]), np.array([[box]], np.float32)


SAMPLE_BOX = define(
    "SampleDistortedBoundingBoxV2", "image_size bounding_boxes:float32 min_object_covered:float32",
    infer=lambda image_size, *_, **__: [((3,), image_size.dtype), ((3,), image_size.dtype), ((1, 1, 4), float32)],
    reference=_distorted,
    vjp=NO_GRADIENT,
    types=(int32, int64, dtypes.uint8, dtypes.int8, dtypes.int16),
    stateful=True,
    draws=True,
)  # fmt: skip


def sample_distorted_bounding_box(
    image_size: Any, bounding_boxes: Any, seed: int | None = None, seed2: int | None = None,
    min_object_covered: Any = 0.1, aspect_ratio_range: Any = None, area_range: Any = None,
    max_attempts: int | None = None, use_image_if_no_bounding_boxes: bool | None = None, name: str | None = None,
) -> DistortedBox:  # fmt: skip
    """(begin, size, bboxes) of a random part of an image that holds enough of one of the objects in it.

    image_size          [height, width, channels]; begin and size go into tf.slice
    bounding_boxes      [n, k, 4], the boxes of the objects
    min_object_covered  how much of an object's area must lie inside
    aspect_ratio_range  of width / height, (0.75, 1.33) by default; area_range in fractions, (0.05, 1) by default
    max_attempts        100 by default; then the whole image is taken
    Shapes:             [3], [3] and [1, 1, 4].   No gradient.
    Raises:             InvalidArgumentError when run without boxes, unless use_image_if_no_bounding_boxes.
    """
    with name_scope(name, "sample_distorted_bounding_box", [image_size, bounding_boxes]):
        return DistortedBox(*SAMPLE_BOX(
            image_size, bounding_boxes, min_object_covered,
            aspect_ratio_range=tuple(aspect_ratio_range or (0.75, 1.33)), area_range=tuple(area_range or (0.05, 1.0)),
            max_attempts=100 if max_attempts is None else int(max_attempts),
            use_image=bool(use_image_if_no_bounding_boxes), **seed_attrs(seed if seed is not None else seed2 or None),
        ))  # fmt: skip
