"""The exponential, the logarithm and the functions made of them, over vectors.

Everything is branch-free: each lane goes through the same few instructions and edges are selected.  Arguments are
reduced exactly enough for results within 4 units in the last place over the whole range, denormals included.
The coefficients are minimax fits by the Remez exchange, rounded one after another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.values import Value


@dataclass(frozen=True)
class Format:
    """A float format, and what functions need to know in it.

    bits       the integer of that size
    mantissa   the bits of the fraction
    bias       of the exponent
    ln2        in two parts, the second of which is what the first lacks
    exp_range  below it exp is 0 and above it infinite: beyond, arguments may be clamped
    sinh_max   above it sinh and cosh are infinite
    tanh_max   above it tanh is 1
    root_half  the bits of sqrt(1/2)
    exp        (e^r - 1 - r) / r^2 as a polynomial in r, for |r| <= ln(2) / 2
    log        (log((1+s) / (1-s)) / s - 2) / s^2 as a polynomial in s^2, for (1+s) / (1-s) in [sqrt(1/2), sqrt(2)]
    """

    bits: str
    mantissa: int
    bias: int
    ln2: tuple[float, float]
    exp_range: tuple[float, float]
    sinh_max: float
    tanh_max: float
    root_half: int
    exp: tuple[float, ...]
    log: tuple[float, ...]

    @property
    def tiny(self) -> float:
        """Below it, x + x^2 is x."""
        return 2.0 ** -(self.mantissa + 2)

    @property
    def huge(self) -> float:
        """Above it, x + 1 is x."""
        return 2.0 ** (self.mantissa + 2)

    @property
    def normal(self) -> float:
        """The smallest number that is not denormal."""
        return 2.0 ** (1 - self.bias)

    @property
    def integral(self) -> float:
        """Numbers around it have no fraction, and their lowest bits are an integer: adding it rounds."""
        return 1.5 * 2.0**self.mantissa


FORMATS = {
    "float32": Format(
        "int32", 23, 127, (0.693147182, -1.90465421e-09), (-104.0, 89.0), 89.6, 10.0, 0x3F3504F3,
        (0.49999994, 0.16666521, 0.041668255, 0.008368662, 0.0013821449),
        (0.666667759, 0.399775535, 0.298721611),
    ),
    "float64": Format(
        "int64", 52, 1023, (0.6931471805599453, 2.3190468138462996e-17), (-746.0, 710.0), 710.7, 20.0,
        0x3FE6A09E667F3BCD,
        (0.5000000000000001, 0.1666666666666667, 0.04166666666664857, 0.008333333333328283, 0.0013888888897348368,
         0.00019841269866963015, 2.4801571158447037e-05, 2.7557264228130475e-06, 2.7570758493936515e-07,
         2.5102060283915403e-08, 1.6831580531287255e-09),
        (0.6666666666666735, 0.3999999999940861, 0.28571428743976196, 0.222221983885811, 0.18183574943325706,
         0.15313754581296282, 0.1479914017981729),
    ),
}  # fmt: skip


def polynomial(code: Code, x: Value, coefficients: Sequence[float]) -> Value:
    """c[0] + c[1] x + c[2] x^2 + ...: pairs of terms by powers of x^2, which halves the latency of Horner's rule."""
    terms = [code.number(c, x.dtype) for c in coefficients]
    pairs = [code.fma(x, high, low) for low, high in zip(terms[::2], terms[1::2], strict=False)]
    square = x * x
    total = terms[-1] if len(terms) % 2 else pairs.pop()
    for pair in reversed(pairs):
        total = code.fma(square, total, pair)
    return total


def at_most(code: Code, x: Value, limit: float) -> Value:
    """The smaller one; NaN stays."""
    return code.minimum(code.number(limit, x.dtype), x)


def at_least(code: Code, x: Value, limit: float) -> Value:
    """The larger one; NaN stays."""
    return code.maximum(code.number(limit, x.dtype), x)


def magnitude(code: Code, x: Value) -> Value:
    """|x|"""
    return code.apply("fabs", x)


def signed_as(code: Code, y: Value, x: Value) -> Value:
    """|y| with the sign of x."""
    return code.apply("copysign", y, x)


# -- powers of e ---------------------------------------------------------------------------------------------------
def reduced(code: Code, x: Value) -> tuple[Value, Value]:
    """(n + 2 bias as an integer, e^r - 1) for x = n ln(2) + r with |r| <= ln(2) / 2.

    The integer is right in its low bits only: those that reach the exponent.
    """
    f = FORMATS[x.dtype]
    origin = f.integral + 2 * f.bias
    shifted = code.fma(x, math.log2(math.e), origin)
    n = shifted - origin
    r = code.fma(n, -f.ln2[1], code.fma(n, -f.ln2[0], x))
    return shifted.view(f.bits), code.fma(r * r, polynomial(code, r, f.exp), r)


def factors(n: Value, dtype: str) -> tuple[Value, Value]:
    """Two numbers whose product is 2^n, which itself may overflow or be denormal; n is as `reduced` gives it."""
    low, high = ((k >> 1) << FORMATS[dtype].mantissa for k in (n, n + 1))
    return low.view(dtype), high.view(dtype)


def scaled(code: Code, p: Value, n: Value) -> Value:
    """(1 + p) 2^n"""
    low, high = factors(n, p.dtype)
    return code.fma(p, low, low) * high


def exp(code: Code, x: Value) -> Value:
    """e^x"""
    low, high = FORMATS[x.dtype].exp_range
    n, p = reduced(code, at_least(code, at_most(code, x, high), low))
    return scaled(code, p, n)


