"""Calls of generated kernels: elementwise operations, reductions, random draws and regions of them."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import replace

from graphflow.backends.base import Call
from graphflow.backends.cuda import reductions, regions, shim
from graphflow.backends.cuda.lanes import elementwise, lanes_of
from graphflow.backends.cuda.launch import Launch, Pointer, Room, Scratch, blocks_for, call, division
from graphflow.backends.cuda.reductions import Form, carried
from graphflow.backends.region_space import region_space
from graphflow.backends.space import (
    Body,
    Mask,
    Sizes,
    Space,
    collapse,
    fold_space,
    masked,
    operation_space,
    updates_body,
)
from graphflow.backends.stages import Stages
from graphflow.dtypes import as_dtype
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import Region
from graphflow.ops.lowering import Elementwise, Random, Reduce
from graphflow.ops.updates import Updates
from graphflow.shape import sizes

WARP = 32
_SECTOR = 8  # neighbours in memory that are read together at the least
_WORK = 16  # elements that a thread folds before chunks pay
# Blocks that keep a GPU busy: 24 for each processor of an H100, on which 2, 3, 4, 6 or 8 are at a time: the last ones
# do not wait for others.
_BUSY = 24 * 132
_STREAMING = 6  # blocks of 256 threads with 40 registers
MANY = 8 if shim.SIMULATED else 1 << 18  # numbers, from which on a thread has several
_MERGED = 16  # chunks, at most, that a thread merges
_SETS = 32  # updates in a launch, at most
_SHARED = 48 << 10  # bytes of shared memory that every device has

_elementwise = functools.lru_cache(4096)(elementwise)
_side_by_side = functools.lru_cache(4096)(regions.side_by_side)
_whole = functools.lru_cache(4096)(reductions.whole)
_chunk_walk = functools.lru_cache(4096)(reductions.chunk_walk)
_chunk_merge = functools.lru_cache(4096)(reductions.chunk_merge)


def alone(op: Operation, kind: Elementwise | Reduce | Random) -> Call | None:
    """The call for an operation that is in no region."""
    found = operation_space(op, kind)
    return None if found is None else _call(*found)


def fold(kind: Reduce, x: Tensor, out: Tensor, axes: tuple[int, ...]) -> Call | None:
    """The call that folds these axes of x into out."""
    return _call(fold_space(kind, x, out, axes), (x, out))


def region(op: Operation, region: Region) -> Call | None:
    """The kernels for all members of a region without an anchor."""
    space, pointers = region_space(region)
    given = dict(zip(region.inputs, op.inputs, strict=True)) | dict(zip(region.outputs, op.outputs, strict=True))
    return _call(space, tuple([given[p] if isinstance(p, Tensor) else p for p in pointers]))


def epilogue(op: Operation, region: Region) -> tuple[regions.Epilogue, tuple[Tensor, ...]] | None:
    """(what follows the anchor of a region, its pointers); None where its dtypes have no kernels."""
    space, pointers = region_space(region)
    taken = [p for p in pointers[: len(space.inputs)] if isinstance(p, Tensor)]
    assert region.anchor is not None
    raw = region.anchor.output
    given = dict(zip(region.inputs, op.inputs, strict=True))
    rows = math.prod(space.dims[:-1])
    masks: list[Mask] = []
    for dims, _ in space.inputs:
        wide = (1,) * (len(space.dims) - len(dims)) + dims
        masks.append((wide[:-1] == space.dims[:-1] and rows > 1, wide[-1] > 1))
    numbers = frozenset(i for i, t in enumerate(taken) if t is raw)
    for i in numbers:
        masks[i] = (True, True)
    body = masked(space, masks)
    if body is None:
        return None
    inputs = [given[t] for t in taken if t is not raw]
    return regions.Epilogue(body, numbers), (*inputs, *op.outputs)


def each(op: Operation, updates: Updates) -> Call | None:
    """A launch for as many updates as a kernel has parameters for; what all of them take is passed once."""
    body = updates_body(updates)
    if body is None:
        return None
    many, outputs = updates.split(op.inputs), len(body.members)
    common = tuple(k for k, t in enumerate(many[0]) if t.dims == () and all(taken[k] is t for taken in many))
    launches = []
    for first in range(0, len(many), _SETS):
        pointers: list[Pointer] = [many[0][k] for k in common]
        lengths: list[int] = []
        for i, taken in enumerate(many[first : first + _SETS], first):
            made = op.outputs[i * outputs : (i + 1) * outputs]
            lengths.append(math.prod(sizes(made[0].dims)))
            pointers += [*[t for k, t in enumerate(taken) if k not in common], *made]
        ends = list(itertools.accumulate(-(-n // shim.THREADS) for n in lengths))
        text = _side_by_side(body, len(lengths), common)
        launches.append(Launch(text, tuple(pointers), (*lengths, *ends), (max(ends[-1], 1), 1)))
    return call(launches)


def _call(space: Space, pointers: tuple[Pointer, ...]) -> Call | None:
    kept = tuple([1 if i in space.axes else d for i, d in enumerate(space.dims)])
    loops, masks = collapse(space.dims, [*[dims for dims, _ in space.inputs], kept], apart=bool(space.columns))
    body = masked(space, masks)
    if body is None:
        return None
    count = math.prod(loops)
    if all(m.fold is None for m in space.members):
        wide = _together(body, loops, count, rest=len(loops) == 1)
        text = _elementwise(body, len(loops), division(count), wide)
        blocks = min(blocks_for(-(-count // wide)), _BUSY)
        launch = Launch(text, pointers, (*loops, *space.column_numbers), (blocks, 1), resident=_resident(wide))
        return call([launch], pointwise=not space.columns and (space.again is None or not space.again.rows))
    folded = tuple([not moves for moves in masks[-1]]) if loops != (1,) else (True,)
    return _reducing(body, loops, folded, pointers)


def _together(body: Body, loops: Sizes, count: int, rest: bool) -> int:
    """How many neighbours a thread takes: one where there are too few of them to keep a GPU busy.

    rest   whether some may be left over; else rows are whole groups
    """
    lanes = lanes_of(body) if count >= MANY else 1
    return lanes if rest else math.gcd(loops[-1], lanes)


def _resident(lanes: int) -> int:
    """How many blocks a processor should have at a time: where memory sets the pace many loads must be on their way."""
    return shim.RESIDENT if lanes == 1 else _STREAMING


def _reducing(body: Body, loops: Sizes, folded: tuple[bool, ...], pointers: tuple[Pointer, ...]) -> Call | None:
    """One kernel with all stages, or where there is little to do side by side, two for each stage."""
    kept, inner = (math.prod(n for n, f in zip(loops, folded, strict=True) if f is flag) for flag in (False, True))
    form = _form(folded, kept, inner)
    if form.streams:
        form = replace(form, lanes=_together(body, loops, kept * inner, rest=False))
    stages, bits = Stages(body, folded), division(math.prod(loops))
    if sum(len(stages.folds(s)) for s in range(stages.count)) * 8 * form.across * form.along > _SHARED:
        return None
    blocks = blocks_for(kept, form.across)
    each_thread = -(-inner // form.along)
    merging = _merging_form(folded, kept)
    chunks = min(-(-each_thread // _WORK), -(-_BUSY // blocks), _MERGED * merging.along)
    if chunks <= 1 or shim.SIMULATED and chunks < 3:
        text, resident = _whole(body, form, bits), _resident(form.lanes)
        return call([Launch(text, pointers, loops, (blocks, 1), form.threads, resident)])
    room, span = Room(), -(-inner // (chunks * form.lanes)) * form.lanes

    def place(dtype: str, count: int) -> Scratch:
        return room.take(dtype, count, as_dtype(dtype).size)

    outer = {i: place(body.dtypes[i], kept) for i in carried(stages)}
    launches: list[Launch] = []
    for stage in range(stages.count):
        before = [outer[i] for i in outer if stages.stage[i] <= stage]
        after = [outer[i] for i in outer if stages.stage[i] <= stage + 1]
        folds = [reductions.Fold(stages, i) for i in stages.folds(stage)]
        partial = [place(f.dtype, chunks * kept) for f in folds]
        if stages.has_walk(stage):
            text = _chunk_walk(body, form, bits, stage)
            taken, numbers, grid = (*pointers, *before, *partial), (span, *loops), (blocks, chunks)
            launches.append(Launch(text, taken, numbers, grid, form.threads, _resident(form.lanes)))
        if folds:
            text = _chunk_merge(body, merging, bits, stage)
            grid = blocks_for(kept, merging.across), 1
            launches.append(Launch(text, (*pointers, *after, *partial), (chunks, *loops), grid, merging.threads))
    return call(launches, room.nbytes)


def _form(folded: tuple[bool, ...], kept: int, inner: int) -> Form:
    """How many threads lie along the folded loops: neighbours in memory are taken by neighbouring threads."""
    if folded[-1]:
        along = min(_power(max(inner // 4, 1)), shim.THREADS)
        return Form(folded, shim.THREADS // along, along, True)
    across = min(_power(max(kept, 1)), WARP, shim.THREADS)
    if shim.SIMULATED:
        across = min(across, 2)
    return Form(folded, across, shim.THREADS // across, False)


def _merging_form(folded: tuple[bool, ...], kept: int) -> Form:
    """Of threads that merge chunks: few across, since there are many chunks."""
    across = min(_power(max(kept, 1)), 2 if shim.SIMULATED else _SECTOR)
    return Form(folded, across, shim.THREADS // across, False)


def _power(n: int) -> int:
    """The power of two that is not less."""
    return 1 << (n - 1).bit_length()
