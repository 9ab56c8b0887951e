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

from graphflow.backends.base import Call, Draws
from graphflow.backends.cpu import chunks, reductions, regions
from graphflow.backends.cpu.emitted import Emitted, vector_bytes
from graphflow.backends.cpu.regions import SHORT, Body, Mask, Member, period_of
from graphflow.backends.cpu.space import Sizes, Space, member, names_of, space_of
from graphflow.backends.cpu.values import DTYPES, size_of
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import Region
from graphflow.ops.infer import static_axes
from graphflow.ops.lowering import Elementwise, Random, Reduce, operands
from graphflow.ops.updates import Updates
from graphflow.shape import sizes

_CHAINS = ("exp", "expm1", "log", "log1p", "tanh", "erf", "erfc", "sin", "cos", "tan", "pow")
Lower = Callable[[Operation], Call | None]


def elementwise(op: Operation, kind: Elementwise) -> Call | None:
    """One loop nest over the output's shape."""
    inputs, names = operands(kind, op.inputs), operands(kind, names_of(op))
    places = tuple(range(len(inputs)))
    values = zip(kind.expressions, op.outputs, strict=True)
    members = tuple([member(e, names, places, t.dtype.name) for e, t in values])
    stored = tuple(range(len(inputs), len(inputs) + len(members)))
    space = Space(sizes(op.output.dims), (), _types(inputs), members, stored)
    return _call(space, (*inputs, *op.outputs))


def reduction(op: Operation, kind: Reduce) -> Call | None:
    """The axes in the second input folded, all axes when there is none."""
    x = op.inputs[0]
    rank = len(sizes(x.dims))
    axes = tuple(range(rank)) if len(op.inputs) == 1 else static_axes(op.inputs[1], rank)
    return None if axes is None else fold(kind, x, op.output, tuple(sorted(axes)))


def fold(kind: Reduce, x: Tensor, out: Tensor, axes: tuple[int, ...]) -> Call | None:
    """The call that folds these axes of x into out."""
    members = (member("", ("x",), (0,), out.dtype.name, fold=kind, outer=True),)
    return _call(Space(sizes(x.dims), axes, _types((x,)), members, (1,)), (x, out))


def random(op: Operation, kind: Random) -> Call | None:
    """One draw for each element of the output."""
    scalars, names = operands(kind, op.inputs), operands(kind, names_of(op))
    members = (member(kind.expression, names, tuple(range(len(scalars))), op.output.dtype.name, draws=0),)
    space = Space(sizes(op.output.dims), (), _types(scalars), members, (len(scalars),), 1)
    return _call(space, (*scalars, op.output, Draws(op)))


