"""A plan bound to device memory and compiled kernels: what a warm run calls.

Everything that a run brings goes to the device in one copy, and everything that it gives comes back in one.  What lies
between two steps in Python is one queue of copies and kernels, captured in its second run and replayed from then on.

An executable has a stream of its own: while that is captured nobody else, as a session in another thread, may use it.
What other streams see, values of variables above all, is therefore waited for: before every step in Python, and at the
end of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphflow.backends.base import Bodies, Draws, Watch
from graphflow.backends.blas import SERIAL_BLAS
from graphflow.backends.calls import caller
from graphflow.backends.clock import Clock
from graphflow.backends.cpu.buffers import has_work, overlap, places, read_first, storage_of, variables_of, written
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.buffers import Buffers
from graphflow.backends.cuda.launch import ALIGN, Launch, Library, Scratch, draws_of
from graphflow.backends.cuda.loading import Kernels
from graphflow.backends.cuda.memory import Variables
from graphflow.backends.reference import draw
from graphflow.errors import InternalError
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import type_of
from graphflow.passes import collector_paused
from graphflow.plan import Plan, Step
from graphflow.store import Store, uninitialized

Part = Callable[[], None]


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
        clock: Clock | None = None,
        function: Bodies | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._plan, self._store, self._kernels, self._mirror = plan, store, kernels, variables
        self._stream, self._function = shim.new_stream(), function
        self._required = [v for v in read_first(plan) if not store.initialized(v)]
        flags = [_is_native(s, store, variables_of(plan)) for s in plan.steps]
        native = [s for s, flag in zip(plan.steps, flags, strict=True) if flag]
        kernels.prepare(job for s in native if s.call is not None and has_work(s) for job in s.call.function.jobs)
        self._buffers = Buffers(plan, store, variables, self._stream, native)
        self._parts: list[Part] = []
        if clock is None and watch is None:
            self._bind_together(flags)
        else:
            self._bind_apart(flags, clock, watch)

    def __call__(self, feeds: list[np.ndarray]) -> list[np.ndarray]:
        if self._required:
            self._check_initialized()
        shim.enter()
        self._buffers.fill(feeds)
        for part in self._parts:
            part()
        shim.wait(self._stream)
        self._buffers.check_statuses()
        return self._buffers.taken()

    def _check_initialized(self) -> None:
        for variable in self._required:
            if not self._store.initialized(variable):
                raise uninitialized(variable)
        self._required = []

    # -- binding -------------------------------------------------------------------------------------------------
    def _bind_together(self, flags: Sequence[bool]) -> None:
        """Neighbouring native steps, those with a flag, are one part."""
        queue: list[Part] = self._buffers.arrivals()
        steps: list[Step] = []
        for step, native in zip(self._plan.steps, flags, strict=True):
            if native:
                queue += self._queue(step)
                steps.append(step)
            else:
                self._parts += [*self._native(queue, steps, capture=True), self._in_python(step)]
                queue, steps = [], []
        self._parts += self._native(queue + self._buffers.departures(), steps, capture=True)

    def _bind_apart(self, flags: Sequence[bool], clock: Clock | None, watch: Watch | None) -> None:
        """Every step by itself; with a clock around it, and what watches it before and after it."""
        self._parts += self._buffers.arrivals()
        if watch is not None:
            self._parts.append(watch.begin)
        for number, (step, native) in enumerate(zip(self._plan.steps, flags, strict=True)):
            if watch is not None:
                self._parts.append(partial(watch.before, step, self._buffers.host))
            made = self._native(self._queue(step), [step]) if native else [self._in_python(step)]
            self._parts += made if clock is None else [clock.around(number, part) for part in made]
            if watch is not None:
                self._parts.append(partial(watch.after, step, self._buffers.host))
        self._parts += self._buffers.departures()

    def _native(self, queue: list[Part], steps: Sequence[Step], capture: bool = False) -> list[Part]:
        """One part for all that is queued, none for nothing."""
        if not queue:
            return []
        variables = self._buffers.variables
        used = {b.index for s in steps for b in (*s.inputs, *s.outputs) if b.kind == "state"}
        return [_Native(
            queue, self._store, self._mirror, self._stream, [variables[i] for i in sorted(used)],
            [variables[b.index] for s in steps for b in written(s)], draws_of(steps), capture,
        )]  # fmt: skip

    def _queue(self, step: Step) -> list[Part]:
        """What queues a step; nothing for one that has nothing to do."""
        if not has_work(step):
            return []
        view = self._buffers.view
        if step.copy:
            return [partial(shim.copy, view(step.outputs[0]), view(step.inputs[0]), self._stream)]
        assert step.call is not None
        return [self._launch(step, one) for one in step.call.function]

    def _launch(self, step: Step, one: Launch | Library) -> Part:
        found_at, memory = places(step), self._buffers
        arguments: list[Any] = []
        for position, p in enumerate(one.pointers):
            if isinstance(p, Tensor):
                found = found_at[p]
                before = one.pointers[:position].count(p) if len(found) > 1 else 0
                arguments.append(memory.view(found[min(before, len(found) - 1)]))
            elif isinstance(p, Draws):
                arguments.append(memory.draws(p.op))
            elif isinstance(p, Scratch):
                assert step.scratch is not None
                begin = -(-step.scratch.index // ALIGN) * ALIGN
                arguments.append(shim.part(memory.arena, begin + p.start, np.dtype(p.dtype), p.number))
            else:
                arguments.append(memory.status(step))
        if not isinstance(one, Launch):
            return one.bound(arguments, self._stream)
        try:
            kernel = self._kernels.get(one.job)
        except Exception as error:
            raise InternalError.because(f"the kernel of {type_of(step.op)} does not compile: {error}", step.op).note(
                *step.op.where()
            ) from error
        return shim.bound(kernel, one.blocks, one.threads, self._stream, [*arguments, *one.sizes])

    # -- steps in Python -----------------------------------------------------------------------------------------
    def _in_python(self, step: Step) -> Part:
        compute = self._computing(step)

        def part() -> None:
            shim.wait(self._stream)
            compute()

        return part

    def _computing(self, step: Step) -> Part:
        if step.copy:
            return lambda: self._buffers.save(step.outputs[0], self._buffers.host(step.inputs[0]).copy())
        return self._calling(step) if step.op.definition.calls else self._referring(step)

    def _calling(self, step: Step) -> Part:
        """A branch or a loop: its bodies are programs of their own, which write variables where these live."""
        op, skip = step.op, len(step.op.definition.writes)
        compute, host = caller(op, self._store, self._function), self._buffers.host

        def part() -> None:
            values = [
                None if i in op.definition.refs else host(b).copy() if b.kind == "state" else host(b)
                for i, b in enumerate(step.inputs)
            ]
            for buffer, value in zip(step.outputs[skip:], compute(values)[skip:], strict=True):
                self._buffers.save(buffer, value)

        return part

    def _referring(self, step: Step) -> Part:
        """The reference; in place where the record can and no other input is in the way."""
        op, record, variables = step.op, step.op.definition, self._buffers.variables

        def part() -> None:
            values = [
                self._buffers.host(b) if i not in record.refs else self._store.value(variables[b.index])
                for i, b in enumerate(step.inputs)
            ]
            in_place = record.in_place is not None and not overlap(values, record.writes)
            if record.stateful:
                made = record.compute(op, values, in_place, **draw(op, self._store))
            else:
                with SERIAL_BLAS:
                    made = record.compute(op, values, in_place, **draw(op, self._store))
            for buffer, value in zip(step.outputs, made, strict=True):
                self._buffers.save(buffer, value)

        return part


class _Native:
    """Queued copies and kernels: run plainly once, so that everything is loaded, then captured, then replayed.

    used, changed   variables whose newest values must be on the device, and those that are newer there afterwards
    draws           random operations that have drawn once more
    """

    def __init__(
        self, queue: Sequence[Part], store: Store, mirror: Variables, stream: Any, used: Sequence[Operation],
        changed: Sequence[Operation], draws: Sequence[Operation], capture: bool,
    ) -> None:  # fmt: skip
        self._queue, self._store, self._mirror, self._stream = queue, store, mirror, stream
        self._used, self._draws, self._capture = {v.id: v for v in used}, draws, capture
        self._changed = frozenset(v.id for v in changed)
        self._run = self._queue_all
        self._runs = 0

    def __call__(self) -> None:
        self._mirror.push(self._used)
        if self._capture and self._runs < 2:
            if self._runs:
                with collector_paused():  # what it frees would be part of the capture, which allows no such thing
                    self._run = shim.captured(self._queue_all, self._stream) or self._run
            self._runs += 1
        self._run()
        if not self._capture:
            shim.wait(self._stream)
        for op in self._draws:
            self._store.draws(op)[1] += np.uint64(1)
        if self._changed:
            self._store.mark_all(self._changed)
            self._mirror.wrote(self._changed)

    def _queue_all(self) -> None:
        for one in self._queue:
            one()


def _is_native(step: Step, store: Store, variables: Mapping[int, Operation]) -> bool:
    """Whether every buffer is memory; a variable whose array has another shape is written by the reference."""
    if step.call is None and not step.copy:
        return False
    if any(b.kind == "object" for b in (*step.inputs, *step.outputs)):
        return False
    return all(storage_of(variables[b.index], b, store).shape == b.dims for b in step.outputs if b.kind == "state")
