"""Calls of emitted kernels: elementwise operations, reductions, random draws and regions of them.

All shapes are known here.  A kernel depends on expressions, dtypes and on which loops its inputs move along, never on
sizes, except where rows are short.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu import chunks, reductions, regions
from graphflow.backends.cpu.emitted import Emitted, vector_bytes
from graphflow.backends.cpu.regions import SHORT, period_of
from graphflow.backends.cpu.values import size_of
from graphflow.backends.region_space import region_space
from graphflow.backends.space import (
    Again,
    Body,
    Mask,
    Member,
    Sizes,
    Space,
    collapse,
    fold_space,
    masked,
    operation_space,
    updates_body,
)
from graphflow.backends.stages import Stages
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import Region
from graphflow.ops.lowering import Elementwise, Random, Reduce
from graphflow.ops.updates import Updates
from graphflow.shape import sizes

_CHAINS = ("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf", "erfc", "sin", "cos", "tan", "pow")
_AT_ONCE = 4  # vectors for which a loop at every point runs, at most: each round waits for the one before
_MANY = 16  # pieces, from which on threads share such a loop
_ROUNDS = 8  # that such a loop has at the least
Lower = Callable[[Operation], Call | None]


def alone(op: Operation, kind: Elementwise | Reduce | Random) -> Call | None:
    """The call for an operation that is in no region."""
    found = operation_space(op, kind)
    return None if found is None else _call(*found)


def fold(kind: Reduce, x: Tensor, out: Tensor, axes: tuple[int, ...]) -> Call | None:
    """The call that folds these axes of x into out."""
    return _call(fold_space(kind, x, out, axes), (x, out))


def together(op: Operation, region: Region, lower: Lower) -> Call | None:
    """One kernel for all members of a region; after an anchor it is the epilogue of the anchor's kernel."""
    space, pointers = region_space(region)
    given = dict(zip(region.inputs, op.inputs, strict=True)) | dict(zip(region.outputs, op.outputs, strict=True))

    def own(pointers: Sequence[Any]) -> tuple:
        return tuple([given[p] if isinstance(p, Tensor) else p for p in pointers])

    if region.anchor is None:
        return _call(space, own(pointers))
    call = lower(region.anchor)
    if call is None:
        return None
    given.setdefault(region.anchor.output, given[region.raw_place])
    tail = _epilogue(space, own(pointers), call.whole_rows)
    return None if tail is None else replace(call, pointers=own(call.pointers), tail=tail)


