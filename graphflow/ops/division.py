"""Quotients and remainders, with NumPy's broadcasting and TensorFlow 1's rules for integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import (
    COMPLEX,
    FLOATING,
    REAL,
    WIDE,
    float32,
    float64,
    int8,
    int16,
    uint8,
    uint16,
)
from graphflow.errors import DTypeError, InvalidArgumentError
from graphflow.operation import Operation, Tensor, created, creation_site
from graphflow.ops.basic import cast
from graphflow.ops.complex import conj
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.infer import broadcasted
from graphflow.ops.lowering import Elementwise, Lowering
from graphflow.ops.static import static_value


def _checked(floating: str, whole: str = "") -> Any:
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
    lowering=_checked("trunc(x / y)"),
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
    types=WIDE,
)  # fmt: skip


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
