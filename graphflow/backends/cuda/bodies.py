"""Which loops and branches can run on the device, and the plans of their bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphflow.backends.base import Bodies
from graphflow.backends.cpu.buffers import storage_of, variables_of
from graphflow.operation import Operation
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import known
from graphflow.store import Store


class Body(NamedTuple):
    """The plan of a body, and the bodies of the loops and branches in it, by the number of the step."""

    plan: Plan
    inner: Mapping[int, tuple[Body, ...]]


def inner_of(plan: Plan, store: Store, function: Bodies | None) -> dict[int, tuple[Body, ...]]:
    """The bodies of those loops and branches of a plan that can run on the device, by the number of the step."""
    calling = [(number, step) for number, step in enumerate(plan.steps) if step.op.definition.calls and not step.copy]
    found = [(number, bodies_of(step, store, function)) for number, step in calling]
    return {number: bodies for number, bodies in found if bodies is not None}


def bodies_of(step: Step, store: Store, function: Bodies | None) -> tuple[Body, ...] | None:
    """The bodies of a loop or branch that can run on the device; None where something in it needs the host."""
    op, skip = step.op, len(step.op.definition.writes)
    loops, calls = "variables" in op.attrs, op.attrs["bodies"]
    first = 1 + op.attrs["variables"] if loops else len(step.inputs)
    last = first + op.attrs["sequences"] if loops else first
    data = [b for i, b in enumerate(step.inputs) if i not in op.definition.refs and not _is_rows(b, first <= i < last)]
    made = [b for i, b in enumerate(step.outputs) if not _is_rows(b, loops and i >= skip + first)]
    if function is None or not all(map(is_memory, (*data, *made))) or data[0].dims != ():
        return None
    if loops and op.attrs["reverse"] and len(calls) > 1:  # nobody knows which row is the first one
        return None
    found = [_body(function.plan(call.program, ()), store, function) for call in calls]
    bodies = tuple([body for body in found if body is not None])
    if len(bodies) < len(calls) or any(a.dims != b for a, b in _results(step, bodies)):
        return None
    return bodies


def _body(plan: Plan | None, store: Store, function: Bodies) -> Body | None:
    if plan is None or not all(map(is_memory, plan.fetches)):
        return None
    inner, variables = inner_of(plan, store, function), variables_of(plan)
    if not all(number in inner or is_native(step, store, variables) for number, step in enumerate(plan.steps)):
        return None
    states = [b for s in plan.steps for b in (*s.inputs, *s.outputs)] + list(plan.fetches)
    for b in states:
        variable = variables[b.index] if b.kind == "state" else None
        if variable is not None and not (store.initialized(variable) and store.dims(variable) == b.dims):
            return None  # the run will say so, or give it a value
    return Body(plan, inner)


def _results(step: Step, bodies: Sequence[Body]) -> Iterator[tuple[Buffer, Any]]:
    """Fetches of bodies, and the shapes that they have outside."""
    op, outputs = step.op, step.outputs[len(step.op.definition.writes) :]
    if "variables" in op.attrs:
        yield from [(body.plan.fetches[0], ()) for body in bodies[1:]]
        n = op.attrs["variables"]
        yield from zip(bodies[0].plan.fetches[:n], [b.dims for b in step.inputs[1 : 1 + n]], strict=True)
        yield from zip(bodies[0].plan.fetches[:n], [b.dims for b in outputs[:n]], strict=True)
        yield from zip(bodies[0].plan.fetches[n:], [(b.dims or ())[1:] for b in outputs[n + 1 :]], strict=True)
        return
    for number, body in enumerate(bodies):
        yield from zip(body.plan.fetches, [b.dims for b in own_results(op, outputs, number)], strict=True)


def own_results(op: Operation, results: Sequence[Buffer], number: int) -> list[Buffer]:
    """What a branch gives: the results, and what is kept of this branch."""
    saved = op.attrs["source"].saved
    count = len(results) - len(saved)
    return [*results[:count], *[b for b, (n, _) in zip(results[count:], saved, strict=True) if n == number]]


def all_steps(plan: Plan, inner: Mapping[int, tuple[Body, ...]]) -> Iterator[tuple[int, Step]]:
    """The steps of a plan and of the bodies in it, in order, with their numbers; -1 in a body."""
    for number, step in enumerate(plan.steps):
        yield number, step
        for body in inner.get(number, ()):
            yield from [(-1, each) for _, each in all_steps(body.plan, body.inner)]


def is_memory(b: Buffer) -> bool:
    return b.kind not in ("object", "list") and known(b.dims)


def _is_rows(b: Buffer, may_be: bool) -> bool:
    return may_be and b.kind == "list"


def is_native(step: Step, store: Store, variables: Mapping[int, Operation]) -> bool:
    """Whether every buffer is memory; a variable whose array has another shape is written by the reference."""
    if step.call is None and not step.copy:
        return False
    if any(b.kind == "object" for b in (*step.inputs, *step.outputs)):
        return False
    return all(storage_of(variables[b.index], b, store).shape == b.dims for b in step.outputs if b.kind == "state")
