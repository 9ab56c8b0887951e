"""Sums, products, powers and the like of two tensors, with NumPy's broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import COMPLEX, FLOATING, NUMERIC, REAL, SIGNED, WIDE, as_dtype, string
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import ones_like, zeros_like
from graphflow.ops.compare import not_equal
from graphflow.ops.complex import conj
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import all_alike, broadcasted
from graphflow.ops.lowering import Elementwise, Lowering
from graphflow.ops.math import log, real_only
from graphflow.ops.select import where_v2
from graphflow.shape import show


def _int_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind in "iu" and (y < 0).any():
        raise InvalidArgumentError.because("integers to negative integer powers are not allowed")
    return np.power(x, y)


def _power_lowering(op: Operation) -> Lowering:
    """Integers run the reference, which checks for negative exponents."""
    return Elementwise("x ** y") if op.output.dtype.is_floating else None


def _log_where_positive(x: Tensor) -> Tensor:
    positive = not_equal(x, zeros_like(x)) if x.dtype.is_complex else x > 0
    return where_v2(positive, log(where_v2(positive, x, ones_like(x))), zeros_like(x))


ADD = define(
    "Add", "x y",
    infer=broadcasted,
    reference=lambda x, y: x + y,
    vjp=(lambda op, dy: dy, lambda op, dy: dy),
    lowering=Elementwise("x + y"),
    types=(*NUMERIC, string),
    commutative=True,
)  # fmt: skip

SUB = define(
    "Sub", "x y",
    infer=broadcasted,
    reference=lambda x, y: x - y,
    vjp=(lambda op, dy: dy, lambda op, dy: -dy),
    lowering=Elementwise("x - y"),
    types=NUMERIC,
)  # fmt: skip

MUL = define(
    "Mul", "x y",
    infer=broadcasted,
    reference=lambda x, y: x * y,
    vjp=(lambda op, dy: dy * conj(op.inputs[1]), lambda op, dy: dy * conj(op.inputs[0])),
    lowering=Elementwise("x * y"),
    types=NUMERIC,
    commutative=True,
)  # fmt: skip

POW: OpDef = define(
    "Pow", "x y",
    infer=broadcasted,
    reference=_int_power,
    vjp=(
        lambda op, dy: dy * conj(op.inputs[1]) * POW(conj(op.inputs[0]), conj(op.inputs[1]) - 1),
        lambda op, dy: dy * conj(op.output * _log_where_positive(op.inputs[0])),
    ),
    lowering=_power_lowering,
    types=SIGNED + COMPLEX,
)  # fmt: skip

MAXIMUM = define(
    "Maximum", "x y",
    infer=broadcasted,
    reference=np.maximum,
    vjp=(
        lambda op, dy: where_v2(op.inputs[0] >= op.inputs[1], dy, zeros_like(dy)),
        lambda op, dy: where_v2(op.inputs[0] >= op.inputs[1], zeros_like(dy), dy),
    ),
    lowering=Elementwise("x if x >= y or x != x else y"),
    types=REAL,
)  # fmt: skip

MINIMUM = define(
    "Minimum", "x y",
    infer=broadcasted,
    reference=np.minimum,
    vjp=(
        lambda op, dy: where_v2(op.inputs[0] <= op.inputs[1], dy, zeros_like(dy)),
        lambda op, dy: where_v2(op.inputs[0] <= op.inputs[1], zeros_like(dy), dy),
    ),
    lowering=Elementwise("x if x <= y or x != x else y"),
    types=REAL,
)  # fmt: skip

SQUARED_DIFFERENCE = define(
    "SquaredDifference", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.conj(x - y) * (x - y),
    vjp=(
        lambda op, dy: dy * (2 * (op.inputs[0] - op.inputs[1])),
        lambda op, dy: dy * (-2 * (op.inputs[0] - op.inputs[1])),
    ),
    lowering=real_only("(x - y) * (x - y)"),
    types=WIDE + COMPLEX,
    commutative=True,
)  # fmt: skip

ATAN2 = define(
    "Atan2", "y x",
    infer=broadcasted,
    reference=np.arctan2,
    vjp=(
        lambda op, dy: dy * (op.inputs[1] / (op.inputs[0] * op.inputs[0] + op.inputs[1] * op.inputs[1])),
        lambda op, dy: dy * (-op.inputs[0] / (op.inputs[0] * op.inputs[0] + op.inputs[1] * op.inputs[1])),
    ),
    lowering=Elementwise("atan2(y, x)"),
    types=FLOATING,
)  # fmt: skip


_MANY = 16  # a kernel that reads more tensors at once gains nothing, and takes long to compile


def _sum_lowering(op: Operation) -> Lowering:
    return Elementwise(" + ".join(f"inputs{i}" for i in range(len(op.inputs)))) if len(op.inputs) <= _MANY else None


ADD_N = define(
    "AddN", "*inputs",
    infer=all_alike,
    reference=lambda *inputs: sum(inputs[1:], inputs[0]),
    vjp=lambda op, dy: [dy] * len(op.inputs),
    lowering=_sum_lowering,
    types=NUMERIC,
)  # fmt: skip


def add(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x + y, broadcasting.   Dtype: numeric or string, one for both.   Gradient: both."""
    return ADD(x, y, name=name)


