"""Images seen through projective transforms."""

from __future__ import annotations

import numpy as np

from graphflow.dtypes import REAL, DType
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import ones_like
from graphflow.ops.decompositions import matrix_inverse
from graphflow.ops.define import OpDef, define
from graphflow.ops.infer import require_rank
from graphflow.ops.join import concat
from graphflow.ops.shape_ops import reshape, shape
from graphflow.ops.static import static_value
from graphflow.shape import Dims, merge

METHODS = ("NEAREST", "BILINEAR")


def as_matrices(transforms: Tensor) -> Tensor:
    """[n, 3, 3] of [n, 8], whose ninth element is 1."""
    return reshape(concat([transforms, ones_like(transforms[:, :1])], 1), [-1, 3, 3])


def as_vectors(matrices: Tensor) -> Tensor:
    """[n, 8] of [n, 3, 3], divided by the last element."""
    flat = reshape(matrices, [-1, 9])
    return (flat / flat[:, 8:])[:, :8]


def _infer(images: Tensor, transforms: Tensor, output_shape: Tensor, interpolation: str) -> tuple[Dims, DType]:
    dims = require_rank(images, 4, "images")
    merge(require_rank(transforms, 2, "transforms"), (None, 8))
    merge(require_rank(output_shape, 1, "output_shape"), (2,))
    if interpolation not in METHODS:
        raise GraphError(f"interpolation must be one of {', '.join(METHODS)}, not {interpolation!r}")
    if None not in (dims[0], transforms.dims and transforms.dims[0]) and transforms.dims[0] not in (1, dims[0]):  # type: ignore[index]
        raise ShapeError(f"there are {dims[0]} images and {transforms.dims[0]} transforms")  # type: ignore[index]
    size = static_value(output_shape)
    height, width = (None, None) if size is None else map(int, size)
    return (dims[0], height, width, dims[3]), images.dtype


def _seen(images: np.ndarray, transforms: np.ndarray, output_shape: np.ndarray, interpolation: str) -> np.ndarray:
    """Pixel (x, y) of a result is the image's at ((a0 x + a1 y + a2) / k, (a3 x + a4 y + a5) / k), k = a6 x + a7 y + 1.

    0 beyond the borders, and where k is 0.
    """
    n, channels = len(images), images.shape[-1]
    rows, columns = (int(s) for s in output_shape)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    out = np.zeros((n, rows, columns, channels), images.dtype)
    for k in range(n):
        a = transforms[k if len(transforms) > 1 else 0].astype(np.float32)
        scale = a[6] * x + a[7] * y + np.float32(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            at_x = (a[0] * x + a[1] * y + a[2]) / scale
            at_y = (a[3] * x + a[4] * y + a[5]) / scale
        gone = (scale == 0) | ~np.isfinite(at_x) | ~np.isfinite(at_y)
        at_x, at_y = np.where(gone, -9.0, at_x).astype(np.float32), np.where(gone, -9.0, at_y).astype(np.float32)
        if interpolation == "NEAREST":
            out[k] = _pixels(images[k], _rounded(at_y), _rounded(at_x))
            continue
        top, left = np.floor(at_y), np.floor(at_x)
        down, right = (at_y - top)[..., None], (at_x - left)[..., None]
        upper, lower = (
            (left + 1 - at_x)[..., None] * _pixels(images[k], row, left) + right * _pixels(images[k], row, left + 1)
            for row in (top, top + 1)
        )
        out[k] = ((top + 1 - at_y)[..., None] * upper + down * lower).astype(images.dtype)
    return out


def _rounded(x: np.ndarray) -> np.ndarray:
    """Halves go away from 0."""
    return np.trunc(x + np.copysign(np.float32(0.5), x))


def _pixels(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    height, width, _ = image.shape
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    found = image[np.where(inside, y, 0).astype(int), np.where(inside, x, 0).astype(int)] if image.size else 0
    return np.where(inside[..., None], found, np.zeros((), image.dtype))


def _vjp(op: Operation, dy: Tensor) -> list[Tensor | None]:
    """dy through the inverse transform, as TensorFlow has it."""
    images, transforms, _ = op.inputs
    back = as_vectors(matrix_inverse(as_matrices(transforms)))
    return [PROJECTIVE(dy, back, shape(images)[1:3], interpolation=op.attrs["interpolation"]), None, None]


PROJECTIVE: OpDef = define(
    "ImageProjectiveTransformV2", "images transforms:float32 output_shape:int32",
    infer=_infer,
    reference=_seen,
    types=REAL,
    vjp=_vjp,
)  # fmt: skip
