"""How far the mathematical functions are from exact, over all floating numbers: `python -m tests.sweep exp --every 1`.

Bit patterns are taken in steps, so that every exponent comes, denormals, infinities and NaN too.  Where exact is NaN or
beyond the largest number, the result must be NaN or infinite too.  float32 is compared with float64, float64 with the
long double of the machine.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import graphflow as tf

_CHUNK = 1 << 22
_erf = np.vectorize(math.erf, otypes=[np.float64])

# The op, and what it computes in a wider dtype.
FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    "exp": (tf.exp, np.exp),
    "log": (tf.log, np.log),
    "tanh": (tf.tanh, np.tanh),
    "sigmoid": (tf.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "erf": (tf.erf, _erf),
    "softplus": (tf.nn.softplus, lambda x: np.logaddexp(x, np.zeros_like(x))),
    "sin": (tf.sin, np.sin),
    "cos": (tf.cos, np.cos),
    "rsqrt": (tf.rsqrt, lambda x: 1 / np.sqrt(x)),
    "pow": (tf.pow, np.power),
}


def patterns(dtype: str, every: int, seed: int = 0) -> Iterator[np.ndarray]:
    """All numbers of a dtype whose bits are a multiple of `every` apart, in parts."""
    bits = 8 * np.dtype(dtype).itemsize
    count = -(-(2**bits) // every)
    first = int(np.random.default_rng(seed).integers(0, every))
    for start in range(0, count, _CHUNK):
        steps = np.arange(start, min(start + _CHUNK, count), dtype=np.uint64)
        yield (steps * np.uint64(every) + np.uint64(first)).astype(f"uint{bits}").view(dtype)


def errors(name: str, dtype: str, inputs: list[np.ndarray], run: Callable[..., np.ndarray]) -> tuple[float, Any, int]:
    """(the largest error in units in the last place, where it is, how many special results are wrong)."""
    exact = FUNCTIONS[name][1]
    wide = np.float64 if dtype == "float32" or name == "erf" else np.longdouble
    with np.errstate(all="ignore"):
        want = exact(*[x.astype(wide) for x in inputs])
        nearest = want.astype(dtype)
        got = run(*inputs)
        # a result at the very end of the range may be rounded to infinity, or not, within its few units
        special = ~np.isfinite(nearest) & (np.isnan(nearest) | (np.abs(want) > wide(np.finfo(dtype).max) * 1.000001))
        wrong = int((special & ~((got == nearest) | (np.isnan(got) & np.isnan(nearest)))).sum())
        unit = np.spacing(np.abs(np.where(special | ~np.isfinite(nearest), 1, nearest)).astype(dtype)).astype(wide)
        off = np.where(special | ~np.isfinite(nearest), 0, np.abs(got.astype(wide) - want) / unit)
    off = np.where(np.isnan(off), np.inf, off)
    at = int(np.argmax(off))
    return float(off[at]), tuple(x[at] for x in inputs), wrong


def sweep(name: str, dtype: str, every: int, seed: int = 0) -> tuple[float, Any, int]:
    """As `errors`, over all patterns; powers take a second number drawn for each."""
    rng = np.random.default_rng(seed)
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        holders = [tf.placeholder(dtype, [None]) for _ in range(2 if name == "pow" else 1)]
        call = session.make_callable(FUNCTIONS[name][0](*holders), holders)
        worst, where, wrong = 0.0, None, 0
        for x in patterns(dtype, every, seed):
            inputs = [x]
            if name == "pow":  # results of all magnitudes, and some beyond
                with np.errstate(all="ignore"):
                    size = 1.1 * np.log(np.finfo(dtype).max) / np.abs(np.log(np.abs(x.astype(np.float64))))
                    y = rng.uniform(-1, 1, len(x)) * size
                    inputs.append(np.where(x < 0, np.rint(y), y).astype(dtype))
            off, at, bad = errors(name, dtype, inputs, call)
            wrong += bad
            if off > worst:
                worst, where = off, at
    return worst, where, wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    parser.add_argument("functions", nargs="*", help=f"of {', '.join(FUNCTIONS)}; all by default")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--every", type=int, default=1, help="take one bit pattern of so many (default: all of them)")
    options = parser.parse_args()
    for name in options.functions or FUNCTIONS:
        worst, where, wrong = sweep(name, options.dtype, options.every)
        print(f"{name:9s} {worst:.3f} units in the last place at {where}; special results that are wrong: {wrong}")


if __name__ == "__main__":
    main()
