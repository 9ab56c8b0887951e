"""The Session: it looks an executable up, calls it, and puts the results in order.  It computes nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.backends import get_backend
from graphflow.backends.base import Backend, Executable
from graphflow.config import current
from graphflow.errors import GraphError
from graphflow.feeds import as_feed, fed_tensors
from graphflow.fetches import Restore, flatten, memo_key
from graphflow.graph import Graph, get_default_graph
from graphflow.operation import Operation, Tensor
from graphflow.passes import Report, optimize
from graphflow.plan import Plan, make_plan
from graphflow.program import Program, prune, specialize
from graphflow.shape import Dims, known
from graphflow.store import Store
from graphflow.variables import Variable

log = logging.getLogger("graphflow")


_Asks = tuple[tuple[Tensor, ...], tuple[Operation, ...], tuple[Tensor, ...]]


@dataclass(frozen=True, slots=True)
class _Request:
    """What a run asks for, whatever the values: worked out once, and remembered.

    asks     (tensors to fetch, operations to run, tensors that are fed)
    number   that of `asks` in the session, which is quicker to hash
    shaped   whether the tensors that are fed have static shapes that leave nothing open
    feeds    the tensors that are fed, in the order of the graph, and where their values come: a key or a position
    restore  from the values of the fetched tensors to the nest that was asked for
    """

    asks: _Asks
    number: int
    shaped: bool
    feeds: Sequence[tuple[Tensor, Any]]
    restore: Restore


class Session:
    """Runs operations of one graph, and keeps the values of its variables.

    graph    the default graph when None
    config   a ConfigProto, accepted for TensorFlow's sake
    backend  "cpu" or "reference"; the configured one when None
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: Any = None, backend: str | None = None
    ) -> None:
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"graph must be a Graph, not {graph!r}")
        if target and not isinstance(target, str):
            raise TypeError(f"target must be a string, not {target!r}")
        self._graph = graph or get_default_graph()
        self._backend: Backend = get_backend(backend or current().backend)
        self._store = Store()
        self._requests: dict[Hashable, _Request] = {}
        self._numbers: dict[_Asks, int] = {}
        self._executables: dict[Hashable, Executable] = {}
        self._lock = threading.RLock()
        self._closed = False
        self._entered: list[AbstractContextManager] = []

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def graph_def(self) -> Any:
        """The graph as data."""
        return self._graph.as_graph_def()  # type: ignore[attr-defined]

    @property
    def sess_str(self) -> str:
        return ""

    def run(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Values of `fetches`, a tensor, operation, variable or name, or any nest of lists, tuples and dicts of them.

        feed_dict   {tensor: value}: any tensor of the graph can be fed, not only placeholders
        Returns: the same nest with NumPy arrays (scalars for shape ()) that the caller owns, None for operations.
        Raises:  RuntimeError when closed; what `flatten`, `as_feed` and the operations raise.  It stays usable.
        """
        memo, keys = memo_key(fetches), tuple(feed_dict or ())
        request = self._requests.get((memo, keys))
        if request is None:
            request = self._request(fetches, dict(zip(keys, keys, strict=True)))
            if memo is not None:
                self._requests[memo, keys] = request
        return self._answer(request, feed_dict)

    def make_callable(
        self, fetches: Any, feed_list: Sequence[Any] | None = None, accept_options: bool = False
    ) -> Callable:
        """A function that runs `fetches` with the values of `feed_list` as positional arguments."""
        fed = [self._graph.as_graph_element(t, allow_operation=False) for t in feed_list or ()]
        request = self._request(fetches, {t: i for i, t in enumerate(fed)})

        def call(*values: Any, **_: Any) -> Any:
            if len(values) != len(fed) and not (accept_options and len(values) == len(fed) + 1):
                raise GraphError(f"this callable takes {len(fed)} values and got {len(values)}")
            return self._answer(request, values)

        return call

    def explain(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> str:
        """What a run of these would do, as text: what each pass changed, and the plan.  Nothing is run.

        Where shapes depend on values, the plan goes as far as they are known.
        """
        values = feed_dict or {}
        request = self._request(fetches, {key: key for key in values})
        dims = [as_feed(t, values[key]).shape for t, key in request.feeds]
        report = Report()
        plan, rest = self._planned(prune(*request.asks), dims, report)
        later = "" if rest is None else f"and {len(rest.ops)} operations more, when these shapes have come out\n"
        return f"{report}{plan}{later}"

    def _request(self, fetches: Any, keys: Mapping[Any, Any]) -> _Request:
        self._check_open()
        if not self._graph.version:
            raise RuntimeError("the session's graph is empty: add operations to the graph before running them")
        tensors, targets, restore = flatten(self._graph, fetches)
        feeds = fed_tensors(self._graph, keys)
        asks = (tensors, targets, tuple([t for t, _ in feeds]))
        with self._lock:
            number = self._numbers.setdefault(asks, len(self._numbers))
        return _Request(asks, number, all(known(t.dims) for t in asks[2]), feeds, restore)

    def _answer(self, request: _Request, values: Any) -> Any:
        self._check_open()
        arrays = [as_feed(t, values[where]) for t, where in request.feeds]
        with self._lock:
            dims = None if request.shaped else tuple([a.shape for a in arrays])
            key = (request.number, self._store.epoch, dims)
            executable = self._executables.get(key)
            if executable is None:
                program = prune(*request.asks)
                executable = self._executables[key] = self._compile(program, [a.shape for a in arrays])
            results = executable(arrays)
        return request.restore([v[()] if v.ndim == 0 else v for v in results])

    def _compile(self, program: Program, dims: Sequence[Dims]) -> Executable:
        start = time.perf_counter()
        plan, rest = self._planned(program, dims)
        executable = self._backend.compile(plan, self._store)
        if current().debug:
            _report(plan, time.perf_counter() - start)
        return executable if rest is None else self._staged(executable, rest)

    def _planned(
        self, program: Program, dims: Sequence[Dims], report: Report | None = None
    ) -> tuple[Plan, Program | None]:
        """The plan for these shapes of the feeds, and what is left for later because its shapes depend on values."""
        stage = specialize(program, dims, self._store.dims)
        return make_plan(optimize(stage.program, report), self._backend.lower), stage.rest

    def _staged(self, first: Executable, rest: Program) -> Executable:
        """The first stage, then the rest, compiled for the shapes that came out."""
        later: dict[Any, Executable] = {}

        def run(feeds: list[np.ndarray]) -> list[np.ndarray]:
            values = first(feeds)
            key = (tuple([v.shape for v in values]), self._store.epoch)
            executable = later.get(key)
            if executable is None:
                executable = later[key] = self._compile(rest, key[0])
            return executable(values)

        return run

    # -- being open, closed, the default -------------------------------------------------------------------------
    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the session is closed")

    def close(self) -> None:
        """Give up variables and compiled plans; run() then raises RuntimeError."""
        self._closed = True
        self._requests.clear()
        self._executables.clear()

    def as_default(self) -> AbstractContextManager[Session]:
        """Make this the session of `eval` and `run` inside a `with` block, without closing it afterwards."""
        return _default_session(self)

    def __enter__(self) -> Session:
        for context in (self._graph.as_default(), self.as_default()):
            context.__enter__()
            self._entered.append(context)
        return self

    def __exit__(self, *exception: Any) -> None:
        for _ in range(2):
            self._entered.pop().__exit__(None, None, None)
        self.close()

    def list_devices(self) -> list[str]:
        """The device that everything runs on."""
        return ["/job:localhost/replica:0/task:0/device:CPU:0"]


def _report(plan: Plan, seconds: float) -> None:
    """What GRAPHFLOW_DEBUG asks for: a line, the plan, the source of generated kernels."""
    without = sorted({step.op.type for step in plan.steps if step.call is None and not step.copy})
    log.warning("compiled %d steps in %.1f ms for %s%s", len(plan.steps), 1e3 * seconds,
                ", ".join(t.name for t in plan.program.fetches) or "no fetch",
                f"; on the reference: {', '.join(without)}" if without else "")  # fmt: skip
    if current().debug >= 3:
        log.warning("%s", plan)
    if current().debug >= 4:
        for source in dict.fromkeys(step.call.source for step in plan.steps if step.call is not None):
            log.warning("%s", source)


class InteractiveSession(Session):
    """A session that is the default one from its construction until it is closed."""

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: Any = None, backend: str | None = None
    ) -> None:
        super().__init__(target, graph, config, backend)
        self._installed = self.as_default()
        self._installed.__enter__()
        self._explicit = graph.as_default() if graph is not None else None
        if self._explicit is not None:
            self._explicit.__enter__()

    def close(self) -> None:
        """Close, and stop being the default session."""
        if not self._closed:
            super().close()
            if self._explicit is not None:
                self._explicit.__exit__(None, None, None)
            self._installed.__exit__(None, None, None)


def explain(fetches: Any, feed_dict: Mapping[Any, Any] | None = None, session: Session | None = None) -> str:
    """What a run of these would do, as text; in the session given, the default one, or else one without any values."""
    return (session or get_default_session() or Session()).explain(fetches, feed_dict)


class _Sessions(threading.local):
    def __init__(self) -> None:
        self.stack: list[Session] = []


_sessions = _Sessions()


@contextmanager
def _default_session(session: Session) -> Any:
    _sessions.stack.append(session)
    try:
        yield session
    finally:
        _sessions.stack.remove(session)


def get_default_session() -> Session | None:
    """The innermost default session of this thread, None without one."""
    return _sessions.stack[-1] if _sessions.stack else None


def _session_for(graph: Graph, session: Session | None, what: str) -> Session:
    chosen = session or get_default_session()
    if chosen is None:
        raise GraphError(f"{what} needs a session: pass one, or use `with tf.Session():`")
    if chosen.graph is not graph:
        raise GraphError(f"{what}: the session's graph is another than the tensor's")
    return chosen


def _eval(self: Tensor, feed_dict: Mapping[Any, Any] | None = None, session: Session | None = None) -> Any:
    """The value of this tensor in the session, or in the default one."""
    return _session_for(self.graph, session, "eval()").run(self, feed_dict)


def _run(self: Operation, feed_dict: Mapping[Any, Any] | None = None, session: Session | None = None) -> None:
    """Run this operation in the session, or in the default one."""
    _session_for(self.graph, session, "run()").run(self, feed_dict)


def _eval_variable(self: Variable, session: Session | None = None) -> Any:
    """The value of this variable in the session, or in the default one."""
    return _session_for(self.graph, session, "eval()").run(self)


# Hung on here, so that graph.py and variables.py need to know no session.
Tensor.eval = _eval  # type: ignore[attr-defined]
Operation.run = _run  # type: ignore[attr-defined]
Variable.eval = _eval_variable  # type: ignore[method-assign]
