"""Where the buffers of a plan are: the arena, constants and variables on the device, feeds and fetches in boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.backends.cpu.buffers import bytes_of, results, storage_of, variables_of
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.launch import draws_of
from graphflow.backends.cuda.memory import Variables
from graphflow.dtypes import uint8
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Operation
from graphflow.ops.fused import type_of
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import known, sizes
from graphflow.store import Store

_ALIGN = 256
_GOOD = np.iinfo(np.int64).max  # a status that no kernel has written


class Box:
    """Pieces of one block of memory that goes between host and device in one copy."""

    def __init__(self) -> None:
        self.nbytes = 0
        self._starts: dict[Any, int] = {}

    def add(self, what: Any, nbytes: int) -> None:
        self._starts[what] = self.nbytes
        self.nbytes += -(-max(nbytes, 1) // _ALIGN) * _ALIGN

    def make(self, name: str) -> None:
        self.device = shim.allocate(self.nbytes, name)
        self.host = shim.pinned(self.nbytes)

    def start(self, what: Any) -> int:
        return self._starts[what]

    def on_device(self, what: Any, dtype: np.dtype, count: int) -> Any:
        return shim.part(self.device, self._starts[what], dtype, count)

    def on_host(self, what: Any, dtype: np.dtype, dims: tuple[int, ...]) -> np.ndarray:
        start, count = self._starts[what], int(np.prod(dims, dtype=np.int64))
        return self.host[start : start + count * dtype.itemsize].view(dtype).reshape(dims)


class Buffers:
    """The memory of one executable.

    feeds    what the caller has brought, while a run lasts
    given    the fetches that are in the outbox, `copies` the other ones with their positions
    """

    def __init__(self, plan: Plan, store: Store, variables: Variables, stream: Any, native: Sequence[Step]) -> None:
        self.plan, self._store, self._mirror, self._stream = plan, store, variables, stream
        self.variables = variables_of(plan)
        self.feeds: list[np.ndarray] = []
        self._objects: list[np.ndarray | None] = [None] * plan.objects
        self._views: dict[tuple, Any] = {}
        self._constants: dict[int, Any] = {}
        self._inbox, self._outbox = Box(), Box()
        self._checks = [s for s in native if s.call and any("status" in one.pointers for one in s.call.function)]
        given, self._copies = results(plan)
        self._make(list(given.values()), draws_of(native))
        self._fill_statuses()

    def _make(self, given: Sequence[Buffer], draws: Sequence[Operation]) -> None:
        plan = self.plan
        fed = {b.index: b for s in plan.steps for b in s.inputs if b.kind == "feed"}
        used = {i: b for i, b in fed.items() if known(b.dims) and not b.dtype.dtype.hasobject}
        for index, b in used.items():
            self._inbox.add(("feed", index), b.nbytes)
        for op in draws:
            self._inbox.add(("draws", op), 16)
        for b in plan.fetch_arrays:
            self._outbox.add(("fetch", b.index), b.nbytes)
        for number in range(len(self._checks)):
            self._outbox.add(("status", number), 8)
        largest = max(plan.steps, key=bytes_of, default=None)
        where = "" if largest is None else f", of which {type_of(largest.op)} {largest.op.name!r} needs most"
        self.arena = shim.allocate(plan.arena_bytes + _ALIGN, f"what lies between the steps of this run{where}")
        self._inbox.make("the feeds of this run")
        self._outbox.make("the fetches of this run")
        shapes = [t.dims for t in plan.program.feeds]  # a buffer may be a view of a feed
        self._inbound = [
            (i, self._inbox.on_host(("feed", i), b.dtype.dtype, sizes(shapes[i]))) for i, b in used.items()
        ]
        self._drawn = [(op, self._inbox.on_host(("draws", op), np.dtype(np.uint64), (2,))) for op in draws]
        self._outbound = [self._outbox.on_host(("fetch", b.index), b.dtype.dtype, sizes(b.dims)) for b in given]

    # -- what goes in and comes out --------------------------------------------------------------------------------
    def arrivals(self) -> list[Callable[[], None]]:
        """What queues the copy of all that a run brings; nothing if it brings nothing."""
        box = self._inbox
        return [lambda: shim.upload(box.device, box.host, self._stream)] if box.nbytes else []

    def departures(self) -> list[Callable[[], None]]:
        """What queues the copy of all that a run gives."""
        box = self._outbox
        return [lambda: shim.download(box.device, box.host, self._stream)] if box.nbytes else []

    def fill(self, feeds: list[np.ndarray]) -> None:
        """Put feeds and draws in the inbox."""
        self.feeds = feeds
        for number, place in self._inbound:
            np.copyto(place, feeds[number])
        for op, place in self._drawn:
            place[:] = self._store.draws(op)

    def taken(self) -> list[np.ndarray]:
        """The fetches, each the caller's own."""
        made = [place.copy() for place in self._outbound]
        for position, buffer in self._copies:
            made.insert(position, self.host(buffer).copy())
        self.feeds = []
        return made

    # -- on the device -----------------------------------------------------------------------------------------------
    def view(self, buffer: Buffer) -> Any:
        """The buffer as an array of a kernel."""
        count = int(np.prod(sizes(buffer.dims), dtype=np.int64))
        key = buffer.kind, buffer.index, buffer.dtype, count
        found = self._views.get(key)
        if found is None:
            memory, start = self._memory(buffer)
            found = self._views[key] = shim.part(memory, start, buffer.dtype.dtype, count)
        return found

    def _memory(self, buffer: Buffer) -> tuple[Any, int]:
        """(device bytes, where the buffer begins in them)"""
        match buffer.kind:
            case "arena":
                return self.arena, buffer.index
            case "feed":
                return self._inbox.device, self._inbox.start(("feed", buffer.index))
            case "fetch":
                return self._outbox.device, self._outbox.start(("fetch", buffer.index))
            case "state":
                variable = self.variables[buffer.index]
                return self._mirror.memory(variable, storage_of(variable, buffer, self._store).shape), 0
        found = self._constants.get(buffer.index)
        if found is None:
            value = self.plan.constants[buffer.index]
            found = self._constants[buffer.index] = shim.allocate(value.nbytes, "a constant")
            if value.nbytes:
                shim.upload(found, np.ascontiguousarray(value).reshape(-1).view(np.uint8), self._stream)
                shim.wait(self._stream)
        return found, 0

    def draws(self, op: Operation) -> Any:
        """uint64 [2] of a random operation."""
        return self._inbox.on_device(("draws", op), np.dtype(np.uint64), 2)

    def status(self, step: Step) -> Any:
        """int64 [1] of a step, which its kernels write where an index is bad."""
        return self._outbox.on_device(("status", self._checks.index(step)), np.dtype(np.int64), 1)

    # -- on the host -------------------------------------------------------------------------------------------------
    def host(self, buffer: Buffer) -> np.ndarray:
        """What a buffer holds now, as an array on the host."""
        index = buffer.index
        match buffer.kind:
            case "feed":
                array: Any = self.feeds[index]
            case "const":
                array = self.plan.constants[index]
            case "state":
                array = self._store.value(self.variables[index])
            case "object":
                array = self._objects[index]
            case _:
                array = np.empty(sizes(buffer.dims), buffer.dtype.dtype)
                if array.nbytes:
                    view = self.view(Buffer(buffer.kind, index, (array.nbytes,), uint8))
                    shim.download(view, array.reshape(-1).view(np.uint8), self._stream)
                    shim.wait(self._stream)
        assert array is not None
        return array.reshape(sizes(buffer.dims)) if known(buffer.dims) and buffer.kind != "object" else array

    def save(self, buffer: Buffer, value: np.ndarray) -> None:
        """Let a buffer hold what was made on the host."""
        if buffer.kind == "object":
            self._objects[buffer.index] = value
        elif buffer.kind == "state":
            self._store.write(self.variables[buffer.index], value)
        else:
            flat = np.array(value, buffer.dtype.dtype, order="C").reshape(-1).view(np.uint8)
            if flat.nbytes:
                shim.upload(self.view(Buffer(buffer.kind, buffer.index, (flat.nbytes,), uint8)), flat, self._stream)
                shim.wait(self._stream)

    # -- bad indices ---------------------------------------------------------------------------------------------
    def _fill_statuses(self) -> None:
        """All good, as the first run will find them, and as `check_statuses` leaves them."""
        for step in self._checks:
            shim.upload(self.status(step), np.full(1, _GOOD, np.int64), self._stream)
            shim.wait(self._stream)

    def check_statuses(self) -> None:
        """Raises: InvalidArgumentError for the first step whose kernels have met a bad index in this run."""
        for number, step in enumerate(self._checks):
            word = int(self._outbox.on_host(("status", number), np.dtype(np.int64), (1,))[0])
            if word != _GOOD:
                self._fill_statuses()
                assert step.call is not None
                value = word & 0xFFFFFFFF
                value -= (value >> 31) << 32
                message = step.call.error.format(position=word >> 32, value=value)
                raise InvalidArgumentError.because(message, step.op).note(*step.op.where())
