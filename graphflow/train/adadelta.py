"""Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.ops import training
from graphflow.train.optimizer import Optimizer
from graphflow.train.rules import apply_rule


class AdadeltaOptimizer(Optimizer):
    """d = gradient * sqrt(u + epsilon) / sqrt(a + epsilon); var -= learning_rate * d.

    a and u are moving averages of gradient^2 and of d^2.   Slots: accum (a), accum_update (u).
    Source: Zeiler, "ADADELTA: an adaptive learning rate method" (2012).
    """

    def __init__(
        self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = 1e-8, use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._lr, self._rho, self._epsilon = learning_rate, rho, epsilon
        self._hyper: dict[str, Any] = {}

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            self._zeros_slot(v, "accum", self._name)
            self._zeros_slot(v, "accum_update", self._name)

    def _prepare(self) -> None:
        self._hyper = {
            "lr": self._tensor(self._lr, "lr"),
            "rho": self._tensor(self._rho, "rho"),
            "epsilon": self._tensor(self._epsilon, "epsilon"),
        }

    def _values(self, var: Any) -> dict[str, Any]:
        return {
            **self._hyper, "accum": self.get_slot(var, "accum"), "accum_update": self.get_slot(var, "accum_update"),
        }  # fmt: skip

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.APPLY_ADADELTA, var, grad, self._values(var))

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.SPARSE_APPLY_ADADELTA, var, grad, self._values(var))
