"""Factors multiplied together again, and the gradients by differences."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, check_vjp, run_on

RNG = np.random.default_rng(0)


def values(*shape):
    return RNG.normal(size=shape)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 3, 3), (1, 1)])
@pytest.mark.parametrize("full", [False, True])
def test_qr(shape, full):
    x = values(*shape)
    made = tf.qr(x, full_matrices=full)
    q, r = run_on("cpu", list(made))
    assert (made.q.shape, made.r.shape) == (q.shape, r.shape)
    np.testing.assert_allclose(q @ r, x, atol=1e-12)
    gram = q.swapaxes(-1, -2) @ q
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(q.shape[-1]), gram.shape), atol=1e-12)
    np.testing.assert_allclose(np.tril(r, -1), 0, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 3)])
def test_qr_gradient(shape):
    check_vjp(lambda x: list(tf.qr(x)), [values(*shape)], "full", False, RNG)
    x = tf.placeholder(tf.float64, [2, 3])
    with pytest.raises(LookupError):
        tf.gradients(tf.qr(x).q, x)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 3, 3)])
def test_svd(shape):
    x = values(*shape)
    for full in (False, True):
        made = tf.svd(x, full_matrices=full)
        s, u, v = run_on("cpu", list(made))
        assert [t.shape for t in made] == [s.shape, u.shape, v.shape]
        k = s.shape[-1]
        np.testing.assert_allclose(u[..., :k] * s[..., None, :] @ v[..., :k].swapaxes(-1, -2), x, atol=1e-12)
    np.testing.assert_allclose(run_on("cpu", tf.svd(x, compute_uv=False)), np.linalg.svd(x, compute_uv=False))
    check_vjp(lambda x: list(tf.svd(x)), [x], "full", False, RNG)
    check_op(lambda x: tf.svd(x, compute_uv=False), shape)


def test_eigenvalues():
    x = values(2, 3, 3)
    lower = np.tril(x) + np.tril(x, -1).swapaxes(-1, -2)
    e, v = run_on("cpu", list(tf.self_adjoint_eig(x)))
    np.testing.assert_allclose(v * e[..., None, :] @ v.swapaxes(-1, -2), lower, atol=1e-12)
    np.testing.assert_allclose(run_on("cpu", tf.self_adjoint_eigvals(x)), e)
    check_vjp(lambda x: list(tf.self_adjoint_eig(x)), [x], "full", False, RNG)
    check_op(tf.self_adjoint_eigvals, (3, 3))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(bad):
    x = values(2, 3, 3)
    x[1, 2, 0] = bad
    s, u, v = run_on("cpu", list(tf.svd(x)))
    np.testing.assert_allclose(u[0] * s[0] @ v[0].T, x[0], atol=1e-12)
    assert np.isnan(s[1]).all() and np.isnan(u[1]).all() and np.isnan(v[1]).all()
    assert np.isnan(run_on("cpu", tf.svd(x[1], compute_uv=False))).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="not finite"):
        run_on("cpu", tf.self_adjoint_eigvals(x))


def test_unknown_shapes():
    x = tf.placeholder(tf.float32, [None, None, 3])
    assert [t.shape.as_list() for t in tf.svd(x)] == [[None, None], [None, None, None], [None, 3, None]]
    assert tf.qr(x, full_matrices=True).q.shape.as_list() == [None, None, None]
    assert [t.shape.as_list() for t in tf.self_adjoint_eig(x)] == [[None, 3], [None, 3, 3]]


@pytest.mark.parametrize("function", [tf.qr, tf.svd, tf.self_adjoint_eig])
def test_vectors_are_refused(function):
    with pytest.raises(ValueError):
        function(np.ones(3))
