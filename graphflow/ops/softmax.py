"""Softmax and its logarithm."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING, DType
from graphflow.errors import InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import SUB, subtract
from graphflow.ops.basic import stop_gradient
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.division import REAL_DIV, realdiv
from graphflow.ops.infer import same_as_input
from graphflow.ops.math import EXP, LOG, exp, log
from graphflow.ops.reduce import MAX, SUM, reduce_max, reduce_sum
from graphflow.ops.shape_ops import either
from graphflow.shape import Dims, elements


def _at_least_a_vector(logits: Tensor) -> tuple[Dims, DType]:
    if logits.dims == ():
        raise ShapeError("logits must have at least one dimension, and are a scalar")
    return same_as_input(logits)


def _softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(log_softmax_of(x)) if x.size else x


def log_softmax_of(x: np.ndarray) -> np.ndarray:
    if not x.size:
        return x
    wide = x.astype(np.float64)
    shifted = wide - wide.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _softmax_vjp(op: Operation, dy: Tensor) -> Tensor:
    return (dy - reduce_sum(dy * op.output, -1, keepdims=True)) * op.output


def _log_softmax_vjp(op: Operation, dy: Tensor) -> Tensor:
    return dy - reduce_sum(dy, -1, keepdims=True) * exp(op.output)


def shifted_powers(op: Operation, make: Any) -> tuple[Tensor, Tensor, Tensor]:
    """(x - max, its exponentials, their sum) along the last axis of the first input, in simple operations."""
    x = op.inputs[0]
    axis = make.constant(np.array([-1], np.int32))
    shifted = make(SUB, x, make(MAX, x, axis, keep_dims=True))
    powers = make(EXP, shifted)
    return shifted, powers, make(SUM, powers, axis, keep_dims=True)


def _expand(op: Operation, make: Any) -> list[Tensor] | None:
    if op.output.dtype.name == "float16":
        return None
    _, powers, total = shifted_powers(op, make)
    return [make(REAL_DIV, powers, total)]


def _expand_log(op: Operation, make: Any) -> list[Tensor] | None:
    if op.output.dtype.name == "float16":
        return None
    shifted, _, total = shifted_powers(op, make)
    return [make(SUB, shifted, make(LOG, total))]


SOFTMAX = define(
    "Softmax", "logits",
    infer=_at_least_a_vector,
    reference=_softmax,
    vjp=(_softmax_vjp,),
    types=FLOATING,
    expand=_expand,
    flops=lambda op: 5 * elements(op.output.dims),  # find the largest, subtract it, exp, sum, divide
)  # fmt: skip

LOG_SOFTMAX = define(
    "LogSoftmax", "logits",
    infer=_at_least_a_vector,
    reference=log_softmax_of,
    vjp=(_log_softmax_vjp,),
    types=FLOATING,
    expand=_expand_log,
    flops=lambda op: 5 * elements(op.output.dims),  # find the largest, subtract it, exp, sum, subtract the log
)  # fmt: skip


def last_axis(t: Tensor, axis: int) -> bool:
    """Whether `axis` is the last one, as far as the shape is known; InvalidArgumentError when it is out of range."""
    if axis == -1 or t.dims is None:
        return axis == -1
    rank = len(t.dims)
    if not -rank <= axis < rank:
        raise InvalidArgumentError.because(f"axis {axis} is out of range for rank {rank}")
    return axis % rank == rank - 1


def softmax(logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis, the last one by default (`dim` is its older name).

    Shapes: [..., classes] -> the same.   Dtype: floating, kept.   Gradient: logits.
    """
    axis, x = either(axis, dim, "axis", "dim"), convert_to_tensor(logits, name="logits")
    if axis is None or last_axis(x, axis):
        return SOFTMAX(x, name=name)
    with name_scope(name, "Softmax", [x]) as scope:
        powers = exp(_below_zero(x, axis))
        return realdiv(powers, reduce_sum(powers, axis, keepdims=True), name=scope)


def log_softmax(logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None) -> Tensor:
    """log(softmax(x)), finite for every finite x; otherwise as softmax."""
    axis, x = either(axis, dim, "axis", "dim"), convert_to_tensor(logits, name="logits")
    if axis is None or last_axis(x, axis):
        return LOG_SOFTMAX(x, name=name)
    with name_scope(name, "LogSoftmax", [x]) as scope:
        shifted = _below_zero(x, axis)
        return subtract(shifted, log(reduce_sum(exp(shifted), axis, keepdims=True)), name=scope)


def _below_zero(x: Tensor, axis: int) -> Tensor:
    """x less its largest element along the axis, so that exp cannot overflow."""
    return x - stop_gradient(reduce_max(x, axis, keepdims=True))
