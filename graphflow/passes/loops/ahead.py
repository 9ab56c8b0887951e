"""What a loop computes from what is known before it: moved in front of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import ADD
from graphflow.ops.define import CONST
from graphflow.ops.linalg import MATMUL
from graphflow.ops.lowering import Elementwise, View
from graphflow.passes.expand import Maker
from graphflow.passes.loops.form import Loop, Rebuilt
from graphflow.passes.loops.products import joined_left, parts_apart
from graphflow.passes.loops.rounds import can_be_one, for_all_rounds


def move_ahead(op: Operation, fired: Counter[str]) -> Rebuilt | None:
    """The loop without what is the same in every round, and without products that need nothing of earlier rounds.

    The latter become one product over all rounds, whose results the loop takes row by row.
    """
    loop, make = Loop(op), Maker(op)
    counts = Counter[str]()
    _split_products(loop, counts)
    _move_constant(loop, make, counts)
    if loop.rounds:
        _move_rows(loop, make, counts)
    if not counts:
        return None
    fired.update(counts)
    made = loop.rebuilt()
    made.before[:0] = make.made
    return made


def unchanging(loop: Loop) -> set[Tensor]:
    """Tensors of the body that are the same in all rounds."""
    same = set(loop.captured)
    for op in loop.ops:
        if _pure(op) and op.definition is not CONST and all(t in same or _constant(t) for t in op.inputs):
            same.update(op.outputs)
    return same


def with_rows(loop: Loop) -> dict[Tensor, Tensor]:
    """For the items of sequences that have as many rows as there are rounds: these sequences."""
    return {t: rows for t, rows in loop.items.items() if rows.dims and rows.dims[0] == loop.rounds}


def _pure(op: Operation) -> bool:
    return not op.definition.stateful and not op.definition.draws and bool(op.outputs)


def _constant(t: Tensor) -> bool:
    return t.op.definition is CONST


def _early(loop: Loop, same: set[Tensor]) -> set[Tensor]:
    """Tensors that are known for all rounds before the first one."""
    early = set(with_rows(loop))
    for op in loop.ops:
        if op.definition is not CONST and can_be_one(op, early, same):
            early.update(op.outputs)
    return early


def _split_products(loop: Loop, fired: Counter[str]) -> None:
    same, uses, inner = unchanging(loop), loop.uses(), _inner(loop)
    _replace(loop, lambda op, make: parts_apart(op, same, uses, inner, make), fired)
    same = unchanging(loop)
    early = _early(loop, same) if loop.rounds else set[Tensor]()

    def joined(op: Operation, make: Maker) -> list[Tensor] | None:
        found = joined_left(op, same, early, make)
        return None if found is None else [found]

    _replace(loop, joined, fired)


def _replace(loop: Loop, rule: Callable[[Operation, Maker], list[Tensor] | None], fired: Counter[str]) -> None:
    """The body with what the rule gives for the outputs of an operation."""
    new: dict[Tensor, Tensor] = {}
    ops: list[Operation] = []
    for op in loop.ops:
        make = Maker(op)
        found = rule(op, make)
        ops += make.made
        if found is None:
            ops.append(op)
        else:
            new.update(zip(op.outputs, found, strict=True))
            fired["product split"] += 1
    if new:
        loop.substitute(new, ops)


def _inner(loop: Loop) -> set[Tensor]:
    """Tensors that the next round needs, but for sums that nobody looks at before the loop has ended."""
    made_by = {t: op for op in loop.ops for t in op.outputs}
    sums = {v.following for v in loop.variables if v.following.op.definition is ADD and v.feed in v.following.op.inputs}
    stack = [v.following for v in loop.variables if v.following not in sums]
    inner: set[Tensor] = set()
    while stack:
        t = stack.pop()
        if t not in inner:
            inner.add(t)
            if t in made_by:
                stack.extend(made_by[t].inputs)
    return inner


def _move_constant(loop: Loop, make: Maker, fired: Counter[str]) -> None:
    outside = dict(loop.captured)
    moved: set[Operation] = set()
    for op in loop.ops:
        if not _pure(op) or op.definition is CONST or not any(t in outside for t in op.inputs):
            continue
        if not all(t in outside or _constant(t) for t in op.inputs):
            continue
        if not loop.rounds and not isinstance(op.definition.lower(op), (Elementwise, View)):
            continue  # it might fail where the loop would not have run it
        inputs = tuple([outside[t] if t in outside else make.constant(t.op.attrs["value"]) for t in op.inputs])
        made = op.rebuild(inputs, [(t.dims, t.dtype) for t in op.outputs])
        make.made.append(made)
        outside.update(zip(op.outputs, made.outputs, strict=True))
        moved.add(op)
    if not moved:
        return
    fired["moved ahead"] += len(moved)
    rest = [op for op in loop.ops if op not in moved]
    taken = {t for op in rest for t in op.inputs}.union(loop.fetches)
    new: dict[Tensor, Tensor] = {}
    for op in moved:
        for t in op.outputs:
            if t in taken:
                new[t] = loop.feed(t.dims, t)
                loop.captured[new[t]] = outside[t]
    loop.substitute(new, rest)


def _move_rows(loop: Loop, make: Maker, fired: Counter[str]) -> None:
    """Products of rows, and what follows from them and other rows alone, for all rounds at once."""
    rows, same = with_rows(loop), dict(loop.captured)
    early, heavy = set(rows), set[Tensor]()
    makers: dict[Tensor, Operation] = {}
    for op in loop.ops:
        if op.definition is CONST or not can_be_one(op, early, set(same)):
            continue
        early.add(op.output)
        makers[op.output] = op
        if op.definition is MATMUL or not heavy.isdisjoint(op.inputs):
            heavy.add(op.output)
    if not heavy:
        return
    rest = [op for op in loop.ops if not op.outputs or op.outputs[0] not in heavy]
    taken = {t for op in rest for t in op.inputs}.union(loop.fetches)
    new: dict[Tensor, Tensor] = {}
    for t in [t for t in heavy if t in taken]:
        _all_rows(t, makers, rows, same, loop.rounds or 0, make)
        new[t] = loop.feed(t.dims, t)
        loop.items[new[t]] = rows[t]
    fired["for all rounds"] += len(heavy)
    loop.substitute(new, rest)


def _all_rows(
    t: Tensor, makers: dict[Tensor, Operation], rows: dict[Tensor, Tensor], same: dict[Tensor, Tensor], count: int,
    make: Maker,
) -> None:  # fmt: skip
    """Make the rows of a tensor, and before them those that they are made of."""
    stack = [t]
    while stack:
        top = stack[-1]
        op = makers.get(top)
        waiting = [] if op is None or top in rows else [u for u in op.inputs if u in makers and u not in rows]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        if op is not None and top not in rows:
            rows[top] = for_all_rounds(op, rows, same, count, make)
