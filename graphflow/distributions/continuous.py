"""Distributions of real numbers."""

from __future__ import annotations

import math
from typing import Any

from graphflow.distributions.base import (
    FULLY_REPARAMETERIZED,
    NOT_REPARAMETERIZED,
    Distribution,
    parameter,
    together,
)
from graphflow.dtypes import float64
from graphflow.operation import Tensor
from graphflow.ops.basic import ones_like, zeros_like
from graphflow.ops.clip import clip_by_value
from graphflow.ops.compare import greater, greater_equal, is_nan, less, logical_or
from graphflow.ops.math import abs, digamma, erfc, expm1, lgamma, log, log1p, sign, sqrt, square
from graphflow.ops.polynomials import lbeta
from graphflow.ops.random import random_gamma, random_normal, random_uniform
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import expand_dims, shape

_NAN = float("nan")


def _where(condition: Tensor, value: Tensor, other: float) -> Tensor:
    return where_v2(condition, value, zeros_like(value) + other)


def _log_normal_cdf(z: Tensor) -> Tensor:
    """Far to the left the asymptotic series of erfc, which does not underflow."""
    border = -20.0 if z.dtype is float64 else -10.0
    far = less(z, border)
    x = where_v2(far, z, zeros_like(z) + border)
    s = 1.0 / square(x)
    tail = -0.5 * square(x) - log(-x) - 0.5 * math.log(2 * math.pi) + log1p(-s + 3.0 * s * s - 15.0 * s * s * s)
    near = where_v2(far, zeros_like(z), z)
    return where_v2(far, tail, log(0.5 * erfc(-near / math.sqrt(2))))


class LocationScale(Distribution):
    """loc + scale * z of numbers z that need no parameters, whose mode is 0, and their mean where it says no other."""

    def __init__(
        self, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True, name: str | None = None
    ) -> None:
        self.loc = parameter(loc, "loc")
        self.scale = parameter(scale, "scale", self.loc.dtype, positive=validate_args)
        super().__init__(self.loc.dtype, FULLY_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"loc": loc, "scale": scale}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return together(self.loc, self.scale)

    def _z(self, value: Tensor) -> Tensor:
        return (value - self.loc) / self.scale

    def _mean(self) -> Tensor:
        return self.loc + self._like()

    _mode = _mean

    def _variance(self) -> Tensor:
        return square(self._stddev())


class Normal(LocationScale):
    """The normal distribution with mean `loc` and standard deviation `scale`, which broadcast."""

    def __init__(
        self, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Normal"
    ) -> None:
        super().__init__(loc, scale, validate_args, allow_nan_stats, name)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return random_normal(sizes, dtype=self.dtype, seed=seed) * self.scale + self.loc

    def _log_prob(self, value: Tensor) -> Tensor:
        return -0.5 * square(self._z(value)) - (0.5 * math.log(2 * math.pi) + log(self.scale))

    def _cdf(self, value: Tensor) -> Tensor:
        return 0.5 * erfc(-self._z(value) / math.sqrt(2))

    def _log_cdf(self, value: Tensor) -> Tensor:
        return _log_normal_cdf(self._z(value))

    def _survival_function(self, value: Tensor) -> Tensor:
        return 0.5 * erfc(self._z(value) / math.sqrt(2))

    def _log_survival_function(self, value: Tensor) -> Tensor:
        return _log_normal_cdf(-self._z(value))

    def _entropy(self) -> Tensor:
        return 0.5 * math.log(2 * math.pi * math.e) + log(self.scale + self._like())

    def _stddev(self) -> Tensor:
        return self.scale + self._like()


class Laplace(LocationScale):
    """The distribution with density exp(-|x - loc| / scale) / (2 scale)."""

    def __init__(
        self, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Laplace"
    ) -> None:
        super().__init__(loc, scale, validate_args, allow_nan_stats, name)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        u = random_uniform(sizes, -1.0, 1.0, self.dtype, seed)
        u = clip_by_value(u, -1.0 + 1e-7, 1.0)  # log1p(-1) is infinite
        return self.loc - self.scale * sign(u) * log1p(-abs(u))

    def _log_prob(self, value: Tensor) -> Tensor:
        return -abs(self._z(value)) - math.log(2) - log(self.scale)

    def _cdf(self, value: Tensor) -> Tensor:
        z = self._z(value)
        return 0.5 - 0.5 * sign(z) * expm1(-abs(z))

    def _entropy(self) -> Tensor:
        return math.log(2) + 1.0 + log(self.scale + self._like())

    def _stddev(self) -> Tensor:
        return math.sqrt(2) * (self.scale + self._like())


