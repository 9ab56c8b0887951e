"""Polynomials and the beta function."""

import math

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on


def test_polyval():
    x = np.array([2.0, -1.0], np.float32)
    np.testing.assert_allclose(run_on("cpu", tf.math.polyval([1.0, 2.0, 3.0], x)), np.polyval([1, 2, 3], x))
    assert run_on("cpu", tf.math.polyval([], x)).tolist() == [0, 0]
    check_op(lambda c, x: tf.math.polyval([c, 2 * c, c * c], x), (3,), (3,))
    with pytest.raises(ValueError):
        tf.math.polyval(1.0, x)


def test_lbeta():
    want = math.lgamma(1.5) + math.lgamma(2.5) - math.lgamma(4.0)
    np.testing.assert_allclose(run_on("cpu", tf.lbeta([1.5, 2.5])), want, rtol=1e-6)
    check_op(tf.lbeta, (2, 3), domain=(0.5, 3))
