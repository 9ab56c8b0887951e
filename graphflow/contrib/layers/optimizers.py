"""optimize_loss: learning rate, gradients, clipping and updates in one call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphflow import train
from graphflow.default import control_dependencies, get_collection
from graphflow.errors import GraphError, ShapeError
from graphflow.initializers import constant_initializer
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.basic import identity
from graphflow.ops.clip import clip_by_global_norm, global_norm
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.indexed_slices import IndexedSlices, values_of
from graphflow.ops.random import truncated_normal
from graphflow.ops.shape_ops import shape
from graphflow.shared_variables import get_variable
from graphflow.summary.functions import histogram, scalar
from graphflow.train.optimizer import Optimizer
from graphflow.variable_scope import variable_scope
from graphflow.variables import Variable, trainable_variables

OPTIMIZER_CLS_NAMES: dict[str, Callable[..., Optimizer]] = {
    "Adagrad": train.AdagradOptimizer, "Adam": train.AdamOptimizer, "Ftrl": train.FtrlOptimizer,
    "Momentum": lambda learning_rate: train.MomentumOptimizer(learning_rate, momentum=0.9),
    "RMSProp": train.RMSPropOptimizer, "SGD": train.GradientDescentOptimizer,
}  # fmt: skip
OPTIMIZER_SUMMARIES = [
    "learning_rate", "loss", "gradients", "gradient_norm", "global_gradient_norm",
]  # fmt: skip
DEFAULT_SUMMARIES = ["loss", "learning_rate", "global_gradient_norm"]

Gradients = list[tuple[Any, Any]]


def optimize_loss(
    loss: Any, global_step: Any, learning_rate: Any, optimizer: Any, gradient_noise_scale: float | None = None,
    gradient_multipliers: dict[Any, Any] | None = None, clip_gradients: Any = None,
    learning_rate_decay_fn: Callable | None = None, update_ops: Sequence[Any] | None = None,
    variables: Sequence[Any] | None = None, name: str | None = None, summaries: Sequence[str] | None = None,
    colocate_gradients_with_ops: bool = False, increment_global_step: bool = True,
) -> Tensor:  # fmt: skip
    """The loss, as a tensor that takes a step of training whenever it is run.

    global_step             counts the steps; None: the graph's, if it has one
    learning_rate           a float, a scalar tensor, or None when the optimizer has its own
    optimizer               a name ("SGD", "Adam", ...), a class, an Optimizer, or a function of the learning rate
    gradient_noise_scale    adds noise of this standard deviation to the gradients
    gradient_multipliers    factors of gradients, by variable or by its name
    clip_gradients          the largest global norm, or a function from gradient-variable pairs to such pairs
    learning_rate_decay_fn  a function of (learning_rate, global_step)
    update_ops              run before the loss; those in UPDATE_OPS by default
    summaries               which of OPTIMIZER_SUMMARIES are made: by default the loss, a rate that decays, and the norm
                            of all gradients, before and after they are clipped
    Raises: ValueError for arguments that do not fit together, or a loss that is no scalar.
    """
    loss = convert_to_tensor(loss)
    if loss.shape.ndims not in (None, 0):
        raise ShapeError(f"the loss must be a scalar, not {loss!r}")
    wanted = DEFAULT_SUMMARIES if summaries is None else summaries
    unknown = [s for s in wanted if s not in OPTIMIZER_SUMMARIES]
    if unknown:
        raise GraphError(f"there are no summaries {unknown}; known are {OPTIMIZER_SUMMARIES}")
    step = train.get_global_step() if global_step is None else global_step
    if step is not None:
        train.assert_global_step(step)
    with variable_scope(name, "OptimizeLoss", [loss]):
        before = get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else update_ops
        loss = _after(before, loss)
        rate = _decayed(_rate(learning_rate), learning_rate_decay_fn, step)
        if rate is not None and learning_rate_decay_fn is not None and "learning_rate" in wanted:
            scalar("learning_rate", rate)
        chosen = _optimizer(optimizer, rate)
        pairs = chosen.compute_gradients(loss, trainable_variables() if variables is None else list(variables))
        if gradient_noise_scale is not None:
            pairs = [(_noisy(g, gradient_noise_scale), v) for g, v in pairs]
        if gradient_multipliers is not None:
            pairs = [(scaled(g, v, gradient_multipliers), v) for g, v in pairs]
        norms = not {"global_gradient_norm", "gradient_norm"}.isdisjoint(wanted)
        if norms:
            scalar("global_norm/gradient_norm", global_norm([g for g, _ in pairs]))
        pairs = _clipped(pairs, clip_gradients)
        if "loss" in wanted:
            scalar("loss", loss)
        _summarize(pairs, wanted)
        if norms and clip_gradients is not None:
            scalar("global_norm/clipped_gradient_norm", global_norm([g for g, _ in pairs]))
        update = chosen.apply_gradients(pairs, global_step=step if increment_global_step else None, name="train")
        return _after([update], loss)


def _summarize(pairs: Sequence[tuple[Any, Any]], wanted: Sequence[str]) -> None:
    """What is asked for of each gradient; of rows, the rows alone count."""
    for gradient, variable in pairs:
        if gradient is None:
            continue
        values = values_of(gradient)
        name = variable.name.replace(":", "_")
        if "gradients" in wanted:
            histogram(f"gradients/{name}", values)
        if "gradient_norm" in wanted:
            scalar(f"gradient_norm/{name}", global_norm([values]))


def _after(operations: Sequence[Any], loss: Tensor) -> Tensor:
    """The loss, made available when the operations have run."""
    if not operations:
        return loss
    with control_dependencies(operations):
        return identity(loss, name="control_dependency")


def _rate(learning_rate: Any) -> Any:
    """The learning rate as a tensor or variable; None when there is none."""
    if learning_rate is None:
        return None
    if isinstance(learning_rate, (Tensor, Variable)) and learning_rate.shape.ndims in (None, 0):
        return learning_rate
    if not isinstance(learning_rate, float) or learning_rate < 0:
        raise GraphError(f"the learning rate must be a float, at least 0, or a scalar tensor; not {learning_rate!r}")
    return get_variable("learning_rate", [], trainable=False, initializer=constant_initializer(learning_rate))


def _decayed(rate: Any, decay: Callable | None, step: Any) -> Any:
    if rate is None or decay is None:
        return rate
    if step is None:
        raise GraphError("learning_rate_decay_fn needs a global_step")
    return decay(rate, step)


def _optimizer(given: Any, rate: Any) -> Optimizer:
    if isinstance(given, str):
        if given not in OPTIMIZER_CLS_NAMES:
            raise GraphError(f"there is no optimizer {given!r}; known are {', '.join(OPTIMIZER_CLS_NAMES)}")
        if rate is None:
            raise GraphError(f"the optimizer {given!r} needs a learning rate")
        return OPTIMIZER_CLS_NAMES[given](learning_rate=rate)
    made: Any = given
    if inspect.isclass(given) and issubclass(given, Optimizer):
        if rate is None:
            raise GraphError(f"the optimizer {given.__name__} needs a learning rate")
        made = made(learning_rate=rate)
    elif callable(given):
        made = given() if rate is None else given(rate)
    if not isinstance(made, Optimizer):
        raise GraphError(f"an optimizer is a name, a class, an Optimizer or a function that makes one; not {given!r}")
    return made


def _values(gradient: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The gradient with its values changed; rows stay rows."""
    if isinstance(gradient, IndexedSlices):
        return IndexedSlices(change(gradient.values), gradient.indices, gradient.dense_shape)
    return None if gradient is None else change(gradient)


def _noisy(gradient: Any, scale: float) -> Any:
    return _values(gradient, lambda g: g + truncated_normal(shape(g), dtype=g.dtype) * scale)


def scaled(gradient: Any, variable: Any, factors: dict[Any, Any]) -> Any:
    """The gradient times the factor of its variable, or of the variable's name, if there is one."""
    for key in (variable, variable.name, variable.op.name):
        if key in factors:
            if gradient is None:
                raise GraphError(f"the loss has no gradient for {variable!r}, which has a multiplier")
            return _values(gradient, lambda g: g * convert_to_tensor(factors[key], g.dtype))
    return gradient


def _clipped(pairs: Gradients, rule: Any) -> Gradients:
    if rule is None:
        return pairs
    if callable(rule):
        return rule(pairs)
    if not isinstance(rule, (float, Tensor)):
        raise GraphError(f"clip_gradients must be a float, a tensor or a function, not {rule!r}")
    clipped, _ = clip_by_global_norm([g for g, _ in pairs], rule)
    return list(zip(clipped, [v for _, v in pairs], strict=True))
