"""What canned estimators make of logits: predictions, loss and metrics of classes and of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphflow.default import control_dependencies
from graphflow.dtypes import float32, int64, string
from graphflow.errors import GraphError
from graphflow.estimator.estimator import EstimatorSpec, ModeKeys
from graphflow.estimator.export import ClassificationOutput, PredictOutput, RegressionOutput
from graphflow.feature_column.base import Features
from graphflow.feature_column.dense import NumericColumn, numeric_column
from graphflow.losses import compute_weighted_loss
from graphflow.metrics import accuracy, auc, mean, precision, recall
from graphflow.operation import Tensor
from graphflow.ops.argmax import argmax
from graphflow.ops.arithmetic import maximum
from graphflow.ops.arrange import tile
from graphflow.ops.assertions import assert_greater_equal, assert_less
from graphflow.ops.basic import cast, identity, zeros_like
from graphflow.ops.cross_entropy import sigmoid_cross_entropy_with_logits, sparse_softmax_cross_entropy_with_logits
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import constant
from graphflow.ops.join import concat
from graphflow.ops.math import sigmoid, square
from graphflow.ops.shape_ops import expand_dims, shape
from graphflow.ops.softmax import softmax
from graphflow.ops.string_numbers import as_string
from graphflow.summary.functions import scalar
from graphflow.tables import index_table_from_tensor, index_to_string_table_from_tensor


class Head:
    """The part of a model behind its logits [batch, width].

    weight_column   the name of a feature, or a numeric column, with a weight for each example
    reduction       how the losses of examples become one, of tf.losses.Reduction
    """

    width: int

    def __init__(self, weight_column: Any, reduction: str) -> None:
        self._column = numeric_column(weight_column) if isinstance(weight_column, str) else weight_column
        if self._column is not None and not isinstance(self._column, NumericColumn):
            raise GraphError(f"weight_column is the name of a feature or a numeric column, not {weight_column!r}")
        self._reduction = reduction

    def predictions(self, logits: Tensor) -> dict[str, Tensor]:
        raise NotImplementedError

    def exports(self, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        raise NotImplementedError

    def labels(self, labels: Tensor) -> Tensor:
        """Labels [batch, n] as the loss takes them."""
        raise NotImplementedError

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        """The loss of each example: [batch, n]."""
        raise NotImplementedError

    def metrics(self, labels: Tensor, found: Mapping[str, Tensor], weights: Any) -> dict[str, Any]:
        raise NotImplementedError

    def spec(
        self, features: Mapping[str, Any], labels: Any, mode: str, logits: Tensor, train: Callable[[Tensor], Any]
    ) -> EstimatorSpec:
        """The EstimatorSpec of a mode; `train` makes the operation that trains, of the loss."""
        found = self.predictions(logits)
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, found, export_outputs={**self.exports(found), "predict": PredictOutput(found)})
        if labels is None:
            raise GraphError("the input function gives no labels, which training and evaluating need")
        given = convert_to_tensor(labels)
        given = self.labels(expand_dims(given, -1) if given.shape.ndims == 1 else given)
        losses = self.losses(given, logits)
        weights: Any = 1.0
        if self._column is not None:
            weights = self._column.transform(Features(features))
        loss = compute_weighted_loss(losses, weights, reduction=self._reduction)
        if mode == ModeKeys.EVAL:
            metrics = {"average_loss": mean(losses, weights), **self.metrics(given, found, weights)}
            return EstimatorSpec(mode, found, loss, eval_metric_ops=metrics)
        scalar("loss", loss)
        return EstimatorSpec(mode, found, loss, train(loss))


class RegressionHead(Head):
    """Numbers, with the squared error."""

    def __init__(self, width: int, weight_column: Any, reduction: str) -> None:
        super().__init__(weight_column, reduction)
        self.width = width

    def predictions(self, logits: Tensor) -> dict[str, Tensor]:
        return {"predictions": logits}

    def exports(self, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        output = RegressionOutput(predictions["predictions"])
        return {"serving_default": output, "regression": output}

    def labels(self, labels: Tensor) -> Tensor:
        return cast(labels, float32)

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        return square(labels - logits)

    def metrics(self, labels: Tensor, found: Mapping[str, Tensor], weights: Any) -> dict[str, Any]:
        return {"label/mean": mean(labels, weights), "prediction/mean": mean(found["predictions"], weights)}


class _ClassHead(Head):
    """Classes: integers from 0, or the words of a vocabulary."""

    def __init__(self, count: int, vocabulary: Sequence[str] | None, weight_column: Any, reduction: str) -> None:
        super().__init__(weight_column, reduction)
        if vocabulary is not None and len(vocabulary) != count:
            raise GraphError(f"label_vocabulary has {len(vocabulary)} words for {count} classes")
        self._count, self._words = count, vocabulary

    def _classes(self, ids: Tensor, logits: Tensor) -> dict[str, Tensor]:
        every = np.arange(self._count)
        words = list(self._words) if self._words else [str(i) for i in every]
        names = index_to_string_table_from_tensor(words).lookup(ids) if self._words else as_string(ids)
        rows = [shape(logits)[0], 1]
        return {
            "class_ids": ids, "classes": names,
            "all_class_ids": tile(constant(every[None], dtype="int32"), rows),
            "all_classes": tile(constant([words], dtype=string), rows),
        }  # fmt: skip

    def exports(self, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        output = ClassificationOutput(predictions["probabilities"], predictions["all_classes"])
        return {"serving_default": output, "classification": output}

    def labels(self, labels: Tensor) -> Tensor:
        if self._words:
            if labels.dtype is not string:
                raise GraphError(f"with a label_vocabulary, labels are strings, not {labels.dtype.name}")
            ids = index_table_from_tensor(list(self._words)).lookup(labels)
        elif not (labels.dtype.is_integer or labels.dtype.is_floating):
            raise GraphError(f"labels are numbers from 0, not {labels.dtype.name}: give a label_vocabulary")
        else:
            ids = cast(labels, int64)
        checks = [assert_less(ids, np.int64(self._count)), assert_greater_equal(ids, np.int64(0))]
        with control_dependencies(checks):
            return identity(ids)


class BinaryHead(_ClassHead):
    """Two classes by one logit."""

    width = 1

    def predictions(self, logits: Tensor) -> dict[str, Tensor]:
        two = concat([zeros_like(logits), logits], -1)
        ids = expand_dims(argmax(two, -1), -1)
        return {"logits": logits, "logistic": sigmoid(logits), "probabilities": softmax(two),
                **self._classes(ids, logits)}  # fmt: skip

    def exports(self, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        return {**super().exports(predictions), "regression": RegressionOutput(predictions["logistic"])}

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        return sigmoid_cross_entropy_with_logits(labels=cast(labels, float32), logits=logits)

    def metrics(self, labels: Tensor, found: Mapping[str, Tensor], weights: Any) -> dict[str, Any]:
        chance, ids, of_labels = found["logistic"], found["class_ids"], mean(labels, weights)
        share, update = of_labels
        return {
            "accuracy": accuracy(labels, ids, weights),
            "precision": precision(labels, ids, weights),
            "recall": recall(labels, ids, weights),
            "prediction/mean": mean(chance, weights),
            "label/mean": of_labels,
            "accuracy_baseline": (maximum(share, 1 - share), maximum(update, 1 - update)),
            "auc": auc(labels, chance, weights),
            "auc_precision_recall": auc(labels, chance, weights, curve="PR"),
        }  # fmt: skip


class MultiClassHead(_ClassHead):
    """Three classes or more, a logit for each."""

    def __init__(self, count: int, vocabulary: Sequence[str] | None, weight_column: Any, reduction: str) -> None:
        super().__init__(count, vocabulary, weight_column, reduction)
        self.width = count

    def predictions(self, logits: Tensor) -> dict[str, Tensor]:
        ids = expand_dims(argmax(logits, -1), -1)
        return {"logits": logits, "probabilities": softmax(logits), **self._classes(ids, logits)}

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        return expand_dims(sparse_softmax_cross_entropy_with_logits(labels=labels[:, 0], logits=logits), -1)

    def metrics(self, labels: Tensor, found: Mapping[str, Tensor], weights: Any) -> dict[str, Any]:
        return {"accuracy": accuracy(labels, found["class_ids"], weights)}


def class_head(count: int, vocabulary: Sequence[str] | None, weight_column: Any, reduction: str) -> Head:
    """The head for so many classes.   Raises: ValueError for less than two."""
    if count < 2:
        raise GraphError(f"n_classes must be at least 2, not {count}")
    return (BinaryHead if count == 2 else MultiClassHead)(count, vocabulary, weight_column, reduction)
