"""Rows that a gather takes many times, as of embeddings: products with them become products with the rows there are.

`gather(table, ids) @ w` is `gather(table @ w, ids)`, and where gradients flow back through such products they are
summed over equal ids first.  With many more ids than rows in the table that is much less to multiply.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.compare import GREATER
from graphflow.ops.define import CONST
from graphflow.ops.indexed_slices import GATHER, UNSORTED_SEGMENT_SUM
from graphflow.ops.linalg import MATMUL
from graphflow.ops.select import SELECT_V2
from graphflow.ops.shape_ops import RESHAPE
from graphflow.passes.cse import merge_common
from graphflow.passes.engine import Substitution
from graphflow.passes.expand import Maker
from graphflow.passes.prune import drop_dead
from graphflow.program import Program
from graphflow.shape import count, known, sizes

OFTEN = 2  # times that a row is taken, on the average, from which on it pays to multiply it once


def multiply_rows_once(program: Program, fired: Counter[str] | None = None) -> Program:
    """Products with rows of a smaller table, and sums of products over the rows of one, after they are exchanged.

    Changes the order in which numbers are summed.
    """
    if not any(op.definition in (GATHER, UNSORTED_SEGMENT_SUM) for op in program.ops):
        return program
    uses = Counter(t for op in program.ops for t in op.inputs)
    uses.update(program.fetches)
    copy, found = Substitution(program), Counter[str]()
    for old in program.ops:
        op, made = copy.updated(old), None
        make = Maker(op)
        if op.definition is MATMUL and all(known(t.dims) for t in op.inputs) and op.output.dtype.is_floating:
            made = _weights_gradient(op, make) if op.attrs["transpose_a"] else _product(op, make)
        elif op.definition is UNSORTED_SEGMENT_SUM and _alone(old.inputs[0], uses):
            made = _table_gradient(op, make)
        if made is None:
            copy.put(old, op)
        else:
            found["rows multiplied once"] += 1
            copy.ops += make.made
            copy.replace(old, [made])
    if not found:
        return program
    if fired is not None:
        fired.update(found)
    return merge_common(drop_dead(copy.finish()))


def _behind(t: Tensor) -> Tensor:
    while t.op.definition is RESHAPE:
        t = t.op.inputs[0]
    return t


def _alone(t: Tensor, uses: Counter[Tensor]) -> bool:
    """Whether nobody else looks at a tensor, or at what it is another shape of."""
    while uses[t] == 1 and t.op.definition is RESHAPE:
        t = t.op.inputs[0]
    return uses[t] == 1


def _gathered(t: Tensor) -> Operation | None:
    """The gather that makes the rows of a matrix, if they are those of a matrix with much fewer rows."""
    op = _behind(t).op
    if op.definition is not GATHER or op.attrs["batch_dims"] or op.inputs[2].op.definition is not CONST:
        return None
    table, ids, axis = op.inputs
    if int(axis.op.attrs["value"]) or not known(table.dims) or not known(ids.dims) or len(sizes(table.dims)) != 2:
        return None
    rows, width = sizes(table.dims)
    return op if sizes(t.dims) == (count(ids.dims), width) and OFTEN * rows <= sizes(t.dims)[0] else None


def _product(op: Operation, make: Maker) -> Tensor | None:
    """gather(table, ids) @ w."""
    gather = _gathered(op.inputs[0])
    if gather is None:
        return None
    table, ids, axis = gather.inputs
    product = make(MATMUL, table, op.inputs[1], **op.attrs)
    return _shaped(make(GATHER, product, ids, axis, batch_dims=0), sizes(op.output.dims), make)


def _weights_gradient(op: Operation, make: Maker) -> Tensor | None:
    """Transposed gather(table, ids) @ dy.   Rows that no id names do not count, whatever is in them."""
    gather = None if op.attrs["transpose_b"] else _gathered(op.inputs[0])
    if gather is None:
        return None
    table, ids, _ = gather.inputs
    rows = sizes(table.dims)[0]
    total = _total(op.inputs[1], ids, rows, make)
    return make(MATMUL, _only_used(table, ids, make), total, **op.attrs)


def _table_gradient(op: Operation, make: Maker) -> Tensor | None:
    """The sums over equal ids of the rows of dy @ w."""
    data, ids, number = op.inputs
    product = _behind(data).op
    if product.definition is not MATMUL or product.attrs["transpose_a"] or number.op.definition is not CONST:
        return None
    if not all(known(t.dims) for t in (data, ids, *product.inputs)) or not product.output.dtype.is_floating:
        return None
    rows, ids_count = int(number.op.attrs["value"]), count(ids.dims)
    same = sizes(product.output.dims) == (ids_count, *sizes(op.output.dims)[1:])
    if not same or ids_count is None or OFTEN * rows > ids_count or not rows:
        return None
    dy, w = product.inputs
    return _only_used(make(MATMUL, _total(dy, ids, rows, make), w, **product.attrs), ids, make)


def _total(dy: Tensor, ids: Tensor, rows: int, make: Maker) -> Tensor:
    """The sums of the rows of a matrix over equal ids."""
    flat = _shaped(_behind(ids), (sizes(dy.dims)[0],), make)
    return make(UNSORTED_SEGMENT_SUM, dy, flat, make.constant(np.int32(rows)))


def _only_used(table: Tensor, ids: Tensor, make: Maker) -> Tensor:
    """The table with zeros in rows that no id names: NaN times 0 is NaN."""
    n, rows = count(ids.dims) or 0, sizes(table.dims)[0]
    zero = make.constant(np.zeros((), table.dtype.dtype))
    ones = make.constant(np.ones(n, np.int32))
    times = make(UNSORTED_SEGMENT_SUM, ones, _shaped(_behind(ids), (n,), make), make.constant(np.int32(rows)))
    used = make(GREATER, _shaped(times, (rows, 1), make), make.constant(np.int32(0)))
    return make(SELECT_V2, used, table, zero)


def _shaped(t: Tensor, dims: tuple[int, ...], make: Maker) -> Tensor:
    return t if t.dims == dims else make(RESHAPE, t, make.constant(np.array(dims, np.int32)))
