"""Trigonometric functions and their inverses, over vectors.

Moderate arguments are reduced with pi/2 in three parts (Cody and Waite); where any lane holds a larger one the C
library helps out.  The coefficients are minimax fits by the Remez exchange, rounded one after another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.elementary import FORMATS, magnitude, polynomial, signed_as
from graphflow.backends.cpu.values import Value, size_of


@dataclass(frozen=True)
class Circle:
    """What the functions need to know in a float format.

    half_pi   pi/2 in three parts, each of which is what those before it lack
    far       from here on the reduction loses accuracy
    sin, cos  (sin(r)/r - 1) / r^2 and (cos(r) - 1 + r^2/2) / r^4 as polynomials in r^2, for |r| <= pi/4
    atan      (atan(q)/q - 1) / q^2 as a polynomial in q^2, for q in [0, 1]
    asin      (asin(s)/s - 1) / s^2 as a polynomial in s^2, for s in [0, 1/2]
    """

    half_pi: tuple[float, float, float]
    far: float
    sin: tuple[float, ...]
    cos: tuple[float, ...]
    atan: tuple[float, ...]
    asin: tuple[float, ...]


CIRCLES = {
    "float32": Circle(
        (1.57079637, -4.37113883e-08, -1.71512451e-15), 2.0**16,
        (-0.166666523, 0.00833201315, -0.000194954191),
        (0.0416666418, -0.00138871302, 2.44120856e-05),
        (-0.333331525, 0.199937671, -0.14211008, 0.10665822, -0.0755183846, 0.043207597, -0.0163654108,
         0.00292008813),
        (0.166667521, 0.0749530643, 0.0454697721, 0.0241807681, 0.0421664454),
    ),
    "float64": Circle(
        (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33), 2.0**30,
        (-0.16666666666666619, 0.008333333333318945, -0.00019841269826977964, 2.755731269900766e-06,
         -2.505060161685471e-08, 1.5887693017546512e-10),
        (0.04166666666666657, -0.0013888888888868509, 2.4801587285976254e-05, -2.755731334272803e-07,
         2.087558672980886e-09, -1.135262274238683e-11),
        (-0.3333333333333186, 0.19999999999755178, -0.1428571427133839, 0.11111110678705852, -0.09090901232320406,
         0.07692212872137187, -0.06665859742046061, 0.05877303465450444, -0.052392121786838296, 0.046738766907455855,
         -0.04092449296628268, 0.03406414876823289, -0.025821472061848604, 0.01697226228259047, -0.00917996455251577,
         0.0038533720858950223, -0.0011630791728336246, 0.00022279420297574944, -2.023467950214536e-05),
        (0.16666666666665403, 0.07500000000338594, 0.04464285682693384, 0.03038195919746524, 0.022371756539437657,
         0.017359728341238372, 0.0138849956084966, 0.012170828115704458, 0.006520817553384746, 0.01954828100488439,
         -0.016256297007468945, 0.0319346496779537),
    ),
}  # fmt: skip


def _turned(code: Code, x: Value) -> tuple[Value, Value, Value]:
    """(n, sin(r), cos(r)) for x = n pi/2 + r with |r| <= pi/4; n is right in its lowest bits."""
    c, f = CIRCLES[x.dtype], FORMATS[x.dtype]
    shifted = code.fma(x, 2 / math.pi, f.integral)
    n = shifted - f.integral
    r = x
    for part in c.half_pi:
        r = code.fma(n, -part, r)
    z = r * r
    sine = code.fma(r * z, polynomial(code, z, c.sin), r)
    cosine = code.fma(z * z, polynomial(code, z, c.cos), code.fma(z, -0.5, 1))
    return shifted.view(f.bits), sine, cosine


def _checked(code: Code, name: str, x: Value, y: Value) -> Value:
    """y, but what the C library says where x is too large for `_turned`."""
    far = magnitude(code, x) >= CIRCLES[x.dtype].far
    found = code.cell(y)
    with code.when(code.any_of(far)):
        found.set(code.select(far, code.each_lane(name, x), y))
    return found.get()


def _wave(code: Code, name: str, x: Value, ahead: int) -> Value:
    """sin(x + ahead pi/2)"""
    f = FORMATS[x.dtype]
    n, sine, cosine = _turned(code, x)
    n = n + ahead
    y = code.select((n & 1) == 0, sine, cosine)
    negative = (n & 2) << (8 * size_of(x.dtype) - 2)
    return _checked(code, name, x, (y.view(f.bits) ^ negative).view(x.dtype))


def sin(code: Code, x: Value) -> Value:
    """The sine; NaN at the infinities."""
    y = _wave(code, "sin", x, 0)
    return code.select(x == 0, x, y)  # -0


def cos(code: Code, x: Value) -> Value:
    """The cosine; NaN at the infinities."""
    return _wave(code, "cos", x, 1)


def tan(code: Code, x: Value) -> Value:
    """The tangent; NaN at the infinities."""
    n, sine, cosine = _turned(code, x)
    even = (n & 1) == 0
    y = _checked(code, "tan", x, code.select(even, sine, -cosine) / code.select(even, cosine, sine))
    return code.select(x == 0, x, y)  # -0


# -- inverses ------------------------------------------------------------------------------------------------------
def _odd(code: Code, x: Value, z: Value, coefficients: tuple[float, ...]) -> Value:
    """x + x z p(z)"""
    return code.fma(x * z, polynomial(code, z, coefficients), x)


def _from(code: Code, multiple: int, x: Value) -> Value:
    """multiple * pi/2 - x"""
    high, low, _ = CIRCLES[x.dtype].half_pi
    return multiple * high - (x - multiple * low)


def _angle(code: Code, y: Value, x: Value) -> Value:
    """The angle of a point whose coordinates are not negative; 0 at the origin."""
    steep = y > x
    less, more = code.select(steep, x, y), code.select(steep, y, x)
    on_diagonal = code.select(x == 0, x, 1)  # infinite points are on it too
    q = code.select(x == y, on_diagonal, less / more)
    flat = _odd(code, q, q * q, CIRCLES[x.dtype].atan)
    return code.select(steep, _from(code, 1, flat), flat)


def atan(code: Code, x: Value) -> Value:
    """The angle in [-pi/2, pi/2] with this tangent."""
    return signed_as(code, _angle(code, magnitude(code, x), code.number(1, x.dtype).splat(x.lanes)), x)


def atan2(code: Code, y: Value, x: Value) -> Value:
    """The angle of the point (x, y) in [-pi, pi], zeros and infinities by their signs."""
    right = _angle(code, magnitude(code, y), magnitude(code, x))
    backward = x.view(FORMATS[x.dtype].bits) < 0
    return signed_as(code, code.select(backward, _from(code, 2, right), right), y)


def _arc(code: Code, x: Value) -> tuple[Value, Value]:
    """(whether |x| > 1/2, asin(|x|) if it is not, else acos(|x|) / 2)."""
    a = magnitude(code, x)
    far = a > 0.5
    z = code.select(far, (1 - a) * 0.5, a * a)
    return far, _odd(code, code.select(far, code.apply("sqrt", z), a), z, CIRCLES[x.dtype].asin)


def asin(code: Code, x: Value) -> Value:
    """The angle in [-pi/2, pi/2] with this sine; NaN outside [-1, 1]."""
    far, y = _arc(code, x)
    return signed_as(code, code.select(far, _from(code, 1, y + y), y), x)


def acos(code: Code, x: Value) -> Value:
    """The angle in [0, pi] with this cosine; NaN outside [-1, 1]."""
    far, y = _arc(code, x)
    double = y + y
    near = _from(code, 1, signed_as(code, y, x))
    return code.select(far, code.select(x < 0, _from(code, 2, double), double), near)
