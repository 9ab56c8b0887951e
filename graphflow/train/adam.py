"""Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph import get_default_graph
from graphflow.ops import training
from graphflow.ops.basic import group
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.ops.shape_ops import shape
from graphflow.train.optimizer import Optimizer
from graphflow.train.rules import apply_rule


class AdamOptimizer(Optimizer):
    """lr_t = lr * sqrt(1 - beta2^t) / (1 - beta1^t); var -= lr_t * m / (sqrt(v) + epsilon).

    m and v are moving averages of the gradient and of its square.  beta1^t and beta2^t are variables of their own.
    A sparse gradient counts as a dense one with zeros: m, v and var change in all rows.
    Slots: m, v.   Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2014), its "epsilon hat" form.
    """

    _use_nesterov = False

    def __init__(
        self, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, epsilon: Any = 1e-8,
        use_locking: bool = False, name: str = "Adam",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._lr, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon
        self._lr_t: Any = None
        self._beta1_t: Any = None
        self._beta2_t: Any = None
        self._epsilon_t: Any = None

    def _get_beta_accumulators(self) -> tuple[Any, Any]:
        graph = get_default_graph()
        return self._get_non_slot_variable("beta1_power", graph), self._get_non_slot_variable("beta2_power", graph)

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        first = min(var_list, key=lambda v: v.name)
        self._create_non_slot_variable(self._call_if_callable(self._beta1), "beta1_power", first)
        self._create_non_slot_variable(self._call_if_callable(self._beta2), "beta2_power", first)
        for v in var_list:
            self._zeros_slot(v, "m", self._name)
            self._zeros_slot(v, "v", self._name)

    def _prepare(self) -> None:
        self._lr_t = self._tensor(self._lr, "learning_rate")
        self._beta1_t = self._tensor(self._beta1, "beta1")
        self._beta2_t = self._tensor(self._beta2, "beta2")
        self._epsilon_t = self._tensor(self._epsilon, "epsilon")

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        beta1_power, beta2_power = self._get_beta_accumulators()
        values = {
            "m": self.get_slot(var, "m"), "v": self.get_slot(var, "v"),
            "beta1_power": beta1_power, "beta2_power": beta2_power,
            "lr": self._lr_t, "beta1": self._beta1_t, "beta2": self._beta2_t, "epsilon": self._epsilon_t,
        }  # fmt: skip
        return apply_rule(training.APPLY_ADAM, var, grad, values, use_nesterov=self._use_nesterov)

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        rows = IndexedSlices(grad.values, grad.indices, shape(var))
        return AdamOptimizer._apply_dense(self, convert_to_tensor(rows), var)  # of a subclass only its sparse rule

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Any:
        """The powers of beta1 and beta2 change once, after all variables."""
        beta1_power, beta2_power = self._get_beta_accumulators()
        with get_default_graph().control_dependencies(update_ops):
            powers = [
                beta1_power.assign(beta1_power * self._beta1_t, read_value=False),
                beta2_power.assign(beta2_power * self._beta2_t, read_value=False),
            ]
        return group(*update_ops, *powers, name=name_scope)
