"""tf.linalg.LinearOperator...: each as its dense matrix in NumPy."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on

OPERATORS = {
    "lower triangular": (lambda: tf.linalg.LinearOperatorLowerTriangular([[1.0, 9.0], [0.5, 2.0]]), [[1, 0], [0.5, 2]]),
    "batch": (lambda: tf.linalg.LinearOperatorLowerTriangular(tf.ones([3, 2, 2])), np.tril(np.ones((3, 2, 2)))),
    "diag": (lambda: tf.linalg.LinearOperatorDiag([1.0, 3.0]), [[1, 0], [0, 3]]),
    "full": (lambda: tf.linalg.LinearOperatorFullMatrix([[1.0, 9.0], [0.5, 2.0]]), [[1, 9], [0.5, 2]]),
    "identity": (lambda: tf.linalg.LinearOperatorIdentity(2), np.eye(2)),
}
X = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name):
    make, dense = OPERATORS[name]
    op, dense = make(), np.array(dense, float)
    turned = np.swapaxes(dense, -1, -2)
    wanted = [
        (op.to_dense(), dense),
        (op.matmul(X), dense @ X),
        (op.matmul(X, adjoint=True), turned @ X),
        (op.matmul(X, adjoint_arg=True), dense @ X.T),
        (op.matvec(X[0]), dense @ X[0]),
        (op.solve(np.broadcast_to(X, dense.shape)), np.linalg.solve(dense, np.broadcast_to(X, dense.shape))),
        (
            op.solve(np.broadcast_to(X, dense.shape), adjoint=True),
            np.linalg.solve(turned, np.broadcast_to(X, dense.shape)),
        ),
        (op.solvevec(np.broadcast_to(X[0], dense.shape[:-1])), np.linalg.inv(dense) @ X[0]),
        (op.determinant(), np.linalg.det(dense)),
        (op.log_abs_determinant(), np.linalg.slogdet(dense)[1]),
        (op.diag_part(), np.diagonal(dense, axis1=-2, axis2=-1)),
        (op.trace(), np.trace(dense, axis1=-2, axis2=-1)),
        (op.add_to_tensor(X), dense + X),
        (op.shape_tensor(), dense.shape),
    ]
    for value, expected in zip(run_on("cpu", [t for t, _ in wanted]), [e for _, e in wanted], strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    assert op.shape.as_list() == list(dense.shape)


def test_the_older_name():
    from graphflow.compat.lookup import resolve

    assert resolve("contrib.linalg").LinearOperatorTriL is tf.linalg.LinearOperatorLowerTriangular


def test_a_matrix_has_axes():
    with pytest.raises(ValueError, match="at least one axis"):
        tf.linalg.LinearOperatorDiag(1.0)
