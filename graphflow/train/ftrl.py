"""Ftrl."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.errors import GraphError
from graphflow.initializers import constant_initializer
from graphflow.ops import training
from graphflow.train.optimizer import Optimizer
from graphflow.train.rules import apply_rule


class FtrlOptimizer(Optimizer):
    """Follow the regularized leader: var is worked out anew from two accumulators, exactly 0 where L1 wins.

    a' = a + g^2; l += g - (a'^-p - a^-p) / lr * var; var = (sign(l) * l1 - l) / (a'^-p / lr + 2 * l2) where
    |l| > l1, else 0.  p is learning_rate_power; l2_shrinkage adds 2 * l2_shrinkage * var to the g of l.
    Slots: accum (a), linear (l).   Source: McMahan et al., "Ad click prediction: a view from the trenches" (2013).
    Raises: ValueError for a negative start or strength, and for a positive learning_rate_power.
    """

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
    ) -> None:
        super().__init__(use_locking, name)
        strengths = (l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength)
        if initial_accumulator_value < 0 or min(strengths) < 0:
            raise GraphError("the initial accumulator value and the regularization strengths must not be negative")
        if learning_rate_power > 0:
            raise GraphError(f"learning_rate_power must not be positive, and is {learning_rate_power}")
        self._learning_rate, self._power = learning_rate, learning_rate_power
        self._initial = initial_accumulator_value
        self._strengths = strengths
        self._accum_name, self._linear_name = accum_name, linear_name
        self._hyper: dict[str, Any] = {}

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            start = constant_initializer(self._initial)
            self._get_or_make_slot_with_initializer(v, start, v.shape, v.dtype, "accum", self._accum_name or self._name)
            self._zeros_slot(v, "linear", self._linear_name or self._name)

    def _prepare(self) -> None:
        l1, l2, l2_shrinkage = self._strengths
        self._hyper = {
            "lr": self._tensor(self._learning_rate, "learning_rate"),
            "l1": self._tensor(l1, "l1_regularization_strength"),
            "l2": self._tensor(l2, "l2_regularization_strength"),
            "l2_shrinkage": self._tensor(l2_shrinkage, "l2_shrinkage_regularization_strength"),
            "lr_power": self._tensor(self._power, "learning_rate_power"),
        }

    def _values(self, var: Any) -> dict[str, Any]:
        return {**self._hyper, "accum": self.get_slot(var, "accum"), "linear": self.get_slot(var, "linear")}

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.APPLY_FTRL, var, grad, self._values(var))

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.SPARSE_APPLY_FTRL, var, grad, self._values(var))
