"""Weights of elements, for losses and metrics: which shapes they may have, and ranks brought into line.

Weights are a scalar, or have the rank of the values with each size equal to theirs or 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import DType
from graphflow.errors import InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.ops.compare import equal
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.shape_ops import expand_dims, rank, reshape, shape, squeeze
from graphflow.shape import Dims, show


def _fits(weights: Dims, values: Dims) -> bool | None:
    """Whether weights of this shape weigh such values; None when only a run can tell."""
    if weights == ():
        return True
    if weights is None or values is None:
        return None
    if len(weights) != len(values):
        return False
    pairs = [True if w == 1 else None if w is None or v is None else w == v
             for w, v in zip(weights, values, strict=True)]  # fmt: skip
    return False if False in pairs else None if None in pairs else True


def _infer(weights: Tensor, values: Tensor) -> tuple[Dims, DType]:
    if _fits(weights.dims, values.dims) is False:
        raise ShapeError(f"weights of shape {show(weights.dims)} do not go with values of shape {show(values.dims)}",
                         hint="a scalar, or the rank of the values with equal sizes or 1")  # fmt: skip
    return weights.dims, weights.dtype


def _checked(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    if not _fits(weights.shape, values.shape):
        raise InvalidArgumentError.because(
            f"weights of shape {weights.shape} do not go with values of shape {values.shape}"
        )
    return weights


CHECKED_WEIGHTS = define(
    "CheckedWeights", "weights values:V",
    infer=_infer,
    reference=_checked,
    vjp=(lambda op, dy: dy, None),
)  # fmt: skip


def weights_for(values: Tensor, weights: Any, dtype: DType) -> Tensor:
    """The weights as a tensor that broadcasts to the values.

    Raises: ValueError, or InvalidArgumentError when run, when they do not fit.
    """
    weights = cast(convert_to_tensor(weights, name="weights"), dtype)
    return weights if _fits(weights.dims, values.dims) else CHECKED_WEIGHTS(weights, values)


def _without_last(t: Tensor, drop: Tensor) -> Tensor:
    """t without its last axis where `drop` is true when run."""
    return reshape(t, shape(t)[: rank(t) - cast(drop, "int32")])


def _may_be_one(t: Tensor) -> bool:
    return t.dims is None or (len(t.dims) > 0 and t.dims[-1] in (None, 1))


def without_extra_axis(labels: Any, predictions: Any, expected: int = 0) -> tuple[Tensor, Tensor]:
    """(labels, predictions), one of them without its last axis of size 1 when it has a rank too many.

    expected   by how much the rank of predictions is to be above that of labels
    """
    labels, predictions = convert_to_tensor(labels, name="labels"), convert_to_tensor(predictions, name="predictions")
    if labels.dims is not None and predictions.dims is not None:
        extra = len(predictions.dims) - len(labels.dims) - expected
        if extra == 1 and _may_be_one(predictions):
            predictions = squeeze(predictions, [-1])
        elif extra == -1 and _may_be_one(labels):
            labels = squeeze(labels, [-1])
        return labels, predictions
    more = rank(predictions) - rank(labels) - expected
    if _may_be_one(predictions):
        predictions = _without_last(predictions, equal(more, 1))
    if _may_be_one(labels):
        labels = _without_last(labels, equal(more, -1))
    return labels, predictions


def weights_of_rank(values: Tensor, weights: Any, expand: bool = True) -> Tensor:
    """Weights that have one axis more than the values, or (`expand`) one less, brought to their rank."""
    weights = convert_to_tensor(weights, name="weights")
    if weights.dims == ():
        return weights
    if values.dims is None or weights.dims is None:
        return _without_last(weights, equal(rank(weights) - rank(values), 1)) if _may_be_one(weights) else weights
    extra = len(weights.dims) - len(values.dims)
    if extra == 1:
        return squeeze(weights, [-1])
    return expand_dims(weights, -1) if expand and extra == -1 else weights
