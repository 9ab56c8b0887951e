"""Distributions of whole numbers: counts of events, of failures and of successes."""

from __future__ import annotations

from typing import Any

from graphflow.distributions.base import NOT_REPARAMETERIZED, Distribution, logits_and_probs, parameter, together
from graphflow.dtypes import int32
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.activations import softplus
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.fill import one_hot
from graphflow.ops.join import concat
from graphflow.ops.math import exp, floor, lgamma, log, log1p, square
from graphflow.ops.polynomials import lbeta
from graphflow.ops.random import multinomial, random_gamma, random_poisson, random_uniform
from graphflow.ops.reduce import reduce_max, reduce_sum
from graphflow.ops.sequences import sequence_mask
from graphflow.ops.shape_ops import expand_dims, rank, reshape, shape


def drawn_before(sizes: Tensor, batch: Tensor) -> Tensor:
    """The sizes without those of the batch, which end them."""
    return sizes[: shape(sizes)[0] - rank(batch)]


class Poisson(Distribution):
    """The number of events, of which there are `rate` on average; or give its logarithm, log_rate."""

    def __init__(
        self, rate: Any = None, log_rate: Any = None, interpolate_nondiscrete: bool = True,
        validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Poisson",
    ) -> None:  # fmt: skip
        if (rate is None) == (log_rate is None):
            raise GraphError("give either rate or log_rate")
        self.rate = (
            exp(parameter(log_rate, "log_rate")) if rate is None else parameter(rate, "rate", None, validate_args)
        )
        self.log_rate = log(self.rate) if log_rate is None else parameter(log_rate, "log_rate")
        super().__init__(self.rate.dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"rate": rate, "log_rate": log_rate}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return self.rate

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return random_poisson(self.rate, drawn_before(sizes, self.rate), self.dtype, seed)

    def _log_prob(self, value: Tensor) -> Tensor:
        return value * self.log_rate - lgamma(value + 1.0) - self.rate

    def _mean(self) -> Tensor:
        return self.rate

    def _variance(self) -> Tensor:
        return self.rate

    def _mode(self) -> Tensor:
        return floor(self.rate)


class Geometric(Distribution):
    """The number of failures before the first success, which has probability `probs` each time."""

    def __init__(
        self, logits: Any = None, probs: Any = None, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "Geometric",
    ) -> None:  # fmt: skip
        self.logits, self.probs = logits_and_probs(logits, probs, several=False)
        super().__init__(self.probs.dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"logits": logits, "probs": probs}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return self.probs

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        u = random_uniform(sizes, dtype=self.dtype, seed=seed)
        return floor(log1p(-u) / log1p(-self.probs))

    def _log_prob(self, value: Tensor) -> Tensor:
        return value * log1p(-self.probs) + log(self.probs)

    def _cdf(self, value: Tensor) -> Tensor:
        return 1.0 - exp((1.0 + floor(value)) * log1p(-self.probs))

    def _entropy(self) -> Tensor:
        return (-log(self.probs) - (1.0 / self.probs - 1.0) * log1p(-self.probs)) + zeros_like(self.probs)

    def _mean(self) -> Tensor:
        return exp(-self.logits)

    def _variance(self) -> Tensor:
        return self._mean() / self.probs

    def _mode(self) -> Tensor:
        return zeros_like(self.probs)


class _Counted(Distribution):
    """What distributions of tries with a count and a probability share."""

    def __init__(
        self, total_count: Any, logits: Any, probs: Any, validate_args: bool, allow_nan_stats: bool, name: str
    ) -> None:
        self.logits, self.probs = logits_and_probs(logits, probs, several=False)
        self.total_count = parameter(total_count, "total_count", self.probs.dtype, positive=validate_args)
        super().__init__(self.probs.dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"total_count": total_count, "logits": logits, "probs": probs}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return together(self.total_count, self.probs)


