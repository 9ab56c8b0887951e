"""Distributions made of distributions, or of values."""

from __future__ import annotations

import math
from typing import Any

from graphflow.distributions.base import (
    FULLY_REPARAMETERIZED,
    NOT_REPARAMETERIZED,
    Distribution,
    parameter,
)
from graphflow.distributions.discrete import Categorical
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.compare import logical_and
from graphflow.ops.fill import one_hot, zeros
from graphflow.ops.join import concat
from graphflow.ops.math import abs, ceil, exp, floor, log, square
from graphflow.ops.reduce import reduce_all, reduce_logsumexp, reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import expand_dims, rank, shape
from graphflow.ops.softmax import log_softmax


class Deterministic(Distribution):
    """Always `loc`; of values at most atol + rtol * |loc| away the probability is 1."""

    def __init__(
        self, loc: Any, atol: Any = None, rtol: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Deterministic",
    ) -> None:  # fmt: skip
        self.loc = parameter(loc, "loc")
        zero = zeros([], self.loc.dtype)
        self.atol = zero if atol is None else parameter(atol, "atol", self.loc.dtype)
        self.rtol = zero if rtol is None else parameter(rtol, "rtol", self.loc.dtype)
        super().__init__(self.loc.dtype, FULLY_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"loc": loc, "atol": atol, "rtol": rtol}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return self.loc

    def _slack(self) -> Tensor:
        return self.atol + self.rtol * abs(self.loc)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return self.loc + zeros(sizes, self.dtype)

    def _prob(self, value: Tensor) -> Tensor:
        return cast(abs(value - self.loc) <= self._slack(), self.dtype)

    def _log_prob(self, value: Tensor) -> Tensor:
        return log(self._prob(value))

    def _cdf(self, value: Tensor) -> Tensor:
        return cast(value >= self.loc - self._slack(), self.dtype)

    def _entropy(self) -> Tensor:
        like = self._like()
        return zeros(shape(like)[: rank(like) - self._event_rank], self.dtype)

    def _mean(self) -> Tensor:
        return self.loc

    _mode = _mean

    def _variance(self) -> Tensor:
        return zeros_like(self.loc)


class VectorDeterministic(Deterministic):
    """Always the vector `loc`; of vectors all whose elements are near enough the probability is 1."""

    _event_rank = 1

    def _prob(self, value: Tensor) -> Tensor:
        return cast(reduce_all(abs(value - self.loc) <= self._slack(), -1), self.dtype)


class Independent(Distribution):
    """The same distribution, the last `reinterpreted_batch_ndims` dimensions of whose batch belong to the event.

    All but the first by default.
    """

    def __init__(
        self, distribution: Distribution, reinterpreted_batch_ndims: int | None = None, validate_args: bool = False,
        name: str | None = None,
    ) -> None:  # fmt: skip
        n = distribution.batch_shape.ndims
        if n is None:
            raise GraphError("the rank of the batch must be known when the graph is made")
        taken = max(0, n - 1) if reinterpreted_batch_ndims is None else int(reinterpreted_batch_ndims)
        if taken > n:
            raise GraphError(f"{taken} dimensions are to become the event's, and the batch has {n}")
        self.distribution, self.reinterpreted_batch_ndims = distribution, taken
        self._event_rank = distribution._event_rank + taken
        super().__init__(distribution.dtype, distribution.reparameterization_type, validate_args,
                         distribution.allow_nan_stats, {"distribution": distribution},
                         name=name or f"Independent{distribution.name}")  # fmt: skip

    def _like(self) -> Tensor:
        return self.distribution._like()

    def _total(self, t: Tensor) -> Tensor:
        axes = list(range(-self.reinterpreted_batch_ndims, 0))
        return reduce_sum(t + zeros(self.distribution.batch_shape_tensor(), t.dtype), axes) if axes else t

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return self.distribution._answer("sample", sizes, seed)

    def _log_prob(self, value: Tensor) -> Tensor:
        return self._total(self.distribution._answer("log_prob", value))

    def _entropy(self) -> Tensor:
        return self._total(self.distribution._answer("entropy"))

    def _mean(self) -> Tensor:
        return self.distribution._answer("mean")

    def _mode(self) -> Tensor:
        return self.distribution._answer("mode")

    def _variance(self) -> Tensor:
        return self.distribution._answer("variance")

    def _stddev(self) -> Tensor:
        return self.distribution._answer("stddev")


