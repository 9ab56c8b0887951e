"""Images of another size: nearest pixel, bilinear, bicubic, and means over areas.

Except for the nearest pixel, each output row is a weighted sum of a few input rows, its taps, and the same goes for
columns: a kind of resizing is no more than its taps along one axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import REAL, DType, float32, int32
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define
from graphflow.ops.image.shapes import as_batch, height_and_width, unbatched
from graphflow.ops.infer import require_rank
from graphflow.ops.shape_ops import shape
from graphflow.ops.static import static_dims, static_value
from graphflow.shape import Dims, compatible, show

Taps = tuple[np.ndarray, np.ndarray]  # for each output position: input positions [out, taps], weights [out, taps]
_CUBIC_STEPS = 1024  # TensorFlow's table of cubic weights


class ResizeMethod:
    """Names for the `method` of resize_images."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


def _scale(size: int, out: int, align_corners: bool) -> np.float32:
    return np.float32((size - 1) / (out - 1) if align_corners and out > 1 else size / out)


def _positions(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    """Where each output position lies in the input, float32 as in TensorFlow."""
    at, scale = np.arange(out, dtype=np.float32), _scale(size, out, align_corners)
    if half_pixel_centers:
        return (at + np.float32(0.5)) * scale - np.float32(0.5)
    return at * scale


def _bilinear(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    at = _positions(size, out, align_corners, half_pixel_centers)
    low = np.floor(at)
    part = at - low
    places = np.stack([low, low + 1], 1).astype(np.int64)
    return np.clip(places, 0, size - 1), np.stack([1 - part, part], 1)


def _bicubic(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """Keys' weights with a = -0.75; with half-pixel centers a = -0.5, and none for pixels outside."""
    a = -0.5 if half_pixel_centers else -0.75
    at = _positions(size, out, align_corners, half_pixel_centers)
    low = np.floor(at)
    part = np.rint((at - low) * _CUBIC_STEPS) / _CUBIC_STEPS

    def near(x: np.ndarray) -> np.ndarray:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: np.ndarray) -> np.ndarray:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    weights = np.stack([far(part + 1), near(part), near(1 - part), far(2 - part)], 1)
    places = low.astype(np.int64)[:, None] + np.arange(-1, 3)
    if half_pixel_centers:
        weights = np.where((places < 0) | (places >= size), 0.0, weights)
        weights = weights / weights.sum(axis=1, keepdims=True)
    return np.clip(places, 0, size - 1), weights.astype(np.float32)


def _area(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """The part of each input pixel that an output pixel covers."""
    scale = _scale(size, out, align_corners)
    first = np.arange(out, dtype=np.float32) * scale
    last = np.arange(1, out + 1, dtype=np.float32) * scale
    start = np.floor(first).astype(np.int64)
    taps = int((np.ceil(last).astype(np.int64) - start).max())
    places = start[:, None] + np.arange(taps)
    covered = np.minimum(places + 1, last[:, None]) - np.maximum(places, first[:, None])
    return np.clip(places, 0, size - 1), (np.maximum(covered, 0) / scale).astype(np.float32)


def _along(x: np.ndarray, axis: int, taps: Taps) -> np.ndarray:
    """Each output position as the weighted sum of its taps."""
    places, weights = taps
    dims = [1] * x.ndim
    dims[axis] = -1
    parts = (np.take(x, places[:, t], axis) * weights[:, t].reshape(dims) for t in range(places.shape[1]))
    return np.asarray(sum(parts))


def _back_along(dy: np.ndarray, axis: int, size: int, taps: Taps) -> np.ndarray:
    """The transpose of _along."""
    places, weights = taps
    rows = np.moveaxis(dy, axis, 0)
    out = np.zeros((size, *rows.shape[1:]), dy.dtype)
    for t in range(places.shape[1]):
        np.add.at(out, places[:, t], rows * weights[:, t].reshape(-1, *[1] * (rows.ndim - 1)))
    return np.moveaxis(out, 0, axis)


def _run_size(images: np.ndarray, size: np.ndarray) -> tuple[int, int]:
    if size.shape != (2,) or (size < 1).any():
        raise InvalidArgumentError.because(f"size must be two numbers above 0, not {size.tolist()}")
    if images.ndim != 4 or 0 in images.shape[1:3]:
        raise InvalidArgumentError.because(f"images must be [batch, height, width, channels], not {show(images.shape)}")
    return int(size[0]), int(size[1])


def _resized_dims(images: Tensor, size: Tensor) -> Dims:
    n, _, _, c = require_rank(images, 4, "images")
    require_rank(size, 1, "size")
    if not compatible(size.dims, (2,)):
        raise ShapeError(f"size must be two numbers, and has shape {show(size.dims)}")
    height, width = static_dims(size) or (None, None)
    return n, height, width, c


def _interpolation(name: str, taps: Callable[..., Taps]) -> OpDef:
    """The record of a kind of resizing and that of its gradient."""

    def reference(images: np.ndarray, size: np.ndarray, **how: bool) -> np.ndarray:
        height, width = _run_size(images, size)
        rows = _along(images.astype(np.float32), 1, taps(images.shape[1], height, **how))
        return _along(rows, 2, taps(images.shape[2], width, **how))

    def back(dy: np.ndarray, sizes: np.ndarray, **how: bool) -> np.ndarray:
        _, height, width, _ = sizes.tolist()
        rows = _back_along(dy, 2, width, taps(width, dy.shape[2], **how))
        return _back_along(rows, 1, height, taps(height, dy.shape[1], **how))

    def vjp(op: Operation, dy: Tensor) -> Tensor:
        return cast(gradient(dy, shape(op.inputs[0]), **op.attrs), op.inputs[0].dtype)

    gradient: OpDef = define(
        f"{name}Grad", "grads sizes:int32",
        infer=lambda grads, sizes, **_: (static_dims(sizes), float32),
        reference=back,
        vjp=(lambda op, dy: record(dy, shape(op.inputs[0])[1:3], **op.attrs), None),
        types=(float32,),
    )  # fmt: skip
    record: OpDef = define(
        name, "images size:int32",
        infer=lambda images, size, **_: (_resized_dims(images, size), float32),
        reference=reference,
        vjp=(vjp, None),
        types=REAL,
    )  # fmt: skip
    return record


RESIZE_BILINEAR = _interpolation("ResizeBilinear", _bilinear)
RESIZE_BICUBIC = _interpolation("ResizeBicubic", _bicubic)
RESIZE_AREA = _interpolation("ResizeArea", _area)


# -- nearest pixel -------------------------------------------------------------------------------------------------
def _nearest(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    at = np.arange(out, dtype=np.float32) + np.float32(0.5 if half_pixel_centers else 0)
    at = at * _scale(size, out, align_corners)
    places = np.floor(at + np.float32(0.5)) if align_corners else np.floor(at)
    return np.clip(places.astype(np.int64), 0, size - 1)


def _take_nearest(images: np.ndarray, size: np.ndarray, **how: bool) -> np.ndarray:
    height, width = _run_size(images, size)
    rows = _nearest(images.shape[1], height, **how)
    return images[:, rows[:, None], _nearest(images.shape[2], width, **how)]


def _add_nearest(dy: np.ndarray, sizes: np.ndarray, **how: bool) -> np.ndarray:
    height, width = sizes.tolist()
    out = np.zeros((dy.shape[0], height, width, dy.shape[3]), dy.dtype)
    rows, columns = _nearest(height, dy.shape[1], **how), _nearest(width, dy.shape[2], **how)
    np.add.at(out.transpose(1, 2, 0, 3), (rows[:, None], columns), dy.transpose(1, 2, 0, 3))
    return out


def _same_dtype(images: Tensor, size: Tensor, **_: bool) -> tuple[Dims, DType]:
    return _resized_dims(images, size), images.dtype


RESIZE_NEAREST_GRAD: OpDef = define(
    "ResizeNearestNeighborGrad", "grads size:int32",
    infer=_same_dtype,
    reference=_add_nearest,
    vjp=(lambda op, dy: RESIZE_NEAREST(dy, shape(op.inputs[0])[1:3], **op.attrs), None),
    types=REAL,
)  # fmt: skip

RESIZE_NEAREST: OpDef = define(
    "ResizeNearestNeighbor", "images size:int32",
    infer=_same_dtype,
    reference=_take_nearest,
    vjp=(lambda op, dy: RESIZE_NEAREST_GRAD(dy, shape(op.inputs[0])[1:3], **op.attrs), None),
    types=REAL,
)  # fmt: skip


def _resize(record: OpDef, images: Any, size: Any, corners: bool, half: bool, name: str | None) -> Tensor:
    if corners and half:
        raise GraphError("either align_corners or half_pixel_centers, not both")
    return record(images, size, align_corners=bool(corners), half_pixel_centers=bool(half), name=name)


def resize_bilinear(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Tensor:
    """Images of another size, each pixel a mean of four, weighted by distance.

    align_corners       the centers of the corner pixels stay corners
    half_pixel_centers  coordinates count from the corners of pixels, not from their centers
    Shapes:   images [n, h, w, c], size [2] -> [n, size[0], size[1], c]
    Dtype:    real numbers -> float32.   Gradient: images.
    Raises:   InvalidArgumentError when run for an empty size.
    """
    return _resize(RESIZE_BILINEAR, images, size, align_corners, half_pixel_centers, name)


def resize_bicubic(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Tensor:
    """As resize_bilinear, by cubic polynomials through sixteen pixels."""
    return _resize(RESIZE_BICUBIC, images, size, align_corners, half_pixel_centers, name)


def resize_area(images: Any, size: Any, align_corners: bool = False, name: str | None = None) -> Tensor:
    """As resize_bilinear, each pixel the mean of the area that it covers."""
    return _resize(RESIZE_AREA, images, size, align_corners, False, name)


def resize_nearest_neighbor(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Tensor:
    """As resize_bilinear, each pixel a copy of the nearest one.   Dtype: kept."""
    return _resize(RESIZE_NEAREST, images, size, align_corners, half_pixel_centers, name)


_METHODS: dict[Any, OpDef] = {
    ResizeMethod.BILINEAR: RESIZE_BILINEAR, "bilinear": RESIZE_BILINEAR,
    ResizeMethod.NEAREST_NEIGHBOR: RESIZE_NEAREST, "nearest": RESIZE_NEAREST,
    ResizeMethod.BICUBIC: RESIZE_BICUBIC, "bicubic": RESIZE_BICUBIC,
    ResizeMethod.AREA: RESIZE_AREA, "area": RESIZE_AREA,
}  # fmt: skip


def resize_images(
    images: Any, size: Any, method: Any = ResizeMethod.BILINEAR, align_corners: bool = False,
    preserve_aspect_ratio: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Images of another size by one of the methods of ResizeMethod.

    preserve_aspect_ratio   as large as fits into `size` without distortion
    Shapes:   [h, w, c] or [n, h, w, c] -> [size[0], size[1], c] or [n, size[0], size[1], c]
    Dtype:    float32; kept by the nearest-neighbour method, and where the size is known to stay.
    Gradient: images.   Raises: ValueError for another rank, size or method.
    """
    with name_scope(name, "resize", [images, size]):
        batch, single = as_batch(convert_to_tensor(images, name="images"), "images")
        size = convert_to_tensor(size, name="size")
        if size.dtype is not int32 or not compatible(size.dims, (2,)):
            raise ShapeError(f"size must be two int32 numbers, not {size!r}")
        if method not in _METHODS:
            raise GraphError(f"the resize method must be one of ResizeMethod, not {method!r}")
        if preserve_aspect_ratio:
            size = _fitting(batch, size)
        wanted = static_value(size)
        if wanted is not None and batch.dims is not None and tuple(wanted.tolist()) == batch.dims[1:3]:
            return unbatched(batch, single)
        made = _resize(_METHODS[method], batch, size, align_corners, False, None)
        return unbatched(made, single)


def _fitting(batch: Tensor, size: Tensor) -> Tensor:
    """The largest size inside of `size` with the images' proportions."""
    return FITTING_SIZE(convert_to_tensor(height_and_width(batch), int32), size)


def _fit(current: np.ndarray, size: np.ndarray) -> np.ndarray:
    scale = (size / current).min()
    return np.rint(current * scale).astype(np.int32)


FITTING_SIZE = define(
    "FittingSize", "current:int32 size:int32",
    infer=lambda current, size: ((2,), int32),
    reference=_fit,
    vjp=NO_GRADIENT,
)  # fmt: skip
