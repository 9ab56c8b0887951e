"""matmul, tensordot, einsum and diagonals."""

import numpy as np
import pytest

from graphflow.errors import InvalidArgumentError
from graphflow.gradients import gradients
from graphflow.ops import diagonal
from graphflow.ops.contraction import einsum, tensordot
from graphflow.ops.fill import constant
from graphflow.ops.linalg import matmul
from graphflow.ops.placeholder import placeholder
from graphflow.testing import check_op, run_on


def draw(*shape, dtype=np.float64, seed=0):
    x = np.random.default_rng(seed).normal(size=shape)
    return (x + 1j * np.random.default_rng(seed + 9).normal(size=shape)).astype(dtype) if dtype is np.complex128 else x


@pytest.mark.parametrize("flip_a", [False, True])
@pytest.mark.parametrize("flip_b", [False, True])
def test_matmul(flip_a, flip_b):
    def multiply(a, b):
        return matmul(a, b, transpose_a=flip_a, transpose_b=flip_b)

    check_op(multiply, (4, 3) if flip_a else (3, 4), (5, 4) if flip_b else (4, 5), dtypes=("float32",), second=True)
    check_op(multiply, (2, 4, 3) if flip_a else (2, 3, 4), (2, 5, 4) if flip_b else (2, 4, 5), dtypes=("float64",))
    check_op(multiply, (0, 3) if flip_a else (3, 0), (5, 0) if flip_b else (0, 5), grad=False)


def test_matmul_against_numpy():
    a, b = draw(3, 4, dtype=np.complex128), draw(5, 4, dtype=np.complex128, seed=1)
    stack_a, stack_b = np.stack([a, 2 * a]), np.stack([b, 3 * b])[:, None]
    got = run_on("cpu", [
        matmul(constant(a), constant(b), transpose_b=True), matmul(constant(a), constant(b), adjoint_b=True),
        matmul(constant(stack_a), constant(stack_b), transpose_b=True),
        matmul(constant(a), constant(a), adjoint_a=True), matmul(constant(stack_a), constant(stack_a), adjoint_a=True),
        matmul(constant(np.arange(6).reshape(2, 3)), constant(np.arange(6).reshape(3, 2))),
    ])  # fmt: skip
    want = [a @ b.T, a @ b.conj().T, stack_a @ stack_b.swapaxes(-1, -2), a.conj().T @ a,
            stack_a.conj().swapaxes(1, 2) @ stack_a, [[10, 13], [28, 40]]]  # fmt: skip
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-12)


@pytest.mark.parametrize("left, right", [((2, 1), (3,)), ((), (2,)), ((3,), ()), ((1, 2), (2, 1)), ((0,), ())])
def test_batches_broadcast(left, right):
    check_op(matmul, (*left, 2, 3), (*right, 3, 2), dtypes=("float32",), grad=0 not in left)


def test_matmul_static_shapes_and_errors():
    x, w, unknown = placeholder("float32", [None, 784]), placeholder("float32", [784, 10]), placeholder("float32")
    assert matmul(x, w).dims == (None, 10) and matmul(x, x, transpose_b=True).dims == (None, None)
    assert matmul(unknown, w).dims is None and matmul(x, w).op.name.startswith("MatMul")
    assert matmul(placeholder("float32", [None, 5, 2, 3]), placeholder("float32", [5, 3, 4])).dims == (None, 5, 2, 4)
    stacks = placeholder("float32", [2, 2, 3]), placeholder("float32", [3, 3, 2])
    for a, b in ((x, placeholder("float32", [10])), (x, placeholder("float32", [783, 2])), stacks):
        with pytest.raises(ValueError):
            matmul(a, b)
    with pytest.raises(ValueError, match="transpose_b=True"):
        matmul(w, w)
    with pytest.raises(ValueError):
        matmul(x, w, transpose_a=True, adjoint_a=True)
    with pytest.raises(TypeError):
        matmul(x, constant(draw(784, 2)))
    with pytest.raises(InvalidArgumentError):
        run_on("cpu", matmul(unknown, w), {unknown: np.zeros((2, 3)), w: np.zeros((784, 10))})


@pytest.mark.parametrize("a, b, axes", [
    ((2, 3), (3, 4), 1), ((2, 3), (4,), 0), ((2, 3, 4), (3, 4, 2), 2), ((2, 3, 4), (5, 4, 2), [[2, 0], [1, 2]]),
    ((2, 3), (3, 2), [-1, 0]), ((3,), (3,), [[0], [0]]), ((2, 0), (0, 3), 1),
])  # fmt: skip
def test_tensordot(a, b, axes):
    x, y = draw(*a), draw(*b, seed=1)
    got = run_on("cpu", tensordot(constant(x), constant(y), axes))
    np.testing.assert_allclose(got, np.tensordot(x, y, axes), rtol=1e-12, atol=1e-12)
    known_rank = placeholder("float64", [None] * len(a)), placeholder("float64", [None] * len(b))
    z = tensordot(*known_rank, axes)
    feeds = dict(zip(known_rank, (x, y), strict=True))
    got = run_on("cpu", [z, *gradients(z, list(known_rank))], feeds)
    np.testing.assert_allclose(got[0], np.tensordot(x, y, axes), rtol=1e-12, atol=1e-12)
    assert [g.shape for g in got[1:]] == [a, b]


def test_tensordot_refuses():
    x = constant(draw(2, 3))
    for axes in (3, -1, [[0], [0, 1]], [[2], [0]], [0, 1], [1, 2, 3]):
        with pytest.raises(ValueError):
            tensordot(x, x, axes)


