"""Relatives of Adam: with a maximum, with Nesterov's step, and for sparse gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph import get_default_graph
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.basic import cast, group
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.ops.indexing import gather
from graphflow.ops.math import abs, sqrt, square
from graphflow.ops.state import scatter_add, scatter_sub, scatter_update
from graphflow.train.adam import AdamOptimizer
from graphflow.train.optimizer import Optimizer


class _Adam(AdamOptimizer):
    """Hyperparameters in the dtype of a variable, and sparse gradients that came summed."""

    def _hyper(self, var: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The learning rate, beta1, beta2 and epsilon."""
        values = (self._lr_t, self._beta1_t, self._beta2_t, self._epsilon_t)
        return tuple(cast(value, var.dtype) for value in values)  # type: ignore[return-value]

    def _step_size(self, var: Any) -> Tensor:
        """lr * sqrt(1 - beta2^t) / (1 - beta1^t)."""
        beta1_power, beta2_power = (cast(power, var.dtype) for power in self._get_beta_accumulators())
        return cast(self._lr_t, var.dtype) * sqrt(1.0 - beta2_power) / (1.0 - beta1_power)

    _apply_sparse_duplicate_indices = Optimizer._apply_sparse_duplicate_indices


class LazyAdamOptimizer(_Adam):
    """Adam that, for a sparse gradient, changes m, v and var only in the rows that the gradient has."""

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        _, beta1, beta2, epsilon = self._hyper(var)
        m, v, rows, g = self.get_slot(var, "m"), self.get_slot(var, "v"), grad.indices, grad.values
        new_m = beta1 * gather(m, rows) + (1.0 - beta1) * g
        new_v = beta2 * gather(v, rows) + (1.0 - beta2) * square(g)
        step = self._step_size(var) * new_m / (sqrt(new_v) + epsilon)
        return group(scatter_sub(var, rows, step), scatter_update(m, rows, new_m), scatter_update(v, rows, new_v))


class NadamOptimizer(_Adam):
    """Adam with Nesterov's step: m is taken one update ahead.

    Source: Dozat, "Incorporating Nesterov momentum into Adam" (2016), as TensorFlow simplifies it.
    """

    _use_nesterov = True

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        """m and v shrink in all rows; only the rows of the gradient move."""
        _, beta1, beta2, epsilon = self._hyper(var)
        m: Any = self.get_slot(var, "m")
        v: Any = self.get_slot(var, "v")
        rows, g = grad.indices, grad.values
        with get_default_graph().control_dependencies([m.assign(m * beta1), v.assign(v * beta2)]):
            new_m = scatter_add(m, rows, (1.0 - beta1) * g)
            new_v = scatter_add(v, rows, (1.0 - beta2) * g * g)
        ahead = (1.0 - beta1) * g + beta1 * gather(new_m, rows)
        step = self._step_size(var) * ahead / (sqrt(gather(new_v, rows)) + epsilon)
        return group(scatter_sub(var, rows, step), new_m, new_v)


class AdaMaxOptimizer(_Adam):
    """v = max(beta2 * v, |gradient|); var -= lr / (1 - beta1^t) * m / (v + epsilon).

    A sparse gradient changes only its rows.   Source: Kingma and Ba (2014), section 7.
    """

    def __init__(
        self, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, epsilon: Any = 1e-8,
        use_locking: bool = False, name: str = "AdaMax",
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)

    def _get_beta_accumulators(self) -> Any:
        return self._get_non_slot_variable("beta1_power", get_default_graph())

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        first = min(var_list, key=lambda v: v.name)
        self._create_non_slot_variable(self._beta1, "beta1_power", first)
        for v in var_list:
            self._zeros_slot(v, "m", self._name)
            self._zeros_slot(v, "v", self._name)

    def _moved(self, g: Any, m: Any, v: Any, var: Any) -> tuple[Tensor, Tensor, Tensor]:
        """New m and v, and what is taken from the variable."""
        lr, beta1, beta2, epsilon = self._hyper(var)
        new_m = beta1 * m + (1.0 - beta1) * g
        new_v = maximum(beta2 * v, abs(g))
        power = cast(self._get_beta_accumulators(), var.dtype)
        return new_m, new_v, lr / (1.0 - power) * (new_m / (new_v + epsilon))

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        m: Any = self.get_slot(var, "m")
        v: Any = self.get_slot(var, "v")
        new_m, new_v, step = self._moved(grad, m, v, var)
        return group(var.assign_sub(step), m.assign(new_m), v.assign(new_v))

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        m, v, rows = self.get_slot(var, "m"), self.get_slot(var, "v"), grad.indices
        new_m, new_v, step = self._moved(grad.values, gather(m, rows), gather(v, rows), var)
        return group(scatter_sub(var, rows, step), scatter_update(m, rows, new_m), scatter_update(v, rows, new_v))

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Any:
        power = self._get_beta_accumulators()
        with get_default_graph().control_dependencies(update_ops):
            updated = power.assign(power * self._beta1_t, read_value=False)
        return group(*update_ops, updated, name=name_scope)
