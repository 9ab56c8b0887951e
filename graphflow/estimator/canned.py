"""Estimators whose models are there already: linear ones, networks of dense layers, and both side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow.default import control_dependencies
from graphflow.errors import GraphError
from graphflow.estimator.estimator import Estimator, ModeKeys, RunConfig
from graphflow.estimator.heads import Head, RegressionHead, class_head
from graphflow.feature_column.layers import input_layer, linear_model
from graphflow.graph import get_default_graph
from graphflow.initializers import glorot_uniform_initializer
from graphflow.layers import batch_normalization, dense, dropout
from graphflow.losses import Reduction
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.basic import group
from graphflow.ops.state import assign_add
from graphflow.train.adagrad import AdagradOptimizer
from graphflow.train.adam import AdamOptimizer
from graphflow.train.ftrl import FtrlOptimizer
from graphflow.train.global_step import get_global_step
from graphflow.train.gradient_descent import GradientDescentOptimizer
from graphflow.train.rmsprop import RMSPropOptimizer
from graphflow.variable_scope import variable_scope

_OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "Adagrad": AdagradOptimizer, "Adam": AdamOptimizer, "Ftrl": FtrlOptimizer, "RMSProp": RMSPropOptimizer,
    "SGD": GradientDescentOptimizer,
}  # fmt: skip


def optimizer_of(given: Any, rate: float) -> Any:
    """An optimizer, by its name with a learning rate, or as it or a function gives it."""
    if isinstance(given, str):
        if given not in _OPTIMIZERS:
            raise GraphError(f"there is no optimizer {given!r}; there are {', '.join(_OPTIMIZERS)}")
        return _OPTIMIZERS[given](rate)
    return given() if callable(given) else given


class _Linear:
    """The linear part of a model."""

    def __init__(self, columns: Any, optimizer: Any, combiner: str = "sum") -> None:
        self._columns, self._optimizer, self._combiner = list(columns), optimizer, combiner

    def logits(self, features: Mapping[str, Any], width: int, mode: str) -> Tensor:
        with variable_scope("linear"):
            return linear_model(features, self._columns, width, self._combiner)

    def train(self, loss: Tensor, step: Any = None) -> Any:
        optimizer = optimizer_of(self._optimizer, min(0.2, 1 / math.sqrt(len(self._columns))))
        return optimizer.minimize(loss, step, _trainable("linear"))


class _Network:
    """The dense layers of a model."""

    def __init__(
        self, columns: Any, hidden: Sequence[int], optimizer: Any, activation: Callable, drop: float | None,
        normalized: bool,
    ) -> None:  # fmt: skip
        self._columns, self._hidden, self._optimizer = list(columns), list(hidden), optimizer
        self._activation, self._drop, self._normalized = activation, drop, normalized

    def logits(self, features: Mapping[str, Any], width: int, mode: str) -> Tensor:
        training = mode == ModeKeys.TRAIN
        start = glorot_uniform_initializer()
        with variable_scope("dnn"):
            with variable_scope("input_from_feature_columns"):
                h = input_layer(features, self._columns)
            for i, units in enumerate(self._hidden):
                h = dense(h, units, self._activation, kernel_initializer=start, name=f"hiddenlayer_{i}")
                if self._drop is not None and training:
                    h = dropout(h, self._drop, training=True)
                if self._normalized:
                    h = batch_normalization(h, momentum=0.999, training=training, name=f"batchnorm_{i}")
            return dense(h, width, kernel_initializer=start, name="logits")

    def train(self, loss: Tensor, step: Any = None) -> Any:
        return optimizer_of(self._optimizer, 0.05).minimize(loss, step, _trainable("dnn"))


def _trainable(scope: str) -> list[Any]:
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, f"{scope}/")


class Canned(Estimator):
    """An estimator of a head and the sum of the logits of parts."""

    def __init__(
        self, head: Head, parts: Sequence[Any], model_dir: Any, config: RunConfig | None, warm_start_from: Any
    ) -> None:
        def model(features: Any, labels: Any, mode: str) -> Any:
            if not isinstance(features, Mapping):
                raise GraphError(f"features are a dict of tensors by name, not {features!r}")
            logits = parts[0].logits(features, head.width, mode)
            for part in parts[1:]:
                logits += part.logits(features, head.width, mode)
            return head.spec(features, labels, mode, logits, train)

        def train(loss: Tensor) -> Any:
            with control_dependencies(get_default_graph().get_collection(GraphKeys.UPDATE_OPS)):
                if len(parts) == 1:
                    return parts[0].train(loss, get_global_step())
                updates = group(*[part.train(loss) for part in parts])
            with control_dependencies([updates]):
                return assign_add(get_global_step(), 1).op

        super().__init__(model, model_dir, config, warm_start_from=warm_start_from)


class LinearClassifier(Canned):
    """Classes by a linear model: of two by one logit.

    feature_columns   columns of numbers or categories
    weight_column     the feature with the weights of examples
    label_vocabulary  the classes, if labels are strings
    optimizer         a name, an Optimizer, or a function that gives one; Ftrl by default
    """

    def __init__(
        self, feature_columns: Any, model_dir: Any = None, n_classes: int = 2, weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None, optimizer: Any = "Ftrl", config: RunConfig | None = None,
        partitioner: Any = None, warm_start_from: Any = None, loss_reduction: str = Reduction.SUM,
        sparse_combiner: str = "sum",
    ) -> None:  # fmt: skip
        head = class_head(n_classes, label_vocabulary, weight_column, loss_reduction)
        super().__init__(head, [_Linear(feature_columns, optimizer, sparse_combiner)], model_dir, config,
                         warm_start_from)  # fmt: skip


class LinearRegressor(Canned):
    """Numbers, label_dimension for each example, by a linear model; other arguments as those of LinearClassifier."""

    def __init__(
        self, feature_columns: Any, model_dir: Any = None, label_dimension: int = 1, weight_column: Any = None,
        optimizer: Any = "Ftrl", config: RunConfig | None = None, partitioner: Any = None,
        warm_start_from: Any = None, loss_reduction: str = Reduction.SUM, sparse_combiner: str = "sum",
    ) -> None:  # fmt: skip
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        super().__init__(head, [_Linear(feature_columns, optimizer, sparse_combiner)], model_dir, config,
                         warm_start_from)  # fmt: skip


class DNNClassifier(Canned):
    """Classes by dense layers.

    hidden_units      the widths of the layers, whose kernels start as Glorot's uniform ones
    feature_columns   columns of numbers
    dropout           the share of outputs of hidden layers that training leaves out
    batch_norm        normalize hidden layers
    optimizer         Adagrad with 0.05 by default; other arguments as those of LinearClassifier
    """

    def __init__(
        self, hidden_units: Sequence[int], feature_columns: Any, model_dir: Any = None, n_classes: int = 2,
        weight_column: Any = None, label_vocabulary: Sequence[str] | None = None, optimizer: Any = "Adagrad",
        activation_fn: Callable = relu, dropout: float | None = None, input_layer_partitioner: Any = None,
        config: RunConfig | None = None, warm_start_from: Any = None, loss_reduction: str = Reduction.SUM,
        batch_norm: bool = False,
    ) -> None:  # fmt: skip
        head = class_head(n_classes, label_vocabulary, weight_column, loss_reduction)
        part = _Network(feature_columns, hidden_units, optimizer, activation_fn, dropout, batch_norm)
        super().__init__(head, [part], model_dir, config, warm_start_from)


class DNNRegressor(Canned):
    """Numbers by dense layers; arguments as those of DNNClassifier and LinearRegressor."""

    def __init__(
        self, hidden_units: Sequence[int], feature_columns: Any, model_dir: Any = None, label_dimension: int = 1,
        weight_column: Any = None, optimizer: Any = "Adagrad", activation_fn: Callable = relu,
        dropout: float | None = None, input_layer_partitioner: Any = None, config: RunConfig | None = None,
        warm_start_from: Any = None, loss_reduction: str = Reduction.SUM, batch_norm: bool = False,
    ) -> None:  # fmt: skip
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        part = _Network(feature_columns, hidden_units, optimizer, activation_fn, dropout, batch_norm)
        super().__init__(head, [part], model_dir, config, warm_start_from)


def _both(
    linear: Any, linear_optimizer: Any, combiner: str, dnn: Any, hidden: Any, dnn_optimizer: Any,
    activation: Callable, drop: float | None, normalized: bool,
) -> list[Any]:  # fmt: skip
    parts: list[Any] = []
    if dnn:
        if not hidden:
            raise GraphError("dnn_hidden_units must say how wide the layers are")
        parts.append(_Network(dnn, hidden, dnn_optimizer, activation, drop, normalized))
    if linear:
        parts.append(_Linear(linear, linear_optimizer, combiner))
    if not parts:
        raise GraphError("give linear_feature_columns or dnn_feature_columns, or both")
    return parts


class DNNLinearCombinedClassifier(Canned):
    """Classes by the sum of a linear model's logits and those of dense layers, each with its optimizer."""

    def __init__(
        self, model_dir: Any = None, linear_feature_columns: Any = None, linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None, dnn_optimizer: Any = "Adagrad", dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Callable = relu, dnn_dropout: float | None = None, n_classes: int = 2,
        weight_column: Any = None, label_vocabulary: Sequence[str] | None = None, input_layer_partitioner: Any = None,
        config: RunConfig | None = None, warm_start_from: Any = None, loss_reduction: str = Reduction.SUM,
        batch_norm: bool = False, linear_sparse_combiner: str = "sum",
    ) -> None:  # fmt: skip
        head = class_head(n_classes, label_vocabulary, weight_column, loss_reduction)
        parts = _both(linear_feature_columns, linear_optimizer, linear_sparse_combiner, dnn_feature_columns,
                      dnn_hidden_units, dnn_optimizer, dnn_activation_fn, dnn_dropout, batch_norm)  # fmt: skip
        super().__init__(head, parts, model_dir, config, warm_start_from)


class DNNLinearCombinedRegressor(Canned):
    """Numbers by the sum of a linear model and dense layers, each with its optimizer."""

    def __init__(
        self, model_dir: Any = None, linear_feature_columns: Any = None, linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None, dnn_optimizer: Any = "Adagrad", dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Callable = relu, dnn_dropout: float | None = None, label_dimension: int = 1,
        weight_column: Any = None, input_layer_partitioner: Any = None, config: RunConfig | None = None,
        warm_start_from: Any = None, loss_reduction: str = Reduction.SUM, batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:  # fmt: skip
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        parts = _both(linear_feature_columns, linear_optimizer, linear_sparse_combiner, dnn_feature_columns,
                      dnn_hidden_units, dnn_optimizer, dnn_activation_fn, dnn_dropout, batch_norm)  # fmt: skip
        super().__init__(head, parts, model_dir, config, warm_start_from)
