"""Composite operations become the simple ones that they are made of, which fuse with what is around them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef
from graphflow.passes.engine import Substitution
from graphflow.passes.match import build, constant
from graphflow.passes.prune import drop_dead
from graphflow.program import Program
from graphflow.shape import known


class Maker:
    """Makes operations in the place of another one."""

    def __init__(self, like: Operation) -> None:
        self.like = like
        self.made: list[Operation] = []

    def __call__(self, record: OpDef, *inputs: Tensor, **attrs: Any) -> Tensor:
        t = build(self.like, record, *inputs, **attrs)
        self.made.append(t.op)
        return t

    def constant(self, value: Any) -> Tensor:
        t = constant(self.like, value)
        self.made.append(t.op)
        return t


def expand_composites(program: Program, fired: Counter[str] | None = None) -> Program:
    """Replace every operation whose record says what it is made of, once its shapes are known."""
    copy = Substitution(program)
    count = 0
    for old in program.ops:
        op = copy.updated(old)
        expand = op.definition.expand
        make = Maker(op)
        outputs = None
        if expand is not None and all(known(t.dims) for t in (*op.inputs, *op.outputs)):
            outputs = expand(op, make)
        if outputs is None:
            copy.put(old, op)
        else:
            copy.ops += make.made
            copy.replace(old, outputs)
            count += 1
    if not count:
        return program
    if fired is not None:
        fired["expanded"] += count
    return drop_dead(copy.finish())
