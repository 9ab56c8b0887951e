"""Gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.ops import training
from graphflow.train.optimizer import Optimizer
from graphflow.train.rules import apply_rule


class MomentumOptimizer(Optimizer):
    """a = momentum * a + gradient; var -= learning_rate * a, or (gradient + momentum * a) with use_nesterov.

    Slots: momentum (a).   Source: Sutskever et al., "On the importance of initialization and momentum" (2013).
    """

    def __init__(
        self, learning_rate: Any, momentum: Any, use_locking: bool = False, name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._use_nesterov = use_nesterov
        self._learning_rate_tensor: Any = None
        self._momentum_tensor: Any = None

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            self._zeros_slot(v, "momentum", self._name)

    def _prepare(self) -> None:
        self._learning_rate_tensor = self._tensor(self._learning_rate, "learning_rate")
        self._momentum_tensor = self._tensor(self._momentum, "momentum")

    def _apply(self, rule: Any, grad: Any, var: Any, lr: Any) -> Any:
        values = {"accum": self.get_slot(var, "momentum"), "lr": lr, "momentum": self._momentum_tensor}
        return apply_rule(rule, var, grad, values, use_nesterov=self._use_nesterov)

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return self._apply(training.APPLY_MOMENTUM, grad, var, self._learning_rate_tensor)

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        return self._apply(training.SPARSE_APPLY_MOMENTUM, grad, var, self._learning_rate_tensor)
