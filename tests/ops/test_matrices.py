"""Triangular and least-squares systems, determinants, products and functions of matrices, against NumPy."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, check_vjp, run_on

RNG = np.random.default_rng(1)


def spd(x):
    return tf.matmul(x, x, transpose_b=True) + 2 * tf.eye(3, dtype=x.dtype)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("adjoint", [False, True])
def test_triangular_solve(lower, adjoint):
    a, b = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3), RNG.normal(size=(2, 3, 2))
    half = np.tril(a) if lower else np.triu(a)
    want = np.linalg.solve(half.swapaxes(-1, -2) if adjoint else half, b)
    np.testing.assert_allclose(run_on("cpu", tf.matrix_triangular_solve(a, b, lower, adjoint)), want)
    check_op(lambda a, b: tf.matrix_triangular_solve(a, b, lower, adjoint), (3, 3), (3, 2), domain=(0.5, 2))


def test_triangular_errors():
    with pytest.raises(ValueError):
        tf.matrix_triangular_solve(np.ones((2, 3)), np.ones((3, 1)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.matrix_triangular_solve(np.zeros((2, 2)), np.ones((2, 1))))


@pytest.mark.parametrize("shape", [(5, 3), (2, 4)])
def test_least_squares(shape):
    a, b = RNG.normal(size=shape), RNG.normal(size=(shape[0], 2))
    want = np.linalg.lstsq(a, b)[0]
    for fast in (True, False):
        np.testing.assert_allclose(run_on("cpu", tf.matrix_solve_ls(a, b, fast=fast)), want, atol=1e-10)
    ridge = np.linalg.solve(a.T @ a + 0.5 * np.eye(shape[1]), a.T @ b)
    np.testing.assert_allclose(run_on("cpu", tf.matrix_solve_ls(a, b, l2_regularizer=0.5)), ridge)
    check_vjp(lambda a, b: tf.matrix_solve_ls(a, b, 0.1), [a, b], "full", False, RNG)
    a[0, 0] = np.inf
    assert np.isnan(run_on("cpu", tf.matrix_solve_ls(a, b, fast=False))).all()


def test_determinants():
    x = RNG.normal(size=(2, 3, 3))
    made = tf.linalg.slogdet(x)
    sign, log = run_on("cpu", [made.sign, made.log_abs_determinant])
    np.testing.assert_allclose(sign * np.exp(log), np.linalg.det(x))
    check_op(lambda x: tf.linalg.slogdet(spd(x)).log_abs_determinant, (3, 3))
    check_op(lambda x: tf.linalg.logdet(spd(x)), (2, 3, 3))


def test_expm():
    angle = 0.7
    turn = run_on("cpu", tf.linalg.expm(np.array([[0, -angle], [angle, 0]])))
    c, s = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(turn, [[c, -s], [s, c]], atol=1e-14)
    np.testing.assert_allclose(run_on("cpu", tf.linalg.expm(np.diag([10.0, -3.0]))), np.diag(np.exp([10.0, -3.0])))
    check_op(tf.linalg.expm, (2, 3, 3), second=True)


def test_products():
    check_op(tf.cross, (2, 3), (2, 3), second=True)
    check_op(tf.linalg.matvec, (2, 3, 4), (2, 4))
    a, b = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))
    np.testing.assert_allclose(run_on("cpu", tf.cross(a, b)), np.cross(a, b))
    assert tf.cross(tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32)).shape.as_list() == [None, 3]
    with pytest.raises(ValueError):
        tf.cross(np.ones(2), np.ones(2))
    z = np.array([[1 + 2j, 3j]])
    np.testing.assert_array_equal(run_on("cpu", tf.linalg.adjoint(z)), z.conj().T)


@pytest.mark.parametrize("form", ["compact", "sequence", "matrix"])
def test_tridiagonal(form):
    upper, main, lower = RNG.normal(size=3), RNG.normal(size=4) + 4, RNG.normal(size=3)
    full = np.diag(upper, 1) + np.diag(main) + np.diag(lower, -1)
    packed = np.array([[*upper, 9.0], main, [9.0, *lower]])
    given = {"compact": packed, "sequence": [upper, main, lower], "matrix": full}[form]
    b = RNG.normal(size=(4, 2))
    np.testing.assert_allclose(run_on("cpu", tf.linalg.tridiagonal_solve(given, b, form)), np.linalg.solve(full, b))
    np.testing.assert_allclose(
        run_on("cpu", tf.linalg.tridiagonal_solve(given, b[:, 0], form)), np.linalg.solve(full, b[:, 0])
    )
