"""Panels: matrices that a loop multiplies by in every round are laid out as its kernels want them, once before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from graphflow.operation import Operation, Tensor
from graphflow.ops.linalg import MATMUL
from graphflow.ops.panels import PANELS_MATMUL, TO_PANELS
from graphflow.passes.engine import Substitution
from graphflow.passes.expand import Maker
from graphflow.passes.loops import is_loop
from graphflow.passes.loops.form import Loop, Rebuilt
from graphflow.program import Program
from graphflow.shape import sizes

# How a backend lays out the right side of a product: `lanes`, `vectors` and `depth` of graphflow.ops.panels; None where
# it takes the matrix as it is.
Panels = Callable[[Operation], dict[str, int] | None]


def pack_panels(program: Program, fired: Counter[str], panels: Panels) -> Program:
    """Products in loops, with what does not change in them, take panels that are made before the loop."""
    copy = Substitution(program)
    count = 0
    for old in program.ops:
        op = copy.updated(old)
        made, number = _packed(op, panels) if is_loop(op) else (None, 0)
        count += number
        if made is None:
            copy.put(old, op)
        else:
            outputs = {t: made.outputs[u] for t, u in zip(old.outputs, op.outputs, strict=True)}
            copy.put_parts(old, made.loop, [*made.before, made.loop], outputs)
    if not count:
        return program
    fired["in panels"] += count
    return copy.finish()


def _packed(op: Operation, panels: Panels) -> tuple[Rebuilt | None, int]:
    """The loop with panels before it, and how many products take them."""
    loop, outside = Loop(op), Maker(op)
    feeds: dict[tuple[Tensor, bool], Tensor] = {}
    new: dict[Tensor, Tensor] = {}
    ops: list[Operation] = []
    for each in loop.ops:
        layout = panels(each) if each.definition is MATMUL and each.inputs[1] in loop.captured else None
        if layout is None:
            ops.append(each)
            continue
        a, b = each.inputs
        flipped = each.attrs["transpose_b"]
        feed = feeds.get((b, flipped))
        if feed is None:
            made = outside(TO_PANELS, loop.captured[b], transpose=flipped, **layout)
            feed = feeds[b, flipped] = loop.feed(made.dims, b)
            loop.captured[feed] = made
        make = Maker(each)
        new[each.output] = make(PANELS_MATMUL, a, feed, columns=sizes(each.output.dims)[1], **layout)
        ops += make.made
    if not new:
        return None, 0
    loop.substitute(new, ops)
    taken = {t for each in loop.ops for t in each.inputs}.union(loop.fetches)
    loop.captured = {t: outer for t, outer in loop.captured.items() if t in taken}
    rebuilt = loop.rebuilt()
    rebuilt.before[:0] = outside.made
    return rebuilt, len(new)
