"""Batch normalization by given moments, and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.errors import DTypeError, GraphError
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.math import rsqrt
from graphflow.ops.random import random_uniform
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import either, shape
from graphflow.ops.static import static_value


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
            raise DTypeError(f"dropout scales what it keeps, so it needs a floating dtype; {x!r} has {x.dtype.name}")
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
