"""Penalties on weights, and their sum over a list of weights."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.default import add_to_collection, get_collection, name_scope
from graphflow.errors import GraphError, ShapeError
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import add_n, multiply
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.math import abs
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.statistics import l2_loss

Regularizer = Callable[[Any], Any]


def _nothing(weights: Any) -> None:
    return None


def _scaled(scale: Any, scope: str | None, default: str, penalty: Callable[[Any], Tensor]) -> Regularizer:
    if isinstance(scale, numbers.Integral):
        raise GraphError(f"the scale of a regularizer is a float, not the integer {scale}")
    if isinstance(scale, numbers.Real):
        if scale < 0:
            raise GraphError(f"the scale of a regularizer is at least 0, not {scale}")
        if scale == 0:
            return _nothing

    def regularizer(weights: Any) -> Tensor:
        with name_scope(scope, default, [weights]) as name:
            factor = convert_to_tensor(scale, weights.dtype, name="scale")
            return multiply(factor, penalty(weights), name=name)

    return regularizer


def l1_regularizer(scale: Any, scope: str | None = None) -> Regularizer:
    """A function of weights: scale * sum(|w|); None for scale 0.

    Raises: ValueError for an int or a negative scale.
    """
    return _scaled(scale, scope, "l1_regularizer", lambda weights: reduce_sum(abs(weights)))


def l2_regularizer(scale: Any, scope: str | None = None) -> Regularizer:
    """A function of weights: scale * sum(w ** 2) / 2; None for scale 0.   Raises: as l1_regularizer."""
    return _scaled(scale, scope, "l2_regularizer", l2_loss)


def l1_l2_regularizer(scale_l1: Any = 1.0, scale_l2: Any = 1.0, scope: str | None = None) -> Regularizer:
    """A function of weights: the sum of both penalties.   Raises: as l1_regularizer."""
    for scale in (scale_l1, scale_l2):
        if isinstance(scale, numbers.Integral):
            raise GraphError(f"the scale of a regularizer is a float, not the integer {scale}")
    scope = scope or "l1_l2_regularizer"
    if isinstance(scale_l1, numbers.Real) and scale_l1 == 0:
        return l2_regularizer(scale_l2, scope)
    if isinstance(scale_l2, numbers.Real) and scale_l2 == 0:
        return l1_regularizer(scale_l1, scope)
    return sum_regularizer([l1_regularizer(scale_l1), l2_regularizer(scale_l2)], scope) or _nothing


def sum_regularizer(regularizer_list: Sequence[Regularizer | None], scope: str | None = None) -> Regularizer | None:
    """A function of weights: the sum of what these give; None when there are none."""
    regularizers = [r for r in regularizer_list if r is not None]
    if not regularizers:
        return None

    def regularizer(weights: Any) -> Any:
        with name_scope(scope, "sum_regularizer", [weights]) as name:
            penalties = [penalty for penalty in (r(weights) for r in regularizers) if penalty is not None]
            return add_n(penalties, name=name) if penalties else None

    return regularizer


def apply_regularization(regularizer: Regularizer, weights_list: Sequence[Any] | None = None) -> Tensor:
    """The sum of the penalties of these weights (by default those in WEIGHTS), also in REGULARIZATION_LOSSES.

    Raises: ValueError when there are no weights, or a penalty is not a scalar.
    """
    weights = list(weights_list or get_collection(GraphKeys.WEIGHTS))
    if not weights:
        raise GraphError("there are no weights to regularize")
    with name_scope("get_regularization_penalty", values=weights) as scope:
        given = [regularizer(w) for w in weights]
        penalties = [convert_to_tensor(0.0, w.dtype) if p is None else p for p, w in zip(given, weights, strict=True)]
        for penalty in penalties:
            if penalty.shape.ndims not in (None, 0):
                raise ShapeError(f"a regularizer gives a scalar, not {penalty!r}")
        total = add_n(penalties, name=scope)
    add_to_collection(GraphKeys.REGULARIZATION_LOSSES, total)
    return total
