"""The memory of an executable: its arena, feeds and fetches in boxes, what steers it, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.backends.cpu.buffers import bytes_of, results
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.launch import ALIGN, draws_of
from graphflow.backends.cuda.memory import Variables
from graphflow.backends.cuda.places import BYTE, Box, Memory, Place
from graphflow.dtypes import uint8
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import type_of
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import known, sizes
from graphflow.store import Store

GOOD = np.iinfo(np.int64).max  # a status that no kernel has written
_WORD = np.dtype(np.int64)


class Buffers(Memory):
    """The memory of one executable.

    feeds    what the caller has brought, while a run lasts
    given    the fetches that are in the outbox, `copies` the other ones with their positions
    native   all steps that kernels do, those of loops and branches among them
    """

    def __init__(self, plan: Plan, store: Store, variables: Variables, stream: Any, native: Sequence[Step]) -> None:
        super().__init__(plan, store, variables, stream)
        self.feeds: list[np.ndarray] = []
        self._objects: list[np.ndarray | None] = [None] * plan.objects
        self._inbox, self._outbox = Box(), Box()
        self._checks = [s for s in native if s.call and any("status" in one.pointers for one in s.call.function)]
        self._numbers = {id(s): number for number, s in enumerate(self._checks)}
        given, self._copies = results(plan)
        self._make(list(given.values()), draws_of(native), [s for s in native if s.op.definition.calls and not s.copy])
        self._fill_statuses()

    def _make(self, given: Sequence[Buffer], draws: Sequence[Operation], steered: Sequence[Step]) -> None:
        plan = self.plan
        fed = {b.index: b for s in plan.steps for b in s.inputs if b.kind == "feed"}
        used = {i: b for i, b in fed.items() if known(b.dims) and not b.dtype.dtype.hasobject}
        for index, b in used.items():
            self._inbox.add(("feed", index), b.nbytes)
        for op in draws:
            self._inbox.add(("draws", op), 16)
        for step in steered:
            for what in ("first", "start", "bound", "tested"):
                self._outbox.add((what, id(step)), 8)
        if self._checks:  # with the number and the status of the step that has failed first
            self._outbox.add("statuses", 8 * (len(self._checks) + 2))
        self._news = self._outbox.nbytes
        for b in plan.fetch_arrays:
            self._outbox.add(("fetch", b.index), b.nbytes)
        largest = max(plan.steps, key=bytes_of, default=None)
        where = "" if largest is None else f", of which {type_of(largest.op)} {largest.op.name!r} needs most"
        self.arena = shim.allocate(plan.arena_bytes + ALIGN, f"what lies between the steps of this run{where}")
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
        return [lambda: shim.upload(box.device, box.host, self.stream)] if box.nbytes else []

    def departures(self) -> list[Callable[[], None]]:
        """What queues the copy of all that a run gives."""
        box = self._outbox
        return [lambda: shim.download(box.device, box.host, self.stream)] if box.nbytes else []

    def fill(self, feeds: list[np.ndarray]) -> None:
        """Put feeds and draws in the inbox."""
        self.feeds = feeds
        for number, place in self._inbound:
            np.copyto(place, feeds[number])
        for op, place in self._drawn:
            place[:] = self.store.draws(op)

    def taken(self) -> list[np.ndarray]:
        """The fetches, each the caller's own."""
        made = [place.copy() for place in self._outbound]
        for position, buffer in self._copies:
            made.insert(position, self.host(buffer).copy())
        self.feeds = []
        return made

    # -- on the device -----------------------------------------------------------------------------------------------
    def outside(self, buffer: Buffer) -> Place:
        return (self._inbox if buffer.kind == "feed" else self._outbox).place((buffer.kind, buffer.index))

    def draws(self, op: Operation) -> Any:
        return self._inbox.on_device(("draws", op), np.dtype(np.uint64), 2)

    def checks(self, step: Step) -> bool:
        """Whether the step has a status."""
        return id(step) in self._numbers

    def status(self, step: Step) -> Any:
        return self.statuses[self._numbers[id(step)] :][:1]

    # -- what steers -------------------------------------------------------------------------------------------------
    def question(self, what: str, step: Step) -> Place:
        """The place of a number that the host asks for: "first" (a limit, an index), a counter's "start" and "bound"
        before a loop or branch, "tested" before a round."""
        return self._outbox.place((what, id(step)))

    def news(self) -> list[Callable[[], None]]:
        """What queues the copy of all that steers, with the statuses."""
        device, host = shim.part(self._outbox.device, 0, BYTE, self._news), self._outbox.host[: self._news]
        return [lambda: shim.download(device, host, self.stream)]

    def answer(self, what: str, step: Step, dtype: np.dtype) -> Callable[[], Any]:
        """What knows the number that was asked for, when one has waited."""
        place = self._outbox.on_host((what, id(step)), dtype, (1,))
        return lambda: place[0]

    def wait(self) -> None:
        """Until all that is queued is done.   It raises what `check_statuses` does."""
        shim.wait(self.stream)
        self.check_statuses()

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
                array = self.store.value(self.variables[index])
            case "object":
                array = self._objects[index]
            case "list":
                return self.rows(buffer).array()
            case _:
                array = np.empty(sizes(buffer.dims), buffer.dtype.dtype)
                if array.nbytes:
                    view = self.view(Buffer(buffer.kind, index, (array.nbytes,), uint8))
                    shim.download(view, array.reshape(-1).view(np.uint8), self.stream)
                    shim.wait(self.stream)
        assert array is not None
        return array.reshape(sizes(buffer.dims)) if known(buffer.dims) and buffer.kind != "object" else array

    def save(self, buffer: Buffer, value: np.ndarray) -> None:
        """Let a buffer hold what was made on the host."""
        if buffer.kind == "object":
            self._objects[buffer.index] = value
        elif buffer.kind == "list":
            self.rows(buffer).set(value)
        elif buffer.kind == "state":
            self.store.write(self.variables[buffer.index], value)
        else:
            flat = np.array(value, buffer.dtype.dtype, order="C").reshape(-1).view(np.uint8)
            if flat.nbytes:
                shim.upload(self.view(Buffer(buffer.kind, buffer.index, (flat.nbytes,), uint8)), flat, self.stream)
                shim.wait(self.stream)

    def on_host(self, t: Tensor, buffer: Buffer) -> Callable[[], Any] | None:
        return (lambda: self.feeds[buffer.index]) if buffer.kind == "feed" else super().on_host(t, buffer)

    # -- bad indices ---------------------------------------------------------------------------------------------
    def recover(self) -> None:
        """After a run that has come to no end: nothing is under way, and nothing is wrong."""
        shim.wait(self.stream)
        self.feeds = []
        self._fill_statuses()

    def _fill_statuses(self) -> None:
        """All good, as every run finds them."""
        if self._checks:
            self.statuses = self._outbox.on_device("statuses", _WORD, len(self._checks) + 2)
            shim.upload(self.statuses, np.full(len(self._checks) + 2, GOOD), self.stream)
            shim.wait(self.stream)

    def check_statuses(self) -> None:
        """Raises: InvalidArgumentError for the step whose kernels have met a bad index first in this run."""
        if not self._checks:
            return
        *words, first, found = self._outbox.on_host("statuses", _WORD, (len(self._checks) + 2,)).tolist()
        if first != GOOD:
            words[first] = found
        else:
            first = next((number for number, word in enumerate(words) if word != GOOD), None)
        if first is not None:
            step, word = self._checks[first], words[first]
            assert step.call is not None
            value = word & 0xFFFFFFFF
            value -= (value >> 31) << 32
            message = step.call.error.format(position=word >> 32, value=value)
            raise InvalidArgumentError.because(message, step.op).note(*step.op.where())
