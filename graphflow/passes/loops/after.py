"""What a loop computes that no later round needs: moved behind it, for all rounds at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import ADD
from graphflow.ops.basic import ZEROS_LIKE
from graphflow.ops.define import CONST
from graphflow.ops.fill import FILL
from graphflow.ops.join import CONCAT
from graphflow.ops.linalg import MATMUL
from graphflow.ops.reduce import SUM
from graphflow.ops.shape_ops import RESHAPE
from graphflow.passes.expand import Maker
from graphflow.passes.loops.ahead import with_rows
from graphflow.passes.loops.form import Loop, Rebuilt, Variable
from graphflow.passes.loops.rounds import can_be_one, constant_axis, for_all_rounds
from graphflow.shape import elements, sizes


def move_after(op: Operation, fired: Counter[str]) -> Rebuilt | None:
    """The loop without sums of products, and without products of which it only stacks the results.

    It stacks the factors instead; behind it there is one product over all rounds.
    Changes the order in which the products are summed.
    """
    loop = Loop(op)
    if not loop.rounds:
        return None
    rows = with_rows(loop)
    stacked = dict(loop.stacked)
    sums = _sums(loop, {*rows, *stacked})
    more = {t for _, term in sums for t in _factors(term)} - set(rows) - set(stacked)
    late = _late(loop, set(rows), {*stacked, *more})
    if not sums and not late:
        return None
    loop.variables = [v for v in loop.variables if all(v is not w for w, _ in sums)]
    for t in _taken_by(late, set(rows) | set(loop.captured)):
        more |= set() if t in stacked else {t}
    gone = {t: row for t, row in loop.stacked if t.op in late}
    doubled = [(t, row) for t, row in loop.stacked if t in gone]
    loop.stacked = [(t, row) for t, row in loop.stacked if t not in gone] + [(t, t) for t in more]
    made = loop.rebuilt()
    rows.update((t, made.outputs[row]) for t, row in loop.stacked)
    make = Maker(op)
    for each in loop.ops:
        if each in late:
            rows[each.output] = for_all_rounds(each, rows, loop.captured, loop.rounds, make)
    for t, row in doubled:
        made.outputs[row] = rows[t]
    for v, term in sums:
        total = _summed(term, rows, make)
        made.outputs[v.result] = total if _is_zero(v.initial) else make(ADD, v.initial, total)
    made.after += make.made
    fired["sum moved behind"] += len(sums)
    fired["moved behind"] += len(late)
    return made


# -- sums ------------------------------------------------------------------------------------------------------------
def _sums(loop: Loop, free: set[Tensor]) -> list[tuple[Variable, Operation]]:
    """Variables to which every round adds a product, or a sum over rows, and that nobody else looks at."""
    uses, found = loop.uses(), []
    inside = {op for op in loop.ops if op.definition is not CONST}
    for v in loop.variables:
        add = v.following.op
        if add.definition is not ADD or v.feed not in add.inputs or v.tested is not None:
            continue
        term = add.inputs[0] if add.inputs[1] is v.feed else add.inputs[1]
        once = uses.get(v.feed) == uses.get(v.following) == uses.get(term) == 1
        if once and term.op in inside and term.dims == v.feed.dims and _factors(term.op):
            found.append((v, term.op))
    kept: list[tuple[Variable, Operation]] = []
    for v, product in sorted(found, key=lambda each: each[1].definition is not MATMUL):
        new = [t for t in _factors(product) if t not in free]
        varies = all(t.op in inside or t in loop.items or any(t is w.feed for w in loop.variables) for t in new)
        if varies and sum(elements(t.dims) for t in new) <= 2 * elements(v.feed.dims):  # as to read and write the sum
            free |= set(new)
            kept.append((v, product))
    return kept


def _factors(term: Operation) -> list[Tensor]:
    """The tensors whose rows a term sums over; none for other terms."""
    if term.definition is MATMUL and term.attrs["transpose_a"] and not term.attrs["transpose_b"]:
        return list(dict.fromkeys(term.inputs))
    if term.definition is SUM and term.inputs[1].op.definition is CONST:
        axes = term.inputs[1].op.attrs["value"].ravel().tolist()
        return [term.inputs[0]] if axes == [0] and not term.attrs.get("keep_dims") else []
    return []


def _summed(term: Operation, rows: Mapping[Tensor, Tensor], make: Maker) -> Tensor:
    """The sum of the terms of all rounds: a product over all rows, one for each part of a joined left side."""

    def flat(t: Tensor) -> Tensor:
        dims = sizes(t.dims)
        return make(RESHAPE, t, make.constant(np.array([dims[0] * dims[1], *dims[2:]], np.int32)))

    if term.definition is SUM:
        return make(SUM, flat(rows[term.inputs[0]]), make.constant(np.array([0], np.int32)), **term.attrs)
    a, b = term.inputs
    left, right = rows[a], flat(rows[b])
    joined = left.op.definition is CONCAT and constant_axis(left.op) == 2
    parts = left.op.inputs[:-1] if joined else (left,)
    products = [make(MATMUL, flat(part), right, **term.attrs) for part in parts]
    return products[0] if not joined else make(CONCAT, *products, make.constant(np.int32(0)))


def _is_zero(t: Tensor) -> bool:
    """Whether a sum may as well begin without it: 0.0 + x is x for what is a sum itself, and never -0.0."""
    record = t.op.definition
    if record is FILL:
        return _is_zero(t.op.inputs[1])
    return record is ZEROS_LIKE or record is CONST and not t.op.attrs["value"].any()


# -- what is only stacked --------------------------------------------------------------------------------------------
def _late(loop: Loop, rows: set[Tensor], stacked: set[Tensor]) -> set[Operation]:
    """Products whose results are only stacked, what follows from them, and joins."""
    varying = rows | {t for op in loop.ops if op.definition is not CONST for t in op.outputs}
    varying |= {v.feed for v in loop.variables}
    same = set(loop.captured)
    users: dict[Tensor, list[Operation]] = {}
    for op in loop.ops:
        for t in op.inputs:
            users.setdefault(t, []).append(op)
    carried = {v.following for v in loop.variables}
    wanted = {t for t, _ in loop.stacked}
    late: set[Operation] = set()
    for op in reversed(loop.ops):
        if op.definition is CONST or not can_be_one(op, varying, same) or op.output in carried:
            continue
        readers = users.get(op.output, [])
        if (readers or op.output in wanted) and all(each in late for each in readers):
            late.add(op)
    heavy: set[Operation] = set()
    for op in loop.ops:
        if op in late and (op.definition is MATMUL or any(t.op in heavy for t in op.inputs)):
            heavy.add(op)
    chosen = set(heavy)
    for op in loop.ops:
        if op in late and op.definition is CONCAT and all(each in heavy for each in users.get(op.output, [])):
            chosen.add(op)  # the parts are stacked instead, those that have no rows yet
    return chosen if _pays(loop, chosen, rows | same, stacked) else set()


def _pays(loop: Loop, late: set[Operation], free: set[Tensor], stacked: set[Tensor]) -> bool:
    """Whether not much more is stacked than before."""
    new = sum(elements(t.dims) for t in _taken_by(late, free | stacked))
    return new <= 2 * sum(elements(t.dims) for t, _ in loop.stacked if t.op in late)


def _taken_by(late: set[Operation], free: set[Tensor]) -> list[Tensor]:
    """What these operations take that the body makes, and that is not there outside."""
    made = {t for op in late for t in op.outputs}
    taken = dict.fromkeys(t for op in late for t in op.inputs)
    return [t for t in taken if t not in made and t not in free and t.op.definition is not CONST]
