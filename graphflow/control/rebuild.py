"""Conditionals and loops of a GraphDef of TensorFlow 1, made again as If and While."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphflow import dtypes
from graphflow.control.bodies import feed_of
from graphflow.control.choice import Branch, choice_of, taking
from graphflow.control.dataflow import Structure, kind_of, not_understood
from graphflow.control.loop import Loop, repeat
from graphflow.control.regions import Conditional, LoopRegion, Region, Variable
from graphflow.control.stacks import Stacks, stack_kind
from graphflow.dtypes import ListType
from graphflow.errors import GraphError
from graphflow.graph import Graph, get_default_graph
from graphflow.graph_protos import NodeDef
from graphflow.names import full, node_of
from graphflow.node_attrs import made_node, python_value
from graphflow.operation import Frame, Operation, Tensor
from graphflow.ops.basic import IDENTITY_N, cast, identity
from graphflow.ops.compare import logical_not
from graphflow.ops.fill import constant
from graphflow.ops.static import static_value
from graphflow.shape import Dims, common

Make = Callable[[NodeDef, list[Tensor], list[Operation]], Operation]


class Around(Protocol):
    """What gives the values from outside a region."""

    def tensor(self, key: str) -> Tensor: ...

    def operation(self, name: str) -> Operation | None: ...


@dataclass(eq=False)
class Room:
    """What was made of one branch: its nodes, and for each conditional it belongs to the frame and the operation."""

    made: dict[str, Operation] = field(default_factory=dict)
    owners: dict[Frame, tuple[Operation, int]] = field(default_factory=dict)

    def frame(self, parent: Frame | None) -> Frame:
        """A frame for another conditional, which may take what the ones before have computed."""
        return Frame(parent, reads=next(reversed(self.owners), None))


@dataclass(eq=False)
class Builder:
    """Makes the nodes of one region, in the frame in force.

    make    makes an operation of a node, its inputs and what it waits for
    around  the values from outside; None for the graph itself
    given   tensors that are there: those that the GraphDef gets from outside, the variables of a loop
    stacks  which branches and loops work on which stacks
    once    the nodes that may not be made twice, and have been made
    made    the operations, by the names of nodes
    held    the stacks that there are: the list of each, and how many items count
    rooms   what was made of the branches of the region so far
    """

    structure: Structure
    make: Make
    region: Region
    around: Around | None
    given: Mapping[str, Tensor]
    stacks: Stacks
    once: set[str] = field(default_factory=set)
    made: dict[str, Operation] = field(default_factory=dict)
    held: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    rooms: dict[Region, Room] = field(default_factory=dict)

    def build(self) -> None:
        """Make all that stands in the region."""
        self._add(self.structure.at_top())

    def results(self, keys: Sequence[str], whole: bool = True) -> list[Tensor]:
        """These tensors, and what they need; in the whole region also what works on stacks."""
        units = self.structure.outer_needs(self.region, keys)
        if whole:
            units += self.stacks.units.get(self.region, ())
        self._add(self.structure.ordered(units))
        return [self.tensor(full(key)) for key in keys]

    def tensor(self, key: str) -> Tensor:
        """What a tensor of the GraphDef is here."""
        if key in self.given:
            return self.given[key]
        if self.structure.place(key) is not self.region:
            if self.around is None:
                raise not_understood("it is used outside its branch or loop", self.structure.nodes[node_of(key)])
            return self.around.tensor(key)
        name, _, index = key.rpartition(":")
        node = self.structure.nodes[name]
        if self.structure.leads_to_branch(name) or kind_of(node) == "Enter":
            return self.tensor(full(node.input[0]))
        if name not in self.made:
            raise not_understood("it gives no value here", node)
        outputs = self.made[name].outputs
        if int(index) >= len(outputs):
            raise GraphError(f"node {name!r} has {len(outputs)} outputs, and {key!r} was asked for")
        return outputs[int(index)]

    def operation(self, name: str) -> Operation | None:
        """What a node is here, to wait for; None where it does nothing."""
        if self.structure.is_pivot(name):
            return None
        if self.structure.home(name) is self.region or self.around is None:
            made = self.made[name]
            for room in self.rooms.values():  # of a conditional before: that has to be done
                if made.frame in room.owners and made.frame is not get_default_graph().frame:
                    return room.owners[made.frame][0]
            return made
        return self.around.operation(name)

    def _operations(self, keys: Iterable[str]) -> list[Operation]:
        """What the control inputs among these wait for."""
        found = [self.operation(key[1:]) for key in keys if key.startswith("^")]
        return [op for op in found if op is not None]

    # -- making ------------------------------------------------------------------------------------------------------
    def _add(self, units: Iterable[Any]) -> None:
        for unit in units:
            if isinstance(unit, Conditional):
                if unit.merges[0].name not in self.made:
                    self._choose(unit)
            elif isinstance(unit, LoopRegion):
                if not unit.exits or unit.exits[0][0].name not in self.made:
                    self._repeat(unit)
            elif unit.node.name not in self.made:
                self._plain(unit.node)

    def _plain(self, node: NodeDef) -> None:
        data = [self.tensor(full(key)) for key in node.input if not key.startswith("^")]
        waits = self._operations(node.input)
        kind = stack_kind(node)
        if kind is not None:
            self.made[node.name] = self._on_stack(kind, node, data)
            return
        op = self.made[node.name] = self.make(node, data, waits)
        if op.definition.stateful:
            if node.name in self.once:
                raise not_understood("it would run in several branches or loops", node)
            self.once.add(node.name)

    def _on_stack(self, kind: str, node: NodeDef, data: Sequence[Tensor]) -> Operation:
        if len(data) < (2 if kind == "Push" else kind in ("Pop", "Close")):
            raise not_understood("it lacks inputs", node)
        make = lambda op, inputs, **attrs: self.make(made_node(node.name, op, [], node.device, attrs), inputs, [])
        if kind == "Make":
            dtype = python_value(node.name, "elem_type", node.attr["elem_type"])
            op = make("ListEmpty", [], dtype=dtype)
            self.held[node.name] = op.output, constant(0, dtypes.int32)
            return op
        if kind == "Close":
            return make("NoOp", [])
        stack = self.stacks.of(node)
        items, count = self.held[stack]
        if kind == "Push":
            self.held[stack] = make("TensorArrayWriteV3", [items, count, data[1]], grows=True).output, count + 1
            return make("Identity", [data[1]])
        self.held[stack] = items, count - 1
        return make("TensorArrayReadV3", [items, count - 1], dims=None)

    def _choose(self, unit: Conditional) -> None:
        """One If, and its results under the names of the Merges."""
        graph, scope = get_default_graph(), unit.merges[0].name.rpartition("/")[0]
        whole = unit in self.structure.also
        rooms = [self.rooms.setdefault(unit.region.branch(unit.pred, side), Room()) for side in (False, True)]
        frames, sides = [], []
        for side, room in zip((False, True), rooms, strict=True):
            region, frame = unit.region.branch(unit.pred, side), room.frame(graph.frame)
            keys = [
                key for merge in unit.merges for key in merge.input[:2] if self.structure.place(full(key)) is region
            ]
            with graph.inside(frame):
                inner = Builder(self.structure, self.make, region, self, {}, self.stacks, self.once, room.made,
                                dict(self.held), self.rooms)  # fmt: skip
                sides.append((inner, inner.results(keys, whole=whole)))
            frames.append(frame)
        passed = self._changed([inner for inner, _ in sides])
        branches = [
            Branch(frame, (*fetches, *[t for stack, pushed in passed.items() for t in inner.held[stack][not pushed :]]))
            for frame, (inner, fetches) in zip(frames, sides, strict=True)
        ]
        for merge, *values in zip(unit.merges, *[b.fetches for b in branches], strict=False):
            if values[0].dtype is not values[1].dtype:
                raise not_understood(f"one side is {values[0].dtype.name}, the other {values[1].dtype.name}", merge)
        pred = _asked(self.tensor(unit.pred), unit.merges)
        owners: dict[Frame | None, Any] = {frame: owner for room in rooms for frame, owner in room.owners.items()}
        with graph.control_dependencies(self._operations(self.structure.waits(unit))):
            op = choice_of(pred, taking(branches, owners), _in(scope, "If"))
        for number, (room, branch) in enumerate(zip(rooms, branches, strict=True)):
            room.owners[branch.frame] = op, number
        results = op.outputs[len(op.definition.writes) :]
        for merge, value in zip(unit.merges, results, strict=False):
            first = self.structure.place(full(merge.input[0])).side
            index = cast(logical_not(pred) if first else pred, dtypes.int32, name=_in(scope, "value_index"))
            self.made[merge.name] = IDENTITY_N(value, index, name=merge.name)[0].op
        self._hold(passed, results[len(unit.merges) :])

    def _changed(self, sides: Sequence[Builder]) -> dict[str, bool]:
        """The stacks that a branch has changed, and whether something was pushed."""
        pushed = {}
        for stack, (items, count) in self.held.items():
            inner = [side.held[stack] for side in sides]
            if any(new is not count for _, new in inner):
                pushed[stack] = any(new is not items for new, _ in inner)
        return pushed

    def _hold(self, passed: Mapping[str, bool], results: Iterable[Tensor]) -> None:
        """The stacks after a branch or a loop."""
        rest = iter(results)
        for stack, pushed in passed.items():
            items = next(rest) if pushed else self.held[stack][0]
            self.held[stack] = items, next(rest)

    def _repeat(self, loop: LoopRegion) -> None:
        """A While, and its variables afterwards under the names of the Exits."""
        variables, passed = list(loop.variables.values()), self.stacks.passed.get(loop, {})
        initial = [self.tensor(full(v.enter.input[0])) for v in variables]
        held = {stack: self.held[stack] for stack in passed}
        dims = self._kept(loop, initial, held)
        types = [(d, t.dtype) for d, t in zip(dims, initial, strict=True)]
        test, frame, feeds, fetches = self._bodies(loop, types, self, self.once, held)
        scope = variables[0].merge.name.rpartition("/")[0]
        limit = constant(-1, dtypes.int32, name=_in(scope, "limit"))
        kept = [t for stack, pushed in passed.items() for t in held[stack][not pushed :]]
        waits = self._operations([key for v in variables for key in v.enter.input])
        made = Loop(
            limit, (*initial, *kept), (), frame, tuple(feeds), tuple(fetches), (*dims, *[t.dims for t in kept]), test
        )
        with get_default_graph().control_dependencies(waits):
            final, _, _ = repeat(made, _in(scope, "While"))
        for node, variable in loop.exits:
            self.made[node.name] = identity(final[variables.index(variable)], name=node.name).op
        self._hold(passed, final[len(variables) :])

    def _bodies(
        self, loop: LoopRegion, types: Sequence[tuple[Dims, Any]], around: Around, once: set[str],
        held: Mapping[str, tuple[Tensor, Tensor]],
    ) -> tuple[Any, Frame, list[Tensor], list[Tensor]]:  # fmt: skip
        """(the test of a loop; the frame, feeds and fetches of its body), for variables of these types.

        held  the stacks that it works on, before it
        """
        graph, variables = get_default_graph(), list(loop.variables.values())
        assert loop.test is not None
        outside, frame = Frame(graph.frame), Frame(graph.frame)
        passed = self.stacks.passed.get(loop, {})
        with graph.inside(outside):
            merged = [feed_of(*kind, v.merge.name) for v, kind in zip(variables, types, strict=True)]
            given = {f"{v.merge.name}:0": t for v, t in zip(variables, merged, strict=True)}
            inner = Builder(self.structure, self.make, loop, around, given, self.stacks, once)
            (going,) = inner.results(loop.test.input[:1], whole=False)
            merged += [t for stack in passed for t in _fed(held[stack], passed[stack])[not passed[stack] :]]
        with graph.inside(frame):
            feeds = [feed_of(*kind, _name(v)) for v, kind in zip(variables, types, strict=True)]
            given = {f"{v.merge.name}:0": t for v, t in zip(variables, feeds, strict=True)}
            given |= {f"{v.switch.name}:1": t for v, t in zip(variables, feeds, strict=True) if v.switch is not None}
            inner = Builder(self.structure, self.make, loop, around, given, self.stacks, once)
            inner.held = {stack: _fed(held[stack], pushed) for stack, pushed in passed.items()}
            feeds += [t for stack, pushed in passed.items() for t in inner.held[stack][not pushed :]]
            fetches = inner.results([v.following.input[0] for v in variables])
            fetches += [t for stack, pushed in passed.items() for t in inner.held[stack][not pushed :]]
        _asked(going, [loop.test])
        for variable, (_, dtype), t in zip(variables, types, fetches, strict=False):
            if t.dtype is not dtype:
                raise not_understood(f"the loop variable is {dtype.name} and becomes {t.dtype.name}", variable.merge)
        return (outside, tuple(merged), going), frame, feeds, fetches

    def _kept(
        self, loop: LoopRegion, initial: Sequence[Tensor], held: Mapping[str, tuple[Tensor, Tensor]]
    ) -> list[Dims]:
        """The shapes that the variables of a loop keep: their first ones, without what an iteration changes.

        A GraphDef does not say them, so the loop is made in a graph of its own until they stay.
        """
        dims = [t.dims for t in initial]
        while True:
            with Graph().as_default():
                types = [(d, t.dtype) for d, t in zip(dims, initial, strict=True)]
                around = _Outside(self)
                copies = {stack: (around.copy(items), around.copy(count)) for stack, (items, count) in held.items()}
                *_, fetches = self._bodies(loop, types, around, set(), copies)
            found = [common(d, t.dims) for d, t in zip(dims, fetches, strict=False)]
            if found == dims:
                return dims
            dims = found


class _Outside:
    """The tensors around a loop, copied into another graph by their types and what is known of their values."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._graph = get_default_graph()
        self._copies: dict[Tensor, Tensor] = {}

    def tensor(self, key: str) -> Tensor:
        return self.copy(self._builder.tensor(key))

    def copy(self, t: Tensor) -> Tensor:
        if t not in self._copies:
            with self._graph.as_default(), self._graph.inside(None):
                self._copies[t] = self._copy(t)
        return self._copies[t]

    def operation(self, name: str) -> None:
        return None

    def _copy(self, t: Tensor) -> Tensor:
        if t.op.definition.variable:
            types = [(t.dims, t.dtype)]
            return self._graph.add_operation(t.op.definition, t.op.name, (), t.op.attrs, types).output
        value = None if isinstance(t.dtype, ListType) else static_value(t)
        return feed_of(t.dims, t.dtype, "outside") if value is None else constant(value, t.dtype)


def _asked(pred: Tensor, nodes: Sequence[NodeDef]) -> Tensor:
    if pred.dtype is not dtypes.bool_ or pred.dims not in (None, ()):
        raise not_understood(f"a bool scalar has to decide, not {pred!r}", *nodes)
    return pred


def _fed(stack: tuple[Tensor, Tensor], pushed: bool) -> tuple[Tensor, Tensor]:
    """A stack in a body: its items, which only change where something is pushed, and their number."""
    items, count = stack
    return feed_of(items.dims, items.dtype, "items") if pushed else items, feed_of((), count.dtype, "count")


def _name(variable: Variable) -> str:
    return variable.merge.name if variable.switch is None else variable.switch.name


def _in(scope: str, name: str) -> str:
    return f"{scope}/{name}" if scope else name
