"""Learning rates that change with the step of training: tensors to give to an optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import DType
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import add, minimum, multiply, pow
from graphflow.ops.basic import cast, ones_like
from graphflow.ops.compare import equal, less_equal
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.division import divide
from graphflow.ops.math import ceil, exp, floor, log
from graphflow.ops.select import where_v2
from graphflow.ops.trigonometry import cos


def _in(dtype: DType, value: Any) -> Tensor:
    return cast(convert_to_tensor(value), dtype)


def _rate_and_step(learning_rate: Any, global_step: Any) -> tuple[Tensor, Tensor]:
    """The rate as a tensor, and the step in its dtype."""
    if global_step is None:
        raise GraphError("the learning rate depends on global_step, which is None")
    rate = convert_to_tensor(learning_rate, name="learning_rate")
    return rate, _in(rate.dtype, global_step)


def _passed(step: Tensor, decay_steps: Any, staircase: bool) -> Tensor:
    """How many times decay_steps steps have passed, whole times only if staircase."""
    times = step / _in(step.dtype, decay_steps)
    return floor(times) if staircase else times


def exponential_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """learning_rate * decay_rate ^ (global_step / decay_steps); staircase rounds the exponent down."""
    with name_scope(name, "ExponentialDecay", [learning_rate, global_step, decay_steps, decay_rate]) as scope:
        rate, step = _rate_and_step(learning_rate, global_step)
        return multiply(rate, pow(_in(rate.dtype, decay_rate), _passed(step, decay_steps, staircase)), name=scope)


def natural_exp_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """learning_rate * exp(-decay_rate * global_step / decay_steps); staircase rounds the quotient down."""
    with name_scope(name, "ExponentialDecay", [learning_rate, global_step, decay_rate]) as scope:
        rate, step = _rate_and_step(learning_rate, global_step)
        times = _passed(step, decay_steps, staircase)
        return multiply(rate, exp(-_in(rate.dtype, decay_rate) * times), name=scope)


def inverse_time_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """learning_rate / (1 + decay_rate * global_step / decay_steps); staircase rounds the quotient down."""
    with name_scope(name, "InverseTimeDecay", [learning_rate, global_step, decay_rate]) as scope:
        rate, step = _rate_and_step(learning_rate, global_step)
        times = _passed(step, decay_steps, staircase)
        return divide(rate, 1 + _in(rate.dtype, decay_rate) * times, name=scope)


def polynomial_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, end_learning_rate: Any = 0.0001, power: Any = 1.0,
    cycle: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """(learning_rate - end) * (1 - global_step / decay_steps) ^ power + end, and end from then on.

    With cycle decay_steps becomes the next multiple of itself instead: the rate jumps up and falls again.
    """
    values = [learning_rate, global_step, decay_steps, end_learning_rate, power]
    with name_scope(name, "PolynomialDecay", values) as scope:
        rate, step = _rate_and_step(learning_rate, global_step)
        steps, end = _in(rate.dtype, decay_steps), _in(rate.dtype, end_learning_rate)
        if cycle:
            times = ceil(step / steps)
            steps = steps * where_v2(equal(step, 0), ones_like(times), times)
        else:
            step = minimum(step, steps)
        return add((rate - end) * pow(1 - step / steps, _in(rate.dtype, power)), end, name=scope)


def _boundary(value: Any, dtype: DType) -> Tensor:
    """A boundary in the dtype of x, which it must have; integers fit any of these."""
    boundary = convert_to_tensor(value)
    if boundary.dtype is not dtype and not (boundary.dtype.is_integer and dtype.is_integer):
        raise GraphError(f"the boundaries must have the dtype of x, {dtype.name}, not {boundary.dtype.name}")
    return cast(boundary, dtype)


def piecewise_constant(x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None) -> Tensor:
    """values[i] while x <= boundaries[i], the last value after the last boundary.

    Raises: ValueError unless there is one value more than boundaries, all values have one dtype, and the boundaries
            have that of x.
    """
    if len(boundaries) != len(values) - 1:
        raise GraphError(f"{len(boundaries)} boundaries need {len(boundaries) + 1} values, not {len(values)}")
    with name_scope(name, "PiecewiseConstant", [x, *boundaries, *values]):
        position = convert_to_tensor(x)
        tensors = [convert_to_tensor(v) for v in values]
        if any(t.dtype is not tensors[0].dtype for t in tensors):
            raise GraphError(f"the values must have one dtype, not {[t.dtype.name for t in tensors]}")
        result = tensors[-1]
        for boundary, value in reversed(list(zip(boundaries, tensors, strict=False))):
            result = where_v2(less_equal(position, _boundary(boundary, position.dtype)), value, result)
        return result


piecewise_constant_decay = piecewise_constant


def _half_wave(fraction: Tensor) -> Tensor:
    """From 1 at 0 to 0 at 1 as a cosine."""
    return 0.5 * (1 + cos(math.pi * fraction))


def cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, alpha: float = 0.0, name: str | None = None
) -> Tensor:
    """From learning_rate to alpha * learning_rate along half a cosine wave of decay_steps steps.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2016).
    """
    with name_scope(name, "CosineDecay", [learning_rate, global_step]) as scope:
        rate, step = _rate_and_step(learning_rate, global_step)
        steps = _in(rate.dtype, decay_steps)
        decayed = (1 - alpha) * _half_wave(minimum(step, steps) / steps) + alpha
        return multiply(rate, decayed, name=scope)


def cosine_decay_restarts(
    learning_rate: Any, global_step: Any, first_decay_steps: Any, t_mul: Any = 2.0, m_mul: Any = 1.0,
    alpha: float = 0.0, name: str | None = None,
) -> Tensor:  # fmt: skip
    """`cosine_decay` again and again: each time t_mul times as long, starting at m_mul times the rate.

    Source: Loshchilov and Hutter (2016).
    """
    with name_scope(name, "SGDRDecay", [learning_rate, global_step]) as scope:
        rate, step = _rate_and_step(learning_rate, global_step)
        longer, lower = _in(rate.dtype, t_mul), _in(rate.dtype, m_mul)
        times = step / _in(rate.dtype, first_decay_steps)
        equal_periods = equal(longer, 1)
        restarts = where_v2(equal_periods, floor(times), floor(log(1 - times * (1 - longer)) / log(longer)))
        scale = pow(longer, restarts)  # the length of the current period, in first periods
        start = where_v2(equal_periods, restarts, (1 - scale) / (1 - longer))
        decayed = (1 - alpha) * (pow(lower, restarts) * _half_wave((times - start) / scale)) + alpha
        return multiply(rate, decayed, name=scope)


def linear_cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, num_periods: float = 0.5, alpha: float = 0.0,
    beta: float = 0.001, name: str | None = None,
) -> Tensor:  # fmt: skip
    """learning_rate * ((alpha + falling line) * cosine wave of num_periods + beta).

    Source: Bello et al., "Neural optimizer search with reinforcement learning" (2017).
    """
    with name_scope(name, "LinearCosineDecay", [learning_rate, global_step]) as scope:
        rate, step = _rate_and_step(learning_rate, global_step)
        steps = _in(rate.dtype, decay_steps)
        done = minimum(step, steps) / steps
        return multiply(rate, (alpha + (1 - done)) * _half_wave(2 * num_periods * done) + beta, name=scope)
