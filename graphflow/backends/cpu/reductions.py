"""Kernels of regions that reduce, in stages: what needs a sum waits for it, in one kernel.

The space has kept and folded loops.  A value that moves along no folded loop is an outer one: there is one for every
kept position.  A reduction makes an outer value of the next stage from values of its own stage; members of stage s are
computed in a walk over the folded loops that comes after all reductions of the stages before.  Values of an earlier
stage are loaded when they were stored, and else computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.backends.cpu.expression import evaluate
from graphflow.backends.cpu.regions import Body, Bounds, Emission
from graphflow.backends.cpu.vector import Cell, Code, Pointer, Value, highest, lowest
from graphflow.ops.lowering import Reduce

CHUNK = 8192  # elements, about, of which one thread makes one partial result
CHUNKS = 64  # at most


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
            outer = member.draws is None and all(self.outer[i] for i in member.operands)
            self.outer.append(outer or member.fold is not None)
            self.stage.append(stage + (member.fold is not None))
        self.count = 1 + max(self.stage)

    @property
    def first_member(self) -> int:
        return len(self.body.inputs)

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
        wanted = [self.body.members[i - self.first_member].operands[0] for i in self.folds(stage)]
        wanted += [i for i in self.body.outputs if not self.outer[i] and self.stage[i] == stage]
        found: set[int] = set()
        while wanted:
            i = wanted.pop()
            if i >= self.first_member and not self.outer[i] and i not in found:
                found.add(i)
                if not self.stored_before(i, stage):
                    wanted += self.body.members[i - self.first_member].operands
        return sorted(found)

    def stored_before(self, i: int, stage: int) -> bool:
        """Whether a value of the walk of this stage was stored by an earlier one."""
        return i in self.body.outputs and not self.outer[i] and self.stage[i] < stage

    def has_walk(self, stage: int) -> bool:
        return bool(self.walked(stage) or self.folds(stage))


def merge(code: Code, fold: Reduce, dtype: str, a: Value, b: Value) -> Value:
    """One result from two partial ones."""
    return evaluate(code, fold.merge or fold.step, {"acc": a, "x": b}, dtype)


def start_of(code: Code, fold: Reduce, dtype: str, lanes: int = 0) -> Value:
    """The result of folding nothing."""
    numbers = {"False": 0, "True": 1, "lowest": lowest(dtype), "highest": highest(dtype)}
    return code.number(numbers[fold.init] if fold.init in numbers else float(fold.init), dtype, lanes)


def _step(code: Code, fold: Reduce, dtype: str, acc: Value, x: Value, inside: Value) -> Value:
    x = x.splat(code.lanes).cast(dtype)
    return code.select(inside, evaluate(code, fold.step, {"acc": acc, "x": x}, dtype), acc)


def _finished(code: Code, fold: Reduce, dtype: str, out: str, acc: Value, n: Value) -> Value:
    return evaluate(code, fold.finish, {"acc": acc, "n": n.cast(dtype)}, dtype).cast(out)


def _walk_point(e: Emission, stages: Stages, stage: int, at: list[Value], inside: Value, values: dict) -> None:
    """Compute and store the members of this stage at one vector of points."""
    where = e.index((True,) * len(at), at)
    for i in stages.walked(stage):
        if stages.stored_before(i, stage):
            values[i] = e.outputs[e.body.outputs.index(i)].load(where, e.code.lanes, inside)
        else:
            values[i] = e.compute(i, values, at)
            if stages.stage[i] == stage:
                e.store(i, values[i], where, inside)


def rows(code: Code, *args: Any, body: Body, kept: int, folded: int) -> None:
    """Folded loops inside kept ones: (*pointers, *sizes, tid, nthreads).   Threads share the outermost kept loop."""
    e = Emission(code, body, args, kept + folded)
    stages = Stages(body, [False] * kept + [True] * folded)
    dtypes = body.dtypes
    tid, nthreads = e.rest

    def row(at: list[Value], values: dict[int, Value]) -> None:
        where = e.index((True,) * kept, at)
        for stage in range(stages.count):
            for i in stages.outer_members(stage):
                values[i] = e.compute(i, values, at)
            cells = {i: _cell(code, stages, i) for i in stages.folds(stage)}

            def point(inner: list[Value], inside: Value, here: dict, stage: int = stage, cells: dict = cells) -> None:
                _walk_point(e, stages, stage, inner, inside, here)
                for i, cell in cells.items():
                    member = body.members[i - stages.first_member]
                    kind = _accumulator(stages, i)
                    cell.set(_step(code, member.fold, kind, cell.get(), here[member.operands[0]], inside))  # type: ignore

            if stages.has_walk(stage):
                bounds: list[Bounds] = [lambda at, n=n: (0, n) for n in e.sizes]
                e.inner_loops(bounds, point, at, values)
            n = code.value(1)
            for size in e.sizes[kept:]:
                n = n * size
            for i, cell in cells.items():
                member, kind = body.members[i - stages.first_member], _accumulator(stages, i)
                fold = member.fold
                assert fold is not None
                total = code.fold_lanes(cell.get(), lambda a, b, f=fold, k=kind: merge(code, f, k, a, b))
                values[i] = _finished(code, fold, kind, dtypes[i], total, n)
        for i in body.outputs:
            if stages.outer[i]:
                e.outputs[body.outputs.index(i)].store(where, values[i])

    bounds: list[Bounds] = [lambda at: code.share(e.sizes[0], tid, nthreads)]
    bounds += [lambda at, n=n: (0, n) for n in e.sizes[1:kept]]
    e.outer_loops(bounds, row)


def _accumulator(stages: Stages, i: int) -> str:
    member = stages.body.members[i - stages.first_member]
    assert member.fold is not None
    return member.fold.accumulator or stages.body.dtypes[member.operands[0]]


def _cell(code: Code, stages: Stages, i: int) -> Cell:
    fold = stages.body.members[i - stages.first_member].fold
    assert fold is not None
    kind = _accumulator(stages, i)
    return code.cell(start_of(code, fold, kind, code.lanes))


def scratch_bytes(stages: Stages, columns: int, period: int, chunks: int) -> int:
    """What `chunked` needs: for each reduction a row of partial results a chunk, for each outer value one row."""
    folds = sum(len(stages.folds(s)) for s in range(stages.count))
    outer = sum(stages.outer[stages.first_member :])
    return 8 * (folds * chunks * _stride(period or columns) + outer * _stride(columns))


def _stride(columns: Any) -> Any:
    return (columns + 63) // 64 * 64


def chunked(code: Code, *args: Any, body: Body, matrix: bool, period: int = 0) -> None:
    """The folded loop around the kept one, or alone: (*pointers, team, scratch, rows, columns, chunks, tid, nthreads).

    matrix   whether there is a kept loop; if not, columns is 1, and the masks are over the folded loop alone
    period   short rows are joined to this length

    Every chunk of rows gives partial results of its own, which are merged in order: the result does not depend on the
    number of threads.
    """
    *before, tid, nthreads = args
    *pointers, team, scratch, n, columns, chunks = before
    e = Emission(code, body, [*pointers, n, *([columns] if matrix else [])], 2 if matrix else 1)
    _Chunked(e, body, matrix, period, (team, scratch, n, columns, chunks, tid, nthreads)).emit()


class _Chunked:
    def __init__(self, e: Emission, body: Body, matrix: bool, period: int, given: Sequence[Any]) -> None:
        self.e, self.code, self.body, self.period = e, e.code, body, period
        self.team, self.scratch, self.n, self.columns, self.chunks, self.tid, self.nthreads = given
        if not matrix:  # a matrix of one column, which no input tells from a longer row
            body = Body(tuple([((m, m), d) for (m,), d in body.inputs]), body.members, body.outputs, body.draws)
            e.body, e.sizes = body, [self.n, self.columns]
            self.body = body
        self.stages = Stages(body, [True, False])
        self.outer_sizes = [self.n, self.columns]
        self.outer_inputs = list(e.inputs)
        self.total = e.join_rows(period, self.n) if period else self.n * self.columns
        self.width: Any = period or self.columns
        self.stride = _stride(self.code.value(self.width))
        self.kept_stride = _stride(self.columns)
        self.offset: dict[int, Value] = {}
        place = self.code.value(0)
        for i in range(self.stages.first_member, len(body.dtypes)):
            if self.stages.outer[i]:
                self.offset[i] = place
                place = place + self.kept_stride
        self.partial: dict[int, Value] = {}
        for stage in range(self.stages.count):
            for i in self.stages.folds(stage):
                self.partial[i] = place
                place = place + self.chunks * self.stride

    def emit(self) -> None:
        for stage in range(self.stages.count):
            if stage or self.stages.outer_members(0):
                self.outer_values(stage)
                if self.stages.has_walk(stage):
                    self.wait()
            if self.stages.has_walk(stage):
                self.walk(stage)
                if stage + 1 < self.stages.count:
                    self.wait()

    def wait(self) -> None:
        self.code.barrier(self.team, self.tid, self.nthreads)

    def row_of(self, i: int, dtype: str, place: Value) -> Pointer:
        """The scratch row at this word."""
        return self.scratch.at(place * 8).cast(dtype)

    def walk(self, stage: int) -> None:
        """All chunks: members of this stage, and the partial results of its reductions."""
        code, e, stages = self.code, self.e, self.stages
        first, last = code.share(self.chunks, self.tid, self.nthreads)
        kept = self.spread_outer(stage)
        with code.loop(first, last) as chunk:
            rows_in = {}
            for i in stages.folds(stage):
                rows_in[i] = self.row_of(i, _accumulator(stages, i), self.partial[i] + chunk * self.stride)
                with code.loop(0, self.stride, code.lanes) as j:
                    fold = self.body.members[i - stages.first_member].fold
                    rows_in[i].store(j, start_of(code, fold, _accumulator(stages, i), code.lanes))  # type: ignore

            def point(at: list[Value], inside: Value, values: dict[int, Value]) -> None:
                for i, row in kept.items():
                    values[i] = row.load(at[1], code.lanes, inside)
                _walk_point(e, stages, stage, at, inside, values)
                for i, row in rows_in.items():
                    member, kind = self.body.members[i - stages.first_member], _accumulator(stages, i)
                    acc = row.load(at[1], code.lanes)
                    row.store(at[1], _step(code, member.fold, kind, acc, values[member.operands[0]], inside))  # type: ignore

            top = e.sizes[0]
            bounds: list[Bounds] = [
                lambda at: (top * chunk // self.chunks, top * (chunk + 1) // self.chunks),
                lambda at: (0, code.minimum(self.total - at[0] * self.width, self.width)),
            ]
            e.loops(bounds, point)
            if self.period:
                for i, row in rows_in.items():
                    self.shorten(i, row)

    def shorten(self, i: int, row: Pointer) -> None:
        """The partial results of a joined row, merged to those of the columns."""
        code, fold, kind = self.code, self.body.members[i - self.stages.first_member].fold, _accumulator(self.stages, i)
        assert fold is not None
        with code.loop(0, self.columns) as k:
            cell = code.cell(row.load(k))
            with code.loop(k + self.columns, self.period, self.columns) as j:
                cell.set(merge(code, fold, kind, cell.get(), row.load(j)))
            row.store(k, cell.get())

    def outer_values(self, stage: int) -> None:
        """The reductions that the stage before has made, and the outer members of this stage.  Threads share them."""
        code, stages = self.code, self.stages
        vectors = (self.columns + (code.lanes - 1)) // code.lanes
        first, last = code.share(vectors, self.tid, self.nthreads)
        with code.loop(first, last) as number:
            k = number * code.lanes
            inside = code.lanes_below(self.columns - k)
            values: dict[int, Value] = {}
            for i, (mask, _) in enumerate(self.body.inputs):
                if stages.outer[i]:
                    source = self.outer_inputs[i]
                    values[i] = source.load(k, code.lanes, inside) if mask[1] else source.load(0).splat(code.lanes)
            for i, place in self.offset.items():
                if stages.stage[i] < stage:
                    values[i] = self.row_of(i, self.body.dtypes[i], place).load(k, code.lanes, inside)
            for i in stages.folds(stage - 1):
                values[i] = self.merged(i, k)
            for i in stages.outer_members(stage):
                values[i] = self.e.compute(i, values, [code.value(0), k])
            for i in [*stages.folds(stage - 1), *stages.outer_members(stage)]:
                self.row_of(i, self.body.dtypes[i], self.offset[i]).store(k, values[i].splat(code.lanes), inside)
                self.e.store(i, values[i], k, inside)

    def merged(self, i: int, k: Value) -> Value:
        """The whole result of a reduction for a vector of columns."""
        code, member, kind = self.code, self.body.members[i - self.stages.first_member], _accumulator(self.stages, i)
        fold = member.fold
        assert fold is not None
        cell = code.cell(self.row_of(i, kind, self.partial[i]).load(k, code.lanes))
        with code.loop(1, self.chunks) as chunk:
            row = self.row_of(i, kind, self.partial[i] + chunk * self.stride)
            cell.set(merge(code, fold, kind, cell.get(), row.load(k, code.lanes)))
        return _finished(code, fold, kind, member.dtype, cell.get(), self.n.splat(code.lanes))

    def spread_outer(self, stage: int) -> dict[int, Pointer]:
        """Rows of the outer members that the walk of this stage needs, over a whole period when rows are joined."""
        code, stages = self.code, self.stages
        needed: dict[int, Pointer] = {}
        taken = [*stages.walked(stage), *stages.folds(stage)]
        operands = {o for i in taken for o in self.body.members[i - stages.first_member].operands}
        for i in sorted(operands):
            if i >= stages.first_member and stages.outer[i]:
                row = self.row_of(i, self.body.dtypes[i], self.offset[i])
                if self.period:
                    long = code.array(self.period, self.body.dtypes[i])
                    with code.loop(0, self.period) as j:
                        long.store(j, row.load(j % self.columns))
                    row = long
                needed[i] = row
        return needed


def scattered(code: Code, *args: Any, body: Body, folded: tuple[bool, ...]) -> None:
    """One reduction over any loops, a number at a time: (*pointers, *sizes, tid, nthreads)."""
    depth = len(folded)
    e = Emission(code, body, args, depth)
    tid, nthreads = e.rest
    (member,) = body.members
    fold, kind = member.fold, member.fold.accumulator or body.inputs[0][1]  # type: ignore[union-attr]
    assert fold is not None
    order = [d for d in range(depth) if not folded[d]] + [d for d in range(depth) if folded[d]]
    kept = len([f for f in folded if not f])
    at: dict[int, Value] = {}
    n = code.value(1)
    for d in order[kept:]:
        n = n * e.sizes[d]

    def inner(position: int, cell: Cell) -> None:
        if position == depth:
            x = e.inputs[0].load(e.index(body.inputs[0][0], [at[d] for d in range(depth)]))
            cell.set(evaluate(code, fold.step, {"acc": cell.get(), "x": x.cast(kind)}, kind))  # type: ignore[union-attr]
            return
        with code.loop(0, e.sizes[order[position]]) as i:
            at[order[position]] = i
            inner(position + 1, cell)

    def outer(position: int) -> None:
        if position == kept:
            cell = code.cell(start_of(code, fold, kind))  # type: ignore[arg-type]
            inner(kept, cell)
            where = e.index([not f for f in folded], [at.get(d, n) for d in range(depth)])  # type: ignore[arg-type]
            e.outputs[0].store(where, _finished(code, fold, kind, member.dtype, cell.get(), n))  # type: ignore[arg-type]
            return
        d = order[position]
        bounds = code.share(e.sizes[d], tid, nthreads) if position == 0 else (0, e.sizes[d])
        with code.loop(*bounds) as i:
            at[d] = i
            outer(position + 1)

    outer(0)
