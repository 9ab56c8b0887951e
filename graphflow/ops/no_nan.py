"""Products and quotients that are 0 where one factor is, whatever the other one is: 0 * inf and 0 / 0 are no NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.operation import Tensor
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.compare import not_equal
from graphflow.ops.complex import conj
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import broadcasted
from graphflow.ops.math import INEXACT, real_only


def _where_nonzero(x: Tensor) -> Tensor:
    """1 where x is not 0, else 0, in x's dtype."""
    return cast(not_equal(x, zeros_like(x)), x.dtype)


DIV_NO_NAN: OpDef = define(
    "DivNoNan", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.where(y == 0, x.dtype.type(0), x / np.where(y == 0, y.dtype.type(1), y)),
    vjp=(
        lambda op, dy: DIV_NO_NAN(dy, conj(op.inputs[1])),
        lambda op, dy: dy * conj(DIV_NO_NAN(DIV_NO_NAN(-op.inputs[0], op.inputs[1]), op.inputs[1])),
    ),
    lowering=real_only("T(0) if y == 0 else x / y"),
    types=INEXACT,
)  # fmt: skip

MUL_NO_NAN: OpDef = define(
    "MulNoNan", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.where(y == 0, x.dtype.type(0), x * y),
    vjp=(
        lambda op, dy: MUL_NO_NAN(dy, conj(op.inputs[1])),
        lambda op, dy: MUL_NO_NAN(conj(op.inputs[0]), dy),
    ),
    lowering=real_only("T(0) if y == 0 else x * y"),
    types=INEXACT,
)  # fmt: skip

XDIVY: OpDef = define(
    "Xdivy", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.where(x == 0, x.dtype.type(0), x / y),
    vjp=(
        lambda op, dy: dy * conj(XDIVY(_where_nonzero(op.inputs[0]), op.inputs[1])),
        lambda op, dy: dy * conj(XDIVY(-op.inputs[0], op.inputs[1] * op.inputs[1])),
    ),
    lowering=real_only("T(0) if x == 0 else x / y"),
    types=INEXACT,
)  # fmt: skip

XLOGY: OpDef = define(
    "Xlogy", "x y",
    infer=broadcasted,
    reference=lambda x, y: np.where(x == 0, x.dtype.type(0), x * np.log(y)),
    vjp=(
        lambda op, dy: dy * conj(XLOGY(_where_nonzero(op.inputs[0]), op.inputs[1])),
        lambda op, dy: dy * conj(XDIVY(op.inputs[0], op.inputs[1])),
    ),
    lowering=real_only("T(0) if x == 0 else x * log(y)"),
    types=INEXACT,
)  # fmt: skip


def _pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    x = convert_to_tensor(x, name="x")
    return x, convert_to_tensor(y, x.dtype, name="y")


def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, and 0 where y is 0.   Dtype: floating or complex.   Gradient: both."""
    x, y = _pair(x, y)
    return DIV_NO_NAN(x, y, name=name or "div_no_nan")


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * y, and 0 where y is 0 even if x is infinite or NaN.   Gradient: both."""
    x, y = _pair(x, y)
    return MUL_NO_NAN(x, y, name=name or "multiply_no_nan")


def xdivy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, and 0 where x is 0.   Gradient: both."""
    return XDIVY(x, y, name=name)


def xlogy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * log(y), and 0 where x is 0.   Gradient: both."""
    return XLOGY(x, y, name=name)
