"""Stacks of TensorFlow's GraphDefs: where its gradients keep what the iterations of a loop have computed.

A stack is a resource; here it is a list and how many of its items count, which go through the branches and loops that
push and pop as further variables and results.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.control.dataflow import Structure, kind_of, not_understood
from graphflow.control.regions import LoopRegion, Region, Unit
from graphflow.graph_protos import NodeDef
from graphflow.names import full, node_of

_OPS = {f"Stack{kind}{version}": kind or "Make" for kind in ("", "Push", "Pop", "Close") for version in ("", "V2")}
STACK_OPS = frozenset(_OPS)


def stack_kind(node: NodeDef) -> str | None:
    """Make, Push, Pop or Close; None for other nodes."""
    return _OPS.get(node.op)


def without_triggers(nodes: Sequence[NodeDef]) -> list[NodeDef]:
    """The nodes, in which a ControlTrigger waits for nothing: it keeps what iterations overlap apart, and none do."""
    return [NodeDef(name=n.name, op="NoOp", device=n.device) if n.op == "ControlTrigger" else n for n in nodes]


class Stacks:
    """Which stacks the branches and loops of a GraphDef push to and pop from.

    units   for each region the units that push, inside them or themselves
    passed  for each loop its stacks, and whether it pushes to them
    """

    def __init__(self, structure: Structure) -> None:
        self._structure = structure
        self.units: dict[Region, dict[Unit, None]] = {}
        self.passed: dict[LoopRegion, dict[str, bool]] = {}
        for node in structure.nodes.values():
            if stack_kind(node) in ("Push", "Pop"):
                self._follow(node)

    def of(self, node: NodeDef) -> str:
        """The stack that a node works on, by the name of the node that makes it."""
        found = node
        while found.input and stack_kind(found) != "Make":
            found = self._structure.nodes[node_of(found.input[0])]
            if stack_kind(found) is None and found.op != "Identity" and kind_of(found) not in ("Enter", "Switch"):
                break
        if stack_kind(found) != "Make":
            raise not_understood("it works on no stack", node)
        return found.name

    def _follow(self, node: NodeDef) -> None:
        """Note one use of a stack in all regions up to the one where it is made.

        What pops gives a value that somebody needs; what pushes has to be made with the branch or loop it stands in.
        """
        structure, name, pushes = self._structure, self.of(node), stack_kind(node) == "Push"
        unit, region = structure.unit[node.name], structure.home(node.name)
        while True:
            if pushes:
                self.units.setdefault(region, {})[unit] = None
            if region is structure.home(name):
                return
            if region.parent is None:
                raise not_understood("it works on a stack of another branch or loop", node)
            owner = region if isinstance(region, LoopRegion) else structure.conditional(region)
            if isinstance(owner, LoopRegion):
                passed = self.passed.setdefault(owner, {})
                passed[name] = passed.get(name, False) or pushes
            if owner is None and pushes:
                raise not_understood("it stands in a branch without results", node)
            if owner is not None:
                unit = owner
                if pushes:
                    structure.also.setdefault(owner, []).append(full(node.name))
            region = region.parent
