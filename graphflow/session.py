"""The Session: it looks an executable up, calls it, and puts the results in order.  It computes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphflow.backends import accelerator, get_backend
from graphflow.backends.base import Executable
from graphflow.compat.device_lib import DeviceAttributes
from graphflow.compiler import Compiler, one_each
from graphflow.config import current
from graphflow.debug import Asks, Profile, reason, reporting, step_stats
from graphflow.default_session import default_session, get_default_session
from graphflow.errors import GraphError
from graphflow.feeds import as_feed, composite, fed_tensors, spread
from graphflow.fetches import Restore, flatten, memo_key
from graphflow.graph import Graph, get_default_graph
from graphflow.operation import Tensor
from graphflow.passes import Report
from graphflow.program import Program, prune
from graphflow.protos import RunMetadata
from graphflow.recording import Recorded, record, recorded, recording
from graphflow.shape import Dims, known
from graphflow.store import Store

_Key = tuple[int, int, tuple[Dims, ...]]  # number of the request, epoch of the store, shapes of the feeds


@dataclass(frozen=True, slots=True)
class _Request:
    """What a run asks for, whatever the values: worked out once, and remembered.

    asks     (tensors to fetch, operations to run, tensors that are fed)
    number   that of `asks` in the session, which is quicker to hash
    shaped   whether the tensors that are fed have static shapes that leave nothing open
    feeds    the tensors that are fed, in the order of the graph, and where their values come: a key or a position
    bare     which of the fetched tensors may be scalars
    restore  from the values of the fetched tensors to the nest that was asked for
    """

    asks: Asks
    number: int
    shaped: bool
    feeds: Sequence[tuple[Tensor, Any]]
    bare: Sequence[int]
    restore: Restore


class Session:
    """Runs operations of one graph, and keeps the values of its variables.

    graph    the default graph when None
    config   a ConfigProto: intra_op_parallelism_threads is how many threads run a plan, and with check_numerics a run
             stops at the first operation that makes a NaN or infinity of finite inputs; allow_soft_placement, when it
             is set to False, makes an operation without a CUDA kernel an error; the rest is accepted only
    backend  "cpu", "cuda" or "reference"; when None the configured one, or "cuda" from the first program on that names
             a GPU (tf.device), unless device_count={"GPU": 0}
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: Any = None, backend: str | None = None
    ) -> None:
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"graph must be a Graph, not {graph!r}")
        if target and not isinstance(target, str):
            raise TypeError(f"target must be a string, not {target!r}")
        self._graph = graph or get_default_graph()
        self._strict = vars(config).get("allow_soft_placement") is False if config is not None else False
        counts = getattr(config, "device_count", None) or {}
        self._follows_devices = backend is None and current().backend == "cpu" and counts.get("GPU") != 0
        self._store = Store()
        threads = int(getattr(config, "intra_op_parallelism_threads", 0) or 0)
        first = get_backend(backend or current().backend, self._strict)
        self._compiler = Compiler(first, self._store, threads, bool(getattr(config, "check_numerics", False)))
        self._requests: dict[Hashable, _Request] = {}
        self._numbers: dict[Asks, int] = {}
        self._programs: dict[int, Program] = {}  # by the number of a request
        self._last: dict[int, tuple[Any, int, Executable]] = {}  # what ran last: shapes of the feeds, epoch, executable
        self._executables: dict[_Key, Executable] = {}
        self._profiles: dict[_Key, list[Profile]] = {}  # of those that are measured
        self._traces: dict[_Key, tuple[Executable, list[Profile]]] = {}
        self._lock = self._store.lock
        self._store.compile = self._compile_function
        self._store.spare = first.spares(threads)
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

        feed_dict     {tensor: value}: any tensor of the graph can be fed, not only placeholders
        run_metadata  a RunMetadata, which gets the times of the steps when the RunOptions ask for a trace; a run that
                      may wait for others is not measured
        Returns: the same nest with NumPy arrays (scalars for shape ()) that the caller owns, None for operations.
        Raises:  RuntimeError when closed; what `flatten`, `as_feed` and the operations raise.  It stays usable.
        """
        memo, keys = memo_key(fetches), tuple(feed_dict or ())
        request = self._requests.get((memo, keys))
        if request is None:
            if composite(keys):
                return self.run(fetches, spread(feed_dict or {}), options, run_metadata)
            request = self._request(fetches, dict(zip(keys, keys, strict=True)))
            if memo is not None:
                self._requests[memo, keys] = request
        if run_metadata is not None and options is not None and options.trace_level:
            return self._traced(request, feed_dict, run_metadata)
        return self._answer(request, feed_dict)

    def _traced(self, request: _Request, values: Any, run_metadata: RunMetadata) -> Any:
        """As _answer, and the times of the steps go to the RunMetadata."""
        arrays = [as_feed(t, values[where]) for t, where in request.feeds]
        with self._lock:
            key = (request.number, self._store.epoch, tuple([a.shape for a in arrays]))
            if key not in self._traces:
                program = prune(*request.asks)
                if any(op.definition.blocks for op in program.ops):
                    return self._answer(request, values)
                profiles: list[Profile] = []
                self._traces[key] = self._compiler.compile(program, key[2], "a trace", profiles), profiles
            executable, profiles = self._traces[key]
            begin, wall = time.perf_counter_ns(), time.time_ns()
            results = executable(arrays)
        run_metadata.Clear()
        device = self._compiler.backend.device
        measured = [(p.plan, p.clock.last()) for p in profiles if p.clock is not None]
        run_metadata.step_stats.fill_later(partial(step_stats, measured, begin, wall, device))
        return request.restore([r if r.ndim else r[()] for r in results])

    def make_callable(
        self, fetches: Any, feed_list: Sequence[Any] | None = None, accept_options: bool = False
    ) -> Callable:
        """A function that runs `fetches` with the values of `feed_list` as positional arguments."""
        fed = [self._graph.as_graph_element(t, allow_operation=False) for t in feed_list or ()]
        request = self._request(fetches, {t: i for i, t in enumerate(fed)})
        answer, wanted = self._answer, len(fed)

        def call(*values: Any, **_: Any) -> Any:
            if len(values) != wanted and not (accept_options and len(values) == wanted + 1):
                raise GraphError(f"this callable takes {wanted} values and got {len(values)}")
            return answer(request, values)

        return call

    def explain(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, runs: int = 0) -> str:
        """What a run of these does, as text: what each pass changed, and the plan with the costs of its steps.

        runs   how often to run it, as run() would, to measure the steps: their median times, GFLOP/s and GB/s are
               shown too, also those of runs under GRAPHFLOW_DEBUG=2.  Up to a microsecond of each is the native call
        Without runs nothing is run: where shapes depend on values, the plan then goes as far as they are known.
        """
        _, profiles, rest = self.profiled(fetches, feed_dict, runs)
        later = "" if rest is None else f"and {len(rest.ops)} operations more, when these shapes have come out\n"
        return "".join(map(str, profiles)) + later

    def profiled(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, runs: int = 0
    ) -> tuple[Program, list[Profile], Program | None]:
        """(what a run of these asks for, its plans as explain() tells of them, what is left to compile later)."""
        values = spread(feed_dict or {})
        request = self._request(fetches, {key: key for key in values})
        arrays = [as_feed(t, values[where]) for t, where in request.feeds]
        dims = tuple([a.shape for a in arrays])
        program = prune(*request.asks)
        with self._lock:
            epoch = self._store.epoch
            profiles = self._profiles.get((request.number, epoch, dims))
            for run in range(runs):
                if not run or self._store.epoch != epoch:  # a run that gives a variable another shape makes stale
                    epoch, profiles = self._store.epoch, []
                    executable = self._compiler.compile(program, dims, "explain", profiles)
                executable(arrays)
        if profiles:
            return program, profiles, None
        report = Report()
        plan, rest = self._compiler.planned(program, dims, report)
        return program, [Profile(report, plan)], rest

    def _request(self, fetches: Any, keys: Mapping[Any, Any]) -> _Request:
        self._check_open()
        if not self._graph.version:
            raise RuntimeError("the session's graph is empty: add operations to the graph before running them")
        tensors, targets, restore = flatten(self._graph, fetches)
        feeds = fed_tensors(self._graph, keys)
        asks = (tensors, targets, tuple([t for t, _ in feeds]))
        with self._lock:
            number = self._numbers.setdefault(asks, len(self._numbers))
        bare = [i for i, t in enumerate(tensors) if not t.dims]
        return _Request(asks, number, all(known(t.dims) for t in asks[2]), feeds, bare, restore)

    def _answer(self, request: _Request, values: Any) -> Any:
        if self._closed:
            self._check_open()
        self._graph.runs += 1
        arrays = []  # loops and calls in plain words: comprehensions and `with` cost as much again as what they do
        for t, where in request.feeds:
            arrays.append(as_feed(t, values[where]))
        dims = None if request.shaped else [a.shape for a in arrays]
        self._lock.acquire()
        try:
            last = self._last.get(request.number)
            if last is not None and last[0] == dims and last[1] == self._store.epoch:
                executable = last[2]
            else:
                executable = self._executable(request, [a.shape for a in arrays])
                self._last[request.number] = dims, self._store.epoch, executable
            results = executable(arrays)
        finally:
            self._lock.release()
        for i in request.bare:
            if not results[i].ndim:
                results[i] = results[i][()]
        return request.restore(results)

    def _executable(self, request: _Request, dims: Sequence[Dims]) -> Executable:
        key = (request.number, self._store.epoch, tuple(dims))
        executable = self._executables.get(key)
        if executable is None:
            executable = self._executables[key] = self._missed(request, key)
        return executable

    def _missed(self, request: _Request, key: _Key) -> Executable:
        """The executable for a key that there is none for."""
        program = self._programs.get(request.number)
        if program is None:
            program = self._programs[request.number] = prune(*request.asks)
        if self._follows_devices and any("GPU" in op.device for op in program.ops):
            self._follow_devices()
        debug, dims = current().debug, key[2]
        if recording():
            return self._recorded(program, dims)
        if any(op.definition.blocks for op in program.ops):
            return one_each(partial(self._compiler.compile, program, dims))
        if not debug:
            return self._compiler.compile(program, dims)
        asks = {number: asks for asks, number in self._numbers.items()}
        earlier = [(asks[number], epoch, shapes) for number, epoch, shapes in self._executables]
        why = reason((request.asks, *key[1:]), earlier, self._store.reshaped)
        if debug < 2:
            return self._compiler.compile(program, dims, why)
        profiles = self._profiles[key] = []
        return reporting(self._compiler.compile(program, dims, why, profiles), profiles)

    def _follow_devices(self) -> None:
        """To the GPU, with everything: what was compiled for the CPU would not know of variables that live there."""
        self._follows_devices = False
        found = accelerator(self._strict)
        if found is not None:
            self._compiler.backend = found
            self._store.spare = found.spares(self._compiler.threads)
            for compiled in (self._last, self._executables, self._profiles, self._traces):
                compiled.clear()

    def _recorded(self, program: Program, dims: Sequence[Dims]) -> Executable:
        """An executable that is measured, and that whoever records is told of."""
        profiles: list[Profile] = []
        start = time.perf_counter()
        if any(op.definition.blocks for op in program.ops):
            first = iter([profiles])  # those that run beside the first are not measured
            executable = one_each(lambda: self._compiler.compile(program, dims, "a recording", next(first, None)))
        else:
            executable = self._compiler.compile(program, dims, "a recording", profiles)
        return recorded(program, profiles, executable, time.perf_counter() - start)

    @contextmanager
    def _recording(self) -> Iterator[list[Recorded]]:
        """What this session runs in the block: measured plans take the places of those that it has."""
        with self._lock:
            before, self._executables, self._last = (self._executables, self._last), {}, {}
            backend = self._compiler.backend
        try:
            with record() as found:
                yield found
        finally:
            with self._lock:
                self._executables, self._last = before if self._compiler.backend is backend else ({}, {})

    def _compile_function(self, program: Program, dims: Sequence[Dims], threads: int) -> Executable:
        """An executable for a program that a dataset runs, in a run of the session or beside it."""
        return self._compiler.compile(program, dims, "a function of a dataset", threads=threads or None)

    # -- being open, closed, the default -------------------------------------------------------------------------
    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the session is closed")

    def close(self) -> None:
        """Give up variables and compiled plans; run() then raises RuntimeError."""
        self._closed = True
        self._store.close()
        for remembered in (self._requests, self._programs, self._last, self._executables, self._profiles, self._traces):
            remembered.clear()

    def as_default(self) -> AbstractContextManager[Session]:
        """Make this the session of `eval` and `run` inside a `with` block, without closing it afterwards."""
        return default_session(self)

    def __enter__(self) -> Session:
        for context in (self._graph.as_default(), self.as_default()):
            context.__enter__()
            self._entered.append(context)
        return self

    def __exit__(self, *exception: Any) -> None:
        for _ in range(2):
            self._entered.pop().__exit__(None, None, None)
        self.close()

    def list_devices(self) -> list[DeviceAttributes]:
        """The CPU, and the GPU that a session of the CUDA backend runs on."""
        kinds = ["CPU", "GPU"] if self._compiler.backend.name == "cuda" else ["CPU"]
        return [DeviceAttributes(f"/job:localhost/replica:0/task:0/device:{kind}:0", kind) for kind in kinds]


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


def explain(
    fetches: Any, feed_dict: Mapping[Any, Any] | None = None, session: Session | None = None, runs: int = 0
) -> str:
    """Session.explain in the session given, the default one, or else one without any values."""
    return (session or get_default_session() or Session()).explain(fetches, feed_dict, runs)
