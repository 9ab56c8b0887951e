"""Distributions of vectors: normal ones, and those of one class among several as a vector, exact and relaxed."""

from __future__ import annotations

import math
from typing import Any

from graphflow.distributions.base import (
    FULLY_REPARAMETERIZED,
    NOT_REPARAMETERIZED,
    Distribution,
    logits_and_probs,
    parameter,
    together,
)
from graphflow.distributions.discrete import Categorical
from graphflow.dtypes import as_dtype, float32, int32
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.argmax import argmax
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.compare import equal
from graphflow.ops.decompositions import cholesky
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.diagonal import matrix_band_part, matrix_diag, matrix_diag_part
from graphflow.ops.fill import one_hot
from graphflow.ops.linalg import matmul
from graphflow.ops.math import abs, exp, lgamma, log, square
from graphflow.ops.random import random_normal, random_uniform
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import expand_dims, shape, squeeze
from graphflow.ops.softmax import log_softmax
from graphflow.ops.triangular import triangular_solve


class _MultivariateNormal(Distribution):
    """loc + scale @ z, z of independent standard normal elements; `scale` [..., n, n] is lower triangular."""

    _event_rank = 1

    def _normal(self, loc: Any, scale: Tensor, validate_args: bool, allow_nan_stats: bool,
                parameters: dict[str, Any], name: str) -> None:  # fmt: skip
        self._scale = scale
        self.loc = zeros_like(matrix_diag_part(scale)) if loc is None else convert_to_tensor(loc, scale.dtype, "loc")
        Distribution.__init__(
            self, scale.dtype, FULLY_REPARAMETERIZED, validate_args, allow_nan_stats, parameters, name=name
        )

    def _like(self) -> Tensor:
        return together(self.loc, self._diagonal())

    def _diagonal(self) -> Tensor:
        return matrix_diag_part(self._scale)

    def _log_determinant(self) -> Tensor:
        return reduce_sum(log(abs(self._diagonal())), -1)

    def _stretched(self, z: Tensor) -> Tensor:
        return squeeze(matmul(self._scale + zeros_like(matrix_diag(z)), expand_dims(z, -1)), -1)

    def _shrunk(self, x: Tensor) -> Tensor:
        scale = self._scale + zeros_like(matrix_diag(x))
        return squeeze(triangular_solve(scale, expand_dims(x, -1)), -1)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return self.loc + self._stretched(random_normal(sizes, dtype=self.dtype, seed=seed))

    def _log_prob(self, value: Tensor) -> Tensor:
        z = self._shrunk(value - self._mean())
        return -0.5 * reduce_sum(square(z) + math.log(2 * math.pi), -1) - self._log_determinant()

    def _entropy(self) -> Tensor:
        half = 0.5 * (1 + math.log(2 * math.pi))
        return reduce_sum(half + self._like(), -1) + self._log_determinant()

    def _mean(self) -> Tensor:
        return self.loc + self._like()

    _mode = _mean

    def _covariance(self) -> Tensor:
        return matmul(self._scale, self._scale, transpose_b=True) + zeros_like(matrix_diag(self._like()))

    def _variance(self) -> Tensor:
        return matrix_diag_part(self._covariance())


class MultivariateNormalDiag(_MultivariateNormal):
    """Independent normal elements with means `loc` and standard deviations `scale_diag`, or all the same multiple of 1.

    Shapes: loc, scale_diag [..., n] -> samples [..., n], log_prob [...]; scale_identity_multiplier [...].
    """

    def __init__(
        self, loc: Any = None, scale_diag: Any = None, scale_identity_multiplier: Any = None,
        validate_args: bool = False, allow_nan_stats: bool = True, name: str = "MultivariateNormalDiag",
    ) -> None:  # fmt: skip
        if scale_diag is None and loc is None:
            raise GraphError("give loc or scale_diag")
        base = loc if scale_diag is None else scale_diag
        diagonal = convert_to_tensor(base, name="scale_diag", preferred_dtype=float32)
        if scale_diag is None:
            diagonal = ones_like(diagonal)
        if scale_identity_multiplier is not None:
            factor = expand_dims(convert_to_tensor(scale_identity_multiplier, diagonal.dtype), -1)
            diagonal = diagonal * factor if scale_diag is None else diagonal + factor
        self._scale_diag = diagonal
        self._normal(loc, matrix_diag(diagonal), validate_args, allow_nan_stats,
                     {"loc": loc, "scale_diag": scale_diag}, name)  # fmt: skip

    def _diagonal(self) -> Tensor:
        return self._scale_diag

    def _stretched(self, z: Tensor) -> Tensor:
        return self._scale_diag * z

    def _shrunk(self, x: Tensor) -> Tensor:
        return x / self._scale_diag

    def _stddev(self) -> Tensor:
        return abs(self._scale_diag) + self._like()

    def _variance(self) -> Tensor:
        return square(self._scale_diag) + self._like()


