"""`tf.contrib.losses`: tf.losses in the older order of arguments, predictions before labels.

Weights may have fewer axes than the losses: the first ones, so that [batch] weighs whole examples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import losses
from graphflow.contrib.framework.arguments import add_arg_scope
from graphflow.default import name_scope
from graphflow.dtypes import float32
from graphflow.losses import get_losses, get_regularization_losses, get_total_loss
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.shape_ops import expand_dims
from graphflow.shape import merge

__all__ = [
    "absolute_difference", "add_loss", "compute_weighted_loss", "cosine_distance", "get_losses",
    "get_regularization_losses", "get_total_loss", "hinge_loss", "log_loss", "mean_pairwise_squared_error",
    "mean_squared_error", "sigmoid_cross_entropy", "softmax_cross_entropy", "sparse_softmax_cross_entropy",
]  # fmt: skip


add_loss = add_arg_scope(losses.add_loss)


def compute_weighted_loss(losses: Any, weights: Any = 1.0, scope: str | None = None) -> Tensor:
    """As tf.losses.compute_weighted_loss, with weights of fewer axes than the losses."""
    return _weighted(_of_losses, None, losses, weights, 0, scope=scope)


def _of_losses(labels: Any, values: Any, weights: Any, scope: str | None) -> Tensor:
    return losses.compute_weighted_loss(values, weights, scope)


def _weighted(
    loss: Callable[..., Tensor], labels: Any, predictions: Any, weights: Any, axes: int, **rest: Any
) -> Tensor:
    """The loss, with axes of size 1 added to weights that have some, but fewer than the losses.

    axes   by how much the rank of the losses is below that of predictions
    """
    predictions = convert_to_tensor(predictions, name="predictions")
    weights = convert_to_tensor(weights, name="weights")
    if predictions.dims is not None and weights.dims:
        for _ in range(len(predictions.dims) - axes - len(weights.dims)):
            weights = expand_dims(weights, -1)
    return loss(labels, predictions, weights=weights, **rest)


def absolute_difference(predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None) -> Tensor:
    """As tf.losses.absolute_difference."""
    return _weighted(losses.absolute_difference, labels, predictions, weights, 0, scope=scope)


def mean_squared_error(predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None) -> Tensor:
    """As tf.losses.mean_squared_error."""
    return _weighted(losses.mean_squared_error, labels, predictions, weights, 0, scope=scope)


def mean_pairwise_squared_error(
    predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None
) -> Tensor:
    """As tf.losses.mean_pairwise_squared_error."""
    return losses.mean_pairwise_squared_error(labels, predictions, weights, scope)


def log_loss(
    predictions: Any, labels: Any = None, weights: Any = 1.0, epsilon: float = 1e-7, scope: str | None = None
) -> Tensor:
    """As tf.losses.log_loss."""
    return _weighted(losses.log_loss, labels, predictions, weights, 0, epsilon=epsilon, scope=scope)


def hinge_loss(logits: Any, labels: Any = None, scope: str | None = None) -> Tensor:
    """The hinge loss of each element, for labels 0 and 1: neither reduced nor collected."""
    with name_scope(scope, "hinge_loss", [logits, labels]):
        logits = convert_to_tensor(logits, name="logits")
        labels = cast(labels, float32)
        merge(logits.dims, labels.dims)
        return losses.hinge_of(labels, logits)


def cosine_distance(
    predictions: Any, labels: Any = None, axis: int | None = None, weights: Any = 1.0, scope: str | None = None,
    dim: int | None = None,
) -> Tensor:  # fmt: skip
    """As tf.losses.cosine_distance."""
    return _weighted(losses.cosine_distance, labels, predictions, weights, 0, axis=axis, dim=dim, scope=scope)


def sigmoid_cross_entropy(
    logits: Any, multi_class_labels: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None
) -> Tensor:
    """As tf.losses.sigmoid_cross_entropy."""
    return _weighted(losses.sigmoid_cross_entropy, multi_class_labels, logits, weights, 0,
                     label_smoothing=label_smoothing, scope=scope)  # fmt: skip


def softmax_cross_entropy(
    logits: Any, onehot_labels: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None
) -> Tensor:
    """As tf.losses.softmax_cross_entropy."""
    return _weighted(losses.softmax_cross_entropy, onehot_labels, logits, weights, 1,
                     label_smoothing=label_smoothing, scope=scope)  # fmt: skip


def sparse_softmax_cross_entropy(logits: Any, labels: Any, weights: Any = 1.0, scope: str | None = None) -> Tensor:
    """As tf.losses.sparse_softmax_cross_entropy."""
    return _weighted(losses.sparse_softmax_cross_entropy, labels, logits, weights, 1, scope=scope)
