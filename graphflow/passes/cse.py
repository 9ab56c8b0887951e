"""Merging what is computed twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from graphflow.dtypes import DType, string
from graphflow.operation import Operation
from graphflow.ops.define import CONST
from graphflow.passes.engine import Substitution
from graphflow.passes.prune import drop_dead
from graphflow.program import FromSizes, Program

_LIMIT = 1 << 16  # bytes of an array that are compared; larger ones are equal only if they are the same array


def merge_common(program: Program, fired: Counter[str] | None = None) -> Program:
    """One operation for all pure ones of equal type, attributes and (already merged) inputs.

    Stateful ones, such as variable reads and random draws, stay apart.  One walk, O(operations + edges).
    """
    copy = Substitution(program)
    lone: dict[Hashable, Operation] = {}  # a key that is quick to make, and enough for most operations to differ
    first: dict[Hashable, Operation] = {}
    merged = 0
    for old in program.ops:
        op = copy.updated(old)
        if not op.definition.stateful and op.outputs:
            same = op
            if op.definition is CONST:
                same = first.setdefault(_key(op), op)
            elif (other := lone.setdefault((op.definition, _inputs(op)), op)) is not op:
                first.setdefault(_key(other), other)
                same = first.setdefault(_key(op), op)
            if same is not op:
                copy.replace(old, same.outputs)
                merged += 1
                continue
        copy.put(old, op)
    if fired is not None and merged:
        fired["merged"] += merged
    return drop_dead(copy.finish()) if merged else program


def _inputs(op: Operation) -> Hashable:
    if op.definition.commutative and op.outputs[0].dtype is not string:  # b"a" + b"b" is an order
        return len(op.inputs), frozenset(op.inputs)
    return op.inputs


def _key(op: Operation) -> Hashable:
    attrs = freeze(op.attrs["value"] if op.definition is CONST else op.attrs)
    if op.outputs[0].dtype.is_floating and isinstance(op.attrs, FromSizes):  # equal to another constant by chance
        attrs = FromSizes, attrs
    return op.definition, _inputs(op), attrs, tuple([(t.dims, t.dtype.name) for t in op.outputs])


def freeze(value: Any) -> Hashable:
    """A key that is equal for attributes that mean the same: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if isinstance(value, Mapping):
        return tuple([(key, freeze(value[key])) for key in sorted(value)]) if value else None
    if isinstance(value, DType):
        return DType, value.name
    if isinstance(value, (str, bytes, int, type(None))):
        return type(value), value
    if isinstance(value, (list, tuple)):
        return type(value), tuple([freeze(item) for item in value])
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return "objects", value.shape, tuple([freeze(item) for item in value.flat])
        content: Hashable = value.tobytes() if value.nbytes <= _LIMIT else id(value)
        return "array", value.dtype.char, value.shape, content
    if isinstance(value, (float, complex, np.generic)):
        return type(value), repr(value)
    return (type(value), value) if isinstance(value, Hashable) else (type(value), id(value))
