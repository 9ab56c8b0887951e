"""Estimators that look at no feature: they learn what is best to say of every example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphflow.estimator.canned import Canned, optimizer_of
from graphflow.estimator.estimator import RunConfig
from graphflow.estimator.heads import RegressionHead, class_head
from graphflow.initializers import zeros_initializer
from graphflow.losses import Reduction
from graphflow.operation import Tensor
from graphflow.ops.define import is_tensor
from graphflow.ops.fill import ones
from graphflow.ops.shape_ops import shape
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.shared_variables import get_variable
from graphflow.variable_scope import variable_scope


class _Bias:
    """One logit, or several, for all examples."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer

    def logits(self, features: Mapping[str, Any], width: int, mode: str) -> Tensor:
        some = next(f for f in features.values() if is_tensor(f))
        count = some.dense_shape[0] if isinstance(some, SparseTensor) else shape(some)[0]
        with variable_scope("baseline"):
            bias = get_variable("bias", [width], initializer=zeros_initializer())
            return bias * ones([count, width])

    def train(self, loss: Tensor, step: Any = None) -> Any:
        return optimizer_of(self._optimizer, 0.3).minimize(loss, step)


class BaselineClassifier(Canned):
    """The shares of the classes among the labels; arguments as those of LinearClassifier."""

    def __init__(
        self, model_dir: Any = None, n_classes: int = 2, weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None, optimizer: Any = "Ftrl", config: RunConfig | None = None,
        loss_reduction: str = Reduction.SUM,
    ) -> None:  # fmt: skip
        head = class_head(n_classes, label_vocabulary, weight_column, loss_reduction)
        super().__init__(head, [_Bias(optimizer)], model_dir, config, None)


class BaselineRegressor(Canned):
    """The mean of the labels; arguments as those of LinearRegressor."""

    def __init__(
        self, model_dir: Any = None, label_dimension: int = 1, weight_column: Any = None, optimizer: Any = "Ftrl",
        config: RunConfig | None = None, loss_reduction: str = Reduction.SUM,
    ) -> None:  # fmt: skip
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        super().__init__(head, [_Bias(optimizer)], model_dir, config, None)
