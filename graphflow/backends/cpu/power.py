"""x ** y over vectors, with the special cases of C99.

x ** y is e^(y log(x)), and e magnifies the error of its argument up to a thousandfold.  So float32 goes through
float64, and float64 through pairs of numbers whose sum is the value and whose second is what the first is rounded by.
"""

from __future__ import annotations

import math

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.elementary import (
    FORMATS,
    at_least,
    at_most,
    exp,
    logarithm,
    magnitude,
    polynomial,
    reduced,
    scaled,
    split,
    split_any,
)
from graphflow.backends.cpu.values import Value

Pair = tuple[Value, Value]

# log((1+s) / (1-s)) = 2s + s z (2/3 + z p(z)) with z = s^2: a minimax fit by the Remez exchange.
_LOG = (
    0.39999999999999974, 0.28571428571447044, 0.22222222217070128, 0.18181818927108057, 0.15384553025348768,
    0.13336464259420525, 0.11671860347574071, 0.12013460618362365,
)  # fmt: skip
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
_LN2 = (0.6931471805598903, 5.497923018708371e-14)  # the product of the first part and an exponent is exact


def pow(code: Code, x: Value, y: Value) -> Value:
    """x ** y"""
    a = magnitude(code, x)
    if x.dtype == "float32":
        power = exp(code, logarithm(code, *split(code, a.cast("float64"))) * y.cast("float64")).cast("float32")
    else:
        power = _power(code, a, y)
    grows = (a > 1) == (y > 0)
    limit = code.select(grows, code.number(math.inf, x.dtype), 0)
    power = code.select((a == 0) | (a == math.inf), limit, power)
    power = code.select(a == 1, a, power)
    whole = code.apply("rint", y) == y
    odd = whole & (code.apply("rint", y * 0.5) != y * 0.5)
    power = code.select((x < 0) & ~whole & (a < math.inf), math.nan, power)
    negative = x.view(FORMATS[x.dtype].bits) < 0
    power = code.select(negative & odd, -power, power)
    power = code.select((x == x) & (y == y), power, x + y)
    return code.select((x == 1) | (y == 0), 1, power)


def _power(code: Code, x: Value, y: Value) -> Value:
    """x ** y for a positive x."""
    high, low = _times(code, _log(code, x), y)
    low = code.select(magnitude(code, high) < 800, low, 0)  # beyond, all that counts is the sign
    lowest, highest = FORMATS[x.dtype].exp_range
    n, p = reduced(code, at_least(code, at_most(code, high, highest), lowest))
    return scaled(code, code.fma(p + 1, low, p), n)


def _log(code: Code, x: Value) -> Pair:
    """log(x) to some 65 bits."""
    n, m = split_any(code, x)
    f = m - 1
    above = m + 1
    lost = m - (above - 1)
    inverse = 1 / above
    first = f * inverse
    s = first, (code.fma(-first, above, f) - first * lost) * inverse
    z = _product(code, s, s)
    rest = code.fma(z[0], polynomial(code, z[0], _LOG), _TWO_THIRDS[1])
    cubic = _product(code, _product(code, z, _sum(code.number(_TWO_THIRDS[0], x.dtype), rest)), s)
    high, a = _sum(n * _LN2[0], s[0] + s[0])
    high, b = _sum(high, cubic[0])
    return _sum(high, a + b + (s[1] + s[1] + cubic[1] + n * _LN2[1]))


def _sum(a: Value, b: Value) -> Pair:
    """a + b, where a is not smaller than b, or 0."""
    total = a + b
    return total, (a - total) + b


def _times(code: Code, a: Pair, b: Value) -> Pair:
    high = a[0] * b
    return high, code.fma(a[0], b, -high) + a[1] * b


def _product(code: Code, a: Pair, b: Pair) -> Pair:
    high = a[0] * b[0]
    return high, code.fma(a[0], b[0], -high) + (a[0] * b[1] + a[1] * b[0])
