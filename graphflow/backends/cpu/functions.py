"""The scalar functions of lowerings, over vectors."""

from __future__ import annotations

from collections.abc import Callable

from graphflow.backends.cpu import elementary, error_function, power, trigonometric
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.values import Value


def _intrinsic(name: str) -> Callable[..., Value]:
    return lambda code, *values: code.apply(name, *values)


def absolute(code: Code, x: Value) -> Value:
    """|x|; the lowest integer stays what it is."""
    return code.apply("fabs", x) if x.is_float else code.select(x < 0, -x, x) if x.is_signed else x


def floor_divide(code: Code, x: Value, y: Value) -> Value:
    """x / y rounded down; an integer over 0 gives 0."""
    if x.is_float:
        return code.apply("floor", x / y)
    quotient, remainder = _divided(code, x, y)
    down = (remainder != 0) & ((remainder < 0) != (y < 0)) if x.is_signed else None
    return quotient if down is None else code.select(down, quotient - 1, quotient)


def modulo(code: Code, x: Value, y: Value) -> Value:
    """x - floor(x / y) * y, with the sign of y; an integer over 0 gives 0."""
    if x.is_float:
        remainder = x % y
        wrong = (remainder != 0) & ((remainder < 0) != (y < 0))
        return code.select(wrong, remainder + y, remainder)
    _, remainder = _divided(code, x, y)
    if not x.is_signed:
        return remainder
    return code.select((remainder != 0) & ((remainder < 0) != (y < 0)), remainder + y, remainder)


def _divided(code: Code, x: Value, y: Value) -> tuple[Value, Value]:
    """(quotient toward zero, remainder); both 0 over 0, and the lowest integer over -1 is itself: neither may trap."""
    wrong = y == 0
    if x.is_signed:
        wrong = wrong | (y == -1)
    safe = code.select(wrong, code.number(1, x.dtype), y)
    quotient, remainder = x // safe, x % safe
    zero = code.number(0, x.dtype)
    quotient = code.select(y == 0, zero, quotient)
    if x.is_signed:
        quotient = code.select(y == -1, -x, quotient)
    return quotient, code.select(wrong, zero, remainder)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "abs": absolute, "floordiv": floor_divide, "mod": modulo,
    **{name: _intrinsic(name) for name in ("sqrt", "floor", "ceil", "rint", "trunc")},
    "exp": elementary.exp, "expm1": elementary.expm1, "log": elementary.log, "log1p": elementary.log1p,
    "sinh": elementary.sinh, "cosh": elementary.cosh, "tanh": elementary.tanh, "sigmoid": elementary.sigmoid,
    "asinh": elementary.asinh, "acosh": elementary.acosh, "atanh": elementary.atanh,
    "sin": trigonometric.sin, "cos": trigonometric.cos, "tan": trigonometric.tan,
    "asin": trigonometric.asin, "acos": trigonometric.acos, "atan": trigonometric.atan, "atan2": trigonometric.atan2,
    "pow": power.pow, "erf": error_function.erf, "erfc": error_function.erfc,
}  # fmt: skip
