"""Mathematical functions over the whole range of floating numbers: within 4 units in the last place."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sweep import FUNCTIONS, errors, patterns, sweep

EVERY = {"float32": 20_011, "float64": 92_233_720_368_547_759}


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_four_units(name, dtype):
    worst, where, wrong = sweep(name, dtype, EVERY[dtype])
    assert worst <= 4 and not wrong, where


def test_the_patterns_are_of_all_kinds():
    x = np.concatenate(list(patterns("float32", EVERY["float32"])))
    normal = x[np.isfinite(x) & (np.abs(x) >= np.finfo("float32").tiny)]
    assert set(np.frexp(np.abs(normal))[1]) == set(range(-125, 129))
    assert np.isnan(x).any() and (np.abs(x) < np.finfo("float32").tiny).sum() > 500


@pytest.mark.parametrize("at, value", [(0, 1.0000008), (2, 3e38), (3, 1.0), (4, 1e-44), (5, 0.0)])
def test_what_is_wrong_is_found(at, value):
    def run(x):
        with np.errstate(all="ignore"):
            y = np.exp(x.astype(np.float64)).astype(np.float32)
        y[at] = value if changed else y[at]
        return y

    x = np.float32([0, 1, 89, np.nan, -200, np.inf])
    for changed in (False, True):
        worst, _, wrong = errors("exp", "float32", [x], run)
        assert (worst > 4 or wrong == 1) == changed
