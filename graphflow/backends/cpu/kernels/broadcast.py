"""The opposite of broadcasting."""

from __future__ import annotations

from graphflow.backends.base import Call
from graphflow.backends.cpu.generate import fold
from graphflow.operation import Operation
from graphflow.ops.lowering import Reduce
from graphflow.shape import sizes


def folded(op: Operation) -> tuple[Reduce, tuple[int, ...]]:
    """(how, the axes that broadcasting added or stretched)"""
    x, out = op.inputs[0], op.output
    dims, target = sizes(x.dims), sizes(out.dims)
    wide = (1,) * (len(dims) - len(target)) + target
    axes = tuple(i for i, (a, b) in enumerate(zip(dims, wide, strict=True)) if a != b)
    return Reduce("0", "acc + x", accumulator="float64" if x.dtype.is_floating else None), axes


def sum_to(op: Operation) -> Call | None:
    """The sum over the axes that broadcasting added or stretched."""
    kind, axes = folded(op)
    return fold(kind, op.inputs[0], op.output, axes)


KERNELS = {"sum_to": sum_to}
