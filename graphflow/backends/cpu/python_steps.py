"""Steps that no native call does: references, and the branches and loops whose bodies are programs of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from graphflow.backends.base import Bodies
from graphflow.backends.blas import SERIAL_BLAS
from graphflow.backends.calls import caller
from graphflow.backends.cpu.buffers import overlap
from graphflow.backends.cpu.memory import Memory
from graphflow.backends.reference import draw
from graphflow.ops.fused import FUSED
from graphflow.plan import Buffer, Step
from graphflow.shape import elements, known
from graphflow.store import Store

_FEW = 128  # numbers of an input: products of so few have one thread in any BLAS


def in_python(step: Step, memory: Memory, store: Store, function: Bodies | None) -> Callable[[], None]:
    """What does the step in a run.   function: see `calls.caller`."""
    if step.copy:
        return lambda: memory.save(step.outputs[0], memory.array(step.inputs[0]).copy())
    return calling(step, memory, store, function) if step.op.definition.calls else referring(step, memory, store)


def calling(step: Step, memory: Memory, store: Store, function: Bodies | None) -> Callable[[], None]:
    """A branch or a loop: its bodies are programs of their own, which write variables where these live."""
    op, skip = step.op, len(step.op.definition.writes)
    compute = caller(op, store, function)
    changed = {step.inputs[i].index for i in op.definition.writes}

    def part() -> None:
        values = [
            None if i in op.definition.refs
            else memory.own(b) if b.kind == "list" or b.kind == "state" and b.index in changed else memory.array(b)
            for i, b in enumerate(step.inputs)
        ]  # fmt: skip
        for buffer, value in zip(step.outputs[skip:], compute(values)[skip:], strict=True):
            memory.save(buffer, value)

    return part


def referring(step: Step, memory: Memory, store: Store) -> Callable[[], None]:
    """The reference, from within the run; in place where the record can and no other input is in the way."""
    op, record = step.op, step.op.definition
    few = all(b.kind != "list" and known(b.dims) and elements(b.dims) <= _FEW for b in step.inputs)
    # Not while it waits, or calls a function of the user's.
    serial: Any = nullcontext() if few or record.stateful else SERIAL_BLAS
    fixed = [memory.array(b) if b.kind in ("arena", "const") else None for b in step.inputs]
    others = [(i, b) for i, b in enumerate(step.inputs) if fixed[i] is None]
    draws = record is FUSED or record.draws or record.holds is not None

    def argument(i: int, buffer: Buffer) -> np.ndarray | None:
        return store.value(memory.variables[buffer.index]) if i in record.refs else memory.array(buffer)

    def part() -> None:
        values = fixed[:]
        for i, b in others:
            values[i] = argument(i, b)
        in_place = record.in_place is not None and not overlap(values, record.writes)
        with serial:
            results = record.compute(op, values, in_place, **(draw(op, store) if draws else {}))
        for buffer, value in zip(step.outputs, results, strict=True):
            memory.save(buffer, value)

    return part
