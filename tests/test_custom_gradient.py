"""Gradients of the user's own: functions that bring one, and operations that get another."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import BACKENDS, run_on


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions(backend):
    @tf.custom_gradient
    def square(x):
        return x * x, lambda dy: dy * 7.0

    x = tf.constant([1.0, 2.0])
    y = square(x)
    got = run_on(backend, [y, tf.gradients(y * 2.0, x)[0], tf.gradients(square(square(x)), x)[0]])
    assert [v.tolist() for v in got] == [[1, 4], [14, 14], [49, 49]]


def test_several_results():
    @tf.custom_gradient
    def both(x, y):
        return (x + y, x * y), lambda ds, dp: (ds * 2.0, dp * 3.0)

    x, y = tf.constant(1.0), tf.constant(5.0)
    total, product = both(x, y)
    assert run_on("cpu", [total, product]) == [6, 5]
    assert run_on("cpu", tf.gradients([total, 10.0 * product], [x, y])) == [2, 30]
    assert run_on("cpu", tf.gradients(total, [x, y])) == [2, 0]


def test_variables():
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.Variable(3.0)

        def grad(dy, variables):
            assert variables == [w]
            return dy * 10.0, [dy * 100.0]

        scaled = tf.custom_gradient(lambda x: (x * w, grad))
        refused = tf.custom_gradient(lambda x: (x * w, lambda dy: dy))
        x = tf.constant(2.0)
        session.run(w.initializer)
        assert session.run(tf.gradients(scaled(x), [x, w])) == [10, 100]
        with pytest.raises(TypeError, match="variables"):
            refused(x)


def test_a_wrong_number_of_gradients():
    x = tf.constant(1.0)
    with pytest.raises(ValueError):
        tf.gradients(tf.custom_gradient(lambda x: (x, lambda dy: (dy, dy)))(x), x)


def test_overriding():
    @tf.RegisterGradient("TimesFive")
    def five(op, dy):
        return 5.0 * dy

    with tf.Graph().as_default() as graph:
        x = tf.constant([1.2, -0.7])
        with graph.gradient_override_map({"Round": "Identity", "PyFunc": "TimesFive", "Square": "Nothing"}):
            rounded = tf.round(x)
            called = tf.py_func(lambda a: a * a, [x], tf.float32)
            called.set_shape([2])
            missing = tf.square(x)
        with graph.gradient_override_map({"Square": "Stop"}):
            stopped = tf.square(x)
        tf.NotDifferentiable("Stop")
        grads = [tf.gradients(y * 2.0, x)[0] for y in (rounded, called, tf.square(x))]
        np.testing.assert_allclose(run_on("cpu", grads), [[2, 2], [10, 10], [4.8, -2.8]], rtol=1e-6)
        assert tf.gradients(stopped, x) == [None]
        with pytest.raises(LookupError, match="Nothing"):
            tf.gradients(missing, x)
        with pytest.raises(TypeError):
            graph.gradient_override_map({"Square": five}).__enter__()
    with pytest.raises(KeyError):
        tf.RegisterGradient("TimesFive")(five)


def test_words():
    x = tf.constant(1.0)
    assert run_on("cpu", tf.gradients(x, tf.constant(2.0), unconnected_gradients=tf.UnconnectedGradients.ZERO)) == [0]
    assert tf.gradients(x, x, aggregation_method=tf.AggregationMethod.EXPERIMENTAL_TREE)
    rows = tf.IndexedSlices(x, x)
    assert tf.is_tensor(x) and tf.is_tensor(rows) and not tf.is_tensor(1.0)
    assert tf.convert_to_tensor_or_indexed_slices(rows) is rows
    assert tf.convert_to_tensor_or_indexed_slices([1]).dtype is tf.int32
