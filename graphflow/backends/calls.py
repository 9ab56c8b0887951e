"""Branches and loops as a run executes them: which body, how often, and with what.  Bodies are compiled programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.backends.base import Bodies, Executable
from graphflow.dtypes import ListType, is_list_of
from graphflow.errors import InternalError, InvalidArgumentError
from graphflow.operation import Operation, Program, Tensor, variable_of
from graphflow.ops.lists import as_list
from graphflow.shape import sizes
from graphflow.store import Store

Compute = Callable[[Sequence[Any]], list[Any]]


def caller(op: Operation, store: Store, function: Bodies | None) -> Compute:
    """From values of the inputs to those of the outputs; the first of these are variables, which the bodies write."""
    if function is None:
        raise InternalError.because(f"{op.type} needs a session that compiles its bodies", op)
    bodies = [function(call.program) for call in op.attrs["bodies"]]
    compute = _looping(op, bodies) if "variables" in op.attrs else _branching(op, bodies)
    writes = op.definition.writes

    def run(values: Sequence[Any]) -> list[Any]:
        results = compute(values)
        return [store.value(variable_of(op.inputs[i])) for i in writes] + results

    return run


def callers(program: Program, store: Store, function: Bodies) -> dict[Operation, Compute]:
    """What runs the branches and loops of a program."""
    return {op: caller(op, store, function) for op in program.ops if op.definition.calls}


def _branching(op: Operation, branches: Sequence[Executable]) -> Compute:
    """One branch runs.  What is kept of it is a list with one item, and empty if another one ran.

    Where the shape is known it is the item itself, or zeros.
    """
    calls, saved = op.attrs["bodies"], op.attrs["source"].saved
    count = len(op.attrs["source"].branches[0].fetches)
    outputs = op.outputs[len(op.definition.writes) + count :]
    listed = [is_list_of(t.dtype, inner.dtype) for t, (_, inner) in zip(outputs, saved, strict=True)]
    items = [
        {p for p, t in zip(call.takes, call.program.feeds, strict=True) if is_list_of(op.inputs[p].dtype, t.dtype)}
        for call in calls
    ]

    def run(values: Sequence[Any]) -> list[Any]:
        number = int(values[0])
        number = number if 0 <= number < len(calls) else len(calls) - 1
        results = branches[number]([values[p][0] if p in items[number] else values[p] for p in calls[number].takes])
        kept = iter(results[count:])
        results = results[:count]
        for (branch, _), t, wrapped in zip(saved, outputs, listed, strict=True):
            value = next(kept) if branch == number else None
            if wrapped or isinstance(t.dtype, ListType) and value is None:
                results.append(as_list([] if branch != number else [value]))
            else:
                results.append(np.zeros(sizes(t.dims), t.dtype.dtype) if value is None else value)
        return results

    return run


def _looping(op: Operation, bodies: Sequence[Executable]) -> Compute:
    """The body runs until the test says no, or the limit is reached."""
    count, sequences = op.attrs["variables"], op.attrs["sequences"]
    reverse, calls = op.attrs["reverse"], op.attrs["bodies"]
    body, going = bodies[0], bodies[1] if len(bodies) > 1 else None
    taken = [[p for p in call.takes if p >= 0] for call in calls]
    first = 1 + count
    inner = calls[0].program.fetches[count:]
    stacked = op.outputs[len(op.definition.writes) + count + 1 :]

    def run(values: Sequence[Any]) -> list[Any]:
        limit = int(values[0])
        state = list(values[1:first])
        items = values[first : first + sequences]
        captured = [[values[p] for p in each] for each in taken]
        rows: list[list[Any]] = [[] for _ in stacked]
        done = 0
        while limit < 0 or done < limit:
            if going is not None and not going([*state, *captured[1]])[0]:
                break
            at = limit - 1 - done if reverse else done
            results = body([*state, *[_row(x, at) for x in items], *captured[0]])
            state = results[:count]
            for row, value in zip(rows, results[count:], strict=True):
                row.append(value)
            done += 1
        if reverse:
            for row in rows:
                row.reverse()
        return [*state, np.array(done, np.int32), *map(_stacked, rows, inner, stacked)]

    return run


def _row(sequence: np.ndarray, i: int) -> np.ndarray:
    """An item of a list, or of an array a row that is an array even when it is a scalar."""
    if sequence.ndim == 1 and sequence.dtype == object and isinstance(sequence[i], np.ndarray):
        return sequence[i]
    return sequence[i : i + 1].reshape(sequence.shape[1:])


def _stacked(rows: Sequence[np.ndarray], inner: Tensor, t: Tensor) -> np.ndarray:
    """A list, or one array of all rows; with no rows what is known of their shape."""
    if is_list_of(t.dtype, inner.dtype):
        return as_list(rows)
    if not rows:
        return np.empty((0, *[d or 0 for d in inner.dims or ()]), t.dtype.dtype)
    if any(row.shape != rows[0].shape for row in rows):
        shapes = sorted({row.shape for row in rows})
        raise InvalidArgumentError.because(f"the iterations give values of several shapes: {shapes}")
    return np.stack(rows)
