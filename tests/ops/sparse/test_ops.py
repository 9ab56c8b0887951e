"""Ops on sparse tensors against NumPy on dense ones."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_vjp, run_on

A = np.array([[0, 1, 0], [2, 0, -3], [0, 0, 0]], np.float64)
B = np.array([[0, 10, 0], [0, 20, 0], [0, 0, 0]], np.float64)
RNG = np.random.default_rng(0)


def sparse(dense):
    return tf.SparseTensor(np.argwhere(dense), dense[dense != 0], dense.shape)


def dense(sp):
    value = run_on("cpu", list(sp.feed_components()))
    assert value[0].tolist() == sorted(value[0].tolist()), "not in row-major order"
    out = np.zeros(value[2], value[1].dtype)
    out[tuple(value[0].T)] = value[1]
    return out


def check_gradient(function):
    """Of sums of a function of A, by differences of its values."""
    places = np.argwhere(A)
    check_vjp(lambda v: function(tf.SparseTensor(places, v, A.shape)), [A[A != 0]], "full", False, RNG)


def test_arrangements():
    np.testing.assert_array_equal(dense(tf.sparse_transpose(sparse(A))), A.T)
    cube = np.zeros((1, 2, 3))
    cube[0, 1, 2] = 5
    np.testing.assert_array_equal(dense(tf.sparse_transpose(sparse(cube), [1, 0, 2])), cube.transpose(1, 0, 2))
    np.testing.assert_array_equal(dense(tf.sparse_reshape(sparse(A), [1, -1])), A.reshape(1, 9))
    np.testing.assert_array_equal(dense(tf.sparse_slice(sparse(A), [0, 1], [2, 5])), A[:2, 1:])
    shuffled = tf.SparseTensor([[1, 2], [0, 1], [1, 0]], [-3.0, 1.0, 2.0], [3, 3])
    np.testing.assert_array_equal(dense(tf.sparse_reorder(shuffled)), A)
    np.testing.assert_array_equal(dense(tf.sparse_retain(sparse(A), [True, False, True])), A * (A != 2))
    left, right = tf.sparse_split(sp_input=sparse(A), num_split=2, axis=1)
    np.testing.assert_array_equal(dense(left), A[:, :2])
    np.testing.assert_array_equal(dense(right), A[:, 2:])


def test_arrangement_errors():
    dynamic = tf.placeholder_with_default(np.array([8]), [1])
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.sparse_reshape(sparse(A), dynamic).indices)
    for wrong in (
        lambda: tf.sparse_reshape(sparse(A), [8]),
        lambda: tf.sparse_reset_shape(sparse(A), [2, 5]),
        lambda: tf.sparse_split(sp_input=sparse(A), num_split=2, axis=2),
    ):
        with pytest.raises(ValueError):
            wrong()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concat(axis):
    np.testing.assert_array_equal(dense(tf.sparse_concat(axis, [sparse(A), sparse(B)])), np.concatenate([A, B], axis))


def test_concat_of_other_sizes():
    tall = np.pad(B, [(0, 2), (0, 0)])
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.sparse_concat(1, [sparse(A), sparse(tall)]).dense_shape)
    joined = tf.sparse_concat(1, [sparse(A), sparse(tall)], expand_nonconcat_dim=True)
    np.testing.assert_array_equal(dense(joined), np.concatenate([np.pad(A, [(0, 2), (0, 0)]), tall], 1))


def test_shapes_and_rows():
    assert dense(tf.sparse_reset_shape(sparse(A))).shape == (2, 3)
    assert dense(tf.sparse_reset_shape(sparse(A), [4, 5])).shape == (4, 5)
    filled, empty = tf.sparse_fill_empty_rows(sparse(A), 9.0)
    np.testing.assert_array_equal(dense(filled), [[0, 1, 0], [2, 0, -3], [9, 0, 0]])
    assert run_on("cpu", empty).tolist() == [False, False, True]
    ids = tf.SparseTensor([[0, 0], [1, 0], [1, 1]], [2, 0, 1], [2, 2])
    assert run_on("cpu", tf.sparse_to_indicator(ids, 4)).tolist() == [[0, 0, 1, 0], [1, 1, 0, 0]]
    rows = tf.IndexedSlices(tf.constant([[1.0], [2.0], [3.0]]), tf.constant([12, 26, 37]))
    masked = run_on("cpu", tf.sparse_mask(rows, [26]))
    assert (masked.indices.tolist(), masked.values.tolist()) == ([12, 37], [[1], [3]])


def test_arithmetic():
    np.testing.assert_array_equal(dense(tf.sparse_add(sparse(A), sparse(B))), A + B)
    np.testing.assert_array_equal(run_on("cpu", tf.sparse_add(sparse(A), np.ones((3, 3)))), A + 1)
    np.testing.assert_array_equal(dense(tf.sparse_maximum(sparse(A), sparse(B))), np.maximum(A, B))
    np.testing.assert_array_equal(dense(tf.sparse_minimum(sparse(A), sparse(B))), np.minimum(A, B))
    cancelled = tf.sparse_add(sparse(A), sparse(-A))
    assert run_on("cpu", cancelled.values).tolist() == [0, 0, 0]
    assert run_on("cpu", tf.sparse_add(sparse(A), sparse(-A), thresh=0.1).values).tolist() == []
    assert run_on("cpu", tf.sparse_add(sparse(A), sparse(B), threshold=5.0).values).tolist() == [11, 2, 20, -3]
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.sparse_add(sparse(A), sparse(np.pad(B, 1))).values)
    with pytest.raises(TypeError):
        tf.sparse_add(A, B)


def test_products():
    x = RNG.normal(size=(3, 2))
    np.testing.assert_allclose(run_on("cpu", tf.sparse_tensor_dense_matmul(sparse(A), x)), A @ x)
    both = tf.sparse_tensor_dense_matmul(sparse(A), x.T, adjoint_a=True, adjoint_b=True)
    np.testing.assert_allclose(run_on("cpu", both), A.T @ x)


@pytest.mark.parametrize("axis", [None, 0, -1, [0, 1]])
@pytest.mark.parametrize("keep", [False, True])
def test_reductions(axis, keep):
    over = None if axis is None else tuple(np.atleast_1d(axis))
    total = run_on("cpu", tf.sparse_reduce_sum(sparse(A), axis, keepdims=keep))
    np.testing.assert_array_equal(total, A.sum(axis=over, keepdims=keep))
    only = np.where(A != 0, A, -np.inf).max(axis=over, keepdims=keep)
    largest = run_on("cpu", tf.sparse_reduce_max(sparse(A), axis, keepdims=keep))
    np.testing.assert_array_equal(largest, np.where(np.isinf(only), 0, only))


def test_functions_that_keep_zeros_zero():
    for ours, numpys in [(tf.abs, np.abs), (tf.negative, np.negative), (tf.sign, np.sign), (tf.square, np.square),
                         (tf.tanh, np.tanh)]:  # fmt: skip
        np.testing.assert_allclose(dense(ours(sparse(A))), numpys(A))
    np.testing.assert_allclose(dense(tf.sqrt(sparse(B))), np.sqrt(B))
    whole = tf.cast(x=sparse(A / 2), dtype=tf.int32)
    assert whole.dtype == tf.int32 and dense(whole).tolist() == [[0, 0, 0], [1, 0, -1], [0, 0, 0]]


def test_softmax():
    powers = np.where(A != 0, np.exp(A), 0)
    want = powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-300)
    np.testing.assert_allclose(dense(tf.sparse_softmax(sparse(A))), want)


def test_gradients():
    x = RNG.normal(size=(3, 2))
    check_gradient(lambda sp: tf.sparse_tensor_dense_matmul(sp, x))
    check_gradient(lambda sp: tf.sparse_tensor_to_dense(tf.sparse_add(sp, sparse(B))))
    check_gradient(lambda sp: tf.sparse_reduce_sum(sp, 0))
    check_gradient(lambda sp: tf.sparse_reduce_max(sp, 1))
    check_gradient(lambda sp: tf.sparse_tensor_to_dense(tf.sparse_softmax(sp)))
    check_gradient(lambda sp: tf.sparse_tensor_to_dense(tf.sparse_transpose(sp)))
    check_gradient(lambda sp: tf.sparse_tensor_to_dense(tf.sparse_concat(0, [sp, sparse(B)])))
    check_gradient(lambda sp: tf.sparse_tensor_to_dense(tf.sparse_fill_empty_rows(sp, 2.0)[0]))


def test_edit_distance():
    ours = tf.SparseTensor([[0, 0, 0], [0, 0, 1], [1, 0, 0]], ["a", "b", "c"], [2, 1, 2])
    theirs = tf.SparseTensor([[0, 0, 0], [1, 0, 0], [1, 0, 1], [1, 0, 2]], ["a", "c", "x", "y"], [2, 1, 3])
    assert tf.edit_distance(ours, theirs).shape == (2, 1)
    np.testing.assert_allclose(run_on("cpu", tf.edit_distance(ours, theirs)), [[1], [2 / 3]])
    assert run_on("cpu", tf.edit_distance(ours, theirs, normalize=False)).tolist() == [[1], [2]]
    none = tf.SparseTensor(np.zeros((0, 3), np.int64), np.zeros(0, object), [2, 1, 3])
    assert run_on("cpu", tf.edit_distance(ours, none)).tolist() == [[np.inf], [np.inf]]
