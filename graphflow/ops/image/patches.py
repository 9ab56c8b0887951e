"""Parts of images: all patches of one size, and glimpses."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import REAL, DType, float32, int32
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.random import generator
from graphflow.ops.seeds import seed_attrs
from graphflow.ops.shape_ops import either, shape
from graphflow.ops.static import static_dims
from graphflow.ops.windows import folded, layout, padded, padding_of, per_axis, unfolded, windows_dims
from graphflow.shape import Dims, merge


def _patches_infer(images: Tensor, ksizes: Any, strides: Any, rates: Any, padding: str) -> tuple[Dims, DType]:
    n, h, w, c = require_rank(images, 4, "images")
    oh, ow = windows_dims((n, h, w, c), ksizes[1:3], strides, rates, padding, ())
    return (n, oh, ow, None if c is None else ksizes[1] * ksizes[2] * c), images.dtype


def _patches(x: np.ndarray, ksizes: Any, strides: Any, rates: Any, padding: str) -> np.ndarray:
    if x.ndim != 4:
        raise InvalidArgumentError.because(f"images must be [batch, height, width, channels], not {x.shape}")
    window = ksizes[1:3]
    place = layout(x.shape[1:3], window, strides, rates, padding)
    pieces = unfolded(padded(x, window, strides, rates, place, 0), window, strides, rates, place)
    return pieces.reshape(*pieces.shape[:3], -1)


def _back(dy: np.ndarray, sizes: np.ndarray, ksizes: Any, strides: Any, rates: Any, padding: str) -> np.ndarray:
    n, h, w, c = sizes.tolist()
    window = ksizes[1:3]
    place = layout((h, w), window, strides, rates, padding)
    return folded(dy.reshape(*dy.shape[:3], *window, c), (n, h, w, c), strides, rates, place)


EXTRACT_PATCHES_GRAD: OpDef = define(
    "ExtractImagePatchesGrad", "dy sizes:int32",
    infer=lambda dy, sizes, **_: (static_dims(sizes), dy.dtype),
    reference=_back,
    vjp=(lambda op, dy: EXTRACT_PATCHES(dy, **op.attrs), None),
    types=REAL,
)  # fmt: skip

EXTRACT_PATCHES: OpDef = define(
    "ExtractImagePatches", "images",
    infer=_patches_infer,
    reference=_patches,
    vjp=(lambda op, dy: EXTRACT_PATCHES_GRAD(dy, shape(op.inputs[0]), **op.attrs),),
    types=REAL,
)  # fmt: skip


def extract_image_patches(
    images: Any, ksizes: Any = None, strides: Any = None, rates: Any = None, padding: Any = None,
    name: str | None = None, sizes: Any = None,
) -> Tensor:  # fmt: skip
    """The patches of images, each laid flat in the last axis.

    ksizes (sizes), strides, rates   four numbers each, for NHWC; rates are distances of the pixels of a patch
    padding   "SAME" or "VALID"
    Shapes:   [n, h, w, c] -> [n, oh, ow, ksizes[1] * ksizes[2] * c].   Gradient: images.
    """
    window = per_axis(either(sizes, ksizes, "sizes", "ksizes"), "ksizes")
    return EXTRACT_PATCHES(images, ksizes=window, strides=per_axis(strides, "strides"), rates=per_axis(rates, "rates"),
                           padding=padding_of(padding)[0], name=name)  # fmt: skip


# -- glimpses ------------------------------------------------------------------------------------------------------
def _glimpse(
    images: np.ndarray, size: np.ndarray, offsets: np.ndarray, *, centered: bool, normalized: bool, uniform: bool,
    seed: int, seed2: int, key: int, draw: int,
) -> np.ndarray:  # fmt: skip
    n, height, width, channels = images.shape
    if size.shape != (2,) or (size < 1).any() or offsets.shape != (n, 2):
        raise InvalidArgumentError.because(f"size {size.tolist()} or offsets {offsets.shape} do not fit the images")
    high, wide = size.tolist()
    rng = generator(key, draw)
    dims = (n, high, wide, channels)
    out = (rng.random(dims) if uniform else rng.standard_normal(dims)).astype(images.dtype)
    for image, made, offset in zip(images, out, offsets, strict=True):
        at = offset * [height, width] if normalized else offset
        at = at / 2 + np.array([height, width]) / 2 if centered else at
        top, left = (int(v) for v in at - np.array([high, wide]) / 2)
        rows, columns = slice(max(top, 0), max(top + high, 0)), slice(max(left, 0), max(left + wide, 0))
        part = image[rows, columns]
        y, x = max(-top, 0), max(-left, 0)
        made[y : y + part.shape[0], x : x + part.shape[1]] = part
    return out


def _glimpse_infer(images: Tensor, size: Tensor, offsets: Tensor, **_: Any) -> tuple[Dims, DType]:
    n, _h, _w, c = require_rank(images, 4, "the images")
    batch, _two = merge(require_rank(offsets, 2, "offsets"), (n, 2))  # type: ignore[misc]
    merge(require_rank(size, 1, "size"), (2,))
    high, wide = static_dims(size) or (None, None)
    return (batch, high, wide, c), float32


EXTRACT_GLIMPSE = define(
    "ExtractGlimpse", "input:float32 size:int32 offsets:float32",
    infer=_glimpse_infer,
    reference=_glimpse,
    vjp=NO_GRADIENT,
    stateful=True,
    draws=True,
)  # fmt: skip


def extract_glimpse(
    input: Any, size: Any, offsets: Any, centered: bool = True, normalized: bool = True, uniform_noise: bool = True,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """A part of each image of a batch around an offset, noise where it reaches beyond the image.

    offsets        [n, 2], (y, x); centered: from the middle of the image, in [-1, 1] when normalized
    normalized     offsets are fractions of the image's size, not pixels
    uniform_noise  noise in [0, 1), else normal
    Shapes:        input [n, h, w, c], size [2] -> [n, size[0], size[1], c].   Dtype: float32.   No gradient.
    """
    with name_scope(name, "ExtractGlimpse", [input, offsets]) as scope:
        return EXTRACT_GLIMPSE(convert_to_tensor(input, name="input"), convert_to_tensor(size, int32, name="size"),
                               convert_to_tensor(offsets, float32, name="offsets"), centered=bool(centered),
                               normalized=bool(normalized), uniform=bool(uniform_noise), **seed_attrs(None),
                               name=scope)  # fmt: skip
