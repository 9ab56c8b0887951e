"""Special functions that NumPy lacks, as NumPy functions: the references of the ops of the same names."""

from __future__ import annotations

import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])
erfc = np.vectorize(math.erfc, otypes=[float])


def _lgamma(x: float) -> float:
    if math.isinf(x) or x <= 0 and x == math.floor(x):
        return math.inf  # the poles, and both ends
    return math.lgamma(x)


lgamma = np.vectorize(_lgamma, otypes=[float])


def _digamma(x: float) -> float:
    """Reflection for x < 0, recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.18)."""
    if math.isnan(x) or x == -math.inf or x <= 0 and x == math.floor(x):
        return math.nan
    if x == math.inf:
        return x
    if x < 0:
        return _digamma(1 - x) - math.pi / math.tan(math.pi * x)
    shift = 0.0
    while x < 10:
        shift -= 1 / x
        x += 1
    s = 1 / (x * x)
    series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - s * 691 / 32760)))))
    return shift + math.log(x) - 0.5 / x - series


digamma = np.vectorize(_digamma, otypes=[float])


def _polygamma(a: float, x: float) -> float:
    """NaN outside the domain; infinite at the poles and where float64 overflows."""
    if a == 0:
        return _digamma(x)
    if not (1 <= a < math.inf and a == math.floor(a) and x > -math.inf):
        return math.nan
    if x <= 0 and x == math.floor(x):
        return math.inf
    sign = 1 if a % 2 else -1
    try:
        return sign * math.gamma(a + 1) * _zeta(a + 1, x)
    except OverflowError:
        return sign * math.inf


def _zeta(s: float, x: float) -> float:
    """sum 1 / (x + k)^s for whole s, the tail of the sum by Euler and Maclaurin (DLMF 25.11.5)."""
    if x < 0:  # the terms below 0 are those of two sums above it
        part = x - math.floor(x)
        return _zeta(s, part) + (-1 if s % 2 else 1) * (_zeta(s, 1 - part) - _zeta(s, 1 - x))
    total = 0.0
    while x < 20:
        total += x**-s
        x += 1
    tail = x ** (1 - s) / (s - 1) + 0.5 * x**-s + s * x ** (-s - 1) / 12
    tail -= s * (s + 1) * (s + 2) * x ** (-s - 3) / 720
    tail += s * (s + 1) * (s + 2) * (s + 3) * (s + 4) * x ** (-s - 5) / 30240
    return total + tail


polygamma = np.vectorize(_polygamma, otypes=[float])


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow on either side."""
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), np.where(np.isnan(x), x, e / (1 + e)))


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
