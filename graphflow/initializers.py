"""Initial values of variables: callables of a shape and a dtype, and `tf.initializers` with its short names."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.dtypes import as_dtype, float32
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops import fill
from graphflow.ops import random as draw
from graphflow.ops.arithmetic import scalar_mul
from graphflow.ops.arrange import transpose
from graphflow.ops.orthonormal import orthonormal_columns
from graphflow.ops.shape_ops import reshape
from graphflow.shape import TensorShape, as_dims
from graphflow.tables import tables_initializer as tables_initializer
from graphflow.variables import global_variables_initializer, local_variables_initializer, variables_initializer

TRUNCATED_STDDEV = 0.87962566103423978  # of a standard normal number cut off at two standard deviations
_SMALL = 1024  # elements: a larger constant is computed, not stored


class Initializer:
    """Makes initial values: `initializer(shape, dtype)` gives a tensor.  Subclasses keep arguments as attributes."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    def get_config(self) -> dict[str, Any]:
        """The arguments that `from_config` needs to make an equal initializer."""
        config = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        if "dtype" in config:
            config["dtype"] = config["dtype"].name
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """An initializer from what `get_config` gave."""
        return cls(**config)


class zeros_initializer(Initializer):
    """Zeros, False or empty strings."""

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return fill.zeros(_plain(shape), dtype or self.dtype)


class ones_initializer(Initializer):
    """Ones or True."""

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return fill.ones(_plain(shape), dtype or self.dtype)


class constant_initializer(Initializer):
    """A number, or a list or array of them in row-major order; if it holds too few, the last one repeats.

    Raises: ValueError for too many, TypeError for another shape when verify_shape is True.
    """

    def __init__(self, value: Any = 0, dtype: Any = float32, verify_shape: bool = False) -> None:
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(f"the value must be a number, list or array, not {value!r}")
        self.value = value
        self.dtype = as_dtype(dtype)
        self.verify_shape = verify_shape

    def __call__(
        self, shape: Any, dtype: Any = None, partition_info: Any = None, verify_shape: bool | None = None
    ) -> Tensor:
        dtype = as_dtype(dtype or self.dtype)
        verify = self.verify_shape if verify_shape is None else verify_shape
        sizes = sizes_of(shape)
        if np.ndim(self.value) == 0 and not verify and math.prod(sizes) > _SMALL:
            return fill.fill(sizes, fill.constant(self.value, dtype))
        return fill.constant(self.value, dtype, sizes, verify_shape=verify)


class random_uniform_initializer(Initializer):
    """Equally likely everywhere in [minval, maxval); maxval is 1 by default for floating dtypes."""

    def __init__(self, minval: Any = 0, maxval: Any = None, seed: int | None = None, dtype: Any = float32) -> None:
        self.minval, self.maxval = minval, maxval
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return draw.random_uniform(shape, self.minval, self.maxval, dtype or self.dtype, self.seed)


class random_normal_initializer(Initializer):
    """Normal with this mean and standard deviation."""

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.mean, self.stddev = mean, stddev
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return draw.random_normal(shape, self.mean, self.stddev, dtype or self.dtype, self.seed)


class truncated_normal_initializer(random_normal_initializer):
    """Normal, and never further than two standard deviations from the mean."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return draw.truncated_normal(shape, self.mean, self.stddev, dtype or self.dtype, self.seed)


class uniform_unit_scaling_initializer(Initializer):
    """Uniform in +-sqrt(3 / n) * factor for n inputs (all sizes but the last): the scale of x @ w is that of x."""

    def __init__(self, factor: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.factor = factor
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        inputs = max(math.prod(sizes_of(shape)[:-1]), 1)
        limit = math.sqrt(3 / inputs) * self.factor
        return draw.random_uniform(shape, -limit, limit, dtype or self.dtype, self.seed)


class variance_scaling_initializer(Initializer):
    """Random with mean 0 and variance scale / n, where n is the number of inputs, of outputs, or their mean.

    mode           fan_in, fan_out or fan_avg; in a convolution's filter each counts the window too
    distribution   truncated_normal (also called normal), untruncated_normal or uniform
    Source: He et al., "Delving deep into rectifiers" (2015); Glorot and Bengio (2010).
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal",
        seed: int | None = None, dtype: Any = float32,
    ) -> None:  # fmt: skip
        if scale <= 0:
            raise GraphError(f"scale must be positive, not {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise GraphError(f"mode must be fan_in, fan_out or fan_avg, not {mode!r}")
        distribution = distribution.lower()
        if distribution not in ("normal", "truncated_normal", "untruncated_normal", "uniform"):
            raise GraphError(f"there is no distribution {distribution!r} for initial values")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        fan_in, fan_out = fans(sizes_of(shape))
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, n))
        dtype = dtype or self.dtype
        if self.distribution == "uniform":
            limit = math.sqrt(3) * stddev
            return draw.random_uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return draw.random_normal(shape, 0.0, stddev, dtype, self.seed)
        return draw.truncated_normal(shape, 0.0, stddev / TRUNCATED_STDDEV, dtype, self.seed)


