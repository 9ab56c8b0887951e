"""Switch, Merge, Enter, Exit, NextIteration, LoopCond: which branches and loops the nodes of a GraphDef mean by them.

TensorFlow 1 writes a conditional as Switches, which pass a value on to one of two sides, and Merges, which take that of
the side that ran; a loop as a frame, which values enter and leave.  Here every node gets the region in which it runs:
the graph itself, a branch or a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import TypeVar

from graphflow.control.regions import Conditional, LoopRegion, Plain, Region, Unit, Variable
from graphflow.errors import GraphError
from graphflow.graph_protos import NodeDef
from graphflow.names import full, node_of

_INPUTS = {"Switch": 2, "Merge": 2, "Enter": 1, "Exit": 1, "NextIteration": 1, "LoopCond": 1}  # how many each takes
DATAFLOW = {prefix + kind: kind for kind in _INPUTS for prefix in ("", "Ref")}  # the kind of each op


def kind_of(node: NodeDef) -> str | None:
    """Which of the six ops a node is, also for references; None for others."""
    return DATAFLOW.get(node.op)


def not_understood(why: str, *nodes: NodeDef) -> GraphError:
    """The error for nodes that mean no conditional and no loop."""
    named = ", ".join(f"{n.name} ({n.op})" for n in nodes)
    return GraphError(f"the control flow of the GraphDef is not understood: {why}: {named}")


Need = TypeVar("Need", bound=Hashable)


def in_order(
    roots: Iterable[Need], needs: Callable[[Need], Iterable[Need]], circle: Callable[[Need], Exception]
) -> list[Need]:
    """The roots and all that they need, each behind what it needs.   circle: the error for one that needs itself."""
    ready: dict[Need, None] = {}
    opened: set[Need] = set()
    for root in roots:
        stack = [root]
        while stack:
            found = stack[-1]
            waits = [] if found in ready else [need for need in needs(found) if need not in ready]
            if around := opened.intersection(waits):
                raise circle(around.pop())
            if waits:
                opened.add(found)
                stack += waits[::-1]
            else:
                opened.discard(found)
                ready[stack.pop()] = None
    return list(ready)


def needs_of(nodes: Sequence[NodeDef], replaced: Collection[str]) -> dict[str, list[str]]:
    """The nodes that each node needs, without those that it waits for from the last iteration of a loop.

    replaced  tensors that nobody need compute
    """
    named = {node.name: node for node in nodes}
    frames: dict[bytes, list[str]] = {}
    for node in nodes:
        if kind_of(node) == "Enter":
            frames.setdefault(node.attr["frame_name"].s, []).extend(node.input)
    needs = {}
    for node in nodes:
        inputs = [key for key in node.input if key.startswith("^") or full(key) not in replaced]
        if kind_of(node) == "Merge":
            inputs = [k for k in inputs if (n := named.get(node_of(k))) is None or kind_of(n) != "NextIteration"]
        elif kind_of(node) == "Enter":
            inputs += frames[node.attr["frame_name"].s]
        needs[node.name] = [node_of(key) for key in inputs]
    return needs


class Structure:
    """The regions of nodes.

    nodes      in an order in which each comes after what needs_of says
    replaced   tensors that are given from outside
    unit       for each node that gives values in its region: what makes them
    also       for branches and loops: further tensors in them that have to be made
    """

    def __init__(self, nodes: Sequence[NodeDef], replaced: Collection[str]) -> None:
        self.top = Region()
        self.nodes = {node.name: node for node in nodes}
        self.unit: dict[str, Unit] = {}
        self.also: dict[Unit, list[str]] = {}
        self._replaced = replaced
        self._home: dict[str, Region] = {}
        self._loops: dict[bytes, LoopRegion] = {}
        self._sides: dict[str, tuple[Region, ...]] = {}  # of the Switches of conditionals
        self._needs: dict[Unit, list[Unit]] = {}
        self._groups: dict[tuple[Region, str, str], list[Conditional]] = {}
        for node in nodes:
            kind = kind_of(node)
            if kind is None:
                self._home[node.name] = self._deepest(node, node.input)
                self.unit[node.name] = Plain(node)
            else:
                if sum(not key.startswith("^") for key in node.input) != _INPUTS[kind]:
                    raise not_understood(f"it has not {_INPUTS[kind]} inputs", node)
                getattr(self, f"_see_{kind.lower()}")(node)
        for loop in self._loops.values():
            if loop.test is None or not loop.variables:
                raise not_understood(f"the loop {loop.frame_name!r} has no LoopCond or no variables", *self._in(loop))

    # -- what is where -----------------------------------------------------------------------------------------------
    def home(self, name: str) -> Region:
        """Where a node runs."""
        return self._home[name]

    def place(self, key: str) -> Region:
        """Where a tensor can be used."""
        if key in self._replaced:
            return self.top
        name, _, index = key.rpartition(":")
        sides = self._sides.get(name)
        return self._home[name] if sides is None else sides[index == "1"]

    def leads_to_branch(self, name: str) -> bool:
        """Whether a node is a Switch of a conditional."""
        return name in self._sides

    def is_pivot(self, name: str) -> bool:
        """Whether a node only says that a branch or an iteration has begun."""
        node = self.nodes[name]
        if kind_of(node) is not None:
            return name not in self.unit
        return (
            node.op == "Identity" and len(node.input) == 1 and kind_of(self.nodes[node_of(node.input[0])]) == "Switch"
        )

    def outer_needs(self, region: Region, inputs: Iterable[str]) -> list[Unit]:
        """The units of a region that these inputs, there or further inside, lead to."""
        found: dict[Unit, None] = {}
        stack, seen = list(inputs)[::-1], set()
        while stack:
            key = stack.pop()
            name = node_of(key)
            if key in seen or key.startswith("^") and self.is_pivot(name) and self._home[name] is region:
                continue
            seen.add(key)
            place = self._home[name] if key.startswith("^") else self.place(full(key))
            if full(key) in self._replaced and not key.startswith("^"):
                continue
            if place is region and name in self.unit:
                found[self.unit[name]] = None
            elif place is not region and region in place.chain() or place is region and self.leads_to_branch(name):
                unit = self.unit.get(name)
                stack += list(self.nodes[name].input if unit is None else self._inputs(unit))[::-1]
        return list(found)

    def needs(self, unit: Unit) -> list[Unit]:
        """The units of the same region that one needs."""
        if unit not in self._needs:
            self._needs[unit] = self.outer_needs(self._region(unit), self._inputs(unit))
        return self._needs[unit]

    def _region(self, unit: Unit) -> Region:
        """Where a unit is made."""
        if isinstance(unit, Plain):
            return self._home[unit.node.name]
        region = unit.region if isinstance(unit, Conditional) else unit.parent
        assert region is not None
        return region

    def _inputs(self, unit: Unit) -> list[str]:
        """What making a unit begins with."""
        if isinstance(unit, Plain):
            return list(unit.node.input)
        also = self.also.get(unit, [])
        if isinstance(unit, Conditional):
            return [unit.pred, *[key for merge in unit.merges for key in merge.input], *also, *self.waits(unit)]
        assert unit.test is not None
        inputs = [key for v in unit.variables.values() for key in (*v.enter.input, *v.following.input)]
        return [*inputs, *unit.test.input, *also]

    def waits(self, unit: Conditional) -> list[str]:
        """What the Switches of a conditional, and what they ask, wait for."""
        found: dict[str, None] = {}
        stack, seen = [node_of(key) for merge in unit.merges for key in merge.input], set()
        while stack:
            name = stack.pop()
            home = self._home[name]
            if name in seen or home is not unit.region and unit.region not in home.chain():
                continue
            seen.add(name)
            node = self.nodes[name]
            if home is not unit.region:
                stack += map(node_of, node.input)
            elif name in self._sides:
                asked = [node, *self._asked(node)[1]]
                found.update((key, None) for each in asked for key in each.input if key.startswith("^"))
        return list(found)

    def ordered(self, roots: Iterable[Unit]) -> list[Unit]:
        """These units of one region and those that they need, each behind those that it needs."""
        return in_order(roots, self.needs, lambda u: not_understood("it leads back to itself", *self._parts(u)))

    def is_at_top(self, key: str) -> bool:
        """Whether a node, or a tensor with its colon, is there in the graph itself."""
        name = node_of(key)
        made = name in self.unit and self._home[name] is self.top
        return made or ":" in key and key in self._replaced

    def at_top(self) -> list[Unit]:
        """What is made in the graph itself, in an order in which it can be."""
        here = dict.fromkeys(unit for name, unit in self.unit.items() if self._home[name] is self.top)
        return self.ordered(here) if self._loops or self._groups else list(here)

    # -- one node after the other ------------------------------------------------------------------------------------
    def _deepest(self, node: NodeDef, inputs: Iterable[str]) -> Region:
        """Where a node runs that takes these: the region inside which none of them is, and none beside."""
        found = self.top
        for key in inputs:
            place = self._home[node_of(key)] if key.startswith("^") else self.place(full(key))
            if found in place.chain():
                found = place
            elif place not in found.chain():
                raise not_understood("it takes values of two branches or loops", node)
        return found

    def _see_switch(self, node: NodeDef) -> None:
        home = self._home[node.name] = self._deepest(node, node.input)
        source = self.nodes[node_of(node.input[1])]
        if kind_of(source) != "LoopCond":
            pred, _ = self._asked(node)
            around = {region.side: home for region in home.chain() if region.pred == pred}  # decided already
            self._sides[node.name] = tuple(around.get(side) or home.branch(pred, side) for side in (False, True))
            return
        variable = home.variables.get(node_of(node.input[0])) if isinstance(home, LoopRegion) else None
        if variable is None or variable.switch is not None:
            raise not_understood("a LoopCond decides about what is no loop variable", node)
        variable.switch = node

    def _see_merge(self, node: NodeDef) -> None:
        data = [key for key in node.input if not key.startswith("^")]
        back = [self.nodes[node_of(k)] for k in data if kind_of(self.nodes[node_of(k)]) == "NextIteration"]
        if back:
            enter = self.nodes[node_of(data[0])]
            if len(back) != 1 or kind_of(enter) != "Enter":
                raise not_understood("a loop variable is a Merge of an Enter and a NextIteration", node)
            loop = self._loops[enter.attr["frame_name"].s]
            self._home[node.name] = loop
            loop.variables[node.name] = Variable(enter, node, back[0])
            return
        sides = [self.place(full(key)) for key in data]
        if not all(s.pred for s in sides) or not (
            sides[0].parent is sides[1].parent and sides[0].pred == sides[1].pred and sides[0].side != sides[1].side
        ):  # fmt: skip
            raise not_understood("its two inputs do not come from the two sides of one predicate", node)
        region, pred = sides[0].parent, sides[0].pred
        assert region is not None
        self._home[node.name] = region
        self.unit[node.name] = self._group(node, region, pred)

    def _group(self, node: NodeDef, region: Region, pred: str) -> Conditional:
        """The conditional of a Merge: that of another one of the same tf.cond, unless the one needs the other."""
        groups = self._groups.setdefault((region, pred, node.name.rpartition("/")[0]), [])
        if groups:
            last = groups[-1]
            before = self._behind(node)
            if before.isdisjoint(merge.name for merge in last.merges):
                last.merges.append(node)
                return last
        groups.append(Conditional(region, pred, [node]))
        return groups[-1]

    def conditional(self, branch: Region) -> Conditional | None:
        """The first conditional that a branch belongs to."""
        for (region, pred, _), groups in self._groups.items():
            if region is branch.parent and pred == branch.pred:
                return groups[0]
        return None

    def _behind(self, node: NodeDef) -> set[str]:
        """All nodes that one needs, in the same iteration."""
        seen: set[str] = set()
        stack = [node]
        while stack:
            names = {node_of(key) for key in stack.pop().input} - seen
            seen |= names
            stack += [found for name in names if kind_of(found := self.nodes[name]) != "NextIteration"]
        return seen

    def _see_enter(self, node: NodeDef) -> None:
        name = node.attr["frame_name"].s
        if name not in self._loops:
            inputs = [k for n in self.nodes.values() if kind_of(n) == "Enter" and n.attr["frame_name"].s == name
                      for k in n.input]  # fmt: skip
            self._loops[name] = LoopRegion(self._deepest(node, inputs), frame_name=name.decode())
        self._home[node.name] = self._loops[name]

    def _see_loopcond(self, node: NodeDef) -> None:
        home = self._home[node.name] = self._deepest(node, node.input)
        if not isinstance(home, LoopRegion) or home.test is not None:
            raise not_understood("a LoopCond stands once in a loop, and in no branch", node)
        home.test = node

    def _see_nextiteration(self, node: NodeDef) -> None:
        self._home[node.name] = self._deepest(node, node.input)

    def _see_exit(self, node: NodeDef) -> None:
        key = full(node.input[0])
        while (between := self.nodes[node_of(key)]).op == "Identity":  # where gradients of a Switch wait for each other
            key = full(between.input[0])
        source, _, index = key.rpartition(":")
        found = self._loop_variable(source)
        if found is None or index != "0" or found[0].parent is None:
            raise not_understood("what leaves a loop is no loop variable", node)
        loop, variable = found
        loop.exits.append((node, variable))
        assert loop.parent is not None
        self._home[node.name] = loop.parent
        self.unit[node.name] = loop

    # -- parts -------------------------------------------------------------------------------------------------------
    def _loop_variable(self, switch: str) -> tuple[LoopRegion, Variable] | None:
        """The loop variable that a Switch is about."""
        loop = self._home.get(switch)
        if not isinstance(loop, LoopRegion):
            return None
        node = self.nodes[switch]
        variable = loop.variables.get(node_of(node.input[0])) if kind_of(node) == "Switch" else None
        return (loop, variable) if variable is not None and variable.switch is node else None

    def _asked(self, switch: NodeDef) -> tuple[str, list[NodeDef]]:
        """(the tensor that a Switch asks, the nodes between that only pass it on)."""
        key, between = full(switch.input[1]), []
        while key not in self._replaced and self._passes_on(node := self.nodes[node_of(key)]):
            between.append(node)
            key = full(node.input[0])
        return key, between

    def _passes_on(self, node: NodeDef) -> bool:
        return bool(node.input) and (node.op == "Identity" or kind_of(node) == "Enter" and node.attr["is_constant"].b)

    def _in(self, loop: Region) -> list[NodeDef]:
        return [self.nodes[name] for name, home in self._home.items() if home is loop]

    def _parts(self, unit: Unit) -> list[NodeDef]:
        if isinstance(unit, Plain):
            return [unit.node]
        return unit.merges if isinstance(unit, Conditional) else self._in(unit)
