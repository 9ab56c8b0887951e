"""A plan bound to memory and compiled kernels: what a warm run calls."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
from numba.core.errors import NumbaError

from graphflow.backends.base import Bodies, Call, Draws, Watch
from graphflow.backends.clock import CALLER, Clock
from graphflow.backends.cpu.blocks import Block
from graphflow.backends.cpu.buffers import (
    bytes_of,
    element,
    places,
    read_first,
    written,
)
from graphflow.backends.cpu.cells import NO_MEMORY
from graphflow.backends.cpu.compile import Kernels
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.levels import ALONE_BYTES, Row
from graphflow.backends.cpu.loops import UNLOCKED
from graphflow.backends.cpu.memory import Memory
from graphflow.backends.cpu.python_steps import in_python
from graphflow.backends.cpu.team import Team
from graphflow.backends.cpu.walk import ALONE, COUNT_DRAW, LAUNCH, MEET, RELOCATE, TIMED_WALK, WALK, run_words
from graphflow.backends.reference import no_memory
from graphflow.errors import InternalError, InvalidArgumentError, ResourceExhaustedError
from graphflow.operation import Tensor
from graphflow.plan import Buffer, Plan, Step
from graphflow.progress import progress
from graphflow.shape import sizes
from graphflow.store import Store, uninitialized

_TEAM_BYTES = 2**16  # plans that touch less are done before another thread has heard of them

# ctypes converts numbers to pointers faster than to integers.  The first gives the GIL back while it runs.  What one
# thread has done in a few microseconds keeps it: callers would wait for each other longer than that.  What has loops
# gives it back by itself: it takes it again to look for signals, and an exception is raised when it is done.
_Native = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_Brief = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def _head() -> int:
    """How many words an object has before its own fields, after a check that `relocate` reads the right ones."""
    head = object.__basicsize__ // 8
    array = np.zeros(1)
    arrays = [array]
    items = ctypes.c_int64.from_address(id(arrays) + 8 * (head + 1)).value
    data = ctypes.c_int64.from_address(id(array) + 8 * head).value
    if data != array.ctypes.data or ctypes.c_int64.from_address(items).value != id(array):
        raise ImportError("this Python lays out lists or arrays in a way that the CPU backend does not know")
    return head


_HEAD = _head()


class CpuExecutable:
    """Runs of native kernels, each one native call, between the steps that have only a reference.

    Addresses of the arena, of constants and of variables are bound here once; those of feeds and of the caller's
    arrays are filled in by every run, natively.  Not to be entered by two threads at once: they would share the arena.
    With a watch every step is a native call of its own, so that it can be looked at.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        kernels: Kernels,
        clock: Clock | None = None,
        team_of: Callable[[], Team | None] = lambda: None,
        function: Bodies | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._plan = plan
        self._store = store
        self._function = function
        self._kernels = kernels
        self.memory = memory = Memory(plan, store)
        self._required = [v for v in read_first(plan) if not store.initialized(v)]
        self._written = [memory.variables[b.index] for s in plan.steps for b in written(s)]
        self._makers = [partial(np.empty, sizes(b.dims), b.dtype.dtype) for b in memory.given.values()]
        self._first = len(plan.program.feeds)
        self._list = np.zeros(1, np.int64)  # the address of the list of the run's arrays
        self._status = np.zeros(5, np.int64)
        self._team_of = team_of
        loops = any(s.op.definition.calls or (s.call is not None and s.call.endless) for s in plan.steps)
        self._brief = not loops and all(total < _TEAM_BYTES for total in accumulate(map(bytes_of, plan.steps)))
        self._team = None if self._brief else team_of()
        self._keep: list[Any] = []  # what native code points to
        self._parts: list[tuple[Callable[[], Any], list[Step | None]]] = []  # with the step of each of its kernels
        self._clock = clock
        steps = list(enumerate(plan.steps))
        if watch is None:
            self._bind(steps)
        else:
            self._bind_apart(steps, watch)

    def __call__(self, feeds: list[np.ndarray]) -> list[np.ndarray]:
        if self._required:
            self._check_initialized()
        memory = self.memory
        arrays = memory.arrays = feeds[:]
        try:
            for make in self._makers:
                arrays.append(make())
        except MemoryError as error:
            raise no_memory(error, self._plan.program.fetches) from None
        self._list[0] = id(arrays)
        status = self._status
        try:
            for part, steps in self._parts:
                part()
                if status[0]:
                    self._report(steps)
        except BaseException:
            status[:] = 0
            raise
        if self._written:
            self._mark_written()
        results = arrays[self._first :]
        for position, buffer in memory.copies:
            results.insert(position, memory.own(buffer))
        memory.arrays = []
        return results

    def _mark_written(self) -> None:
        for variable in self._written:
            self._store.mark(variable)
        self._written = []

    def _check_initialized(self) -> None:
        for variable in self._required:
            if not self._store.initialized(variable):
                raise uninitialized(variable)
        self._required = []

    # -- binding -------------------------------------------------------------------------------------------------
    def _bind_apart(self, steps: Sequence[tuple[int, Step]], watch: Watch) -> None:
        """Every step by itself, and what watches it before and after it."""
        self._parts.append((watch.begin, []))
        for number, step in progress(steps, "compiling kernels"):
            self._parts.append((partial(watch.before, step, self.memory.array), []))
            self._bind([(number, step)])
            self._parts.append((partial(watch.after, step, self.memory.array), []))

    def _bind(self, steps: Sequence[tuple[int, Step]]) -> None:
        """Native calls for as many steps in a row as can be, and what runs the others in Python."""
        plan_of = None if self._function is None else self._function.plan
        block = Block(self, plan_of)
        of: list[int] = []  # the step that each row of the block belongs to
        for number, step in progress(steps, "compiling kernels"):
            if not block.takes(step):
                self._flush(block, of)
                block, of = Block(self, plan_of), []
                part = in_python(step, self.memory, self._store, self._function)
                self._parts.append((part if self._clock is None else self._clock.around(number, part), []))
            of += [number] * (len(block.rows) - len(of))
        self._flush(block, of)

    def _flush(self, block: Block, of: Sequence[int]) -> None:
        """One native call for the steps of a block.   of: the number of the step that each row belongs to."""
        if not block.rows:
            return
        table = np.array(block.late, np.int64).reshape(-1, 2)
        first = [self._relocating(table, block.words)] if block.late else []
        program = np.array([*first, *block.rows], np.int64)
        words = block.placed()
        start = words.ctypes.data
        table[:, 0] = start + 8 * table[:, 0]
        program[:, 1] = start + 8 * program[:, 1]
        together = program[:, 2] == 0
        program[:-1, 2] |= np.where(together[:-1] | together[1:], MEET, 0)
        threads = [CALLER, *(self._team.thread_ids if self._team is not None and together.any() else [])]
        stamps = np.zeros((0 if self._clock is None else len(threads), len(program), 2), np.int64)
        walk, status = self.address_of(WALK if self._clock is None else TIMED_WALK), self.status_address
        team = self.team_address if together.any() else 0
        run = np.array(run_words(program.ctypes.data, status, len(program), team, walk, stamps.ctypes.data), np.int64)
        self._keep += [block, table, words, program, run]
        kernel, arguments, kind = self.address_of(LAUNCH) if team else walk, run, _Brief if self._brief else _Native
        if block.loops:
            arguments = np.array([kernel, run.ctypes.data, status], np.int64)
            self._keep.append(arguments)
            kernel, kind = self.address_of(UNLOCKED), _Brief
        part: Callable[[], Any] = partial(kind(kernel), arguments.ctypes.data, 0, 1)
        if self._clock is not None:
            part = self._clock.around_native([-1] * len(first) + list(of), threads, stamps, part)
        self._parts.append((part, block.steps))

    def append_call(
        self, step: Step, words: list[int], late: list[tuple[int, Any]], tails: list[tuple[int, int]],
        draws: list[int], rows: list[Row], number: int, address: Callable[[Buffer], tuple[int, Any]],
    ) -> None:  # fmt: skip
        """Append the row of a step, and its arguments."""
        call, nbytes = step.call, bytes_of(step)
        assert call is not None
        rows.append((self._kernel(step, call), len(words), 0 if nbytes >= ALONE_BYTES else ALONE, number))
        self._pass(step, call, words, late, draws, address)
        if call.takes_tail:
            words.append(0)
        if call.tail is not None:
            tails.append((len(words) - 1, len(words) + 1))
            words.append(self._kernel(step, call.tail))  # where `finish` looks: before the arguments
            self._pass(step, call.tail, words, late, draws, address)

    def _relocating(self, table: np.ndarray, words: list[int]) -> Row:
        """The row that looks up where the arrays of the run are."""
        begin = len(words)
        words += [table.ctypes.data, self._list.ctypes.data, len(table), _HEAD]
        return self._kernels.address(RELOCATE, ("int64", "int64"), 2), begin, ALONE, 0

    def _pass(
        self, step: Step, call: Call, words: list[int], late: list[tuple[int, Any]], draws: list[int],
        place_of: Callable[[Buffer], tuple[int, Any]],
    ) -> None:  # fmt: skip
        """Append the arguments of a call: addresses, then sizes."""
        found_at = places(step)
        raw = isinstance(call.function, Emitted) and call.function.raw
        if raw:
            words += call.sizes
        for position, p in enumerate(call.pointers):
            if isinstance(p, Tensor):
                found = found_at[p]
                before = call.pointers[:position].count(p) if len(found) > 1 else 0
                address, array = place_of(found[min(before, len(found) - 1)])
                if array is not None:
                    late.append((len(words), array))
                words.append(address)
            elif isinstance(p, Draws):
                draws.append(self._store.draws(p.op).ctypes.data)
                words.append(draws[-1])
            elif p == "status":
                words.append(self._status.ctypes.data)
            else:
                words.append(0 if self._team is None else self._team.address)
        if step.scratch and call.scratch_bytes:
            words.append(place_of(step.scratch)[0])
        if not raw:
            words += call.sizes

    def _kernel(self, step: Step, call: Call) -> int:
        if isinstance(call.function, Emitted) and call.function.raw:
            return self._kernels.address(call.function, (), 0)
        elements = [element(p) for p in call.pointers]
        if step.scratch and call.scratch_bytes:
            elements.append("uint8")
        try:
            return self._kernels.address(call.function, tuple(elements), len(call.sizes) + call.takes_tail)
        except NumbaError as error:
            raise InternalError.because(f"the kernel of {step.op.type} does not compile: {error}", step.op).note(
                *step.op.where()
            ) from error

    def _report(self, steps: list[Step | None]) -> None:
        problem, position, value, number, _ = self._status.tolist()
        step = steps[number]
        assert step is not None
        if problem == NO_MEMORY:
            raise ResourceExhaustedError.because("there is no memory for a longer list", step.op).note(*step.op.where())
        assert step.call is not None
        message = step.call.error.format(position=position, value=value)
        raise InvalidArgumentError.because(message, step.op).note(*step.op.where())

    @property
    def team_address(self) -> int:
        return 0 if self._team is None else self._team.address

    @property
    def status_address(self) -> int:
        return self._status.ctypes.data

    @property
    def draw_counter(self) -> int:
        """The address of the kernel that counts a draw."""
        return self._kernels.address(COUNT_DRAW, ("uint64",), 0)

    def address_of(self, kernel: Emitted) -> int:
        return self._kernels.address(kernel, (), 0)
