"""Sessions for long runs: they initialize or restore by themselves, call hooks, and stop in an orderly way."""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow.errors import GraphError, OutOfRangeError
from graphflow.graph import Graph, get_default_graph
from graphflow.names import GraphKeys
from graphflow.ops.basic import group
from graphflow.queues.coordinator import Coordinator
from graphflow.queues.runner import start_queue_runners
from graphflow.session import Session
from graphflow.summary.functions import merge_all
from graphflow.tables import tables_initializer
from graphflow.train.checkpoint_state import get_checkpoint_state
from graphflow.train.hooks import CheckpointSaverHook, StepCounterHook, SummarySaverHook
from graphflow.train.saver import Saver
from graphflow.train.session_run_hook import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphflow.variables import (
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
)

USE_DEFAULT = object()
_OriginalArgs = namedtuple("_OriginalArgs", "fetches feed_dict options")


class Scaffold:
    """What a training needs besides its train op; what is not given is made by finalize().

    init_op, init_feed_dict, init_fn   initialize the global variables when there is no checkpoint
    local_init_op                      initializes local variables and tables, always
    ready_op                           the names of variables without a value: none when all is well
    """

    def __init__(
        self, init_op: Any = None, init_feed_dict: Any = None, init_fn: Callable | None = None, ready_op: Any = None,
        ready_for_local_init_op: Any = None, local_init_op: Any = None, summary_op: Any = None, saver: Any = None,
        copy_from_scaffold: Any = None,
    ) -> None:  # fmt: skip
        other = copy_from_scaffold
        self._init_op = init_op if init_op is not None or other is None else other._init_op
        self.init_feed_dict = init_feed_dict if init_feed_dict is not None or other is None else other.init_feed_dict
        given = init_fn if init_fn is not None or other is None else other._given_init_fn
        self._given_init_fn = given
        self.init_fn = None if given is None else lambda session: given(self, session)
        self._ready_op = ready_op if ready_op is not None or other is None else other._ready_op
        self._ready_for_local_init_op = ready_for_local_init_op
        self._local_init_op = local_init_op if local_init_op is not None or other is None else other._local_init_op
        self._summary_op = summary_op if summary_op is not None or other is None else other._summary_op
        self._saver = saver if saver is not None or other is None else other._saver

    init_op = property(lambda self: self._init_op)
    ready_op = property(lambda self: self._ready_op)
    ready_for_local_init_op = property(lambda self: self._ready_for_local_init_op)
    local_init_op = property(lambda self: self._local_init_op)
    summary_op = property(lambda self: self._summary_op)
    saver = property(lambda self: self._saver)

    def finalize(self) -> Scaffold:
        """Make what is missing, and let the graph grow no more."""
        graph = get_default_graph()
        if self._init_op is None:
            self._init_op = self.get_or_default("init_op", GraphKeys.INIT_OP, global_variables_initializer)
        if self._ready_op is None:
            self._ready_op = self.get_or_default("ready_op", GraphKeys.READY_OP, report_uninitialized_variables)
        if self._local_init_op is None:
            self._local_init_op = self.get_or_default(
                "local_init_op", GraphKeys.LOCAL_INIT_OP, self.default_local_init_op
            )
        if self._summary_op is None:
            self._summary_op = self.get_or_default("summary_op", GraphKeys.SUMMARY_OP, merge_all)
        if self._saver is None:
            self._saver = self.get_or_default("saver", GraphKeys.SAVERS, lambda: Saver(allow_empty=True))
        self._saver.build()
        graph.finalize()
        return self

    @staticmethod
    def get_or_default(arg_name: str, collection_key: str, default_constructor: Callable) -> Any:
        """What a collection has, or else what the function makes, which is added; RuntimeError for several."""
        found = [item for item in get_default_graph().get_collection(collection_key) if item is not None]
        if len(found) > 1:
            raise RuntimeError(f"the collection {collection_key!r} has {len(found)} items: say which is the {arg_name}")
        if found:
            return found[0]
        made = default_constructor()
        if made is not None:
            get_default_graph().add_to_collection(collection_key, made)
        return made

    @staticmethod
    def default_local_init_op() -> Any:
        """Initializes local variables and tables."""
        return group(local_variables_initializer(), tables_initializer())


