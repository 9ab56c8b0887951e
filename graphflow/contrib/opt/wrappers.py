"""Optimizers around optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from graphflow.control.conditional import cond
from graphflow.default import name_scope
from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import group, no_op
from graphflow.ops.clip import clip_by_global_norm, clip_by_norm, global_norm
from graphflow.ops.compare import equal
from graphflow.ops.fill import zeros
from graphflow.ops.indexed_slices import IndexedSlices, values_of
from graphflow.ops.indexing import gather
from graphflow.ops.reduce import count_nonzero
from graphflow.train.averages import ExponentialMovingAverage
from graphflow.train.optimizer import Optimizer, OptimizerAround
from graphflow.train.saver import Saver
from graphflow.variables import global_variables


class MovingAverageOptimizer(Optimizer):
    """Trains with `opt`, and keeps moving averages of the variables, which `swapping_saver` saves in their place.

    num_updates         as of tf.train.ExponentialMovingAverage
    sequential_update   averages are updated after the variables, with their new values
    """

    def __init__(
        self, opt: Optimizer, average_decay: Any = 0.9999, num_updates: Any = None, sequential_update: bool = True
    ) -> None:
        super().__init__(False, "MovingAverage")
        self._optimizer = opt
        self._ema = ExponentialMovingAverage(average_decay, num_updates=num_updates)
        self._swapped: dict[str, str] | None = None
        self._sequential_update = sequential_update

    def compute_gradients(self, *args: Any, **kwargs: Any) -> list[tuple[Any, Any]]:
        return self._optimizer.compute_gradients(*args, **kwargs)

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], global_step: Any = None, name: str | None = None
    ) -> Operation:
        """The updates of `opt`, and of the averages."""
        pairs = list(grads_and_vars)
        train_op = self._optimizer.apply_gradients(pairs, global_step=global_step, name=name)
        trained = [v for g, v in pairs if g is not None]
        with get_default_graph().control_dependencies([train_op] if self._sequential_update else []):
            averaged = self._ema.apply(trained)
        self._swapped = {}
        for v in trained:
            average: Any = self._ema.average(v)
            self._swapped[v.op.name] = average.op.name
            self._swapped[average.op.name] = v.op.name
        return group(train_op, averaged, name="train_with_avg")

    def swapping_saver(self, var_list: Any = None, name: str = "swapping_saver", **kwargs: Any) -> Saver:
        """A Saver that writes averages under the names of their variables, and the other way round.

        Raises: RuntimeError before apply_gradients or minimize; ValueError when one of a pair is not to be saved.
        """
        if self._swapped is None:
            raise RuntimeError("swapping_saver needs the averages that minimize or apply_gradients make")
        if var_list is None:
            var_list = global_variables()
        named = dict(var_list) if isinstance(var_list, dict) else {v.op.name: v for v in var_list}
        missing = [n for n in named if self._swapped.get(n, n) not in named]
        if missing:
            raise GraphError(f"{self._swapped[missing[0]]!r} must be saved too: it changes places with {missing[0]!r}")
        return Saver({n: named[self._swapped.get(n, n)] for n in named}, name=name, **kwargs)


class VariableClippingOptimizer(OptimizerAround):
    """Trains with `opt`, and then brings the norms of variables down to max_norm.

    vars_to_clip_dims   {variable: the axes over which a norm is taken}
    """

    def __init__(
        self, opt: Optimizer, vars_to_clip_dims: Mapping[Any, Sequence[int]], max_norm: Any,
        use_locking: bool = False, colocate_clip_ops_with_vars: bool = False, name: str = "VariableClipping",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._opt, self._max_norm = opt, max_norm
        self._axes = {v: list(axes) for v, axes in vars_to_clip_dims.items()}

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], global_step: Any = None, name: str | None = None
    ) -> Operation:
        """The updates of `opt`, and the clipping after them."""
        pairs = list(grads_and_vars)
        with name_scope(name, self._name) as scope:
            updated = self._opt.apply_gradients(pairs, global_step=global_step)
            clipped = []
            with get_default_graph().control_dependencies([updated]):
                for grad, var in pairs:
                    if grad is not None and var in self._axes:
                        with name_scope(f"clip_{var.op.name}"):
                            clipped.append(self._clip(grad, var))
            return group(updated, *clipped, name=scope)

    def _clip(self, grad: Any, var: Any) -> Any:
        """Of a sparse gradient only the rows, unless norms go over them."""
        axes = self._axes[var]
        if isinstance(grad, IndexedSlices) and 0 not in axes:
            rows = gather(var.read_value(), grad.indices)
            excess = IndexedSlices(rows - clip_by_norm(rows, self._max_norm, axes), grad.indices, grad.dense_shape)
            return var.scatter_sub(excess)
        value = var.read_value()
        return var.assign_sub(value - clip_by_norm(value, self._max_norm, axes))


def _all_zeros(grad: Any) -> Tensor:
    return equal(count_nonzero(values_of(grad)), 0)


class MultitaskOptimizerWrapper:
    """An optimizer that leaves variables, and their slots, alone when all of their gradient is 0.

    With losses that are switched off in turn, momentum would move the variables of the others too.
    Raises: TypeError when `opt` is no optimizer.
    """

    def __init__(self, opt: Optimizer) -> None:
        if not isinstance(opt, Optimizer):
            raise TypeError(f"opt must be a tf.train.Optimizer, not {opt!r}")
        self._opt = opt
        for name in ("_apply_dense", "_apply_sparse_duplicate_indices"):
            setattr(opt, name, _unless_all_zeros(getattr(opt, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opt, name)


def _unless_all_zeros(apply: Callable) -> Callable:
    def applied(grad: Any, var: Any) -> Any:
        def updated() -> Operation:
            with get_default_graph().control_dependencies([apply(grad, var)]):
                return no_op()

        return cond(_all_zeros(grad), no_op, updated)

    return applied


def clip_gradients_by_global_norm(
    gradients_variables: Iterable[tuple[Any, Any]], clip_norm: Any = 20.0
) -> tuple[list[tuple[Any, Any]], Tensor]:
    """(clipped pairs, the norm): as tf.clip_by_global_norm of the gradients of these pairs.

    Gradients that are all 0 count as a single 0, so that infinite norms of what is switched off do no harm.
    """
    pairs = list(gradients_variables)
    gradients = [g for g, _ in pairs]
    counted = [g if g is None else _or_zero(g) for g in gradients]
    norm = global_norm(counted)
    clipped, _ = clip_by_global_norm(gradients, clip_norm, use_norm=norm)
    return list(zip(clipped, [v for _, v in pairs], strict=True)), norm


def _or_zero(grad: Any) -> Tensor:
    return cond(_all_zeros(grad), lambda: zeros([], grad.dtype), lambda: grad)
