"""Momentum with a rate for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops import training
from graphflow.ops.compare import logical_and
from graphflow.ops.select import where_v2
from graphflow.ops.statistics import norm
from graphflow.train.momentum import MomentumOptimizer
from graphflow.train.optimizer import Optimizer


class LARSOptimizer(MomentumOptimizer):
    """Momentum; the rate of each variable is scaled by eeta * |var| / (|gradient| + weight_decay * |var| + epsilon).

    skip_list   parts of the names of variables that have the plain rate and no weight decay
    Slots: momentum.   Raises: ValueError for a negative momentum or weight decay.
    Source: You, Gitman and Ginsburg, "Large batch training of convolutional networks" (2017).
    """

    def __init__(
        self, learning_rate: Any, momentum: float = 0.9, weight_decay: float = 0.0001, eeta: float = 0.001,
        epsilon: float = 0.0, name: str = "LARSOptimizer", skip_list: Sequence[str] | None = None,
        use_nesterov: bool = False,
    ) -> None:  # fmt: skip
        for what, value in (("momentum", momentum), ("weight_decay", weight_decay)):
            if value < 0.0:
                raise GraphError(f"{what} must be at least 0, not {value}")
        super().__init__(learning_rate, momentum, False, name, use_nesterov)
        self._weight_decay, self._eeta, self._epsilon, self._skip_list = weight_decay, eeta, epsilon, skip_list

    def compute_lr(self, grad: Any, var: Any) -> tuple[Any, Tensor]:
        """The rate of this variable, and its gradient with weight decay."""
        if self._skip_list is not None and any(part in var.name for part in self._skip_list):
            return self._learning_rate, grad
        size, slope = norm(var, ord=2), norm(grad, ord=2)
        trust = self._eeta * size / (slope + self._weight_decay * size + self._epsilon)
        trust = where_v2(logical_and(size > 0.0, slope > 0.0), trust, 1.0)
        return self._learning_rate * trust, grad + self._weight_decay * var

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        lr, total = self.compute_lr(grad, var)
        return self._apply(training.APPLY_MOMENTUM, total * lr, var, 1.0)

    _apply_sparse_duplicate_indices = Optimizer._apply_sparse_duplicate_indices

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        """Sparse gradients have the plain rate, as in TensorFlow."""
        return self._apply(training.SPARSE_APPLY_MOMENTUM, grad, var, self._learning_rate_tensor)