class Uniform(Distribution):
    """Equally likely everywhere in [low, high)."""

    def __init__(
        self, low: Any = 0.0, high: Any = 1.0, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "Uniform",
    ) -> None:  # fmt: skip
        self.low = parameter(low, "low")
        self.high = parameter(high, "high", self.low.dtype)
        super().__init__(self.low.dtype, FULLY_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"low": low, "high": high}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return together(self.low, self.high)

    def range(self, name: str = "range") -> Tensor:
        """high - low."""
        return self.high - self.low

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return self.low + random_uniform(sizes, dtype=self.dtype, seed=seed) * self.range()

    def _prob(self, value: Tensor) -> Tensor:
        wide = value + self._like()
        outside = logical_or(less(wide, self.low), greater_equal(wide, self.high))
        return where_v2(is_nan(wide), wide, where_v2(outside, zeros_like(wide), ones_like(wide) / self.range()))

    def _log_prob(self, value: Tensor) -> Tensor:
        return log(self._prob(value))

    def _cdf(self, value: Tensor) -> Tensor:
        return clip_by_value((value - self.low) / self.range(), 0.0, 1.0)

    def _entropy(self) -> Tensor:
        return log(self.range())

    def _mean(self) -> Tensor:
        return (self.low + self.high) / 2.0

    def _variance(self) -> Tensor:
        return square(self.range()) / 12.0


class ConcentrationRate(Distribution):
    """What distributions with these two parameters share."""

    def __init__(
        self, concentration: Any, rate: Any, validate_args: bool, allow_nan_stats: bool, name: str
    ) -> None:  # fmt: skip
        self.concentration = parameter(concentration, "concentration", positive=validate_args)
        self.rate = parameter(rate, "rate", self.concentration.dtype, positive=validate_args)
        super().__init__(self.rate.dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"concentration": concentration, "rate": rate}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return together(self.concentration, self.rate)


class Gamma(ConcentrationRate):
    """The gamma distribution: density proportional to x^(concentration - 1) exp(-rate x)."""

    def __init__(
        self, concentration: Any, rate: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "Gamma",
    ) -> None:  # fmt: skip
        super().__init__(concentration, rate, validate_args, allow_nan_stats, name)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        batch = self.concentration + self._like()
        return random_gamma(_before(sizes, batch), batch, self.rate, self.dtype, seed)

    def _log_prob(self, value: Tensor) -> Tensor:
        c = self.concentration
        return (c - 1.0) * log(value) - self.rate * value - lgamma(c) + c * log(self.rate)

    def _entropy(self) -> Tensor:
        c = self.concentration
        return c - log(self.rate) + lgamma(c) + (1.0 - c) * digamma(c)

    def _mean(self) -> Tensor:
        return self.concentration / self.rate

    def _variance(self) -> Tensor:
        return self.concentration / square(self.rate)

    def _mode(self) -> Tensor:
        mode = (self.concentration - 1.0) / self.rate
        return _where(greater(self.concentration + zeros_like(mode), 1.0), mode, _NAN)


def _before(sizes: Tensor, batch: Tensor) -> Tensor:
    """The sizes without those of the batch, which end them."""
    wide = shape(shape(batch))[0]
    return sizes[: shape(sizes)[0] - wide]


class Exponential(Gamma):
    """The exponential distribution: density rate exp(-rate x)."""

    def __init__(
        self, rate: Any, validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Exponential"
    ) -> None:
        given = parameter(rate, "rate")
        super().__init__(ones_like(given), given, validate_args, allow_nan_stats, name)
        self.parameters = {"rate": rate}

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return -log1p(-random_uniform(sizes, dtype=self.dtype, seed=seed)) / self.rate

    def _log_prob(self, value: Tensor) -> Tensor:
        inside = log(self.rate) - self.rate * value
        return _where(greater_equal(value + zeros_like(inside), 0.0), inside, -math.inf)

    def _cdf(self, value: Tensor) -> Tensor:
        inside = -expm1(-self.rate * value)
        return _where(greater_equal(value + zeros_like(inside), 0.0), inside, 0.0)

    def _mode(self) -> Tensor:
        return zeros_like(self.rate)


