"""Loops at every point of a region: members that are computed again and again, with loop variables in registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphflow.backends.cpu.loops import look
from graphflow.backends.cpu.values import Pointer, Value
from graphflow.backends.space import Again

if TYPE_CHECKING:
    from graphflow.backends.cpu.regions import Emission

PATIENCE = 1 << 16  # rounds between two looks for signals


def every_round(
    e: Emission, again: Again, status: Pointer | None, tid: Value,
    at: list[Value], inside: Value | None, values: dict[int, Value],
) -> None:  # fmt: skip
    """Compute all members again and again, with loop variables in registers.

    With a status, the first thread looks for signals now and then, and the status stops all of them.
    """
    code, body, first = e.code, e.body, len(e.body.inputs)
    state = {k: code.cell(values[k]) for k, _ in again.state}
    left, stacked = code.cell(PATIENCE), {body.outputs[i] for i in again.stacked}
    here: dict[int, Value] = {}

    def compute(start: int, stop: int) -> None:
        for number in range(first + start, first + stop):
            here[number] = e.compute(number, here, at)

    def going() -> Value:
        here.update(values)
        here.update((k, cell.get()) for k, cell in state.items())
        compute(0, again.tested)
        return here[again.test] if status is None else here[again.test] & (left.get() != 0)

    with code.as_long_as(going):
        for k in again.items:
            mask = body.inputs[k][0]
            row = here[again.index].cast("int64") * e.count(mask)
            moves = mask[-1]
            here[k] = e.inputs[k].load(row + e.index(mask, at), *((code.lanes, inside) if moves else ()))
        compute(again.tested, len(body.members))
        for i in again.stacked:
            where = here[again.index].cast("int64") * e.count((True,) * len(at)) + e.index((True,) * len(at), at)
            e.outputs[i].store(where, here[body.outputs[i]].splat(code.lanes), inside)
        for k, cell in state.items():
            cell.set(here[dict(again.state)[k]])
        if status is not None:
            left.set(left.get() - 1)
            with code.when(left.get() == 0):
                with code.when((tid == 0) & (status.load(0) == 0)):
                    look(code, status)
                left.set(code.select(status.load(0) == 0, code.value(PATIENCE), code.value(0)))
    where = e.index((True,) * len(at), at)
    for number in dict.fromkeys(body.outputs):
        if number not in stacked:
            e.store(number, state[number].get(), where, inside, at)
