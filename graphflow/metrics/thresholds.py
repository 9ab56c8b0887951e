"""Counts of right and wrong answers at many thresholds at once, and the area under the curve that they draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.dtypes import bool_, float32
from graphflow.errors import GraphError, InvalidArgumentError
from graphflow.metrics.counts import of_kind
from graphflow.metrics.stream import Metric, aligned, collected, counter, read
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum, minimum, multiply
from graphflow.ops.basic import cast, ones_like
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.division import divide
from graphflow.ops.infer import same_as_input
from graphflow.ops.math import log
from graphflow.ops.no_nan import div_no_nan
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import reshape
from graphflow.ops.state import assign_add
from graphflow.ops.weights import weights_for
from graphflow.variable_scope import variable_scope

_BEYOND = 1e-7  # the outermost thresholds lie this far outside [0, 1], and it keeps divisors from being 0
_SMOOTH = 1e-6

Counts = dict[str, Tensor]  # of each kind, at each threshold


def _in_range(x: np.ndarray, low: float, high: float) -> np.ndarray:
    if not ((x >= low) & (x <= high)).all():
        raise InvalidArgumentError.because(f"predictions must be in [{low}, {high}]")
    return x


IN_RANGE = define("CheckedRange", "x", infer=same_as_input, reference=_in_range)


def _counted(
    labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any, kinds: Sequence[str]
) -> tuple[Counts, Counts]:
    """(counts so far, counts with this batch) of answers "prediction > threshold", vectors over the thresholds."""
    predictions = IN_RANGE(cast(predictions, float32), low=0, high=1)
    labels, predictions, weights = aligned(cast(labels, bool_), predictions, weights)
    limits = convert_to_tensor(np.asarray(thresholds, np.float32)[:, None], name="thresholds")
    answers, truth = reshape(predictions, [1, -1]) > limits, reshape(labels, [1, -1])
    if weights is not None:
        weights = weights_for(predictions, weights, float32) * ones_like(predictions)
        weights = reshape(weights, [1, -1])
    before, after = {}, {}
    for kind in kinds:
        count = counter(kind, [len(thresholds)])
        found = of_kind(kind, truth, answers)
        before[kind] = read(count)
        after[kind] = assign_add(count, reduce_sum(found if weights is None else found * weights, 1))
    return before, after


def _at_thresholds(
    default: str, kinds: Sequence[str], combine: Callable[[Counts, str], Tensor], labels: Any, predictions: Any,
    thresholds: Sequence[float], weights: Any, metrics_collections: Any, updates_collections: Any, name: str | None,
) -> Metric:  # fmt: skip
    with variable_scope(name, default, [predictions, labels, weights]):
        before, after = _counted(labels, predictions, thresholds, weights, kinds)
        return collected(combine(before, "value"), combine(after, "update_op"), metrics_collections,
                         updates_collections)  # fmt: skip


def _kind_at_thresholds(kind: str, text: str) -> Callable[..., Metric]:
    def metric(
        labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any = None,
        metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
    ) -> Metric:  # fmt: skip
        return _at_thresholds(kind, [kind], lambda counts, _: counts[kind], labels, predictions, thresholds, weights,
                              metrics_collections, updates_collections, name)  # fmt: skip

    metric.__name__ = metric.__qualname__ = f"{kind}_at_thresholds"
    metric.__doc__ = f"""{text}, where a prediction is true when it is above the threshold: for each of the thresholds.

    Shapes: labels (not 0: true) and predictions, in [0, 1], of one shape -> [thresholds].   Otherwise as {kind}.
    Raises: InvalidArgumentError when run, for predictions outside [0, 1].
    """
    return metric


true_positives_at_thresholds = _kind_at_thresholds("true_positives", "How many labels and predictions are both true")
false_positives_at_thresholds = _kind_at_thresholds("false_positives", "How many predictions only are true")
true_negatives_at_thresholds = _kind_at_thresholds("true_negatives", "How many labels and predictions are both false")
false_negatives_at_thresholds = _kind_at_thresholds("false_negatives", "How many labels only are true")


def _share_of_hits(what: str, misses: str) -> Callable[[Counts, str], Tensor]:
    def combine(counts: Counts, name: str) -> Tensor:
        hits = counts["true_positives"]
        return divide(hits, _BEYOND + hits + counts[misses], name=f"{what}_{name}")

    return combine


def precision_at_thresholds(
    labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`precision` where a prediction is true when it is above the threshold: for each of the thresholds.

    Shapes: labels (not 0: true) and predictions, in [0, 1], of one shape -> [thresholds].   Dtype: float32.
    Raises: InvalidArgumentError when run, for predictions outside [0, 1].
    """
    return _at_thresholds(
        "precision_at_thresholds", ("true_positives", "false_positives"),
        _share_of_hits("precision", "false_positives"), labels, predictions, thresholds, weights, metrics_collections,
        updates_collections, name,
    )  # fmt: skip