def subtract(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x - y, broadcasting.   Dtype: numeric, one for both.   Gradient: both."""
    return SUB(x, y, name=name)


def multiply(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * y, broadcasting.   Dtype: numeric, one for both.   Gradient: both."""
    return MUL(x, y, name=name)


def pow(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x to the power y.   Gradient: both (for y where x > 0).   Raises: on integers to negative powers, when run."""
    return POW(x, y, name=name)


def maximum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The larger of x and y; NaN where one is NaN.   Gradient: where equal, all of it goes to x."""
    return MAXIMUM(x, y, name=name)


def minimum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The smaller of x and y; NaN where one is NaN.   Gradient: where equal, all of it goes to x."""
    return MINIMUM(x, y, name=name)


def squared_difference(x: Any, y: Any, name: str | None = None) -> Tensor:
    """conj(x - y) * (x - y).   Gradient: both."""
    return SQUARED_DIFFERENCE(x, y, name=name)


def atan2(y: Any, x: Any, name: str | None = None) -> Tensor:
    """The angle of the point (x, y) in radians, in [-pi, pi].   Gradient: both."""
    return ATAN2(y, x, name=name)


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of one or more tensors of one shape and dtype.   Gradient: all.   Raises: ValueError for none."""
    if isinstance(inputs, Tensor):
        raise DTypeError(f"add_n needs a list of tensors, not {inputs!r}")
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise GraphError("add_n needs a list of at least one tensor")
    if len(inputs) == 1 and name is None:
        return convert_to_tensor(inputs[0])
    return ADD_N(*inputs, name=name)


def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Tensor:
    """The same as add_n; `shape` and `tensor_dtype`, where given, must fit."""
    total = add_n(inputs, name=name or "AccumulateNV2")
    if tensor_dtype is not None and total.dtype != tensor_dtype:
        raise DTypeError(f"the inputs have dtype {total.dtype.name}, not {as_dtype(tensor_dtype).name}")
    total.set_shape(shape)
    return total


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Tensor:
    """A number, or a tensor of shape (), times x, which may be IndexedSlices.   Raises: ValueError for other shapes."""
    values = x.values if hasattr(x, "with_values") else convert_to_tensor(x)
    scalar = convert_to_tensor(scalar, values.dtype, name="scalar")
    if scalar.dims:
        raise ShapeError(f"scalar must be a number, and has shape {show(scalar.dims)}")
    product = MUL(scalar, values, name=name)
    return product if values is x else x.with_values(product)
