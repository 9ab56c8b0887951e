"""Inverses, determinants, linear systems, Cholesky factors; the largest elements; local response normalization."""

import numpy as np
import pytest

from graphflow.errors import InvalidArgumentError
from graphflow.gradients import gradients
from graphflow.ops import decompositions as d
from graphflow.ops.arrange import matrix_transpose
from graphflow.ops.fill import constant, eye
from graphflow.ops.linalg import matmul
from graphflow.ops.lrn import lrn
from graphflow.ops.placeholder import placeholder
from graphflow.ops.ranking import in_top_k, top_k
from graphflow.testing import check_op, run_on


def regular(x):
    """A matrix that can be inverted, whatever x is."""
    return x + 5 * eye(3, dtype=x.dtype)


def positive(x):
    return regular(matmul(x, x, transpose_b=True))


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
def test_gradients(shape):
    for fn in (
        lambda x: d.matrix_inverse(regular(x)),
        lambda x: d.matrix_inverse(regular(x), adjoint=True),
        lambda x: d.matrix_determinant(regular(x)),
        lambda x: d.cholesky(positive(x)),
    ):
        check_op(fn, shape, dtypes=("float64",), second=True)
    for adjoint in (False, True):
        check_op(
            lambda x, y: d.matrix_solve(regular(x), y, adjoint),
            shape,
            (*shape[:-1], 2),
            dtypes=("float64",),
            second=True,
        )
    check_op(lambda x, y: d.cholesky_solve(d.cholesky(positive(x)), y), shape, (*shape[:-1], 2), dtypes=("float64",))


def test_values():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3, 3)) + 3 * np.eye(3), rng.normal(size=(2, 3, 1))
    p = x @ x.swapaxes(1, 2)
    t, s = constant(x), constant(p)
    got = run_on("cpu", [d.matrix_inverse(t), d.matrix_determinant(t), d.matrix_solve(t, y),
                         d.matrix_solve(t, y, adjoint=True), d.cholesky(s),
                         d.cholesky_solve(d.cholesky(s), y)])  # fmt: skip
    want = [np.linalg.inv(x), np.linalg.det(x), np.linalg.solve(x, y), np.linalg.solve(x.swapaxes(1, 2), y),
            np.linalg.cholesky(p), np.linalg.solve(p, y)]  # fmt: skip
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-9)


def test_the_gradient_of_cholesky_is_symmetric():
    x = constant(np.array([[4.0, 1, 0], [1, 5, 2], [0, 2, 6]]))
    g = run_on("cpu", gradients(d.cholesky(x), x)[0])
    np.testing.assert_allclose(g, g.T)


def test_errors():
    for fn in (d.matrix_inverse, d.cholesky, d.matrix_determinant):
        with pytest.raises(ValueError):
            fn(constant(np.zeros((2, 3))))
        with pytest.raises(ValueError):
            fn(constant(np.zeros(3)))
    for fn in (d.matrix_inverse, d.cholesky):
        with pytest.raises(InvalidArgumentError):
            run_on("cpu", fn(constant(np.zeros((2, 2)))))
    with pytest.raises(InvalidArgumentError):
        run_on("cpu", d.matrix_solve(constant(np.ones((2, 2))), np.ones((2, 1))))
    with pytest.raises(ValueError):
        d.matrix_solve(constant(np.eye(2)), np.ones((3, 1)))
    assert d.matrix_inverse(placeholder("float32", [None, 3])).dims == (3, 3)
    assert matrix_transpose(d.matrix_solve(constant(np.eye(2)), np.ones((2, 5)))).dims == (5, 2)


def test_top_k():
    x = np.array([[1, 3, 3, 2], [0, -1, 5, 5]], np.float32)
    t, k = placeholder("float32", [None, 4]), placeholder("int32", [])
    values, indices = top_k(t, k)
    got = run_on("cpu", [values, indices, gradients(values, t)[0], top_k(t).values], {t: x, k: 3})
    np.testing.assert_array_equal(got[0], [[3, 3, 2], [5, 5, 0]])
    np.testing.assert_array_equal(got[1], [[1, 2, 3], [2, 3, 0]])
    np.testing.assert_array_equal(got[2], [[0, 1, 1, 1], [1, 0, 1, 1]])
    np.testing.assert_array_equal(got[3], [[3], [5]])
    assert got[1].dtype == np.int32 and top_k(t, 2).indices.dims == (None, 2)
    check_op(lambda x: top_k(x * x, 2).values, (2, 3, 4), dtypes=("float32",), second=True)
    with pytest.raises(ValueError):
        top_k(t, 5)
    with pytest.raises(InvalidArgumentError):
        run_on("cpu", values, {t: x, k: 5})


def test_in_top_k():
    x = np.array([[0.1, 0.5, 0.5, 0.2]] * 5 + [[np.nan, 1, 2, 3]], np.float32)
    targets = [1, 2, 3, 0, 4, 3]
    got = run_on("cpu", [in_top_k(constant(x), targets, 1), in_top_k(constant(x), np.array(targets), 3)])
    assert got[0].tolist() == [True, True, False, False, False, False]
    assert got[1].tolist() == [True, True, True, False, False, False]


def test_lrn():
    def truth(x, radius, bias, alpha, beta):
        out = np.empty_like(x)
        for i in range(x.shape[-1]):
            near = x[..., max(i - radius, 0) : i + radius + 1]
            out[..., i] = x[..., i] / (bias + alpha * (near**2).sum(-1)) ** beta
        return out

    x = np.random.default_rng(0).normal(size=(1, 2, 2, 7))
    for arguments in ((5, 1, 1, 0.5), (2, 2.0, 0.1, 0.75), (0, 1.0, 1.0, 1.0)):
        np.testing.assert_allclose(run_on("cpu", lrn(constant(x), *arguments)), truth(x, *arguments), rtol=1e-9)
    check_op(lambda x: lrn(x, 2, 1.0, 0.5, 0.75), (1, 2, 2, 5), dtypes=("float32",), second=True)