def recall_at_thresholds(
    labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`recall` at each of the thresholds; otherwise as precision_at_thresholds."""
    return _at_thresholds(
        "recall_at_thresholds", ("true_positives", "false_negatives"),
        _share_of_hits("recall", "false_negatives"), labels, predictions, thresholds, weights, metrics_collections,
        updates_collections, name,
    )  # fmt: skip


# -- the area under a curve ----------------------------------------------------------------------------------------
# the height of the curve between two thresholds, from its heights at both
_HEIGHTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "trapezoidal": lambda a, b: (a + b) / 2.0,
    "careful_interpolation": lambda a, b: (a + b) / 2.0,
    "minoring": minimum,
    "majoring": maximum,
}


def _area(counts: Counts, curve: str, summation_method: str, name: str) -> Tensor:
    tp, fp, tn, fn = (counts[k] for k in ("true_positives", "false_positives", "true_negatives", "false_negatives"))
    if curve == "PR" and summation_method == "careful_interpolation":
        return _interpolated_area(tp, fp, fn)
    recall = divide(tp + _SMOOTH, tp + fn + _SMOOTH)
    if curve == "ROC":
        x, y = divide(fp, fp + tn + _SMOOTH), recall
    else:
        x, y = recall, divide(tp + _SMOOTH, tp + fp + _SMOOTH)
    return reduce_sum(multiply(x[:-1] - x[1:], _HEIGHTS[summation_method](y[:-1], y[1:])), name=name)


def _interpolated_area(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """The area under precision over recall when true positives grow linearly with all positives between thresholds.

    Source: Davis and Goadrich, "The relationship between precision-recall and ROC curves" (2006).
    """
    positives = tp + fp
    hits, several = tp[:-1] - tp[1:], positives[:-1] - positives[1:]
    slope = div_no_nan(hits, maximum(several, 0))
    start = tp[1:] - slope * positives[1:]
    both = (positives[:-1] > 0.0) & (positives[1:] > 0.0)
    ratio = where_v2(both, div_no_nan(positives[:-1], maximum(positives[1:], 0)), ones_like(positives[1:]))
    pieces = div_no_nan(slope * (hits + start * log(ratio)), maximum(tp[1:] + fn[1:], 0))
    return reduce_sum(pieces, name="interpolate_pr_auc")


def auc(
    labels: Any, predictions: Any, weights: Any = None, num_thresholds: int = 200, metrics_collections: Any = None,
    updates_collections: Any = None, curve: str = "ROC", name: str | None = None,
    summation_method: str = "trapezoidal", thresholds: Sequence[float] | None = None,
) -> Metric:  # fmt: skip
    """The area under the curve of true over false positives ("ROC"), or of precision over recall ("PR").

    The curve is known at num_thresholds points, evenly spaced in [0, 1], or at the `thresholds` given and at the ends.
    summation_method   "trapezoidal", "minoring", "majoring", or "careful_interpolation" (for PR)
    Shapes:  labels (not 0: true) and predictions, in [0, 1], of one shape -> [].   Dtype: float32.
    Raises:  ValueError for another curve or method; InvalidArgumentError when run, for predictions outside [0, 1].
    """
    if curve not in ("ROC", "PR"):
        raise GraphError(f"curve must be 'ROC' or 'PR', not {curve!r}")
    if summation_method not in _HEIGHTS:
        raise GraphError(f"summation_method must be one of {', '.join(_HEIGHTS)}, not {summation_method!r}")
    if thresholds is None:
        inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
    else:
        inner = sorted(thresholds)
    return _at_thresholds(
        "auc", ("true_positives", "false_negatives", "true_negatives", "false_positives"),
        lambda counts, part: _area(counts, curve, summation_method, part),
        labels, predictions, [-_BEYOND, *inner, 1 + _BEYOND], weights, metrics_collections, updates_collections, name,
    )  # fmt: skip
