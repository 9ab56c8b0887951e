"""Elementwise fusion: operations over one shape become one loop that keeps what lies between them in registers."""

from __future__ import annotations

from collections import Counter

from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import fuse
from graphflow.ops.lowering import Elementwise
from graphflow.program import Program

LIMIT = 30  # members of a region: no kernel grows without bound


class _Group:
    """Operations that can become one region at the place of the youngest.

    A group that somebody outside has read is closed: moving it to a later place would come too late for the reader.
    """

    def __init__(self, op: Operation) -> None:
        self.members = [op]
        self.closed = False


def fuse_elementwise(program: Program, fired: Counter[str] | None = None) -> Program:
    """Merge each elementwise operation with those that make its inputs, where nobody else is in the way.

    All members have the same output shape; inputs from outside may broadcast.  Members move down to the place of the
    youngest one, so nothing in between may read them, and nothing that reads or writes variables is a member.  A
    reader in between may itself move down into a region: so walks, each O(operations + edges), until nothing changes.
    """
    while True:
        fused = _walked(program)
        if len(fused.ops) == len(program.ops):
            return program
        if fired is not None:
            fired["fused"] += len(program.ops) - len(fused.ops)
        program = fused


def _walked(program: Program) -> Program:
    group_of: dict[Operation, _Group] = {}
    for op in program.ops:
        joined = _joinable(op, group_of) if _fusable(op) else []
        for t in op.inputs:
            group = group_of.get(t.op)
            if group is not None and group not in joined:
                group.closed = True
        if _fusable(op):
            _join(op, joined, group_of)
    return _rebuilt(program, group_of)


def _fusable(op: Operation) -> bool:
    record = op.definition
    return (
        not record.stateful
        and len({t.dims for t in op.outputs}) == 1
        and isinstance(record.lower(op), Elementwise)
        and op.output.dtype.name not in ("float16", "string")
        and all(t.dtype.name not in ("float16", "string") for t in op.inputs)
    )


def _joinable(op: Operation, group_of: dict[Operation, _Group]) -> list[_Group]:
    """The open groups of the operation's inputs that have its shape, as long as they fit together."""
    found: list[_Group] = []
    size = 1
    for t in op.inputs:
        group = group_of.get(t.op)
        if group is None or group.closed or group in found or t.dims != op.output.dims:
            continue
        if size + len(group.members) <= LIMIT:
            found.append(group)
            size += len(group.members)
    return found


def _join(op: Operation, groups: list[_Group], group_of: dict[Operation, _Group]) -> None:
    home = _Group(op)
    for group in groups:
        for member in group.members:
            group_of[member] = home
    home.members = [m for group in groups for m in group.members] + [op]
    group_of[op] = home


def _rebuilt(program: Program, group_of: dict[Operation, _Group]) -> Program:
    """The program with a region in the place of the youngest member of each group of two or more."""
    wanted = _read_outside(program, group_of)
    place = {op: i for i, op in enumerate(program.ops)}
    for home in set(group_of.values()):
        home.members.sort(key=place.__getitem__)
    new: dict[Tensor, Tensor] = {}
    ops: list[Operation] = []
    done: dict[Operation, Operation] = {}
    for op in program.ops:
        group = group_of.get(op)
        if group is None or len(group.members) == 1:
            inputs = tuple([new.get(t, t) for t in op.inputs])
            made = op if inputs == op.inputs else op.rebuild(inputs, [(t.dims, t.dtype) for t in op.outputs])
            new.update(zip(op.outputs, made.outputs, strict=True))
        elif op is group.members[-1]:
            outputs = [t for m in group.members for t in m.outputs if t in wanted]
            made = fuse(group.members, outputs)
            made = made.rebuild(tuple([new.get(t, t) for t in made.inputs]), [(t.dims, t.dtype) for t in outputs])
            new.update(zip(outputs, made.outputs, strict=True))
        else:
            continue
        done[op] = made
        ops.append(made)
    targets = tuple(done[op] for op in program.targets if op in done)
    fetches = tuple(new.get(t, t) for t in program.fetches)
    return Program(program.feeds, fetches, targets, tuple(ops))


def _read_outside(program: Program, group_of: dict[Operation, _Group]) -> set[Tensor]:
    """Tensors that a fetch or an operation of another group takes."""
    wanted = set(program.fetches).union(*(op.outputs for op in program.targets))
    for op in program.ops:
        home = group_of.get(op)
        wanted.update(t for t in op.inputs if home is None or group_of.get(t.op) is not home)
    return wanted
