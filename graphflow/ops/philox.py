"""Random numbers by counter: Philox 4x32-10, uniform and normal numbers from its words.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).  A block of four words is a
pure function of a 64-bit key and a 128-bit counter; here the counter is (block, draw), 64 bits each, low word first.
Element i of a draw takes the words a, b of block i // 2: the first two when i is even, the last two when it is odd.

One source serves NumPy and compiled kernels: every function below takes uint64 numbers, arrays or vectors of them, and
uses nothing but integer arithmetic on 64 bits, float64 arithmetic and square roots, so that all agree bit for bit.
Backends run the same code with their own `np`: of NumPy there is nothing here but dtypes, where, minimum, abs, sqrt and
copysign (below "words", where arrays are made).
"""

from __future__ import annotations

from typing import Any

import numpy as np

_MASK = np.uint64(0xFFFFFFFF)
_ONE, _11, _12, _32 = np.uint64(1), np.uint64(11), np.uint64(12), np.uint64(32)
_8 = np.uint64(8)
_MULTIPLY_0, _MULTIPLY_2 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_BUMP_0, _BUMP_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)

_SQRT_HALF_BITS = np.int64(0x3FE6A09E667F3BCD)  # of sqrt(0.5), the lowest mantissa that `_log` looks at
_EXPONENT = np.int64(52)
_LN2 = 0.6931471805599453
_PHI_MINUS_2 = 0.022750131948179207  # the normal distribution function at -2


