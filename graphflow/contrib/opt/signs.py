"""Optimizers that go further where the gradient keeps its sign.

Source: Bello et al., "Neural optimizer search with reinforcement learning" (2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast, group
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.ops.indexing import gather
from graphflow.ops.math import exp, sign
from graphflow.ops.state import scatter_sub
from graphflow.train.optimizer import Optimizer


class _SignOptimizer(Optimizer):
    """var -= lr * factor * gradient; m is a moving average of gradients, `factor` looks at the signs of both."""

    def __init__(
        self, learning_rate: Any, beta: Any, sign_decay_fn: Callable | None, use_locking: bool, name: str
    ) -> None:
        super().__init__(use_locking, name)
        self._lr, self._beta, self._sign_decay_fn = learning_rate, beta, sign_decay_fn
        self._lr_t: Any = None
        self._beta_t: Any = None
        self._sign_decay_t: Any = None

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], global_step: Any = None, name: str | None = None
    ) -> Operation:
        """As every optimizer's; sign_decay_fn gets global_step."""
        if self._sign_decay_fn is not None:
            self._sign_decay_t = convert_to_tensor(self._sign_decay_fn(global_step), name="sign_decay")
        return super().apply_gradients(grads_and_vars, global_step, name)

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            self._zeros_slot(v, "m", self._name)

    def _prepare(self) -> None:
        self._lr_t = self._tensor(self._lr, "learning_rate")
        self._beta_t = self._tensor(self._beta, "beta")
        if self._sign_decay_fn is None:
            self._sign_decay_t = self._tensor(1.0, "sign_decay")

    def _factor(self, agreement: Tensor, var: Any) -> Tensor:
        """From 1 where gradient and average have one sign, -1 where they do not; decayed."""
        raise NotImplementedError

    def _step(self, g: Any, m: Any, var: Any) -> Tensor:
        decayed = cast(self._sign_decay_t, var.dtype) * (sign(g) * sign(m))
        return cast(self._lr_t, var.dtype) * self._factor(decayed, var) * g

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        beta = cast(self._beta_t, var.dtype)
        m: Any = self.get_slot(var, "m")
        new_m = m.assign(beta * m + (1.0 - beta) * grad)
        return group(var.assign_sub(self._step(grad, new_m, var)), new_m)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        """m changes in all rows, the variable in those of the gradient."""
        beta = cast(self._beta_t, var.dtype)
        m: Any = self.get_slot(var, "m")
        new_m = m.assign(beta * m + convert_to_tensor(grad) * (1.0 - beta))
        step = self._step(grad.values, gather(new_m, grad.indices), var)
        return group(scatter_sub(var, grad.indices, step), new_m)


class AddSignOptimizer(_SignOptimizer):
    """factor = alpha + sign(gradient) * sign(m).   Slots: m.

    sign_decay_fn   a function of global_step: what the product of the signs is multiplied by
    """

    def __init__(
        self, learning_rate: Any = 0.1, alpha: Any = 1.0, beta: Any = 0.9, sign_decay_fn: Callable | None = None,
        use_locking: bool = False, name: str = "AddSignOptimizer",
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta, sign_decay_fn, use_locking, name)
        self._alpha = alpha
        self._alpha_t: Any = None

    def _prepare(self) -> None:
        super()._prepare()
        self._alpha_t = self._tensor(self._alpha, "alpha")

    def _factor(self, agreement: Tensor, var: Any) -> Tensor:
        return cast(self._alpha_t, var.dtype) + agreement


class PowerSignOptimizer(_SignOptimizer):
    """factor = base ^ (sign(gradient) * sign(m)).   Slots: m.

    sign_decay_fn   a function of global_step: what the product of the signs is multiplied by
    """

    def __init__(
        self, learning_rate: Any = 0.1, base: float = math.e, beta: Any = 0.9, sign_decay_fn: Callable | None = None,
        use_locking: bool = False, name: str = "PowerSignOptimizer",
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta, sign_decay_fn, use_locking, name)
        self._logbase = math.log(base)
        self._logbase_t: Any = None

    def _prepare(self) -> None:
        super()._prepare()
        self._logbase_t = self._tensor(self._logbase, "logbase")

    def _factor(self, agreement: Tensor, var: Any) -> Tensor:
        return exp(cast(self._logbase_t, var.dtype) * agreement)
