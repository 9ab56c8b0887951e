"""Threads that fill queues."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from graphflow.default_session import get_default_session
from graphflow.errors import CancelledError, GraphError, OutOfRangeError
from graphflow.graph import get_default_graph
from graphflow.logging import warn
from graphflow.names import GraphKeys
from graphflow.operation import Operation
from graphflow.queues.coordinator import Coordinator
from graphflow.queues.queues import QueueBase
from graphflow.session import Session


class QueueRunner:
    """The operations that fill one queue, each run in a thread of its own.

    queue_closed_exception_types   what an operation raises when there is no more: the queue is closed then
    """

    def __init__(
        self, queue: QueueBase | None = None, enqueue_ops: Sequence[Operation] | None = None, close_op: Any = None,
        cancel_op: Any = None, queue_closed_exception_types: Any = None, queue_runner_def: Any = None,
        import_scope: str | None = None,
    ) -> None:  # fmt: skip
        if queue is None or not enqueue_ops:
            raise GraphError("a QueueRunner needs a queue and operations that fill it")
        self.queue = queue
        self.enqueue_ops = list(enqueue_ops)
        self.close_op = queue.close() if close_op is None else close_op
        self.cancel_op = queue.close(cancel_pending_enqueues=True) if cancel_op is None else cancel_op
        self.queue_closed_exception_types = tuple(queue_closed_exception_types or (OutOfRangeError,))
        self._lock = threading.Lock()
        self._runs: dict[Any, int] = {}  # by session: how many threads are at work
        self._errors: list[BaseException] = []

    @property
    def name(self) -> str:
        return self.queue.name

    @property
    def exceptions_raised(self) -> list[BaseException]:
        """What threads without a coordinator have raised."""
        return self._errors

    def create_threads(
        self, sess: Session, coord: Coordinator | None = None, daemon: bool = False, start: bool = False
    ) -> list[threading.Thread]:
        """A thread for each operation, and with a coordinator one that cancels what waits when that stops.

        [] when threads of this session are at work already.
        """
        with self._lock:
            if self._runs.get(sess):
                return []
            self._runs[sess] = len(self.enqueue_ops)
            self._errors = []
        threads = [threading.Thread(target=self._run, args=(sess, op, coord), daemon=daemon) for op in self.enqueue_ops]
        if coord is not None:
            threads.append(threading.Thread(target=self._close_on_stop, args=(sess, coord), daemon=daemon))
            for thread in threads:
                coord.register_thread(thread)
        if start:
            for thread in threads:
                thread.start()
        return threads

    def _run(self, sess: Session, enqueue_op: Operation, coord: Coordinator | None) -> None:
        counted = True
        try:
            call = sess.make_callable(enqueue_op)
            while coord is None or not coord.should_stop():
                try:
                    call()
                except self.queue_closed_exception_types:
                    with self._lock:
                        self._runs[sess] -= 1
                        counted, last = False, not self._runs[sess]
                    if last:
                        _run_quietly(sess, self.close_op)
                    return
        except Exception as error:
            if coord is not None:
                coord.request_stop(None if isinstance(error, CancelledError) and coord.should_stop() else error)
            elif not (isinstance(error, (CancelledError, RuntimeError)) and sess._closed):
                with self._lock:
                    self._errors.append(error)
                raise
        finally:
            if counted:
                with self._lock:
                    self._runs[sess] -= 1

    def _close_on_stop(self, sess: Session, coord: Coordinator) -> None:
        coord.wait_for_stop()
        _run_quietly(sess, self.cancel_op)


def _run_quietly(sess: Session, op: Operation) -> None:
    """Run what ends a queue; a session that is closed has ended it already."""
    try:
        sess.run(op)
    except (RuntimeError, CancelledError):
        if not sess._closed:
            raise


def add_queue_runner(qr: QueueRunner, collection: str = GraphKeys.QUEUE_RUNNERS) -> None:
    """Let start_queue_runners start this one too."""
    get_default_graph().add_to_collection(collection, qr)


def start_queue_runners(
    sess: Any = None, coord: Coordinator | None = None, daemon: bool = True, start: bool = True,
    collection: str = GraphKeys.QUEUE_RUNNERS,
) -> list[threading.Thread]:  # fmt: skip
    """The threads of all queue runners of the session's graph, started unless `start` is False.

    Raises: ValueError without a session.
    """
    if sess is None:
        sess = get_default_session()
        if sess is None:
            raise GraphError("start_queue_runners needs a session: pass one, or use `with tf.Session():`")
    runners = sess.graph.get_collection(collection)
    if not runners:
        warn("start_queue_runners was called, and there are no queue runners")
    plain = getattr(sess, "_tf_sess", lambda: sess)()
    return [t for runner in runners for t in runner.create_threads(plain, coord=coord, daemon=daemon, start=start)]
