"""Constant folding: what depends on nothing but constants is computed while compiling, by the reference."""

from __future__ import annotations

from collections import Counter

import numpy as np

from graphflow.dtypes import ListType
from graphflow.errors import GraphflowError
from graphflow.operation import Operation
from graphflow.ops.define import CONST
from graphflow.passes.engine import Substitution
from graphflow.passes.match import constant
from graphflow.passes.prune import drop_dead
from graphflow.program import FromSizes, Program
from graphflow.shape import count

_LIMIT = 1 << 14  # elements an operation may take and give: more would cost time now and memory for good


def fold_constants(program: Program, fired: Counter[str] | None = None) -> Program:
    """Constants instead of pure operations over constants, up to a size.

    Never those that draw random numbers or touch variables.  An operation whose reference raises stays, so that the
    run reports it.
    """
    copy = Substitution(program)
    folded = 0
    for old in program.ops:
        op = copy.updated(old)
        values = _values(op)
        if values is None:
            copy.put(old, op)
            continue
        sized = any(isinstance(t.op.attrs, FromSizes) for t in op.inputs)
        constants = [constant(op, value, FromSizes if sized else dict) for value in values]
        copy.ops += [t.op for t in constants]
        copy.replace(old, constants)
        folded += 1
    if fired is not None and folded:
        fired["folded"] += folded
    return drop_dead(copy.finish()) if folded else program


def _values(op: Operation) -> list[np.ndarray] | None:
    """The outputs, when they follow from the operation alone."""
    record, constant_inputs = op.definition, True
    for t in op.inputs:
        if t.op.definition is not CONST:
            if record.static is None:
                return None
            constant_inputs = False
            break
    if record is CONST or record.stateful or record.draws or record.reference is None or not op.outputs:
        return None
    if any(isinstance(t.dtype, ListType) for t in (*op.inputs, *op.outputs)):
        return None
    if sum(_size(count(t.dims)) for t in (*op.inputs, *op.outputs)) > _LIMIT:
        return None
    if constant_inputs:
        try:
            values = record.compute(op, [t.op.attrs["value"] for t in op.inputs])
        except GraphflowError:
            return None
    else:
        known = record.static(op)  # type: ignore[misc]
        if known is None or (np.asarray(known).dtype == object and op.outputs[0].dtype.dtype != object):
            return None
        values = [np.asarray(known, op.outputs[0].dtype.dtype)]
    fits = all(v.shape == t.dims for v, t in zip(values, op.outputs, strict=True))
    return values if fits else None


def _size(n: int | None) -> int:
    return _LIMIT if n is None else max(n, 1)
