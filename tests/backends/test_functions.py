"""Scalar functions over vectors: within 4 units in the last place, and the special cases of C99, at every width."""

import math

import mpmath
import numpy as np
import pytest
from native import run

from graphflow.backends.base import Call
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.functions import FUNCTIONS

# Where results are neither always infinite nor always the same, and what NumPy calls the function.
DOMAINS = {
    "exp": (-104, 89, "exp"), "expm1": (-20, 89, "expm1"), "sinh": (-90, 90, "sinh"), "cosh": (-90, 90, "cosh"),
    "tanh": (-10, 10, "tanh"), "log": (0, 3e38, "log"), "log1p": (-1, 3e38, "log1p"),
    "asinh": (-3e38, 3e38, "arcsinh"), "acosh": (1, 3e38, "arccosh"), "atanh": (-1, 1, "arctanh"),
    "sin": (-1e38, 1e38, "sin"), "cos": (-1e38, 1e38, "cos"), "tan": (-1e38, 1e38, "tan"),
    "asin": (-1, 1, "arcsin"), "acos": (-1, 1, "arccos"), "atan": (-3e38, 3e38, "arctan"),
    "erf": (-4, 4, None), "erfc": (-4, 10.1, None),
}  # fmt: skip
WIDE = {  # the same where float64 reaches further
    "exp": (-746, 710), "expm1": (-40, 710), "sinh": (-711, 711), "cosh": (-711, 711), "tanh": (-20, 20),
    "log": (0, 1e308), "erf": (-6, 6), "erfc": (-6, 27.3),
}  # fmt: skip
TWO = {"pow": "power", "atan2": "arctan2"}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 2.5, -2.5, 1e30, -1e30, 1e-30, 200, -800]
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def _each(code, *arguments, name, lanes):
    """By vectors into the first half of the result, one by one into the second."""
    *inputs, out, n, _tid, _nthreads = arguments
    function = FUNCTIONS[name]
    with code.loop(0, n, lanes) as i:
        out.store(i, function(code, *[x.load(i, lanes) for x in inputs]))
    with code.loop(0, n) as i:
        out.store(n + i, function(code, *[x.load(i) for x in inputs]))


