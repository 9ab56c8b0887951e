"""Trigonometric and hyperbolic functions, and their inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.operation import Tensor
from graphflow.ops.basic import of_values
from graphflow.ops.complex import conj
from graphflow.ops.define import define
from graphflow.ops.infer import same_as_input
from graphflow.ops.math import INEXACT, real_only, reciprocal, rsqrt, square

SIN = define(
    "Sin", "x",
    infer=same_as_input,
    reference=np.sin,
    vjp=(lambda op, dy: dy * cos(conj(op.inputs[0])),),
    lowering=real_only("sin(x)"),
    types=INEXACT,
)  # fmt: skip

COS = define(
    "Cos", "x",
    infer=same_as_input,
    reference=np.cos,
    vjp=(lambda op, dy: -dy * sin(conj(op.inputs[0])),),
    lowering=real_only("cos(x)"),
    types=INEXACT,
)  # fmt: skip

TAN = define(
    "Tan", "x",
    infer=same_as_input,
    reference=np.tan,
    vjp=(lambda op, dy: dy * square(reciprocal(cos(conj(op.inputs[0])))),),
    lowering=real_only("tan(x)"),
    types=INEXACT,
)  # fmt: skip

ASIN = define(
    "Asin", "x",
    infer=same_as_input,
    reference=np.arcsin,
    vjp=(lambda op, dy: dy * rsqrt(1 - square(conj(op.inputs[0]))),),
    lowering=real_only("asin(x)"),
    types=INEXACT,
)  # fmt: skip

ACOS = define(
    "Acos", "x",
    infer=same_as_input,
    reference=np.arccos,
    vjp=(lambda op, dy: -dy * rsqrt(1 - square(conj(op.inputs[0]))),),
    lowering=real_only("acos(x)"),
    types=INEXACT,
)  # fmt: skip

ATAN = define(
    "Atan", "x",
    infer=same_as_input,
    reference=np.arctan,
    vjp=(lambda op, dy: dy * reciprocal(1 + square(conj(op.inputs[0]))),),
    lowering=real_only("atan(x)"),
    types=INEXACT,
)  # fmt: skip

SINH = define(
    "Sinh", "x",
    infer=same_as_input,
    reference=np.sinh,
    vjp=(lambda op, dy: dy * cosh(conj(op.inputs[0])),),
    lowering=real_only("sinh(x)"),
    types=INEXACT,
)  # fmt: skip

COSH = define(
    "Cosh", "x",
    infer=same_as_input,
    reference=np.cosh,
    vjp=(lambda op, dy: dy * sinh(conj(op.inputs[0])),),
    lowering=real_only("cosh(x)"),
    types=INEXACT,
)  # fmt: skip

TANH = define(
    "Tanh", "x",
    infer=same_as_input,
    reference=np.tanh,
    vjp=(lambda op, dy: dy * (1 - square(conj(op.output))),),
    lowering=real_only("tanh(x)"),
    types=INEXACT,
)  # fmt: skip

ASINH = define(
    "Asinh", "x",
    infer=same_as_input,
    reference=np.arcsinh,
    vjp=(lambda op, dy: dy / cosh(conj(op.output)),),
    lowering=real_only("asinh(x)"),
    types=INEXACT,
)  # fmt: skip

ACOSH = define(
    "Acosh", "x",
    infer=same_as_input,
    reference=np.arccosh,
    vjp=(lambda op, dy: dy / sinh(conj(op.output)),),
    lowering=real_only("acosh(x)"),
    types=INEXACT,
)  # fmt: skip

ATANH = define(
    "Atanh", "x",
    infer=same_as_input,
    reference=np.arctanh,
    vjp=(lambda op, dy: dy * reciprocal(1 - square(conj(op.inputs[0]))),),
    lowering=real_only("atanh(x)"),
    types=INEXACT,
)  # fmt: skip


def sin(x: Any, name: str | None = None) -> Tensor:
    """The sine of x in radians.   Gradient: x."""
    return SIN(x, name=name)


def cos(x: Any, name: str | None = None) -> Tensor:
    """The cosine of x in radians.   Gradient: x."""
    return COS(x, name=name)


def tan(x: Any, name: str | None = None) -> Tensor:
    """The tangent of x in radians.   Gradient: x."""
    return TAN(x, name=name)


def asin(x: Any, name: str | None = None) -> Tensor:
    """The arc sine.   Gradient: x."""
    return ASIN(x, name=name)


def acos(x: Any, name: str | None = None) -> Tensor:
    """The arc cosine.   Gradient: x."""
    return ACOS(x, name=name)


def atan(x: Any, name: str | None = None) -> Tensor:
    """The arc tangent.   Gradient: x."""
    return ATAN(x, name=name)


def sinh(x: Any, name: str | None = None) -> Tensor:
    """The hyperbolic sine.   Gradient: x."""
    return SINH(x, name=name)


def cosh(x: Any, name: str | None = None) -> Tensor:
    """The hyperbolic cosine.   Gradient: x."""
    return COSH(x, name=name)


@of_values
def tanh(x: Any, name: str | None = None) -> Tensor:
    """The hyperbolic tangent.   Gradient: x."""
    return TANH(x, name=name)


def asinh(x: Any, name: str | None = None) -> Tensor:
    """The inverse hyperbolic sine.   Gradient: x."""
    return ASINH(x, name=name)


def acosh(x: Any, name: str | None = None) -> Tensor:
    """The inverse hyperbolic cosine; NaN below 1.   Gradient: x."""
    return ACOSH(x, name=name)


def atanh(x: Any, name: str | None = None) -> Tensor:
    """The inverse hyperbolic tangent.   Gradient: x."""
    return ATANH(x, name=name)
