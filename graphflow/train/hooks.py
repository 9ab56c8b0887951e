"""Hooks: what else is to happen around the runs of a long training."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphflow import logging
from graphflow.data.iterator import ITERATORS
from graphflow.data.saving import make_saveable_from_iterator
from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.summary.writer import FileWriterCache
from graphflow.summary_protos import Summary
from graphflow.train.global_step import get_global_step
from graphflow.train.session_run_hook import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues


class SecondOrStepTimer:
    """When something is due that happens every so many seconds or steps."""

    def __init__(self, every_secs: float | None = None, every_steps: int | None = None) -> None:
        if (every_secs is None) == (every_steps is None):
            raise GraphError("give either every_secs or every_steps")
        self._secs, self._steps = every_secs, every_steps
        self.reset()

    def reset(self) -> None:
        self._last_step: int | None = None
        self._last_time: float | None = None

    def should_trigger_for_step(self, step: int) -> bool:
        """Whether it is due at this step; never twice at one."""
        if self._last_step is None or self._last_time is None:
            return True
        if step == self._last_step:
            return False
        if self._secs is not None:
            return time.time() >= self._last_time + self._secs
        assert self._steps is not None
        return step >= self._last_step + self._steps

    def update_last_triggered_step(self, step: int) -> tuple[float | None, int | None]:
        """Note that it happened; gives the seconds and steps since the time before, None at the first time."""
        now = time.time()
        passed = (None, None) if self._last_time is None or self._last_step is None else (
            now - self._last_time, step - self._last_step)  # fmt: skip
        self._last_time, self._last_step = now, step
        return passed

    def last_triggered_step(self) -> int | None:
        return self._last_step


def _step_tensor(hook: Any) -> Any:
    step = get_global_step()
    if step is None:
        raise RuntimeError(f"{type(hook).__name__} needs a global step: call tf.train.get_or_create_global_step()")
    return step


def _step_when_due(
    timer: SecondOrStepTimer, global_step: Any, run_context: SessionRunContext, run_values: SessionRunValues
) -> int | None:
    """The global step after a run that has fetched it before, where something is due at it."""
    if not timer.should_trigger_for_step(int(run_values.results) + 1):
        return None
    step = int(run_context.session.run(global_step))
    return step if timer.should_trigger_for_step(step) else None


def _writer(output_dir: str | None) -> Any:
    """The writer of summaries of a folder."""
    return None if output_dir is None else FileWriterCache.get(output_dir)


class StopAtStepHook(SessionRunHook):
    """Stops after `num_steps` steps of this session, or at the global step `last_step`."""

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if (num_steps is None) == (last_step is None):
            raise GraphError("give either num_steps or last_step")
        self._num_steps, self._last_step = num_steps, last_step

    def begin(self) -> None:
        self._global_step = _step_tensor(self)

    def after_create_session(self, session: Any, coord: Any) -> None:
        if self._last_step is None:
            assert self._num_steps is not None
            self._last_step = int(session.run(self._global_step)) + self._num_steps

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._global_step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        assert self._last_step is not None
        near = run_values.results + 1 >= self._last_step  # it was read before the step counted
        if near and int(run_context.session.run(self._global_step)) >= self._last_step:
            run_context.request_stop()


class CheckpointSaverListener:
    """What is told of checkpoints."""

    def begin(self) -> None: ...

    def before_save(self, session: Any, global_step_value: int) -> None: ...

    def after_save(self, session: Any, global_step_value: int) -> bool | None:
        """True asks to stop."""

    def end(self, session: Any, global_step_value: int) -> None: ...


class CheckpointSaverHook(SessionRunHook):
    """Saves a checkpoint at the start, every so many seconds or steps, and at the end."""

    def __init__(
        self, checkpoint_dir: Any, save_secs: float | None = None, save_steps: int | None = None, saver: Any = None,
        checkpoint_basename: str = "model.ckpt", scaffold: Any = None, listeners: Sequence[Any] | None = None,
    ) -> None:  # fmt: skip
        if saver is not None and scaffold is not None:
            raise GraphError("give either a saver or a scaffold")
        self._saver, self._scaffold = saver, scaffold
        self._folder = os.fspath(checkpoint_dir)
        self._path = os.path.join(self._folder, checkpoint_basename)
        self._timer = SecondOrStepTimer(save_secs, save_steps)
        self._listeners = list(listeners or ())

    def begin(self) -> None:
        self._global_step = _step_tensor(self)
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        step = int(session.run(self._global_step))
        self._save(session, step)
        self._timer.update_last_triggered_step(step)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._global_step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        step = _step_when_due(self._timer, self._global_step, run_context, run_values)
        if step is not None:
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()

    def end(self, session: Any) -> None:
        step = int(session.run(self._global_step))
        if step != self._timer.last_triggered_step():
            self._save(session, step)
        for listener in self._listeners:
            listener.end(session, step)

    def _save(self, session: Any, step: int) -> bool:
        """Whether a listener asks to stop."""
        os.makedirs(self._folder, exist_ok=True)
        for listener in self._listeners:
            listener.before_save(session, step)
        saver = self._saver if self._saver is not None else self._scaffold.saver
        saver.save(session, self._path, global_step=step)
        asked = [listener.after_save(session, step) for listener in self._listeners]
        return any(asked)


class StepCounterHook(SessionRunHook):
    """Logs how many steps a second are done, and writes a summary of it where there is a writer."""

    def __init__(
        self, every_n_steps: int | None = 100, every_n_secs: float | None = None, output_dir: str | None = None,
        summary_writer: Any = None,
    ) -> None:  # fmt: skip
        self._timer = SecondOrStepTimer(every_n_secs, None if every_n_secs is not None else every_n_steps)
        self._folder, self._summary_writer = output_dir, summary_writer

    def begin(self) -> None:
        self._global_step = _step_tensor(self)
        if self._summary_writer is None:
            self._summary_writer = _writer(self._folder)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._global_step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        step = _step_when_due(self._timer, self._global_step, run_context, run_values)
        if step is not None:
            seconds, steps = self._timer.update_last_triggered_step(step)
            if seconds and steps is not None:
                self._tell(steps / seconds, step)

    def _tell(self, speed: float, step: int) -> None:
        logging.update("speed", "global_step/sec: %g", speed)
        if self._summary_writer is not None:
            value = Summary.Value(tag="global_step/sec", simple_value=speed)
            self._summary_writer.add_summary(Summary(value=[value]), step)

    def end(self, session: Any) -> None:
        logging.settle()


class LoggingTensorHook(SessionRunHook):
    """Logs values of tensors every so many runs or seconds, and at the end if asked for.

    tensors     names or tensors, in a list or under the labels of a dict
    formatter   a function {label: value} -> text
    """

    def __init__(
        self, tensors: Any, every_n_iter: int | None = None, every_n_secs: float | None = None, at_end: bool = False,
        formatter: Callable[[Mapping[str, Any]], str] | None = None,
    ) -> None:  # fmt: skip
        if every_n_iter is None and every_n_secs is None and not at_end or None not in (every_n_iter, every_n_secs):
            raise GraphError("give either every_n_iter or every_n_secs, or at_end")
        if every_n_iter is not None and every_n_iter <= 0:
            raise GraphError(f"every_n_iter must be positive, not {every_n_iter}")
        self._tensors = tensors if isinstance(tensors, Mapping) else {_label(t): t for t in tensors}
        only_end = every_n_iter is None and every_n_secs is None
        self._timer = None if only_end else SecondOrStepTimer(every_n_secs, every_n_iter)
        self._at_end, self._formatter = at_end, formatter

    def begin(self) -> None:
        graph = get_default_graph()
        self._fetches = {key: graph.as_graph_element(_full(t)) for key, t in self._tensors.items()}
        self._runs = 0
        if self._timer is not None:
            self._timer.reset()

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        self._due = self._timer is not None and self._timer.should_trigger_for_step(self._runs)
        return SessionRunArgs(self._fetches) if self._due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if self._due:
            assert self._timer is not None
            seconds, _ = self._timer.update_last_triggered_step(self._runs)
            self._log(run_values.results, seconds)
        self._runs += 1

    def end(self, session: Any) -> None:
        if self._at_end:
            self._log(session.run(self._fetches), None)
        logging.settle()

    def _log(self, values: Mapping[str, Any], seconds: float | None) -> None:
        if self._formatter is not None:
            logging.update("values", "%s", self._formatter(values))
            return
        text = ", ".join(f"{key} = {values[key]}" for key in self._tensors)
        logging.update("values", "%s%s", text, "" if seconds is None else f" ({seconds:.3f} sec)")


def _label(tensor: Any) -> str:
    return tensor if isinstance(tensor, str) else tensor.name


def _full(tensor: Any) -> Any:
    return f"{tensor}:0" if isinstance(tensor, str) and ":" not in tensor else tensor


class NanLossDuringTrainingError(RuntimeError):
    """The loss is not a number any more."""

    def __str__(self) -> str:
        return "NaN loss during training."


class NanTensorHook(SessionRunHook):
    """Stops when the loss is NaN: with NanLossDuringTrainingError, or quietly."""

    def __init__(self, loss_tensor: Tensor, fail_on_nan_loss: bool = True) -> None:
        self._loss, self._fail = loss_tensor, fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._loss)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if np.isnan(run_values.results).any():
            logging.error("the loss %s is NaN", self._loss.name)
            if self._fail:
                raise NanLossDuringTrainingError
            run_context.request_stop()


class SummarySaverHook(SessionRunHook):
    """Writes summaries every so many steps or seconds."""

    def __init__(
        self, save_steps: int | None = None, save_secs: float | None = None, output_dir: str | None = None,
        summary_writer: Any = None, scaffold: Any = None, summary_op: Any = None,
    ) -> None:  # fmt: skip
        if (scaffold is None) == (summary_op is None):
            raise GraphError("give either a scaffold or a summary_op")
        self._timer = SecondOrStepTimer(save_secs, save_steps)
        self._folder, self._summary_writer = output_dir, summary_writer
        self._scaffold, self._summary_op = scaffold, summary_op

    def begin(self) -> None:
        self._global_step = _step_tensor(self)
        self._next = 0
        if self._summary_writer is None:
            self._summary_writer = _writer(self._folder)

    def _ops(self) -> list:
        found = self._summary_op if self._summary_op is not None else self._scaffold.summary_op
        return [] if found is None else list(found) if isinstance(found, (list, tuple)) else [found]

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        step = self._timer.last_triggered_step()
        self._due = step is None or self._timer.should_trigger_for_step(self._next)
        return SessionRunArgs({"step": self._global_step, "summaries": self._ops() if self._due else []})

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        step = int(run_values.results["step"]) + 1
        self._next = step + 1
        if self._due and self._summary_writer is not None:
            self._timer.update_last_triggered_step(step)
            for summary in run_values.results["summaries"]:
                self._summary_writer.add_summary(summary, step)

    def end(self, session: Any) -> None:
        if self._summary_writer is not None:
            self._summary_writer.flush()


class FinalOpsHook(SessionRunHook):
    """Runs something at the end; `final_ops_values` has the result."""

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        self._ops, self._feed = final_ops, final_ops_feed_dict
        self._values: Any = None

    @property
    def final_ops_values(self) -> Any:
        return self._values

    def end(self, session: Any) -> None:
        if self._ops is not None:
            self._values = session.run(self._ops, self._feed)


class CheckpointInputPipelineHook(SessionRunHook):
    """Lets checkpoints hold where the iterators of the graph are: training goes on with the elements that are due.

    They are saved by the saver of the session, which must not have been built before hooks begin.
    """

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def begin(self) -> None:
        graph = get_default_graph()
        for iterator in graph.get_collection(ITERATORS):
            graph.add_to_collection(GraphKeys.SAVEABLE_OBJECTS, make_saveable_from_iterator(iterator))


class FeedFnHook(SessionRunHook):
    """Feeds every run what a function gives."""

    def __init__(self, feed_fn: Callable[[], Mapping[Any, Any]]) -> None:
        self._feed = feed_fn

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(None, self._feed())
