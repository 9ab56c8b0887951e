"""The Kullback-Leibler divergence of two distributions of one kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.default import name_scope
from graphflow.distributions.base import Distribution
from graphflow.distributions.continuous import Beta, Dirichlet, Gamma, Normal
from graphflow.distributions.discrete import Bernoulli, Categorical
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.activations import softplus
from graphflow.ops.math import digamma, lgamma, log, sigmoid, square
from graphflow.ops.polynomials import lbeta
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import expand_dims
from graphflow.ops.softmax import log_softmax, softmax


def _normal(a: Any, b: Any) -> Tensor:
    ratio = square(a.scale / b.scale)
    return square((a.loc - b.loc) / b.scale) * 0.5 + 0.5 * (ratio - 1.0 - log(ratio))


def _bernoulli(a: Any, b: Any) -> Tensor:
    one = sigmoid(a.logits) * (softplus(-b.logits) - softplus(-a.logits))
    return one + sigmoid(-a.logits) * (softplus(b.logits) - softplus(a.logits))


def _categorical(a: Any, b: Any) -> Tensor:
    return reduce_sum(softmax(a.logits) * (log_softmax(a.logits) - log_softmax(b.logits)), -1)


def _gamma(a: Any, b: Any) -> Tensor:
    c, d = a.concentration, b.concentration
    shapes = (c - d) * digamma(c) + lgamma(d) - lgamma(c)
    return shapes + d * (log(a.rate) - log(b.rate)) + c * (b.rate / a.rate - 1.0)


def _beta(a: Any, b: Any) -> Tensor:
    apart = b._log_norm() - a._log_norm()
    first = (b.concentration1 - a.concentration1) * digamma(a.concentration1)
    second = (b.concentration0 - a.concentration0) * digamma(a.concentration0)
    return apart - first - second + (b.total_concentration - a.total_concentration) * digamma(a.total_concentration)


def _dirichlet(a: Any, b: Any) -> Tensor:
    spread = digamma(a.concentration) - expand_dims(digamma(a.total_concentration), -1)
    return (
        reduce_sum(spread * (a.concentration - b.concentration), -1) - lbeta(a.concentration) + lbeta(b.concentration)
    )


_FORMULAS: dict[tuple[type, type], Callable[..., Tensor]] = {
    (kind, kind): formula
    for kind, formula in (
        (Normal, _normal), (Bernoulli, _bernoulli), (Categorical, _categorical), (Gamma, _gamma), (Beta, _beta),
        (Dirichlet, _dirichlet),
    )
}  # fmt: skip


class RegisterKL:
    """Decorates a function (distribution_a, distribution_b, name=None): the divergence of two kinds of distributions.

    Raises: TypeError for what is no function; ValueError when these kinds have one.
    """

    def __init__(self, dist_cls_a: type, dist_cls_b: type) -> None:
        self._key = dist_cls_a, dist_cls_b

    def __call__(self, kl_fn: Callable[..., Tensor]) -> Callable[..., Tensor]:
        if not callable(kl_fn):
            raise TypeError(f"a function is registered, not {kl_fn!r}")
        if self._key in _FORMULAS:
            raise GraphError(f"the divergence of {' and '.join(kind.__name__ for kind in self._key)} is registered")
        _FORMULAS[self._key] = lambda a, b, given=kl_fn: given(a, b, name=None)
        return kl_fn


def _formula(a: type, b: type) -> Callable[..., Tensor] | None:
    """That of the classes, or of bases as near to them as there is one."""
    pairs = [(i + j, (x, y)) for i, x in enumerate(a.__mro__) for j, y in enumerate(b.__mro__)]
    return next((_FORMULAS[pair] for _, pair in sorted(pairs, key=lambda p: p[0]) if pair in _FORMULAS), None)


def kl_divergence(
    distribution_a: Distribution, distribution_b: Distribution, allow_nan_stats: bool = True, name: str | None = None
) -> Tensor:
    """The expected value, under a, of log_prob of a minus that of b: [batch...].

    Raises: NotImplementedError for kinds without a formula.
    """
    formula = _formula(type(distribution_a), type(distribution_b))
    if formula is None:
        raise NotImplementedError(f"no KL divergence of {distribution_a!r} from {distribution_b!r} is known")
    with name_scope(name, "KullbackLeibler"):
        return formula(distribution_a, distribution_b)


def _cross_entropy(self: Distribution, other: Distribution, name: str = "cross_entropy") -> Tensor:
    """The expected value, under this distribution, of -log_prob of another."""
    with name_scope(name):
        return kl_divergence(self, other) + self.entropy()


def _from(self: Distribution, other: Distribution, name: str = "kl_divergence") -> Tensor:
    """The Kullback-Leibler divergence of this distribution from another."""
    return kl_divergence(self, other, name=name)


# Hung on here: the formulas know the kinds of distributions, and these know their base.
Distribution.kl_divergence = _from  # type: ignore[attr-defined]
Distribution.cross_entropy = _cross_entropy  # type: ignore[attr-defined]
