"""Optimizers outside the graph."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import graphflow as tf

opt = tf.contrib.opt


class Steps(opt.ExternalOptimizerInterface):
    """Plain gradient descent, to see what a subclass is given."""

    def _minimize(self, initial_val, loss_grad_func, packed_bounds, step_callback, optimizer_kwargs, **functions):
        x = initial_val
        for _ in range(optimizer_kwargs["steps"]):
            _, gradient = loss_grad_func(x)
            x = x - 0.1 * gradient
            if packed_bounds is not None:
                low, high = np.transpose(packed_bounds)
                x = np.clip(x, low, high)
            step_callback(x)
        self.seen = functions
        return x


@pytest.fixture(autouse=True)
def session():
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def model():
    a = tf.Variable([[7.0, -3.0]], name="a")
    b = tf.Variable(5.0, name="b")
    target = tf.placeholder(tf.float32, [])
    return a, b, target, tf.reduce_sum(tf.square(a - target)) + tf.square(b + target)


def test_a_subclass_gets_flat_functions(session):
    a, b, target, loss = model()
    session.run(tf.global_variables_initializer())
    steps, losses = [], []
    optimizer = Steps(loss, equalities=[a - 1.0], inequalities=[b], var_to_bounds={b: (-1.5, 9.0)}, steps=60)
    optimizer.minimize(session, {target: 2.0}, fetches=[loss], step_callback=steps.append, loss_callback=losses.append)
    np.testing.assert_allclose(session.run(a), [[2.0, 2.0]], atol=1e-4)
    np.testing.assert_allclose(session.run(b), -1.5)
    assert len(steps) == len(losses) == 60 and losses[0] > losses[-1] and steps[0].shape == (3,)
    (equality,), (inequality,) = optimizer.seen["equality_funcs"], optimizer.seen["inequality_funcs"]
    at = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(equality(at), [[0.0, 1.0]])
    np.testing.assert_allclose(inequality(at), 3.0)
    np.testing.assert_allclose(optimizer.seen["inequality_grad_funcs"][0](at), [0, 0, 1])


def test_without_variables_or_a_session():
    with pytest.raises(ValueError, match="no variables"):
        Steps(tf.constant(1.0))
    *_, loss = model()
    optimizer = Steps(loss, steps=1)
    with tf.Session() as other:
        pass
    with tf.Graph().as_default(), pytest.raises((ValueError, RuntimeError)):
        optimizer.minimize(other)


def test_without_scipy(session, monkeypatch):
    *_, target, loss = model()
    session.run(tf.global_variables_initializer())
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r"graphflow\[scipy\]"):
        opt.ScipyOptimizerInterface(loss).minimize(session, {target: 2.0})


def test_scipy_minimizes(session):
    pytest.importorskip("scipy")
    a, b, target, loss = model()
    session.run(tf.global_variables_initializer())
    opt.ScipyOptimizerInterface(loss, options={"maxiter": 100}).minimize(session, {target: 2.0})
    np.testing.assert_allclose(session.run(a), [[2.0, 2.0]], atol=1e-3)
    np.testing.assert_allclose(session.run(b), -2.0, atol=1e-3)
    constrained = opt.ScipyOptimizerInterface(loss, equalities=[a[0, 0] - 1.0], inequalities=[b - 0.5])
    constrained.minimize(session, {target: 2.0})
    np.testing.assert_allclose(session.run(a), [[1.0, 2.0]], atol=1e-3)
    np.testing.assert_allclose(session.run(b), 0.5, atol=1e-3)
