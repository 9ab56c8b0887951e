"""Initializers under their contrib names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphflow.dtypes import as_dtype, float32
from graphflow.errors import GraphError
from graphflow.initializers import fans, sizes_of
from graphflow.operation import Tensor
from graphflow.ops.random import random_uniform, truncated_normal

_TRUNCATED_VARIANCE = 1.3  # contrib's factor for a truncated normal number, whose variance is lower


def xavier_initializer(uniform: bool = True, seed: int | None = None, dtype: Any = float32) -> Callable[..., Tensor]:
    """Initial values with variance 2 / (inputs + outputs).   Source: Glorot and Bengio (2010)."""
    return variance_scaling_initializer(1.0, "FAN_AVG", uniform, seed, dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: int | None = None, dtype: Any = float32
) -> Callable[..., Tensor]:
    """Initial values with variance factor / n, where n is the number of inputs (FAN_IN), outputs, or their mean.

    Raises: ValueError for another mode; TypeError unless the dtype is floating.   Source: He et al. (2015).
    """
    if not as_dtype(dtype).is_floating:
        raise TypeError(f"random initial values are floating, not {as_dtype(dtype).name}")
    if mode not in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
        raise GraphError(f"mode must be FAN_IN, FAN_OUT or FAN_AVG, not {mode!r}")
    default = dtype

    def initializer(shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        fan_in, fan_out = fans(sizes_of(shape))
        n = {"FAN_IN": fan_in, "FAN_OUT": fan_out, "FAN_AVG": (fan_in + fan_out) / 2}[mode]
        wanted = default if dtype is None else dtype
        if uniform:
            limit = math.sqrt(3 * factor / n)
            return random_uniform(shape, -limit, limit, wanted, seed)
        return truncated_normal(shape, 0.0, math.sqrt(_TRUNCATED_VARIANCE * factor / n), wanted, seed)

    return initializer


XAVIER = xavier_initializer()
