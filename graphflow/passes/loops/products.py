"""Products of parts instead of products of joined matrices, where the parts change at different times."""

from __future__ import annotations

from collections.abc import Sequence

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


def joined_left(op: Operation, same: set[Tensor], early: set[Tensor], make: Maker) -> Tensor | None:
    """[a, b] @ w is a @ w_top + b @ w_bottom: the products with what is known before the loop can leave it.

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
        found.append((not known, left, _columns(w, at, width, not op.attrs["transpose_b"], make)))
        at += width
    for _, left, right in sorted(found, key=lambda each: each[0]):  # what is known first
        product = make(MATMUL, left, right, **op.attrs)
        total = product if total is None else make(ADD, product, total)
    return total


def taken_apart(op: Operation, same: set[Tensor], uses: dict[Tensor, int], inner: set[Tensor], make: Maker) -> list[Tensor] | None:
    """Parts of a @ w are products with parts of w: those that no later round needs can leave the loop, or be left out.

    inner   tensors that a later round needs
    """
    if op.definition is SPLIT_V:
        product, _, axis = op.inputs
    elif op.definition is SPLIT:
        axis, product = op.inputs
    else:
        return None
    source = product.op
    if source.definition is not MATMUL or source.inputs[1] not in same or uses.get(product, 0) != 1:
        return None
    if axis.op.definition is not CONST or int(axis.op.attrs["value"]) % 2 != 1:
        return None
    if all(t in inner for t in op.outputs):
        return None
    made, at = [], 0
    for t in op.outputs:
        width = sizes(t.dims)[1]
        part = _columns(source.inputs[1], at, width, bool(source.attrs["transpose_b"]), make)
        made.append(make(MATMUL, source.inputs[0], part, **source.attrs))
        at += width
    return made


def _columns(w: Tensor, start: int, width: int, rows: bool, make: Maker) -> Tensor:
    """Rows or columns of a matrix."""
    whole = sizes(w.dims)
    begin, size = ([start, 0], [width, whole[1]]) if rows else ([0, start], [whole[0], width])
    return make(SLICE, w, _numbers(begin, make), _numbers(size, make))


def _numbers(values: Sequence[int], make: Maker) -> Tensor:
    return make.constant(np.array(values, np.int32))
