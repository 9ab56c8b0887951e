"""Colours: dtypes and value ranges, grey and HSV, brightness, contrast, hue and saturation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.default import control_dependencies, name_scope
from graphflow.dtypes import FLOATING, DType, as_dtype, float16, float32
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import add, maximum, multiply, pow
from graphflow.ops.arrange import tile
from graphflow.ops.assertions import assert_equal
from graphflow.ops.basic import cast, identity, ones_like
from graphflow.ops.casts import saturate_cast
from graphflow.ops.clip import clip_by_value
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.division import divide, floordiv
from graphflow.ops.image.shapes import require_image
from graphflow.ops.join import concat, unstack
from graphflow.ops.join import stack as stacked
from graphflow.ops.math import sqrt
from graphflow.ops.products import reduce_prod
from graphflow.ops.random import random_uniform
from graphflow.ops.reduce import reduce_mean, reduce_sum
from graphflow.ops.shape_checks import ensure_shape
from graphflow.ops.shape_ops import shape
from graphflow.ops.statistics import moments
from graphflow.shape import Dims, compatible, show


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> Tensor:
    """An image in another dtype, its values scaled: floating dtypes count from 0 to 1, integers up to their maximum.

    saturate   values that do not fit become the nearest that do, instead of wrapping around
    Gradient:  between floating dtypes.
    """
    image, wanted = convert_to_tensor(image, name="image"), as_dtype(dtype)
    with name_scope(name, "convert_image", [image]) as scope:
        have = image.dtype
        if have is wanted:
            return identity(image, name=scope)
        to = saturate_cast if saturate else cast
        if have.is_integer and wanted.is_integer:
            if have.max > wanted.max:
                return to(floordiv(image, (have.max + 1) // (wanted.max + 1)), wanted, name=scope)
            return multiply(cast(image, wanted), (wanted.max + 1) // (have.max + 1), name=scope)
        if have.is_floating and wanted.is_floating:
            return cast(image, wanted, name=scope)
        if have.is_integer:
            return multiply(cast(image, wanted), 1.0 / have.max, name=scope)
        return to(image * (wanted.max + 0.5), wanted, name=scope)


def _as_floating(image: Any) -> tuple[Tensor, DType]:
    """(a floating image, the dtype that it had)."""
    t = convert_to_tensor(image, name="image")
    return (t if t.dtype in (float16, float32) else convert_image_dtype(t, float32)), t.dtype


def _channels(image: Tensor, n: int, what: str) -> None:
    if image.dims is not None and (not image.dims or not compatible(image.dims[-1:], (n,))):
        raise ShapeError(f"{what} has {n} as its last dimension, and the shape is {show(image.dims)}")


# -- grey ----------------------------------------------------------------------------------------------------------
def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """0.2989 red + 0.587 green + 0.114 blue: [..., 3] -> [..., 1].   Dtype: kept.   Gradient: floating images."""
    with name_scope(name, "rgb_to_grayscale", [images]) as scope:
        t = convert_to_tensor(images, name="images")
        _channels(t, 3, "an RGB image")
        grey = reduce_sum(convert_image_dtype(t, float32) * [0.2989, 0.5870, 0.1140], -1, keepdims=True)
        return convert_image_dtype(grey, t.dtype, name=scope)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """The one channel three times: [..., 1] -> [..., 3].   Gradient: images."""
    with name_scope(name, "grayscale_to_rgb", [images]) as scope:
        t = convert_to_tensor(images, name="images")
        _channels(t, 1, "a grey image")
        if t.dims is not None:
            grey = ensure_shape(t, [*t.dims[:-1], 1]) if t.dims[-1] is None else t
            return tile(grey, [1] * (len(t.dims) - 1) + [3], name=scope)
        with control_dependencies([assert_equal(shape(t)[-1], 1, message="a grey image has one channel")]):
            return tile(t, concat([ones_like(shape(t)[:-1]), [3]], 0), name=scope)


# -- HSV -----------------------------------------------------------------------------------------------------------
def _require_rgb(images: np.ndarray) -> np.ndarray:
    if images.ndim == 0 or images.shape[-1] != 3:
        raise InvalidArgumentError.because(f"images have 3 as their last dimension, and the shape is {images.shape}")
    return images


def _parts(rgb: np.ndarray) -> tuple[np.ndarray, ...]:
    """(value, range, place of the largest channel, what hue counts from there) [...]."""
    value, least = rgb.max(axis=-1), rgb.min(axis=-1)
    place = rgb.argmax(axis=-1)
    r, g, b = np.moveaxis(rgb, -1, 0)
    return value, value - least, place, np.choose(place, [g - b, b - r, r - g])


def _to_hsv(rgb: np.ndarray) -> np.ndarray:
    value, spread, place, turn = _parts(_require_rgb(rgb))
    saturation = np.where(value > 0, spread / value, 0)
    hue = np.where(spread > 0, turn / (6 * spread) + place / 3, 0)
    return np.stack([np.where(hue < 0, hue + 1, hue), saturation, value], -1)


def _to_hsv_grad(rgb: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """The derivatives of hue = turn / (6 range) + const, saturation = range / value, and value."""
    value, spread, place, turn = (part[..., None] for part in _parts(_require_rgb(rgb)))
    channel = np.arange(3)
    largest = (channel == place).astype(rgb.dtype)
    d_spread = largest - (channel == rgb.argmin(axis=-1)[..., None])
    d_turn = np.select([channel == (place + 1) % 3, channel == (place + 2) % 3], [1.0, -1.0], 0.0)
    dh, ds, dv = (d[..., None] for d in np.moveaxis(dy, -1, 0))
    hue = np.where(spread > 0, (d_turn - turn * d_spread / spread) / (6 * spread), 0)
    saturation = np.where(value > 0, (d_spread - spread * largest / value) / value, 0)
    return dh * hue + ds * saturation + dv * largest


def _to_rgb(hsv: np.ndarray) -> np.ndarray:
    hue, saturation, value = np.moveaxis(_require_rgb(hsv), -1, 0)
    around = hue[..., None] * 6 - np.array([3, 2, 4], hsv.dtype)
    part = np.clip(np.abs(around) * [1, -1, -1] + [-1, 2, 2], 0, 1)
    return ((part - 1) * saturation[..., None] + 1) * value[..., None]


def _three_channels(images: Tensor, *_: Tensor) -> tuple[Dims, DType]:
    _channels(images, 3, "the image")
    return (None if images.dims is None else (*images.dims[:-1], 3)), images.dtype


RGB_TO_HSV_GRAD = define("RGBToHSVGrad", "images dy", _three_channels, _to_hsv_grad, FLOATING)
RGB_TO_HSV = define("RGBToHSV", "images", _three_channels, _to_hsv, FLOATING,
                    vjp=(lambda op, dy: RGB_TO_HSV_GRAD(op.inputs[0], dy),))  # fmt: skip
HSV_TO_RGB = define("HSVToRGB", "images", _three_channels, _to_rgb, FLOATING, vjp=NO_GRADIENT)


def rgb_to_hsv(images: Any, name: str | None = None) -> Tensor:
    """Hue, saturation and value, each from 0 to 1: [..., 3] -> [..., 3].   Dtype: floating.   Gradient: images."""
    return RGB_TO_HSV(images, name=name)


def hsv_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Red, green and blue of hue, saturation and value: [..., 3] -> [..., 3].   Dtype: floating.   No gradient."""
    return HSV_TO_RGB(images, name=name)


