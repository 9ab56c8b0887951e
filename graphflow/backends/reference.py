"""The oracle: operation by operation with NumPy, too simple to be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphflow.backends.base import Bodies, Call, Executable, Watch, cpu_count
from graphflow.backends.calls import caller
from graphflow.backends.clock import Clock
from graphflow.errors import OpError, ResourceExhaustedError
from graphflow.operation import Operation, Tensor, origin, variable_of
from graphflow.ops.fused import FUSED
from graphflow.plan import Plan
from graphflow.program import Program
from graphflow.shape import elements, known
from graphflow.store import Store, uninitialized


class ReferenceBackend:
    """Runs every operation's NumPy reference; the plan's buffers are not used."""

    name = "reference"
    device = "CPU"
    lists = None
    layouts = None
    short = None
    epilogues = None

    def spares(self, threads: int) -> bool:
        return cpu_count() > 1

    def lower(self, op: Operation) -> Call | None:
        return None

    def compile(
        self, plan: Plan, store: Store, clock: Clock | None = None, threads: int = 0, function: Bodies | None = None,
        watch: Watch | None = None,
    ) -> Executable:  # fmt: skip
        measured: dict[Operation, Callable] = {}
        for number, step in enumerate(plan.steps):
            if not step.copy:
                calls = step.op.definition.calls
                compute = caller(step.op, store, function) if calls else partial(step.op.definition.compute, step.op)
                if clock is not None:
                    compute = clock.around(number, compute)
                if clock is not None or calls:
                    measured[step.op] = compute
        if watch is None:
            return lambda feeds: evaluate(plan.program, feeds, store, measured)

        def run(feeds: list[np.ndarray]) -> list[np.ndarray]:
            watch.begin()
            watch.keep_all()
            return evaluate(plan.program, feeds, store, measured, watch.look)

        return run


def evaluate(
    program: Program,
    feeds: Sequence[np.ndarray],
    store: Store,
    measured: Mapping[Operation, Callable] | None = None,
    seen: Callable[[Operation, Sequence[Any], Sequence[Any]], None] | None = None,
) -> list[np.ndarray]:
    """Values of the fetches; the program's shapes need not be known.

    measured   what computes the outputs of an operation from its inputs, where it is not the record's `compute`
    seen       is told of each operation's inputs and outputs, before variables are written
    """  # fmt: skip
    measured = measured or {}
    values: dict[Tensor, Any] = dict(zip(program.feeds, feeds, strict=True))
    for op in program.ops:
        record = op.definition
        if record.variable:
            value = store.value(op)
            results = [None if value is None else value.copy()]
        else:
            inputs = [_input(op, i, values, store) for i in range(len(op.inputs))]
            compute = measured.get(op) or partial(record.compute, op)
            results = compute(inputs, **draw(op, store))  # type: ignore[assignment]
            if seen is not None:
                seen(op, inputs, results)
            for i, result in zip(() if record.calls else record.writes, results, strict=False):
                assert result is not None
                store.write(variable_of(op.inputs[i]), result)
        for t, result in zip(op.outputs, results, strict=True):
            values.setdefault(t, result)  # a fed output keeps its feed
    return [_owned(_ready(values[t], t), t) for t in program.fetches]


def _owned(value: np.ndarray, t: Tensor) -> np.ndarray:
    try:
        return np.array(value)
    except MemoryError as error:
        raise no_memory(error, [t]) from None


def no_memory(error: MemoryError, tensors: Iterable[Tensor]) -> OpError:
    """The error where these tensors were to be made, with the line that made the largest of them."""
    op = origin(max(tensors, key=lambda t: elements(t.dims) if known(t.dims) else 0)).op
    found = ResourceExhaustedError.because(str(error), op)
    found.note(*op.where())
    return found


def draw(op: Operation, store: Store) -> dict[str, Any]:
    """What the reference of a random op, or of one that holds something, gets besides its inputs; counts the draw."""
    if op.definition is FUSED:
        drawn = {m: draw(m, store) for m in op.attrs["region"].members if m.definition.draws}
        return {"drawn": drawn} if drawn else {}
    if op.definition.holds is not None:
        return {"held": store.held(op)}
    if not op.definition.draws:
        return {}
    state = store.draws(op)
    key, number = state.tolist()
    state[1] += np.uint64(1)
    return {"key": key, "draw": number}


def _input(op: Operation, i: int, values: dict[Tensor, Any], store: Store) -> Any:
    t = op.inputs[i]
    if i not in op.definition.refs:
        return _ready(values[t], t)
    variable = variable_of(t)
    value = store.value(variable)
    if value is None and op.definition.reads:
        raise uninitialized(variable, op)
    return None if value is None else value.copy()  # a later write must not change what was read


def _ready(value: Any, t: Tensor) -> np.ndarray:
    if value is None:
        raise uninitialized(t.op)
    return value
