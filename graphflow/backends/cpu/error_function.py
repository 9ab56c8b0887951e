"""The error function and its complement, over vectors.

Near 0 there is an odd polynomial.  Elsewhere (1 + 2a) e^(a^2) erfc(a) is a smooth function of (a - k) / (a + k), as
Shepherd and Laframboise found (Mathematics of Computation 36, 1981).  Coefficients are our own minimax fits.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.elementary import at_most, factors, magnitude, polynomial, reduced, signed_as
from graphflow.backends.cpu.values import Value


@dataclass(frozen=True)
class Fit:
    """What the functions need to know in a float format.

    near    erf(x)/x - 1 as a polynomial in x^2, for |x| <= 1/2
    k, far  the polynomial in (a - k) / (a + k), for a >= 1/2
    end     erfc is 0 from here on
    """

    near: tuple[float, ...]
    k: float
    far: tuple[float, ...]
    end: float


FITS = {
    "float32": Fit(
        (0.128379166, -0.376126111, 0.112828508, -0.0267582592, 0.00471915957), 2.0,
        (1.27697837, -0.0927635133, -0.166029692, 0.164041162, -0.0542273894, -0.00794244371, 0.00873019546,
         0.000942902116, -0.00136162806),
        10.5,
    ),
    "float64": Fit(
        (0.12837916709551256, -0.3761263890318308, 0.11283791670899511, -0.026866170626205527, 0.00522397728733502,
         -0.0008548291778956476, 0.00012053105427044239, -1.4841300589549471e-05, 1.4689937427524996e-06),
        4.0,
        (1.2329951186255526, -0.13962111684056167, 0.015379652102603045, 0.06809705425458948, -0.1010390660352995,
         0.0937328350020974, -0.06633036583559523, 0.03716751547424677, -0.01619773378196178, 0.005031970572044482,
         -0.0007577751598197623, -0.00019926009153957742, 0.00015062943550444235, -2.4386883326974584e-05,
         -1.12421293658643e-05, 5.681058824322643e-06, 3.2588484579425856e-07, -7.837497211388044e-07,
         4.498089387599864e-08, 7.494908812523855e-08, -4.382224038586035e-09),
        28.0,
    ),
}  # fmt: skip


def _near(code: Code, x: Value) -> Value:
    """erf(x) for |x| <= 1/2"""
    return code.fma(x, polynomial(code, x * x, FITS[x.dtype].near), x)


def _far(code: Code, a: Value) -> Value:
    """erfc(a) for a >= 1/2"""
    fit = FITS[a.dtype]
    a = at_most(code, a, fit.end)
    square = a * a
    lost = code.fma(a, a, -square)  # e^-(square + lost) = e^-square (1 - lost)
    n, p = reduced(code, -square)
    p = code.fma(-lost, p + 1, p)
    t = (a - fit.k) / (a + fit.k)
    y = code.fma(t, polynomial(code, t, fit.far[1:]), fit.far[0]) / (a + a + 1)
    low, high = factors(n, a.dtype)
    return code.fma(p, y, y) * low * high


def erf(code: Code, x: Value) -> Value:
    """2 / sqrt(pi) times the integral of e^-t^2 from 0 to x."""
    a = magnitude(code, x)
    return signed_as(code, code.select(a < 0.5, _near(code, a), 1 - _far(code, a)), x)


def erfc(code: Code, x: Value) -> Value:
    """1 - erf(x), without cancellation."""
    a = magnitude(code, x)
    far = _far(code, a)
    return code.select(a < 0.5, 1 - _near(code, x), code.select(x < 0, 2 - far, far))
