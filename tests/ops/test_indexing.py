"""gather, gather_nd, scatter_nd, boolean_mask, tensor_scatter_* and IndexedSlices."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def ph(*dims, dtype=tf.float32):
    return tf.placeholder(dtype, dims)


def run(t, feeds=None):
    return run_on("reference", t, feeds)


def ints(shape, high, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape).astype(np.int32)


@pytest.mark.parametrize(
    "shape, index_shape, axis",
    [((5, 3), (), 0), ((5, 3), (4,), 0), ((5, 3), (2, 2), 0), ((5, 3), (0,), 0), ((5, 3), (2, 4), 1), ((5,), (7,), -1),
     ((2, 5, 3), (2, 2), -2)],
)  # fmt: skip
def test_gather(shape, index_shape, axis):
    params, indices = RNG.random(shape), ints(index_shape, shape[axis])
    got, want = tf.gather(tf.constant(params), indices, axis=axis), np.take(params, indices, axis)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda t: tf.gather(t, indices, axis=axis) ** 2, shape, second=want.size > 0)


@pytest.mark.parametrize(
    "shape, index_shape, axis, batch",
    [((2, 4), (2, 3), None, 1), ((2, 4, 3), (2, 5), 2, 1), ((2, 3, 4), (2, 3), 2, 2),
     ((2, 3, 4, 2), (2, 3, 2, 1), -1, 2),
     ((2, 4), (2, 3), 1, -1)],
)  # fmt: skip
def test_gather_in_batches(shape, index_shape, axis, batch):
    b = batch + len(index_shape) if batch < 0 else batch
    at = b if axis is None else axis % len(shape)
    params, indices = RNG.random(shape), ints(index_shape, shape[at])
    want = np.stack([np.take(params[i], indices[i], at - b) for i in np.ndindex(shape[:b])])
    want = want.reshape(shape[:b] + want.shape[1:])
    got = tf.gather(tf.constant(params), indices, axis=axis, batch_dims=batch)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda t: tf.gather(t, indices, axis=axis, batch_dims=batch) ** 2, shape, second=True)


def test_batch_gather():
    params, indices = RNG.random((2, 4, 3)), ints((2, 5), 4)
    want = np.take_along_axis(params, indices[..., None].astype(int), 1)
    np.testing.assert_array_equal(run(tf.batch_gather(tf.constant(params), indices)), want)


def test_gather_shapes_and_errors():
    p, i = tf.placeholder(tf.float32), tf.placeholder(tf.int32)
    assert tf.gather(ph(None, 3), ph(None, dtype=tf.int32)).dims == (None, 3)
    assert tf.gather(ph(2, 3), ph(4, dtype=tf.int64), axis=ph(dtype=tf.int32)).dims == (None, None)
    assert tf.gather(p, 0).dims is None
    for bad in (lambda: tf.gather(1.0, 0), lambda: tf.gather(ph(2), 0, axis=1),
                lambda: tf.gather(ph(2, 3), ph(3, 1, dtype=tf.int32), batch_dims=1)):  # fmt: skip
        with pytest.raises(ValueError):
            bad()
    with pytest.raises(TypeError):
        tf.gather(ph(2), 1.0)
    for index in (-1, 3):
        with pytest.raises(tf.errors.InvalidArgumentError, match="out of range"):
            run(tf.gather(p, i), {p: np.zeros(3), i: [0, index]})


def test_the_gradient_of_gather_is_indexed_slices():
    w, i = ph(4, 2), ph(None, dtype=tf.int32)
    g = tf.gradients(tf.gather(w, i) * 2.0, w)[0]
    assert isinstance(g, tf.IndexedSlices)
    assert g.shape.as_list() == [4, 2] and g.dtype is tf.float32 and g.graph is w.graph and g.name == g.values.name
    feeds = {w: np.ones((4, 2)), i: [1, 3, 1]}
    value = run([g], feeds)[0]
    assert isinstance(value, tf.IndexedSlicesValue)
    assert value.indices.tolist() == [1, 3, 1] and value.values.tolist() == [[2, 2]] * 3
    assert value.dense_shape.tolist() == [4, 2]
    dense = tf.convert_to_tensor(g)
    assert dense.dims == (4, 2)
    assert run(dense, feeds)[:, 0].tolist() == [0, 4, 0, 2]
    both = tf.gradients(tf.reduce_sum(tf.gather(w, i)) + tf.reduce_sum(tf.gather(w, [[0], [3]])), w)[0]
    assert run(tf.convert_to_tensor(both), feeds)[:, 0].tolist() == [1, 2, 0, 2]
    mixed = tf.gradients(tf.reduce_sum(tf.gather(w, i)) + tf.reduce_sum(w), w)[0]
    assert run(mixed, feeds)[:, 0].tolist() == [1, 3, 1, 2]
    through = tf.gradients(tf.gather(w * 3.0, i), w)[0]
    assert run(through, feeds)[:, 0].tolist() == [0, 6, 0, 3]


def test_indexed_slices_without_a_shape():
    s = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([0]))
    assert s.shape.as_list() == [None, 1]
    assert run([s])[0].dense_shape is None
    with pytest.raises(ValueError):
        tf.convert_to_tensor(s)


@pytest.mark.parametrize(
    "shape, index_shape",
    [((5, 3), (2, 2)), ((5, 3), (2,)), ((5, 3), (4, 1)), ((2, 3, 2), (0, 3)), ((3,), (2, 0)), ((2, 2), (3, 2, 2))],
)
def test_gather_nd(shape, index_shape):
    params, indices = RNG.random(shape), ints(index_shape, min(shape))
    want = np.empty(index_shape[:-1] + shape[index_shape[-1] :])
    for at in np.ndindex(index_shape[:-1]):
        want[at] = params[tuple(indices[at])]
    got = tf.gather_nd(tf.constant(params), indices)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda t: tf.gather_nd(t, indices) ** 2, shape, second=want.size > 0, grad=want.size > 0)


def test_gather_nd_in_batches():
    params, indices = RNG.random((2, 3, 4)), ints((2, 5, 1), 3)
    want = np.stack([params[b][indices[b, :, 0]] for b in range(2)])
    got = tf.gather_nd(tf.constant(params), indices, batch_dims=1)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda t: tf.gather_nd(t, indices, batch_dims=1), (2, 3, 4))


def test_gather_nd_shapes_and_errors():
    p, i = tf.placeholder(tf.float32), tf.placeholder(tf.int32)
    assert tf.gather_nd(ph(None, 3), ph(None, 1, dtype=tf.int32)).dims == (None, 3)
    assert tf.gather_nd(p, i).dims is None
    for indices in (ph(dtype=tf.int32), [[0, 0, 0]]):
        with pytest.raises(ValueError):
            tf.gather_nd(ph(2, 2), indices)
    for index in ([[2, 0]], [[0, -1]], [[0, 0, 0]]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            run(tf.gather_nd(p, i), {p: np.zeros((2, 2)), i: index})


def test_scatter_nd():
    assert run(tf.scatter_nd([[1], [1]], [1.0, 2.0], [3])).tolist() == [0, 3, 0]
    assert run(tf.scatter_nd([[0, 1]], [5], [2, 2])).tolist() == [[0, 5], [0, 0]]
    assert run(tf.scatter_nd([[0], [2]], [[1, 2], [3, 4]], [3, 2])).tolist() == [[1, 2], [0, 0], [3, 4]]
    check_op(lambda u: tf.scatter_nd([[0], [2], [0]], u, [3, 2]) ** 2, (3, 2), second=True)
    s, i, u = tf.placeholder(tf.int32, [2]), tf.placeholder(tf.int32), tf.placeholder(tf.float32)
    assert tf.scatter_nd(i, u, s).dims == (None, None)
    for indices, updates, shape in (([[0]], [1.0, 2.0], [3]), ([[0, 0, 0]], [1.0], [2, 2]), (0, 1.0, [3])):
        with pytest.raises(ValueError):
            tf.scatter_nd(indices, updates, shape)
    for indices, updates in (([[3]], [[1.0, 1.0]]), ([[0]], [[1.0, 1.0, 1.0]])):
        with pytest.raises(tf.errors.InvalidArgumentError):
            run(tf.scatter_nd(i, u, s), {i: indices, u: updates, s: [3, 2]})


def test_tensor_scatter():
    x, at = tf.constant([1.0, 2.0, 3.0, 4.0]), [[1], [3]]
    assert run(tf.tensor_scatter_update(x, at, [8.0, 9.0])).tolist() == [1, 8, 3, 9]
    assert run(tf.tensor_scatter_add(x, [[1], [1]], [8.0, 9.0])).tolist() == [1, 19, 3, 4]
    assert run(tf.tensor_scatter_nd_sub(x, at, [8.0, 9.0])).tolist() == [1, -6, 3, -5]
    for fn in (tf.tensor_scatter_update, tf.tensor_scatter_add, tf.tensor_scatter_sub):
        check_op(lambda t, u, fn=fn: fn(t, [[2], [0]], u) ** 2, (3, 2), (2, 2), second=True)
        with pytest.raises(ValueError):
            fn(x, at, [1.0])
    i = tf.placeholder(tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.tensor_scatter_update(x, i, [1.0]), {i: [[4]]})


@pytest.mark.parametrize(
    "shape, mask_shape, axis",
    [
        ((3, 2), (3,), None),
        ((4,), (4,), 0),
        ((2, 3), (2, 3), None),
        ((2, 3, 2), (3,), 1),
        ((2, 3, 2), (3, 2), -2),
        ((0, 2), (0,), None),
    ],
)
def test_boolean_mask(shape, mask_shape, axis):
    value, mask = RNG.random(shape), RNG.random(mask_shape) < 0.6
    want = value[(slice(None),) * ((axis or 0) % len(shape)) + (mask,)]
    got = tf.boolean_mask(tf.constant(value), mask, axis=axis)
    assert len(got.dims) == want.ndim
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda t: tf.boolean_mask(t, mask, axis=axis) ** 2, shape)


def test_boolean_mask_shapes_and_errors():
    f = ph(None, 12)
    assert tf.boolean_mask(f, [True, False]).dims == (None, 12)
    assert tf.boolean_mask(f, f > 0).dims == (None,)
    for mask in (True, tf.placeholder(tf.bool), [True] * 3):
        with pytest.raises(ValueError):
            tf.boolean_mask(ph(2, 2), mask)
