"""Second derivatives against those worked out by hand."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on


def test_vector():
    x = tf.constant([0.5, -1.0, 2.0])
    (h,) = tf.hessians(tf.reduce_sum(x**3) + x[0] * x[1], x)
    np.testing.assert_allclose(run_on("cpu", h), [[3, 1, 0], [1, -6, 0], [0, 0, 12]], rtol=1e-6)


def test_several_and_of_higher_rank():
    x, y = tf.constant([[1.0, 2.0]]), tf.constant(3.0)
    hx, hy = tf.hessians(tf.reduce_sum(x * x) * y * y, [x, y])
    assert (hx.shape, hy.shape) == ((1, 2, 1, 2), ())
    np.testing.assert_allclose(run_on("cpu", hx).reshape(2, 2), 18 * np.eye(2))
    assert run_on("cpu", hy) == 10.0


def test_linear_functions_have_zeros():
    x = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(run_on("cpu", tf.hessians(tf.reduce_sum(x), x)[0]), np.zeros((2, 2)))


def test_errors():
    with pytest.raises(LookupError):
        tf.hessians(tf.constant(1.0), tf.constant(1.0))
    x = tf.placeholder(tf.float32, [None])
    with pytest.raises(ValueError):
        tf.hessians(x * x, x)
