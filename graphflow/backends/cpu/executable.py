"""A plan bound to memory and compiled kernels: what a warm run calls."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np
from numba.core.errors import NumbaError

from graphflow.backends.cpu.compile import Kernels
from graphflow.backends.cpu.walk import walk
from graphflow.backends.reference import draw
from graphflow.errors import InternalError, InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import count, known, sizes
from graphflow.store import Store, aligned, uninitialized, variable_of

_Native = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)  # gives the GIL back while it runs


class CpuExecutable:
    """Runs of native kernels, each one native call, between the steps that have only a reference.

    Addresses of the arena, of constants and of variables are bound here once; those of feeds and of the caller's
    arrays are filled in by every run.  Not to be entered by two threads at once: they would share the arena.
    """

    def __init__(self, plan: Plan, store: Store, kernels: Kernels) -> None:
        self._plan = plan
        self._store = store
        self._arena = aligned((plan.arena_bytes,), np.dtype(np.uint8))
        self._objects: list[np.ndarray | None] = [None] * plan.objects
        self._variables = _variables(plan)
        self._required = [v for v in _read_first(plan) if not store.initialized(v)]
        self._status = np.zeros(4, np.int64)
        self._late: list[tuple[np.ndarray, int, Buffer]] = []  # (args, position, feed or fetch buffer)
        self._keep: list[np.ndarray] = []
        self._parts: list[Callable[[], None]] = []
        self._written = [self._variables[b.index] for s in plan.steps for b in _written(s)]
        self._draws: list[np.ndarray] = []  # of the random ops that run natively
        self._bind(kernels)

    def __call__(self, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        if self._required:
            self._check_initialized()
        self._feeds = feeds
        self._fetched = [np.empty(sizes(b.dims), b.dtype.dtype) for b in self._plan.fetch_arrays]
        for args, position, buffer in self._late:
            args[position] = (self._feeds if buffer.kind == "feed" else self._fetched)[buffer.index].ctypes.data
        for part in self._parts:
            part()
        for variable in self._written:
            self._store.mark(variable)
        for state in self._draws:
            state[1] += np.uint64(1)
        given: set[int] = set()
        return [self._result(b, given) for b in self._plan.fetches]

    def _result(self, buffer: Buffer, given: set[int]) -> np.ndarray:
        """An array that the caller may keep: the one made for it, or a copy when that is given away already."""
        array = self._array(buffer)
        if buffer.kind != "fetch" or buffer.index in given:
            return array.copy()
        given.add(buffer.index)
        return array

    def _check_initialized(self) -> None:
        for variable in self._required:
            if not self._store.initialized(variable):
                raise uninitialized(variable)
        self._required = []

    # -- binding -------------------------------------------------------------------------------------------------
    def _bind(self, kernels: Kernels) -> None:
        native: list[Step] = []
        for step in self._plan.steps:
            if step.call is not None and self._bindable(step):
                if any(count(b.dims) for b in step.outputs):  # else there is nothing to do
                    native.append(step)
            else:
                self._flush(native, kernels)
                native = []
                self._parts.append(self._copying(step) if step.copy else self._referring(step))
        self._flush(native, kernels)

    def _bindable(self, step: Step) -> bool:
        """Whether every buffer is memory; a variable whose array has another shape is written by the reference."""
        if any(b.kind == "object" for b in (*step.inputs, *step.outputs)):
            return False
        return all(b.kind != "state" or self._state(b).shape == b.dims for b in step.outputs)

    def _state(self, buffer: Buffer) -> np.ndarray:
        """The variable's own array, made in the variable's shape when there is none yet."""
        variable = self._variables[buffer.index]
        dims = self._store.dims(variable)
        array = self._store.storage(variable, sizes(dims if known(dims) else buffer.dims))
        assert array is not None
        return array

    def _flush(self, steps: list[Step], kernels: Kernels) -> None:
        """One native call for these steps."""
        if not steps:
            return
        rows = np.zeros((len(steps), 2), np.int64)
        for row, step in zip(rows, steps, strict=True):
            call = step.call
            assert call is not None
            elements = [p.dtype.name if isinstance(p, Tensor) else _SPECIAL[p] for p in call.pointers]
            elements += ["uint8"] if step.scratch else []
            args = np.zeros(len(elements) + len(call.sizes), np.int64)
            args[len(elements) :] = call.sizes
            for position, p in enumerate(call.pointers):
                self._point(args, position, p, step, call.pointers[:position].count(p))
            if step.scratch:
                args[len(elements) - 1] = self._array(step.scratch).ctypes.data
            row[:] = _address(kernels, step, elements), args.ctypes.data
            self._keep.append(args)
        program = np.array([rows.ctypes.data, self._status.ctypes.data, len(rows)], np.int64)
        self._keep += [rows, program]
        run = _Native(kernels.address(walk, ["int64", "int64"], 1))
        start = program.ctypes.data

        def part() -> None:
            run(start, 0, 1)
            if self._status[0]:
                self._report(steps)

        self._parts.append(part)

    def _point(self, args: np.ndarray, position: int, p: Tensor | str, step: Step, before: int) -> None:
        if p == "status":
            args[position] = self._status.ctypes.data
        elif p == "draws":
            state = self._store.draws(step.op)
            self._draws.append(state)
            args[position] = state.ctypes.data
        else:
            buffer = _buffer_of(step, p, before)  # type: ignore[arg-type]
            if buffer.kind in ("feed", "fetch"):
                self._late.append((args, position, buffer))
            else:
                args[position] = self._array(buffer).ctypes.data

    def _report(self, steps: list[Step]) -> None:
        _, position, value, number = self._status.tolist()
        self._status[:] = 0
        step = steps[number]
        assert step.call is not None
        message = step.call.error.format(position=position, value=value)
        raise InvalidArgumentError.because(message, step.op).note(*step.op.where())

    # -- steps in Python -----------------------------------------------------------------------------------------
    def _array(self, buffer: Buffer) -> np.ndarray:
        """The buffer as a NumPy array; for a variable its own array."""
        index = buffer.index
        array: np.ndarray | None
        match buffer.kind:
            case "arena":
                array = self._arena[index : index + buffer.nbytes].view(buffer.dtype.dtype)
            case "state":
                array = self._state(buffer)
            case "feed":
                array = self._feeds[index]
            case "fetch":
                array = self._fetched[index]
            case "const":
                array = self._plan.constants[index]
            case _:
                array = self._objects[index]
                assert array is not None
                return array
        return array.reshape(sizes(buffer.dims))

    def _save(self, buffer: Buffer, value: np.ndarray) -> None:
        if buffer.kind == "object":
            self._objects[buffer.index] = value
        elif buffer.kind == "state":
            self._store.write(self._variables[buffer.index], value)
        else:
            np.copyto(self._array(buffer), value)

    def _copying(self, step: Step) -> Callable[[], None]:
        return lambda: self._save(step.outputs[0], self._array(step.inputs[0]).copy())

    def _referring(self, step: Step) -> Callable[[], None]:
        """The reference, from within the run."""
        op = step.op

        def part() -> None:
            values = [self._argument(op, i, b) for i, b in enumerate(step.inputs)]
            for buffer, value in zip(
                step.outputs, op.definition.compute(op, values, **draw(op, self._store)), strict=True
            ):
                self._save(buffer, value)

        return part

    def _argument(self, op: Operation, i: int, buffer: Buffer) -> np.ndarray | None:
        if i not in op.definition.refs:
            return self._array(buffer)
        return self._store.value(self._variables[buffer.index])


def _address(kernels: Kernels, step: Step, elements: list[str]) -> int:
    call = step.call
    assert call is not None
    try:
        return kernels.address(call.function, elements, len(call.sizes))
    except NumbaError as error:
        raise InternalError.because(f"the kernel of {step.op.type} does not compile: {error}", step.op).note(
            *step.op.where()
        ) from error


_SPECIAL = {"status": "int64", "draws": "uint64"}


def _buffer_of(step: Step, t: Tensor, before: int) -> Buffer:
    """Where the tensor is; `before` counts the pointers to it so far.

    One tensor has two places where it names a variable to write and is also its value from before: v.assign(v).
    """
    tensors, buffers = (*step.op.inputs, *step.op.outputs), (*step.inputs, *step.outputs)
    found = [buffer for u, buffer in zip(tensors, buffers, strict=True) if u is t]
    assert found, f"the call of {step.op!r} names {t!r}, which it neither takes nor makes"
    return found[min(before, len(found) - 1)]


def _written(step: Step) -> list[Buffer]:
    return [] if step.copy else list(step.outputs[: len(step.op.definition.writes)])


def _variables(plan: Plan) -> dict[int, Operation]:
    """The variables of a plan by the id of their operation."""
    found = {op.id: op for op in plan.program.ops if op.definition.variable}
    for op in plan.program.ops:
        for i in op.definition.refs:
            variable = variable_of(op.inputs[i])
            found.setdefault(variable.id, variable)
    return found


def _read_first(plan: Plan) -> list[Operation]:
    """Variables whose value from before the run is needed."""
    written: set[int] = set()
    needed: dict[int, Operation] = {}
    ops = plan.program.ops
    taken = {t for op in ops for i, t in enumerate(op.inputs) if i not in op.definition.refs}
    taken.update(plan.program.fetches, *[op.outputs for op in plan.program.targets])
    for op in ops:
        record = op.definition
        if record.variable:
            if op.output in taken:
                needed[op.id] = op
        elif record.refs and record.reads:
            for i in record.refs:
                variable = variable_of(op.inputs[i])
                if variable.id not in written:
                    needed[variable.id] = variable
        written.update(variable_of(op.inputs[i]).id for i in record.writes)
    return list(needed.values())
