"""Optimizers that also shrink the weights, apart from the gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graphflow.graph import get_default_graph
from graphflow.operation import Operation
from graphflow.ops.basic import no_op
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.ops.indexing import gather
from graphflow.ops.state import scatter_add
from graphflow.ops.training import SUM_DUPLICATES
from graphflow.train.adam import AdamOptimizer
from graphflow.train.momentum import MomentumOptimizer
from graphflow.train.optimizer import GATE_OP


class DecoupledWeightDecayExtension:
    """For a class that derives from this first and from an optimizer second: var -= weight_decay * var before updates.

    weight_decay  a number, a tensor or a function without arguments; it is not multiplied by the learning rate
    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019).
    """

    def __init__(self, weight_decay: Any, *args: Any, **kwargs: Any) -> None:
        self._weight_decay = weight_decay
        self._weight_decay_tensor: Any = None
        self._decay_var_list: Any = None
        super().__init__(*args, **kwargs)

    def minimize(
        self, loss: Any, global_step: Any = None, var_list: Sequence[Any] | None = None, gate_gradients: int = GATE_OP,
        aggregation_method: Any = None, colocate_gradients_with_ops: bool = False, name: str | None = None,
        grad_loss: Any = None, decay_var_list: Iterable[Any] | None = None,
    ) -> Operation:  # fmt: skip
        """As the optimizer's; only variables of decay_var_list shrink, all without one.

        `apply_gradients`, which this calls, forgets the list again, as in TensorFlow: all variables shrink.
        """
        self._decay_var_list = set(decay_var_list or ())
        optimizer: Any = super()
        return optimizer.minimize(
            loss, global_step=global_step, var_list=var_list, gate_gradients=gate_gradients,
            aggregation_method=aggregation_method, colocate_gradients_with_ops=colocate_gradients_with_ops, name=name,
            grad_loss=grad_loss,
        )  # fmt: skip

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], global_step: Any = None, name: str | None = None,
        decay_var_list: Iterable[Any] | None = None,
    ) -> Operation:  # fmt: skip
        """As the optimizer's; only variables of decay_var_list shrink, all without one."""
        self._decay_var_list = set(decay_var_list or ())
        optimizer: Any = super()
        return optimizer.apply_gradients(grads_and_vars, global_step=global_step, name=name)

    def _prepare(self) -> None:
        optimizer: Any = super()
        self._weight_decay_tensor = optimizer._tensor(self._weight_decay, "weight_decay")
        optimizer._prepare()

    def _decays(self, var: Any) -> bool:
        return not self._decay_var_list or var in self._decay_var_list

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        optimizer: Any = super()
        shrunk = var.assign_sub(self._weight_decay * var) if self._decays(var) else no_op()
        with get_default_graph().control_dependencies([shrunk]):
            return optimizer._apply_dense(grad, var)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Any:
        """Only the rows that have a gradient shrink."""
        optimizer: Any = super()
        values, indices = SUM_DUPLICATES(grad.values, grad.indices)
        shrunk = no_op()
        if self._decays(var):
            shrunk = scatter_add(var, indices, -self._weight_decay * gather(var, indices)).op
        with get_default_graph().control_dependencies([shrunk]):
            return optimizer._apply_sparse_duplicate_indices(IndexedSlices(values, indices, grad.dense_shape), var)


def extend_with_decoupled_weight_decay(base_optimizer: type) -> type:
    """A subclass of an optimizer's class with weight decay: its first argument is the decay."""

    class OptimizerWithDecoupledWeightDecay(DecoupledWeightDecayExtension, base_optimizer):
        """The optimizer, and weights that shrink before its updates."""

    return OptimizerWithDecoupledWeightDecay


class MomentumWOptimizer(DecoupledWeightDecayExtension, MomentumOptimizer):
    """MomentumOptimizer, with weights that shrink before its updates."""

    def __init__(
        self, weight_decay: Any, learning_rate: Any, momentum: Any, use_locking: bool = False,
        name: str = "MomentumW", use_nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(weight_decay, learning_rate=learning_rate, momentum=momentum, use_locking=use_locking,
                         name=name, use_nesterov=use_nesterov)  # fmt: skip


class AdamWOptimizer(DecoupledWeightDecayExtension, AdamOptimizer):
    """AdamOptimizer, with weights that shrink before its updates."""

    def __init__(
        self, weight_decay: Any, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999,
        epsilon: Any = 1e-8, use_locking: bool = False, name: str = "AdamW",
    ) -> None:  # fmt: skip
        super().__init__(weight_decay, learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon,
                         use_locking=use_locking, name=name)  # fmt: skip
