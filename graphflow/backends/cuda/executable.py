"""A plan bound to device memory and compiled kernels: what a warm run calls.

Everything that a run brings goes to the device in one copy, and everything that it gives comes back in one.  A plan
without steps in Python is one queue of copies and kernels, captured in the second run and replayed from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphflow.backends.base import Bodies, Draws, Watch
from graphflow.backends.blas import SERIAL_BLAS
from graphflow.backends.calls import caller
from graphflow.backends.clock import Clock
from graphflow.backends.cpu.buffers import (
    bytes_of,
    has_work,
    overlap,
    places,
    read_first,
    results,
    variables_of,
    written,
)
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.compile import Kernels
from graphflow.backends.cuda.launch import Launch, Scratch
from graphflow.backends.cuda.memory import Variables
from graphflow.backends.reference import draw
from graphflow.dtypes import uint8
from graphflow.errors import InternalError, InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import type_of
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import known, sizes
from graphflow.store import Store, uninitialized

_ALIGN = 256
_GOOD = np.iinfo(np.int64).max  # a status that no kernel has written


class _Box:
    """Pieces of one block of memory that goes between host and device in one copy."""

    def __init__(self) -> None:
        self.nbytes = 0
        self.starts: dict[Any, int] = {}

    def add(self, what: Any, nbytes: int) -> None:
        self.starts[what] = self.nbytes
        self.nbytes += -(-max(nbytes, 1) // _ALIGN) * _ALIGN

    def make(self, name: str) -> None:
        self.device = shim.allocate(self.nbytes, name)
        self.host = shim.pinned(self.nbytes)

    def on_host(self, what: Any, dtype: np.dtype, dims: tuple[int, ...]) -> np.ndarray:
        start, count = self.starts[what], int(np.prod(dims, dtype=np.int64))
        return self.host[start : start + count * dtype.itemsize].view(dtype).reshape(dims)


class CudaExecutable:
    """Runs of queued kernels, between the steps that only Python can do.

    Not to be entered by two threads at once: they would share the arena.
    With a clock or a watch every step is waited for, so that it can be measured or looked at.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        kernels: Kernels,
        variables: Variables,
        stream: Any,
        clock: Clock | None = None,
        function: Bodies | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._plan, self._store, self._kernels, self._mirror = plan, store, kernels, variables
        self._stream, self._function = stream, function
        self._objects: list[np.ndarray | None] = [None] * plan.objects
        self._variables = variables_of(plan)
        self._required = [v for v in read_first(plan) if not store.initialized(v)]
        self._feeds: list[np.ndarray] = []
        self._views: dict[tuple, Any] = {}
        self._constants: dict[int, Any] = {}
        self._written: list[Operation] = []  # by kernels of the part that runs
        self._draws: dict[Operation, int] = {}  # how often each draws in a run
        self._checks: list[Step] = []  # steps with a status
        given, self._copies = results(plan)
        self._given = list(given.values())
        self._allocate()
        self._parts: list[Callable[[], None]] = []
        self._alone = clock is None and watch is None and all(map(self._is_native, plan.steps))
        self._native: list[Callable[[], None]] = []
        if self._alone:
            self._native = [queue for step in plan.steps if (queue := self._queue(step)) is not None]
        else:
            self._bind_apart(clock, watch)
        self._fill_statuses()
        self._runs = 0
        self._replay: Callable[[], None] | None = None

    # -- a run ---------------------------------------------------------------------------------------------------
    def __call__(self, feeds: list[np.ndarray]) -> list[np.ndarray]:
        if self._required:
            self._check_initialized()
        self._feeds = feeds
        for number, place in self._inbound:
            np.copyto(place, feeds[number])
        for op, place in self._drawn:
            place[:] = self._store.draws(op)
        self._push_variables()
        if self._alone:
            self._run_alone()
        else:
            shim.upload(self._inbox.device, self._inbox.host, self._stream)
            for part in self._parts:
                part()
            shim.download(self._outbox.device, self._outbox.host, self._stream)
            self._wait()
        self._check_statuses()
        made = [place.copy() for place in self._outbound]
        for position, buffer in self._copies:
            made.insert(position, self._host(buffer).copy())
        self._feeds = []
        return made

    def _run_alone(self) -> None:
        """All that is queued: plainly, so that everything is loaded, then captured, then replayed."""
        if self._replay is not None:
            self._replay()
        else:
            if self._runs == 1:
                self._replay = shim.captured(self._queue_all, self._stream)
            self._runs += 1
            if self._replay is not None:
                self._replay()
            else:
                self._queue_all()
        self._wait()
        for op, times in self._draws.items():
            self._store.draws(op)[1] += np.uint64(times)
        for variable in self._written:
            self._store.mark(variable)
            self._mirror.wrote(variable)

    def _queue_all(self) -> None:
        shim.upload(self._inbox.device, self._inbox.host, self._stream)
        for queue in self._native:
            queue()
        shim.download(self._outbox.device, self._outbox.host, self._stream)

    def _wait(self) -> None:
        shim.wait(self._stream)

    def _check_initialized(self) -> None:
        for variable in self._required:
            if not self._store.initialized(variable):
                raise uninitialized(variable)
        self._required = []

    def _push_variables(self) -> None:
        for variable in self._on_device:
            self._mirror.push(variable)

    # -- memory --------------------------------------------------------------------------------------------------
    def _allocate(self) -> None:
        """The arena, and the boxes: feeds, draws and statuses go in; fetches and statuses come out."""
        plan = self._plan
        self._inbox, self._outbox = _Box(), _Box()
        feeds = [b for b in dict.fromkeys(b for s in plan.steps for b in s.inputs) if b.kind == "feed"]
        used = {b.index: b for b in feeds if known(b.dims) and not b.dtype.dtype.hasobject}
        for index, b in used.items():
            self._inbox.add(("feed", index), b.nbytes)
        draws: list[Operation] = []
        native = [s for s in plan.steps if self._is_native(s)]
        for step in native:
            for launch in () if step.call is None else step.call.function:
                draws += [p.op for p in launch.pointers if isinstance(p, Draws)]
                if "status" in launch.pointers and (not self._checks or self._checks[-1] is not step):
                    self._checks.append(step)
        for op in dict.fromkeys(draws):
            self._inbox.add(("draws", op), 16)
        for b in plan.fetch_arrays:
            self._outbox.add(("fetch", b.index), b.nbytes)
        for number in range(len(self._checks)):
            self._outbox.add(("status", number), 8)
        largest = max(plan.steps, key=bytes_of, default=None)
        where = "" if largest is None else f", of which {type_of(largest.op)} {largest.op.name!r} needs most"
        self._arena = shim.allocate(plan.arena_bytes + _ALIGN, f"what lies between the steps of this run{where}")
        self._inbox.make("the feeds of this run")
        self._outbox.make("the fetches of this run")
        shapes = [t.dims for t in plan.program.feeds]  # a buffer may be a view of a feed
        self._inbound = [
            (i, self._inbox.on_host(("feed", i), b.dtype.dtype, sizes(shapes[i]))) for i, b in used.items()
        ]
        self._drawn = [
            (op, self._inbox.on_host(("draws", op), np.dtype(np.uint64), (2,))) for op in dict.fromkeys(draws)
        ]
        self._outbound = [self._outbox.on_host(("fetch", b.index), b.dtype.dtype, sizes(b.dims)) for b in self._given]
        states = {b.index for s in native for b in (*s.inputs, *s.outputs) if b.kind == "state"}
        self._on_device = [self._variables[i] for i in sorted(states)]

    def _memory(self, buffer: Buffer) -> tuple[Any, int]:
        """(device bytes, where the buffer begins in them)"""
        match buffer.kind:
            case "arena":
                return self._arena, buffer.index
            case "feed":
                return self._inbox.device, self._inbox.starts["feed", buffer.index]
            case "fetch":
                return self._outbox.device, self._outbox.starts["fetch", buffer.index]
            case "state":
                variable = self._variables[buffer.index]
                self._storage(buffer)
                return self._mirror.memory(variable, sizes(self._store.dims(variable))), 0
        found = self._constants.get(buffer.index)
        if found is None:
            value = self._plan.constants[buffer.index]
            found = self._constants[buffer.index] = shim.allocate(value.nbytes, "a constant")
            if value.nbytes:
                shim.upload(found, np.ascontiguousarray(value).reshape(-1).view(np.uint8), self._stream)
                self._wait()
        return found, 0

    def _view(self, buffer: Buffer) -> Any:
        """The buffer as an array of a kernel."""
        count = int(np.prod(sizes(buffer.dims), dtype=np.int64))
        key = buffer.kind, buffer.index, buffer.dtype, count
        found = self._views.get(key)
        if found is None:
            memory, start = self._memory(buffer)
            found = self._views[key] = shim.part(memory, start, buffer.dtype.dtype, count)
        return found

    def _storage(self, buffer: Buffer) -> np.ndarray | None:
        """The variable's array on the host, made in the variable's shape when there is none yet."""
        variable = self._variables[buffer.index]
        dims = self._store.dims(variable)
        return self._store.storage(variable, sizes(dims if known(dims) else buffer.dims))

    def _host(self, buffer: Buffer) -> np.ndarray:
        """What a buffer holds now, as an array on the host."""
        index = buffer.index
        match buffer.kind:
            case "feed":
                array: Any = self._feeds[index]
            case "const":
                array = self._plan.constants[index]
            case "state":
                array = self._store.value(self._variables[index])
            case "object":
                array = self._objects[index]
            case _:
                array = np.empty(sizes(buffer.dims), buffer.dtype.dtype)
                if array.nbytes:
                    view = self._view(Buffer(buffer.kind, index, (array.nbytes,), uint8))
                    shim.download(view, array.reshape(-1).view(np.uint8), self._stream)
                    self._wait()
        assert array is not None
        return array.reshape(sizes(buffer.dims)) if known(buffer.dims) and buffer.kind != "object" else array

    def _save(self, buffer: Buffer, value: np.ndarray) -> None:
        if buffer.kind == "object":
            self._objects[buffer.index] = value
        elif buffer.kind == "state":
            self._store.write(self._variables[buffer.index], value)
        else:
            flat = np.array(value, buffer.dtype.dtype, order="C").reshape(-1).view(np.uint8)
            if flat.nbytes:
                shim.upload(self._view(Buffer(buffer.kind, buffer.index, (flat.nbytes,), uint8)), flat, self._stream)
                self._wait()

    # -- binding -------------------------------------------------------------------------------------------------
    def _is_native(self, step: Step) -> bool:
        """Whether every buffer is memory; a variable whose array has another shape is written by the reference."""
        if step.call is None and not step.copy:
            return False
        if any(b.kind == "object" for b in (*step.inputs, *step.outputs)):
            return False
        return all(
            (array := self._storage(b)) is not None and array.shape == b.dims for b in step.outputs if b.kind == "state"
        )

    def _bind_apart(self, clock: Clock | None, watch: Watch | None) -> None:
        """Every step by itself; with a clock around it, and what watches it before and after it."""
        if watch is not None:
            self._parts.append(watch.begin)
        for number, step in enumerate(self._plan.steps):
            if watch is not None:
                self._parts.append(partial(watch.before, step, self._host))
            part = self._native_part(step, clock is not None or watch is not None) if self._is_native(step) else (
                self._in_python(step))  # fmt: skip
            if part is not None:
                self._parts.append(part if clock is None else clock.around(number, part))
            if watch is not None:
                self._parts.append(partial(watch.after, step, self._host))

    def _native_part(self, step: Step, waits: bool) -> Callable[[], None] | None:
        before, drawn = len(self._written), dict(self._draws)
        queue = self._queue(step)
        if queue is None:
            return None
        mine = self._written[before:]
        draws = [op for op in self._draws if self._draws[op] != drawn.get(op, 0)]
        used = {b.index for b in (*step.inputs, *step.outputs) if b.kind == "state"}
        variables = [self._variables[i] for i in sorted(used)]

        def part() -> None:
            for variable in variables:
                self._mirror.push(variable)
            queue()
            for op in draws:
                self._store.draws(op)[1] += np.uint64(1)
            for variable in mine:
                self._store.mark(variable)
                self._mirror.wrote(variable)
            if waits:
                self._wait()

        return part

    def _queue(self, step: Step) -> Callable[[], None] | None:
        """What queues a step; None for one that has nothing to do."""
        if not has_work(step):
            return None
        if step.copy:
            return partial(shim.copy, self._view(step.outputs[0]), self._view(step.inputs[0]), self._stream)
        assert step.call is not None
        launches = [self._launch(step, one) for one in step.call.function]
        self._written += [self._variables[b.index] for b in written(step)]
        if len(launches) == 1:
            return launches[0]

        def queue() -> None:
            for one in launches:
                one()

        return queue

    def _launch(self, step: Step, one: Launch) -> Callable[[], None]:
        found_at = places(step)
        arguments: list[Any] = []
        elements: list[str] = []
        for position, p in enumerate(one.pointers):
            if isinstance(p, Tensor):
                found = found_at[p]
                before = one.pointers[:position].count(p) if len(found) > 1 else 0
                arguments.append(self._view(found[min(before, len(found) - 1)]))
                elements.append(p.dtype.name)
            elif isinstance(p, Draws):
                start = self._inbox.starts["draws", p.op]
                arguments.append(shim.part(self._inbox.device, start, np.dtype(np.uint64), 2))
                elements.append("uint64")
                self._draws[p.op] = 1
            elif isinstance(p, Scratch):
                assert step.scratch is not None
                arguments.append(shim.part(self._arena, step.scratch.index + p.start, np.dtype(p.dtype), p.number))
                elements.append(p.dtype)
            else:
                start = self._outbox.starts["status", self._checks.index(step)]
                arguments.append(shim.part(self._outbox.device, start, np.dtype(np.int64), 1))
                elements.append("int64")
        kernel = self._compiled(step, one, elements)
        return partial(shim.launch, kernel, one.blocks, one.threads, self._stream, [*arguments, *one.sizes])

    def _compiled(self, step: Step, one: Launch, elements: Sequence[str]) -> Any:
        try:
            return self._kernels.get(one.kernel, elements, len(one.sizes), one.threads)
        except Exception as error:
            raise InternalError.because(f"the kernel of {type_of(step.op)} does not compile: {error}", step.op).note(
                *step.op.where()
            ) from error

    # -- bad indices ---------------------------------------------------------------------------------------------
    def _fill_statuses(self) -> None:
        """All good, as the first run will find them, and as `_check_statuses` leaves them."""
        for number in range(len(self._checks)):
            good = np.full(1, _GOOD, np.int64)
            start = self._outbox.starts["status", number]
            shim.upload(shim.part(self._outbox.device, start, np.dtype(np.int64), 1), good, self._stream)
        self._wait()

    def _check_statuses(self) -> None:
        for number, step in enumerate(self._checks):
            word = int(self._outbox.on_host(("status", number), np.dtype(np.int64), (1,))[0])
            if word != _GOOD:
                self._fill_statuses()
                assert step.call is not None
                value = word & 0xFFFFFFFF
                value -= (value >> 31) << 32
                message = step.call.error.format(position=word >> 32, value=value)
                raise InvalidArgumentError.because(message, step.op).note(*step.op.where())

    # -- steps in Python -----------------------------------------------------------------------------------------
    def _in_python(self, step: Step) -> Callable[[], None]:
        if step.copy:
            return lambda: self._save(step.outputs[0], self._host(step.inputs[0]).copy())
        return self._calling(step) if step.op.definition.calls else self._referring(step)

    def _calling(self, step: Step) -> Callable[[], None]:
        """A branch or a loop: its bodies are programs of their own, which write variables where these live."""
        op, skip = step.op, len(step.op.definition.writes)
        compute = caller(op, self._store, self._function)

        def part() -> None:
            values = [
                None if i in op.definition.refs else self._host(b).copy() if b.kind == "state" else self._host(b)
                for i, b in enumerate(step.inputs)
            ]
            for buffer, value in zip(step.outputs[skip:], compute(values)[skip:], strict=True):
                self._save(buffer, value)

        return part

    def _referring(self, step: Step) -> Callable[[], None]:
        """The reference; in place where the record can and no other input is in the way."""
        op, record = step.op, step.op.definition

        def part() -> None:
            values = [
                self._host(b) if i not in record.refs else self._store.value(self._variables[b.index])
                for i, b in enumerate(step.inputs)
            ]
            in_place = record.in_place is not None and not overlap(values, record.writes)
            if record.stateful:
                made = record.compute(op, values, in_place, **draw(op, self._store))
            else:
                with SERIAL_BLAS:
                    made = record.compute(op, values, in_place, **draw(op, self._store))
            for buffer, value in zip(step.outputs, made, strict=True):
                self._save(buffer, value)

        return part
