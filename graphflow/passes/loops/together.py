"""A loop of elementwise operations over one space is one kernel: at every point a loop, its variables in registers.

What steers it are scalars that do not depend on the point, so that all points have the same rounds.  The scalars that
are wanted outside have a kernel of their own, in which there is one point.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import ADD, SUB
from graphflow.ops.compare import LESS, LOGICAL_AND, LOGICAL_OR
from graphflow.ops.define import CONST
from graphflow.ops.fused import Rounds, fuse, leading_to, narrowed
from graphflow.ops.lowering import Elementwise
from graphflow.ops.static import static_value
from graphflow.passes.expand import Maker
from graphflow.passes.groups import LIMIT, has_kernels
from graphflow.passes.loops.form import Loop, Rebuilt
from graphflow.passes.loops.unroll import Short
from graphflow.shape import known, sizes


def run_together(op: Operation, short: Short, wanted: Container[Tensor]) -> Rebuilt | None:
    """Kernels instead of the loop; None where something in it is not elementwise, or has effects.

    wanted   those of its outputs that somebody takes
    """
    loop = Loop(op)
    if op.definition.refs or not _allowed(loop, short):
        return None
    work = [each for each in (*loop.ops, *(loop.test.ops if loop.test else ())) if each.definition is not CONST]
    space = _space(loop, work)
    if space is None or len(work) > LIMIT or not all(map(_is_elementwise, work)):
        return None
    return _Together(loop).rebuilt(space, wanted)


def _allowed(loop: Loop, short: Short) -> bool:
    most = short.together
    return most is None or (loop.rounds is not None and loop.rounds <= most)


def _is_elementwise(op: Operation) -> bool:
    record = op.definition
    if record.stateful or record.draws or record.calls or not has_kernels(op):
        return False
    kind = record.lower(op)
    return isinstance(kind, Elementwise) and kind.operands is None


def _space(loop: Loop, work: Sequence[Operation]) -> tuple[int, ...] | None:
    """The one shape of what is no single number; None where there are several, or where it changes."""
    for v in loop.variables:
        if not v.initial.dims == v.feed.dims == v.following.dims:
            return None
    own = [*[v.feed for v in loop.variables], *[t for t, _ in loop.stacked]]
    shapes = {narrowed(sizes(t.dims)) for t in own} - {()}
    if len(shapes) > 1 or not all(known(t.dims) and t.dims[0] == loop.rounds for _, t in loop.stacked if t.dims):
        return None
    found = next(iter(shapes), ())
    for t in [t for op in work for t in (*op.inputs, *op.outputs)]:
        dims = narrowed(sizes(t.dims))
        if len(dims) > len(found) or any(d not in (1, n) for d, n in zip(dims[::-1], found[::-1], strict=False)):
            return None
    if any(known(t.dims) and sizes(t.dims)[:1] != (loop.rounds,) for t in loop.items.values()):
        return None
    return found


class _Together:
    """The body and the test of a loop as members of regions, over the feeds of the body.

    given    what the inputs of the members stand for outside
    make     makes constants outside, `inner` makes members
    """

    def __init__(self, loop: Loop) -> None:
        self.loop, self.make, self.inner = loop, Maker(loop.op), Maker(loop.op)
        skip = len(loop.op.definition.writes) + len(loop.variables)
        self.number = loop.op.outputs[skip]  # of rounds
        self.state = {v.feed: v.following for v in loop.variables}
        self.given = {v.feed: v.initial for v in loop.variables} | loop.items | loop.captured
        self.members: list[Operation] = []
        tested = self._renamed_test()
        self.done = loop.feed((), self.number)
        self.given[self.done] = self.make.constant(np.int32(0))
        one = self._constant(np.int32(1))
        self.state[self.done] = self.inner(ADD, self.done, one)
        self.test = self._test(tested)
        self.index = self.done
        if loop.op.attrs["reverse"]:
            self.index = self.inner(SUB, self.inner(SUB, self._limit(), one), self.done)
        self.members += self.inner.made
        self._add(loop.ops)

    def _constant(self, value: np.generic) -> Tensor:
        t = self.make.constant(value)
        self.given[t] = t
        return t

    def _add(self, ops: Iterable[Operation]) -> None:
        """Operations as members; constants are made outside."""
        for op in ops:
            if op.definition is CONST:
                self.given[op.output] = self.make.constant(op.attrs["value"])
            else:
                self.members.append(op)

    def _limit(self) -> Tensor:
        if self.loop.rounds is not None:
            return self._constant(np.int32(self.loop.rounds))
        self.given[self.loop.limit] = self.loop.limit
        return self.loop.limit

    def _renamed_test(self) -> Tensor | None:
        """What the test gives, of the body's feeds; None where the number of rounds is known."""
        loop = self.loop
        if loop.test is None or loop.rounds is not None:
            return None
        new = {v.tested: v.feed for v in loop.variables if v.tested is not None}
        self.given.update(loop.test_captured)
        for op in loop.test.ops:
            if op.definition is not CONST and not new.keys().isdisjoint(op.inputs):
                made = op.rebuild(tuple([new.get(t, t) for t in op.inputs]), [(t.dims, t.dtype) for t in op.outputs])
                new.update(zip(op.outputs, made.outputs, strict=True))
                op = made
            self._add([op])
        going = loop.test.fetches[0]
        return new.get(going, going)

    def _test(self, tested: Tensor | None) -> Tensor:
        """Whether there is another round: the test says so, and there are not too many of them."""
        inner, most = self.inner, static_value(self.loop.limit)
        if tested is not None and most is not None and most < 0:
            return tested
        limit = self._limit()
        below = inner(LESS, self.done, limit)
        if most is None and self.loop.rounds is None:
            below = inner(LOGICAL_OR, inner(LESS, limit, self._constant(np.int32(0))), below)
        return below if tested is None else inner(LOGICAL_AND, tested, below)

    # -- regions -------------------------------------------------------------------------------------------------
    def rebuilt(self, space: tuple[int, ...], wanted: Container[Tensor]) -> Rebuilt:
        """A region for what has this shape, and one for single numbers."""
        finals = {v.result: v.feed for v in self.loop.variables} | {self.number: self.done}
        stacked = {out: inner for inner, out in self.loop.stacked}
        shape = {out: narrowed(sizes(t.dims)) for out, t in [*finals.items(), *stacked.items()]}
        outputs: dict[Tensor, Tensor] = {}
        made: list[Operation] = []
        for dims in dict.fromkeys([(), space]):
            mine = [out for out in (*finals, *stacked) if shape[out] == dims and out in wanted]
            if mine:
                region = self._region(
                    dims, {t: finals[t] for t in mine if t in finals}, {t: stacked[t] for t in mine if t in stacked}
                )
                made.append(region)
                outputs.update(zip(mine, region.outputs, strict=True))
        made = [*self.make.made, *made]
        return Rebuilt(made[:-1], made[-1], [], outputs)

    def _region(self, dims: tuple[int, ...], finals: dict[Tensor, Tensor], stacked: dict[Tensor, Tensor]) -> Operation:
        wanted = {self.test, *finals.values(), *stacked.values()}
        wanted |= {self.index} if stacked else set()
        before = 0
        while len(wanted) > before:  # what a variable becomes may depend on more of them
            before = len(wanted)
            wanted.update(t for op in leading_to(self.members, wanted) for t in op.inputs)
            wanted.update(self.state[t] for t in self.state if t in wanted)
            wanted |= set() if wanted.isdisjoint(self.loop.items) else {self.index}
        items = frozenset(t for t in self.loop.items if t in wanted)
        rounds = Rounds(
            {t: following for t, following in self.state.items() if t in wanted}, self.test,
            self.index if stacked or items else None, items, finals, stacked, self.loop.rounds,
        )  # fmt: skip
        first = leading_to(self.members, {self.test, rounds.index})
        rest = [op for op in leading_to(self.members, wanted) if op not in first]
        made = fuse((*first, *rest), (*finals, *stacked), dims, rounds=rounds, like=self.loop.op)
        return made.rebuild(tuple([self.given[t] for t in made.inputs]), [(t.dims, t.dtype) for t in made.outputs])
