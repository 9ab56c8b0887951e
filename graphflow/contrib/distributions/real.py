"""Distributions of real numbers that tf.distributions lacks."""

from __future__ import annotations

import math
from typing import Any

from graphflow.contrib.distributions.bijectors.elementwise import Kumaraswamy as _KumaraswamyBijector
from graphflow.contrib.distributions.bijectors.elementwise import Sigmoid
from graphflow.contrib.distributions.counts import drawn_before
from graphflow.contrib.distributions.transformed import TransformedDistribution
from graphflow.distributions.base import (
    FULLY_REPARAMETERIZED,
    Distribution,
    logits_and_probs,
    parameter,
    together,
)
from graphflow.distributions.continuous import ConcentrationRate, Gamma, LocationScale, Uniform
from graphflow.operation import Tensor
from graphflow.ops.activations import softplus
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.math import abs, digamma, erf, exp, lgamma, log, log1p, sigmoid, square
from graphflow.ops.random import random_gamma, random_normal, random_uniform
from graphflow.ops.select import where_v2
from graphflow.ops.trigonometry import atan, tan


class _ByQuantiles(LocationScale):
    """One that is drawn by its quantiles."""

    def _quantile(self, p: Tensor) -> Tensor:
        return self.loc + self.scale * self._standard_quantile(p)

    def _standard_quantile(self, p: Tensor) -> Tensor:
        raise NotImplementedError

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return self._quantile(random_uniform(sizes, 1e-30, 1.0, self.dtype, seed))


class Logistic(_ByQuantiles):
    """The distribution with the cumulative distribution function sigmoid((x - loc) / scale)."""

    def _standard_quantile(self, p: Tensor) -> Tensor:
        return log(p) - log1p(-p)

    def _log_prob(self, value: Tensor) -> Tensor:
        z = self._z(value)
        return -z - 2.0 * softplus(-z) - log(self.scale)

    def _cdf(self, value: Tensor) -> Tensor:
        return sigmoid(self._z(value))

    def _log_cdf(self, value: Tensor) -> Tensor:
        return -softplus(-self._z(value))

    def _survival_function(self, value: Tensor) -> Tensor:
        return sigmoid(-self._z(value))

    def _log_survival_function(self, value: Tensor) -> Tensor:
        return -softplus(self._z(value))

    def _entropy(self) -> Tensor:
        return 2.0 + log(self.scale + self._like())

    def _stddev(self) -> Tensor:
        return (self.scale + self._like()) * math.pi / math.sqrt(3)


class Cauchy(_ByQuantiles):
    """The distribution with density 1 / (pi scale (1 + z^2)), z = (x - loc) / scale; it has no mean."""

    def _standard_quantile(self, p: Tensor) -> Tensor:
        return tan(math.pi * (p - 0.5))

    def _log_prob(self, value: Tensor) -> Tensor:
        return -log1p(square(self._z(value))) - (math.log(math.pi) + log(self.scale))

    def _cdf(self, value: Tensor) -> Tensor:
        return atan(self._z(value)) / math.pi + 0.5

    def _log_cdf(self, value: Tensor) -> Tensor:
        return log1p(2.0 / math.pi * atan(self._z(value))) - math.log(2)

    def _entropy(self) -> Tensor:
        return math.log(4 * math.pi) + log(self.scale + self._like())

    def _mean(self) -> Tensor:
        return self._like() + float("nan")

    _variance = _stddev = _mean


class Gumbel(_ByQuantiles):
    """The distribution with the cumulative distribution function exp(-exp(-(x - loc) / scale))."""

    def _standard_quantile(self, p: Tensor) -> Tensor:
        return -log(-log(p))

    def _log_prob(self, value: Tensor) -> Tensor:
        z = self._z(value)
        return -(z + exp(-z)) - log(self.scale)

    def _cdf(self, value: Tensor) -> Tensor:
        return exp(-exp(-self._z(value)))

    def _log_cdf(self, value: Tensor) -> Tensor:
        return -exp(-self._z(value))

    def _entropy(self) -> Tensor:
        return 1.0 + log(self.scale + self._like()) + 0.5772156649015329

    def _mean(self) -> Tensor:
        return self.loc + self.scale * 0.5772156649015329

    def _stddev(self) -> Tensor:
        return (self.scale + self._like()) * math.pi / math.sqrt(6)


