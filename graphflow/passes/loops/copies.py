"""Values that leave an iteration more than once, or as they came: a kernel that has them in registers writes them."""

from __future__ import annotations

from collections import Counter

from graphflow.operation import Operation
from graphflow.ops.basic import COPY
from graphflow.passes.expand import Maker
from graphflow.passes.loops.form import Loop, Rebuilt


def copy_in_place(op: Operation, fired: Counter[str]) -> Rebuilt | None:
    """The loop with a Copy of its own for each row that is stacked of a value that goes elsewhere too, or is a feed."""
    loop, make = Loop(op), Maker(op)
    taken = {v.following for v in loop.variables}
    made = {t for each in loop.ops for t in each.outputs}
    for i, (t, row) in enumerate(loop.stacked):
        if (t in taken or t not in made) and t.dtype.is_floating and t.dtype.size >= 4:
            loop.stacked[i] = make(COPY, t), row
        taken.add(t)
    if not make.made:
        return None
    fired["copied on the way"] += len(make.made)
    loop.ops += make.made
    return loop.rebuilt()
