"""Where the largest and the smallest elements are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import REAL, DType
from graphflow.errors import DTypeError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.infer import axis_in
from graphflow.ops.lowering import Kernel
from graphflow.ops.shape_ops import either
from graphflow.ops.static import static_value
from graphflow.shape import Dims, elements, show


def _arg_infer(input: Tensor, dimension: Tensor, output_type: DType) -> tuple[Dims, DType]:
    if output_type not in dtypes.INDEX:
        raise DTypeError(f"an index is int32 or int64, not {output_type.name}")
    if dimension.dims:
        raise ShapeError(f"the axis must be one number, and has shape {show(dimension.dims)}")
    dims, axis = input.dims, static_value(dimension)
    if dims is None:
        return None, output_type
    if axis is None:
        return (None,) * max(len(dims) - 1, 0), output_type
    at = axis_in(int(axis.item()), len(dims))
    return (*dims[:at], *dims[at + 1 :]), output_type


def _arg_reference(function: Callable, worst: float) -> Callable:
    def reference(x: np.ndarray, dimension: np.ndarray, output_type: DType) -> np.ndarray:
        axis = int(dimension.item()) if dimension.size == 1 else x.ndim
        if not -x.ndim <= axis < x.ndim:
            raise InvalidArgumentError.because(f"axis {dimension.tolist()} is out of range for shape {x.shape}")
        if x.shape[axis] == 0:
            raise InvalidArgumentError.because(f"axis {axis} of shape {x.shape} is empty: it has no such element")
        return function(x if x.dtype.kind not in "fc" else np.where(np.isnan(x), worst, x), axis=axis)

    return reference


def _define(name: str, function: Callable, worst: float, kernel: str) -> OpDef:
    return define(
        name, "input dimension:I",
        infer=_arg_infer,
        reference=_arg_reference(function, worst),
        vjp=NO_GRADIENT,
        lowering=Kernel(kernel),
        flops=lambda op: elements(op.inputs[0].dims),
        types=(*REAL, dtypes.bool_),
    )  # fmt: skip


ARG_MAX = _define("ArgMax", np.argmax, -np.inf, "argmax")
ARG_MIN = _define("ArgMin", np.argmin, np.inf, "argmin")


def argmax(
    input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = dtypes.int64
) -> Tensor:
    """The index of the largest element along an axis (0 when not given), the first of equal ones.

    A NaN is never chosen; over nothing but NaN it is 0.
    Shapes: the axis, an int or scalar tensor, vanishes.   Dtype: output_type, int64 or int32.   No gradient.
    Raises: ValueError for an axis out of range, TypeError for another output_type; InvalidArgumentError when run over
            an empty axis.
    """
    return arg_max(input, either(axis, dimension, "axis", "dimension"), output_type, name)


def argmin(
    input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = dtypes.int64
) -> Tensor:
    """The index of the smallest element along an axis; otherwise as argmax."""
    return arg_min(input, either(axis, dimension, "axis", "dimension"), output_type, name)


def arg_max(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Tensor:
    """argmax under its older signature."""
    return ARG_MAX(input, 0 if dimension is None else dimension, output_type=dtypes.as_dtype(output_type), name=name)


def arg_min(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Tensor:
    """argmin under its older signature."""
    return ARG_MIN(input, 0 if dimension is None else dimension, output_type=dtypes.as_dtype(output_type), name=name)
