"""Batch normalization and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import float16, float32
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.basic import cast, identity, stop_gradient, zeros_like
from graphflow.ops.define import convert_to_tensor, is_tensor
from graphflow.ops.infer import require_rank
from graphflow.ops.math import rsqrt
from graphflow.ops.random import random_uniform
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import either, reshape, shape, size
from graphflow.ops.static import static_value
from graphflow.ops.statistics import moments
from graphflow.shape import Dims, merge


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any, name: str | None = None
) -> Tensor:
    """x * inv + (offset - mean * inv) with inv = scale * rsqrt(variance + variance_epsilon).

    offset and scale may be None, which leaves them out.   Shapes: everything broadcasts with x.   Gradient: all.
    """
    with name_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        x = convert_to_tensor(x, name="x")
        mean, variance = convert_to_tensor(mean, x.dtype), convert_to_tensor(variance, x.dtype)
        inverse = rsqrt(variance + variance_epsilon)
        if scale is not None:
            inverse = inverse * scale
        shift = -mean * inverse if offset is None else offset - mean * inverse
        return x * inverse + shift


def batch_norm_with_global_normalization(
    t: Any = None, m: Any = None, v: Any = None, beta: Any = None, gamma: Any = None, variance_epsilon: Any = None,
    scale_after_normalization: Any = None, name: str | None = None, input: Any = None, mean: Any = None,
    variance: Any = None,
) -> Tensor:  # fmt: skip
    """batch_normalization under its oldest signature; gamma counts only if scale_after_normalization is true."""
    t, m, v = either(t, input, "t", "input"), either(m, mean, "m", "mean"), either(v, variance, "v", "variance")
    return batch_normalization(t, m, v, beta, gamma if scale_after_normalization else None, variance_epsilon, name)


def fused_batch_norm(
    x: Any, scale: Any, offset: Any, mean: Any = None, variance: Any = None, epsilon: float = 0.001,
    data_format: str = "NHWC", is_training: bool = True, name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """(y, mean, variance): images normalized channel by channel, by their own moments or by given ones.

    is_training   True: by the batch's own mean and variance; the variance returned is times n / (n - 1), where n is
                  the number of elements of a channel.   False: by `mean` and `variance`, which come back unchanged
    Shapes:   x [n, h, w, c] (or [n, c, h, w]), scale, offset, mean, variance [c] -> x's, [c], [c]
    Dtype:    x float16, float32 or float64; the others the same, float32 for float16.
    Gradient: x, scale and offset, through y only.
    Raises:   ValueError for moments that are missing when not training, for another rank or data_format.
    """
    if data_format not in ("NHWC", "NCHW"):
        raise GraphError(f"data_format must be NHWC or NCHW, not {data_format!r}")
    if not is_training and (mean is None or variance is None):
        raise GraphError("fused_batch_norm needs a mean and a variance when is_training is False")
    with name_scope(name, "FusedBatchNormV3", [x, scale, offset, mean, variance]) as scope:
        x = convert_to_tensor(x, name="x")
        wide = cast(x, float32) if x.dtype is float16 else x
        axes, shape_of_channels = ([0, 1, 2], [-1]) if data_format == "NHWC" else ([0, 2, 3], [1, -1, 1, 1])
        scale, offset = (convert_to_tensor(t, wide.dtype, name=n) for t, n in ((scale, "scale"), (offset, "offset")))
        if is_training:
            mean, variance = moments(wide, axes)
        else:
            mean = stop_gradient(convert_to_tensor(mean, wide.dtype, name="mean"))
            variance = stop_gradient(convert_to_tensor(variance, wide.dtype, name="variance"))
        m, v, shift, factor = (reshape(t, shape_of_channels) for t in (mean, variance, offset, scale))
        inverse = rsqrt(v + epsilon) * factor
        y = identity(cast((wide - m) * inverse + shift, x.dtype), name=scope)
        y.set_shape(_with_channels(x, (scale, offset, mean, variance), data_format.index("C")))
        if not is_training:
            return y, mean, variance
        mean.set_shape(merge(scale.dims, offset.dims))
        n = size(x) // maximum(size(mean), 1)
        unbiased = variance * (cast(n, wide.dtype) / cast(maximum(n - 1, 1), wide.dtype))
        return y, stop_gradient(mean), stop_gradient(unbiased)


def _with_channels(x: Tensor, of_channels: Sequence[Tensor], axis: int) -> Dims:
    """The shape of the images, with the number of channels that any of these vectors tells."""
    channels: Dims = require_rank(x, 4, "x")[axis : axis + 1]
    for t in of_channels:
        channels = merge(channels, t.dims)
    return merge(x.dims, tuple((channels or (None,))[0] if i == axis else None for i in range(4)))


def dropout(
    x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: int | None = None, name: str | None = None,
    rate: Any = None,
) -> Tensor:  # fmt: skip
    """Each element is kept with probability keep_prob and then divided by it, or else set to 0; anew in every run.

    keep_prob     a number in (0, 1], or a scalar tensor; or give `rate`, which is 1 - keep_prob
    noise_shape   the shape of the random choice, which broadcasts to x; the shape of x by default
    Dtype:    floating, kept.   Gradient: x, through the same choice.
    Raises:   ValueError when neither or both of keep_prob and rate are given, or for a number out of range.
    """
    keep = _keep_probability(keep_prob, rate)
    with name_scope(name, "dropout", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        if not x.dtype.is_floating:
            raise GraphError(f"dropout scales what it keeps, so it needs a floating dtype; {x!r} has {x.dtype.name}")
        keep = convert_to_tensor(keep) if is_tensor(keep) else keep
        known = static_value(keep) if isinstance(keep, Tensor) else np.asarray(keep)
        if known is not None and known.ndim == 0 and float(known) == 1.0:
            return x
        keep = cast(convert_to_tensor(keep, dtype_hint=x.dtype), x.dtype)
        noise = random_uniform(_noise_shape(x, noise_shape), dtype=x.dtype, seed=seed)
        result = where_v2(noise < keep, x / keep, zeros_like(x), name=scope)
        result.set_shape(x.dims)
        return result


def _keep_probability(keep_prob: Any, rate: Any) -> Any:
    if (keep_prob is None) == (rate is None):
        raise GraphError("dropout needs exactly one of keep_prob and rate")
    keep = keep_prob if rate is None else 1 - rate
    if isinstance(keep, (int, float, np.number)) and not 0 < keep <= 1:
        raise GraphError(f"keep_prob must be in (0, 1], and is {float(keep)} (rate must be in [0, 1))")
    return keep


def _noise_shape(x: Tensor, noise_shape: Any) -> Any:
    """The shape asked for; a None in it stands for x's own size there."""
    if noise_shape is None:
        return shape(x)
    if isinstance(noise_shape, Tensor):
        return noise_shape
    sizes = [getattr(d, "value", d) if not isinstance(d, Tensor) else d for d in noise_shape]
    if None not in [d if not isinstance(d, Tensor) else 0 for d in sizes]:
        return sizes
    own = shape(x)
    return [own[i] if d is None else d for i, d in enumerate(sizes)]
