"""Mathematical functions of one tensor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.dtypes import COMPLEX, FLOATING, NUMERIC, SIGNED, float32, float64
from graphflow.operation import Operation, Tensor
from graphflow.ops import special
from graphflow.ops.basic import of_values, ones_like, zeros_like
from graphflow.ops.complex import COMPLEX_ABS, conj
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.infer import broadcasted, same_as_input
from graphflow.ops.lowering import Elementwise, Lowering

INEXACT = FLOATING + COMPLEX


def real_only(expression: str) -> Any:
    """Complex numbers run the reference: the scalar functions are those of real numbers."""

    def lower(op: Operation) -> Lowering:
        return None if op.output.dtype.is_complex else Elementwise(expression)

    return lower


def _sign(x: np.ndarray) -> np.ndarray:
    return np.where(x == 0, 0, x / np.abs(x)) if x.dtype.kind == "c" else np.sign(x)


def _reciprocal(x: np.ndarray) -> np.ndarray:
    return 1 / x


NEG = define(
    "Neg", "x",
    infer=same_as_input,
    reference=np.negative,
    vjp=(lambda op, dy: -dy,),
    lowering=real_only("-x"),
    types=SIGNED + COMPLEX,
)  # fmt: skip

ABS = define(
    "Abs", "x",
    infer=same_as_input,
    reference=np.abs,
    vjp=(lambda op, dy: dy * sign(op.inputs[0]),),
    lowering=real_only("abs(x)"),
    types=SIGNED,
)  # fmt: skip

SIGN = define(
    "Sign", "x",
    infer=same_as_input,
    reference=_sign,
    vjp=(lambda op, dy: zeros_like(op.inputs[0]),),
    lowering=real_only("x if x != x or x == 0 else (T(1) if x > 0 else T(-1))"),
    types=SIGNED + COMPLEX,
)  # fmt: skip

SQUARE = define(
    "Square", "x",
    infer=same_as_input,
    reference=np.square,
    vjp=(lambda op, dy: dy * (2 * conj(op.inputs[0])),),
    lowering=real_only("x * x"),
    types=NUMERIC,
)  # fmt: skip

SQRT = define(
    "Sqrt", "x",
    infer=same_as_input,
    reference=np.sqrt,
    vjp=(lambda op, dy: dy * 0.5 / conj(op.output),),
    lowering=real_only("sqrt(x)"),
    types=INEXACT,
)  # fmt: skip

RSQRT = define(
    "Rsqrt", "x",
    infer=same_as_input,
    reference=lambda x: 1 / np.sqrt(x),
    vjp=(lambda op, dy: dy * -0.5 * conj(op.output) * conj(op.output) * conj(op.output),),
    lowering=real_only("1 / sqrt(x)"),
    types=INEXACT,
)  # fmt: skip

RECIPROCAL = define(
    "Reciprocal", "x",
    infer=same_as_input,
    reference=_reciprocal,
    vjp=(lambda op, dy: -dy * conj(op.output) * conj(op.output),),
    lowering=real_only("1 / x"),
    types=INEXACT,
)  # fmt: skip

EXP = define(
    "Exp", "x",
    infer=same_as_input,
    reference=np.exp,
    vjp=(lambda op, dy: dy * conj(op.output),),
    lowering=real_only("exp(x)"),
    types=INEXACT,
)  # fmt: skip

EXPM1 = define(
    "Expm1", "x",
    infer=same_as_input,
    reference=np.expm1,
    vjp=(lambda op, dy: dy * exp(conj(op.inputs[0])),),
    lowering=real_only("expm1(x)"),
    types=INEXACT,
)  # fmt: skip

LOG = define(
    "Log", "x",
    infer=same_as_input,
    reference=np.log,
    vjp=(lambda op, dy: dy * reciprocal(conj(op.inputs[0])),),
    lowering=real_only("log(x)"),
    types=INEXACT,
)  # fmt: skip

LOG1P = define(
    "Log1p", "x",
    infer=same_as_input,
    reference=np.log1p,
    vjp=(lambda op, dy: dy * reciprocal(1 + conj(op.inputs[0])),),
    lowering=real_only("log1p(x)"),
    types=INEXACT,
)  # fmt: skip

SIGMOID = define(
    "Sigmoid", "x",
    infer=same_as_input,
    reference=special.sigmoid,
    vjp=(lambda op, dy: dy * conj(op.output) * (1 - conj(op.output)),),
    lowering=real_only("sigmoid(x)"),
    types=INEXACT,
)  # fmt: skip

ERF = define(
    "Erf", "x",
    infer=same_as_input,
    reference=special.erf,
    vjp=(lambda op, dy: dy * (2 / math.sqrt(math.pi)) * exp(-square(op.inputs[0])),),
    lowering=real_only("erf(x)"),
    types=FLOATING,
)  # fmt: skip

ERFC = define(
    "Erfc", "x",
    infer=same_as_input,
    reference=special.erfc,
    vjp=(lambda op, dy: dy * (-2 / math.sqrt(math.pi)) * exp(-square(op.inputs[0])),),
    lowering=real_only("erfc(x)"),
    types=FLOATING,
)  # fmt: skip

LGAMMA = define(
    "Lgamma", "x",
    infer=same_as_input,
    reference=special.lgamma,
    vjp=(lambda op, dy: dy * digamma(op.inputs[0]),),
    types=FLOATING,
)  # fmt: skip

DIGAMMA = define(
    "Digamma", "x",
    infer=same_as_input,
    reference=special.digamma,
    vjp=(lambda op, dy: dy * polygamma(ones_like(op.inputs[0]), op.inputs[0]),),
    types=FLOATING,
)  # fmt: skip

POLYGAMMA = define(
    "Polygamma", "a x",
    infer=broadcasted,
    reference=special.polygamma,
    vjp=(None, lambda op, dy: dy * polygamma(op.inputs[0] + 1, op.inputs[1])),
    types=(float32, float64),
)  # fmt: skip

FLOOR = define(
    "Floor", "x",
    infer=same_as_input,
    reference=np.floor,
    vjp=NO_GRADIENT,
    lowering=real_only("floor(x)"),
    types=FLOATING,
)  # fmt: skip

CEIL = define(
    "Ceil", "x",
    infer=same_as_input,
    reference=np.ceil,
    vjp=NO_GRADIENT,
    lowering=real_only("ceil(x)"),
    types=FLOATING,
)  # fmt: skip

ROUND = define(
    "Round", "x",
    infer=same_as_input,
    reference=np.rint,
    vjp=NO_GRADIENT,
    lowering=real_only("rint(x)"),
    types=SIGNED,
)  # fmt: skip

RINT = define(
    "Rint", "x",
    infer=same_as_input,
    reference=np.rint,
    vjp=NO_GRADIENT,
    lowering=real_only("rint(x)"),
    types=FLOATING,
)  # fmt: skip


@of_values
def negative(x: Any, name: str | None = None) -> Tensor:
    """-x.   Gradient: x."""
    return NEG(x, name=name)


@of_values
def sign(x: Any, name: str | None = None) -> Tensor:
    """-1, 0 or 1 by the sign of x; NaN stays NaN; x / |x| for complex x.   Gradient: zeros."""
    return SIGN(x, name=name)


@of_values
def square(x: Any, name: str | None = None) -> Tensor:
    """x * x.   Gradient: x."""
    return SQUARE(x, name=name)


@of_values
def sqrt(x: Any, name: str | None = None) -> Tensor:
    """The square root; NaN below 0.   Gradient: x."""
    return SQRT(x, name=name)


def rsqrt(x: Any, name: str | None = None) -> Tensor:
    """1 / sqrt(x).   Gradient: x."""
    return RSQRT(x, name=name)


def reciprocal(x: Any, name: str | None = None) -> Tensor:
    """1 / x.   Gradient: x."""
    return RECIPROCAL(x, name=name)


def exp(x: Any, name: str | None = None) -> Tensor:
    """e to the power x.   Gradient: x."""
    return EXP(x, name=name)


def expm1(x: Any, name: str | None = None) -> Tensor:
    """exp(x) - 1, exact near 0.   Gradient: x."""
    return EXPM1(x, name=name)


def log(x: Any, name: str | None = None) -> Tensor:
    """The natural logarithm; -inf at 0, NaN below.   Gradient: x."""
    return LOG(x, name=name)


def log1p(x: Any, name: str | None = None) -> Tensor:
    """log(1 + x), exact near 0.   Gradient: x."""
    return LOG1P(x, name=name)


def sigmoid(x: Any, name: str | None = None) -> Tensor:
    """1 / (1 + exp(-x)), without overflow.   Gradient: x."""
    return SIGMOID(x, name=name)


@of_values
def erf(x: Any, name: str | None = None) -> Tensor:
    """The Gauss error function.   Gradient: x."""
    return ERF(x, name=name)


def erfc(x: Any, name: str | None = None) -> Tensor:
    """1 - erf(x), exact far out.   Gradient: x."""
    return ERFC(x, name=name)


def lgamma(x: Any, name: str | None = None) -> Tensor:
    """The logarithm of |gamma(x)|; inf at the poles.   Gradient: x."""
    return LGAMMA(x, name=name)


def digamma(x: Any, name: str | None = None) -> Tensor:
    """The derivative of lgamma.   Gradient: x."""
    return DIGAMMA(x, name=name)


def floor(x: Any, name: str | None = None) -> Tensor:
    """The largest whole number <= x.   No gradient."""
    return FLOOR(x, name=name)


def ceil(x: Any, name: str | None = None) -> Tensor:
    """The smallest whole number >= x.   No gradient."""
    return CEIL(x, name=name)


def rint(x: Any, name: str | None = None) -> Tensor:
    """The nearest whole number, halves to the even one.   No gradient."""
    return RINT(x, name=name)


@of_values
def abs(x: Any, name: str | None = None) -> Tensor:
    """|x|; real for complex x.   Gradient: the sign of x, for real x."""
    x = convert_to_tensor(x, name="x")
    return COMPLEX_ABS(x, name=name or "Abs") if x.dtype.is_complex else ABS(x, name=name)


def round(x: Any, name: str | None = None) -> Tensor:
    """The nearest whole number, halves to the even one; integers stay as they are.   No gradient."""
    x = convert_to_tensor(x, name="x")
    return x if x.dtype.is_integer else ROUND(x, name=name)


def polygamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The a-th derivative of digamma, for whole a >= 0.   Gradient: x."""
    return POLYGAMMA(a, x, name=name)
