"""One kernel for the updates of many small variables: what an optimizer does to each of them is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from graphflow.operation import Operation, Tensor, variable_of
from graphflow.ops.lowering import Elementwise, View
from graphflow.ops.updates import update_together
from graphflow.passes.engine import Substitution
from graphflow.program import Program
from graphflow.shape import count

LIMIT = 2**20  # elements of a variable: a larger one is updated while its gradient is still in the cache


class _Group:
    """Updates that can take place together where the last of them stands, as long as nobody comes in between.

    written   the variables that they write
    taken     those of which they take the value that it had when it was read
    """

    def __init__(self) -> None:
        self.members: list[Operation] = []
        self.written: set[Operation] = set()
        self.taken: set[Operation] = set()


def merge_updates(program: Program, fired: Counter[str] | None = None) -> Program:
    """Merge updates of one kind whose results nobody takes.

    They move down to the last of them: no operation in between may read or write one of their variables by reference,
    and none of them may take the earlier value of a variable that another one writes: it would live in its place.
    """
    used = {t for op in program.ops for t in op.inputs}
    groups: list[_Group] = []
    open_groups: dict[Hashable, _Group] = {}
    for op in program.ops:
        if not op.definition.refs:  # neither an update nor in the way of one
            continue
        touched = {variable_of(op.inputs[i]) for i in op.definition.refs}
        key = _kind(op, used)
        taken = {v for t in op.inputs if (v := _value_of(t)) is not None} if key is not None else set()
        for other, group in list(open_groups.items()):
            if touched & group.written or (other == key and (taken & group.written or touched & group.taken)):
                del open_groups[other]
        if key is not None:
            home = open_groups.get(key)
            if home is None:
                home = open_groups[key] = _Group()
                groups.append(home)
            home.members.append(op)
            home.written |= touched
            home.taken |= taken
    merged = {op: group for group in groups if len(group.members) > 1 for op in group.members}
    if not merged:
        return program
    if fired is not None:
        fired["merged"] += len(merged) - len({id(group) for group in merged.values()})
    return _rebuilt(program, merged)


def _value_of(t: Tensor) -> Operation | None:
    """The variable in whose memory a value may live."""
    while isinstance(t.op.definition.lower(t.op), View) and not t.op.definition.refs:
        t = t.op.inputs[0]
    return variable_of(t) if t.op.definition.refs or t.op.definition.variable else None


def _kind(op: Operation, used: set[Tensor]) -> Hashable:
    """What updates that can be one kernel have in common; None for what cannot."""
    record = op.definition
    if not record.writes or record.writes != record.refs or any(t in used for t in op.outputs):
        return None
    lowering = record.lower(op)
    if not isinstance(lowering, Elementwise) or len(op.outputs) != len(record.writes):
        return None
    dims = op.output.dims
    if not dims or (count(dims) or LIMIT) > LIMIT or any(t.dims not in (dims, ()) for t in op.inputs):
        return None
    along = tuple([t.dims == dims for t in op.inputs])
    return record, lowering, tuple([t.dtype for t in op.inputs]), along, tuple(sorted(op.attrs.items()))


def _rebuilt(program: Program, merged: dict[Operation, _Group]) -> Program:
    copy = Substitution(program)
    for op in program.ops:
        group = merged.get(op)
        if group is None:
            copy.put(op, copy.updated(op))
        elif op is group.members[-1]:
            copy.put_together(group.members, update_together([copy.updated(m) for m in group.members]))
    return copy.finish()
