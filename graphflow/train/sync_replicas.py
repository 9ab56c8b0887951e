"""Training in which several workers' gradients make one step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphflow.default import name_scope
from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import group, no_op
from graphflow.ops.fill import fill
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.ops.state import assign
from graphflow.queues.accumulators import ConditionalAccumulator, SparseConditionalAccumulator
from graphflow.queues.queues import FIFOQueue
from graphflow.queues.runner import QueueRunner
from graphflow.train.optimizer import Optimizer, OptimizerAround
from graphflow.train.session_run_hook import SessionRunHook
from graphflow.variables import Variable, global_variables, report_uninitialized_variables


class SyncReplicasOptimizer(OptimizerAround):
    """Applies the mean of replicas_to_aggregate gradients, by `opt`; those computed before the last step are left out.

    Each run of the training operation adds a gradient, and waits until a step is done for which it has a token.  The
    steps themselves are made by the queue runner of the chief: see make_session_run_hook.
    total_num_replicas   how many workers there are; as many as gradients by default
    variable_averages    an ExponentialMovingAverage that is applied to variables_to_average after each step
    """

    def __init__(
        self, opt: Optimizer, replicas_to_aggregate: int, total_num_replicas: int | None = None,
        variable_averages: Any = None, variables_to_average: Any = None, use_locking: bool = False,
        name: str = "sync_replicas",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._opt, self._needed = opt, replicas_to_aggregate
        self._total = replicas_to_aggregate if total_num_replicas is None else total_num_replicas
        self._averages, self._averaged = variable_averages, variables_to_average
        self._applied = False

    def variables(self) -> list[Variable]:
        return self._opt.variables()

    def apply_gradients(  # type: ignore[override]
        self, grads_and_vars: Iterable[tuple[Any, Any]], global_step: Any = None, name: str | None = None
    ) -> Tensor:
        """The operation for each worker.   Raises: ValueError without gradients or global_step."""
        pairs = list(grads_and_vars)
        if not pairs:
            raise GraphError("there are no gradients to apply")
        if global_step is None:
            raise GraphError("global_step must be given: it tells which gradients are late")
        self._global_step = global_step
        self._local_step = Variable(
            0, trainable=False, collections=[GraphKeys.LOCAL_VARIABLES], dtype=global_step.dtype,
            name="sync_rep_local_step",
        )  # fmt: skip
        self.local_step_init_op = assign(self._local_step, global_step)
        self.ready_for_local_init_op = report_uninitialized_variables(global_variables())
        graph = get_default_graph()
        with name_scope(None, self._name):
            added, mean, accumulators = [], [], []
            for gradient, variable in pairs:
                if gradient is None:
                    mean.append((None, variable))
                    continue
                accumulator: Any
                shared = f"{variable.name}/grad_accum"
                if isinstance(gradient, IndexedSlices):
                    accumulator = SparseConditionalAccumulator(gradient.dtype, (), shared)
                    added.append(accumulator.apply_indexed_slices_grad(gradient, self._local_step))
                    mean.append((accumulator.take_indexed_slices_grad(self._needed), variable))
                else:
                    accumulator = ConditionalAccumulator(gradient.dtype, variable.shape, shared)
                    added.append(accumulator.apply_grad(gradient, self._local_step))
                    mean.append((accumulator.take_grad(self._needed), variable))
                accumulators.append(accumulator)
            with name_scope(""):
                step = self._opt.apply_gradients(mean, global_step)
                kind = global_step.dtype
                self._tokens = FIFOQueue(-1, kind, shapes=(), name="sync_token_q", shared_name="sync_token_q")
                dummy = FIFOQueue(1, "int32", shapes=(), name="dummy_queue", shared_name="dummy_queue")
                with graph.control_dependencies(added):
                    token = self._tokens.dequeue()
                trained = assign(self._local_step, token)
                with graph.control_dependencies([step]):
                    granted = fill([max(self._total, self._needed)], global_step.read_value())
                    done = self._tokens.enqueue_many((granted,))
                if self._averages is not None:
                    with graph.control_dependencies([done]):
                        done = self._averages.apply(self._averaged)
                self._runner = QueueRunner(dummy, [done])
            ready = [a.set_global_step(global_step, name="SetGlobalStep") for a in accumulators]
            self.chief_init_op = group(self.local_step_init_op, *ready)
        self._applied = True
        return trained

    def _after_apply(self, what: str) -> None:
        if not self._applied:
            raise GraphError(f"{what} is there after apply_gradients or minimize")

    def get_chief_queue_runner(self) -> QueueRunner:
        """The QueueRunner that makes the steps.   Raises: ValueError before apply_gradients."""
        self._after_apply("get_chief_queue_runner")
        return self._runner

    def get_init_tokens_op(self, num_tokens: int = -1) -> Operation:
        """Tokens for the first step, as many as gradients are needed for one, or num_tokens.

        Raises: ValueError before apply_gradients, or for too few.
        """
        self._after_apply("get_init_tokens_op")
        least = self._needed - self._total
        count = self._needed if num_tokens == -1 else num_tokens
        if count < least:
            raise GraphError(f"the first step needs {least} tokens, not {count}")
        if count <= 0:
            return no_op(name="no_init_tokens")
        return self._tokens.enqueue_many((fill([count], self._global_step.value()),))

    def make_session_run_hook(self, is_chief: bool, num_tokens: int = -1) -> SessionRunHook:
        """The hook that readies a worker, and starts the steps in the chief."""
        return _Hook(self, is_chief, num_tokens)


class _Hook(SessionRunHook):
    def __init__(self, optimizer: SyncReplicasOptimizer, is_chief: bool, num_tokens: int) -> None:
        self._optimizer, self._is_chief, self._num_tokens = optimizer, is_chief, num_tokens

    def begin(self) -> None:
        optimizer = self._optimizer
        optimizer._after_apply("make_session_run_hook")
        self._ready = optimizer.chief_init_op if self._is_chief else optimizer.local_step_init_op
        self._first = optimizer.get_init_tokens_op(self._num_tokens) if self._is_chief else None

    def after_create_session(self, session: Any, coord: Any) -> None:
        missing = session.run(self._optimizer.ready_for_local_init_op)
        if len(missing):
            raise RuntimeError(f"variables have no values yet: {b', '.join(missing).decode()}")
        session.run(self._ready)
        if self._first is not None:
            session.run(self._first)
            self._optimizer.get_chief_queue_runner().create_threads(session, coord=coord, daemon=True, start=True)