class Binomial(_Counted):
    """The number of successes in total_count tries, which have probability `probs` each."""

    def __init__(
        self, total_count: Any, logits: Any = None, probs: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Binomial",
    ) -> None:  # fmt: skip
        super().__init__(total_count, logits, probs, validate_args, allow_nan_stats, name)

    def _log_prob(self, value: Tensor) -> Tensor:
        n = self.total_count
        chance = value * log(self.probs) + (n - value) * log1p(-self.probs)
        return chance + lgamma(n + 1.0) - lgamma(value + 1.0) - lgamma(n - value + 1.0)

    def _mean(self) -> Tensor:
        return self.total_count * self.probs

    def _variance(self) -> Tensor:
        return self._mean() * (1.0 - self.probs)

    def _mode(self) -> Tensor:
        return floor((1.0 + self.total_count) * self.probs)


class NegativeBinomial(_Counted):
    """The number of successes, with probability `probs` each, before total_count failures."""

    def __init__(
        self, total_count: Any, logits: Any = None, probs: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "NegativeBinomial",
    ) -> None:  # fmt: skip
        super().__init__(total_count, logits, probs, validate_args, allow_nan_stats, name)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        """Poisson with a rate that is gamma-distributed."""
        counts = self.total_count + self._like()
        rate = random_gamma(drawn_before(sizes, counts), counts, exp(-self.logits), self.dtype, seed)
        return random_poisson(rate, [], self.dtype, None if seed is None else seed + 1)

    def _log_prob(self, value: Tensor) -> Tensor:
        n = self.total_count
        chance = -n * softplus(self.logits) - value * softplus(-self.logits)
        return chance - lgamma(n) - lgamma(1.0 + value) + lgamma(n + value)

    def _mean(self) -> Tensor:
        return self.total_count * exp(self.logits)

    def _variance(self) -> Tensor:
        return self._mean() / (1.0 - self.probs)

    def _mode(self) -> Tensor:
        return floor((self.total_count - 1.0) * exp(self.logits)) * cast(self.total_count > 1.0, self.dtype)


class DirichletMultinomial(Distribution):
    """How often each class comes in total_count draws, with probabilities that are Dirichlet-distributed.

    Shapes: total_count [...], concentration [..., classes] -> samples [..., classes].
    """

    _event_rank = 1

    def __init__(
        self, total_count: Any, concentration: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "DirichletMultinomial",
    ) -> None:  # fmt: skip
        self.concentration = parameter(concentration, "concentration", positive=validate_args)
        self.total_count = parameter(total_count, "total_count", self.concentration.dtype, positive=validate_args)
        self.total_concentration = reduce_sum(self.concentration, -1)
        super().__init__(self.concentration.dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"total_count": total_count, "concentration": concentration}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return self.concentration + zeros_like(expand_dims(self.total_count, -1))

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        c = self.concentration + zeros_like(self._like())
        weights = random_gamma(drawn_before(sizes, c), c, 1.0, self.dtype, seed)
        most = cast(reduce_max(self.total_count), int32)
        flat = multinomial(log(reshape(weights, [-1, sizes[-1]])), most, None if seed is None else seed + 1)
        drawn = one_hot(reshape(flat, concat([sizes[:-1], expand_dims(most, 0)], 0)), sizes[-1], dtype=self.dtype)
        counted = cast(sequence_mask(cast(self.total_count, int32), most), self.dtype)
        return reduce_sum(drawn * expand_dims(counted, -1), -2)

    def _log_prob(self, value: Tensor) -> Tensor:
        ways = lgamma(self.total_count + 1.0) - reduce_sum(lgamma(value + 1.0), -1)
        return ways + lbeta(self.concentration + value) - lbeta(self.concentration)

    def _share(self) -> Tensor:
        return self.concentration / expand_dims(self.total_concentration, -1)

    def _mean(self) -> Tensor:
        return expand_dims(self.total_count, -1) * self._share()

    def _variance(self) -> Tensor:
        total = self.total_concentration
        scale = (self.total_count + total) / (1.0 + total)
        mean = self._mean()
        return expand_dims(scale, -1) * (mean - square(mean) / expand_dims(self.total_count, -1))