def together(op: Operation, region: Region, lower: Lower) -> Call | None:
    """One kernel for all members of a region; after an anchor it is the epilogue of the anchor's kernel."""
    space, pointers = space_of(region)
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
    first, many = updates.members[0], updates.split(op.inputs)
    kind: Any = first.definition.lower(first)
    names = names_of(first)
    dims = first.output.dims
    inputs = tuple([((t.dims == dims,), t.dtype.name) for t in first.inputs])
    places, n = tuple(range(len(inputs))), len(inputs)
    members = tuple(
        [member(e, names, places, t.dtype.name) for e, t in zip(kind.expressions, first.outputs, strict=True)]
    )
    body = _body(inputs, members, tuple(range(n, n + len(members))), 0)
    if body is None:
        return None
    kernel = _emitted(regions.each, body, (), vector_bytes(), raw=True)
    lanes = kernel.vector_bytes // size_of(body.wide)
    pointers: list[Tensor] = []
    lengths: list[int] = []
    before = 0
    for i, taken in enumerate(many):
        made = op.outputs[i * len(members) : (i + 1) * len(members)]
        length = math.prod(sizes(made[0].dims))
        pointers += [*taken, *made]
        lengths += [length, before]
        before += -(-length // lanes)
    return Call(kernel, tuple(pointers), (len(many), before, *lengths))


# -- regions ---------------------------------------------------------------------------------------------------------
def _types(tensors: Sequence[Tensor]) -> tuple[tuple[Sizes, str], ...]:
    return tuple([(sizes(t.dims), t.dtype.name) for t in tensors])


def _call(space: Space, pointers: tuple) -> Call | None:
    made = _kernel(space, vector_bytes())
    if made is None:
        return None
    kernel, numbers, team, scratch = made
    pointwise = kernel.write is regions.elementwise and not space.columns
    numbers = (*numbers, *[n for _, start, width in space.columns for n in (start, width)])
    return Call(kernel, (*pointers, "team") if team else pointers, numbers, scratch, pointwise=pointwise)


def _kernel(space: Space, width: int) -> tuple[Emitted, Sizes, bool, int] | None:
    """(the kernel, its sizes, whether threads wait for each other in it, its scratch in bytes)."""
    width = _together(space.members, width)
    kept = tuple([1 if i in space.axes else d for i, d in enumerate(space.dims)])
    loops, masks = collapse(space.dims, [*[dims for dims, _ in space.inputs], kept], apart=bool(space.columns))
    body = _masked(space, masks)
    if body is None:
        return None
    lanes = width // size_of(body.wide)
    if all(m.fold is None for m in space.members):
        short = _short(body, loops, lanes) if len(loops) == 2 else 0
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
        body = _masked(space, masks)
        assert body is not None
        nest = (("kept", n_kept), ("folded", len(loops) - n_kept), ("whole", _whole(loops, 0, lanes)))
        return _emitted(reductions.rows, body, nest, width), loops, False, 0
    if len(body.members) > 1:
        return None
    return _emitted(reductions.scattered, body, (("folded", tuple(folded)),), width), loops, False, 0


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
    body = _masked(space, masks)
    if body is None:
        return None
    width = vector_bytes()
    lanes = width // size_of(body.wide)
    period = _short(body, (rows, columns), lanes)
    spec = (("period", period), ("rows_whole", whole_rows and not period and columns % lanes == 0))
    kernel = _emitted(regions.epilogue, body, spec, width, block=True)
    return Call(kernel, pointers, (rows, columns))


# What does not depend on sizes is made once: plans for other sizes find the same objects.


def _masked(space: Space, masks: Sequence[Mask]) -> Body | None:
    inputs = tuple([(mask, dtype) for mask, (_, dtype) in zip(masks, space.inputs, strict=False)])
    return _body(inputs, space.members, space.outputs, space.draws, tuple([number for number, *_ in space.columns]))


@functools.lru_cache(4096)
def _body(
    inputs: tuple[tuple[Mask, str], ...],
    members: tuple[Member, ...],
    outputs: tuple[int, ...],
    draws: int,
    columns: tuple[int, ...] = (),
) -> Body | None:
    """None where there are no kernels for its dtypes: complex numbers and float16 run the reference."""
    body = Body(inputs, members, outputs, draws, columns)
    return body if all(d in DTYPES for d in body.dtypes) else None


@functools.lru_cache(4096)
def _emitted(
    write: Callable, body: Body, spec: tuple[tuple[str, Any], ...], width: int, block: bool = False, raw: bool = False
) -> Emitted:
    return Emitted(write, (("body", body), *spec), body.wide, block, raw, width)


@functools.lru_cache(4096)
def _stages(body: Body, matrix: bool) -> reductions.Stages:
    return reductions.Stages(body, [True, False] if matrix else [True])


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


def collapse(out: Sizes, inputs: Sequence[Sizes], apart: bool = False) -> tuple[Sizes, list[Mask]]:
    """Sizes of the loops over `out`, and for each input which of them it moves along.

    Dimensions of size 1 vanish, and neighbours that no input tells apart become one loop.
    apart   the last dimension stays a loop of its own
    """
    rank = len(out)
    wide = [(1,) * (rank - len(dims)) + tuple(dims) for dims in inputs]
    loops: list[int] = []
    moves: list[tuple[bool, ...]] = []
    for d in range(rank):
        if out[d] == 1:
            continue
        move = tuple([dims[d] != 1 for dims in wide])
        if moves and moves[-1] == move and not (apart and d == rank - 1):
            loops[-1] *= out[d]
        else:
            loops.append(out[d])
            moves.append(move)
    if not loops:
        loops, moves = [1], [(False,) * len(inputs)]
    return tuple(loops), [tuple([move[k] for move in moves]) for k in range(len(inputs))]
