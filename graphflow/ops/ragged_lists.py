"""Lists whose items are of different lengths: joined along their first axis, and taken apart again."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import list_of
from graphflow.errors import InvalidArgumentError
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.list_types import item_of, kind_of
from graphflow.ops.lists import as_list, filled, read_or_zeros
from graphflow.ops.shape_ops import shape as shape_of
from graphflow.ops.static import static_dims
from graphflow.shape import Dims


def _concatenated(list: np.ndarray, dims: Dims) -> np.ndarray:
    items = filled(list, range(len(list)), dims, "concat")
    if not items:
        return np.zeros((0, *[d or 0 for d in (dims or ())[1:]]))
    if any(item.ndim == 0 or item.shape[1:] != items[0].shape[1:] for item in items):
        shapes = [item.shape for item in items]
        raise InvalidArgumentError.because(f"the items of a TensorArray cannot be joined along axis 0: {shapes}")
    return np.concatenate(items)


CONCAT: OpDef = define(
    "TensorArrayConcatV3", "list:L",
    infer=lambda list, dims: (None if not (item := item_of(list, dims)) else (None, *item[1:]), kind_of(list).element),
    reference=_concatenated,
    vjp=lambda op, dy: [SPLIT(dy, LENGTHS(op.inputs[0], dims=op.attrs["dims"]))],
)  # fmt: skip

LENGTHS: OpDef = define(
    "ListLengths", "list:L",
    infer=lambda list, dims: (list.dims, dtypes.int32),
    reference=lambda list, dims: np.array(
        [len(item) for item in filled(list, range(len(list)), dims, "concat")], np.int32
    ),
    vjp=NO_GRADIENT,
)  # fmt: skip


def _pieces(value: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    ends = np.cumsum([0, *lengths])
    if value.ndim == 0 or ends[-1] != len(value):
        raise InvalidArgumentError.because(f"the lengths {list(lengths)} do not add up to {value.shape[:1]} rows")
    return as_list([value[a:b].copy() for a, b in itertools.pairwise(ends)])


SPLIT: OpDef = define(
    "TensorArraySplitV3", "value lengths:I",
    infer=lambda value, lengths: ((lengths.dims[0] if lengths.dims else None,), list_of(value.dtype)),
    reference=lambda value, lengths: _pieces(value, lengths.tolist()),
    vjp=lambda op, dy: [CONCAT_LIKE(dy, op.inputs[1], shape_of(op.inputs[0])), None],
)  # fmt: skip


def _concat_like(list: np.ndarray, lengths: np.ndarray, shape: np.ndarray) -> np.ndarray:
    shapes = [(n, *shape[1:]) for n in lengths.tolist()]
    pieces = [read_or_zeros(list, i, wanted) for i, wanted in enumerate(shapes)]
    # In an array, items that were not written are zeros of the shape that the others have.
    pieces = [np.zeros(wanted) if p.shape != wanted else p for p, wanted in zip(pieces, shapes, strict=True)]
    return np.concatenate(pieces) if pieces else np.zeros((0, *shape[1:]))


CONCAT_LIKE: OpDef = define(
    "ListConcatLike", "list:L lengths:I shape:int32",
    infer=lambda list, lengths, shape: (static_dims(shape), kind_of(list).element),
    reference=_concat_like,
    vjp=lambda op, dy: [SPLIT(dy, op.inputs[1]), None, None],
)  # fmt: skip