# -- adjustments ---------------------------------------------------------------------------------------------------
def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """delta added to every element, counted as a fraction of the range of an integer dtype.   Gradient: image."""
    with name_scope(None, "adjust_brightness", [image, delta]):
        flat, dtype = _as_floating(image)
        return convert_image_dtype(add(flat, cast(delta, flat.dtype)), dtype, saturate=True)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """The distance of each element from its channel's mean over height and width, times contrast_factor."""
    with name_scope(None, "adjust_contrast", [images, contrast_factor]):
        flat, dtype = _as_floating(images)
        wide = cast(flat, float32)
        mean = reduce_mean(wide, [-3, -2], keepdims=True)
        made = cast((wide - mean) * cast(contrast_factor, float32) + mean, flat.dtype)
        return convert_image_dtype(made, dtype, saturate=True)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """gain * image ** gamma, of values from 0 to 1.   Raises: ValueError for a gamma below 0."""
    with name_scope(None, "adjust_gamma", [image, gamma, gain]):
        flat, dtype = _as_floating(image)
        if not isinstance(gamma, Tensor) and gamma < 0:
            raise GraphError(f"gamma must be at least 0, not {gamma}")
        made = pow(flat, cast(gamma, flat.dtype)) * cast(gain, flat.dtype)
        return convert_image_dtype(made, dtype, saturate=True)


