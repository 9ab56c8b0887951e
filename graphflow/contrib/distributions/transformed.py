"""Distributions of what a bijector makes of samples."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.distributions.bijectors.base import Bijector
from graphflow.contrib.distributions.bijectors.compose import Identity
from graphflow.distributions.base import Distribution
from graphflow.dtypes import int32
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import range as range_
from graphflow.ops.fill import zeros
from graphflow.ops.join import concat, stack
from graphflow.ops.math import exp
from graphflow.ops.products import reduce_prod
from graphflow.ops.reduce import reduce_logsumexp, reduce_sum
from graphflow.ops.shape_ops import rank
from graphflow.ops.static import static_value
from graphflow.shape import TensorShape


class TransformedDistribution(Distribution):
    """The distribution of bijector.forward(x) for samples x of `distribution`.

    batch_shape, event_shape   shapes that take the place of those of a distribution of single numbers: its samples
                               are then drawn anew for each element
    Raises: ValueError when the distribution has such a shape itself.
    """

    def __init__(
        self, distribution: Distribution, bijector: Bijector | None = None, batch_shape: Any = None,
        event_shape: Any = None, validate_args: bool = False, name: str | None = None,
    ) -> None:  # fmt: skip
        self.distribution, self.bijector = distribution, bijector or Identity(validate_args=validate_args)
        self._batch = _override(batch_shape, distribution.batch_shape, "batch_shape")
        self._event = _override(event_shape, distribution.event_shape, "event_shape")
        event = distribution.event_shape if self._event is None else TensorShape(self._event)
        self._event_rank = self.bijector.forward_event_shape(event).ndims or 0
        self._parameters = {"distribution": distribution, "bijector": bijector}
        super().__init__(distribution.dtype, distribution.reparameterization_type, validate_args,
                         distribution.allow_nan_stats, self._parameters,
                         name=name or ("" if bijector is None else bijector.name) + distribution.name)  # fmt: skip

    # -- shapes --------------------------------------------------------------------------------------------------
    @property
    def batch_shape(self) -> TensorShape:
        return self.distribution.batch_shape if self._batch is None else TensorShape(self._batch)

    @property
    def event_shape(self) -> TensorShape:
        event = self.distribution.event_shape if self._event is None else TensorShape(self._event)
        return self.bijector.forward_event_shape(event)

    def batch_shape_tensor(self, name: str = "batch_shape_tensor") -> Tensor:
        return self.distribution.batch_shape_tensor() if self._batch is None else convert_to_tensor(self._batch, int32)

    def _inner_event(self) -> Tensor:
        return self.distribution.event_shape_tensor() if self._event is None else convert_to_tensor(self._event, int32)

    def event_shape_tensor(self, name: str = "event_shape_tensor") -> Tensor:
        return self.bijector.forward_event_shape_tensor(self._inner_event())

    def _like(self) -> Tensor:
        return zeros(concat([self.batch_shape_tensor(), self.event_shape_tensor()], 0), self.dtype)

    @property
    def _turned_by(self) -> int:
        """How many dimensions of an event stand before all others in samples of the distribution."""
        own = self.distribution.batch_shape.ndims
        return len(self._event or ()) if self._event and self._batch is None and own else 0

    # -- samples and densities -----------------------------------------------------------------------------------
    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        rank_of_all = (self.batch_shape.ndims or 0) + (self.event_shape.ndims or 0)
        drawn = sizes[:-rank_of_all] if rank_of_all else sizes
        batch, event = self.batch_shape_tensor(), self._inner_event()
        turned = self._turned_by
        inner = concat([event, drawn, batch] if turned else [drawn, batch, event], 0)
        x = self.distribution._answer("sample", inner, seed)
        return self.bijector.forward(_rotated(x, turned) if turned else x)

    def _each(self, y: Tensor, what: str) -> list[tuple[Tensor, Tensor]]:
        """The distribution's answer, and the log of the change of volume, for every x of a y."""
        n = self._event_rank
        xs, volumes = self.bijector.inverse(y), self.bijector.inverse_log_det_jacobian(y, event_ndims=n)
        if self.bijector._is_injective:
            xs, volumes = (xs,), (volumes,)
        return [(self._inner(x, what), cast(v, self.dtype)) for x, v in zip(xs, volumes, strict=True)]

    def _inner(self, x: Tensor, what: str) -> Tensor:
        turned = self._turned_by
        answer = self.distribution._answer(what, _rotated(x, -turned) if turned else x)
        if self._event is None:
            return answer
        axes = [i if turned else -1 - i for i in range(len(self._event))]
        return reduce_sum(answer, axes) if what == "log_prob" else reduce_prod(answer, axes)

    def _log_prob(self, y: Tensor) -> Tensor:
        logs = [answer + volume for answer, volume in self._each(y, "log_prob")]
        return logs[0] if len(logs) == 1 else reduce_logsumexp(stack(logs), 0)

    def _prob(self, y: Tensor) -> Tensor:
        parts = [answer * exp(volume) for answer, volume in self._each(y, "prob")]
        return sum(parts[1:], parts[0])

    def _single(self, what: str) -> None:
        if self._event is not None or not self.bijector._is_injective:
            raise NotImplementedError(f"{self.name} has no {what}: event_shape is given, or several x have one y")

    def _cdf(self, y: Tensor) -> Tensor:
        self._single("cdf")
        return self.distribution._answer("cdf", self.bijector.inverse(y))

    def _log_cdf(self, y: Tensor) -> Tensor:
        self._single("log_cdf")
        return self.distribution._answer("log_cdf", self.bijector.inverse(y))

    def _survival_function(self, y: Tensor) -> Tensor:
        self._single("survival_function")
        return self.distribution._answer("survival_function", self.bijector.inverse(y))

    def _log_survival_function(self, y: Tensor) -> Tensor:
        self._single("log_survival_function")
        return self.distribution._answer("log_survival_function", self.bijector.inverse(y))

    def _quantile(self, value: Tensor) -> Tensor:
        self._single("quantile")
        return self.bijector.forward(self.distribution._answer("quantile", value))

    def _entropy(self) -> Tensor:
        if not self.bijector.is_constant_jacobian or not self.bijector._is_injective:
            raise NotImplementedError(f"{self.name} has no entropy: the change of volume is not the same everywhere")
        entropy = self.distribution._answer("entropy")
        if self._event is not None:
            entropy = entropy * float(TensorShape(self._event).num_elements() or 0)
        if self._batch is not None:
            entropy = entropy + zeros(self._batch, self.dtype)
        return entropy - self.bijector.inverse_log_det_jacobian(self._like(), event_ndims=self._event_rank)


def _rotated(x: Tensor, by: int) -> Tensor:
    """The first `by` dimensions at the end; the last ones in front for a negative `by`."""
    n = rank(x)
    at = by if by > 0 else n + by
    return transpose(x, concat([range_(at, n), range_(at)], 0))


def _override(given: Any, own: TensorShape, what: str) -> list[int] | None:
    """The sizes; None when there are none.   Raises: ValueError, see TransformedDistribution."""
    if given is None:
        return None
    known = static_value(convert_to_tensor(given, int32, name=what))
    if known is None or known.ndim > 1:
        raise GraphError(f"{what} must be a vector of sizes that are known when the graph is made")
    if not known.size:
        return None
    if (known <= 0).any():
        raise GraphError(f"{what} must have positive sizes, not {known.tolist()}")
    if own.ndims != 0:
        raise GraphError(f"{what} is given, and the distribution has {what} {own} itself")
    return [int(s) for s in known]
