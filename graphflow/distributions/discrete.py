"""Distributions of whole numbers: Bernoulli, categorical, multinomial."""

from __future__ import annotations

from typing import Any

from graphflow.distributions.base import NOT_REPARAMETERIZED, Distribution, logits_and_probs, parameter
from graphflow.dtypes import as_dtype, int32
from graphflow.operation import Tensor
from graphflow.ops.activations import softplus
from graphflow.ops.argmax import argmax
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.compare import equal, less
from graphflow.ops.cross_entropy import sigmoid_cross_entropy_with_logits
from graphflow.ops.diagonal import matrix_diag
from graphflow.ops.fill import one_hot
from graphflow.ops.join import concat
from graphflow.ops.math import lgamma, sigmoid
from graphflow.ops.products import reduce_prod
from graphflow.ops.random import multinomial, random_uniform
from graphflow.ops.reduce import reduce_max, reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.sequences import sequence_mask
from graphflow.ops.shape_ops import expand_dims, reshape, shape
from graphflow.ops.softmax import log_softmax


class Bernoulli(Distribution):
    """1 with probability `probs`, the sigmoid of `logits`, else 0."""

    def __init__(
        self, logits: Any = None, probs: Any = None, dtype: Any = int32, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Bernoulli",
    ) -> None:  # fmt: skip
        self.logits, self.probs = logits_and_probs(logits, probs, several=False)
        super().__init__(as_dtype(dtype), NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"logits": logits, "probs": probs}, name=name)  # fmt: skip

    def _like(self) -> Tensor:
        return self.logits

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return cast(less(random_uniform(sizes, dtype=self.probs.dtype, seed=seed), self.probs), self.dtype)

    def _log_prob(self, value: Tensor) -> Tensor:
        event = cast(value, self.logits.dtype)
        logits, labels = self.logits + zeros_like(event), event + zeros_like(self.logits)
        return -sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)

    def _entropy(self) -> Tensor:
        return softplus(-self.logits) - self.logits * (sigmoid(self.logits) - 1.0)

    def _mean(self) -> Tensor:
        return self.probs

    def _variance(self) -> Tensor:
        return self.probs * (1.0 - self.probs)

    def _mode(self) -> Tensor:
        return cast(self.probs > 0.5, self.dtype)


def _classes(sizes: Tensor, logits: Tensor, draws: Any, seed: int | None) -> Tensor:
    """Class indices [samples, batch, draws], for samples [samples, batch] in `sizes` of logits [batch, classes]."""
    flat = reshape(logits, concat([[-1], shape(logits)[-1:]], 0))
    batch = shape(flat)[0]
    samples = reduce_prod(sizes) // batch
    drawn = multinomial(flat, samples * draws, seed)
    return transpose(reshape(drawn, [batch, samples, draws]), [1, 0, 2])


class Categorical(Distribution):
    """The index of a class, with probabilities `probs`, the softmax of `logits`: [batch..., classes]."""

    def __init__(
        self, logits: Any = None, probs: Any = None, dtype: Any = int32, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Categorical",
    ) -> None:  # fmt: skip
        self.logits, self.probs = logits_and_probs(logits, probs, several=True)
        super().__init__(as_dtype(dtype), NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"logits": logits, "probs": probs}, name=name)  # fmt: skip

    @property
    def event_size(self) -> Any:
        """The number of classes, an int where it is known."""
        known = self.logits.dims[-1] if self.logits.dims else None
        return shape(self.logits)[-1] if known is None else known

    def _like(self) -> Tensor:
        return self.logits[..., 0]

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return cast(reshape(_classes(sizes, self.logits, 1, seed), sizes), self.dtype)

    def _log_prob(self, value: Tensor) -> Tensor:
        chosen = one_hot(value, self.event_size, True, False)
        logs = log_softmax(self.logits)
        return reduce_sum(where_v2(chosen, logs, zeros_like(logs)), -1)

    def _entropy(self) -> Tensor:
        logs = log_softmax(self.logits)
        impossible = equal(self.probs, zeros_like(self.probs))
        return -reduce_sum(where_v2(impossible, zeros_like(logs), self.probs * logs), -1)

    def _mode(self) -> Tensor:
        return cast(argmax(self.logits, -1), self.dtype)


class Multinomial(Distribution):
    """How often each class comes in total_count draws; classes lie in the last axis of logits or probs."""

    _event_rank = 1

    def __init__(
        self, total_count: Any, logits: Any = None, probs: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Multinomial",
    ) -> None:  # fmt: skip
        self.logits, self.probs = logits_and_probs(logits, probs, several=True)
        self.total_count = parameter(total_count, "total_count", self.logits.dtype, positive=validate_args)
        super().__init__(self.logits.dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"total_count": total_count, "logits": logits, "probs": probs}, name=name)  # fmt: skip

    def _counts(self) -> Tensor:
        return expand_dims(self.total_count, -1)

    def _like(self) -> Tensor:
        return self.probs + zeros_like(self._counts())

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        logits = self.logits + zeros_like(self._like())
        most = cast(reduce_max(self.total_count), int32)
        drawn = reshape(_classes(sizes[:-1], logits, most, seed), concat([sizes[:-1], expand_dims(most, 0)], 0))
        counted = cast(sequence_mask(cast(self.total_count, int32), most), self.dtype)
        return reduce_sum(one_hot(drawn, sizes[-1], dtype=self.dtype) * expand_dims(counted, -1), -2)

    def _log_prob(self, value: Tensor) -> Tensor:
        ways = lgamma(self.total_count + 1.0) - reduce_sum(lgamma(value + 1.0), -1)
        logs = log_softmax(self.logits) * value
        never = equal(value + zeros_like(logs), 0.0)
        return ways + reduce_sum(where_v2(never, zeros_like(logs), logs), -1)

    def _mean(self) -> Tensor:
        return self._counts() * self.probs

    def _variance(self) -> Tensor:
        return self._counts() * self.probs * (1.0 - self.probs)

    def _covariance(self) -> Tensor:
        p = self.probs + zeros_like(self._counts())
        outer = expand_dims(p, -1) * expand_dims(p, -2)
        return expand_dims(self._counts(), -1) * (matrix_diag(p) - outer)
