"""Metrics over several classes: how well each of them is told from the others, on average."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import float32, float64, int64
from graphflow.metrics.stream import Metric, collected, counter, read
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.basic import cast, ones_like
from graphflow.ops.compare import equal, not_equal
from graphflow.ops.diagonal import diag_part
from graphflow.ops.division import divide
from graphflow.ops.indexing import scatter_nd
from graphflow.ops.join import stack
from graphflow.ops.no_nan import div_no_nan
from graphflow.ops.reduce import reduce_mean, reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import reshape
from graphflow.ops.state import assign_add, scatter_add
from graphflow.shape import merge
from graphflow.variable_scope import variable_scope


def _flat(t: Any) -> Tensor:
    return reshape(t, [-1])


def _mean_iou(matrix: Tensor) -> Tensor:
    """The mean over classes, of those that came up, of hits / (labels + predictions - hits)."""
    hits = cast(diag_part(matrix), float32)
    union = cast(reduce_sum(matrix, 0), float32) + cast(reduce_sum(matrix, 1), float32) - hits
    classes = reduce_sum(cast(not_equal(union, 0.0), float32))
    ratios = divide(hits, where_v2(union > 0.0, union, ones_like(union)))
    return div_no_nan(reduce_sum(ratios, name="mean_iou"), classes)


def mean_iou(
    labels: Any, predictions: Any, num_classes: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """(value, update_op): intersection over union of labels and predictions, averaged over classes.

    update_op adds a batch and gives the confusion matrix [num_classes, num_classes], float64; the value is float32.
    Shapes:  labels, predictions and weights (None: 1 each) of one shape.
    Raises:  InvalidArgumentError when run, for a class outside [0, num_classes).
    """
    with variable_scope(name, "mean_iou", [predictions, labels, weights]):
        labels, predictions = cast(labels, int64), cast(predictions, int64)
        merge(labels.dims, predictions.dims)
        total = counter("total_confusion_matrix", [num_classes, num_classes], float64)
        pairs = stack([_flat(labels), _flat(predictions)], axis=1)
        each = ones_like(pairs[:, 0], dtype=float64) if weights is None else _flat(cast(weights, float64))
        update = assign_add(total, scatter_nd(pairs, each, [num_classes, num_classes]))
        return collected(_mean_iou(read(total)), update, metrics_collections, updates_collections)


def mean_per_class_accuracy(
    labels: Any, predictions: Any, num_classes: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """(value, update_op): for each class the share of its labels that were predicted, averaged over classes.

    update_op adds a batch and gives the shares of all classes, [num_classes].   Dtype: float32.
    Shapes:  labels, predictions and weights (None: 1 each) of one shape.
    Raises:  InvalidArgumentError when run, for a label outside [0, num_classes).
    """
    with variable_scope(name, "mean_accuracy", [predictions, labels, weights]):
        labels, predictions = _flat(cast(labels, int64)), _flat(cast(predictions, int64))
        merge(labels.dims, predictions.dims)
        total, count = counter("total", [num_classes]), counter("count", [num_classes])
        each = ones_like(labels, dtype=float32) if weights is None else _flat(cast(weights, float32))
        hits = cast(equal(predictions, labels), float32) * each
        value = reduce_mean(div_no_nan(read(count), maximum(read(total), 0)), name="mean_accuracy")
        totals, counts = scatter_add(total, labels, each), scatter_add(count, labels, hits)
        update = div_no_nan(counts, maximum(totals, 0), name="update_op")
        return collected(value, update, metrics_collections, updates_collections)
