"""What the steps of a plan take and leave: memory, places of tensors, variables, results."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.backends.base import Draws
from graphflow.errors import ResourceExhaustedError
from graphflow.operation import Operation, Tensor, variable_of
from graphflow.ops.fused import members, type_of
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import count, known, sizes
from graphflow.store import Store, aligned


def allocated(plan: Plan) -> np.ndarray:
    """The arena; ResourceExhaustedError with the step that needs most of it when there is not so much memory."""
    try:
        return aligned((plan.arena_bytes,), np.dtype(np.uint8))
    except MemoryError:
        largest = max(plan.steps, key=bytes_of)
        raise ResourceExhaustedError.because(
            f"there is no memory for the {plan.arena_bytes} bytes that lie between the steps of this run, of which "
            f"{type_of(largest.op)} {largest.op.name!r} takes and makes {bytes_of(largest)}", largest.op
        ).note(*members(largest.op)[-1].where()) from None  # fmt: skip


def has_work(step: Step) -> bool:
    return any(b.kind == "list" or count(b.dims) for b in step.outputs)


def bytes_of(step: Step) -> int:
    """How many bytes it reads and writes, those counted again that a loop in the kernel goes over again."""
    total = 0
    for kind, _, dims, dtype in step.inputs + step.outputs:
        if kind != "object" and dims is not None and None not in dims:
            total += math.prod(dims) * dtype.size  # type: ignore[arg-type]
    return total if step.call is None else total * step.call.repeats


def element(p: Tensor | Draws | str) -> str:
    """The dtype that a kernel's pointer points to."""
    return p.dtype.name if isinstance(p, Tensor) else "uint64" if isinstance(p, Draws) else "int64"


def places(step: Step) -> dict[Any, list[Buffer]]:
    """Where the inputs and outputs of a step live, for each tensor in the order of the arguments; once if always there.

    One tensor has two places where it names a variable to write and is also its value from before: v.assign(v).
    """
    places: dict[Any, list[Buffer]] = {}
    for t, buffer in zip(step.op.inputs + step.op.outputs, step.inputs + step.outputs, strict=True):
        found = places.get(t)
        if found is None:
            places[t] = [buffer]
        else:
            found.append(buffer)
    for found in places.values():
        if len(found) > 1 and found.count(found[0]) == len(found):
            del found[1:]
    return places


def storage_of(variable: Operation, buffer: Buffer, store: Store) -> np.ndarray:
    """The variable's own array, made in the variable's shape when there is none yet."""
    dims = store.dims(variable)
    array = store.storage(variable, sizes(dims if known(dims) else buffer.dims))
    assert array is not None
    return array


def results(plan: Plan) -> tuple[dict[int, Buffer], list[tuple[int, Buffer]]]:
    """(by the number of a fetch array, the fetch that it is given to; the other fetches with their positions).

    An array is given away once, in the shape of the fetch that gets it; the other fetches get copies.
    """
    given: dict[int, Buffer] = {}
    copies: list[tuple[int, Buffer]] = []
    for position, buffer in enumerate(plan.fetches):
        if buffer.kind == "fetch" and buffer.index not in given:
            given[buffer.index] = buffer
        else:
            copies.append((position, buffer))
    return given, copies


def written(step: Step) -> list[Buffer]:
    return [] if step.copy or step.op.definition.calls else list(step.outputs[: len(step.op.definition.writes)])


def overlap(values: list[Any], written: tuple[int, ...]) -> bool:
    """Whether an array that is to be written shares memory with another one."""
    return any(np.may_share_memory(values[i], v) for i in written for j, v in enumerate(values) if i != j)


def variables_of(plan: Plan) -> dict[int, Operation]:
    """The variables of a plan by the id of their operation."""
    found = {op.id: op for op in plan.program.ops if op.definition.variable}
    for op in plan.program.ops:
        for i in op.definition.refs:
            variable = variable_of(op.inputs[i])
            found.setdefault(variable.id, variable)
    return found


def read_first(plan: Plan) -> list[Operation]:
    """Variables whose value from before the run is needed."""
    written: set[int] = set()
    needed: dict[int, Operation] = {}
    ops = plan.program.ops
    taken = set(plan.program.fetches).union(*[op.outputs for op in plan.program.targets])
    for op in ops:
        refs = set(op.definition.refs)
        taken.update([t for i, t in enumerate(op.inputs) if i not in refs] if refs else op.inputs)
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
        if record.writes:
            written.update([variable_of(op.inputs[i]).id for i in record.writes])
    return list(needed.values())