def apply(name, *inputs, width=64):
    """The function of arrays of one dtype, by vectors of `width` bytes; numbers must give the same."""
    dtype, n = inputs[0].dtype, len(inputs[0])
    lanes = width // dtype.itemsize
    arrays = {f"x{i}": np.resize(x, -(-n // lanes) * lanes) for i, x in enumerate(inputs)}
    size = len(arrays["x0"])
    arrays["out"] = np.empty(2 * size, dtype)
    kernel = Emitted(_each, (("name", name), ("lanes", lanes)), dtype.name, vector_bytes=width)
    run(Call(kernel, tuple(arrays), (size,)), arrays)
    result, one_by_one = arrays["out"][:n], arrays["out"][size : size + n]
    np.testing.assert_array_equal(one_by_one, result)
    np.testing.assert_array_equal(np.signbit(one_by_one), np.signbit(result))
    return result


def sampled(rng, dtype, low, high, n=100):
    """Numbers of all magnitudes between two, many of them near zero and near the ends."""
    info = np.finfo(dtype)
    spread = np.concatenate([
        rng.uniform(low, high, n), rng.uniform(max(low, -5), min(high, 5), 2 * n),
        rng.choice([-1, 1], 2 * n) * np.exp2(rng.uniform(info.minexp - info.nmant, math.log2(max(high, 2)), 2 * n)),
        low + np.exp2(rng.uniform(-info.nmant, 0, n // 2)), high - np.exp2(rng.uniform(-info.nmant, 0, n // 2)),
    ]).astype(dtype)  # fmt: skip
    return spread[(spread >= low) & (spread <= high)]


def worst(got, exact):
    """The largest error in units in the last place of the exact value."""
    info = np.finfo(got.dtype)
    assert not np.isnan(got).any()
    top = mpmath.mpf(2) ** int(info.maxexp)  # what comes after the largest number: infinity

    def error(value, want):
        want = max(-top, min(top, want))
        value = math.copysign(1, value) * top if np.isinf(value) else mpmath.mpf(float(value))
        exponent = max(int(mpmath.frexp(want)[1]) - 1, int(info.minexp))
        return abs(value - want) / mpmath.mpf(2) ** (exponent - int(info.nmant))

    return max(float(error(v, w)) for v, w in zip(got, exact, strict=True))


def exactly(name, *inputs):
    """By mpmath, with digits enough for the reduction of any argument."""
    function = mpmath.power if name == "pow" else getattr(mpmath, name)
    with mpmath.workdps(50):
        return [function(*[mpmath.mpf(float(v)) for v in values]) for values in zip(*inputs, strict=True)]


@dtypes
@pytest.mark.parametrize("name", DOMAINS)
def test_accuracy_everywhere(name, dtype):
    low, high = WIDE.get(name, DOMAINS[name][:2]) if dtype == "float64" else DOMAINS[name][:2]
    x = sampled(np.random.default_rng(1), np.dtype(dtype), low, high)
    if name in ("log", "atanh"):
        x = x[(x != 0) & (abs(x) != 1)]
    x = x[x != -1] if name == "log1p" else x
    got = apply(name, x)
    assert worst(got, exactly(name, x)) <= 4
    for width in (32, 16):
        np.testing.assert_array_equal(apply(name, x, width=width), got)


@dtypes
def test_powers(dtype):
    rng = np.random.default_rng(2)
    highest = math.log(np.finfo(dtype).max)
    x = np.exp(np.concatenate([rng.uniform(-1, 1, 300), rng.uniform(-highest, highest, 300)]))
    y = 1.08 * highest * rng.uniform(-1, 1, 600) / np.abs(np.log(x))  # some overflow, some underflow
    x, y = x.astype(dtype), y.astype(dtype)
    whole = rng.integers(-9, 9, 200).astype(dtype)
    x, y = np.concatenate([x, -x[:200]]), np.concatenate([y, whole])
    got = apply("pow", x, y)
    assert worst(got, exactly("pow", x, y)) <= 4
    for width in (32, 16):
        np.testing.assert_array_equal(apply("pow", x, y, width=width), got)


@dtypes
def test_angles_of_points(dtype):
    rng = np.random.default_rng(3)
    y, x = (rng.permutation(sampled(rng, np.dtype(dtype), -3e38, 3e38))[:500] for _ in range(2))
    got = apply("atan2", y, x)
    assert worst(got, exactly("atan2", y, x)) <= 4
    for width in (32, 16):
        np.testing.assert_array_equal(apply("atan2", y, x, width=width), got)


@dtypes
@pytest.mark.parametrize("width", [64, 32, 16])
@pytest.mark.parametrize("name", [*DOMAINS, *TWO])
def test_special_values(name, width, dtype):
    info = np.finfo(dtype)
    values = np.array([*SPECIAL, info.max, -info.max, info.tiny, -info.tiny, info.smallest_subnormal], dtype)
    inputs = [v.ravel() for v in np.meshgrid(values, values)] if name in TWO else [values]
    numpy_name = TWO.get(name) or DOMAINS[name][2]
    with np.errstate(all="ignore"):
        if numpy_name:
            want = getattr(np, numpy_name)(*[v.astype(np.longdouble) for v in inputs]).astype(dtype)
        else:
            want = np.array([getattr(math, name)(v) for v in inputs[0]]).astype(dtype)
    got = apply(name, *inputs, width=width)
    np.testing.assert_allclose(got, want, rtol=4 * info.eps, atol=4 * info.smallest_subnormal)
    signed = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got[signed]), np.signbit(want[signed]))
