"""A short loop of little work is laid out in a row: no rounds to count, and fusion across them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.define import CONST
from graphflow.ops.join import PACK, UNPACK
from graphflow.passes.expand import Maker
from graphflow.passes.loops.form import Loop, Rebuilt
from graphflow.passes.prune import acts
from graphflow.shape import elements


@dataclass(frozen=True)
class Short:
    """Which loops are short: up to so many rounds, operations of all rounds together, and elements of a tensor.

    By default those in which an operation takes no longer than it takes to come to the next round.

    together   of how many rounds a loop of elementwise operations may be one kernel; None for any number, known or not
    """

    rounds: int = 8
    operations: int = 64
    elements: int = 4096
    together: int | None = 0


def unroll(op: Operation, stacks: dict[Tensor, Sequence[Tensor]], short: Short) -> Rebuilt | None:
    """Operations instead of the loop; None where that does not pay, or where rounds have effects.

    stacks   the rows of tensors that other loops have stacked, which need not be stacked to be taken; more are added
    """
    loop = Loop(op)
    count = loop.rounds
    if count is None or op.definition.refs or not _pays(loop, count, short):
        return None
    make = Maker(op)
    fixed = dict(loop.captured)
    for each in loop.ops:
        if each.definition is CONST:
            fixed[each.output] = make.constant(each.attrs["value"])
    state = {v.feed: v.initial for v in loop.variables}
    rows = {feed: _rows(outer, count, stacks, make) for feed, outer in loop.items.items()}
    stacked: list[list[Tensor]] = [[] for _ in loop.stacked]
    for i in reversed(range(count)) if op.attrs["reverse"] else range(count):
        known = {**fixed, **state, **{feed: row[i] for feed, row in rows.items()}}
        _run(loop.ops, known, make)
        state = {v.feed: known[v.following] for v in loop.variables}
        for (t, _), row in zip(loop.stacked, stacked, strict=True):
            row.append(known[t])
    outputs = {v.result: state[v.feed] for v in loop.variables}
    for (_, out), row in zip(loop.stacked, stacked, strict=True):
        in_order = row[::-1] if op.attrs["reverse"] else row
        outputs[out] = make(PACK, *in_order, axis=0)
        stacks[outputs[out]] = in_order
    skip = len(op.definition.writes) + len(loop.variables)
    outputs[op.outputs[skip]] = make.constant(np.int32(count))
    return Rebuilt(make.made[:-1], make.made[-1], [], outputs)


def _pays(loop: Loop, count: int, short: Short) -> bool:
    work = [op for op in loop.ops if op.definition is not CONST]
    if not 0 < count <= short.rounds or count * len(work) > short.operations:
        return False
    if any(acts(op) or op.definition.draws or op.definition.stateful or op.definition.calls for op in work):
        return False
    made = [*[t for op in work for t in op.outputs], *[v.feed for v in loop.variables]]
    return all(elements(t.dims) <= short.elements for t in made if t.dims is not None)


def _rows(outer: Tensor, count: int, stacks: Mapping[Tensor, Sequence[Tensor]], make: Maker) -> Sequence[Tensor]:
    """The rows of a sequence, which may have more of them."""
    found = stacks.get(outer)
    if found is None:
        number = (outer.dims or (count,))[0]
        made = make(UNPACK, outer, num=number, axis=0)
        found = made.op.outputs
    return found


def _run(ops: Sequence[Operation], known: dict[Tensor, Tensor], make: Maker) -> None:
    """The operations of a round, over tensors that are known."""
    for op in ops:
        if op.definition is CONST:
            continue
        made = op.rebuild(tuple([known[t] for t in op.inputs]), [(t.dims, t.dtype) for t in op.outputs])
        make.made.append(made)
        known.update(zip(op.outputs, made.outputs, strict=True))
