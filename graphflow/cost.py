"""What operations cost, known from their shapes before anything runs.

A FLOP is one arithmetic operator, comparison or call of a scalar function, whatever the dtype; casts, `and`, `or` and
`not` are free.
"""

from __future__ import annotations

import ast
import functools

from graphflow.operation import Operation
from graphflow.ops.fused import members, repeats
from graphflow.ops.lowering import Elementwise, Reduce
from graphflow.shape import elements, known


def flops(op: Operation) -> int | None:
    """The FLOPs of an operation, of a region those of all its members in all rounds; None when they are not known."""
    total = 0
    for member in members(op):
        one = _flops(member)
        if one is None:
            return None
        total += one
    rounds = repeats(op)
    return None if rounds is None else total * rounds


def divided(op: Operation) -> list[tuple[Operation, int | None, float]]:
    """The operations that this one stands for, the FLOPs of each, and its share of the time.

    Shares go by FLOPs; where these are not known, or all are zero, they are equal.
    """
    inside = members(op)
    costs = [flops(member) for member in inside]
    weights = [cost or 0 for cost in costs] if None not in costs and any(costs) else [1] * len(inside)
    total = sum(weights)
    return [(m, cost, weight / total) for m, cost, weight in zip(inside, costs, weights, strict=True)]


def _flops(op: Operation) -> int | None:
    """What the record says, or else what its lowering shows."""
    record = op.definition
    if not all(known(t.dims) for t in (*op.inputs, *op.outputs)):
        return None
    if record.flops is not None:
        return record.flops(op)
    if record.moves:
        return 0
    kind = record.lower(op)
    if isinstance(kind, Elementwise):
        return sum(_operators(e) * elements(t.dims) for e, t in zip(kind.expressions, op.outputs, strict=True))
    if isinstance(kind, Reduce):
        return _operators(kind.step) * elements(op.inputs[0].dims) + _operators(kind.finish) * elements(op.output.dims)
    return None


@functools.cache
def _operators(expression: str) -> int:
    """How many FLOPs one evaluation takes; of a choice `a if test else b`, all three parts."""
    total = 0
    for node in ast.walk(ast.parse(expression, mode="eval")):
        if isinstance(node, ast.Compare):
            total += len(node.ops)
        elif isinstance(node, ast.BinOp):
            total += 1
        elif isinstance(node, ast.UnaryOp):
            total += not isinstance(node.op, ast.Not) and not isinstance(node.operand, ast.Constant)  # -1 is a number
        elif isinstance(node, ast.Call):
            total += ast.unparse(node.func) != "T"
    return total
