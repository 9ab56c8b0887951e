"""The opposite of broadcasting."""

from __future__ import annotations

from graphflow.backends.base import Call
from graphflow.backends.cpu.generate import fold
from graphflow.operation import Operation
from graphflow.ops.lowering import Reduce
from graphflow.shape import sizes


def sum_to(op: Operation) -> Call | None:
    """The sum over the axes that broadcasting added or stretched."""
    x, out = op.inputs[0], op.output
    dims, target = sizes(x.dims), sizes(out.dims)
    wide = (1,) * (len(dims) - len(target)) + target
    axes = tuple(i for i, (a, b) in enumerate(zip(dims, wide, strict=True)) if a != b)
    wider = "float64" if x.dtype.is_floating else None
    return fold(Reduce("0", "acc + x", accumulator=wider), x, out, axes)


KERNELS = {"sum_to": sum_to}
