"""Arithmetic on two tensors, with NumPy's broadcasting and TensorFlow 1's rules for integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import (
    COMPLEX,
    FLOATING,
    NUMERIC,
    REAL,
    as_dtype,
    float32,
    float64,
    int8,
    int16,
    string,
    uint8,
    uint16,
)
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor, created, creation_site
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.compare import not_equal
from graphflow.ops.complex import conj
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define
from graphflow.ops.infer import all_alike, broadcasted
from graphflow.ops.lowering import Elementwise, Lowering
from graphflow.ops.math import log
from graphflow.ops.select import where_v2
from graphflow.ops.static import static_value
from graphflow.shape import show


def _floating_only(expression: str) -> Any:
    """Integers run the reference, which checks for zero divisors and negative exponents."""
    return _checked(expression, "")


def _checked(floating: str, whole: str) -> Any:
    """Integers run the reference, which checks for zero divisors, unless it is known that there are none."""

    def lower(op: Operation) -> Lowering:
        if op.output.dtype.is_floating:
            return Elementwise(floating)
        divisor = static_value(op.inputs[1]) if whole else None
        return Elementwise(whole) if divisor is not None and divisor.all() else None

    return lower


def _nonzero(y: np.ndarray) -> np.ndarray:
    if y.dtype.kind in "iu" and not y.all():
        raise InvalidArgumentError.because("integer division by zero")
    return y


def _truncated_quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x / y rounded toward zero."""
    if x.dtype.kind not in "iu":
        return np.trunc(x / y)
    q, r = np.divmod(x, _nonzero(y))
    return q + ((r != 0) & ((x < 0) != (y < 0)))


def _int_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind in "iu" and (y < 0).any():
        raise InvalidArgumentError.because("integers to negative integer powers are not allowed")
    return np.power(x, y)


def _log_where_positive(x: Tensor) -> Tensor:
    positive = not_equal(x, zeros_like(x)) if x.dtype.is_complex else x > 0
    return where_v2(positive, log(where_v2(positive, x, ones_like(x))), zeros_like(x))


def _where_nonzero(x: Tensor) -> Tensor:
    """1 where x is not 0, else 0, in x's dtype."""
    return cast(not_equal(x, zeros_like(x)), x.dtype)


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

REAL_DIV = define(
    "RealDiv", "x y",
    infer=broadcasted,
    reference=lambda x, y: x / y,
    vjp=(
        lambda op, dy: dy / conj(op.inputs[1]),
        lambda op, dy: dy * conj(-op.inputs[0] / op.inputs[1] / op.inputs[1]),
    ),
    lowering=Elementwise("x / y"),
    types=FLOATING + COMPLEX,
)  # fmt: skip

TRUNCATE_DIV = define(
    "TruncateDiv", "x y",
    infer=broadcasted,
    reference=_truncated_quotient,
    vjp=NO_GRADIENT,
    lowering=_floating_only("trunc(x / y)"),
    types=REAL,
)  # fmt: skip

FLOOR_DIV = define(
    "FloorDiv", "x y",
    infer=broadcasted,
    vjp=NO_GRADIENT,
    reference=lambda x, y: np.floor_divide(x, _nonzero(y)) if x.dtype.kind in "iu" else np.floor(x / y),
    lowering=_checked("floor(x / y)", "x // y"),
    types=REAL,
)  # fmt: skip

FLOOR_MOD = define(
    "FloorMod", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.mod(x, _nonzero(y)),
    vjp=(lambda op, dy: dy, lambda op, dy: dy * -floordiv(op.inputs[0], op.inputs[1])),
    lowering=_checked("x % y", "x % y"),
    types=REAL,
)  # fmt: skip

TRUNCATE_MOD = define(
    "TruncateMod", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.fmod(x, _nonzero(y)),
    types=REAL,
)  # fmt: skip

