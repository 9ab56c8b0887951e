"""Metrics that count right and wrong answers to yes-or-no questions, and precision and recall made of them."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import float32
from graphflow.metrics.stream import Metric, as_bools, collected, counter, read, weighted_sum
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.ops.compare import logical_and, logical_not
from graphflow.ops.no_nan import div_no_nan
from graphflow.ops.state import assign_add
from graphflow.variable_scope import variable_scope

# what the label is and what the prediction is
KINDS = {
    "true_positives": (True, True),
    "false_positives": (False, True),
    "true_negatives": (False, False),
    "false_negatives": (True, False),
}


def of_kind(kind: str, labels: Tensor, predictions: Tensor) -> Tensor:
    """Where labels and predictions (bool) are of this kind, as float32."""
    label, prediction = KINDS[kind]
    return cast(logical_and(labels if label else logical_not(labels),
                            predictions if prediction else logical_not(predictions)), float32)  # fmt: skip


def _counted(
    kind: str, labels: Any, predictions: Any, weights: Any, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    with variable_scope(name, kind, [predictions, labels, weights]):
        labels, predictions, weights = as_bools(labels, predictions, weights)
        count = counter("count")
        update = assign_add(count, weighted_sum(of_kind(kind, labels, predictions), weights))
        return collected(read(count), update, metrics_collections, updates_collections)


def true_positives(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """(value, update_op): how many labels and predictions are both true (not 0); update_op adds a batch.

    weights   a scalar, or of the predictions' rank with sizes equal to theirs or 1
    Dtype:    float32.   Raises: ValueError for shapes that do not fit.
    """
    return _counted("true_positives", labels, predictions, weights, metrics_collections, updates_collections, name)


def false_positives(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How many predictions are true where labels are not.   Otherwise as true_positives."""
    return _counted("false_positives", labels, predictions, weights, metrics_collections, updates_collections, name)


def true_negatives(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How many labels and predictions are both false.   Otherwise as true_positives."""
    return _counted("true_negatives", labels, predictions, weights, metrics_collections, updates_collections, name)


def false_negatives(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How many predictions are false where labels are not.   Otherwise as true_positives."""
    return _counted("false_negatives", labels, predictions, weights, metrics_collections, updates_collections, name)


def _share_of_hits(
    default: str, misses: str, labels: Any, predictions: Any, weights: Any, metrics_collections: Any,
    updates_collections: Any, name: str | None,
) -> Metric:  # fmt: skip
    """true positives / (true positives + misses), 0 while there are neither."""
    with variable_scope(name, default, [predictions, labels, weights]):
        labels, predictions, weights = as_bools(labels, predictions, weights)
        hits, more_hits = _counted("true_positives", labels, predictions, weights)
        missed, more_missed = _counted(misses, labels, predictions, weights)
        value = div_no_nan(hits, hits + missed, name="value")
        update = div_no_nan(more_hits, more_hits + more_missed, name="update_op")
        return collected(value, update, metrics_collections, updates_collections)


def precision(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of true labels among what was predicted to be true.   Otherwise as true_positives."""
    return _share_of_hits("precision", "false_positives", labels, predictions, weights, metrics_collections,
                          updates_collections, name)  # fmt: skip


def recall(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of what was predicted to be true among the true labels.   Otherwise as true_positives."""
    return _share_of_hits("recall", "false_negatives", labels, predictions, weights, metrics_collections,
                          updates_collections, name)  # fmt: skip