def _in_hsv(image: Any, scope: str, change: Callable[[list[Tensor]], list[Tensor]]) -> Tensor:
    with name_scope(None, scope, [image]):
        flat, dtype = _as_floating(image)
        _channels(flat, 3, "an RGB image")
        hsv = unstack(rgb_to_hsv(cast(flat, float32)), 3, axis=-1)
        made = cast(hsv_to_rgb(stacked(change(hsv), axis=-1)), flat.dtype)
        return convert_image_dtype(made, dtype, saturate=True)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """Hues turned by delta, in [-1, 1]: [..., 3] -> [..., 3].   Dtype: kept.   No gradient."""
    return _in_hsv(image, name or "adjust_hue", lambda hsv: [(hsv[0] + cast(delta, float32)) % 1.0, hsv[1], hsv[2]])


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """Saturations times a factor, at most 1: [..., 3] -> [..., 3].   Dtype: kept.   No gradient."""
    return _in_hsv(image, name or "adjust_saturation", lambda hsv: [
        hsv[0], clip_by_value(hsv[1] * cast(saturation_factor, float32), 0.0, 1.0), hsv[2]])  # fmt: skip


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """adjust_brightness by a number in [-max_delta, max_delta)."""
    if max_delta < 0:
        raise GraphError(f"max_delta must be at least 0, not {max_delta}")
    return adjust_brightness(image, random_uniform([], -max_delta, max_delta, seed=seed))


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """adjust_contrast by a factor in [lower, upper)."""
    return adjust_contrast(image, _factor(lower, upper, seed))


def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """adjust_saturation by a factor in [lower, upper)."""
    return adjust_saturation(image, _factor(lower, upper, seed))


def _factor(lower: float, upper: float, seed: int | None) -> Tensor:
    if not 0 <= lower < upper:
        raise GraphError(f"lower must be at least 0 and less than upper, not {lower} and {upper}")
    return random_uniform([], lower, upper, seed=seed)


def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """adjust_hue by a number in [-max_delta, max_delta); max_delta in [0, 0.5]."""
    if not 0 <= max_delta <= 0.5:
        raise GraphError(f"max_delta must be in [0, 0.5], not {max_delta}")
    return adjust_hue(image, random_uniform([], -max_delta, max_delta, seed=seed))


def per_image_standardization(image: Any) -> Tensor:
    """(x - mean) / max(deviation, 1 / sqrt(n)) over the n elements of each image.

    Shapes:   [h, w, c] or [n, h, w, c], kept.   Dtype: float16 kept, else float32.   Gradient: image.
    """
    with name_scope(None, "per_image_standardization", [image]) as scope:
        t = convert_to_tensor(image, name="image")
        require_image(t)
        t = t if t.dtype in (float16, float32) else cast(t, float32)
        n = cast(reduce_prod(shape(t)[-3:]), t.dtype)
        mean, variance = moments(t, [-1, -2, -3], keep_dims=True)
        return divide(t - mean, sqrt(maximum(variance, 1 / n)), name=scope)  # sqrt last, whose gradient at 0 is inf
