"""Metrics that are means: of values, of hits, of errors."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import float32
from graphflow.errors import ShapeError
from graphflow.metrics.stream import Metric, aligned, collected, counter, read
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum, squared_difference, subtract
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.compare import equal, less
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.math import abs, sqrt
from graphflow.ops.no_nan import div_no_nan
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import size
from graphflow.ops.state import assign_add
from graphflow.ops.weights import weights_for, weights_of_rank, without_extra_axis
from graphflow.shape import known
from graphflow.variable_scope import variable_scope
from graphflow.variables import Variable


def _ratio(total: Variable, count: Variable, more: Tensor, elements: Tensor, *collections: Any) -> Metric:
    """total / count, and the same after `more` and `elements` are added to them; 0 while count is 0."""
    value = div_no_nan(read(total), maximum(read(count), 0), name="value")
    total_now, count_now = assign_add(total, more), assign_add(count, elements)
    return collected(value, div_no_nan(total_now, maximum(count_now, 0), name="update_op"), *collections)


def mean(
    values: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
    name: str | None = None,
) -> Metric:  # fmt: skip
    """(value, update_op): the weighted mean of all elements of all batches; update_op adds a batch.

    The counters are local variables: local_variables_initializer sets them to zero.
    weights   a scalar, or of the values' rank with sizes equal to theirs or 1 (one axis more or less is brought to it)
    Dtype:    float32.   Raises: ValueError, or InvalidArgumentError when run, for weights that do not fit.
    """
    with variable_scope(name, "mean", [values, weights]):
        values = cast(values, float32)
        total, count = counter("total"), counter("count")
        if weights is None:
            return _ratio(total, count, reduce_sum(values), cast(size(values), float32), metrics_collections,
                          updates_collections)  # fmt: skip
        weights = weights_for(values, weights_of_rank(values, weights), float32)
        return _ratio(total, count, reduce_sum(values * weights), reduce_sum(weights * ones_like(values)),
                      metrics_collections, updates_collections)  # fmt: skip


def mean_tensor(
    values: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
    name: str | None = None,
) -> Metric:  # fmt: skip
    """As `mean`, element by element: batches have one shape, which is known, and the mean has it too."""
    with variable_scope(name, "mean", [values, weights]):
        values = cast(values, float32)
        if not known(values.dims):
            raise ShapeError(f"mean_tensor needs values of known shape, and they have {values.shape}")
        total, count = counter("total_tensor", values.dims), counter("count_tensor", values.dims)
        elements = ones_like(values)
        if weights is not None:
            weights = weights_for(values, weights_of_rank(values, weights), float32)
            values, elements = values * weights, elements * weights
        return _ratio(total, count, values, elements, metrics_collections, updates_collections)


def accuracy(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How often predictions equal labels.   weights, Dtype, Raises: as in `mean`."""
    labels, predictions, weights = aligned(labels, predictions, weights)
    hits = cast(equal(cast(predictions, labels.dtype), labels), float32)
    return mean(hits, weights, metrics_collections, updates_collections, name or "accuracy")


def mean_absolute_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of |predictions - labels|.   weights, Dtype, Raises: as in `mean`."""
    labels, predictions, weights = aligned(labels, predictions, weights)
    errors = abs(predictions - labels)
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_absolute_error")


def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of (labels - predictions) ** 2.   weights, Dtype, Raises: as in `mean`."""
    labels, predictions, weights = aligned(labels, predictions, weights)
    errors = squared_difference(labels, predictions)
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_squared_error")


def root_mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The square root of mean_squared_error."""
    value, update = mean_squared_error(labels, predictions, weights, name=name or "root_mean_squared_error")
    return collected(sqrt(value), sqrt(update), metrics_collections, updates_collections)


def mean_relative_error(
    labels: Any, predictions: Any, normalizer: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of |labels - predictions| / normalizer, 0 where the normalizer is.   Otherwise as mean_squared_error."""
    labels, predictions, weights = aligned(labels, predictions, weights)
    predictions, normalizer = without_extra_axis(predictions, normalizer)
    errors = abs(labels - predictions) / normalizer
    errors = where_v2(equal(normalizer, 0.0), zeros_like(labels), errors)
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_relative_error")


def mean_cosine_distance(
    labels: Any, predictions: Any, dim: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """1 - the mean of sum(predictions * labels) along axis `dim`, for unit vectors.   Otherwise as `mean`."""
    labels, predictions, weights = aligned(labels, predictions, weights)
    products = reduce_sum(predictions * labels, [dim], keepdims=True)
    value, update = mean(products, weights, name=name or "mean_cosine_distance")
    return collected(subtract(1.0, value), subtract(1.0, update), metrics_collections, updates_collections)


def percentage_below(
    values: Any, threshold: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How often values are less than the threshold, from 0 to 1.   weights, Raises: as in `mean`."""
    below = cast(less(convert_to_tensor(values, name="values"), threshold), float32)
    return mean(below, weights, metrics_collections, updates_collections, name or "percentage_below_threshold")
