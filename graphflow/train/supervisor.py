"""The Supervisor, which came before MonitoredTrainingSession."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graphflow.errors import GraphError
from graphflow.graph import Graph, get_default_graph
from graphflow.names import GraphKeys
from graphflow.ops.basic import group
from graphflow.queues.coordinator import Coordinator, LooperThread
from graphflow.queues.runner import start_queue_runners
from graphflow.session import Session
from graphflow.summary.functions import merge_all
from graphflow.summary.writer import FileWriter
from graphflow.tables import tables_initializer
from graphflow.train.global_step import get_global_step
from graphflow.train.monitored import SessionManager
from graphflow.train.saver import Saver
from graphflow.variables import (
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
)

_DEFAULT = object()


class Supervisor:
    """Initializes or restores a session, saves checkpoints and summaries every so many seconds, and stops its threads.

    logdir   the folder of the checkpoints and summaries; nothing is saved without it
    What is not given is made; None leaves it out.
    """

    USE_DEFAULT = _DEFAULT

    def __init__(
        self, graph: Graph | None = None, ready_op: Any = USE_DEFAULT, ready_for_local_init_op: Any = USE_DEFAULT,
        is_chief: bool = True, init_op: Any = USE_DEFAULT, init_feed_dict: Any = None,
        local_init_op: Any = USE_DEFAULT, logdir: Any = None, summary_op: Any = USE_DEFAULT, saver: Any = USE_DEFAULT,
        global_step: Any = USE_DEFAULT, save_summaries_secs: float = 120, save_model_secs: float = 600,
        recovery_wait_secs: float = 30, stop_grace_secs: float = 120, checkpoint_basename: str = "model.ckpt",
        session_manager: Any = None, summary_writer: Any = USE_DEFAULT, init_fn: Callable | None = None,
        local_init_run_options: Any = None,
    ) -> None:  # fmt: skip
        self._graph = graph or get_default_graph()
        with self._graph.as_default():
            self._init_op = global_variables_initializer() if init_op is _DEFAULT else init_op
            self._ready_op = report_uninitialized_variables() if ready_op is _DEFAULT else ready_op
            if local_init_op is _DEFAULT:
                local_init_op = group(local_variables_initializer(), tables_initializer())
            self._local_init_op = local_init_op
            if saver is _DEFAULT:
                saver = Saver() if self._graph.get_collection(GraphKeys.GLOBAL_VARIABLES) else None
            self._saver = saver
            self._global_step = get_global_step() if global_step is _DEFAULT else global_step
            if summary_op is _DEFAULT:
                summary_op = next(iter(self._graph.get_collection(GraphKeys.SUMMARY_OP)), None) or merge_all()
            self._summary_op = summary_op
        if summary_writer is _DEFAULT:
            summary_writer = None if logdir is None else FileWriter(os.fspath(logdir))
        self._summary_writer = summary_writer
        self._init_feed_dict = init_feed_dict
        self._init_fn = None if init_fn is None else init_fn
        self._logdir = None if logdir is None else os.fspath(logdir)
        self._path = None if self._logdir is None else os.path.join(self._logdir, checkpoint_basename)
        self._save_secs, self._summary_secs, self._grace = save_model_secs, save_summaries_secs, stop_grace_secs
        self._manager = session_manager or SessionManager(self._local_init_op, self._ready_op, graph=self._graph)
        self._coord = Coordinator()
        self._graph.finalize()

    coord = property(lambda self: self._coord)
    saver = property(lambda self: self._saver)
    init_op = property(lambda self: self._init_op)
    ready_op = property(lambda self: self._ready_op)
    global_step = property(lambda self: self._global_step)
    summary_op = property(lambda self: self._summary_op)
    summary_writer = property(lambda self: self._summary_writer)
    save_path = property(lambda self: self._path)
    session_manager = property(lambda self: self._manager)

    def prepare_or_wait_for_session(
        self, master: str = "", config: Any = None, wait_for_checkpoint: bool = False, max_wait_secs: float = 7200,
        start_standard_services: bool = True,
    ) -> Session:  # fmt: skip
        """A session with values; threads that save and that fill queues are started."""
        self._coord.clear_stop()
        if self._logdir is not None:
            os.makedirs(self._logdir, exist_ok=True)
        sess = self._manager.prepare_session(
            master, self._init_op, self._saver, self._logdir, config=config, init_feed_dict=self._init_feed_dict,
            init_fn=self._init_fn,
        )  # fmt: skip
        if start_standard_services:
            self.start_standard_services(sess)
        self.start_queue_runners(sess)
        return sess

    def start_standard_services(self, sess: Session) -> list[LooperThread]:
        """The threads that save checkpoints and summaries, when there is a folder for them."""
        threads = []
        if self._summary_op is not None and self._summary_writer is not None and self._summary_secs:
            threads.append(self.loop(self._summary_secs, self._save_summaries, args=(sess,)))
        if self._path is not None and self._saver is not None and self._save_secs:
            threads.append(self.loop(self._save_secs, self._save, args=(sess,)))
        return threads

    def _save_summaries(self, sess: Session) -> None:
        self.summary_computed(sess, sess.run(self._summary_op))

    def _save(self, sess: Session) -> None:
        self._saver.save(sess, self._path, global_step=self._global_step)

    def start_queue_runners(self, sess: Session, queue_runners: Sequence[Any] | None = None) -> list[Any]:
        """Threads that fill the queues of the graph, or of these queue runners."""
        if queue_runners is None:
            if not self._graph.get_collection(GraphKeys.QUEUE_RUNNERS):
                return []
            return start_queue_runners(sess, self._coord)
        return [t for qr in queue_runners for t in qr.create_threads(sess, self._coord, daemon=True, start=True)]

    def loop(
        self, timer_interval_secs: float | None, target: Callable, args: Any = None, kwargs: Any = None
    ) -> LooperThread:
        """A thread that calls a function every so many seconds until the supervisor stops."""
        return LooperThread.loop(self._coord, timer_interval_secs, target, args, kwargs)

    Loop = loop
    PrepareSession = prepare_or_wait_for_session
    StartQueueRunners = start_queue_runners

    def should_stop(self) -> bool:
        """Whether threads were asked to stop."""
        return self._coord.should_stop()

    def request_stop(self, ex: Any = None) -> None:
        """Ask all threads to stop."""
        self._coord.request_stop(ex)

    def wait_for_stop(self) -> None:
        """Wait until they are asked to."""
        self._coord.wait_for_stop()

    ShouldStop, RequestStop, WaitForStop = should_stop, request_stop, wait_for_stop

    def stop(self, threads: Any = None, close_summary_writer: bool = True, ignore_live_threads: bool = False) -> None:
        """Stop the threads; raises the error that one of them had."""
        self._coord.request_stop()
        self._coord.join(threads, stop_grace_period_secs=self._grace, ignore_live_threads=ignore_live_threads)
        if close_summary_writer and self._summary_writer is not None:
            self._summary_writer.close()

    Stop = stop

    def summary_computed(self, sess: Session, summary: Any, global_step: Any = None) -> None:
        """Write a summary.   Raises: RuntimeError without a writer."""
        if self._summary_writer is None:
            raise RuntimeError("this supervisor has no writer of summaries")
        if global_step is None and self._global_step is not None:
            global_step = int(sess.run(self._global_step))
        self._summary_writer.add_summary(summary, global_step)

    @contextmanager
    def managed_session(
        self, master: str = "", config: Any = None, start_standard_services: bool = True,
        close_summary_writer: bool = True,
    ) -> Iterator[Session]:  # fmt: skip
        """A session for a `with` block, at whose end all threads stop and the last checkpoint is saved."""
        if not isinstance(master, str):
            raise GraphError(f"master is a string, not {master!r}")
        sess = self.prepare_or_wait_for_session(master, config, start_standard_services=start_standard_services)
        try:
            with sess.as_default(), self._coord.stop_on_exception():
                yield sess
                if start_standard_services and self._path is not None and self._saver is not None and self._save_secs:
                    self._save(sess)
        finally:
            try:
                self.stop(close_summary_writer=close_summary_writer, ignore_live_threads=True)
            finally:
                sess.close()
