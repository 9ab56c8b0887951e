"""Steps bound to device memory, and lines of them: what a run calls one after the other.

What is queued between two things that need the host is one part of a line: plainly queued the first time, so that
everything is loaded, then captured, then replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from graphflow.arena import padded
from graphflow.backends.base import Draws
from graphflow.backends.cpu.buffers import has_work, places, written
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.compile import Job
from graphflow.backends.cuda.launch import ALIGN, Launch, Library, Scratch, blocks_for, draws_of
from graphflow.backends.cuda.loading import Kernels
from graphflow.backends.cuda.memory import Variables
from graphflow.backends.cuda.places import Memory
from graphflow.errors import InternalError
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import type_of
from graphflow.passes import collector_paused
from graphflow.plan import Step
from graphflow.store import Store

Part = Callable[[], None]


class Queued(NamedTuple):
    """Something that is queued, and the step that it does something for, with the variables of its plan."""

    queue: Part
    step: Step | None = None
    variables: dict[int, Operation] | None = None


Line = list[Queued | Part]


class Binder:
    """Binds steps of plans for the runs of one executable."""

    def __init__(self, store: Store, kernels: Kernels, variables: Variables, stream: Any) -> None:
        self.store, self.kernels, self.variables, self.stream = store, kernels, variables, stream

    def parts(self, line: Line, capture: bool = True) -> list[Part]:
        """The parts of a line; what is queued by neighbours is one."""
        made: list[Part] = []
        queued: list[Queued] = []
        for one in [*line, None]:
            if isinstance(one, Queued):
                queued.append(one)
                continue
            if queued:
                made.append(_Native(queued, self.store, self.variables, self.stream, capture))
                queued = []
            if one is not None:
                made.append(one)
        return made

    def step(self, step: Step, memory: Memory) -> list[Queued]:
        """What queues a step.   One that has nothing to do is there for what it gives a value all the same."""
        queue: list[Part]
        if not has_work(step):
            queue = [_nothing]
        elif step.copy:
            queue = [partial(shim.copy, memory.view(step.outputs[0]), memory.view(step.inputs[0]), self.stream)]
        else:
            assert step.call is not None
            queue = [self._launch(step, one, memory) for one in step.call.function]
        return [Queued(one, None if i else step, memory.variables) for i, one in enumerate(queue)]

    def kernel(
        self, text: str, arrays: Sequence[Any], numbers: Sequence[int], count: int = 1, pieces: int = 1
    ) -> Callable[..., None]:  # fmt: skip
        """What queues a kernel that belongs to no step, with a thread for each of so many elements of each piece."""
        job = Job(text, tuple([a.dtype.name for a in arrays]), len(numbers), shim.THREADS)
        blocks = blocks_for(count), max(pieces, 1)
        return shim.bound(self.kernels.get(job), blocks, shim.THREADS, self.stream, [*arrays, *numbers])

    def _launch(self, step: Step, one: Launch | Library, memory: Memory) -> Part:
        found_at = places(step)
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
                begin = padded(step.scratch.index, ALIGN)
                arguments.append(shim.part(memory.arena, begin + p.start, np.dtype(p.dtype), p.number))
            else:
                arguments.append(memory.status(step))
        if not isinstance(one, Launch):
            return one.bound(arguments, self.stream)
        try:
            kernel = self.kernels.get(one.job)
        except Exception as error:
            raise InternalError.because(f"the kernel of {type_of(step.op)} does not compile: {error}", step.op).note(
                *step.op.where()
            ) from error
        return shim.bound(kernel, one.blocks, one.threads, self.stream, [*arguments, *one.sizes])


class _Native:
    """Queued copies and kernels: run plainly once, so that everything is loaded, then captured, then replayed.

    used, changed   variables whose newest values must be on the device, and those that are newer there afterwards
    draws           random operations that have drawn once more
    """

    def __init__(
        self, queued: Sequence[Queued], store: Store, mirror: Variables, stream: Any, capture: bool
    ) -> None:  # fmt: skip
        self._queue = [one.queue for one in queued if one.queue is not _nothing]
        self._store, self._mirror, self._stream, self._capture = store, mirror, stream, capture
        steps = [(one.step, one.variables) for one in queued if one.step is not None]
        self._used = {v.id: v for step, variables in steps for v in variables_in(step, variables or {})}
        self._changed = frozenset(b.index for step, _ in steps for b in written(step))
        self._draws = draws_of(step for step, _ in steps)
        self._run = self._queue_all
        self._runs = 0

    def __call__(self) -> None:
        self._mirror.push(self._used)
        if self._capture and self._queue and self._runs < 2:
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


def _nothing() -> None:
    pass


def variables_in(step: Step, variables: dict[int, Operation]) -> list[Operation]:
    """Those that a step takes or makes, by the numbers that their buffers have."""
    return [variables[b.index] for b in (*step.inputs, *step.outputs) if b.kind == "state"]
