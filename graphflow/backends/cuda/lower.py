"""Kinds of lowering become launches of CUDA kernels."""

from __future__ import annotations

from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cuda.generate import alone, each, epilogue, region
from graphflow.backends.cuda.kernels import ANCHORS, BINDINGS
from graphflow.backends.cuda.launch import call
from graphflow.backends.cuda.regions import storing
from graphflow.backends.space import DTYPES
from graphflow.operation import Operation
from graphflow.ops.fused import Region
from graphflow.ops.lowering import Each, Elementwise, Kernel, Random, Reduce, Together
from graphflow.shape import elements


def lower(op: Operation) -> Call | None:
    """The launches for an operation whose shapes are known; None when there are none and the reference runs."""
    kind = op.definition.lower(op)
    if kind is None:
        return None
    for t in op.inputs + op.outputs:
        if t.dims is None or None in t.dims or t.dtype.name not in DTYPES:
            return None
    if op.outputs and not any(elements(t.dims) for t in op.outputs):
        return call([])
    if isinstance(kind, Kernel):
        if kind.name in ANCHORS:
            return ANCHORS[kind.name](op, op.inputs, storing(op.output.dtype.name), (op.output,))
        bind = BINDINGS.get(kind.name)
        return None if bind is None else bind(op)
    if isinstance(kind, (Elementwise, Reduce, Random)):
        return alone(op, kind)
    if isinstance(kind, Together):
        return _together(op, kind.region)
    return each(op, kind.updates) if isinstance(kind, Each) else None


def _together(op: Operation, made: Region) -> Call | None:
    """One kernel for a region; after an anchor it is done to each number of the anchor's result."""
    if made.anchor is None:
        return region(op, made)
    kind: Any = made.anchor.definition.lower(made.anchor)
    bind, after = ANCHORS.get(kind.name), epilogue(op, made)
    if bind is None or after is None:
        return None
    given = dict(zip(made.inputs, op.inputs, strict=True))
    return bind(made.anchor, [given[t] for t in made.anchor.inputs], *after)
