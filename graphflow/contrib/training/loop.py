"""Trainings: the operation of a step, and the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.contrib import learning
from graphflow.contrib.layers.optimizers import Gradients
from graphflow.default import name_scope
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.clip import global_norm
from graphflow.ops.indexed_slices import values_of
from graphflow.summary.functions import histogram, scalar
from graphflow.train.monitored import MonitoredTrainingSession, Scaffold
from graphflow.train.optimizer import Optimizer


def add_gradients_summaries(grads_and_vars: Gradients) -> list[Tensor]:
    """A histogram and the norm of each gradient."""
    made = []
    for gradient, variable in grads_and_vars:
        if gradient is not None:
            values = values_of(gradient)
            made.append(histogram(f"{variable.op.name}_gradient", values))
            made.append(scalar(f"{variable.op.name}_gradient_norm", global_norm([values])))
    return made


def clip_gradient_norms_fn(max_norm: float) -> Callable[[Gradients], Gradients]:
    """The function that clips gradients to this norm, for create_train_op."""
    return lambda pairs: learning.clip_gradient_norms(pairs, max_norm)


def create_train_op(
    total_loss: Any, optimizer: Optimizer, global_step: Any = learning._GRAPHS_STEP,
    update_ops: Sequence[Any] | None = None, variables_to_train: Sequence[Any] | None = None,
    transform_grads_fn: Callable[[Gradients], Gradients] | None = None, summarize_gradients: bool = False,
    gate_gradients: int = Optimizer.GATE_OP, aggregation_method: Any = None,
    colocate_gradients_with_ops: bool = False, check_numerics: bool = True,
) -> Tensor:  # fmt: skip
    """As slim.learning.create_train_op: the loss, as a tensor that takes a step of training whenever it is run."""
    seen: Callable[[Gradients], Gradients] = transform_grads_fn or (lambda pairs: pairs)

    def summarized(pairs: Gradients) -> Gradients:
        pairs = seen(pairs)
        if summarize_gradients:
            with name_scope("summarize_grads"):
                add_gradients_summaries(pairs)
        return pairs

    return learning.create_train_op(
        total_loss, optimizer, global_step, update_ops, variables_to_train, gate_gradients=gate_gradients,
        aggregation_method=aggregation_method, colocate_gradients_with_ops=colocate_gradients_with_ops,
        check_numerics=check_numerics, transform_grads_fn=summarized,
    )  # fmt: skip


def train(
    train_op: Any, logdir: Any, master: str = "", is_chief: bool = True, scaffold: Scaffold | None = None,
    hooks: Sequence[Any] | None = None, chief_only_hooks: Sequence[Any] | None = None,
    save_checkpoint_secs: float | None = 600, save_summaries_steps: int | None = 100, config: Any = None,
    max_wait_secs: float = 7200, run_metadata: Any = None,
) -> Any:  # fmt: skip
    """Run train_op until a hook or the data end it; gives its last value.

    logdir   where checkpoints and summaries go; None: nowhere
    Raises: ValueError when something is to be saved without a logdir.
    """
    if logdir is None and is_chief:
        for what, value in (("save_summaries_steps", save_summaries_steps),
                            ("save_checkpoint_secs", save_checkpoint_secs)):  # fmt: skip
            if value:
                raise GraphError(f"logdir is None, and {what} is {value}: it must be None, too")
    loss = None
    with MonitoredTrainingSession(
        master=master, is_chief=is_chief, checkpoint_dir=logdir, scaffold=scaffold, hooks=hooks,
        chief_only_hooks=chief_only_hooks, save_checkpoint_secs=save_checkpoint_secs,
        save_summaries_steps=save_summaries_steps, config=config, max_wait_secs=max_wait_secs,
    ) as session:  # fmt: skip
        while not session.should_stop():
            loss = session.run(train_op, run_metadata=run_metadata)
    return loss
