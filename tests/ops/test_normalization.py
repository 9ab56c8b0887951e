"""Batch normalization in its spellings, and dropout."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

rng = np.random.default_rng(8)
X = rng.normal(size=(3, 2, 4, 5)).astype(np.float32)
SCALE, OFFSET = np.linspace(0.5, 1.5, 5, dtype=np.float32), np.linspace(-1, 1, 5, dtype=np.float32)


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_fused_by_the_moments_of_the_batch(data_format):
    x = X if data_format == "NHWC" else X.transpose(0, 3, 1, 2)
    with tf.Graph().as_default():
        for image in (tf.constant(x), tf.placeholder_with_default(tf.constant(x), [None] * 4)):
            out = tf.nn.fused_batch_norm(image, SCALE, OFFSET, epsilon=0.01, data_format=data_format)
            y, mean, variance = run_on("cpu", out)
            np.testing.assert_allclose(mean, X.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(variance, X.var((0, 1, 2), ddof=1), rtol=1e-4)
            want = (X - X.mean((0, 1, 2))) / np.sqrt(X.var((0, 1, 2)) + 0.01) * SCALE + OFFSET
            np.testing.assert_allclose(y if data_format == "NHWC" else y.transpose(0, 2, 3, 1), want, atol=1e-5)


def test_fused_by_given_moments():
    m, v = np.linspace(0, 1, 5, dtype=np.float32), np.linspace(1, 2, 5, dtype=np.float32)
    with tf.Graph().as_default():
        x, mean, variance = tf.constant(X), tf.constant(m), tf.constant(v)
        y, a, b = tf.nn.fused_batch_norm(x, SCALE, OFFSET, mean, variance, is_training=False)
        assert tf.gradients(y, [mean, variance]) == [None, None]
        y, a, b = run_on("cpu", [y, a, b])
        np.testing.assert_allclose(y, (X - m) / np.sqrt(v + 0.001) * SCALE + OFFSET, atol=1e-5)
        np.testing.assert_array_equal([a, b], [m, v])


def test_gradients():
    check_op(lambda x, s, o: tf.nn.fused_batch_norm(x, s, o, epsilon=0.1)[0], (2, 2, 3, 2), (2,), (2,), second=True)
    check_op(lambda x, m, v, o, s: tf.nn.batch_normalization(x, m, v, o, s, 0.1), (3, 4), (4,), (4,), (4,), (4,),
             domain=(0.5, 2.0), second=True)  # fmt: skip


def test_float16_has_moments_in_float32():
    with tf.Graph().as_default():
        y, mean, variance = tf.nn.fused_batch_norm(tf.constant(X, tf.float16), SCALE, OFFSET)
        assert (y.dtype, mean.dtype, variance.dtype) == (tf.float16, tf.float32, tf.float32)
        assert (y.name, y.shape.as_list(), mean.shape.as_list()) == ("FusedBatchNormV3:0", [3, 2, 4, 5], [5])


def test_one_element_and_none():
    with tf.Graph().as_default():
        y, _, variance = run_on("cpu", tf.nn.fused_batch_norm(np.full((1, 1, 1, 5), 3, np.float32), SCALE, OFFSET))
        np.testing.assert_allclose(y.ravel(), OFFSET, atol=1e-6)
        np.testing.assert_array_equal(variance, np.zeros(5))
        y, mean, _ = run_on("cpu", tf.nn.fused_batch_norm(np.zeros((0, 2, 2, 5), np.float32), SCALE, OFFSET))
        assert y.shape == (0, 2, 2, 5) and np.isnan(mean).all()


def test_errors():
    with tf.Graph().as_default():
        for arguments in (
            {"is_training": False},
            {"is_training": False, "mean": OFFSET},
            {"data_format": "CHWN"},
        ):
            with pytest.raises(ValueError):
                tf.nn.fused_batch_norm(X, SCALE, OFFSET, **arguments)
        with pytest.raises(ValueError):
            tf.nn.fused_batch_norm(X[0], SCALE, OFFSET)


def test_global_normalization_may_leave_the_scale_out():
    with tf.Graph().as_default():
        m, v = X.mean((0, 1, 2)), X.var((0, 1, 2))
        for scaled in (True, False):
            y = tf.nn.batch_norm_with_global_normalization(X, m, v, OFFSET, SCALE, 0.01, scaled)
            want = (X - m) / np.sqrt(v + 0.01) * (SCALE if scaled else 1) + OFFSET
            np.testing.assert_allclose(run_on("cpu", y), want, atol=1e-5)


def test_dropout_scales_what_it_keeps():
    with tf.Graph().as_default():
        keep = tf.placeholder(tf.float32, [])
        x = tf.ones([100, 100])
        by_keep, by_rate = tf.nn.dropout(x, keep), tf.nn.dropout(x, rate=0.2)
        mask = tf.gradients(by_keep, x)[0]
        a, g, b = run_on("cpu", [by_keep, mask, by_rate], {keep: 0.5})
        assert set(np.unique(a)) == {0.0, 2.0} and abs(a.mean() - 1) < 0.1
        np.testing.assert_array_equal(a, g)
        assert set(np.unique(b)) == {0.0, np.float32(1.25)}
        rows = run_on("cpu", tf.nn.dropout(x, 0.5, noise_shape=[None, 1]))
        assert (rows == rows[:, :1]).all() and set(np.unique(rows)) == {0.0, 2.0}
        assert run_on("cpu", tf.nn.dropout(x, 1.0)).min() == 1
        for bad in ({}, {"keep_prob": 0.5, "rate": 0.5}, {"keep_prob": 0.0}, {"rate": 1.0}, {"keep_prob": 1.5}):
            with pytest.raises(ValueError):
                tf.nn.dropout(x, **bad)
