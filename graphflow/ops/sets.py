"""Vectors as sets: distinct values, differences, and places in sorted rows."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import REAL, DType
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, define
from graphflow.ops.infer import require_rank
from graphflow.ops.shape_ops import refuse
from graphflow.shape import Dims, merge

Unique = namedtuple("Unique", "y idx")
UniqueWithCounts = namedtuple("UniqueWithCounts", "y idx count")
ListDiff = namedtuple("ListDiff", "out idx")


def _distinct(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct values in the order in which they first come, the place of each element among them, and counts."""
    if x.ndim != 1:
        raise refuse(f"unique needs a vector, not shape {x.shape}")
    _, first, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return x[first[order]], place[inverse], counts[order]


def _unique_infer(x: Tensor, out_idx: DType) -> list[tuple[Dims, DType]]:
    return [((None,), x.dtype), (require_rank(x, 1, "x"), out_idx)]


UNIQUE = define(
    "Unique", "x",
    infer=_unique_infer,
    reference=lambda x, out_idx: _distinct(x)[:2],
    vjp=NO_GRADIENT,
)  # fmt: skip

UNIQUE_WITH_COUNTS = define(
    "UniqueWithCounts", "x",
    infer=lambda x, out_idx: [*_unique_infer(x, out_idx), ((None,), out_idx)],
    reference=lambda x, out_idx: _distinct(x),
    vjp=NO_GRADIENT,
)  # fmt: skip


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Unique:
    """(y, idx): the distinct values of a vector in the order in which they first come, and y[idx] = x.

    Dtype: y as x; idx out_idx.   No gradient.
    """
    return Unique(*UNIQUE(x, out_idx=dtypes.as_dtype(out_idx), name=name))


def unique_with_counts(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> UniqueWithCounts:
    """(y, idx, count): as unique, and how often each value comes."""
    return UniqueWithCounts(*UNIQUE_WITH_COUNTS(x, out_idx=dtypes.as_dtype(out_idx), name=name))


def _difference(x: np.ndarray, y: np.ndarray, out_idx: DType) -> tuple[np.ndarray, np.ndarray]:
    if x.ndim != 1 or y.ndim != 1:
        raise refuse(f"setdiff1d needs vectors, not shapes {x.shape} and {y.shape}")
    kept = np.flatnonzero(~np.isin(x, y))
    return x[kept], kept


def _difference_infer(x: Tensor, y: Tensor, out_idx: DType) -> list[tuple[Dims, DType]]:
    for name, t in (("x", x), ("y", y)):
        require_rank(t, 1, name)
    return [((None,), x.dtype), ((None,), out_idx)]


LIST_DIFF = define(
    "ListDiff", "x y",
    infer=_difference_infer,
    reference=_difference,
    vjp=NO_GRADIENT,
)  # fmt: skip


def setdiff1d(x: Any, y: Any, index_dtype: Any = dtypes.int32, name: str | None = None) -> ListDiff:
    """(out, idx): the elements of the vector x that are not in y, in order, and their places in x.   No gradient."""
    return ListDiff(*LIST_DIFF(x, y, out_idx=dtypes.as_dtype(index_dtype), name=name))


def _searched(side: Any) -> Any:
    def reference(rows: np.ndarray, values: np.ndarray, out_type: DType) -> np.ndarray:
        if rows.ndim == 0 or rows.shape[:-1] != values.shape[:-1]:
            raise refuse(f"sorted rows {rows.shape} and values {values.shape} must agree but in the last axis")
        out = np.empty(values.shape, out_type.dtype)
        for at in np.ndindex(rows.shape[:-1]):
            out[at] = np.searchsorted(rows[at], values[at], side)
        return out

    return reference


def _searched_infer(sorted_inputs: Tensor, values: Tensor, out_type: DType) -> tuple[Dims, DType]:
    if sorted_inputs.dims and values.dims:
        merge(sorted_inputs.dims[:-1], values.dims[:-1])
    return values.dims, out_type


LOWER_BOUND = define("LowerBound", "sorted_inputs values", _searched_infer, _searched("left"), REAL, vjp=NO_GRADIENT)
UPPER_BOUND = define("UpperBound", "sorted_inputs values", _searched_infer, _searched("right"), REAL, vjp=NO_GRADIENT)


def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """Where in its sorted row each value would be put: before (left) or after (right) equal ones.

    Shapes: sorted_sequence [b..., n], values [b..., m] -> [b..., m].   Dtype: out_type.   No gradient.
    """
    if side not in ("left", "right"):
        raise GraphError(f"side must be left or right, not {side!r}")
    record = LOWER_BOUND if side == "left" else UPPER_BOUND
    return record(sorted_sequence, values, out_type=dtypes.as_dtype(out_type), name=name)
