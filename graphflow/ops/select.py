"""Choosing between two tensors by a condition, and finding where it holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import NUMERIC, DType, bool_, int64, string
from graphflow.errors import GraphError, InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.lowering import Elementwise, Lowering
from graphflow.ops.shape_ops import RESHAPE
from graphflow.shape import Dims, broadcast, count, merge, sizes


def _of_numbers(op: Operation) -> Lowering:
    return None if op.output.dtype is string else Elementwise("x if condition else y")


def _select_infer(condition: Tensor, x: Tensor, y: Tensor) -> tuple[Dims, DType]:
    """x and y of one shape; the condition has it too, or is a scalar, or a vector that chooses rows."""
    dims = merge(x.dims, y.dims)
    c = condition.dims
    if c is not None and dims is not None and len(c) != 0:
        if len(c) == 1 and len(dims) > 1:
            merge(c, dims[:1])
        else:
            dims = merge(c, dims)
    return dims, x.dtype


def _select(condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    rows = condition.ndim == 1 and x.ndim > 1 and condition.shape == x.shape[:1]
    if x.shape != y.shape or not (rows or condition.ndim == 0 or condition.shape == x.shape):
        raise InvalidArgumentError.because(
            f"the condition {condition.shape}, x {x.shape} and y {y.shape} must have one shape; "
            "a scalar condition, or a vector for the rows of x, will do too"
        )
    return np.where(condition.reshape(-1, *[1] * (x.ndim - 1)) if rows else condition, x, y)


def _select_lowering(op: Operation) -> Lowering:
    condition, x, _ = op.inputs
    same = condition.dims is not None and (condition.dims == x.dims or condition.dims == ())
    return _of_numbers(op) if same else None


def _select_expand(op: Operation, make: Any) -> list[Tensor] | None:
    """A condition for rows is a column that broadcasts."""
    condition, x, y = op.inputs
    if condition.dims in (x.dims, ()):
        return None
    column = np.array([count(condition.dims), *[1] * (len(sizes(x.dims)) - 1)], np.int32)
    return [make(SELECT_V2, make(RESHAPE, condition, make.constant(column)), x, y)]


SELECT: OpDef = define(
    "Select", "condition:bool x y",
    infer=_select_infer,
    reference=_select,
    vjp=(
        None,
        lambda op, dy: SELECT(op.inputs[0], dy, zeros_like(dy)),
        lambda op, dy: SELECT(op.inputs[0], zeros_like(dy), dy),
    ),
    lowering=_select_lowering,
    expand=_select_expand,
)  # fmt: skip

SELECT_V2: OpDef = define(
    "SelectV2", "condition:bool x y",
    infer=lambda condition, x, y: (broadcast(condition.dims, broadcast(x.dims, y.dims)), x.dtype),
    reference=lambda condition, x, y: np.where(condition, x, y),
    vjp=(
        None,
        lambda op, dy: SELECT_V2(op.inputs[0], dy, zeros_like(dy)),
        lambda op, dy: SELECT_V2(op.inputs[0], zeros_like(dy), dy),
    ),
    lowering=_of_numbers,
)  # fmt: skip


def _where_infer(condition: Tensor) -> tuple[Dims, DType]:
    return (None, None if condition.dims is None else len(condition.dims)), int64


def _places(condition: np.ndarray) -> np.ndarray:
    if condition.ndim == 0:
        raise InvalidArgumentError.because("where looks for places in a tensor of rank 1 at least, not in a scalar")
    return np.argwhere(condition)


WHERE = define("Where", "condition", _where_infer, _places, (*NUMERIC, bool_))


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Elements of x where the condition holds, of y where not; or, alone, the coordinates where it holds.

    Shapes:   x and y of one shape; condition the same, or (), or a vector that chooses among the rows of x and y
              condition only: -> [number of true elements, rank], int64, row-major
    Gradient: x and y.   Raises: ValueError when only one of x and y is given, or shapes do not fit.
    """
    if x is None and y is None:
        return WHERE(convert_to_tensor(condition, name="condition"), name=name)
    if x is None or y is None:
        raise GraphError("where needs both x and y, or neither")
    return SELECT(condition, x, y, name=name)


def where_v2(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """As `where`, but condition, x and y broadcast as in NumPy."""
    if x is None and y is None:
        return WHERE(convert_to_tensor(condition, name="condition"), name=name)
    if x is None or y is None:
        raise GraphError("where needs both x and y, or neither")
    return SELECT_V2(condition, x, y, name=name)