POW: OpDef = define(
    "Pow", "x y",
    infer=broadcasted,
    reference=_int_power,
    vjp=(
        lambda op, dy: dy * conj(op.inputs[1]) * POW(conj(op.inputs[0]), conj(op.inputs[1]) - 1),
        lambda op, dy: dy * conj(op.output * _log_where_positive(op.inputs[0])),
    ),
    lowering=_floating_only("x ** y"),
    types=NUMERIC,
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
    reference=lambda x, y: (x - y) ** 2,
    vjp=(
        lambda op, dy: dy * (2 * (op.inputs[0] - op.inputs[1])),
        lambda op, dy: dy * (-2 * (op.inputs[0] - op.inputs[1])),
    ),
    lowering=Elementwise("(x - y) * (x - y)"),
    types=NUMERIC,
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

DIV_NO_NAN: OpDef = define(
    "DivNoNan", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.where(y == 0, x.dtype.type(0), x / np.where(y == 0, y.dtype.type(1), y)),
    vjp=(
        lambda op, dy: DIV_NO_NAN(dy, op.inputs[1]),
        lambda op, dy: dy * DIV_NO_NAN(DIV_NO_NAN(-op.inputs[0], op.inputs[1]), op.inputs[1]),
    ),
    lowering=Elementwise("T(0) if y == 0 else x / y"),
    types=FLOATING,
)  # fmt: skip

MUL_NO_NAN: OpDef = define(
    "MulNoNan", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.where(y == 0, x.dtype.type(0), x * y),
    vjp=(lambda op, dy: MUL_NO_NAN(dy, op.inputs[1]), lambda op, dy: MUL_NO_NAN(op.inputs[0], dy)),
    lowering=Elementwise("T(0) if y == 0 else x * y"),
    types=FLOATING,
)  # fmt: skip

XDIVY: OpDef = define(
    "Xdivy", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.where(x == 0, x.dtype.type(0), x / y),
    vjp=(
        lambda op, dy: dy * XDIVY(_where_nonzero(op.inputs[0]), op.inputs[1]),
        lambda op, dy: dy * XDIVY(-op.inputs[0], op.inputs[1] * op.inputs[1]),
    ),
    lowering=Elementwise("T(0) if x == 0 else x / y"),
    types=FLOATING,
)  # fmt: skip

XLOGY: OpDef = define(
    "Xlogy", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.where(x == 0, x.dtype.type(0), x * np.log(y)),
    vjp=(
        lambda op, dy: dy * XLOGY(_where_nonzero(op.inputs[0]), op.inputs[1]),
        lambda op, dy: dy * XDIVY(op.inputs[0], op.inputs[1]),
    ),
    lowering=Elementwise("T(0) if x == 0 else x * log(y)"),
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


_QUOTIENT = {int8: float32, uint8: float32, int16: float32, uint16: float32}


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y as Python 3 divides: 8 and 16 bit integers give float32, wider ones float64.   Gradient: both."""
    x = convert_to_tensor(x, name="x")
    y = convert_to_tensor(y, dtype_hint=x.dtype, name="y")
    if x.dtype is not y.dtype:
        error = DTypeError(
            f"x and y must have one dtype, not {x.dtype.name} and {y.dtype.name}",
            hint="tf.cast changes the dtype of a tensor",
        ).note(*created("in a division", creation_site()))
        raise error.note(*created(f"  x: {x!r}", x.op.site)[:1], *created(f"  y: {y!r}", y.op.site)[:1])
    if x.dtype.is_integer:
        wide = _QUOTIENT.get(x.dtype, float64)
        x, y = cast(x, wide), cast(y, wide)
    return REAL_DIV(x, y, name=name or "truediv")


def divide(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, the operator: see truediv."""
    return x / y if name is None and (isinstance(x, Tensor) or isinstance(y, Tensor)) else truediv(x, y, name)


def realdiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y for floating and complex dtypes.   Gradient: both."""
    return REAL_DIV(x, y, name=name)


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y as Python 2 divides: floored for integers.   Gradient: both, for floating dtypes."""
    x = convert_to_tensor(x, name="x")
    quotient = FLOOR_DIV if x.dtype.is_integer else REAL_DIV
    return quotient(x, convert_to_tensor(y, x.dtype, name="y"), name=name or "div")


def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x // y: rounded toward minus infinity, for floating dtypes too.   No gradient."""
    return FLOOR_DIV(x, y, name=name or "floordiv")


def floor_div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The same as floordiv, under the op's own name."""
    return FLOOR_DIV(x, y, name=name)


def truncatediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y rounded toward zero.   No gradient."""
    return TRUNCATE_DIV(x, y, name=name)


def floormod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The remainder of floordiv: it has the sign of y.   Gradient: both."""
    return FLOOR_MOD(x, y, name=name)


mod = floormod


def truncatemod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The remainder of truncatediv: it has the sign of x."""
    return TRUNCATE_MOD(x, y, name=name)


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
    """(x - y) ** 2.   Gradient: both."""
    return SQUARED_DIFFERENCE(x, y, name=name)


def atan2(y: Any, x: Any, name: str | None = None) -> Tensor:
    """The angle of the point (x, y) in radians, in [-pi, pi].   Gradient: both."""
    return ATAN2(y, x, name=name)


def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, and 0 where y is 0.   Dtype: floating.   Gradient: both."""
    return DIV_NO_NAN(x, y, name=name or "div_no_nan")


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * y, and 0 where y is 0 even if x is infinite or NaN.   Gradient: both."""
    return MUL_NO_NAN(x, y, name=name or "multiply_no_nan")


def xdivy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, and 0 where x is 0.   Gradient: both."""
    return XDIVY(x, y, name=name or "xdivy")


def xlogy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * log(y), and 0 where x is 0.   Gradient: both."""
    return XLOGY(x, y, name=name or "xlogy")


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of one or more tensors of one shape and dtype.   Gradient: all.   Raises: ValueError for none."""
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
