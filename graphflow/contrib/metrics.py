"""`tf.contrib.metrics`: tf.metrics under older names, predictions before labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow import metrics
from graphflow.default import name_scope
from graphflow.dtypes import float32
from graphflow.errors import GraphError
from graphflow.metrics import mean as streaming_mean
from graphflow.metrics import percentage_below as streaming_percentage_less
from graphflow.metrics.stream import Metric
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, ones_like
from graphflow.ops.compare import equal
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.division import divide
from graphflow.ops.histogram import confusion_matrix
from graphflow.ops.reduce import reduce_mean, reduce_sum
from graphflow.shape import merge

__all__ = [
    "accuracy", "aggregate_metric_map", "aggregate_metrics", "confusion_matrix", "streaming_accuracy",
    "streaming_auc", "streaming_false_negatives", "streaming_false_positives", "streaming_mean",
    "streaming_mean_absolute_error", "streaming_mean_iou", "streaming_mean_squared_error",
    "streaming_percentage_less", "streaming_precision", "streaming_recall", "streaming_root_mean_squared_error",
    "streaming_true_negatives", "streaming_true_positives",
]  # fmt: skip


def accuracy(predictions: Any, labels: Any, weights: Any = None, name: str | None = None) -> Tensor:
    """How often predictions equal labels in this batch, a float32 scalar.

    Raises: ValueError for different shapes or dtypes.
    """
    with name_scope(name, "accuracy"):
        predictions, labels = convert_to_tensor(predictions), convert_to_tensor(labels)
        if predictions.dtype is not labels.dtype:
            raise GraphError(f"predictions are {predictions.dtype.name} and labels {labels.dtype.name}")
        merge(predictions.dims, labels.dims)
        hits = cast(equal(predictions, labels), float32)
        if weights is None:
            return reduce_mean(hits)
        weights = cast(weights, float32)
        return divide(reduce_sum(hits * weights), reduce_sum(weights * ones_like(hits)))


def streaming_accuracy(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.accuracy."""
    return metrics.accuracy(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_precision(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.precision."""
    return metrics.precision(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_recall(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.recall."""
    return metrics.recall(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_auc(
    predictions: Any, labels: Any, weights: Any = None, num_thresholds: int = 200, metrics_collections: Any = None,
    updates_collections: Any = None, curve: str = "ROC", name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.auc."""
    return metrics.auc(labels, predictions, weights, num_thresholds, metrics_collections, updates_collections, curve,
                       name)  # fmt: skip


def streaming_mean_squared_error(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.mean_squared_error."""
    return metrics.mean_squared_error(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_root_mean_squared_error(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.root_mean_squared_error."""
    return metrics.root_mean_squared_error(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_mean_absolute_error(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.mean_absolute_error."""
    return metrics.mean_absolute_error(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_true_positives(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.true_positives."""
    return metrics.true_positives(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_true_negatives(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.true_negatives."""
    return metrics.true_negatives(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_false_positives(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.false_positives."""
    return metrics.false_positives(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_false_negatives(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.false_negatives."""
    return metrics.false_negatives(labels, predictions, weights, metrics_collections, updates_collections, name)


def streaming_mean_iou(
    predictions: Any, labels: Any, num_classes: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """As tf.metrics.mean_iou."""
    return metrics.mean_iou(labels, predictions, num_classes, weights, metrics_collections, updates_collections, name)


def aggregate_metrics(*value_update_tuples: Metric) -> tuple[list[Any], list[Any]]:
    """The values and the updates of several metrics, ValueError for none."""
    if not value_update_tuples:
        raise GraphError("aggregate_metrics needs at least one metric")
    return [value for value, _ in value_update_tuples], [update for _, update in value_update_tuples]


def aggregate_metric_map(names_to_tuples: Mapping[str, Metric]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values and the updates of several metrics, each by the metric's name."""
    values = {name: value for name, (value, _) in names_to_tuples.items()}
    return values, {name: update for name, (_, update) in names_to_tuples.items()}
