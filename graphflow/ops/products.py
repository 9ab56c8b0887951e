"""Running sums and products, and the product over axes, whose gradient is made of running products."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import NUMERIC, DType
from graphflow.errors import InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arrange import transpose
from graphflow.ops.define import define
from graphflow.ops.infer import axis_in
from graphflow.ops.lowering import Kernel, Lowering, Reduce
from graphflow.ops.reduce import reduce_with, reduced_infer, reference_of, run_axes, with_axes
from graphflow.ops.shape_ops import reshape, shape
from graphflow.ops.static import static_value
from graphflow.shape import Dims, count, merge, show


def _scan_infer(x: Tensor, axis: Tensor, **_: Any) -> tuple[Dims, DType]:
    if count(axis.dims) not in (None, 1):
        raise ShapeError(f"the axis must be one number, and has shape {show(axis.dims)}")
    value = static_value(axis)
    if x.dims is not None and value is not None:
        axis_in(int(value.item()), len(x.dims))
    return x.dims, x.dtype


def _run_axis(x: np.ndarray, axis: np.ndarray) -> int:
    if axis.size != 1 or not -x.ndim <= int(axis.item()) < x.ndim:
        raise InvalidArgumentError.because(f"axis {axis.tolist()} is out of range for shape {x.shape}")
    return int(axis.item())


def _scan(
    function: np.ufunc, start: int, x: np.ndarray, axis: np.ndarray, exclusive: bool, reverse: bool
) -> np.ndarray:
    """function.accumulate along an axis, from either end; exclusive leaves each element out of its own result."""
    at = _run_axis(x, axis)
    line = np.flip(x, at) if reverse else x
    result = function.accumulate(line, axis=at, dtype=x.dtype) if x.size else x
    if exclusive and x.size:
        shifted = np.full_like(x, start)
        result = np.moveaxis(result, at, 0)
        np.moveaxis(shifted, at, 0)[1:] = result[:-1]
        result = shifted
    return np.flip(result, at) if reverse else result


def _recurrence(a: np.ndarray, b: np.ndarray, axis: np.ndarray, reverse: bool) -> np.ndarray:
    """s[0] = 0, s[k] = b[k-1] + a[k-1] * s[k-1] along an axis, from the other end with `reverse`."""
    at = _run_axis(a, axis)
    out = np.zeros_like(a)
    a, b, s = (np.moveaxis(np.flip(t, at) if reverse else t, at, 0) for t in (a, b, out))
    for k in range(1, len(s)):
        s[k] = b[k - 1] + a[k - 1] * s[k - 1]
    return out


def _recurrence_infer(a: Tensor, b: Tensor, axis: Tensor, reverse: bool) -> tuple[Dims, DType]:
    return merge(a.dims, b.dims), a.dtype


def _back(op: Operation, dy: Tensor) -> Tensor:
    """w[k] = dy[k+1] + a[k+1] * w[k+1]: the recurrence read from the other end."""
    a, _, axis = op.inputs
    return RECURRENCE(a, dy, axis, reverse=not op.attrs["reverse"])


CUMSUM = define(
    "Cumsum", "x axis:I",
    infer=_scan_infer,
    reference=lambda x, axis, exclusive, reverse: _scan(np.add, 0, x, axis, exclusive, reverse),
    vjp=(lambda op, dy: cumsum(dy, op.inputs[1], op.attrs["exclusive"], not op.attrs["reverse"]), None),
    lowering=Kernel("running_sum"),
    types=NUMERIC,
)  # fmt: skip

RECURRENCE = define(
    "LinearRecurrence", "a b axis:I",
    infer=_recurrence_infer,
    reference=_recurrence,
    vjp=(lambda op, dy: op.output * _back(op, dy), _back, None),
    lowering=Kernel("running_recurrence"),
    types=NUMERIC,
)  # fmt: skip


def _cumprod_vjp(op: Operation, dy: Tensor) -> Tensor:
    """Right where elements are 0, to any order, for nothing is divided.

    dx[k] = (product of the elements before k) * sum over i of dy[i] * (product of those between k and i).
    """
    x, axis = op.inputs
    exclusive, reverse = op.attrs["exclusive"], op.attrs["reverse"]
    before = cumprod(x, axis, exclusive=True, reverse=reverse)
    if exclusive:
        return before * RECURRENCE(x, dy, axis, reverse=not reverse)
    return before * (dy + RECURRENCE(x, x * dy, axis, reverse=not reverse))


CUMPROD = define(
    "Cumprod", "x axis:I",
    infer=_scan_infer,
    reference=lambda x, axis, exclusive, reverse: _scan(np.multiply, 1, x, axis, exclusive, reverse),
    vjp=(_cumprod_vjp, None),
    lowering=Kernel("running_product"),
    types=NUMERIC,
)  # fmt: skip


def _axes_first(input_shape: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, ...]:
    """The order that brings the axes to the front, its inverse, the shape in that order, and as a matrix."""
    sizes = input_shape.tolist()
    front = run_axes(np.empty((0,) * len(sizes)), axes)
    order = np.array([*front, *(i for i in range(len(sizes)) if i not in front)], np.int32)
    moved = input_shape[order]
    matrix = np.array([np.prod(moved[: len(front)]), np.prod(moved[len(front) :])], input_shape.dtype)
    return order, np.argsort(order).astype(np.int32), moved, matrix


def _axes_first_infer(input_shape: Tensor, axes: Tensor) -> list[tuple[Dims, DType]]:
    dims, dtype = input_shape.dims, input_shape.dtype
    return [(dims, dtype), (dims, dtype), (dims, dtype), ((2,), dtype)]


AXES_FIRST = define(
    "AxesFirst", "input_shape:int32 axes:I",
    infer=_axes_first_infer,
    reference=_axes_first,
)  # fmt: skip


def _prod_vjp(op: Operation, dy: Tensor) -> Tensor:
    """Each element gets the product of the others: of those before it times of those after it."""
    x, axes = op.inputs
    order, back, moved, matrix = AXES_FIRST(shape(x), axes)
    rows = reshape(transpose(x, order), matrix)
    others = cumprod(rows, 0, exclusive=True) * cumprod(rows, 0, exclusive=True, reverse=True)
    return transpose(reshape(others, moved), back) * with_axes(op, dy)


def _prod_lowering(op: Operation) -> Lowering:
    return None if op.output.dtype.is_complex else Reduce("1", "acc * x")


PROD = define(
    "Prod", "input reduction_indices:I",
    infer=reduced_infer,
    reference=reference_of(lambda x, **how: np.prod(x, dtype=x.dtype, **how)),
    vjp=(_prod_vjp, None),
    lowering=_prod_lowering,
    types=NUMERIC,
)  # fmt: skip


def reduce_prod(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The product over axes, named as in reduce_sum.   Over nothing: 1.

    Dtype: numeric, kept.   Gradient: input_tensor, right where elements are 0.
    """
    return reduce_with(PROD, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """The running sum along an axis; exclusive leaves each element out of its own sum, reverse starts at the end.

    Shapes: kept.   Dtype: numeric, kept.   Gradient: x.   Raises: ValueError for an axis out of range.
    """
    return CUMSUM(x, axis, exclusive=bool(exclusive), reverse=bool(reverse), name=name)


def cumprod(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """The running product along an axis, with the options of cumsum.   Gradient: x, right where elements are 0."""
    return CUMPROD(x, axis, exclusive=bool(exclusive), reverse=bool(reverse), name=name)
