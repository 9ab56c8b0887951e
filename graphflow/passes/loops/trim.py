"""A loop without what nobody needs: variables, rows that are taken, rows that are stacked, and what makes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container

from graphflow.operation import Operation, Tensor
from graphflow.passes.loops.form import Loop, Rebuilt
from graphflow.passes.prune import acts


def trim(op: Operation, wanted: Container[Tensor], fired: Counter[str]) -> Rebuilt | None:
    """The loop with what leads to the wanted ones of its outputs, and to what it does to variables; None for no change.

    A variable that an iteration passes on as it is counts as captured; rows that are stacked twice are stacked once,
    and rows that are taken and stacked again are not stacked at all.
    """
    loop = Loop(op)
    merged: dict[Tensor, Tensor] = {}  # outputs that another tensor stands for
    passed = {v.feed for v in loop.variables if v.following is v.feed}
    for v in loop.variables:
        if v.feed in passed:
            loop.captured[v.feed] = v.initial
            if v.tested is not None:
                loop.test_captured[v.tested] = v.initial
            merged[v.result] = v.initial
    loop.variables = [v for v in loop.variables if v.feed not in passed]
    first: dict[Tensor, Tensor] = {}
    for t, row in loop.stacked:
        if t in loop.items and loop.rounds is not None and loop.items[t].dims == row.dims:
            merged[row] = loop.items[t]
        elif row in wanted and first.setdefault(t, row) is not row:
            merged[row] = first[t]
    loop.stacked = [(t, row) for t, row in loop.stacked if row in wanted and row not in merged]
    needed = _needed(loop, wanted)
    loop.variables = [v for v in loop.variables if v.feed in needed]
    if loop.test is not None:
        kept = {v.tested for v in loop.variables} | set(loop.test_captured)
        assert all(t in kept for t in loop.test.feeds if _used(loop.test.ops, loop.test.fetches, t))
    loop.items = {t: rows for t, rows in loop.items.items() if t in needed}
    loop.captured = {t: outer for t, outer in loop.captured.items() if t in needed}
    loop.ops = [each for each in loop.ops if acts(each) or not needed.isdisjoint(each.outputs)]
    _merge_feeds(loop)
    old = op.attrs
    sizes = len(loop.variables), len(loop.items), len(loop.stacked), len(loop.captured)
    before = old["variables"], old["sequences"], _rows(op), len(Loop(op).captured)
    if sizes == before and not merged:
        return None
    fired["trimmed"] += 1
    made = loop.rebuilt()
    for row, other in merged.items():
        made.outputs[row] = made.outputs.get(other, other)
    return made


def _rows(op: Operation) -> int:
    return len(op.outputs) - len(op.definition.writes) - op.attrs["variables"] - 1


def _needed(loop: Loop, wanted: Container[Tensor]) -> set[Tensor]:
    """Tensors of the body that its effects need, what is stacked, and variables that somebody needs."""
    made_by = {t: op for op in loop.ops for t in op.outputs}
    following = {v.feed: v.following for v in loop.variables}
    tested = set() if loop.test is None else {t for t in loop.test.feeds if _used(loop.test.ops, loop.test.fetches, t)}
    stack = [t for op in loop.ops if acts(op) for t in op.inputs] + [t for t, _ in loop.stacked]
    stack += [v.feed for v in loop.variables if v.result in wanted or v.tested in tested]
    needed: set[Tensor] = set()
    while stack:
        t = stack.pop()
        if t in needed:
            continue
        needed.add(t)
        if t in following:
            stack.append(following[t])
        elif t in made_by:
            stack.extend(made_by[t].inputs)
    return needed


def _used(ops: tuple[Operation, ...], fetches: tuple[Tensor, ...], t: Tensor) -> bool:
    return t in fetches or any(t in op.inputs for op in ops)


def _merge_feeds(loop: Loop) -> None:
    """One feed for each tensor outside."""
    new: dict[Tensor, Tensor] = {}
    for feeds in (loop.items, loop.captured):
        first: dict[Tensor, Tensor] = {}
        for t, outer in list(feeds.items()):
            known = first.setdefault(outer, t)
            if known is not t:
                new[t] = known
                del feeds[t]
    if new:
        loop.substitute(new, loop.ops)
