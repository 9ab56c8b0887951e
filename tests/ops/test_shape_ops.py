"""Ops on shapes: static knowledge, values, gradients, and errors at the right time."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.ops.shape_ops import SUM_TO, sum_to
from graphflow.ops.static import static_value
from graphflow.testing import check_op, run_on

X = np.arange(12, dtype=np.float32).reshape(2, 3, 2)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def ph(*dims, dtype=tf.float32):
    return tf.placeholder(dtype, dims)


def unknown(dtype=tf.float32):
    return tf.placeholder(dtype)


def run(t, feeds=None):
    return run_on("reference", t, feeds)


def test_shape_size_and_rank_of_known_shapes_are_constants():
    x = ph(2, 3)
    assert [static_value(t).tolist() for t in (tf.shape(x), tf.size(x), tf.rank(x))] == [[2, 3], 6, 2]
    assert tf.shape(x).op.type == "Const"
    assert tf.shape(x, out_type=tf.int64).dtype is tf.int64
    assert static_value(tf.rank(ph(None, None))) == 2
    assert static_value(tf.size(ph(None, 0))) == 0


def test_shape_size_and_rank_when_run():
    x = unknown()
    got = run([tf.shape(x), tf.size(x), tf.rank(x), *tf.shape_n([x, x], tf.int64)], {x: X})
    assert [np.asarray(g).tolist() for g in got] == [[2, 3, 2], 12, 3, [2, 3, 2], [2, 3, 2]]
    assert tf.shape(x).shape.as_list() == [None] and tf.shape(ph(None, 3)).shape.as_list() == [2]


@pytest.mark.parametrize(
    "target, dims", [([6, 2], (6, 2)), ([-1], (12,)), ([3, -1, 1], (3, 4, 1)), ([2, 2, 3, 1], None)]
)
def test_reshape(target, dims):
    x = tf.constant(X)
    y = tf.reshape(x, target)
    assert y.dims == X.reshape(target).shape == (dims or y.dims)
    np.testing.assert_array_equal(run(y), X.reshape(target))
    check_op(lambda t: tf.reshape(t, target), (2, 3, 2))


def test_reshape_keeps_what_is_known():
    x = ph(None, 784)
    assert tf.reshape(x, [-1, 28, 28]).dims == (None, 28, 28)
    assert tf.reshape(x, [tf.shape(x)[0], 28, 28]).dims == (None, 28, 28)
    assert tf.reshape(x, [x.shape[1], -1]).dims == (784, None)
    assert tf.reshape(ph(4, 6), [tf.shape(x)[0], 8]).dims == (3, 8)
    assert tf.reshape(x, ph(3, dtype=tf.int32)).dims == (None, None, None)
    assert tf.reshape(x, unknown(tf.int64)).dims is None
    assert tf.reshape(ph(0, 3), [3, -1]).dims == (3, 0)
    assert tf.reshape(unknown(), [-1, 2]).dims == (None, 2)
    assert tf.reshape(ph(1), []).dims == ()


@pytest.mark.parametrize("target", [[4, 2], [5, -1], [-1, -1], [-2, 3], [[6]], 6])
def test_reshape_refuses_while_building(target):
    with pytest.raises(ValueError):
        tf.reshape(ph(2, 3), target)


def test_reshape_refuses_known_factors_that_cannot_fit():
    with pytest.raises(ValueError, match="differ"):
        tf.reshape(ph(None, 3), [5, 2])


@pytest.mark.parametrize("target", [[4, 2], [5, -1], [-1, -1], [-2, 3], [0, -1]])
def test_reshape_refuses_when_run(target):
    x, n = unknown(), unknown(tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.reshape(x, n), {x: np.zeros((2, 3)), n: target})


def test_reshape_checks_sizes_that_are_only_known_when_run():
    n = ph(dtype=tf.int32)
    y = tf.reshape(tf.constant(X), [n, 4])
    assert y.dims == (3, 4)
    for backend in ("reference", "cpu"):
        assert run_on(backend, y, {n: 3}).shape == (3, 4)
        with pytest.raises(tf.errors.InvalidArgumentError):
            run_on(backend, y, {n: 2})


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_expand_dims(axis):
    x = ph(2, 3)
    assert tf.expand_dims(x, axis).dims == np.expand_dims(np.zeros((2, 3)), axis).shape
    assert tf.expand_dims(x, dim=axis).dims == tf.expand_dims(x, tf.constant(axis, tf.int64)).dims
    check_op(lambda t: tf.expand_dims(t, axis), (2, 3))


def test_expand_dims_arguments():
    x, a = ph(2, 3), ph(dtype=tf.int32)
    assert tf.expand_dims(x, a).dims == (None, None, None)
    for bad in (lambda: tf.expand_dims(x), lambda: tf.expand_dims(x, 0, dim=0), lambda: tf.expand_dims(x, 3)):
        with pytest.raises(ValueError):
            bad()
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.expand_dims(x, a), {x: X[0, :2, :].repeat(2)[:6].reshape(2, 3), a: 5})


def test_squeeze():
    assert tf.squeeze(ph(1, 3, 1)).dims == (3,)
    assert tf.squeeze(ph(1, 3, 1), -1).dims == tf.squeeze(ph(1, 3, 1), squeeze_dims=[2]).dims == (1, 3)
    assert tf.squeeze(ph(None, 3)).dims is None
    assert tf.squeeze(ph(None, None, 3), [1]).dims == (None, 3)
    check_op(lambda t: tf.squeeze(t), (1, 3, 1))
    check_op(lambda t: tf.squeeze(t, [0, -1]), (1, 3, 1))
    for bad in (lambda: tf.squeeze(ph(2, 1), 0), lambda: tf.squeeze(ph(1), 1), lambda: tf.squeeze(ph(1), 0, None, 0)):
        with pytest.raises(ValueError):
            bad()
    x = unknown()
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.squeeze(x, 0), {x: X})


@pytest.mark.parametrize("source, target", [((3, 1), (2, 3, 4)), ((), (2, 2)), ((2, 3), (2, 3)), ((1, 3), (0, 3))])
def test_broadcast_to(source, target):
    values = np.random.default_rng(0).random(source)
    np.testing.assert_array_equal(run(tf.broadcast_to(tf.constant(values), target)), np.broadcast_to(values, target))
    check_op(lambda t: tf.broadcast_to(t, target), source)


def test_broadcast_to_shapes():
    n = ph(dtype=tf.int32)
    assert tf.broadcast_to(ph(3, 1), [n, 3, n]).dims == (None, 3, None)
    assert tf.broadcast_to(unknown(), [n, 3]).dims == (None, 3)
    for dims in ([2, 3], [4]):
        with pytest.raises(ValueError):
            tf.broadcast_to(ph(2, 4), dims)
    x = unknown()
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.broadcast_to(x, [2, 2, 5]), {x: X})


@pytest.mark.parametrize("source, target", [((2, 3, 4), (3, 1)), ((2, 3), ()), ((2, 3), (2, 3)), ((0, 3), (1, 3))])
def test_sum_to_undoes_broadcasting(source, target):
    values = np.random.default_rng(0).random(source)
    extra = len(source) - len(target)
    axes = tuple(i for i in range(len(source)) if i < extra or target[i - extra] != source[i])
    want = values.sum(axis=axes, keepdims=True).reshape(target)
    np.testing.assert_allclose(run(SUM_TO(tf.constant(values), np.array(target, np.int32))), want)
    check_op(lambda t: SUM_TO(t, np.array(target, np.int32)), source)


def test_sum_to_like():
    x, like = ph(2, 3), ph(2, 3)
    assert sum_to(x, like) is x
    a, b = unknown(), unknown()
    np.testing.assert_array_equal(run(sum_to(a, b), {a: X, b: X[0, :1]}), X.sum((0, 1)).reshape(1, 2))
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(sum_to(a, b), {a: X[0], b: X})
    with pytest.raises(ValueError):
        sum_to(ph(2, 3), ph(4))


def test_ensure_shape():
    x = unknown()
    y = tf.ensure_shape(x, [None, 3, 2])
    assert y.dims == (None, 3, 2)
    np.testing.assert_array_equal(run(y, {x: X}), X)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(y, {x: X[0]})
    with pytest.raises(ValueError):
        tf.ensure_shape(ph(2, 2), [None, 3])
    check_op(lambda t: tf.ensure_shape(t, [None, 2]), (3, 2))


def test_broadcast_dynamic_shape():
    a, b = unknown(), unknown()
    both = tf.broadcast_dynamic_shape(tf.shape(a), tf.shape(b))
    assert run(both, {a: np.zeros((2, 1, 3)), b: np.zeros((4, 1))}).tolist() == [2, 4, 3]
    assert static_value(tf.broadcast_dynamic_shape([2, 1], [5])).tolist() == [2, 5]
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(both, {a: np.zeros(2), b: np.zeros(3)})
