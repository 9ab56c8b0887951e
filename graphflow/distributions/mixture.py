"""Mixtures: one of several distributions, drawn anew for every sample."""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.distributions.base import NOT_REPARAMETERIZED, Distribution
from graphflow.distributions.discrete import Categorical
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.fill import one_hot
from graphflow.ops.join import stack
from graphflow.ops.math import square
from graphflow.ops.reduce import reduce_logsumexp, reduce_sum
from graphflow.ops.shape_ops import expand_dims
from graphflow.ops.softmax import log_softmax


class Mixture(Distribution):
    """The distribution of a sample of components[i], where i is a sample of `cat`.

    cat         a Categorical over as many classes as there are components, with their batch
    components  distributions of one dtype and one shape
    """

    def __init__(
        self, cat: Categorical, components: Sequence[Distribution], validate_args: bool = False,
        allow_nan_stats: bool = True, use_static_graph: bool = False, name: str = "Mixture",
    ) -> None:  # fmt: skip
        if not isinstance(cat, Categorical):
            raise TypeError(f"cat must be a Categorical, not {cat!r}")
        if not components or not all(isinstance(d, Distribution) for d in components):
            raise TypeError(f"components must be distributions, at least one, not {components!r}")
        if isinstance(cat.event_size, int) and cat.event_size != len(components):
            raise GraphError(f"cat has {cat.event_size} classes, and there are {len(components)} components")
        if len({d.dtype for d in components}) > 1:
            raise TypeError(f"components must have one dtype, not {[d.dtype.name for d in components]}")
        self.cat, self.components, self.num_components = cat, list(components), len(components)
        self._event_rank = components[0]._event_rank
        super().__init__(components[0].dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"cat": cat, "components": components}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return self.components[0]._like()

    def _spread(self, weights: Tensor) -> Tensor:
        """[..., components] with an axis for each of an event between."""
        for _ in range(self._event_rank):
            weights = expand_dims(weights, -2)
        return weights

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        batch = sizes[: -self._event_rank] if self._event_rank else sizes
        chosen = one_hot(self.cat._sample(batch, seed), self.num_components, dtype=self.dtype)
        seeds = [None if seed is None else seed + i for i in range(1, self.num_components + 1)]  # independent of `cat`
        drawn = stack([d._answer("sample", sizes, s) for d, s in zip(self.components, seeds, strict=True)], -1)
        return reduce_sum(drawn * self._spread(chosen), -1)

    def _log_prob(self, value: Tensor) -> Tensor:
        logs = stack([d._answer("log_prob", value) for d in self.components], -1)
        return reduce_logsumexp(logs + log_softmax(self.cat.logits), -1)

    def _mixed(self, values: list[Tensor]) -> Tensor:
        return reduce_sum(stack(values, -1) * self._spread(self.cat.probs), -1)

    def _mean(self) -> Tensor:
        return self._mixed([d._answer("mean") for d in self.components])

    def _variance(self) -> Tensor:
        second = self._mixed([d._answer("variance") + square(d._answer("mean")) for d in self.components])
        return second - square(self._mean())
