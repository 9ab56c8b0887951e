"""Kernels of regions that reduce, in stages: what needs a sum waits for it, in one kernel.

The space has kept and folded loops.  A value that moves along no folded loop is an outer one: there is one for every
kept position.  A reduction makes an outer value of the next stage from values of its own stage; members of stage s are
computed in a walk over the folded loops that comes after all reductions of the stages before.  Values of an earlier
stage are loaded when they were stored, and else computed again.
"""

from __future__ import annotations

from typing import Any

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.expression import evaluate
from graphflow.backends.cpu.regions import Bounds, Emission, all_of
from graphflow.backends.cpu.values import Cell, Value, highest, lowest
from graphflow.backends.space import Body
from graphflow.backends.stages import Stages


class Fold:
    """One reduction while it is emitted.   dtype: that in which it adds up."""

    def __init__(self, code: Code, stages: Stages, i: int) -> None:
        member = stages.member(i)
        assert member.fold is not None
        self.code, self.lowering, self.out = code, member.fold, member.dtype
        self.operand = member.operands[0]
        self.dtype = member.fold.accumulator or stages.body.dtypes[self.operand]

    def start(self, lanes: int = 0) -> Value:
        """The result of folding nothing."""
        init, dtype = self.lowering.init, self.dtype
        numbers = {"False": 0, "True": 1, "lowest": lowest(dtype), "highest": highest(dtype)}
        return self.code.number(numbers[init] if init in numbers else float(init), dtype, lanes)

    def step(self, acc: Value, x: Value, inside: Value | None = None) -> Value:
        """With one more element; only in the lanes inside."""
        x = x.splat(acc.lanes).cast(self.dtype)
        made = evaluate(self.code, self.lowering.step, {"acc": acc, "x": x}, self.dtype)
        return made if inside is None else self.code.select(inside, made, acc)

    def merge(self, a: Value, b: Value) -> Value:
        """One result from two partial ones."""
        return evaluate(self.code, self.lowering.merge or self.lowering.step, {"acc": a, "x": b}, self.dtype)

    def finish(self, acc: Value, n: Value) -> Value:
        """The result from what n elements have left."""
        names = {"acc": acc, "n": n.cast(self.dtype)}
        return evaluate(self.code, self.lowering.finish, names, self.dtype).cast(self.out)


def walk_point(e: Emission, stages: Stages, stage: int, at: list[Value], inside: Value | None, values: dict) -> None:
    """Compute and store the members of this stage at one vector of points."""
    where = e.index((True,) * len(at), at)
    for i in stages.walked(stage):
        if stages.stored_before(i, stage):
            values[i] = e.outputs[e.body.outputs.index(i)].load(where, e.code.lanes, inside)
        else:
            values[i] = e.compute(i, values, at)
            if stages.stage[i] == stage:
                e.store(i, values[i], where, inside)


def rows(code: Code, *args: Any, body: Body, kept: int, folded: int, whole: bool = False) -> None:
    """Folded loops inside kept ones: (*pointers, *sizes, tid, nthreads).   Threads share the outermost kept loop."""
    e = Emission(code, body, args, kept + folded, whole)
    stages = Stages(body, [False] * kept + [True] * folded)
    tid, nthreads = e.rest

    def row(at: list[Value], values: dict[int, Value]) -> None:
        where = e.index((True,) * kept, at)
        for stage in range(stages.count):
            for i in stages.outer_members(stage):
                values[i] = e.compute(i, values, at)
            folds = {i: Fold(code, stages, i) for i in stages.folds(stage)}
            cells = {i: code.cell(fold.start(code.lanes)) for i, fold in folds.items()}

            def point(
                inner: list[Value], inside: Value | None, here: dict[int, Value], stage: int = stage,
                folds: dict[int, Fold] = folds, cells: dict[int, Cell] = cells,
            ) -> None:  # fmt: skip
                walk_point(e, stages, stage, inner, inside, here)
                for i, fold in folds.items():
                    cells[i].set(fold.step(cells[i].get(), here[fold.operand], inside))

            if stages.has_walk(stage):
                bounds: list[Bounds] = [all_of(size) for size in e.sizes]
                e.inner_loops(bounds, point, at, values)
            n = code.value(1)
            for size in e.sizes[kept:]:
                n = n * size
            for i, fold in folds.items():
                values[i] = fold.finish(code.fold_lanes(cells[i].get(), fold.merge), n)
        for place, i in zip(e.outputs, body.outputs, strict=True):
            if stages.outer[i]:
                place.store(where, values[i])

    bounds: list[Bounds] = [lambda at: code.share(e.sizes[0], tid, nthreads)]
    bounds += [all_of(size) for size in e.sizes[1:kept]]
    e.outer_loops(bounds, row)


def scattered(code: Code, *args: Any, body: Body, folded: tuple[bool, ...]) -> None:
    """One reduction over any loops, a number at a time: (*pointers, *sizes, tid, nthreads)."""
    depth = len(folded)
    e = Emission(code, body, args, depth)
    tid, nthreads = e.rest
    fold = Fold(code, Stages(body, folded), 1)
    order = [d for d in range(depth) if not folded[d]] + [d for d in range(depth) if folded[d]]
    kept = depth - sum(folded)
    at: dict[int, Value] = {}
    n = code.value(1)
    for d in order[kept:]:
        n = n * e.sizes[d]

    def inner(place: int, cell: Cell) -> None:
        if place == depth:
            x = e.inputs[0].load(e.index(body.inputs[0][0], [at[d] for d in range(depth)]))
            cell.set(fold.step(cell.get(), x))
            return
        with code.loop(0, e.sizes[order[place]]) as i:
            at[order[place]] = i
            inner(place + 1, cell)

    def outer(place: int) -> None:
        if place == kept:
            cell = code.cell(fold.start())
            inner(kept, cell)
            where = e.index(tuple([not f for f in folded]), [at.get(d, n) for d in range(depth)])
            e.outputs[0].store(where, fold.finish(cell.get(), n))
            return
        d = order[place]
        bounds = code.share(e.sizes[d], tid, nthreads) if place == 0 else (0, e.sizes[d])
        with code.loop(*bounds) as i:
            at[d] = i
            outer(place + 1)

    outer(0)
