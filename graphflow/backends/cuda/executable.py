"""A plan bound to device memory and compiled kernels: what a warm run calls.

Everything that a run brings goes to the device in one copy, and everything that it gives comes back in one.  What lies
between two steps in Python is one queue of copies and kernels, captured in its second run and replayed from then on.

An executable has a stream of its own: while that is captured nobody else, as a session in another thread, may use it.
What other streams see, values of variables above all, is therefore waited for: before every step in Python, and at the
end of a run.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import numpy as np

from graphflow.backends.base import Bodies, Watch
from graphflow.backends.blas import SERIAL_BLAS
from graphflow.backends.calls import caller
from graphflow.backends.clock import Clock
from graphflow.backends.cpu.buffers import has_work, overlap, read_first, variables_of
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.bodies import all_steps, inner_of, is_native
from graphflow.backends.cuda.buffers import Buffers
from graphflow.backends.cuda.lines import Binder, Line, Part, Queued
from graphflow.backends.cuda.loading import Kernels
from graphflow.backends.cuda.memory import Variables
from graphflow.backends.cuda.steering import Steering
from graphflow.backends.reference import draw
from graphflow.plan import Plan, Step
from graphflow.store import Store, uninitialized


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
        together, of = clock is None and watch is None, variables_of(plan)
        native = {n for n, s in enumerate(plan.steps) if is_native(s, store, of)}
        self._inner = inner_of(plan, store, function) if together else {}  # whose steps have numbers in the buffers
        steps = [s for n, s in all_steps(plan, self._inner) if n < 0 or n in native or n in self._inner]
        kernels.prepare(job for s in steps if s.call is not None and has_work(s) for job in s.call.function.jobs)
        self._buffers = Buffers(plan, store, variables, self._stream, steps)
        self._binder = Binder(store, kernels, variables, self._stream)
        self._parts = self._bound_together(native) if together else self._bound_apart(native, clock, watch)

    def __call__(self, feeds: list[np.ndarray]) -> list[np.ndarray]:
        if self._required:
            self._check_initialized()
        shim.enter()
        try:
            self._buffers.fill(feeds)
            for part in self._parts:
                part()
            self._buffers.wait()
        except BaseException:
            self._buffers.recover()
            raise
        return self._buffers.taken()

    def _check_initialized(self) -> None:
        for variable in self._required:
            if not self._store.initialized(variable):
                raise uninitialized(variable)
        self._required = []

    # -- binding -------------------------------------------------------------------------------------------------
    def _bound_together(self, native: Collection[int]) -> list[Part]:
        """Neighbours of what kernels do are one part, loops and branches steer parts of their own."""
        memory, steering = self._buffers, Steering(self._buffers, self._binder)
        line: Line = [Queued(one) for one in memory.arrivals()]
        for number, step in enumerate(self._plan.steps):
            if number in self._inner:
                line += steering.line(step, self._inner[number], memory)
            else:
                line += self._binder.step(step, memory) if number in native else [self._in_python(step)]
        return self._binder.parts([*line, *[Queued(one) for one in memory.departures()]])

    def _bound_apart(self, native: Collection[int], clock: Clock | None, watch: Watch | None) -> list[Part]:
        """Every step by itself; with a clock around it, and what watches it before and after it."""
        memory = self._buffers
        parts = [*memory.arrivals(), *([] if watch is None else [watch.begin])]
        for number, step in enumerate(self._plan.steps):
            if watch is not None:
                parts.append(partial(watch.before, step, memory.host))
            line: Line = [*self._binder.step(step, memory)] if number in native else [self._in_python(step)]
            made = self._binder.parts(line, capture=False)
            parts += made if clock is None else [clock.around(number, part) for part in made]
            if watch is not None:
                parts.append(partial(watch.after, step, memory.host))
        return [*parts, *memory.departures()]

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
