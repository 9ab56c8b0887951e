"""`tf.losses`: losses of batches, weighted, reduced to a number, and collected in the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import float32
from graphflow.errors import GraphError, ShapeError
from graphflow.graph import get_default_graph
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops import cross_entropy
from graphflow.ops.activations import relu
from graphflow.ops.arithmetic import add_n, maximum, minimum, multiply, squared_difference
from graphflow.ops.basic import cast, ones_like, stop_gradient, zeros_like
from graphflow.ops.compare import not_equal
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import constant
from graphflow.ops.fill import range as range_
from graphflow.ops.math import abs, log, square
from graphflow.ops.no_nan import div_no_nan
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import either, rank, shape, size
from graphflow.ops.weights import weights_for, weights_of_rank, without_extra_axis
from graphflow.shape import merge


class Reduction:
    """How the weighted losses of the elements become one number."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        return cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def validate(cls, key: str) -> None:
        """ValueError for anything else."""
        if key not in cls.all():
            raise GraphError(f"a reduction is one of {cls.all()}, not {key!r}")


_BY_WEIGHTS = Reduction.SUM_BY_NONZERO_WEIGHTS


# -- the losses of a graph -----------------------------------------------------------------------------------------
def add_loss(loss: Tensor, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Add a loss to a collection, from which get_total_loss sums it; None adds it nowhere."""
    if loss_collection:
        get_default_graph().add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Tensor]:
    """The losses of the default graph; `scope` is a regular expression for the start of their names."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Tensor]:
    """What the regularizers of variables gave."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Tensor:
    """The sum of the regularization losses, 0 when there are none."""
    found = get_regularization_losses(scope)
    return add_n(found, name=name) if found else constant(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of the losses, and of the regularization losses.   Raises: ValueError when there are none at all."""
    return add_n(get_losses(scope) + (get_regularization_losses(scope) if add_regularization_losses else []), name=name)


# -- weights and reduction -----------------------------------------------------------------------------------------
def _number_present(losses: Tensor, weights: Tensor, axis: Any = None) -> Tensor:
    """How many elements have a weight other than 0: of all, or over axes, which are kept."""
    present = cast(not_equal(weights, 0.0), float32)
    if weights.dims == () and axis is None:
        return present * cast(size(losses), float32)
    return reduce_sum(present * ones_like(losses), axis, keepdims=axis is not None)


def compute_weighted_loss(
    losses: Any, weights: Any = 1.0, scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The losses of elements times their weights, reduced to one number, which is added to a collection.

    weights     a scalar, or of the losses' rank with sizes equal to theirs or 1
    reduction   SUM_BY_NONZERO_WEIGHTS: the sum, divided by the number of weights other than 0 (0 if there are none);
                SUM; SUM_OVER_BATCH_SIZE: divided by the number of elements; MEAN: divided by the sum of the weights;
                NONE: the weighted losses themselves
    Dtype:      losses' own; computed in float32.   Gradient: losses and weights.
    Raises:     ValueError for another reduction and for weights that do not fit (InvalidArgumentError when run).
    """
    Reduction.validate(reduction)
    with name_scope(scope, "weighted_loss", [losses, weights]):
        given = convert_to_tensor(losses, name="losses")
        values = cast(given, float32)
        weights = weights_for(values, weights, float32)
        weighted = multiply(values, weights)
        if reduction == Reduction.NONE:
            result = weighted
        elif reduction == Reduction.SUM:
            result = reduce_sum(weighted)
        else:
            if reduction == Reduction.MEAN:
                divisor = reduce_sum(ones_like(values) * weights)
            elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
                divisor = cast(size(values), float32)
            else:
                divisor = _number_present(values, weights)
            result = div_no_nan(reduce_sum(weighted), divisor, name="value")
        result = cast(result, given.dtype)
        add_loss(result, loss_collection)
        return result


def _weighted(
    default: str, elements: Callable[[Tensor, Tensor], Tensor], labels: Any, predictions: Any, weights: Any,
    scope: str | None, loss_collection: str | None, reduction: str,
) -> Tensor:  # fmt: skip
    """compute_weighted_loss of elements(labels, predictions), both in float32 and of one shape."""
    with name_scope(scope, default, [predictions, labels, weights]) as inner:
        predictions, labels = cast(predictions, float32), cast(labels, float32)
        merge(predictions.dims, labels.dims)
        return compute_weighted_loss(elements(labels, predictions), weights, inner, loss_collection, reduction)


def compute_average_loss(per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None) -> Tensor:
    """sum(per_example_loss * sample_weight) / global_batch_size, which by default is the number of examples.

    Dtype: floating, kept.   Gradient: both.   Raises: ValueError for a scalar loss and for weights that do not fit.
    """
    losses = convert_to_tensor(per_example_loss, name="per_example_loss")
    if losses.dims == ():
        raise ShapeError("per_example_loss needs an axis of examples, and is a scalar")
    examples = shape(losses)[0] if global_batch_size is None else convert_to_tensor(global_batch_size)
    if sample_weight is not None:
        losses = losses * weights_for(losses, sample_weight, losses.dtype)
    return div_no_nan(reduce_sum(losses), cast(examples, losses.dtype))


def scale_regularization_loss(regularization_loss: Any) -> Tensor:
    """The sum of the elements: there is one replica to share the loss with."""
    return reduce_sum(regularization_loss)


# -- losses --------------------------------------------------------------------------------------------------------
def absolute_difference(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """|predictions - labels|.   weights, reduction, Raises: as in compute_weighted_loss.   Dtype: float32."""
    return _weighted("absolute_difference", lambda y, p: abs(p - y), labels, predictions, weights, scope,
                     loss_collection, reduction)  # fmt: skip


def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """(predictions - labels) ** 2.   weights, reduction, Raises: as in compute_weighted_loss.   Dtype: float32."""
    return _weighted("mean_squared_error", lambda y, p: squared_difference(p, y), labels, predictions, weights, scope,
                     loss_collection, reduction)  # fmt: skip


def huber_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, delta: float = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """error ** 2 / 2 up to |error| = delta, and linear beyond.   Otherwise as mean_squared_error."""

    def elements(y: Tensor, p: Tensor) -> Tensor:
        distance = abs(p - y)
        quadratic = minimum(distance, delta)
        return 0.5 * (quadratic * quadratic) + delta * (distance - quadratic)

    return _weighted("huber_loss", elements, labels, predictions, weights, scope, loss_collection, reduction)


def log_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, epsilon: float = 1e-7, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """-y log(p + epsilon) - (1 - y) log(1 - p + epsilon) for labels y and predictions p in [0, 1].

    weights, reduction, Raises: as in compute_weighted_loss.   Dtype: float32.
    """
    return _weighted("log_loss", lambda y, p: -(y * log(p + epsilon)) - (1 - y) * log(1 - p + epsilon), labels,
                     predictions, weights, scope, loss_collection, reduction)  # fmt: skip


def hinge_loss(
    labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """max(0, 1 - (2 labels - 1) * logits) for labels 0 and 1.   Otherwise as mean_squared_error."""
    return _weighted("hinge_loss", hinge_of, labels, logits, weights, scope, loss_collection, reduction)


def hinge_of(labels: Tensor, logits: Tensor) -> Tensor:
    """The hinge loss of each element."""
    ones = ones_like(labels)
    return relu(ones - (2 * labels - ones) * logits)


def cosine_distance(
    labels: Any, predictions: Any, axis: int | None = None, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _BY_WEIGHTS, dim: int | None = None,
) -> Tensor:  # fmt: skip
    """1 - sum(labels * predictions) along an axis, which stays with size 1; both are to be unit vectors along it.

    `dim` is the older name of axis.   Raises: ValueError without an axis; otherwise as mean_squared_error.
    """
    axis = either(axis, dim, "axis", "dim")
    if axis is None:
        raise GraphError("cosine_distance needs an axis")
    return _weighted("cosine_distance_loss", lambda y, p: 1 - reduce_sum(p * y, [axis], keepdims=True), labels,
                     predictions, weights, scope, loss_collection, reduction)  # fmt: skip


def mean_pairwise_squared_error(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
) -> Tensor:  # fmt: skip
    """For each example the mean, over pairs of its elements, of the squared difference of their errors; summed.

    Shapes: labels and predictions [n, ...], weights as in compute_weighted_loss.   Dtype: float32.
    Raises: as compute_weighted_loss.
    """
    with name_scope(scope, "mean_pairwise_squared_error", [predictions, labels, weights]):
        predictions, labels = cast(predictions, float32), cast(labels, float32)
        merge(predictions.dims, labels.dims)
        weights = weights_for(labels, weights, float32)
        errors = predictions - labels
        inner = range_(1, rank(errors))
        n = _number_present(errors, weights, inner)
        squares = reduce_sum(square(errors), inner, keepdims=True)
        squared_sum = square(reduce_sum(errors, inner, keepdims=True))
        first = div_no_nan(squares, maximum(n - 1, 0), name="value")
        second = div_no_nan(squared_sum, maximum(n * (n - 1), 0), name="value")
        total = reduce_sum(2.0 * (first - second) * weights)
        result = where_v2(reduce_sum(n) > 0, total, zeros_like(total), name="value")
        add_loss(result, loss_collection)
        return result


def sigmoid_cross_entropy(
    multi_class_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """tf.nn.sigmoid_cross_entropy_with_logits, weighted; label_smoothing moves labels towards 1/2.

    Shapes: labels and logits have one shape.   Dtype: of the logits.
    weights, reduction, Raises: as in compute_weighted_loss.
    """
    with name_scope(scope, "sigmoid_cross_entropy_loss", [logits, multi_class_labels, weights]) as inner:
        logits = convert_to_tensor(logits, name="logits")
        labels = cast(multi_class_labels, logits.dtype)
        merge(logits.dims, labels.dims)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = cross_entropy.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """tf.nn.softmax_cross_entropy_with_logits, weighted; label_smoothing moves labels towards 1 / classes.

    Shapes: onehot_labels and logits [..., classes]; weights as in compute_weighted_loss, for losses [...]
    Dtype:  of the logits.   Gradient: logits and weights.   reduction, Raises: as in compute_weighted_loss.
    """
    with name_scope(scope, "softmax_cross_entropy_loss", [logits, onehot_labels, weights]) as inner:
        logits = convert_to_tensor(logits, name="logits")
        labels = cast(onehot_labels, logits.dtype)
        merge(logits.dims, labels.dims)
        if label_smoothing > 0:
            classes = cast(shape(labels)[-1], logits.dtype)
            labels = labels * (1.0 - label_smoothing) + label_smoothing / classes
        labels = stop_gradient(labels, name="labels_stop_gradient")
        losses = cross_entropy.softmax_cross_entropy_with_logits_v2(labels, logits, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """tf.nn.sparse_softmax_cross_entropy_with_logits, weighted.

    Shapes: logits [..., classes], labels [...] or [..., 1], weights [...] or [..., 1], or a scalar.
    Dtype:  of the logits.   Gradient: logits and weights.   reduction, Raises: as in compute_weighted_loss.
    """
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", [logits, labels, weights]) as inner:
        labels, logits = without_extra_axis(labels, logits, expected=1)
        losses = cross_entropy.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        weights = weights_of_rank(losses, weights, expand=False)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)
