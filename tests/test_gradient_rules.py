"""Gradients of the user's, for functions, op types and blocks."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow import gradient_rules
from graphflow.ops.define import define


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(gradient_rules, "_registered", {})
    with tf.Graph().as_default():
        yield


def run(fetches):
    with tf.Session() as session:
        return session.run(fetches)


def test_a_function_with_its_own_gradient():
    @tf.custom_gradient
    def log1pexp(x):
        """Stable."""
        e = tf.exp(x)
        return tf.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))

    x = tf.constant([0.0, 100.0])
    y = log1pexp(x)
    (dx,) = tf.gradients(y, x, grad_ys=tf.constant([2.0, 3.0]))
    assert log1pexp.__name__ == "log1pexp" and log1pexp.__doc__ == "Stable."
    assert y.shape.as_list() == [2] and np.allclose(run(dx), [1.0, 3.0])


def test_several_arguments_and_results_of_several_dtypes():
    @tf.custom_gradient
    def f(x, n, z):
        def grad(da, db):
            return 10 * da + db, None, z * db

        return [x * z, tf.cast(n, tf.float64) * z], grad

    x, z = tf.constant(2.0, tf.float64), tf.constant(3.0, tf.float64)
    a, b = f(x, 4, z)
    assert np.allclose(run([a, b, *tf.gradients([a, b], [x, z])]), [6, 12, 11, 3])
    assert tf.gradients(a, [tf.constant(1.0)]) == [None]


def test_a_wrong_number_of_gradients():
    f = tf.custom_gradient(lambda x, y: (x + y, lambda dy: dy))
    x = tf.constant(1.0)
    with pytest.raises(ValueError, match="gave 1 values for 2 arguments"):
        tf.gradients(f(x, x), x)


def test_operations_of_a_block_get_another_gradient():
    @tf.RegisterGradient("Sevenfold")
    def sevenfold(op, dy):
        assert op.type == "Relu" and op.inputs[0] is x
        return 7 * dy

    x = tf.constant([-1.0, 2.0])
    graph = tf.get_default_graph()
    with graph.gradient_override_map({"Relu": "Sevenfold", "Exp": "Log"}):
        y = tf.nn.relu(x)
        with graph.gradient_override_map({"Relu": "Missing"}):
            unknown = tf.nn.relu(x)
        e = tf.exp(x)
    plain = tf.nn.relu(x)
    both = run([tf.gradients(t, x)[0] for t in (y, plain, e)])
    assert np.allclose(both, [[7, 7], [0, 1], [-1, 0.5]])
    with pytest.raises(LookupError, match="'Missing'"):
        tf.gradients(unknown, x)
    with pytest.raises(TypeError), graph.gradient_override_map([("Relu", "Sevenfold")]):
        pass


def test_a_block_can_cut_gradients_off():
    tf.NotDifferentiable("Nothing")
    x = tf.constant(1.0)
    with tf.get_default_graph().gradient_override_map({"Tanh": "Nothing"}):
        y = tf.tanh(x)
    assert tf.gradients(y, x) == [None]


def test_registering():
    tf.RegisterGradient("Mine")(lambda op, dy: dy)
    for taken in ("Mine", "Tanh"):
        with pytest.raises(KeyError, match="has a gradient already"):
            tf.RegisterGradient(taken)(lambda op, dy: dy)
    for wrong in (tf.RegisterGradient, tf.NoGradient, tf.no_gradient):
        with pytest.raises(TypeError):
            wrong(3)


def test_an_op_that_has_no_gradient_can_get_one(monkeypatch):
    monkeypatch.setattr("graphflow.ops.define.REGISTRY", dict(gradient_rules.REGISTRY))
    record = define("OnlyHere", "x y", infer=lambda x, y: (x.dims, x.dtype), reference=lambda x, y: x + y)
    x, y = tf.constant(1.0), tf.constant(2.0)
    z = record(x, y)
    with pytest.raises(LookupError, match="OnlyHere has no gradient"):
        tf.gradients(z, x)
    tf.RegisterGradient("OnlyHere")(lambda op, dy: (dy, 2 * dy))
    assert run(tf.gradients(z, [x, y])) == [1.0, 2.0]
    gradient_rules._registered["OnlyHere"] = lambda op, dy: dy
    with pytest.raises(ValueError, match="gave 1 values for 2 inputs"):
        tf.gradients(z, x)