def _divided_power(code: Code, x: Value, k: int) -> tuple[Value, Value, Value]:
    """(s, s e^r - s, (e^x - 1) / 2^k) for s = 2^(n - k), which must be a normal number."""
    f = FORMATS[x.dtype]
    n, p = reduced(code, x)
    s = ((n - (f.bias + k)) << f.mantissa).view(x.dtype)
    return s, s * p, code.fma(s, p, s - 0.5**k)


def expm1(code: Code, x: Value) -> Value:
    """e^x - 1"""
    f = FORMATS[x.dtype]
    inside = at_least(code, at_most(code, x, f.exp_range[1]), -f.mantissa)
    *_, half = _divided_power(code, inside, 1)
    return code.select(magnitude(code, x) < f.tiny, x, half + half)


def tanh(code: Code, x: Value) -> Value:
    """(e^2x - 1) / (e^2x + 1)"""
    a = at_most(code, magnitude(code, x), FORMATS[x.dtype].tanh_max)
    *_, half = _divided_power(code, a + a, 1)
    return signed_as(code, half / (half + 1), x)


def sigmoid(code: Code, x: Value) -> Value:
    """1 / (1 + e^-x), by e^-|x|"""
    one, e = code.number(1, x.dtype), exp(code, -magnitude(code, x))
    return code.select(x >= 0, one, e) / (one + e)


def sinh(code: Code, x: Value) -> Value:
    """(e^x - e^-x) / 2, by e^x - 1"""
    f = FORMATS[x.dtype]
    a = magnitude(code, x)
    *_, quarter = _divided_power(code, at_most(code, a, f.sinh_max), 2)
    half = quarter + quarter / code.fma(quarter, 4, 1)
    return signed_as(code, code.select(a < f.tiny, a, half + half), x)


def cosh(code: Code, x: Value) -> Value:
    """(e^x + e^-x) / 2"""
    s, rest, _ = _divided_power(code, at_most(code, magnitude(code, x), FORMATS[x.dtype].sinh_max), 2)
    quarter = s + rest
    half = quarter + 0.0625 / quarter
    return half + half


# -- logarithms ----------------------------------------------------------------------------------------------------
def split(code: Code, x: Value) -> tuple[Value, Value]:
    """(n, m) with x = 2^n m and m in [sqrt(1/2), sqrt(2)), for a positive x that is not denormal."""
    f = FORMATS[x.dtype]
    bits = x.view(f.bits)
    n = (bits - f.root_half) >> f.mantissa
    return n.cast(x.dtype), (bits - (n << f.mantissa)).view(x.dtype)


def split_any(code: Code, x: Value) -> tuple[Value, Value]:
    """`split` for denormals too."""
    f = FORMATS[x.dtype]
    small = x < f.normal
    n, m = split(code, code.select(small, x * 2.0 ** (f.mantissa + 1), x))
    return n - code.select(small, code.number(f.mantissa + 1, x.dtype), 0), m


def logarithm(code: Code, n: Value, m: Value, correction: Value | None = None) -> Value:
    """log(2^n m), plus a small correction."""
    f = FORMATS[n.dtype]
    x = m - 1
    s = x / (x + 2)
    z, half = s * s, x * x * 0.5
    rest = n * f.ln2[1] if correction is None else code.fma(n, f.ln2[1], correction)
    rest = code.fma(s, code.fma(z, polynomial(code, z, f.log), half), rest)
    return code.fma(n, f.ln2[0], x - (half - rest))


def _with_edges(code: Code, y: Value, x: Value, pole: float) -> Value:
    """y right of the pole, -inf at it and NaN left of it; infinity stays."""
    left = code.select(x == pole, code.number(-math.inf, x.dtype), math.nan)
    return code.select(x > pole, code.select(x < math.inf, y, x), left)


def log(code: Code, x: Value) -> Value:
    """The natural logarithm."""
    return _with_edges(code, logarithm(code, *split_any(code, x)), x, 0)


def log1p(code: Code, x: Value) -> Value:
    """log(1 + x): what the sum is rounded by is added to first order."""
    above = x + 1
    taken = above - 1
    lost = (1 - (above - taken)) + (x - taken)
    y = _with_edges(code, logarithm(code, *split(code, above), lost / above), x, -1)
    return code.select(magnitude(code, x) < FORMATS[x.dtype].tiny, x, y)


def _log1p_or_double(code: Code, x: Value, near: Value) -> Value:
    """log(1 + near), or log(2 x) where x is so large that its square might overflow."""
    f = FORMATS[x.dtype]
    far = x > f.huge
    return log1p(code, code.select(far, x, near)) + code.select(far, code.number(f.ln2[0], x.dtype), 0)


def asinh(code: Code, x: Value) -> Value:
    """log(x + sqrt(x^2 + 1))"""
    a = magnitude(code, x)
    square = a * a
    return signed_as(code, _log1p_or_double(code, a, a + square / (code.apply("sqrt", square + 1) + 1)), x)


def acosh(code: Code, x: Value) -> Value:
    """log(x + sqrt(x^2 - 1)); NaN below 1."""
    t = x - 1
    y = _log1p_or_double(code, x, t + code.apply("sqrt", code.fma(t, t, t + t)))
    return code.select(x >= 1, y, math.nan)


def atanh(code: Code, x: Value) -> Value:
    """log((1 + x) / (1 - x)) / 2; NaN outside [-1, 1]."""
    a = magnitude(code, x)
    return signed_as(code, log1p(code, (a + a) / (1 - a)) * 0.5, x)