class glorot_uniform_initializer(variance_scaling_initializer):
    """Uniform in +-sqrt(6 / (inputs + outputs)).   Source: Glorot and Bengio (2010)."""

    def __init__(self, seed: int | None = None, dtype: Any = float32) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


class glorot_normal_initializer(variance_scaling_initializer):
    """Truncated normal with variance 2 / (inputs + outputs).   Source: Glorot and Bengio (2010)."""

    def __init__(self, seed: int | None = None, dtype: Any = float32) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


class orthogonal_initializer(Initializer):
    """A random orthogonal matrix times `gain`; of more than two dimensions, all but the last count as rows.

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear networks" (2013).
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.gain = gain
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        sizes = sizes_of(shape)
        if len(sizes) < 2:
            raise ShapeError(f"an orthogonal matrix needs at least two dimensions, and the shape is {sizes}")
        rows, columns = math.prod(sizes[:-1]), sizes[-1]
        noise = draw.random_normal([max(rows, columns), min(rows, columns)], dtype=dtype or self.dtype, seed=self.seed)
        q = orthonormal_columns(noise)
        return scalar_mul(self.gain, reshape(q if rows >= columns else transpose(q), sizes))


class identity_initializer(Initializer):
    """The identity matrix times `gain`; for two-dimensional shapes."""

    def __init__(self, gain: float = 1.0, dtype: Any = float32) -> None:
        self.gain = gain
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        sizes = sizes_of(shape)
        if len(sizes) != 2:
            raise ShapeError(f"the identity has two dimensions, and the shape {sizes} has {len(sizes)}")
        wanted = as_dtype(dtype or self.dtype)
        return fill.constant(np.eye(*sizes, dtype=wanted.dtype) * self.gain, wanted)


def lecun_normal(seed: int | None = None) -> Initializer:
    """Truncated normal with variance 1 / inputs.   Source: LeCun et al., "Efficient backprop" (1998)."""
    return variance_scaling_initializer(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: int | None = None) -> Initializer:
    """Uniform in +-sqrt(3 / inputs)."""
    return variance_scaling_initializer(1.0, "fan_in", "uniform", seed)


def he_normal(seed: int | None = None) -> Initializer:
    """Truncated normal with variance 2 / inputs, for layers of relu.   Source: He et al. (2015)."""
    return variance_scaling_initializer(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: int | None = None) -> Initializer:
    """Uniform in +-sqrt(6 / inputs)."""
    return variance_scaling_initializer(2.0, "fan_in", "uniform", seed)


def sizes_of(shape: Any) -> tuple[int, ...]:
    """The sizes as ints; ShapeError when one is unknown."""
    dims = as_dims(shape)
    if dims is None or None in dims:
        raise ShapeError(f"an initializer needs a fully known shape, not {shape}")
    return dims  # type: ignore[return-value]


def _plain(shape: Any) -> Any:
    return shape.as_list() if isinstance(shape, TensorShape) else shape


def fans(sizes: Sequence[int]) -> tuple[int, int]:
    """Inputs and outputs of a weight of this shape: [..window, inputs, outputs], each times the window's size."""
    if len(sizes) < 2:
        n = sizes[0] if sizes else 1
        return n, n
    window = math.prod(sizes[:-2])
    return sizes[-2] * window, sizes[-1] * window


zeros = zeros_initializer
ones = ones_initializer
constant = constant_initializer
random_uniform = random_uniform_initializer
random_normal = random_normal_initializer
truncated_normal = truncated_normal_initializer
uniform_unit_scaling = uniform_unit_scaling_initializer
variance_scaling = variance_scaling_initializer
orthogonal = orthogonal_initializer
glorot_uniform = glorot_uniform_initializer
glorot_normal = glorot_normal_initializer
identity = identity_initializer

variables = variables_initializer
global_variables = global_variables_initializer
local_variables = local_variables_initializer
