"""Which values of a region that reduces are computed when, whatever device runs it.

The space has kept and folded loops.  A value that moves along no folded loop is an outer one: there is one for every
kept position.  A reduction makes an outer value of the next stage from values of its own stage; members of stage s are
computed in a walk over the folded loops that comes after all reductions of the stages before.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.backends.space import Body, Member


class Stages:
    """Which values are outer, and the stage of each.

    body    its masks are over the kept and folded loops
    folded  which loops are folded
    """

    def __init__(self, body: Body, folded: Sequence[bool]) -> None:
        self.body = body
        self.outer: list[bool] = []
        self.stage: list[int] = []
        for mask, _ in body.inputs:
            self.outer.append(not any(m and f for m, f in zip(mask, folded, strict=True)))
            self.stage.append(0)
        for member in body.members:
            stage = max([self.stage[i] for i in member.operands], default=0)
            self.outer.append(member.outer)
            self.stage.append(stage + (member.fold is not None))
        self.count = 1 + max(self.stage)

    @property
    def first_member(self) -> int:
        return len(self.body.inputs)

    def member(self, i: int) -> Member:
        return self.body.members[i - self.first_member]

    def folds(self, stage: int) -> list[int]:
        """The reductions that are made during the walk of this stage."""
        members = enumerate(self.body.members, self.first_member)
        return [i for i, m in members if m.fold is not None and self.stage[i] == stage + 1]

    def outer_members(self, stage: int) -> list[int]:
        """Outer members that are no reductions and can be computed before the walk of this stage, not earlier."""
        members = enumerate(self.body.members, self.first_member)
        return [i for i, m in members if m.fold is None and self.outer[i] and self.stage[i] == stage]

    def walked(self, stage: int) -> list[int]:
        """The members that the walk of this stage computes, in order: all it stores or folds, and what they need."""
        wanted = [self.member(i).operands[0] for i in self.folds(stage)]
        wanted += [i for i in self.body.outputs if not self.outer[i] and self.stage[i] == stage]
        found: set[int] = set()
        while wanted:
            i = wanted.pop()
            if i >= self.first_member and not self.outer[i] and i not in found:
                found.add(i)
                if not self.stored_before(i, stage):
                    wanted += self.member(i).operands
        return sorted(found)

    def stored_before(self, i: int, stage: int) -> bool:
        """Whether a value of the walk of this stage was stored by an earlier one."""
        return i in self.body.outputs and not self.outer[i] and self.stage[i] < stage

    def has_walk(self, stage: int) -> bool:
        return bool(self.walked(stage) or self.folds(stage))