@pytest.mark.parametrize("equation, shapes", [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("ij->ji", [(2, 3)]), ("ij->", [(2, 3)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]), ("bld,dk->blk", [(2, 3, 4), (4, 2)]), ("i,i->", [(4,), (4,)]),
    ("i,j->ij", [(2,), (3,)]), ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 2)]), ("ij,ij->i", [(2, 3), (2, 3)]),
    ("bi,bj->bji", [(2, 3), (2, 4)]), ("ijk,k->j", [(2, 3, 4), (4,)]), ("ij,k->k", [(2, 3), (4,)]),
    (",i->i", [(), (3,)]), ("ba", [(2, 3)]), ("i j, j k -> k i", [(2, 0), (0, 3)]),
    ("...ij,...jk->...ik", [(2, 3, 4), (2, 4, 5)]), ("i...->...", [(2, 3)]),
    ("...ij,jk->...ik", [(5, 2, 3, 4), (4, 5)]),
    ("b...,b...->b...", [(2, 3), (2, 3)]), ("...ij,...jk", [(2, 3, 4), (2, 4, 5)]), ("...i->i...", [(2, 3, 4)]),
    ("...i,...i->...", [(4, 2, 3), (2, 3)]),
])  # fmt: skip
def test_einsum(equation, shapes):
    values = [draw(*s, seed=i) for i, s in enumerate(shapes)]
    want = np.einsum(equation, *values)
    got = run_on("cpu", einsum(equation, *map(constant, values)))
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    inputs = [placeholder("float64", [None] * v.ndim) for v in values]
    made = einsum(equation, *inputs)
    got = run_on("cpu", [made, *gradients(made, inputs)], dict(zip(inputs, values, strict=True)))
    np.testing.assert_allclose(got[0], want, rtol=1e-12, atol=1e-12)
    weights = np.ones_like(want)
    for i, v in enumerate(values):  # the function is linear in each input
        np.testing.assert_allclose(np.sum(got[1 + i] * v), np.sum(weights * want), rtol=1e-9, atol=1e-9)


def test_einsum_refuses():
    x = constant(draw(2, 3))
    for equation in (
        "ii->i",
        "ij,jk->ik",
        "ij->ijj",
        "ij->k",
        "ijk->i",
        "i-j",
        "...i->i",
        "...i...->i",
        "...ijk->...i",
    ):
        with pytest.raises(ValueError):
            einsum(equation, x)
    with pytest.raises(ValueError):
        einsum("ij,ik->jk", x, constant(draw(4, 3)))
    assert einsum("ij->j", placeholder("float32", [None, 3])).dims == (3,)


def test_diagonals():
    x = draw(2, 3, 4)
    v = draw(2, 3)
    got = run_on("cpu", [
        diagonal.matrix_diag_part(constant(x)), diagonal.matrix_diag_part(constant(x), k=1),
        diagonal.matrix_diag(constant(v)), diagonal.matrix_diag(constant(v), k=-1),
        diagonal.matrix_diag(constant(v), num_rows=3, num_cols=5, padding_value=7),
        diagonal.diag(constant(v)), diagonal.diag_part(constant(np.arange(36.0).reshape(2, 3, 2, 3))),
        diagonal.trace(constant(x)), diagonal.matrix_set_diag(constant(x), constant(v)),
    ])  # fmt: skip
    np.testing.assert_array_equal(got[0], np.diagonal(x, 0, 1, 2))
    np.testing.assert_array_equal(got[1], np.diagonal(x, 1, 1, 2))
    np.testing.assert_array_equal(got[2], [np.diag(r) for r in v])
    np.testing.assert_array_equal(got[3], [np.diag(r, -1) for r in v])
    assert got[4].shape == (2, 3, 5) and (got[4][:, 0, 1:] == 7).all() and (got[4][:, 0, 0] == v[:, 0]).all()
    np.testing.assert_array_equal(got[5].reshape(6, 6), np.diag(v.reshape(-1)))
    np.testing.assert_array_equal(got[6], np.arange(0, 36, 7).reshape(2, 3))
    np.testing.assert_allclose(got[7], np.trace(x, axis1=1, axis2=2))
    assert (np.diagonal(got[8], 0, 1, 2) == v).all() and got[8][0, 0, 1] == x[0, 0, 1]


def test_gradients_of_diagonals():
    for fn, shape in ((diagonal.matrix_diag, (2, 3)), (diagonal.matrix_diag_part, (2, 3, 4)), (diagonal.diag, (3,)),
                      (diagonal.diag_part, (2, 2)), (diagonal.trace, (2, 3, 3)),
                      (lambda x: diagonal.matrix_band_part(x, 1, 0), (2, 3, 4))):  # fmt: skip
        check_op(fn, shape, dtypes=("float32",))
    check_op(diagonal.matrix_set_diag, (2, 3, 4), (2, 3), dtypes=("float32",))


@pytest.mark.parametrize("lower, upper", [(0, 0), (1, 0), (-1, 0), (0, -1), (5, 1), (-1, -1)])
def test_matrix_band_part(lower, upper):
    x = draw(4, 5)
    want = np.triu(x, -lower if lower >= 0 else -9)
    want = np.tril(want, upper if upper >= 0 else 9)
    np.testing.assert_array_equal(run_on("cpu", diagonal.matrix_band_part(constant(x), lower, upper)), want)


def test_diagonals_refuse():
    with pytest.raises(ValueError):
        diagonal.diag_part(constant(draw(2, 3)))
    with pytest.raises(ValueError):
        diagonal.matrix_diag_part(constant(draw(3)))
    with pytest.raises(ValueError):
        diagonal.matrix_diag(constant(draw(3)), num_rows=2, num_cols=2)
    with pytest.raises(ValueError):
        diagonal.matrix_set_diag(constant(draw(3, 3)), constant(draw(2)))
    assert diagonal.matrix_diag_part(placeholder("float32", [None, 3, 4])).dims == (None, 3)