# -- words ---------------------------------------------------------------------------------------------------------
def philox_block(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Four words for a counter and a key of four and two words; each is a uint64 below 2**32."""
    for _ in range(10):
        p0, p2 = _MULTIPLY_0 * c0, _MULTIPLY_2 * c2
        c0, c1, c2, c3 = (p2 >> _32) ^ c1 ^ k0, p2 & _MASK, (p0 >> _32) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _BUMP_0) & _MASK, (k1 + _BUMP_1) & _MASK
    return c0, c1, c2, c3


def philox_pair(key: Any, draw: Any, i: Any) -> Any:
    """The words (a, b) of the elements i."""
    key, draw, i = np.uint64(key), np.uint64(draw), np.uint64(i)
    block = i >> _ONE
    w0, w1, w2, w3 = philox_block(
        block & _MASK, block >> _32, draw & _MASK, draw >> _32, key & _MASK, key >> _32
    )  # fmt: skip
    even = (i & _ONE) == np.uint64(0)
    return np.where(even, w0, w2), np.where(even, w1, w3)


def philox_words(key: int, draw: int, n: int) -> np.ndarray:
    """The words of elements 0..n-1: uint32 [n, 2]."""
    k, d = np.uint64(key), np.uint64(draw)
    block = np.arange((n + 1) // 2, dtype=np.uint64)
    words = philox_block(block & _MASK, block >> _32, d & _MASK, d >> _32, k & _MASK, k >> _32)
    return np.stack(words, axis=-1).astype(np.uint32).reshape(-1, 2)[:n]


# -- uniform numbers -----------------------------------------------------------------------------------------------
def word64(a: Any, b: Any) -> Any:
    """Both words as one uint64."""
    return (np.uint64(a) << _32) | np.uint64(b)


def uniform32(a: Any) -> Any:
    """float32 in [0, 1), a multiple of 2**-24."""
    return np.float32(np.uint64(a) >> _8) * np.float32(2.0**-24)


def uniform64(a: Any, b: Any) -> Any:
    """float64 in [0, 1), a multiple of 2**-53."""
    return np.float64(word64(a, b) >> _11) * 2.0**-53


def inside32(a: Any) -> Any:
    """float64 strictly between 0 and 1, from one word."""
    return (np.float64(np.uint64(a)) + 0.5) * 2.0**-32


def inside64(a: Any, b: Any) -> Any:
    """float64 strictly between 0 and 1, from 52 bits: adding one half is exact."""
    return (np.float64(word64(a, b) >> _12) + 0.5) * 2.0**-52


# -- the inverse of the normal distribution function ---------------------------------------------------------------
# Source: Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (1988), PPND16.
def _log(x: Any) -> Any:
    """log(x) for a normal positive float64, by the series of atanh: the same bits wherever it runs."""
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _SQRT_HALF_BITS) >> _EXPONENT
    m = np.int64(bits - (exponent << _EXPONENT)).view(np.float64)  # in [sqrt(0.5), sqrt(2))
    f = (m - 1.0) / (m + 1.0)
    s = f * f
    series = 1 / 3 + s * (1 / 5 + s * (1 / 7 + s * (1 / 9 + s * (1 / 11 + s * (1 / 13 + s * (1 / 15 + s / 17))))))
    return np.float64(exponent) * _LN2 + (2.0 * f + 2.0 * f * s * series)


def _middle(q: Any) -> Any:
    """For |q| = |p - 0.5| <= 0.425."""
    r = 0.180625 - q * q
    above = (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r + 6.7265770927008700853e4) * r
        + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
        + 1.3314166789178437745e2) * r + 3.3871328727963666080e0)  # fmt: skip
    below = (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r
        + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
        + 4.2313330701600911252e1) * r + 1.0)  # fmt: skip
    return q * (above / below)


def _tail(r: Any) -> Any:
    """For r = sqrt(-log(min(p, 1 - p))) <= 5: the distance from 0."""
    r = r - 1.6
    above = (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r
        + 1.27045825245236838258e0) * r + 3.64784832476320460504e0) * r + 5.76949722146069140550e0) * r
        + 4.63033784615654529590e0) * r + 1.42343711074968357734e0)  # fmt: skip
    below = (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r
        + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940e0) * r
        + 2.05319162663775882187e0) * r + 1.0)  # fmt: skip
    return above / below


def _far(r: Any) -> Any:
    """As `_tail`, for r > 5."""
    r = r - 5.0
    above = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r
        + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580e0) * r
        + 5.46378491116411436990e0) * r + 6.65790464350110377720e0)  # fmt: skip
    below = (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r
        + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
        + 5.99832206555887937690e-1) * r + 1.0)  # fmt: skip
    return above / below


def normal_from(p: Any) -> Any:
    """The z below which a standard normal number lies with probability p, for p strictly inside (0, 1)."""
    q = p - 0.5
    r = np.sqrt(-_log(np.minimum(p, 1.0 - p)))
    return np.where(np.abs(q) <= 0.425, _middle(q), np.copysign(np.where(r <= 5.0, _tail(r), _far(r)), q))


# -- normal numbers ---------------------------------------------------------------------------------
def _restricted(p: Any) -> Any:
    """p of (0, 1) within the part of (0, 1) that belongs to z in (-2, 2)."""
    return _PHI_MINUS_2 + p * (1.0 - 2.0 * _PHI_MINUS_2)


def normal32(a: Any) -> Any:
    """A standard normal float32."""
    return np.float32(normal_from(inside32(a)))


def normal64(a: Any, b: Any) -> Any:
    """A standard normal float64."""
    return normal_from(inside64(a, b))


def truncated32(a: Any) -> Any:
    """A standard normal float32 in [-2, 2]."""
    return np.float32(normal_from(_restricted(inside32(a))))


def truncated64(a: Any, b: Any) -> Any:
    """A standard normal float64 in [-2, 2]."""
    return normal_from(_restricted(inside64(a, b)))


# -- normal numbers, for arrays of words [..., 2] ----------------------------------------------------------------------
def uniforms(words: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Numbers in [0, 1): `uniform64` for float64, else `uniform32`."""
    a, b = words[..., 0], words[..., 1]
    return uniform64(a, b) if dtype == np.float64 else uniform32(a)


def normals(words: np.ndarray, dtype: np.dtype, truncated: bool = False) -> np.ndarray:
    """Normal numbers, in (-2, 2) if `truncated`: from both words for float64, else from the first, as float32."""
    a, b = words[..., 0], words[..., 1]
    double = dtype == np.float64
    p = inside64(a, b) if double else inside32(a)
    z = normal_from(_restricted(p) if truncated else p)
    return z if double else z.astype(np.float32)


# -- for backends ----------------------------------------------------------------------------------------------------
# What the expression of a Random lowering may call.
FUNCTIONS = (word64, uniform32, uniform64, normal32, normal64, truncated32, truncated64)