class SessionManager:
    """Makes sessions whose variables have values: from a checkpoint, or by initialization."""

    def __init__(
        self, local_init_op: Any = None, ready_op: Any = None, ready_for_local_init_op: Any = None,
        graph: Graph | None = None, recovery_wait_secs: float = 30, **_: Any,
    ) -> None:  # fmt: skip
        self._local_init_op, self._ready_op = local_init_op, ready_op
        self._graph = graph or get_default_graph()

    def prepare_session(
        self, master: str, init_op: Any = None, saver: Any = None, checkpoint_dir: Any = None,
        checkpoint_filename_with_path: str | None = None, wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200, config: Any = None, init_feed_dict: Any = None, init_fn: Callable | None = None,
    ) -> Session:  # fmt: skip
        """A session that is restored from the folder's latest checkpoint, or else initialized.

        Raises: RuntimeError when there is neither, or variables have no value afterwards.
        """
        sess, restored = self.recover_session(
            master, saver, checkpoint_dir, checkpoint_filename_with_path, config=config
        )
        if not restored:
            if init_op is None and init_fn is None and self._local_init_op is None:
                raise RuntimeError("there is no checkpoint to restore, and no init_op or init_fn")
            if init_op is not None:
                sess.run(init_op, feed_dict=init_feed_dict)
            if init_fn is not None:
                init_fn(sess)
        if self._local_init_op is not None:
            sess.run(self._local_init_op)
        missing = [] if self._ready_op is None else sess.run(self._ready_op)
        if len(missing):
            names = ", ".join(name.decode() for name in missing)
            raise RuntimeError(f"variables have no value after initialization: {names}")
        return sess

    def recover_session(
        self, master: str, saver: Any = None, checkpoint_dir: Any = None,
        checkpoint_filename_with_path: str | None = None, wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200, config: Any = None,
    ) -> tuple[Session, bool]:  # fmt: skip
        """(a session, whether it was restored from a checkpoint)."""
        sess = Session(master, graph=self._graph, config=config)
        path = checkpoint_filename_with_path
        state = None
        if path is None and checkpoint_dir is not None and saver is not None:
            state = get_checkpoint_state(checkpoint_dir)
            path = None if state is None else state.model_checkpoint_path
        if path is None or saver is None:
            return sess, False
        saver.restore(sess, path)
        if state is not None:
            saver.recover_last_checkpoints(state.all_model_checkpoint_paths)
        return sess, True


class ChiefSessionCreator:
    """Makes the session of a MonitoredSession."""

    def __init__(
        self, scaffold: Scaffold | None = None, master: str = "", config: Any = None, checkpoint_dir: Any = None,
        checkpoint_filename_with_path: str | None = None,
    ) -> None:  # fmt: skip
        self._scaffold = scaffold or Scaffold()
        self._master, self._config = master, config
        self._dir, self._file = checkpoint_dir, checkpoint_filename_with_path

    def create_session(self) -> Session:
        """A session with values, of a graph that is finished."""
        scaffold = self._scaffold.finalize()
        manager = SessionManager(scaffold.local_init_op, scaffold.ready_op, graph=get_default_graph())
        return manager.prepare_session(
            self._master, scaffold.init_op, scaffold.saver, self._dir, self._file, config=self._config,
            init_feed_dict=scaffold.init_feed_dict, init_fn=scaffold.init_fn,
        )  # fmt: skip


class _Monitored:
    """A session with hooks around its runs.  Use it in a `with` block: the end of the data ends the block."""

    def __init__(self, session_creator: Any, hooks: Sequence[SessionRunHook] | None, grace: float) -> None:
        self._hooks = list(hooks or ())
        self._grace = grace
        for hook in self._hooks:
            hook.begin()
        self._coord = Coordinator()
        self._graph = get_default_graph()
        self._sess: Session | None = (session_creator or ChiefSessionCreator()).create_session()
        start_queue_runners_of(self._sess, self._coord)
        for hook in self._hooks:
            hook.after_create_session(self._sess, self._coord)
        self._entered: list[Any] = []

    @property
    def graph(self) -> Graph:
        return self._graph

    def _tf_sess(self) -> Session:
        return self._open()

    def raw_session(self) -> Session:
        """The session itself, without hooks."""
        return self._open()

    def _open(self) -> Session:
        if self._sess is None:
            raise RuntimeError("the session is closed")
        return self._sess

    def run(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """As Session.run, with what the hooks ask for besides.   Raises: also errors of threads that fill queues."""
        sess = self._open()
        context = SessionRunContext(_OriginalArgs(fetches, feed_dict, options), sess)
        wanted: dict[Any, Any] = {"caller": fetches}
        fed = dict(feed_dict or {})
        for number, hook in enumerate(self._hooks):
            args = hook.before_run(context)
            if args is None:
                continue
            args = args if isinstance(args, SessionRunArgs) else SessionRunArgs(args)
            if args.fetches is not None:
                wanted[number] = args.fetches
            doubled = set(args.feed_dict or ()) & set(fed)
            if doubled:
                raise RuntimeError(f"both the caller and a hook feed {next(iter(doubled))!r}")
            fed.update(args.feed_dict or {})
        try:
            results = sess.run(wanted, fed, options, run_metadata)
        except Exception:
            self._coord.raise_requested_exception()  # what stopped a thread is why the run failed
            raise
        for number, hook in enumerate(self._hooks):
            hook.after_run(context, SessionRunValues(results.get(number), options, run_metadata))
        if context.stop_requested:
            self._coord.request_stop()
        return results["caller"]

    def run_step_fn(self, step_fn: Callable) -> Any:
        """`step_fn(step_context)`, whose run_with_hooks() and session it can use."""
        return step_fn(StepContext(self._open(), self.run, self._coord))

    def should_stop(self) -> bool:
        """Whether a hook or a thread has asked to stop."""
        return self._sess is None or self._coord.should_stop()

    def close(self) -> None:
        """Call the hooks' end(), stop the threads and close the session."""
        self._close(None)

    def _close(self, error: type[BaseException] | None) -> None:
        if self._sess is None:
            return
        sess = self._sess
        try:
            if error is None:
                for hook in self._hooks:
                    hook.end(sess)
        finally:
            self._sess = None
            try:
                self._coord.request_stop()
                sess._store.close()  # nobody waits for a queue any more
                self._coord.join(stop_grace_period_secs=self._grace, ignore_live_threads=True)
            finally:
                sess.close()

    def __enter__(self) -> Any:
        for context in (self._graph.as_default(), self._open().as_default()):
            context.__enter__()
            self._entered.append(context)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, traceback: Any) -> bool:
        if kind is not None and issubclass(kind, (OutOfRangeError, StopIteration)):
            kind = None
        try:
            self._close(kind)
        except Exception:
            if kind is None:
                raise
            print(f"while the session was closed: {sys.exc_info()[1]!r}", file=sys.stderr)
        finally:
            while self._entered:
                self._entered.pop().__exit__(None, None, None)
        return kind is None


