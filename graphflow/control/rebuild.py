"""Conditionals and loops of a GraphDef of TensorFlow 1, made again as If and While."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphflow import dtypes
from graphflow.control.bodies import feed_of
from graphflow.control.choice import Branch, choose
from graphflow.control.dataflow import (
    Conditional,
    LoopRegion,
    Plain,
    Region,
    Structure,
    Variable,
    full,
    kind_of,
    node_of,
    not_understood,
)
from graphflow.control.loop import Loop, repeat
from graphflow.dtypes import ListType
from graphflow.errors import GraphError
from graphflow.graph import Graph, get_default_graph
from graphflow.graph_protos import NodeDef
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
class Builder:
    """Makes the nodes of one region, in the frame in force.

    make    makes an operation of a node, its inputs and what it waits for
    around  the values from outside; None for the graph itself
    given   tensors that are there: those that the GraphDef gets from outside, the variables of a loop
    once    the nodes that may not be made twice, and have been made
    made    the operations, by the names of nodes
    """

    structure: Structure
    make: Make
    region: Region
    around: Around | None
    given: Mapping[str, Tensor]
    once: set[str] = field(default_factory=set)
    made: dict[str, Operation] = field(default_factory=dict)

    def build(self) -> None:
        """Make all that stands in the region."""
        self._add(self.structure.at_top())

    def results(self, keys: Sequence[str]) -> list[Tensor]:
        """These tensors, and what they need."""
        self._add(self.structure.ordered(self.structure.outer_needs(self.region, keys)))
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
            return self.made[name]
        return self.around.operation(name)

    # -- making ------------------------------------------------------------------------------------------------------
    def _add(self, units: Iterable[Any]) -> None:
        for unit in units:
            if isinstance(unit, Conditional):
                self._choose(unit)
            elif isinstance(unit, LoopRegion):
                self._repeat(unit)
            else:
                self._plain(unit)

    def _plain(self, unit: Plain) -> None:
        node = unit.node
        data = [self.tensor(full(key)) for key in node.input if not key.startswith("^")]
        waits = [self.operation(key[1:]) for key in node.input if key.startswith("^")]
        op = self.made[node.name] = self.make(node, data, [wait for wait in waits if wait is not None])
        if op.definition.stateful:
            if node.name in self.once:
                raise not_understood("it would run in several branches or loops", node)
            self.once.add(node.name)

    def _choose(self, unit: Conditional) -> None:
        """One If, and its results under the names of the Merges."""
        graph, scope = get_default_graph(), unit.merges[0].name.rpartition("/")[0]
        branches = []
        for side in (False, True):
            region, frame = unit.region.branch(unit.pred, side), Frame(graph.frame)
            keys = [
                key for merge in unit.merges for key in merge.input[:2] if self.structure.place(full(key)) is region
            ]
            with graph.inside(frame):
                branches.append(
                    Branch(frame, tuple(Builder(self.structure, self.make, region, self, {}, self.once).results(keys)))
                )
        for merge, *values in zip(unit.merges, *[b.fetches for b in branches], strict=True):
            if values[0].dtype is not values[1].dtype:
                raise not_understood(f"one side is {values[0].dtype.name}, the other {values[1].dtype.name}", merge)
        pred = _asked(self.tensor(unit.pred), unit.merges)
        for merge, value in zip(unit.merges, choose(pred, branches, _in(scope, "If")), strict=True):
            first = self.structure.place(full(merge.input[0])).side
            index = cast(logical_not(pred) if first else pred, dtypes.int32, name=_in(scope, "value_index"))
            self.made[merge.name] = IDENTITY_N(value, index, name=merge.name)[0].op

    def _repeat(self, loop: LoopRegion) -> None:
        """A While, and its variables afterwards under the names of the Exits."""
        variables = list(loop.variables.values())
        initial = [self.tensor(full(v.enter.input[0])) for v in variables]
        dims = self._kept(loop, initial)
        types = [(d, t.dtype) for d, t in zip(dims, initial, strict=True)]
        test, frame, feeds, fetches = self._bodies(loop, types, self, self.once)
        scope = variables[0].merge.name.rpartition("/")[0]
        limit = constant(-1, dtypes.int32, name=_in(scope, "limit"))
        made = Loop(limit, tuple(initial), (), frame, tuple(feeds), tuple(fetches), tuple(dims), test)
        final, _, _ = repeat(made, _in(scope, "While"))
        for node, variable in loop.exits:
            self.made[node.name] = identity(final[variables.index(variable)], name=node.name).op

    def _bodies(
        self, loop: LoopRegion, types: Sequence[tuple[Dims, Any]], around: Around, once: set[str]
    ) -> tuple[Any, Frame, list[Tensor], list[Tensor]]:
        """(the test of a loop; the frame, feeds and fetches of its body), for variables of these types."""
        graph, variables = get_default_graph(), list(loop.variables.values())
        assert loop.test is not None
        outside, frame = Frame(graph.frame), Frame(graph.frame)
        with graph.inside(outside):
            merged = [feed_of(*kind, v.merge.name) for v, kind in zip(variables, types, strict=True)]
            given = {f"{v.merge.name}:0": t for v, t in zip(variables, merged, strict=True)}
            (going,) = Builder(self.structure, self.make, loop, around, given, once).results(loop.test.input[:1])
        with graph.inside(frame):
            feeds = [feed_of(*kind, _name(v)) for v, kind in zip(variables, types, strict=True)]
            given = {f"{v.merge.name}:0": t for v, t in zip(variables, feeds, strict=True)}
            given |= {f"{v.switch.name}:1": t for v, t in zip(variables, feeds, strict=True) if v.switch is not None}
            fetches = Builder(self.structure, self.make, loop, around, given, once).results(
                [v.following.input[0] for v in variables]
            )
        _asked(going, [loop.test])
        for variable, (_, dtype), t in zip(variables, types, fetches, strict=True):
            if t.dtype is not dtype:
                raise not_understood(f"the loop variable is {dtype.name} and becomes {t.dtype.name}", variable.merge)
        return (outside, tuple(merged), going), frame, feeds, fetches

    def _kept(self, loop: LoopRegion, initial: Sequence[Tensor]) -> list[Dims]:
        """The shapes that the variables of a loop keep: their first ones, without what an iteration changes.

        A GraphDef does not say them, so the loop is made in a graph of its own until they stay.
        """
        dims = [t.dims for t in initial]
        while True:
            with Graph().as_default():
                types = [(d, t.dtype) for d, t in zip(dims, initial, strict=True)]
                *_, fetches = self._bodies(loop, types, _Outside(self), set())
            found = [common(d, t.dims) for d, t in zip(dims, fetches, strict=True)]
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
        t = self._builder.tensor(key)
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


def _name(variable: Variable) -> str:
    return variable.merge.name if variable.switch is None else variable.switch.name


def _in(scope: str, name: str) -> str:
    return f"{scope}/{name}" if scope else name
