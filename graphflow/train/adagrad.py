"""Adagrad, plain, proximal and by dual averaging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.dtypes import int64
from graphflow.errors import GraphError
from graphflow.initializers import constant_initializer
from graphflow.ops import training
from graphflow.ops.basic import cast
from graphflow.ops.define import convert_to_tensor
from graphflow.train.optimizer import Optimizer
from graphflow.train.rules import apply_rule


def _positive(value: float, what: str) -> float:
    if value <= 0:
        raise GraphError(f"{what} must be positive, not {value}")
    return value


class AdagradOptimizer(Optimizer):
    """a += gradient^2; var -= learning_rate * gradient / sqrt(a).   No epsilon: a starts above 0.

    Slots: accumulator (a).   Source: Duchi, Hazan, Singer, "Adaptive subgradient methods" (2011).
    Raises: ValueError for an initial accumulator value that is not positive.
    """

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1, use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._initial = _positive(initial_accumulator_value, "initial_accumulator_value")
        self._learning_rate = learning_rate
        self._learning_rate_tensor: Any = None

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            start = constant_initializer(self._initial)
            self._get_or_make_slot_with_initializer(v, start, v.shape, v.dtype, "accumulator", self._name)

    def _prepare(self) -> None:
        self._learning_rate_tensor = self._tensor(self._learning_rate, "learning_rate")

    def _values(self, var: Any) -> dict[str, Any]:
        return {"accum": self.get_slot(var, "accumulator"), "lr": self._learning_rate_tensor}

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.APPLY_ADAGRAD, var, grad, self._values(var))

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.SPARSE_APPLY_ADAGRAD, var, grad, self._values(var))


class ProximalAdagradOptimizer(Optimizer):
    """Adagrad that pulls variables toward 0 after each step, exactly to 0 where L1 is strong enough.

    Slots: accumulator.   Raises: ValueError for an initial accumulator value that is not positive.
    Source: Duchi and Singer, "Efficient learning using forward-backward splitting" (2009).
    """

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        super().__init__(use_locking, name)
        self._initial = _positive(initial_accumulator_value, "initial_accumulator_value")
        self._learning_rate = learning_rate
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._hyper: dict[str, Any] = {}

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            start = constant_initializer(self._initial)
            self._get_or_make_slot_with_initializer(v, start, v.shape, v.dtype, "accumulator", self._name)

    def _prepare(self) -> None:
        self._hyper = {
            "lr": self._tensor(self._learning_rate, "learning_rate"),
            "l1": self._tensor(self._l1, "l1_regularization_strength"),
            "l2": self._tensor(self._l2, "l2_regularization_strength"),
        }

    def _values(self, var: Any) -> dict[str, Any]:
        return {**self._hyper, "accum": self.get_slot(var, "accumulator")}

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.APPLY_PROXIMAL_ADAGRAD, var, grad, self._values(var))

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.SPARSE_APPLY_PROXIMAL_ADAGRAD, var, grad, self._values(var))


class AdagradDAOptimizer(Optimizer):
    """Adagrad by dual averaging: var is worked out anew from the sums of all gradients and of their squares.

    var = -lr * G / (l2 * t * lr + sqrt(sum of squares)), where G, the sum, is pulled toward 0 by l1 * t, at step t.
    Slots: gradient_accumulator, gradient_squared_accumulator.   Source: Duchi, Hazan, Singer (2011).
    """

    def __init__(
        self,
        learning_rate: Any,
        global_step: Any,
        initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "AdagradDA",
    ) -> None:
        super().__init__(use_locking, name)
        what = "initial_gradient_squared_accumulator_value"
        self._initial = _positive(initial_gradient_squared_accumulator_value, what)
        self._learning_rate, self._global_step = learning_rate, global_step
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._hyper: dict[str, Any] = {}

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            self._zeros_slot(v, "gradient_accumulator", self._name)
            start = constant_initializer(self._initial)
            self._get_or_make_slot_with_initializer(
                v, start, v.shape, v.dtype, "gradient_squared_accumulator", self._name
            )

    def _prepare(self) -> None:
        self._hyper = {
            "lr": self._tensor(self._learning_rate, "learning_rate"),
            "l1": self._tensor(self._l1, "l1_regularization_strength"),
            "l2": self._tensor(self._l2, "l2_regularization_strength"),
            "global_step": cast(convert_to_tensor(self._global_step), int64) + 1,
        }

    def _values(self, var: Any) -> dict[str, Any]:
        gradients = self.get_slot(var, "gradient_accumulator")
        squares = self.get_slot(var, "gradient_squared_accumulator")
        return {**self._hyper, "gradients": gradients, "squares": squares}

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.APPLY_ADAGRAD_DA, var, grad, self._values(var))

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        return apply_rule(training.SPARSE_APPLY_ADAGRAD_DA, var, grad, self._values(var))
