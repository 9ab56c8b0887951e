"""Broadcasting and its opposite, as generated loops."""

from __future__ import annotations

from graphflow.backends import codegen
from graphflow.backends.base import Call
from graphflow.backends.cpu.generate import fold
from graphflow.operation import Operation
from graphflow.ops.lowering import Elementwise, Reduce
from graphflow.shape import sizes


def broadcast_to(op: Operation) -> Call:
    """Every element of the output from the one of the input that it repeats."""
    x, out = op.inputs[0], op.output
    source = codegen.elementwise(Elementwise("x"), ("x",), ((sizes(x.dims), x.dtype.name),), sizes(out.dims),
                                 (out.dtype.name,))  # fmt: skip
    return Call(source.text, (x, out), source.sizes, source=source.text)


def sum_to(op: Operation) -> Call:
    """The sum over the axes that broadcasting added or stretched."""
    x, out = op.inputs[0], op.output
    dims, target = sizes(x.dims), sizes(out.dims)
    wide = (1,) * (len(dims) - len(target)) + target
    axes = tuple(i for i, (a, b) in enumerate(zip(dims, wide, strict=True)) if a != b)
    wider = "float64" if x.dtype.is_floating else None
    return fold(Reduce("0", "acc + x", accumulator=wider), x, out, axes)


KERNELS = {"broadcast_to": broadcast_to, "sum_to": sum_to}
