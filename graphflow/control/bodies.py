"""Bodies: what was built in a frame, as a program of its own with the outer tensors that it takes as further feeds.

The gradient of a branch or loop needs values from inside it.  Operations never change, so it makes a twin: the same
operation with these values as further outputs.  Whoever makes a program of the graph merges twins: one runs for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from graphflow.graph import get_default_graph
from graphflow.operation import Frame, Operation, Program, Tensor, variable_of
from graphflow.ops.define import CONST, OpDef, Outputs
from graphflow.ops.placeholder import PLACEHOLDER
from graphflow.shape import Dims


class Call(NamedTuple):
    """A program as an operation runs it: for each of its feeds the input that it gets, -1 where the owner sets it."""

    program: Program
    takes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Body:
    """A program that was built in a frame.

    program   its feeds are those that the owner sets (loop variables and the like), then `captured`
    captured  tensors from outside that it takes
    constants  those that are part of the program instead; gradients flow to them, too
    refs      variables that it reads or writes by reference
    writes    those of them that it writes
    waits     operations outside that it waits for
    """

    program: Program
    captured: tuple[Tensor, ...]
    constants: tuple[Tensor, ...]
    refs: tuple[Operation, ...]
    writes: tuple[Operation, ...]
    waits: tuple[Operation, ...]


class Source(Protocol):
    """What a branch or a loop was made of, in terms of the graph.

    root   the operation that this one is a twin of, None for the first
    saved  what is kept from inside: the last outputs
    """

    @property
    def root(self) -> Operation | None: ...

    @property
    def saved(self) -> tuple[Any, ...]: ...

    def with_saved(self, saved: Sequence[Any], root: Operation) -> Source: ...

    def parts(self) -> tuple[OpDef, tuple[Tensor, ...], dict[str, Any], Outputs, tuple[Operation, ...]]:
        """The record, inputs, attributes, types of the outputs, and what to wait for."""
        ...


# -- making them -----------------------------------------------------------------------------------------------------
def feed_of(dims: Dims, dtype: Any, name: str) -> Tensor:
    """A tensor of the frame in force that its owner sets."""
    return PLACEHOLDER(name=name, dtype=dtype, shape=dims)


def make_body(frame: Frame, given: Sequence[Tensor], fetches: Sequence[Tensor]) -> Body:
    """What these fetches need of a frame, when these tensors are given."""
    fed = set(given)
    needed: set[Operation] = set()
    captured: dict[Tensor, None] = {}
    outside: dict[Operation, None] = {}
    waits: dict[Operation, None] = {}
    stack: list[Operation] = []

    def meet(t: Tensor) -> None:
        if t in fed:
            return
        if t.op.frame is frame:
            stack.append(t.op)
        elif t.op.definition is CONST:
            outside[t.op] = None
        else:
            captured[t] = None

    def meet_reference(t: Tensor) -> None:
        if t.op.frame is frame:
            stack.append(t.op)
        else:
            outside[variable_of(t)] = None
            if not t.op.definition.variable:
                waits[t.op] = None

    for t in fetches:
        meet(t)
    while stack:
        op = stack.pop()
        if op in needed:
            continue
        needed.add(op)
        for i, t in enumerate(op.inputs):
            (meet_reference if i in op.definition.refs else meet)(t)
        for control in op.control_inputs:
            if control.frame is frame:
                stack.append(control)
            else:
                waits[control] = None
    feeds = (*given, *sorted(captured, key=lambda t: (t.op.id, t.value_index)))
    ops = tuple(sorted([*needed, *outside], key=lambda op: op.id))
    program = merge_twins(Program(feeds, tuple(fetches), (), ops))
    refs: dict[Operation, None] = {}
    writes: dict[Operation, None] = {}
    for op in program.ops:
        record = op.definition
        refs.update((variable_of(op.inputs[i]), None) for i in record.refs)
        writes.update((variable_of(op.inputs[i]), None) for i in record.writes)
    around = frame.parent
    constants = tuple(
        op.output for op in outside
        if op.definition is CONST and op.output.dtype.is_differentiable
        and (op.frame is None or around is not None and around.sees(op.frame))
    )  # fmt: skip
    return Body(program, feeds[len(given) :], constants, tuple(refs), tuple(writes), tuple(waits))


def united(groups: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
    """Every item once, in order."""
    return tuple(dict.fromkeys(item for group in groups for item in group))


def add(source: Source, name: str) -> Operation:
    """The operation, in the frame and the control dependencies in force."""
    graph = get_default_graph()
    record, inputs, attrs, types, waits = source.parts()
    full_name = graph.op_name(name)
    with graph.control_dependencies(waits):
        return graph.add_operation(record, full_name, inputs, attrs, types)


def twin(op: Operation, saved: Sequence[Any]) -> list[Tensor]:
    """What `saved` names inside a branch or loop, as outputs of a twin of it."""
    if not saved:
        return []
    source: Source = op.attrs["source"]
    graph = op.graph
    with graph.inside(op.frame), graph.name_scope(None):
        made = add(source.with_saved(saved, source.root or op), op.name)
    return list(made.outputs[-len(saved) :])


# -- merging twins ---------------------------------------------------------------------------------------------------
def merge_twins(program: Program) -> Program:
    """One operation for all twins, with all that they keep, in the place of the first; references stay inside."""
    groups: dict[Operation, list[Operation]] = {}
    for op in program.ops:
        if op.definition.calls:
            groups.setdefault(op.attrs["source"].root or op, []).append(op)
    here = set(program.ops)
    place = {op: root.id for root, twins in groups.items() for op in twins}
    new: dict[Tensor, Tensor] = {}
    refs: dict[Tensor, Tensor] = {}
    ops: list[Operation] = []
    changed: dict[Operation, Operation] = {}
    for op in sorted(program.ops, key=lambda op: place.get(op, op.id)):
        if op in changed:
            continue
        twins = [op]
        if op.definition.calls:
            root = op.attrs["source"].root or op
            twins = groups[root]
            made = _merged(root, twins)
        else:
            made = op
        inputs = []
        for i, t in enumerate(made.inputs):
            if i not in made.definition.refs:
                inputs.append(new.get(t, t))
                continue
            known = refs.get(t, t)
            inputs.append(known if known.op in here or known.op in changed.values() else variable_of(known).output)
        if tuple(inputs) != made.inputs:
            made = made.rebuild(tuple(inputs), [(t.dims, t.dtype) for t in made.outputs])
        ops.append(made)
        for old in twins:
            changed[old] = made
            if old is not made:
                for t, u in zip(old.outputs, _matching(old, made), strict=True):
                    new[t] = refs[t] = u
    if not new:
        return program
    return Program(
        tuple([new.get(t, t) for t in program.feeds]), tuple([new.get(t, t) for t in program.fetches]),
        tuple(dict.fromkeys(changed.get(op, op) for op in program.targets)), tuple(ops),
    )  # fmt: skip


def _merged(root: Operation, twins: Sequence[Operation]) -> Operation:
    """One operation that keeps what each of them keeps."""
    if list(twins) == [root]:
        return root
    saved = united(op.attrs["source"].saved for op in twins)
    record, inputs, attrs, types, _ = root.attrs["source"].with_saved(saved, root).parts()
    return Operation(
        record, root.name, inputs, attrs, types, root.control_inputs, root.graph, root.id, root.site, root.device,
        root.frame,
    )  # fmt: skip


def _matching(old: Operation, made: Operation) -> list[Tensor]:
    """The outputs of the merged operation that stand for those of one twin."""
    if not made.definition.calls:
        return list(made.outputs)
    kept, saved = old.attrs["source"].saved, made.attrs["source"].saved
    plain = len(old.outputs) - len(kept)
    base = len(made.outputs) - len(saved)
    at = {item: base + i for i, item in enumerate(saved)}
    return [*made.outputs[:plain], *[made.outputs[at[item]] for item in kept]]
