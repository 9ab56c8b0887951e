"""Products of parts instead of products of joined matrices, where parts change at different times or are used apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import ADD
from graphflow.ops.define import CONST
from graphflow.ops.join import CONCAT, SPLIT, SPLIT_V
from graphflow.ops.linalg import MATMUL
from graphflow.ops.slicing import SLICE
from graphflow.passes.expand import Maker
from graphflow.passes.loops.rounds import constant_axis
from graphflow.shape import sizes


def _taken_apart(op: Operation) -> Tensor | None:
    """The matrix whose columns an operation splits."""
    if op.definition not in (SPLIT, SPLIT_V):
        return None
    value, axis = (op.inputs[1], op.inputs[0]) if op.definition is SPLIT else (op.inputs[0], op.inputs[2])
    columns = axis.op.definition is CONST and int(axis.op.attrs["value"]) in (1, -1)
    return value if columns and len(sizes(value.dims)) == 2 else None


def joined_left(op: Operation, same: set[Tensor], early: set[Tensor], make: Maker) -> Tensor | None:
    """[a, b] @ w is a @ w_top + b @ w_bottom: products with what is known before the loop leave it, nothing is joined.

    same, early   tensors that do not change, and those that are known for all rounds before the first one
    Changes the order in which the products are summed.
    """
    if op.definition is not MATMUL or op.attrs["transpose_a"] or op.inputs[1] not in same:
        return None
    a, w = op.inputs
    if a.op.definition is not CONCAT or constant_axis(a.op) != 1:
        return None
    groups: list[tuple[bool, list[Tensor]]] = []
    for part in a.op.inputs[:-1]:
        if groups and groups[-1][0] == (part in early):
            groups[-1][1].append(part)
        else:
            groups.append((part in early, [part]))
    if len(groups) == 1:
        return None
    total, at = None, 0
    found = []
    for known, parts in groups:
        left = parts[0] if len(parts) == 1 else make(CONCAT, *parts, a.op.inputs[-1])
        width = sizes(left.dims)[1]
        found.append((not known, left, _cut(w, at, width, not op.attrs["transpose_b"], make)))
        at += width
    for _, left, right in sorted(found, key=lambda each: each[0]):  # what is known first
        product = make(MATMUL, left, right, **op.attrs)
        total = product if total is None else make(ADD, product, total)
    return total


def parts_apart(
    op: Operation, same: set[Tensor], uses: Mapping[Tensor, int], inner: set[Tensor], make: Maker
) -> list[Tensor] | None:
    """Parts of a @ w are products with parts of w: those that no later round needs can leave the loop, or be left out.

    inner   tensors that a later round needs
    """
    product = _taken_apart(op)
    if product is None or product.op.definition is not MATMUL or uses.get(product) != 1:
        return None
    if product.op.inputs[1] not in same:
        return None
    if all(t in inner for t in op.outputs):
        return None
    made, at = [], 0
    for t in op.outputs:
        width = sizes(t.dims)[1]
        made.append(_part(product, at, width, make))
        at += width
    return made


def _part(product: Tensor, at: int, width: int, make: Maker) -> Tensor:
    """Some columns of a product."""
    a, w = product.op.inputs
    attrs = product.op.attrs
    return make(MATMUL, a, _cut(w, at, width, attrs["transpose_b"], make), **attrs)


def _cut(w: Tensor, start: int, width: int, rows: bool, make: Maker) -> Tensor:
    """Rows or columns of a matrix, or a part of a vector."""
    size = list(sizes(w.dims))
    begin = [0] * len(size)
    axis = 0 if rows else len(size) - 1
    begin[axis], size[axis] = start, width
    if w.op.definition is SLICE and w.op.inputs[1].op.definition is CONST:  # of a part: of the whole, at once
        begin = (w.op.inputs[1].op.attrs["value"] + begin).tolist()
        w = w.op.inputs[0]
    return make(SLICE, w, _numbers(begin, make), _numbers(size, make))


def _numbers(values: Sequence[int], make: Maker) -> Tensor:
    return make.constant(np.array(values, np.int32))
