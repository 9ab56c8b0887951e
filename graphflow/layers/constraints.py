"""Constraints: functions that bring a weight back to where it may be, after each update."""

from __future__ import annotations

from typing import Any

from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.clip import clip_by_value
from graphflow.ops.math import sqrt, square
from graphflow.ops.reduce import reduce_sum

_TINY = 1e-7  # keeps a division by a norm of 0 finite


class Constraint:
    """A function of a weight that gives the nearest one allowed, or one near it."""

    def __call__(self, w: Any) -> Any:
        return w

    def get_config(self) -> dict[str, Any]:
        """The arguments that the class needs."""
        return dict(vars(self))


class NonNeg(Constraint):
    """No element below 0."""

    def __call__(self, w: Any) -> Tensor:
        return maximum(w, 0.0)


def _norm(w: Any, axis: Any) -> Any:
    return sqrt(reduce_sum(square(w), axis, keepdims=True))


class MaxNorm(Constraint):
    """The L2 norm along the axis is at most max_value."""

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Tensor:
        norm = _norm(w, self.axis)
        return w * (clip_by_value(norm, 0.0, float(self.max_value)) / (norm + _TINY))


class UnitNorm(Constraint):
    """The L2 norm along the axis is 1."""

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        return w / (_norm(w, self.axis) + _TINY)


class MinMaxNorm(Constraint):
    """The L2 norm along the axis moves towards [min_value, max_value], by the part `rate` of the way."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Tensor:
        norm = _norm(w, self.axis)
        wanted = self.rate * clip_by_value(norm, float(self.min_value), float(self.max_value)) + (1 - self.rate) * norm
        return w * (wanted / (norm + _TINY))


non_neg, max_norm, unit_norm, min_max_norm = NonNeg, MaxNorm, UnitNorm, MinMaxNorm
