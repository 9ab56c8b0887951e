"""`slim.learning.train` and `slim.evaluation`: loops with a Supervisor, and evaluations of checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow import logging
from graphflow.contrib.training.evaluation import (
    StopAfterNEvalsHook,
    SummaryAtEndHook,
    evaluate_repeatedly,
)
from graphflow.contrib.training.evaluation import evaluate_once as _evaluate_once
from graphflow.errors import GraphError, OutOfRangeError
from graphflow.graph import Graph, get_default_graph
from graphflow.ops.compare import equal, greater_equal, logical_not
from graphflow.ops.division import floormod
from graphflow.summary.functions import merge_all
from graphflow.train.global_step import get_or_create_global_step
from graphflow.train.monitored import Scaffold
from graphflow.train.saver import Saver
from graphflow.train.supervisor import Supervisor

_DEFAULT: Any = object()


def train_step(sess: Any, train_op: Any, global_step: Any, train_step_kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """(loss, whether to stop): one run of train_op, with a line in the log if `should_log` says so.

    train_step_kwargs   tensors `should_stop` and `should_log`, and whatever another train_step_fn needs
    """
    start = time.time()
    loss, step = sess.run([train_op, global_step])
    taken = time.time() - start
    if "should_log" in train_step_kwargs and sess.run(train_step_kwargs["should_log"]):
        logging.info("global step %d: loss = %.4f (%.3f sec/step)", step, loss, taken)
    stop = sess.run(train_step_kwargs["should_stop"]) if "should_stop" in train_step_kwargs else False
    return loss, stop


def train(
    train_op: Any, logdir: Any, train_step_fn: Callable[..., tuple[Any, Any]] = train_step,
    train_step_kwargs: Any = _DEFAULT, log_every_n_steps: int = 1, graph: Graph | None = None, master: str = "",
    is_chief: bool = True, global_step: Any = None, number_of_steps: int | None = None, init_op: Any = _DEFAULT,
    init_feed_dict: Any = None, local_init_op: Any = _DEFAULT, init_fn: Callable[[Any], None] | None = None,
    ready_op: Any = _DEFAULT, summary_op: Any = _DEFAULT, save_summaries_secs: float = 600,
    summary_writer: Any = _DEFAULT, startup_delay_steps: int = 0, saver: Any = None, save_interval_secs: float = 600,
    sync_optimizer: Any = None, session_config: Any = None, session_wrapper: Callable | None = None,
    trace_every_n_steps: int | None = None, ignore_live_threads: bool = False,
) -> Any:  # fmt: skip
    """Run train_op until the step number_of_steps, or until the data end; gives the last loss.

    logdir             where checkpoints and summaries go, and from where the training goes on; None: nowhere
    train_step_fn      (session, train_op, global_step, train_step_kwargs) -> (loss, whether to stop)
    init_fn            called with the session when the variables start anew
    session_wrapper    a function of the session that gives the one to use
    sync_optimizer     a SyncReplicasOptimizer
    Raises: ValueError for a train_op of None, or a number of steps that is not positive.
    """
    if train_op is None:
        raise GraphError("train_op must not be None")
    if logdir is None and summary_op is not _DEFAULT and summary_op is not None:
        raise GraphError("a summary_op needs a logdir")
    if number_of_steps is not None and number_of_steps <= 0:
        raise GraphError(f"number_of_steps must be positive, not {number_of_steps}")
    graph = graph or get_default_graph()
    with graph.as_default():
        step = get_or_create_global_step() if global_step is None else global_step
        kwargs = train_step_kwargs
        if kwargs is _DEFAULT:
            kwargs = {"should_log": equal(floormod(step, log_every_n_steps), 0) if log_every_n_steps else
                      logical_not(greater_equal(step, step))}  # fmt: skip
            if number_of_steps:
                kwargs["should_stop"] = greater_equal(step, number_of_steps)
            kwargs["logdir"] = logdir
        settings = {
            "init_op": init_op, "ready_op": ready_op, "local_init_op": local_init_op,
            "summary_op": None if logdir is None else summary_op,
            "summary_writer": None if logdir is None else summary_writer,
        }  # fmt: skip
        if sync_optimizer is not None and settings["local_init_op"] is _DEFAULT:
            settings["local_init_op"] = sync_optimizer.chief_init_op
        supervisor = Supervisor(
            graph=graph, is_chief=is_chief, logdir=logdir, global_step=step, saver=saver or Saver(),
            save_summaries_secs=save_summaries_secs, save_model_secs=save_interval_secs, init_fn=init_fn,
            init_feed_dict=init_feed_dict,
            **{k: v for k, v in settings.items() if v is not _DEFAULT},
        )  # fmt: skip
    loss = None
    with supervisor.managed_session(master, start_standard_services=False, config=session_config) as session:
        services = supervisor.start_standard_services(session) if logdir else []
        used = session_wrapper(session) if session_wrapper else session
        try:
            while not supervisor.should_stop():
                loss, stop = train_step_fn(used, train_op, step, kwargs)
                if stop:
                    logging.info("Stopping Training.")
                    supervisor.request_stop()
        except OutOfRangeError as error:
            logging.info("the data have ended: %s", error)
        if logdir and is_chief:
            supervisor.request_stop()
            for service in services:  # which may be saving
                service.join()
            supervisor.saver.save(session, supervisor.save_path, global_step=supervisor.global_step)
    return loss


def _hooks(num_evals: int, logdir: Any, summary_op: Any, feed_dict: Any, hooks: Sequence[Any] | None) -> list[Any]:
    made: list[Any] = [StopAfterNEvalsHook(num_evals)]
    summary = merge_all() if summary_op is _DEFAULT else summary_op
    if summary is not None:
        made.append(SummaryAtEndHook(logdir, summary_op=summary, feed_dict=feed_dict))
    return made + list(hooks or ())


def evaluate_once(
    master: str, checkpoint_path: Any, logdir: Any, num_evals: int = 1, initial_op: Any = None,
    initial_op_feed_dict: Any = None, eval_op: Any = None, eval_op_feed_dict: Any = None, final_op: Any = None,
    final_op_feed_dict: Any = None, summary_op: Any = _DEFAULT, summary_op_feed_dict: Any = None,
    variables_to_restore: Any = None, session_config: Any = None, hooks: Sequence[Any] | None = None,
) -> Any:  # fmt: skip
    """Run eval_op num_evals times with the variables of a checkpoint, write a summary; gives the value of final_op."""
    scaffold = Scaffold(init_op=initial_op, init_feed_dict=initial_op_feed_dict, saver=_saver(variables_to_restore))
    return _evaluate_once(
        checkpoint_path, master, scaffold, eval_op, eval_op_feed_dict, final_op, final_op_feed_dict,
        _hooks(num_evals, logdir, summary_op, summary_op_feed_dict, hooks), session_config,
    )  # fmt: skip


def evaluation_loop(
    master: str, checkpoint_dir: Any, logdir: Any, num_evals: int = 1, initial_op: Any = None,
    initial_op_feed_dict: Any = None, init_fn: Callable | None = None, eval_op: Any = None,
    eval_op_feed_dict: Any = None, final_op: Any = None, final_op_feed_dict: Any = None, summary_op: Any = _DEFAULT,
    summary_op_feed_dict: Any = None, variables_to_restore: Any = None, eval_interval_secs: float = 60,
    max_number_of_evaluations: int | None = None, session_config: Any = None, timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None, hooks: Sequence[Any] | None = None,
) -> Any:  # fmt: skip
    """evaluate_once of each new checkpoint of a folder."""
    scaffold = Scaffold(
        init_op=initial_op, init_feed_dict=initial_op_feed_dict, saver=_saver(variables_to_restore),
        init_fn=None if init_fn is None else lambda _, session: init_fn(session),
    )  # fmt: skip
    return evaluate_repeatedly(
        checkpoint_dir, master, scaffold, eval_op, eval_op_feed_dict, final_op, final_op_feed_dict,
        eval_interval_secs, _hooks(num_evals, logdir, summary_op, summary_op_feed_dict, hooks), session_config,
        max_number_of_evaluations, timeout, timeout_fn,
    )  # fmt: skip


def _saver(variables: Any) -> Saver | None:
    return None if variables is None else Saver(variables)
