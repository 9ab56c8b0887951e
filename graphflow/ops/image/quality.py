"""Images compared and measured: signal-to-noise ratio, structural similarity, variation, edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import float32
from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import squared_difference
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.conv import conv2d
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.image.color import convert_image_dtype
from graphflow.ops.image.shapes import require_image
from graphflow.ops.infer import require_rank
from graphflow.ops.join import concat, stack
from graphflow.ops.math import abs, log
from graphflow.ops.pad import pad
from graphflow.ops.reduce import reduce_mean, reduce_sum
from graphflow.ops.shape_ops import reshape, shape
from graphflow.shape import compatible, show


def _compared(a: Any, b: Any, max_val: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Two images and the largest value that they can have, as float32 with values from 0 to 1."""
    x, y = convert_to_tensor(a, name="a"), convert_to_tensor(b, name="b")
    if x.dims is not None and y.dims is not None and (
        min(len(x.dims), len(y.dims)) < 3 or not compatible(x.dims[-3:], y.dims[-3:])
    ):  # fmt: skip
        raise ShapeError(f"images of shapes {show(x.dims)} and {show(y.dims)} cannot be compared")
    most = convert_image_dtype(cast(max_val, x.dtype), float32)
    return convert_image_dtype(x, float32), convert_image_dtype(y, float32), most


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Tensor:
    """The peak signal-to-noise ratio in decibel: 20 log10(max_val) - 10 log10(mean of (a - b)^2).

    Shapes: two [..., h, w, c] -> [...].   Dtype: float32.   Gradient: floating images.
    """
    with name_scope(name, "PSNR", [a, b]):
        x, y, most = _compared(a, b, max_val)
        error = reduce_mean(squared_difference(x, y), [-3, -2, -1])
        return 20 / math.log(10) * log(most) - 10 / math.log(10) * log(error)


def _blurred(x: Tensor, kernel: Tensor) -> Tensor:
    """[..., h, w, c] with each channel filtered, where the filter lies inside."""
    sizes = shape(x)
    planes = transpose(reshape(x, concat([[-1], sizes[-3:]], 0)), [0, 3, 1, 2])
    flat = reshape(planes, concat([[-1], sizes[-3:-1], [1]], 0))
    made = conv2d(flat, kernel, strides=[1, 1, 1, 1], padding="VALID")
    kept = shape(made)[1:3]
    back = transpose(reshape(made, concat([[-1], sizes[-1:], kept], 0)), [0, 2, 3, 1])
    return reshape(back, concat([sizes[:-3], kept, sizes[-1:]], 0))


def ssim(
    img1: Any, img2: Any, max_val: Any, filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01,
    k2: float = 0.03,
) -> Tensor:  # fmt: skip
    """The structural similarity of images (Wang et al., 2004), 1 for equal ones.

    Shapes: two [..., h, w, c], both sizes at least filter_size -> [...].   Dtype: float32.   Gradient: floating images.
    """
    with name_scope(None, "SSIM", [img1, img2]):
        x, y, most = _compared(img1, img2, max_val)
        at = np.arange(filter_size, dtype=np.float32) - (filter_size - 1) / 2
        weights = np.exp(-0.5 * np.square(at / filter_sigma))
        window = np.outer(weights, weights)
        kernel = convert_to_tensor((window / window.sum()).astype(np.float32)[:, :, None, None])
        c1, c2 = (k1 * most) * (k1 * most), (k2 * most) * (k2 * most)
        mean_x, mean_y = _blurred(x, kernel), _blurred(y, kernel)
        product, squares = mean_x * mean_y * 2.0, mean_x * mean_x + mean_y * mean_y
        luminance = (product + c1) / (squares + c1)
        both, single = _blurred(x * y, kernel) * 2.0, _blurred(x * x + y * y, kernel)
        structure = (both - product + c2) / (single - squares + c2)
        return reduce_mean(luminance * structure, [-3, -2, -1])


def total_variation(images: Any, name: str | None = None) -> Tensor:
    """The sum of the absolute differences of neighbouring pixels.

    Shapes: [h, w, c] -> [], [n, h, w, c] -> [n].   Gradient: images.
    """
    with name_scope(name, "total_variation", [images]):
        t = convert_to_tensor(images, name="images")
        require_image(t, "images")
        if t.dims is None:
            raise ShapeError("total_variation needs images of known rank")
        down = abs(t[..., 1:, :, :] - t[..., :-1, :, :])
        across = abs(t[..., :, 1:, :] - t[..., :, :-1, :])
        axes = [-3, -2, -1]
        return reduce_sum(down, axes) + reduce_sum(across, axes)


def image_gradients(image: Any) -> tuple[Tensor, Tensor]:
    """(dy, dx): the differences to the pixel below and to the one at the right, 0 at the edge.

    Shapes: [n, h, w, c] -> the same, twice.   Gradient: image.   Raises: ValueError for another or an unknown rank.
    """
    t = convert_to_tensor(image, name="image")
    if t.dims is None:
        raise ShapeError(f"image_gradients needs images [batch, height, width, channels], not {t!r}")
    require_rank(t, 4, "the image")
    dy = t[:, 1:] - t[:, :-1]
    dx = t[:, :, 1:] - t[:, :, :-1]
    return concat([dy, zeros_like(t[:, :1])], 1), concat([dx, zeros_like(t[:, :, :1])], 2)


def sobel_edges(image: Any) -> Tensor:
    """Sobel's derivatives, down and to the right: [n, h, w, c] -> [n, h, w, c, 2].   Gradient: image."""
    t = convert_to_tensor(image, name="image")
    require_rank(t, 4, "the image")
    framed = pad(t, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")

    def smooth(x: Tensor, axis: int) -> Tensor:
        low, middle, high = ((slice(None),) * axis + (part,) for part in (slice(-2), slice(1, -1), slice(2, None)))
        return x[low] + 2.0 * x[middle] + x[high]

    across, down = smooth(framed, 2), smooth(framed, 1)
    return stack([across[:, 2:] - across[:, :-2], down[:, :, 2:] - down[:, :, :-2]], axis=-1)
