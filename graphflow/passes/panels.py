"""Panels: matrices that a loop multiplies by in every round are laid out as its kernels want them, once before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from graphflow.operation import Operation, Tensor
from graphflow.ops.linalg import MATMUL
from graphflow.ops.panels import PANELS_MATMUL, TO_PANELS
from graphflow.passes.expand import Maker
from graphflow.passes.loops.form import Loop, Rebuilt, with_loops
from graphflow.program import Program
from graphflow.shape import sizes

# How a backend lays out the right side of a product: `lanes`, `vectors` and `depth` of graphflow.ops.panels; None where
# it takes the matrix as it is.
Panels = Callable[[Operation], dict[str, int] | None]


def pack_panels(program: Program, fired: Counter[str], panels: Panels) -> Program:
    """Products in loops, with what does not change in them, take panels that are made before the loop."""
    return with_loops(program, lambda old, op: _packed(op, fired, panels))


def _packed(op: Operation, fired: Counter[str], panels: Panels) -> Rebuilt | None:
    """The loop with panels before it."""
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
        return None
    loop.substitute(new, ops)
    taken = {t for each in loop.ops for t in each.inputs}.union(loop.fetches)
    loop.captured = {t: outer for t, outer in loop.captured.items() if t in taken}
    rebuilt = loop.rebuilt()
    rebuilt.before[:0] = outside.made
    fired["in panels"] += len(new)
    return rebuilt
