"""Images turned, shifted and seen through projective transforms.

A transform is a vector of 8 numbers a: pixel (x, y) of the result is the image's at ((a0 x + a1 y + a2) / k,
(a3 x + a4 y + a5) / k) with k = a6 x + a7 y + 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import float32, int32
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.image.projective import PROJECTIVE, as_matrices, as_vectors
from graphflow.ops.join import stack
from graphflow.ops.linalg import matmul
from graphflow.ops.shape_ops import expand_dims, reshape, shape
from graphflow.ops.trigonometry import cos, sin

_DTYPES = ("uint8", "int32", "int64", "float16", "float32", "float64")


def _several(t: Tensor, rank: int, what: str) -> Tensor:
    """With an axis for several of them in front.   Raises: TypeError for another rank."""
    if t.dims is None or len(t.dims) not in (rank, rank + 1):
        raise TypeError(f"{what} must have rank {rank} or {rank + 1}, not {t.shape}")
    return t if len(t.dims) == rank + 1 else expand_dims(t, 0)


def _of_images(images: Any, function: Callable[[Tensor], Tensor]) -> Tensor:
    """The function of images [n, h, w, c], for one [h, w], for [h, w, c] or for [n, h, w, c]."""
    t = convert_to_tensor(images, name="images")
    if t.dtype.name not in _DTYPES:
        raise TypeError(f"images must be one of {', '.join(_DTYPES)}, not {t.dtype.name}")
    if t.dims is None or len(t.dims) not in (2, 3, 4):
        raise TypeError(f"images must have rank 2, 3 or 4, not {t.shape}")
    if len(t.dims) == 2:
        return function(expand_dims(expand_dims(t, 0), -1))[0, :, :, 0]
    return function(expand_dims(t, 0))[0] if len(t.dims) == 3 else function(t)


def transform(
    images: Any, transforms: Any, interpolation: str = "NEAREST", output_shape: Any = None, name: str | None = None
) -> Tensor:
    """Images seen through transforms, 0 beyond their borders.

    Shapes: images [n, h, w, c], [h, w, c] or [h, w]; transforms [8] or [n, 8]; output_shape [2], height and width.
    interpolation   "NEAREST" or "BILINEAR"
    Gradient: images, through the inverse transform.   Raises: TypeError for other ranks or dtypes.
    """
    with name_scope(name, "transform"):
        given = _several(convert_to_tensor(transforms, float32, name="transforms"), 1, "transforms")

        def seen(t: Tensor) -> Tensor:
            size = shape(t)[1:3] if output_shape is None else convert_to_tensor(output_shape, int32)
            if size.dims is not None and size.dims != (2,):
                raise ShapeError(f"output_shape must be two numbers, and has the shape {size.shape}")
            return PROJECTIVE(t, given, size, interpolation=interpolation.upper())

        return _of_images(images, seen)


def rotate(images: Any, angles: Any, interpolation: str = "NEAREST", name: str | None = None) -> Tensor:
    """Turned by angles [] or [n] in radians, against the clock, about their middle.   As transform otherwise."""
    with name_scope(name, "rotate"):

        def turned(t: Tensor) -> Tensor:
            height, width = (cast(shape(t)[axis], float32) for axis in (1, 2))
            return transform(t, angles_to_projective_transforms(angles, height, width), interpolation)

        return _of_images(images, turned)


def translate(images: Any, translations: Any, interpolation: str = "NEAREST", name: str | None = None) -> Tensor:
    """Shifted by translations [2] or [n, 2]: to the right and down.   As transform otherwise."""
    with name_scope(name, "translate"):
        return transform(images, translations_to_projective_transforms(translations), interpolation)


def angles_to_projective_transforms(
    angles: Any, image_height: Any, image_width: Any, name: str | None = None
) -> Tensor:
    """The transforms [n, 8] that turn images of this size by angles [] or [n] about their middle."""
    with name_scope(name, "angles_to_projective_transforms"):
        a = _several(convert_to_tensor(angles, float32, name="angles"), 0, "angles")
        c, s = cos(a), sin(a)
        right, down = image_width - 1.0, image_height - 1.0
        x = (right - (c * right - s * down)) / 2.0
        y = (down - (s * right + c * down)) / 2.0
        zero = zeros_like(a)
        return stack([c, -s, x, s, c, y, zero, zero], 1)


def translations_to_projective_transforms(translations: Any, name: str | None = None) -> Tensor:
    """The transforms [n, 8] that shift images by translations [2] or [n, 2]."""
    with name_scope(name, "translations_to_projective_transforms"):
        t = _several(convert_to_tensor(translations, float32, name="translations"), 1, "translations")
        zero, one = zeros_like(t[:, 0]), ones_like(t[:, 0])
        return stack([one, zero, -t[:, 0], zero, one, -t[:, 1], zero, zero], 1)


def flat_transforms_to_matrices(transforms: Any) -> Tensor:
    """The matrices [n, 3, 3] of transforms [8] or [n, 8]."""
    with name_scope("flat_transforms_to_matrices"):
        t = convert_to_tensor(transforms, name="transforms")
        if t.dims is None or len(t.dims) not in (1, 2):
            raise GraphError(f"transforms must have rank 1 or 2, not {t.shape}")
        return as_matrices(reshape(t, [-1, 8]))


def matrices_to_flat_transforms(transform_matrices: Any) -> Tensor:
    """The transforms [n, 8] of matrices [3, 3] or [n, 3, 3]."""
    with name_scope("matrices_to_flat_transforms"):
        t = convert_to_tensor(transform_matrices, name="transform_matrices")
        if t.dims is None or len(t.dims) not in (2, 3):
            raise GraphError(f"matrices must have rank 2 or 3, not {t.shape}")
        return as_vectors(t)


def compose_transforms(*transforms: Any) -> Tensor:
    """One transform that does what all of these do one after another.   Raises: ValueError without any."""
    if not transforms:
        raise GraphError("there are no transforms to compose")
    with name_scope("compose_transforms"):
        total, *rest = map(flat_transforms_to_matrices, transforms)
        for matrix in rest:
            total = matmul(total, matrix)
        return matrices_to_flat_transforms(total)
