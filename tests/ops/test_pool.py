"""Pools over one to three axes, against the maximum and mean of each window."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

rng = np.random.default_rng(6)


def direct(x, window, strides, padding, reduce):
    """reduce of the real elements of each window."""
    counts, before = [], []
    for n, k, s in zip(x.shape[1:-1], window, strides, strict=True):
        counts.append(-(-n // s) if padding == "SAME" else -(-(n - k + 1) // s))
        before.append(max((counts[-1] - 1) * s + k - n, 0) // 2 if padding == "SAME" else 0)
    out = np.zeros((x.shape[0], *counts, x.shape[-1]))
    for at in np.ndindex(*counts):
        starts = [a * s - b for a, s, b in zip(at, strides, before, strict=True)]
        box = tuple(slice(max(p, 0), p + k) for p, k in zip(starts, window, strict=True))
        out[(slice(None), *at)] = reduce(x[(slice(None), *box)], axis=tuple(range(1, x.ndim - 1)))
    return out


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("kind, reduce", [("MAX", np.max), ("AVG", np.mean)])
def test_pool_of_every_rank(padding, kind, reduce):
    for window, strides in (([3], [2]), ([2, 3], [1, 2]), ([2, 3, 2], [2, 1, 2])):
        x = rng.normal(size=(2, *(5, 6, 4)[: len(window)], 3))
        with tf.Graph().as_default():
            y = tf.nn.pool(tf.constant(x), window, kind, padding, strides=strides)
            want = direct(x, window, strides, padding, reduce)
            assert y.shape == want.shape
            for backend in ("reference", "cpu"):
                np.testing.assert_allclose(run_on(backend, y), want, rtol=1e-12)


def test_gradients():
    check_op(lambda x: tf.nn.max_pool3d(x, 2, [1, 2, 1, 2, 1], "SAME"), (1, 3, 2, 3, 2), second=False)
    check_op(lambda x: tf.nn.max_pool3d(x * x, 2, 1, "VALID"), (1, 2, 3, 2, 1), second=True)
    check_op(lambda x: tf.nn.avg_pool3d(x * x, [2, 1, 2], 2, "SAME"), (1, 3, 2, 3, 2), second=True)
    check_op(lambda x: tf.nn.pool(x, [2, 2], "AVG", "VALID", dilation_rate=[2, 1]), (2, 5, 4, 1))
    check_op(lambda x: tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 1, 1, 1], "SAME")[0], (2, 3, 4, 2), second=False)


def test_equal_maxima_of_a_volume_all_get_the_gradient():
    with tf.Graph().as_default():
        x = tf.ones([1, 2, 2, 2, 1])
        (dx,) = tf.gradients(tf.nn.max_pool3d(x, 2, 2, "VALID"), x)
        assert run_on("cpu", dx).sum() == 8


def test_dilated_windows_take_every_second_pixel():
    x = rng.normal(size=(1, 7, 6, 2))
    with tf.Graph().as_default():
        for image in (tf.constant(x), tf.placeholder_with_default(tf.constant(x), [None, None, None, None])):
            got = run_on("cpu", tf.nn.pool(image, [2, 3], "MAX", "VALID", dilation_rate=[3, 2]))
            want = np.max([x[:, 3 * i : 4 + 3 * i, 2 * j : 2 + 2 * j] for i in range(2) for j in range(3)], axis=0)
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("batch", [False, True])
def test_argmax_points_at_the_maximum(padding, batch):
    x = rng.integers(0, 4, size=(2, 4, 5, 3)).astype(np.float32)
    with tf.Graph().as_default():
        y, at = tf.nn.max_pool_with_argmax(x, [1, 2, 3, 1], [1, 2, 1, 1], padding, include_batch_in_index=batch)
        assert at.dtype == tf.int64 and at.shape == y.shape
        values, where = run_on("cpu", [y, at])
    flat = x.reshape(-1) if batch else x.reshape(2, -1)
    for n in range(2):
        np.testing.assert_array_equal((flat if batch else flat[n])[where[n]], values[n])
    assert where[0, 0, 0, 0] == (0 if x[0, 0, 0, 0] == values[0, 0, 0, 0] else where[0, 0, 0, 0])


def test_argmax_is_the_first_of_equal_elements():
    x = np.array([1, 3, 3, 2, 5, 5, 1, 0], np.float32).reshape(2, 2, 2, 1)
    with tf.Graph().as_default():
        _, at = tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 1, 1, 1], "SAME")
        np.testing.assert_array_equal(run_on("cpu", at).ravel(), [1, 1, 2, 3, 0, 1, 2, 3])


@pytest.mark.parametrize(
    "make",
    [
        lambda x: tf.nn.pool(x, [2, 2], "SUM", "VALID"),
        lambda x: tf.nn.pool(x, [2], "MAX", "VALID"),
        lambda x: tf.nn.pool(x, [2, 2], "MAX", "SAME", dilation_rate=[2, 2]),
        lambda x: tf.nn.pool(x, [2, 2], "MAX", "VALID", dilation_rate=[2, 2], strides=[2, 2]),
        lambda x: tf.nn.pool(x, [2, 2], "MAX", "VALID", strides=[3, 3]),
        lambda x: tf.nn.max_pool3d(x, 2, 2, "VALID"),
        lambda x: tf.nn.max_pool3d(x[None], [1, 2, 2, 2, 1], [2, 2, 2, 2, 1], "VALID"),
        lambda x: tf.nn.avg_pool3d(x[None], 2, 2, "VALID"),
        lambda x: tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", Targmax=tf.float32),
    ],
)
def test_errors(make):
    with tf.Graph().as_default(), pytest.raises(ValueError):
        make(tf.zeros([1, 4, 4, 2]))


def test_names_and_shapes():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 7, None, 3])
        assert tf.nn.pool(x, [2, 2], "MAX", "SAME").name == "max_pool:0"
        assert tf.nn.pool(x, [2, 2], "AVG", "SAME").shape.as_list() == [None, 7, None, 3]
        assert tf.nn.pool(x[:, 0], [2], "MAX", "VALID").name == "max_pool_1/Squeeze:0"
        v = tf.nn.max_pool3d(tf.placeholder(tf.float32, [None, 7, 5, 6, 3]), 2, 2, "SAME")
        assert (v.name, v.shape.as_list()) == ("MaxPool3D:0", [None, 4, 3, 3, 3])
