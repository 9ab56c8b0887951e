"""Precision and recall of the k likeliest classes, for examples with any number of labels."""

from __future__ import annotations

from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import float64, int64
from graphflow.metrics.stream import Metric, collected, counter, read, weighted_sum
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, ones_like
from graphflow.ops.compare import equal, logical_and, logical_not
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.division import divide
from graphflow.ops.fill import range as range_
from graphflow.ops.indexing import scatter_nd
from graphflow.ops.ranking import top_k
from graphflow.ops.reduce import reduce_any, reduce_sum
from graphflow.ops.shape_ops import expand_dims, shape
from graphflow.ops.sparse.tensor import SparseTensor, SparseTensorValue
from graphflow.ops.state import assign_add


def _labels(labels: Any, rank: int | None) -> tuple[Tensor, Tensor]:
    """(labels [..., n], which of them count): labels of one rank less than the predictions are one for each example."""
    if isinstance(labels, (SparseTensor, SparseTensorValue)):
        sparse = SparseTensor.from_value(labels)
        dense = scatter_nd(sparse.indices, cast(sparse.values, int64), sparse.dense_shape)
        return dense, scatter_nd(sparse.indices, ones_like(sparse.values, dtype=int64), sparse.dense_shape) > 0
    dense = cast(convert_to_tensor(labels, int64, name="labels"), int64)
    if rank is not None and dense.dims is not None and len(dense.dims) == rank - 1:
        dense = expand_dims(dense, -1)
    return dense, equal(dense, dense)


def _without_repetition(labels: Tensor, counting: Tensor) -> Tensor:
    """Of the labels that count, the first of equal ones."""
    at = range_(shape(labels)[-1])
    earlier = expand_dims(at, 1) > expand_dims(at, 0)
    same = equal(expand_dims(labels, -1), expand_dims(labels, -2))
    repeats = reduce_any(logical_and(logical_and(same, earlier), expand_dims(counting, -2)), -1)
    return logical_and(counting, logical_not(repeats))


def _share_of_hits(
    what: str, labels: Any, predictions: Any, k: int, class_id: int | None, weights: Any, metrics_collections: Any,
    updates_collections: Any, name: str | None,
) -> Metric:  # fmt: skip
    """true positives / (true positives + misses), where misses are of one kind for each of the two metrics."""
    kind = "false_positive" if what == "precision" else "false_negative"
    of = f"_at_{k}" + ("" if class_id is None else f"_class{class_id}")
    with name_scope(name, what + of, [predictions, labels, weights]) as scope:
        guesses = cast(top_k(predictions, k)[1], int64)
        labels, counting = _labels(labels, None if guesses.dims is None else len(guesses.dims))
        guessing = equal(guesses, guesses)
        if class_id is not None:
            counting = logical_and(counting, equal(labels, class_id))
            guessing = equal(guesses, class_id)
        counting = _without_repetition(labels, counting)
        # hit[..., i, j]: label i is guess j
        hit = equal(expand_dims(labels, -1), expand_dims(guesses, -2))
        hit = logical_and(hit, logical_and(expand_dims(counting, -1), expand_dims(guessing, -2)))
        if what == "precision":
            missed = logical_and(guessing, logical_not(reduce_any(hit, -2)))
        else:
            missed = logical_and(counting, logical_not(reduce_any(hit, -1)))
        numbers = [reduce_sum(cast(reduce_any(hit, -2), float64), -1), reduce_sum(cast(missed, float64), -1)]
        counts = [counter("true_positive" + of, dtype=float64), counter(kind + of, dtype=float64)]
        hits, misses = (read(c) for c in counts)
        value = divide(hits, hits + misses, name=scope)
        hits, misses = (assign_add(c, weighted_sum(n, weights)) for c, n in zip(counts, numbers, strict=True))
        return collected(value, divide(hits, hits + misses, name="update"), metrics_collections, updates_collections)


def recall_at_k(
    labels: Any, predictions: Any, k: int, class_id: int | None = None, weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """(value, update_op): the share of an example's labels that are among its k likeliest classes.

    class_id  counts only this class
    Shapes:   predictions [..., classes]; labels, int64, [..., n] or [...], dense or sparse; weights [...] or a scalar
    Dtype:    float64; NaN while nothing was counted.   Labels that an example has twice count once.
    """
    return _share_of_hits("recall", labels, predictions, k, class_id, weights, metrics_collections,
                          updates_collections, name)  # fmt: skip


def precision_at_k(
    labels: Any, predictions: Any, k: int, class_id: int | None = None, weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of an example's k likeliest classes that are among its labels.   Otherwise as recall_at_k."""
    return _share_of_hits("precision", labels, predictions, k, class_id, weights, metrics_collections,
                          updates_collections, name)  # fmt: skip