def each(op: Operation, updates: Updates) -> Call | None:
    """One kernel for updates of one kind: inputs that have the variable's shape are arrays, others are numbers."""
    many, body = updates.split(op.inputs), updates_body(updates)
    if body is None:
        return None
    kernel = _emitted(regions.each, body, (), vector_bytes(), raw=True)
    lanes = kernel.vector_bytes // size_of(body.wide)
    pointers: list[Tensor] = []
    lengths: list[int] = []
    before = 0
    for i, taken in enumerate(many):
        made = op.outputs[i * len(body.members) : (i + 1) * len(body.members)]
        length = math.prod(sizes(made[0].dims))
        pointers += [*taken, *made]
        lengths += [length, before]
        before += -(-length // lanes)
    return Call(kernel, tuple(pointers), (len(many), before, *lengths))


# -- regions ---------------------------------------------------------------------------------------------------------
def _call(space: Space, pointers: tuple) -> Call | None:
    made = _kernel(space, vector_bytes())
    if made is None:
        return None
    kernel, numbers, team, scratch = made
    pointwise = kernel.write is regions.elementwise and not space.columns
    if space.again is not None:
        return _repeated(kernel, pointers, numbers, space.again, pointwise)
    numbers = (*numbers, *space.column_numbers)
    return Call(kernel, (*pointers, "team") if team else pointers, numbers, scratch, pointwise=pointwise)


def _repeated(kernel: Emitted, pointers: tuple, numbers: Sizes, again: Again, pointwise: bool) -> Call:
    """The call of a loop at every point, which threads share when there is enough for each of them."""
    many = numbers[0] >= _MANY * (kernel.vector_bytes if len(numbers) == 1 else 1)
    given = ("status", *pointers) if again.endless else pointers
    return Call(
        kernel, given, numbers, pointwise=pointwise and not again.rows, repeats=_ROUNDS if many else 1,
        endless=again.endless,
    )  # fmt: skip


def _kernel(space: Space, width: int) -> tuple[Emitted, Sizes, bool, int] | None:
    """(the kernel, its sizes, whether threads wait for each other in it, its scratch in bytes)."""
    width = _together(space.members, width) if space.again is None else _vectors(space) * width
    kept = tuple([1 if i in space.axes else d for i, d in enumerate(space.dims)])
    loops, masks = collapse(space.dims, [*[dims for dims, _ in space.inputs], kept], apart=bool(space.columns))
    body = masked(space, masks)
    if body is None:
        return None
    lanes = width // size_of(body.wide)
    if all(m.fold is None for m in space.members):
        short = _short(body, loops, lanes) if len(loops) == 2 and body.again is None else 0
        spec = (("depth", len(loops)), ("period", short), ("whole", _whole(loops, short, lanes)))
        return _emitted(regions.elementwise, body, spec, width), loops, False, 0
    folded = [not moves for moves in masks[-1]]
    if loops == (1,):
        folded = [True]
    if folded == [True]:
        return _chunked(body, loops[0], 1, False, width)
    if folded == [True, False]:
        return _chunked(body, loops[0], loops[1], True, width)
    n_kept = folded.index(True) if True in folded else len(folded)
    if all(folded[n_kept:]):
        if not n_kept:
            loops, n_kept, masks = (1, *loops), 1, [(False, *m) for m in masks]
        if n_kept == len(loops):
            loops, masks = (*loops, 1), [(*m, False) for m in masks]
        body = masked(space, masks)
        assert body is not None
        nest = (("kept", n_kept), ("folded", len(loops) - n_kept), ("whole", _whole(loops, 0, lanes)))
        return _emitted(reductions.rows, body, nest, width), loops, False, 0
    if len(body.members) > 1:
        return None
    return _emitted(reductions.scattered, body, (("folded", tuple(folded)),), width), loops, False, 0


def _vectors(space: Space) -> int:
    """How many vectors a loop at every point runs for at a time: 1, 2 or 4."""
    points = math.prod(space.dims)
    return next((n for n in (1, 2) if points <= n * vector_bytes() // 4), _AT_ONCE)


def _together(members: Sequence[Member], width: int) -> int:
    """The bytes that are computed with at a time: two vectors where functions are long chains of instructions.

    Every instruction is then there twice, and one does not wait for the other; only the many registers of AVX-512 and
    its wide vectors keep a CPU busy without.
    """
    calls = sum(m.expression.count(f"{name}(") for m in members for name in _CHAINS)
    return 2 * width if calls and width < 64 else width


def _chunked(body: Body, rows: int, columns: int, matrix: bool, width: int) -> tuple[Emitted, Sizes, bool, int]:
    lanes = width // size_of(body.wide)
    # Rows of whole vectors are joined too: every row would wait for the sums of the one before.
    period = (_joined(body, columns, lanes) if columns < SHORT else 0) if matrix else period_of(1, lanes)
    parts = max(1, min(chunks.CHUNKS, rows * columns // chunks.CHUNK))
    scratch = chunks.scratch_bytes(_stages(body, matrix), columns, period, parts)
    whole = matrix and _whole((rows, columns), period, lanes)
    spec = (("matrix", matrix), ("period", period), ("whole", whole))
    return _emitted(chunks.chunked, body, spec, width), (rows, columns, parts), True, scratch


def _epilogue(space: Space, pointers: tuple, whole_rows: bool) -> Call | None:
    """The epilogue over a matrix with rows of the last dimension."""
    rows, columns = math.prod(space.dims[:-1]), space.dims[-1]
    masks: list[Mask] = []
    for dims, _ in space.inputs:
        wide = (1,) * (len(space.dims) - len(dims)) + dims
        masks.append((wide[:-1] == space.dims[:-1] and rows > 1, wide[-1] > 1))
    body = masked(space, masks)
    if body is None:
        return None
    width = vector_bytes()
    lanes = width // size_of(body.wide)
    period = _short(body, (rows, columns), lanes)
    spec = (("period", period), ("rows_whole", whole_rows and not period and columns % lanes == 0))
    kernel = _emitted(regions.epilogue, body, spec, width, block=True)
    return Call(kernel, pointers, (rows, columns))


@functools.lru_cache(4096)
def _emitted(
    write: Callable, body: Body, spec: tuple[tuple[str, Any], ...], width: int, block: bool = False, raw: bool = False
) -> Emitted:
    return Emitted(write, (("body", body), *spec), body.wide, block, raw, width)


@functools.lru_cache(4096)
def _stages(body: Body, matrix: bool) -> Stages:
    return Stages(body, [True, False] if matrix else [True])


def _short(body: Body, loops: Sizes, lanes: int) -> int:
    """The period for rows that are short and do not fill vectors; 0 where rows are left as they are."""
    short = 0 < loops[-1] < SHORT and loops[-1] % lanes and not body.columns
    return _joined(body, loops[-1], lanes) if short else 0


def _joined(body: Body, n: int, lanes: int) -> int:
    """The period for rows of n; 0 where an input has a value a row, so that they cannot be joined."""
    return period_of(n, lanes) if n and all(mask != (True, False) for mask, _ in body.inputs) else 0


def _whole(loops: Sizes, period: int, lanes: int) -> bool:
    """Whether the innermost of several loops is one of whole vectors: these need no masks.

    The first loop has the size of the batch, by which kernels must not differ.
    """
    return len(loops) > 1 and not period and loops[-1] % lanes == 0
