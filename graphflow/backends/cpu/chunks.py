"""The kernel of regions that reduce over the outer loop, or over the only one: partial results of chunks of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.reductions import Fold, walk_point
from graphflow.backends.cpu.regions import Bounds, Emission, all_of, spread
from graphflow.backends.cpu.values import Pointer, Value
from graphflow.backends.space import Body
from graphflow.backends.stages import Stages

CHUNK = 8192  # elements, about, of which one thread makes one partial result
CHUNKS = 64  # at most


def scratch_bytes(stages: Stages, columns: int, period: int, chunks: int) -> int:
    """What `chunked` needs: for each reduction a row of partial results a chunk, for each outer value one row."""
    folds = sum(len(stages.folds(s)) for s in range(stages.count))
    outer = sum(stages.outer[stages.first_member :])
    return 8 * (folds * chunks * _stride(period or columns) + outer * _stride(columns))


def _stride(columns: Any) -> Any:
    return (columns + 63) // 64 * 64


def chunked(code: Code, *args: Any, body: Body, matrix: bool, period: int = 0, whole: bool = False) -> None:
    """The folded loop around the kept one, or alone: (*pointers, team, scratch, rows, columns, chunks, tid, nthreads).

    matrix   whether there is a kept loop; if not, columns is 1, and the masks are over the folded loop alone
    period   short rows are joined to this length

    Every chunk of rows gives partial results of its own, which are merged in order: the result does not depend on the
    number of threads.
    """
    *before, tid, nthreads = args
    *pointers, team, scratch, n, columns, chunks = before
    e = Emission(code, body, [*pointers, n, *([columns] if matrix else [])], 2 if matrix else 1, whole)
    _Chunks(e, body, matrix, period, (team, scratch, n, columns, chunks, tid, nthreads)).emit()


class _Chunks:
    def __init__(self, e: Emission, body: Body, matrix: bool, period: int, given: Sequence[Any]) -> None:
        self.e, self.code, self.body, self.period = e, e.code, body, period
        self.team, self.scratch, self.n, self.columns, self.chunks, self.tid, self.nthreads = given
        if not matrix:  # a matrix of one column, which no input tells from a longer row
            body = Body(tuple([((m, m), d) for (m,), d in body.inputs]), body.members, body.outputs, body.draws)
            e.body, e.sizes = body, [self.n, self.columns]
            self.body = body
        self.stages = Stages(body, [True, False])
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

    def row(self, place: Value, dtype: str) -> Pointer:
        """The row of scratch memory that starts at this word."""
        return self.scratch.at(place * 8).cast(dtype)

    def walk(self, stage: int) -> None:
        """All chunks: members of this stage, and the partial results of its reductions."""
        code, e, stages = self.code, self.e, self.stages
        first, last = code.share(self.chunks, self.tid, self.nthreads)
        kept = self.spread_outer(stage)
        with code.loop(first, last) as chunk:
            folds = {i: Fold(code, stages, i) for i in stages.folds(stage)}
            rows = {i: self.row(self.partial[i] + chunk * self.stride, fold.dtype) for i, fold in folds.items()}
            for i, fold in folds.items():
                with code.loop(0, self.stride, code.lanes) as j:
                    rows[i].store(j, fold.start(code.lanes))

            def point(at: list[Value], inside: Value | None, values: dict[int, Value]) -> None:
                for i, row in kept.items():
                    values[i] = row.load(at[1], code.lanes, inside)
                walk_point(e, stages, stage, at, inside, values)
                for i, fold in folds.items():
                    acc = rows[i].load(at[1], code.lanes)
                    rows[i].store(at[1], fold.step(acc, values[fold.operand], inside))

            top = e.sizes[0]
            begin, end = top * chunk // self.chunks, top * (chunk + 1) // self.chunks
            if self.period:  # only the last row may be shorter
                full = code.minimum(self.total // self.width, end)
                e.whole = True
                e.loops([lambda at: (begin, full), all_of(self.width)], point)
                e.whole = False
                begin = code.maximum(begin, full)
            rest: list[Bounds] = [
                lambda at: (begin, end), lambda at: (0, code.minimum(self.total - at[0] * self.width, self.width))
            ]  # fmt: skip
            e.loops(rest, point)
            if self.period:
                for i, fold in folds.items():
                    self.shorten(fold, rows[i])

    def shorten(self, fold: Fold, row: Pointer) -> None:
        """The partial results of a joined row, merged to those of the columns."""
        code = self.code
        with code.loop(0, self.columns) as k:
            cell = code.cell(row.load(k))
            with code.loop(k + self.columns, self.period, self.columns) as j:
                cell.set(fold.merge(cell.get(), row.load(j)))
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
                    values[i] = self.row(place, self.body.dtypes[i]).load(k, code.lanes, inside)
            for i in stages.folds(stage - 1):
                values[i] = self.merged(i, k)
            for i in stages.outer_members(stage):
                values[i] = self.e.compute(i, values, [code.value(0), k])
            for i in [*stages.folds(stage - 1), *stages.outer_members(stage)]:
                self.row(self.offset[i], self.body.dtypes[i]).store(k, values[i].splat(code.lanes), inside)
                self.e.store(i, values[i], k, inside)

    def merged(self, i: int, k: Value) -> Value:
        """The whole result of a reduction for a vector of columns."""
        code, fold = self.code, Fold(self.code, self.stages, i)
        cell = code.cell(self.row(self.partial[i], fold.dtype).load(k, code.lanes))
        with code.loop(1, self.chunks) as chunk:
            row = self.row(self.partial[i] + chunk * self.stride, fold.dtype)
            cell.set(fold.merge(cell.get(), row.load(k, code.lanes)))
        return fold.finish(cell.get(), self.n.splat(code.lanes))

    def spread_outer(self, stage: int) -> dict[int, Pointer]:
        """Rows of the outer members that the walk of this stage needs, over a whole period when rows are joined."""
        code, stages = self.code, self.stages
        needed: dict[int, Pointer] = {}
        taken = [*stages.walked(stage), *stages.folds(stage)]
        operands = {o for i in taken for o in stages.member(i).operands}
        for i in sorted(operands):
            if i >= stages.first_member and stages.outer[i]:
                row = self.row(self.offset[i], self.body.dtypes[i])
                if self.period:
                    row = spread(code, row, self.columns, self.period)
                needed[i] = row
        return needed
