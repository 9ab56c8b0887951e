"""Checks of infinite and missing numbers, in values and in gradients."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("check", [tf.check_numerics, tf.verify_tensor_all_finite, tf.debugging.check_numerics])
def test_checks(backend, check):
    x = tf.placeholder(tf.float32, [None])
    y = check(x, "here")
    np.testing.assert_array_equal(run_on(backend, y, {x: [1, 2]}), [1, 2])
    for bad in (np.inf, np.nan):
        with pytest.raises(tf.errors.InvalidArgumentError, match="here"):
            run_on(backend, y, {x: [1, bad]})


def test_gradients_are_checked():
    x = tf.placeholder(tf.float32, [])
    (dx,) = tf.gradients(tf.sqrt(tf.check_numerics(x, "here")), x)
    assert run_on("cpu", dx, {x: 4.0}) == 0.25
    with pytest.raises(tf.errors.InvalidArgumentError, match="gradient"):
        run_on("cpu", dx, {x: 0.0})


def test_all_tensors_of_a_graph():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [])
        y = tf.log(x, name="y")
        check = tf.add_check_numerics_ops()
        session.run([y, check], {x: 1.0})
        with pytest.raises(tf.errors.InvalidArgumentError, match="y:0"):
            session.run(check, {x: -1.0})
