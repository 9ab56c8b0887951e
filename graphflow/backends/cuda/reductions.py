"""The text of kernels for regions that reduce.

A block has `across` threads along the kept positions and `along` threads along the folded ones.  Those along fold their
own elements first, and then each other's results as a tree in shared memory: in one fixed order, so that every run
gives the same bits.  Where there are few kept positions the folded ones are cut into chunks: a walk over them leaves
partial results, and another kernel merges these.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphflow.backends.cuda.expression import Text, evaluate, number
from graphflow.backends.cuda.lanes import Group
from graphflow.backends.cuda.regions import Point, Source
from graphflow.backends.space import Body
from graphflow.backends.stages import Stages


@dataclass(frozen=True)
class Form:
    """How the threads of a block lie, and which loops are folded.

    streams  neighbouring threads take neighbouring folded positions, else kept ones
    lanes    how many neighbours along the last loop, which is folded, a thread takes together
    """

    folded: tuple[bool, ...]
    across: int
    along: int
    streams: bool
    lanes: int = 1

    @property
    def threads(self) -> int:
        """Of a block."""
        return self.across * self.along

    @property
    def step(self) -> str:
        """From a thread to the next one along."""
        return "1" if self.streams else str(self.across)


class Fold:
    """One reduction of a body.   dtype: that in which it adds up."""

    def __init__(self, stages: Stages, i: int) -> None:
        member = stages.member(i)
        assert member.fold is not None
        self.i, self.lowering, self.out, self.operand = i, member.fold, member.dtype, member.operands[0]
        self.dtype = member.fold.accumulator or stages.body.dtypes[self.operand]
        self.given = stages.body.dtypes[self.operand]

    @property
    def start(self) -> str:
        return number(self.lowering.init, self.dtype)

    def together(self, source: Source, values: list[str]) -> None:
        """Lines that fold neighbours.

        They add up in their own dtype: conversions to float64 are slow, and four numbers lose next to nothing.
        """
        acc, dtype = f"t{self.i}", self.dtype
        if len(values) > 1 and self.dtype != self.given:
            acc, dtype = f"u{self.i}_", self.given
            source.add(f"{acc} = {number(self.lowering.init, dtype)}")
        for x in values:
            names = {"acc": Text(acc, dtype), "x": Text(x, self.given).cast(dtype)}
            source.add(f"{acc} = {evaluate(self.lowering.step, names, dtype)}")
        if dtype != self.dtype:
            source.add(f"t{self.i} = {self.merge(f't{self.i}', f'{self.dtype}({acc})')}")

    def merge(self, a: str, b: str) -> str:
        names = {"acc": Text(a, self.dtype), "x": Text(b, self.dtype)}
        return evaluate(self.lowering.merge or self.lowering.step, names, self.dtype)

    def finish(self, acc: str, n: str) -> str:
        names = {"acc": Text(acc, self.dtype), "n": Text(n, "int64").cast(self.dtype)}
        return Text(evaluate(self.lowering.finish, names, self.dtype), self.dtype).cast(self.out).code


class _Writer:
    """What the kernels of one body have in common."""

    def __init__(self, body: Body, form: Form, bits: str, more: list[str]) -> None:
        self.body, self.form = body, form
        self.stages = Stages(body, form.folded)
        self.point = Point(body, bits)
        self.functions = ""
        depth = range(len(form.folded))
        self.kept = [d for d in depth if not form.folded[d]]
        self.folded = [d for d in depth if form.folded[d]]
        self.source = Source([*self.point.pointers(), *more, *[f"n{d}" for d in depth]])
        self.needs_all = form.folded not in (tuple(sorted(form.folded)), tuple(sorted(form.folded, reverse=True)))
        self.source.add(f"kept = {self._product(self.kept)}", f"folded = {self._product(self.folded)}")
        across, along = form.across, form.along
        if form.streams:
            places = f"x = cuda.threadIdx.x // {along}", f"y = cuda.threadIdx.x % {along}"
        else:
            places = f"x = cuda.threadIdx.x % {across}", f"y = cuda.threadIdx.x // {across}"
        self.source.add(*places)

    @staticmethod
    def _product(loops: list[int]) -> str:
        return " * ".join(f"n{d}" for d in loops) or "1"

    def shared(self, folds: list[Fold], number: int) -> None:
        """Shared memory for the folds of a stage."""
        if self.form.along > 1:
            size = self.form.across * self.form.along
            for j, fold in enumerate(folds):
                self.source.add(f"s{number}_{j} = cuda.shared.array({size}, {_element(fold.dtype)})")

    def over_kept(self) -> None:
        """The loop over groups of kept positions; threads past the end repeat the last one and store nothing."""
        form, source = self.form, self.source
        source.open(f"for base in range(cuda.blockIdx.x * {form.across}, kept, cuda.gridDim.x * {form.across}):")
        source.add("k = min(base + x, kept - 1)", "live = base + x < kept")
        wanted = self.point.partial(self.kept)
        if self.needs_all:
            wanted |= set(self.kept)
        self.point.coordinates(source, "k", self.kept, wanted)

    def over_folded(self, first: str, last: str) -> None:
        source = self.source
        lanes = self.form.lanes
        start = f"{first} + y" if lanes == 1 else f"{first} + y * {lanes}"
        source.open(f"for f in range({start}, {last}, {self.form.along * lanes}):")
        wanted = self.point.partial(self.folded)
        if self.needs_all:
            wanted |= set(self.folded)
        self.point.coordinates(source, "f", self.folded, wanted)
        if self.needs_all:
            source.add(f"whole = {self._index_of_all()}")
        elif self.form.folded == tuple(sorted(self.form.folded)):
            source.add("whole = k * folded + f")
        else:
            source.add("whole = f * kept + k")

    def _index_of_all(self) -> str:
        index = ""
        for d in range(len(self.form.folded)):
            index = f"c{d}" if not index else f"({index}) * n{d} + c{d}"
        return index

    def outer_inputs(self) -> None:
        for k in range(self.stages.first_member):
            if self.stages.outer[k]:
                self.point.load(self.source, k, "k")

    def walk(self, stage: int, folds: list[Fold], first: str, last: str) -> None:
        """Members of this stage at every folded position, and what the folds make of them."""
        source, stages, point = self.source, self.stages, self.point
        for fold in folds:
            source.add(f"t{fold.i} = {fold.start}")
        if not stages.has_walk(stage):
            return
        self.over_folded(first, last)
        walked, lanes = stages.walked(stage), self.form.lanes
        new = [i for i in walked if not stages.stored_before(i, stage)]
        live = [i for i in new if stages.stage[i] == stage and i in self.body.outputs]
        folded = [fold.operand for fold in folds]
        group = Group(point, f"point{stage}", new, [*live, *folded], lanes)
        self.functions += group.define()
        given = {}
        for k in range(stages.first_member):
            if (k in group.taken or k in folded) and not stages.outer[k]:
                given[k] = group.load(source, k, "whole", lanes)
        for i in walked:
            if i not in new:
                array = f"o{self.body.outputs.index(i)}"
                given[i] = group.taken_from(source, i, array, "whole", lanes)
        given = group.compute(source, given, "whole", lanes)
        if live:
            source.open("if live:")
            group.store(source, given, live, "whole")
            source.close()
        for fold in folds:
            fold.together(source, given.get(fold.operand, [f"v{fold.operand}"] * lanes))
        source.close()

    def tree(self, folds: list[Fold], number: int) -> None:
        """The results of all threads along a kept position, in t of each of them."""
        form, source = self.form, self.source
        if form.along == 1 or not folds:
            return
        for j, fold in enumerate(folds):
            source.add(f"s{number}_{j}[cuda.threadIdx.x] = t{fold.i}")
        source.add("cuda.syncthreads()")
        source.add(f"half = {form.along // 2}")
        source.open("while half:")
        source.open("if y < half:")
        for j, fold in enumerate(folds):
            mine, other = "[cuda.threadIdx.x]", f"[cuda.threadIdx.x + half * {form.step}]"
            source.add(f"s{number}_{j}{mine} = {fold.merge(f's{number}_{j}{mine}', f's{number}_{j}{other}')}")
        source.close()
        source.add("cuda.syncthreads()", "half = half >> 1")
        source.close()
        for j, fold in enumerate(folds):
            source.add(f"t{fold.i} = s{number}_{j}[cuda.threadIdx.x - y * {form.step}]")
        source.add("cuda.syncthreads()")

    def finish(self, folds: list[Fold]) -> None:
        for fold in folds:
            self.source.add(f"v{fold.i} = {fold.finish(f't{fold.i}', 'folded')}")

    def outer_members(self, stage: int) -> None:
        for i in self.stages.outer_members(stage):
            self.point.compute(self.source, i, "k")

    def store_outer(self, numbers: list[int]) -> None:
        """Outer values that are wanted outside, by one thread of each kept position."""
        wanted = [i for i in numbers if i in self.body.outputs]
        if wanted:
            self.source.open("if y == 0 and live:")
            for i in wanted:
                self.point.store(self.source, i, "k")
            self.source.close()

    def folds(self, stage: int) -> list[Fold]:
        return [Fold(self.stages, i) for i in self.stages.folds(stage)]

    def __str__(self) -> str:
        return f"{self.functions}{self.source}"


def _element(dtype: str) -> str:
    return "bool_" if dtype == "bool" else dtype


def whole(body: Body, form: Form, bits: str) -> str:
    """(*pointers, *sizes of the loops): all stages in one kernel, a group of threads for each kept position."""
    w = _Writer(body, form, bits, [])
    for stage in range(w.stages.count):
        w.shared(w.folds(stage), stage)
    w.over_kept()
    w.outer_inputs()
    made: list[int] = [k for k in range(w.stages.first_member) if w.stages.outer[k]]
    for stage in range(w.stages.count):
        w.outer_members(stage)
        made += w.stages.outer_members(stage)
        folds = w.folds(stage)
        w.walk(stage, folds, "0", "folded")
        w.tree(folds, stage)
        w.finish(folds)
        made += [fold.i for fold in folds]
    w.store_outer(made)
    return str(w)


def carried(stages: Stages) -> list[int]:
    """The outer values that later kernels find in scratch memory: all that reductions have a part in."""
    return [i for i in range(stages.first_member, len(stages.body.dtypes)) if stages.outer[i] and stages.stage[i]]


def _before(stages: Stages, stage: int) -> list[int]:
    """Those that are known when a stage begins."""
    return [i for i in carried(stages) if stages.stage[i] <= stage]


def chunk_walk(body: Body, form: Form, bits: str, stage: int) -> str:
    """(*pointers, *outer values, *partial results [chunks, kept], span, *sizes): the walk of a stage.

    Chunks of `span` folded positions lie along y.
    """
    stages = Stages(body, form.folded)
    before = _before(stages, stage)
    partial = [f"p{i}" for i in stages.folds(stage)]
    w = _Writer(body, form, bits, [*[f"u{i}" for i in before], *partial, "span"])
    folds = w.folds(stage)
    w.shared(folds, stage)
    w.source.add("first = cuda.blockIdx.y * span", "last = min(first + span, folded)")
    w.over_kept()
    w.outer_inputs()
    w.outer_members(0)
    for i in before:
        w.source.add(f"v{i} = u{i}[k]")
    w.walk(stage, folds, "first", "last")
    w.tree(folds, stage)
    if folds:
        w.source.open("if y == 0 and live:")
        for fold in folds:
            w.source.add(f"p{fold.i}[cuda.blockIdx.y * kept + k] = t{fold.i}")
        w.source.close()
    return str(w)


def chunk_merge(body: Body, form: Form, bits: str, stage: int) -> str:
    """(*pointers, *outer values up to the next stage, *partial results, chunks, *sizes): what a stage has reduced."""
    stages = Stages(body, form.folded)
    before, after = _before(stages, stage), _before(stages, stage + 1)
    w = _Writer(body, form, bits, [*[f"u{i}" for i in after], *[f"p{i}" for i in stages.folds(stage)], "chunks"])
    folds = w.folds(stage)
    w.shared(folds, stage)
    w.over_kept()
    w.outer_inputs()
    w.outer_members(0)
    for i in before:
        w.source.add(f"v{i} = u{i}[k]")
    for fold in folds:
        w.source.add(f"t{fold.i} = {fold.start}")
    w.source.open(f"for c in range(y, chunks, {form.along}):")
    for fold in folds:
        w.source.add(f"t{fold.i} = {fold.merge(f't{fold.i}', f'p{fold.i}[c * kept + k]')}")
    w.source.close()
    w.tree(folds, stage)
    w.finish(folds)
    w.outer_members(stage + 1)
    new = [i for i in after if i not in before]
    if new:
        w.source.open("if y == 0 and live:")
        for i in new:
            w.source.add(f"u{i}[k] = v{i}")
        w.source.close()
    given = [i for i, outer in enumerate(stages.outer) if outer and not stages.stage[i]]
    w.store_outer(new + (given if stage == 0 else []))
    return str(w)
