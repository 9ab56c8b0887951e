"""Where the nodes of a GraphDef run: the graph itself, branches and loops, and what is made at once there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphflow.graph_protos import NodeDef


@dataclass(eq=False)
class Region:
    """Where nodes run: the graph itself, which has no parent; a branch; or a loop.

    pred, side  of a branch: the tensor that is asked, and for which answer it runs
    """

    parent: Region | None = None
    pred: str = ""
    side: bool = False
    branches: dict[tuple[str, bool], Region] = field(default_factory=dict)

    def chain(self) -> Iterator[Region]:
        """It and all that are around it."""
        region: Region | None = self
        while region is not None:
            yield region
            region = region.parent

    def branch(self, pred: str, side: bool) -> Region:
        return self.branches.setdefault((pred, side), Region(self, pred, side))


@dataclass(eq=False)
class Variable:
    """A loop variable: where it enters, where it comes together with its next value, and what gives this.

    switch  lets it on into the body or out; None where neither takes it
    """

    enter: NodeDef
    merge: NodeDef
    following: NodeDef
    switch: NodeDef | None = None


@dataclass(eq=False)
class LoopRegion(Region):
    """A loop, by its frame."""

    frame_name: str = ""
    variables: dict[str, Variable] = field(default_factory=dict)  # by the name of the Merge
    test: NodeDef | None = None
    exits: list[tuple[NodeDef, Variable]] = field(default_factory=list)


@dataclass(eq=False)
class Plain:
    """A node of any other op."""

    node: NodeDef


@dataclass(eq=False)
class Conditional:
    """Merges of what one predicate decides."""

    region: Region
    pred: str
    merges: list[NodeDef]


Unit = Plain | Conditional | LoopRegion  # what is made at once
