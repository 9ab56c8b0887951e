"""Evaluations of checkpoints, once or of each that comes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow import logging
from graphflow.contrib.training.checkpoints import checkpoints_iterator
from graphflow.default import get_collection
from graphflow.dtypes import int64
from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.initializers import zeros_initializer
from graphflow.names import GraphKeys
from graphflow.ops.state import assign_add
from graphflow.shared_variables import get_variable
from graphflow.summary.functions import merge_all
from graphflow.summary.writer import FileWriterCache
from graphflow.train.global_step import get_global_step, global_step
from graphflow.train.hooks import FinalOpsHook
from graphflow.train.monitored import ChiefSessionCreator, MonitoredSession, Scaffold
from graphflow.train.session_run_hook import SessionRunArgs, SessionRunHook


def get_or_create_eval_step() -> Any:
    """The counter of evaluation steps, a local variable in the collection EVAL_STEP."""
    found = get_collection(GraphKeys.EVAL_STEP)
    if len(found) > 1:
        raise GraphError(f"there are {len(found)} counters of evaluation steps")
    if found:
        return found[0]
    with get_default_graph().name_scope(None):
        return get_variable("eval_step", [], int64, zeros_initializer(), trainable=False,
                            collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.EVAL_STEP])  # fmt: skip


class StopAfterNEvalsHook(SessionRunHook):
    """Ends an evaluation after so many steps."""

    def __init__(self, num_evals: int | None, log_progress: bool = True) -> None:
        self._num_evals, self._log = num_evals, log_progress
        self._step: Any = None

    def _set_evals_completed_tensor(self, updated_eval_step: Any) -> None:
        self._step = updated_eval_step

    def before_run(self, run_context: Any) -> Any:
        return SessionRunArgs({"step": self._step})

    def after_run(self, run_context: Any, run_values: Any) -> None:
        step = int(run_values.results["step"])
        often = 1 if self._num_evals is None or self._num_evals < 20 else math.floor(self._num_evals / 10)
        if self._log and (step % often == 0 or step == self._num_evals):
            logging.info("Evaluation [%d/%s]", step, self._num_evals)
        if self._num_evals is not None and step >= self._num_evals:
            run_context.request_stop()


class SummaryAtEndHook(SessionRunHook):
    """Writes a summary when an evaluation ends."""

    def __init__(
        self, log_dir: Any = None, summary_writer: Any = None, summary_op: Any = None,
        feed_dict: Mapping[Any, Any] | None = None,
    ) -> None:  # fmt: skip
        self._log_dir, self._writer, self._summary_op = log_dir, summary_writer, summary_op
        self._feed_dict = feed_dict
        self._step: Any = None

    def begin(self) -> None:
        if self._summary_op is None:
            self._summary_op = merge_all()
        self._step = get_global_step()
        if self._writer is None:
            if not self._log_dir:
                raise GraphError("SummaryAtEndHook needs log_dir or summary_writer")
            self._writer = FileWriterCache.get(self._log_dir)

    def after_create_session(self, session: Any, coord: Any) -> None:
        if self._writer is not None:
            self._writer.add_graph(session.graph)

    def end(self, session: Any) -> None:
        if self._summary_op is None:
            return
        summary = session.run(self._summary_op, feed_dict=self._feed_dict)
        self._writer.add_summary(summary, None if self._step is None else global_step(session, self._step))
        self._writer.flush()


def _counted(eval_ops: Any, hooks: Sequence[Any]) -> Any:
    """The operations to run, with the counter of steps among them."""
    step = get_or_create_eval_step()
    counted = assign_add(step, 1)
    for hook in hooks:
        if isinstance(hook, StopAfterNEvalsHook):
            hook._set_evals_completed_tensor(counted)
    if eval_ops is None:
        return counted
    if isinstance(eval_ops, dict):
        return {**eval_ops, "update_eval_step": counted}
    return [*(eval_ops if isinstance(eval_ops, (list, tuple)) else [eval_ops]), counted]


def _evaluate(
    path: str, master: str, scaffold: Scaffold | None, ops: Any, feed_dict: Any, final: FinalOpsHook,
    hooks: Sequence[Any], config: Any,
) -> Any:  # fmt: skip
    creator = ChiefSessionCreator(scaffold, master, config=config, checkpoint_filename_with_path=path)
    with MonitoredSession(creator, [*hooks, final]) as session:
        if ops is not None:
            while not session.should_stop():
                session.run(ops, feed_dict)
    return final.final_ops_values


def evaluate_once(
    checkpoint_path: Any, master: str = "", scaffold: Scaffold | None = None, eval_ops: Any = None,
    feed_dict: Any = None, final_ops: Any = None, final_ops_feed_dict: Any = None,
    hooks: Sequence[Any] | None = None, config: Any = None,
) -> Any:  # fmt: skip
    """Run eval_ops with the variables of a checkpoint until a hook or the data end it; gives final_ops' values."""
    hooks = list(hooks or ())
    ops = None if eval_ops is None else _counted(eval_ops, hooks)
    final = FinalOpsHook(final_ops, final_ops_feed_dict)
    return _evaluate(str(checkpoint_path), master, scaffold, ops, feed_dict, final, hooks, config)


def evaluate_repeatedly(
    checkpoint_dir: Any, master: str = "", scaffold: Scaffold | None = None, eval_ops: Any = None,
    feed_dict: Any = None, final_ops: Any = None, final_ops_feed_dict: Any = None, eval_interval_secs: float = 60,
    hooks: Sequence[Any] | None = None, config: Any = None, max_number_of_evaluations: int | None = None,
    timeout: float | None = None, timeout_fn: Callable[[], bool] | None = None,
) -> Any:  # fmt: skip
    """evaluate_once of each new checkpoint of a folder; gives the last values of final_ops.

    timeout, timeout_fn   as of checkpoints_iterator
    """
    hooks = list(hooks or ())
    ops = None if eval_ops is None else _counted(eval_ops, hooks)
    final = FinalOpsHook(final_ops, final_ops_feed_dict)
    for done, path in enumerate(checkpoints_iterator(checkpoint_dir, eval_interval_secs, timeout, timeout_fn), 1):
        _evaluate(path, master, scaffold, ops, feed_dict, final, hooks, config)
        if max_number_of_evaluations is not None and done >= max_number_of_evaluations:
            break
    return final.final_ops_values
