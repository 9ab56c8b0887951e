"""An operation of a body, for all rounds at once: over tensors with a row for each round."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.define import CONST
from graphflow.ops.infer import axis_in
from graphflow.ops.join import CONCAT
from graphflow.ops.linalg import MATMUL
from graphflow.ops.lowering import Elementwise
from graphflow.ops.shape_ops import EXPAND_DIMS, RESHAPE, SQUEEZE
from graphflow.passes.expand import Maker
from graphflow.shape import broadcast, sizes


def constant_axis(op: Operation) -> int | None:
    """The axis along which a Concat joins, from the front; None where it is not a constant."""
    axis = op.inputs[-1].op
    return axis_in(int(axis.attrs["value"]), len(sizes(op.output.dims))) if axis.definition is CONST else None


def can_be_one(op: Operation, rows: set[Tensor], same: set[Tensor]) -> bool:
    """Whether there is one operation for all rounds.

    rows, same   tensors of the body that have a row for each round, and that do not change
    """
    record, out = op.definition, op.output.dims if op.outputs else None
    if record.stateful or record.draws or len(op.outputs) != 1 or out is None:
        return False
    if any(t not in rows and t not in same and t.op.definition is not CONST for t in op.inputs):
        return False
    if record is MATMUL:
        a, b = op.inputs
        return a in rows and b not in rows and not op.attrs["transpose_a"]
    if record in (RESHAPE, EXPAND_DIMS, SQUEEZE):
        return op.inputs[0] in rows
    if record is CONCAT:
        return constant_axis(op) is not None and all(t in rows for t in op.inputs[:-1])
    kind = record.lower(op)
    if not isinstance(kind, Elementwise) or kind.operands is not None or not any(t in rows for t in op.inputs):
        return False
    met = ()
    for t in op.inputs:
        met = broadcast(met, t.dims)  # type: ignore[assignment]
    return met == out


def for_all_rounds(
    op: Operation, rows: Mapping[Tensor, Tensor], same: Mapping[Tensor, Tensor], count: int, make: Maker
) -> Tensor:
    """The tensor [count, ...] of what the operation gives in each round.

    rows, same   by tensors of the body: the tensor outside with all rows, the tensor outside
    """
    record, out = op.definition, sizes(op.output.dims)

    def shaped(t: Tensor, *dims: int) -> Tensor:
        return t if t.dims == dims else make(RESHAPE, t, make.constant(np.array(dims, np.int32)))

    def given(t: Tensor) -> Tensor:
        if t in rows:
            dims = sizes(t.dims)
            return shaped(rows[t], count, *[1] * (len(out) - len(dims)), *dims)
        return same[t] if t in same else make.constant(t.op.attrs["value"])

    if record is MATMUL:
        a, b = op.inputs
        m, k = sizes(a.dims)
        flat = shaped(rows[a], count * m, k)
        return shaped(make(MATMUL, flat, given(b), **op.attrs), count, *out)
    if record in (RESHAPE, EXPAND_DIMS, SQUEEZE):
        return shaped(rows[op.inputs[0]], count, *out)
    if record is CONCAT:
        axis = constant_axis(op)
        assert axis is not None
        return make(CONCAT, *[rows[t] for t in op.inputs[:-1]], make.constant(np.int32(axis + 1)))
    return make(record, *map(given, op.inputs), **op.attrs)
