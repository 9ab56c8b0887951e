"""What all distributions share: parameters, shapes, and the names of what can be asked of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.default import control_dependencies, name_scope
from graphflow.dtypes import DType, int32
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.assertions import assert_positive
from graphflow.ops.basic import identity, zeros_like
from graphflow.ops.compare import equal
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.join import concat
from graphflow.ops.math import exp, log, log1p, sigmoid, sqrt
from graphflow.ops.shape_ops import rank, reshape, shape
from graphflow.ops.softmax import softmax
from graphflow.shape import TensorShape

FULLY_REPARAMETERIZED = "FULLY_REPARAMETERIZED"
NOT_REPARAMETERIZED = "NOT_REPARAMETERIZED"


class Distribution:
    """A random variable, or a batch of independent ones with parameters of one shape.

    A subclass has the parameters as attributes and says what it knows in methods with an underscore: `_sample(shape,
    seed)` for samples of this shape (the batch included), `_log_prob(value)`, `_mean()` and the like.
    """

    def __init__(
        self, dtype: DType, reparameterization_type: str, validate_args: bool, allow_nan_stats: bool,
        parameters: dict[str, Any] | None = None, graph_parents: Any = None, name: str | None = None,
    ) -> None:  # fmt: skip
        self.dtype = dtype
        self.reparameterization_type = reparameterization_type
        self.validate_args = validate_args
        self.allow_nan_stats = allow_nan_stats
        self.parameters = dict(parameters or {})
        self.name = name or type(self).__name__

    # -- shapes --------------------------------------------------------------------------------------------------
    def _like(self) -> Tensor:
        """A tensor with the shape of the batch and of one event."""
        raise self._unknown("batch_shape")

    _event_rank = 0

    @property
    def batch_shape(self) -> TensorShape:
        """The static shape of the batch."""
        dims = self._like().dims
        return TensorShape(dims if dims is None else dims[: len(dims) - self._event_rank])

    @property
    def event_shape(self) -> TensorShape:
        """The static shape of one sample of one of the variables."""
        dims = self._like().dims
        return TensorShape(() if not self._event_rank else None if dims is None else dims[-self._event_rank :])

    def batch_shape_tensor(self, name: str = "batch_shape_tensor") -> Tensor:
        sizes = shape(self._like())
        return sizes[: -self._event_rank] if self._event_rank else sizes

    def event_shape_tensor(self, name: str = "event_shape_tensor") -> Tensor:
        sizes = shape(self._like())
        return sizes[-self._event_rank :] if self._event_rank else sizes[:0]

    # -- questions -----------------------------------------------------------------------------------------------
    def _unknown(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no {what}")

    def _answer(self, what: str, *values: Any) -> Tensor:
        """What the subclass's `_what` says; NotImplementedError when it does not know."""
        answer: Callable | None = getattr(self, f"_{what}", None)
        if answer is None:
            raise self._unknown(what)
        return answer(*values)

    def _ask(self, what: str, *values: Any, name: str) -> Tensor:
        with name_scope(self.name), name_scope(name, None, [*values]):
            return self._answer(what, *values)

    def _value(self, value: Any) -> Tensor:
        return convert_to_tensor(value, self.dtype, name="value")

    def sample(self, sample_shape: Any = (), seed: int | None = None, name: str = "sample") -> Tensor:
        """Samples [sample_shape..., batch..., event...].

        Gradient: parameters, where reparameterization_type is FULLY_REPARAMETERIZED.
        """
        with name_scope(self.name), name_scope(name):
            wanted = reshape(convert_to_tensor(sample_shape, int32, name="sample_shape"), [-1])
            return self._answer("sample", concat([wanted, shape(self._like())], 0), seed)

    def log_prob(self, value: Any, name: str = "log_prob") -> Tensor:
        """The logarithm of the density, or of the probability, at a value that broadcasts with the batch."""
        return self._ask("log_prob", self._value(value), name=name)

    def prob(self, value: Any, name: str = "prob") -> Tensor:
        """The density, or the probability, at a value."""
        return self._ask("prob", self._value(value), name=name)

    def _prob(self, value: Tensor) -> Tensor:
        return exp(self._answer("log_prob", value))

    def cdf(self, value: Any, name: str = "cdf") -> Tensor:
        """The probability of at most this value."""
        return self._ask("cdf", self._value(value), name=name)

    def log_cdf(self, value: Any, name: str = "log_cdf") -> Tensor:
        """The logarithm of cdf."""
        return self._ask("log_cdf", self._value(value), name=name)

    def _log_cdf(self, value: Tensor) -> Tensor:
        return log(self._answer("cdf", value))

    def survival_function(self, value: Any, name: str = "survival_function") -> Tensor:
        """1 - cdf."""
        return self._ask("survival_function", self._value(value), name=name)

    def _survival_function(self, value: Tensor) -> Tensor:
        return 1.0 - self._answer("cdf", value)

    def log_survival_function(self, value: Any, name: str = "log_survival_function") -> Tensor:
        """log(1 - cdf)."""
        return self._ask("log_survival_function", self._value(value), name=name)

    def _log_survival_function(self, value: Tensor) -> Tensor:
        return log(self._answer("survival_function", value))

    def entropy(self, name: str = "entropy") -> Tensor:
        """The expected value of -log_prob."""
        return self._ask("entropy", name=name)

    def mean(self, name: str = "mean") -> Tensor:
        return self._ask("mean", name=name)

    def mode(self, name: str = "mode") -> Tensor:
        """The most likely value."""
        return self._ask("mode", name=name)

    def variance(self, name: str = "variance") -> Tensor:
        return self._ask("variance", name=name)

    def stddev(self, name: str = "stddev") -> Tensor:
        return self._ask("stddev", name=name)

    def _stddev(self) -> Tensor:
        return sqrt(self._answer("variance"))

    def covariance(self, name: str = "covariance") -> Tensor:
        """Between the elements of one event: [batch..., event, event]."""
        return self._ask("covariance", name=name)

    def quantile(self, value: Any, name: str = "quantile") -> Tensor:
        """The inverse of cdf."""
        return self._ask("quantile", self._value(value), name=name)

    def is_scalar_event(self, name: str = "is_scalar_event") -> Tensor:
        """Whether a sample is a single number."""
        return convert_to_tensor(self._event_rank == 0)

    def is_scalar_batch(self, name: str = "is_scalar_batch") -> Tensor:
        """Whether it is one random variable rather than a batch."""
        return equal(rank(self._like()), self._event_rank)

    def copy(self, **override_parameters_kwargs: Any) -> Distribution:
        """Another distribution of this class, with some parameters replaced."""
        return type(self)(**{**self.parameters, **override_parameters_kwargs})

    def __repr__(self) -> str:
        return (f"<tf.distributions.{type(self).__name__} {self.name!r} batch_shape={self.batch_shape} "
                f"event_shape={self.event_shape} dtype={self.dtype.name}>")  # fmt: skip


def parameter(value: Any, name: str, dtype: DType | None = None, positive: bool = False) -> Tensor:
    """A parameter as a tensor; checked when run to be above 0, if asked for.   Raises: ValueError without one."""
    if value is None:
        raise GraphError(f"{name} must be given")
    t = convert_to_tensor(value, dtype, name=name)
    if not positive:
        return t
    with control_dependencies([assert_positive(t)]):
        return identity(t, name=name)


def together(*parameters: Tensor) -> Tensor:
    """Zeros of the shape that parameters broadcast to."""
    total = zeros_like(parameters[0])
    for t in parameters[1:]:
        total = total + zeros_like(t)
    return total


def logits_and_probs(logits: Any, probs: Any, several: bool) -> tuple[Tensor, Tensor]:
    """Both from one of them; `several` classes lie in the last axis.   Raises: ValueError for none or both."""
    if (logits is None) == (probs is None):
        raise GraphError("give either logits or probs")
    if logits is not None:
        given = convert_to_tensor(logits, name="logits")
        return given, softmax(given) if several else sigmoid(given)
    likely = convert_to_tensor(probs, name="probs")
    return (log(likely) if several else log(likely) - log1p(-likely)), likely
