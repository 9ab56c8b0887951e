"""Panels: matrices that many products share are laid out as their kernels want them, once.

The products may be those of all rounds of a loop, or stand side by side, as in a recurrent network that is unrolled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from graphflow.operation import Operation, Tensor
from graphflow.ops.linalg import MATMUL
from graphflow.ops.panels import PANELS_MATMUL, TO_PANELS
from graphflow.passes.engine import Substitution
from graphflow.passes.expand import Maker
from graphflow.passes.loops.form import Loop, Rebuilt, with_loops
from graphflow.program import Program
from graphflow.shape import known, sizes

# How a backend lays out the right side of a product: `lanes`, `vectors` and `depth` of graphflow.ops.panels; None where
# it takes the matrix as it is.
Panels = Callable[[Operation], dict[str, int] | None]


OFTEN = 4  # products for which a matrix is laid out


def pack_panels(program: Program, fired: Counter[str], panels: Panels) -> Program:
    """Products in loops, with what does not change in them, and products with one matrix take panels."""
    return _shared(with_loops(program, lambda old, op: _packed(op, fired, panels)), fired, panels)


def _shared(program: Program, fired: Counter[str], panels: Panels) -> Program:
    """With panels of matrices that many products take."""
    often = Counter(_right(op) for op in program.ops if op.definition is MATMUL)
    if max(often.values(), default=0) < OFTEN:
        return program
    copy, made = Substitution(program), dict[tuple[Tensor, bool], Tensor]()
    count = 0
    for old in program.ops:
        op = copy.updated(old)
        shared = op.definition is MATMUL and often[_right(old)] >= OFTEN
        layout = panels(op) if shared and all(known(t.dims) for t in op.inputs) else None
        if layout is None:
            copy.put(old, op)
            continue
        make, right = Maker(op), _right(op)
        if right not in made:
            made[right] = make(TO_PANELS, right[0], transpose=right[1], **layout)
        product = make(PANELS_MATMUL, op.inputs[0], made[right], columns=sizes(op.output.dims)[1], **layout)
        copy.ops += make.made
        copy.replace(old, [product])
        count += 1
    if not count:
        return program
    fired["in panels"] += count
    return copy.finish()


def _right(product: Operation) -> tuple[Tensor, bool]:
    """A matrix that others are multiplied by, and whether it is transposed."""
    return product.inputs[1], product.attrs["transpose_b"]


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
        b, flipped = right = _right(each)
        feed = feeds.get(right)
        if feed is None:
            made = outside(TO_PANELS, loop.captured[b], transpose=flipped, **layout)
            feed = feeds[right] = loop.feed(made.dims, b)
            loop.captured[feed] = made
        make = Maker(each)
        new[each.output] = make(PANELS_MATMUL, each.inputs[0], feed, columns=sizes(each.output.dims)[1], **layout)
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
