"""Leaving out what nobody needs."""

from __future__ import annotations

from collections import Counter

from graphflow.operation import Operation
from graphflow.ops.fused import FUSED, members
from graphflow.program import Program


def drop_dead(program: Program, fired: Counter[str] | None = None) -> Program:
    """Without pure operations whose outputs nobody takes; a target that only waits for others has done so then.

    Writes and random draws stay: a draw counts, whoever looks at it.
    """
    used = set(program.fetches)
    targets = {op for op in program.targets if op.outputs}
    kept = []
    for op in reversed(program.ops):
        if not used.isdisjoint(op.outputs) or op in targets or acts(op):
            kept.append(op)
            refs = op.definition.refs
            used.update([t for i, t in enumerate(op.inputs) if i not in refs] if refs else op.inputs)
    dropped = len(program.ops) - len(kept)
    if not dropped:
        return program
    if fired is not None:
        fired["dropped"] += dropped
    return Program(program.feeds, program.fetches, program.targets, tuple(reversed(kept)))


def acts(op: Operation) -> bool:
    """Whether the operation does something beyond its outputs: it writes a variable, or draws."""
    if op.definition is FUSED:
        return any(acts(member) for member in members(op))
    record = op.definition
    if record.calls:
        return bool(record.writes) or any(acts(inner) for call in op.attrs["bodies"] for inner in call.program.ops)
    return bool(record.writes) or record.stateful and not record.variable and not record.refs