class MixtureSameFamily(Distribution):
    """A sample of component i, where i is a sample of mixture_distribution.

    components_distribution   a distribution whose last dimension of the batch is that of the components
    """

    def __init__(
        self, mixture_distribution: Categorical, components_distribution: Distribution, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "MixtureSameFamily",
    ) -> None:  # fmt: skip
        if not isinstance(mixture_distribution, Categorical):
            raise TypeError(f"mixture_distribution must be a Categorical, not {mixture_distribution!r}")
        wide = components_distribution.batch_shape
        if wide.ndims == 0:
            raise GraphError("the batch of the components needs a dimension for them")
        count = None if wide.ndims is None else wide.as_list()[-1]
        weights = mixture_distribution.event_size
        if count is not None and isinstance(weights, int) and count != weights:
            raise GraphError(f"there are {count} components, and {weights} weights")
        self.mixture_distribution, self.components_distribution = mixture_distribution, components_distribution
        self._event_rank = components_distribution._event_rank
        super().__init__(components_distribution.dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"mixture_distribution": mixture_distribution}, name=name)  # fmt: skip

    @property
    def _axis(self) -> int:
        """The axis of the components."""
        return -1 - self._event_rank

    def _like(self) -> Tensor:
        return reduce_sum(zeros_like(self.components_distribution._like()), self._axis)

    def _count(self) -> Tensor:
        return self.components_distribution.batch_shape_tensor()[-1:]

    def _weighted(self, weights: Tensor, values: Tensor) -> Tensor:
        for _ in range(self._event_rank):
            weights = expand_dims(weights, -1)
        return reduce_sum(values * weights, self._axis)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        n = self._event_rank
        batch = sizes[: shape(sizes)[0] - n]
        event = sizes[shape(sizes)[0] - n :]
        each = self.components_distribution._answer("sample", concat([batch, self._count(), event], 0), seed)
        chosen = self.mixture_distribution._answer("sample", batch, None if seed is None else seed + 1)
        return self._weighted(one_hot(chosen, self._count()[0], dtype=self.dtype), each)

    def _log_prob(self, value: Tensor) -> Tensor:
        logs = self.components_distribution._answer("log_prob", expand_dims(value, self._axis))
        return reduce_logsumexp(logs + log_softmax(self.mixture_distribution.logits), -1)

    def _cdf(self, value: Tensor) -> Tensor:
        each = self.components_distribution._answer("cdf", expand_dims(value, self._axis))
        return reduce_sum(each * self.mixture_distribution.probs, -1)

    def _mean(self) -> Tensor:
        return self._weighted(self.mixture_distribution.probs, self.components_distribution._answer("mean"))

    def _variance(self) -> Tensor:
        means = self.components_distribution._answer("mean")
        second = self.components_distribution._answer("variance") + square(means)
        return self._weighted(self.mixture_distribution.probs, second) - square(self._mean())


class QuantizedDistribution(Distribution):
    """ceil of samples, with all below `low` counted as `low`, all above `high` as `high`."""

    def __init__(
        self, distribution: Distribution, low: Any = None, high: Any = None, validate_args: bool = False,
        name: str = "QuantizedDistribution",
    ) -> None:  # fmt: skip
        self.distribution = distribution
        dtype = distribution.dtype
        self._low = None if low is None else parameter(low, "low", dtype)
        self._high = None if high is None else parameter(high, "high", dtype)
        self._event_rank = distribution._event_rank
        super().__init__(dtype, NOT_REPARAMETERIZED, validate_args, distribution.allow_nan_stats,
                         {"distribution": distribution, "low": low, "high": high}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return self.distribution._like()

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        y = ceil(self.distribution._answer("sample", sizes, seed))
        y = y if self._low is None else where_v2(y < self._low, self._low + zeros_like(y), y)
        return y if self._high is None else where_v2(y > self._high, self._high + zeros_like(y), y)

    def _log_cdf(self, value: Tensor) -> Tensor:
        return self._at_steps("log_cdf", value, -math.inf, 0.0)

    def _cdf(self, value: Tensor) -> Tensor:
        return self._at_steps("cdf", value, 0.0, 1.0)

    def _survival_function(self, value: Tensor) -> Tensor:
        return self._at_steps("survival_function", value, 1.0, 0.0)

    def _log_survival_function(self, value: Tensor) -> Tensor:
        return self._at_steps("log_survival_function", value, 0.0, -math.inf)

    def _at_steps(self, what: str, value: Tensor, below: float, above: float) -> Tensor:
        """The distribution's answer at whole numbers, but for values out of range."""
        steps = floor(value) if "cdf" in what else ceil(value)
        found = self.distribution._answer(what, steps)
        if self._low is not None:
            found = where_v2(steps < self._low, zeros_like(found) + below, found)
        if self._high is not None:
            found = where_v2(steps >= self._high, zeros_like(found) + above, found)
        return found

    def _prob(self, value: Tensor) -> Tensor:
        """From the tail in which the numbers are small."""
        cdf, rest = self._cdf(value), self._survival_function(value)
        lower = cdf - self._cdf(value - 1.0)
        upper = self._survival_function(value - 1.0) - rest
        return where_v2(rest < cdf, upper, lower)

    def _log_prob(self, value: Tensor) -> Tensor:
        below, at = self._log_cdf(value - 1.0), self._log_cdf(value)
        tail_below, tail = self._log_survival_function(value - 1.0), self._log_survival_function(value)
        in_tail = tail < at
        big, small = where_v2(in_tail, tail_below, at), where_v2(in_tail, tail, below)
        gone = logical_and(small <= -math.inf, small <= big)
        return big + where_v2(gone, zeros_like(big), log(1.0 - exp(where_v2(gone, zeros_like(big) - 1.0, small - big))))
