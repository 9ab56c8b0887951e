"""Kinds of lowering become calls of CPU kernels."""

from __future__ import annotations

from graphflow.backends.base import Call
from graphflow.backends.cpu.compile import ELEMENTS
from graphflow.backends.cpu.generate import alone, each, together
from graphflow.backends.cpu.kernels import BINDINGS
from graphflow.dtypes import ListType
from graphflow.operation import Operation, Tensor
from graphflow.ops.lowering import Each, Elementwise, Kernel, Random, Reduce, Together

_COMPUTED = {*ELEMENTS, "bool"}  # float16 and strings have no CPU kernels: their operations run the reference


def lower(op: Operation) -> Call | None:
    """The kernel call for an operation whose shapes are known; None when there is none and the reference runs."""
    kind = op.definition.lower(op)
    if kind is None:
        return None
    for t in op.inputs + op.outputs:
        if (t.dims is None or None in t.dims) and not isinstance(t.dtype, ListType):
            return None
    if isinstance(kind, Kernel):
        bind = BINDINGS.get(kind.name)
        call = None if bind is None else bind(op)
    elif isinstance(kind, (Elementwise, Reduce, Random)):
        call = alone(op, kind)
    elif isinstance(kind, Together):
        call = together(op, kind.region, lower)
    elif isinstance(kind, Each):
        call = each(op, kind.updates)
    else:
        call = None
    if call is not None:
        for p in call.pointers:
            if isinstance(p, Tensor) and p.dtype.name not in _COMPUTED and not isinstance(p.dtype, ListType):
                return None
    return call
