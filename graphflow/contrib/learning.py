"""`slim.learning`: a step of training as one operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.contrib.layers.optimizers import Gradients, scaled
from graphflow.default import add_to_collection, control_dependencies, get_collection, name_scope
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.basic import identity
from graphflow.ops.clip import clip_by_norm
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.finite import check_numerics as checked
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.train.global_step import get_or_create_global_step
from graphflow.train.optimizer import Optimizer
from graphflow.variables import trainable_variables

_GRAPHS_STEP = object()


def clip_gradient_norms(gradients_to_variables: Gradients, max_norm: float) -> Gradients:
    """Each gradient scaled down to this norm, where its norm is larger."""
    return [(_clipped(g, max_norm), v) for g, v in gradients_to_variables]


def _clipped(gradient: Any, max_norm: float) -> Any:
    if isinstance(gradient, IndexedSlices):
        return IndexedSlices(clip_by_norm(gradient.values, max_norm), gradient.indices, gradient.dense_shape)
    return None if gradient is None else clip_by_norm(gradient, max_norm)


def multiply_gradients(grads_and_vars: Gradients, gradient_multipliers: dict[Any, Any]) -> Gradients:
    """The gradients times factors, which are given by variable or by its name."""
    return [(scaled(g, v, gradient_multipliers), v) for g, v in grads_and_vars]


def create_train_op(
    total_loss: Any, optimizer: Optimizer, global_step: Any = _GRAPHS_STEP, update_ops: Sequence[Any] | None = None,
    variables_to_train: Sequence[Any] | None = None, clip_gradient_norm: float = 0,
    summarize_gradients: bool = False, gate_gradients: int = Optimizer.GATE_OP, aggregation_method: Any = None,
    colocate_gradients_with_ops: bool = False, gradient_multipliers: dict[Any, Any] | None = None,
    check_numerics: bool = True, transform_grads_fn: Callable[[Gradients], Gradients] | None = None,
) -> Tensor:  # fmt: skip
    """The loss, as a tensor that takes a step of training whenever it is run; also in the collection TRAIN_OP.

    global_step           counts the steps; the graph's, made if there is none; None: nothing counts
    update_ops            run before the loss; those in UPDATE_OPS by default
    gradient_multipliers  factors of gradients, by variable or by its name
    clip_gradient_norm    the largest norm of a gradient; 0: any
    Raises: InvalidArgumentError, when run, for a loss that is not finite, unless check_numerics is False.
    """
    step = get_or_create_global_step() if global_step is _GRAPHS_STEP else global_step
    before = get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else update_ops
    loss = convert_to_tensor(total_loss)
    with control_dependencies(list(before)):
        loss = identity(loss) if before else loss
    variables = trainable_variables() if variables_to_train is None else list(variables_to_train)
    pairs = optimizer.compute_gradients(
        loss, variables, gate_gradients, aggregation_method, colocate_gradients_with_ops
    )
    if transform_grads_fn is not None:
        pairs = transform_grads_fn(pairs)
    if gradient_multipliers:
        with name_scope("multiply_grads"):
            pairs = multiply_gradients(pairs, gradient_multipliers)
    if clip_gradient_norm > 0:
        with name_scope("clip_grads"):
            pairs = clip_gradient_norms(pairs, clip_gradient_norm)
    update = optimizer.apply_gradients(pairs, global_step=step)
    with name_scope("train_op"):
        if check_numerics:
            loss = checked(loss, "LossTensor is inf or nan")
        with control_dependencies([update]):
            step_and_loss = identity(loss, name="control_dependency")
    add_to_collection(GraphKeys.TRAIN_OP, step_and_loss)
    return step_and_loss