class MultivariateNormalTriL(_MultivariateNormal):
    """A normal distribution with covariance scale_tril @ scale_tril^T; what is above the diagonal is not read.

    Shapes: loc [..., n], scale_tril [..., n, n] -> samples [..., n], log_prob [...].
    """

    def __init__(
        self, loc: Any = None, scale_tril: Any = None, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "MultivariateNormalTriL",
    ) -> None:  # fmt: skip
        scale = matrix_band_part(parameter(scale_tril, "scale_tril"), -1, 0)
        parameters = {"loc": loc, "scale_tril": scale_tril}
        self._normal(loc, scale, validate_args, allow_nan_stats, parameters, name)


class MultivariateNormalFullCovariance(_MultivariateNormal):
    """A normal distribution with this covariance, which must be positive definite.

    Shapes: loc [..., n], covariance_matrix [..., n, n] -> samples [..., n], log_prob [...].
    """

    def __init__(
        self, loc: Any = None, covariance_matrix: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "MultivariateNormalFullCovariance",
    ) -> None:  # fmt: skip
        scale = cholesky(parameter(covariance_matrix, "covariance_matrix"))
        parameters = {"loc": loc, "covariance_matrix": covariance_matrix}
        self._normal(loc, scale, validate_args, allow_nan_stats, parameters, name)


class OneHotCategorical(Distribution):
    """A class as a vector with one 1, with probabilities `probs`, the softmax of `logits`: [batch..., classes]."""

    _event_rank = 1

    def __init__(
        self, logits: Any = None, probs: Any = None, dtype: Any = int32, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "OneHotCategorical",
    ) -> None:  # fmt: skip
        self._classes = Categorical(logits, probs)
        self.logits, self.probs = self._classes.logits, self._classes.probs
        super().__init__(as_dtype(dtype), NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"logits": logits, "probs": probs}, name=name)  # fmt: skip

    @property
    def event_size(self) -> Any:
        """The number of classes, an int where it is known."""
        return self._classes.event_size

    def _like(self) -> Tensor:
        return self.logits

    def _value(self, value: Any) -> Tensor:
        return convert_to_tensor(value, name="value")  # numbers of any dtype

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return one_hot(self._classes._sample(sizes[:-1], seed), self.event_size, dtype=self.dtype)

    def _log_prob(self, value: Tensor) -> Tensor:
        logs = log_softmax(self.logits)
        chosen = cast(value, logs.dtype) + zeros_like(logs)
        return reduce_sum(where_v2(equal(chosen, 0.0), zeros_like(chosen), chosen * logs), -1)

    def _entropy(self) -> Tensor:
        return self._classes._entropy()

    def _mean(self) -> Tensor:
        return self.probs

    def _mode(self) -> Tensor:
        return one_hot(argmax(self.logits, -1), self.event_size, dtype=self.dtype)

    def _variance(self) -> Tensor:
        return self.probs * (1.0 - self.probs)


class ExpRelaxedOneHotCategorical(Distribution):
    """The logarithm of RelaxedOneHotCategorical, which does not underflow."""

    _event_rank = 1

    def __init__(
        self, temperature: Any, logits: Any = None, probs: Any = None, dtype: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "ExpRelaxedOneHotCategorical",
    ) -> None:  # fmt: skip
        self.logits, self.probs = logits_and_probs(logits, probs, several=True)
        self.temperature = parameter(temperature, "temperature", self.logits.dtype, positive=validate_args)
        super().__init__(self.logits.dtype, FULLY_REPARAMETERIZED, validate_args, allow_nan_stats,
                         {"temperature": temperature, "logits": logits, "probs": probs}, name=name)  # fmt: skip

    def _heat(self) -> Tensor:
        return expand_dims(self.temperature, -1)

    def _like(self) -> Tensor:
        return self.logits + zeros_like(self._heat())

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        tiny = self.dtype.as_numpy_dtype(1e-30)
        gumbel = -log(-log(random_uniform(sizes, tiny, 1.0, self.dtype, seed)))
        return log_softmax((gumbel + self.logits) / self._heat())

    def _log_prob(self, value: Tensor) -> Tensor:
        n = cast(shape(self.logits)[-1], self.dtype)
        scale = lgamma(n) + (n - 1.0) * log(self.temperature)
        return scale + reduce_sum(log_softmax(self.logits - value * self._heat()), -1)


class RelaxedOneHotCategorical(ExpRelaxedOneHotCategorical):
    """The softmax of (logits + Gumbel noise) / temperature: near a vector with one 1 where the temperature is low.

    Shapes: logits [batch..., classes], temperature [batch...].   Gradient: through samples, logits and temperature.
    Source: Jang et al., Categorical Reparameterization with Gumbel-Softmax; Maddison et al., The Concrete Distribution.
    """

    def __init__(
        self, temperature: Any, logits: Any = None, probs: Any = None, dtype: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "RelaxedOneHotCategorical",
    ) -> None:  # fmt: skip
        super().__init__(temperature, logits, probs, dtype, validate_args, allow_nan_stats, name)

    def _sample(self, sizes: Tensor, seed: int | None) -> Tensor:
        return exp(super()._sample(sizes, seed))

    def _log_prob(self, value: Tensor) -> Tensor:
        return super()._log_prob(log(value)) - reduce_sum(log(value), -1)