class Beta(Distribution):
    """The beta distribution on (0, 1): density proportional to x^(concentration1 - 1) (1 - x)^(concentration0 - 1)."""

    def __init__(
        self, concentration1: Any = None, concentration0: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Beta",
    ) -> None:  # fmt: skip
        self.concentration1 = parameter(concentration1, "concentration1", positive=validate_args)
        self.concentration0 = parameter(concentration0, "concentration0", self.concentration1.dtype, validate_args)
        self.total_concentration = self.concentration1 + self.concentration0
        given = {"concentration1": concentration1, "concentration0": concentration0}
        super().__init__(self.concentration1.dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats, given,
                         name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return together(self.concentration1, self.concentration0)

    def _log_norm(self) -> Tensor:
        return lgamma(self.concentration1) + lgamma(self.concentration0) - lgamma(self.total_concentration)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        like = self._like()
        before = _before(sizes, like)
        second = None if seed is None else seed + 1
        a = random_gamma(before, self.concentration1 + like, dtype=self.dtype, seed=seed)
        b = random_gamma(before, self.concentration0 + like, dtype=self.dtype, seed=second)
        return a / (a + b)

    def _log_prob(self, value: Tensor) -> Tensor:
        shaped = (self.concentration1 - 1.0) * log(value) + (self.concentration0 - 1.0) * log1p(-value)
        return shaped - self._log_norm()

    def _entropy(self) -> Tensor:
        a, b, total = self.concentration1, self.concentration0, self.total_concentration
        return (self._log_norm() - (a - 1.0) * digamma(a) - (b - 1.0) * digamma(b)
                + (total - 2.0) * digamma(total))  # fmt: skip

    def _mean(self) -> Tensor:
        return self.concentration1 / self.total_concentration

    def _variance(self) -> Tensor:
        mean = self._mean()
        return mean * (1.0 - mean) / (1.0 + self.total_concentration)

    def _mode(self) -> Tensor:
        mode = (self.concentration1 - 1.0) / (self.total_concentration - 2.0)
        inside = greater(self.concentration1 + zeros_like(mode), 1.0)
        inside = inside & greater(self.concentration0 + zeros_like(mode), 1.0)
        return _where(inside, mode, _NAN)


class StudentT(Distribution):
    """Student's t-distribution with df degrees of freedom, moved by loc and stretched by scale."""

    def __init__(
        self, df: Any, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "StudentT",
    ) -> None:  # fmt: skip
        self.df = parameter(df, "df", positive=validate_args)
        self.loc = parameter(loc, "loc", self.df.dtype)
        self.scale = parameter(scale, "scale", self.df.dtype)
        super().__init__(self.df.dtype, FULLY_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"df": df, "loc": loc, "scale": scale}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return together(self.df, self.loc, self.scale)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        df = self.df + self._like()
        normal = random_normal(sizes, dtype=self.dtype, seed=seed)
        squares = random_gamma(_before(sizes, df), df * 0.5, 0.5, self.dtype, None if seed is None else seed + 1)
        return normal / sqrt(squares / df) * self.scale + self.loc

    def _log_norm(self) -> Tensor:
        half = 0.5 * self.df
        return log(abs(self.scale)) + 0.5 * log(self.df * math.pi) + lgamma(half) - lgamma(half + 0.5)

    def _log_prob(self, value: Tensor) -> Tensor:
        z = (value - self.loc) / self.scale
        return -0.5 * (self.df + 1.0) * log1p(square(z) / self.df) - self._log_norm()

    def _entropy(self) -> Tensor:
        half = 0.5 * self.df
        norm = self._log_norm() + self._like()
        return norm + (half + 0.5) * (digamma(half + 0.5) - digamma(half))

    def _mean(self) -> Tensor:
        mean = self.loc + self._like()
        return _where(greater(self.df + zeros_like(mean), 1.0), mean, _NAN)

    def _variance(self) -> Tensor:
        """Infinite for 1 < df <= 2, NaN below."""
        df = self.df + self._like()
        finite = greater(df, 2.0)
        safe = where_v2(finite, df, ones_like(df) + 2.0)
        value = square(self.scale) * safe / (safe - 2.0)
        return where_v2(finite, value, _where(greater(df, 1.0), ones_like(df) * math.inf, _NAN))

    def _mode(self) -> Tensor:
        return self.loc + self._like()


class Dirichlet(Distribution):
    """The Dirichlet distribution of vectors that sum to 1; `concentration` is [batch..., k]."""

    _event_rank = 1

    def __init__(
        self, concentration: Any, validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Dirichlet"
    ) -> None:
        self.concentration = parameter(concentration, "concentration", positive=validate_args)
        self.total_concentration = reduce_sum(self.concentration, -1)
        super().__init__(self.concentration.dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"concentration": concentration}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return self.concentration

    def _total(self) -> Tensor:
        return expand_dims(self.total_concentration, -1)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        parts = random_gamma(_before(sizes, self.concentration), self.concentration, dtype=self.dtype, seed=seed)
        return parts / reduce_sum(parts, -1, keepdims=True)

    def _log_prob(self, value: Tensor) -> Tensor:
        return reduce_sum((self.concentration - 1.0) * log(value), -1) - lbeta(self.concentration)

    def _entropy(self) -> Tensor:
        c, total, k = self.concentration, self.total_concentration, reduce_sum(ones_like(self.concentration), -1)
        return lbeta(c) + (total - k) * digamma(total) - reduce_sum((c - 1.0) * digamma(c), -1)

    def _mean(self) -> Tensor:
        return self.concentration / self._total()

    def _variance(self) -> Tensor:
        mean = self._mean()
        return mean * (1.0 - mean) / (1.0 + self._total())

    def _mode(self) -> Tensor:
        k = reduce_sum(ones_like(self.concentration), -1, keepdims=True)
        mode = (self.concentration - 1.0) / (self._total() - k)
        return _where(greater(self.concentration, 1.0), mode, _NAN)
