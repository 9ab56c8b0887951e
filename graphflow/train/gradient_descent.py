"""Gradient descent, plain and proximal."""

from __future__ import annotations

from typing import Any

from graphflow.ops import training
from graphflow.train.optimizer import Optimizer
from graphflow.train.rules import apply_rule


class GradientDescentOptimizer(Optimizer):
    """var -= learning_rate * gradient.   The rate may be a number, a tensor or a function without arguments."""

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._learning_rate_tensor: Any = None

    def _prepare(self) -> None:
        self._learning_rate_tensor = self._tensor(self._learning_rate, "learning_rate")

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.APPLY_GRADIENT_DESCENT, var, grad, {"alpha": self._learning_rate_tensor})

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.SPARSE_APPLY_GRADIENT_DESCENT, var, grad, {"alpha": self._learning_rate_tensor})


class ProximalGradientDescentOptimizer(Optimizer):
    """Gradient descent that pulls variables toward 0 after each step, exactly to 0 where L1 is strong enough.

    Source: Duchi and Singer, "Efficient learning using forward-backward splitting" (2009).
    """

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._hyper: dict[str, Any] = {}

    def _prepare(self) -> None:
        self._hyper = {
            "alpha": self._tensor(self._learning_rate, "learning_rate"),
            "l1": self._tensor(self._l1, "l1_regularization_strength"),
            "l2": self._tensor(self._l2, "l2_regularization_strength"),
        }

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.APPLY_PROXIMAL_GRADIENT_DESCENT, var, grad, self._hyper)

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.SPARSE_APPLY_PROXIMAL_GRADIENT_DESCENT, var, grad, self._hyper)
