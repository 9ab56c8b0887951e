"""RMSProp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.initializers import ones_initializer
from graphflow.ops import training
from graphflow.train.optimizer import Optimizer
from graphflow.train.rules import apply_rule


class RMSPropOptimizer(Optimizer):
    """p = momentum * p + learning_rate * gradient / sqrt(s + epsilon); var -= p.

    s is a moving average of gradient^2 that starts at 1; `centered` subtracts the square of the mean gradient from it.
    Slots: rms (s), momentum (p), and mg, the mean gradient, if centered.   Source: Tieleman and Hinton (2012).
    """

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._decay = learning_rate, decay
        self._momentum, self._epsilon = momentum, epsilon
        self._centered = centered
        self._hyper: dict[str, Any] = {}

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            self._get_or_make_slot_with_initializer(v, ones_initializer(), v.shape, v.dtype, "rms", self._name)
            if self._centered:
                self._zeros_slot(v, "mg", self._name)
            self._zeros_slot(v, "momentum", self._name)

    def _prepare(self) -> None:
        self._hyper = {
            "lr": self._tensor(self._learning_rate, "learning_rate"),
            "rho": self._tensor(self._decay, "decay"),
            "momentum": self._tensor(self._momentum, "momentum"),
            "epsilon": self._tensor(self._epsilon, "epsilon"),
        }

    def _values(self, var: Any) -> dict[str, Any]:
        slots = {"ms": self.get_slot(var, "rms"), "mom": self.get_slot(var, "momentum")}
        if self._centered:
            slots["mg"] = self.get_slot(var, "mg")
        return {**self._hyper, **slots}

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        rule = training.APPLY_CENTERED_RMS_PROP if self._centered else training.APPLY_RMS_PROP
        return apply_rule(rule, var, grad, self._values(var))

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        rule = training.SPARSE_APPLY_CENTERED_RMS_PROP if self._centered else training.SPARSE_APPLY_RMS_PROP
        return apply_rule(rule, var, grad, self._values(var))
