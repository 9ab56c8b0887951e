"""What metrics are made of: counters in local variables, a value read from them, an operation that updates them."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import DType, float32
from graphflow.graph import get_default_graph
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, identity
from graphflow.ops.fill import zeros
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.weights import weights_for, weights_of_rank, without_extra_axis
from graphflow.shape import merge
from graphflow.variables import Variable

Metric = tuple[Tensor, Tensor]  # the value so far, and the update, which gives the new value


def counter(name: str, shape: Any = (), dtype: DType = float32) -> Variable:
    """A local variable that starts at zero."""
    return Variable(lambda: zeros(shape, dtype), trainable=False, name=name,
                    collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES])  # fmt: skip


def read(variable: Variable) -> Tensor:
    """The value at the start of the run, whatever control dependencies are in force where the metric is made."""
    with get_default_graph().control_dependencies(None):
        return identity(variable)


def collected(value: Tensor, update: Tensor, metrics_collections: Any, updates_collections: Any) -> Metric:
    """The metric, after its parts were added to the collections asked for."""
    graph = get_default_graph()
    if metrics_collections:
        graph.add_to_collections(metrics_collections, value)
    if updates_collections:
        graph.add_to_collections(updates_collections, update)
    return value, update


def aligned(labels: Any, predictions: Any, weights: Any) -> tuple[Tensor, Tensor, Any]:
    """(labels, predictions, weights) of one rank, where one of them may have had an axis of size 1 more.

    Raises: ValueError when labels and predictions cannot have one shape.
    """
    labels, predictions = without_extra_axis(labels, predictions)
    merge(labels.dims, predictions.dims)
    return labels, predictions, None if weights is None else weights_of_rank(predictions, weights)


def weighted_sum(values: Tensor, weights: Any, axis: Any = None) -> Tensor:
    """The sum of values times their weights, None for 1 each."""
    return reduce_sum(values if weights is None else values * weights_for(values, weights, values.dtype), axis)


def as_bools(labels: Any, predictions: Any, weights: Any) -> tuple[Tensor, Tensor, Any]:
    """`aligned`, where everything but 0 is True."""
    return aligned(cast(labels, "bool"), cast(predictions, "bool"), weights)