class StepContext:
    """What a function of run_step_fn gets."""

    def __init__(self, session: Session, run_with_hooks: Callable, coord: Coordinator) -> None:
        self.session, self.run_with_hooks, self._coord = session, run_with_hooks, coord

    def request_stop(self) -> None:
        """Let should_stop() be True, and leave the function."""
        self._coord.request_stop()
        raise StopIteration


def start_queue_runners_of(sess: Session, coord: Coordinator) -> None:
    """Start the queue runners of a session's graph, if it has some."""
    if sess.graph.get_collection(GraphKeys.QUEUE_RUNNERS):
        start_queue_runners(sess, coord)


class MonitoredSession(_Monitored):
    """A session that initializes itself, calls hooks around its runs and stops when they ask for it."""

    def __init__(
        self, session_creator: Any = None, hooks: Sequence[SessionRunHook] | None = None,
        stop_grace_period_secs: float = 120,
    ) -> None:  # fmt: skip
        super().__init__(session_creator, hooks, stop_grace_period_secs)


class SingularMonitoredSession(_Monitored):
    """As MonitoredSession, with the arguments of its creator."""

    def __init__(
        self, hooks: Sequence[SessionRunHook] | None = None, scaffold: Scaffold | None = None, master: str = "",
        config: Any = None, checkpoint_dir: Any = None, stop_grace_period_secs: float = 120,
        checkpoint_filename_with_path: str | None = None,
    ) -> None:  # fmt: skip
        creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path)
        super().__init__(creator, hooks, stop_grace_period_secs)


def MonitoredTrainingSession(
    master: str = "", is_chief: bool = True, checkpoint_dir: Any = None, scaffold: Scaffold | None = None,
    hooks: Sequence[SessionRunHook] | None = None, chief_only_hooks: Sequence[SessionRunHook] | None = None,
    save_checkpoint_secs: Any = USE_DEFAULT, save_summaries_steps: Any = USE_DEFAULT,
    save_summaries_secs: Any = USE_DEFAULT, config: Any = None, stop_grace_period_secs: float = 120,
    log_step_count_steps: int | None = 100, max_wait_secs: float = 7200, save_checkpoint_steps: Any = USE_DEFAULT,
    summary_dir: Any = None,
) -> MonitoredSession:  # fmt: skip
    """A MonitoredSession that saves checkpoints and summaries in a folder, and goes on from the latest one there.

    Checkpoints are saved every 600 seconds and at the end, summaries every 100 steps, unless the arguments say
    otherwise.   Raises: RuntimeError without a global step when something is to be saved.
    """
    steps, secs = save_checkpoint_steps, save_checkpoint_secs
    if steps is USE_DEFAULT and secs is USE_DEFAULT:
        steps, secs = None, 600
    steps, secs = (None if value is USE_DEFAULT else value for value in (steps, secs))
    every, every_secs = save_summaries_steps, save_summaries_secs
    if every is USE_DEFAULT and every_secs is USE_DEFAULT:
        every, every_secs = 100, None
    every, every_secs = (None if value is USE_DEFAULT else value for value in (every, every_secs))
    scaffold = scaffold or Scaffold()
    every_hook = list(hooks or ())
    if is_chief:
        every_hook += chief_only_hooks or ()
        folder = summary_dir or checkpoint_dir
        if folder:
            if log_step_count_steps and log_step_count_steps > 0:
                every_hook.append(StepCounterHook(log_step_count_steps, output_dir=folder))
            if every or every_secs:
                every_hook.append(SummarySaverHook(every, every_secs, folder, scaffold=scaffold))
        if checkpoint_dir and (steps or secs):
            if steps and secs:
                raise GraphError("give either save_checkpoint_steps or save_checkpoint_secs")
            every_hook.append(CheckpointSaverHook(checkpoint_dir, secs or None, steps or None, scaffold=scaffold))
    creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir)
    return MonitoredSession(creator, every_hook, stop_grace_period_secs)