class HalfNormal(Distribution):
    """|x| of normal x with mean 0 and standard deviation `scale`."""

    def __init__(
        self, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True, name: str = "HalfNormal"
    ) -> None:
        self.scale = parameter(scale, "scale", positive=validate_args)
        super().__init__(self.scale.dtype, FULLY_REPARAMETERIZED, validate_args, allow_nan_stats, {"scale": scale},
                         name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return self.scale

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return abs(random_normal(sizes, dtype=self.dtype, seed=seed) * self.scale)

    def _prob(self, value: Tensor) -> Tensor:
        density = math.sqrt(2 / math.pi) / self.scale * exp(-0.5 * square(value / self.scale))
        return density * cast(value >= 0.0, self.dtype)

    def _log_prob(self, value: Tensor) -> Tensor:
        return log(self._prob(value))

    def _cdf(self, value: Tensor) -> Tensor:
        positive = where_v2(value < 0.0, zeros_like(value), value)
        return erf(positive / self.scale / math.sqrt(2))

    def _entropy(self) -> Tensor:
        return 0.5 * log(math.pi * square(self.scale) / 2.0) + 0.5

    def _mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    def _mode(self) -> Tensor:
        return zeros_like(self.scale)

    def _variance(self) -> Tensor:
        return square(self.scale) * (1 - 2 / math.pi)


class InverseGamma(ConcentrationRate):
    """1 / x of gamma-distributed x."""

    def __init__(
        self, concentration: Any, rate: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "InverseGamma",
    ) -> None:  # fmt: skip
        super().__init__(concentration, rate, validate_args, allow_nan_stats, name)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        batch = self.concentration + self._like()
        return 1.0 / random_gamma(drawn_before(sizes, batch), batch, self.rate, self.dtype, seed)

    def _log_prob(self, value: Tensor) -> Tensor:
        c = self.concentration
        return -(1.0 + c) * log(value) - self.rate / value - lgamma(c) + c * log(self.rate)

    def _entropy(self) -> Tensor:
        c = self.concentration
        return c + log(self.rate) + lgamma(c) - (1.0 + c) * digamma(c)

    def _beyond(self, least: float, moment: Tensor) -> Tensor:
        return where_v2(self.concentration + self._like() > least, moment, zeros_like(moment) + float("nan"))

    def _mean(self) -> Tensor:
        return self._beyond(1.0, self.rate / (self.concentration - 1.0))

    def _variance(self) -> Tensor:
        c = self.concentration
        return self._beyond(2.0, square(self.rate) / square(c - 1.0) / (c - 2.0))

    def _mode(self) -> Tensor:
        return self.rate / (1.0 + self.concentration)


class Chi2(Gamma):
    """The sum of the squares of `df` standard normal numbers."""

    def __init__(self, df: Any, validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Chi2") -> None:
        self.df = parameter(df, "df", positive=validate_args)
        super().__init__(0.5 * self.df, convert_to_tensor(0.5, self.df.dtype), validate_args, allow_nan_stats, name)
        self.parameters = {"df": df}


class Kumaraswamy(TransformedDistribution):
    """The distribution on (0, 1) with density a b x^(a - 1) (1 - x^a)^(b - 1), a and b being the concentrations."""

    def __init__(
        self, concentration1: Any = None, concentration0: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Kumaraswamy",
    ) -> None:  # fmt: skip
        a = parameter(concentration1, "concentration1")
        b = parameter(concentration0, "concentration0", a.dtype)
        like = together(a, b)
        super().__init__(Uniform(like, like + 1.0, allow_nan_stats=allow_nan_stats), _KumaraswamyBijector(a, b),
                         validate_args=validate_args, name=name)  # fmt: skip
        self.concentration1, self.concentration0 = a, b
        self.reparameterization_type = FULLY_REPARAMETERIZED

    def _moment(self, n: float) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return exp(log(b) + lgamma(1.0 + n / a) + lgamma(b) - lgamma(1.0 + n / a + b))

    def _mean(self) -> Tensor:
        return self._moment(1.0)

    def _variance(self) -> Tensor:
        return self._moment(2.0) - square(self._moment(1.0))


class RelaxedBernoulli(TransformedDistribution):
    """Numbers between 0 and 1, nearer to these ends the lower the temperature.

    Source: Maddison et al., "The concrete distribution" (2017).
    """

    def __init__(
        self, temperature: Any, logits: Any = None, probs: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "RelaxedBernoulli",
    ) -> None:  # fmt: skip
        self.logits, self.probs = logits_and_probs(logits, probs, several=False)
        self.temperature = convert_to_tensor(temperature, self.logits.dtype, name="temperature")
        base = Logistic(self.logits / self.temperature, 1.0 / self.temperature, validate_args, allow_nan_stats)
        super().__init__(base, Sigmoid(validate_args=validate_args), validate_args=validate_args, name=name)
