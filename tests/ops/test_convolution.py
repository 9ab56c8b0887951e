"""Convolutions over one and three axes, dilated, depthwise and separable ones, against sums over windows."""

import itertools

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

rng = np.random.default_rng(5)


def direct(x, w, strides, padding, gaps):
    """out[n, *p, o] = sum over taps t and channels c of x[n, p * stride + t * gap - before, c] * w[t, c, o]."""
    rank = x.ndim - 2
    spans = [(k - 1) * g + 1 for k, g in zip(w.shape, gaps, strict=False)]
    counts = [-(-n // s) if padding == "SAME" else -(-(n - span + 1) // s)
              for n, s, span in zip(x.shape[1:-1], strides, spans, strict=True)]  # fmt: skip
    out = np.zeros((x.shape[0], *counts, w.shape[-1]))
    for at in np.ndindex(*counts):
        for tap in np.ndindex(*w.shape[:rank]):
            where = []
            for i in range(rank):
                total = max((counts[i] - 1) * strides[i] + spans[i] - x.shape[i + 1], 0) if padding == "SAME" else 0
                where.append(at[i] * strides[i] + tap[i] * gaps[i] - total // 2)
            if all(0 <= p < n for p, n in zip(where, x.shape[1:-1], strict=True)):
                out[(slice(None), *at)] += x[(slice(None), *where)] @ w[tap]
    return out


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("strides, gaps", [([1, 1, 1], [1, 1, 1]), ([2, 1, 3], [1, 1, 1]), ([1, 1, 1], [1, 2, 2])])
def test_every_rank_is_the_sum_over_windows(padding, strides, gaps):
    for rank, sizes in ((1, (7,)), (2, (5, 6)), (3, (4, 5, 6))):
        x, w = rng.normal(size=(2, *sizes, 2)), rng.normal(size=(*(2, 3, 2)[:rank], 2, 3))
        steps, rate = strides[:rank], gaps[:rank]
        with tf.Graph().as_default():
            y = tf.nn.convolution(tf.constant(x), w, padding, steps, rate)
            want = direct(x, w, steps, padding, rate)
            assert y.shape == want.shape
            for backend in ("reference", "cpu"):
                np.testing.assert_allclose(run_on(backend, y), want, rtol=1e-11, atol=1e-12)
            if rank == 3:
                third = tf.nn.conv3d(tf.constant(x), w, [1, *steps, 1], padding, dilations=[1, *rate, 1])
                np.testing.assert_allclose(run_on("cpu", third), want, rtol=1e-11, atol=1e-12)
            if rank == 1:
                first = tf.nn.conv1d(tf.constant(x), w, steps[0], padding, dilations=rate[0])
                np.testing.assert_allclose(run_on("cpu", first), want, rtol=1e-11, atol=1e-12)


def test_gradients_of_the_convolutions():
    check_op(lambda x, w: tf.nn.conv1d(x, w, 2, "SAME"), (2, 5, 2), (3, 2, 2), second=True)
    check_op(lambda x, w: tf.nn.conv3d(x, w, [1, 2, 1, 1, 1], "SAME"), (1, 3, 2, 3, 2), (2, 2, 2, 2, 1), second=True)
    check_op(
        lambda x, w: tf.nn.conv3d_transpose(x, w, [1, 4, 3, 2, 1], 2), (1, 2, 2, 1, 2), (3, 2, 2, 1, 2), second=True
    )
    check_op(lambda x, w: tf.nn.conv1d_transpose(x, w, [2, 6, 1], 2), (2, 3, 2), (3, 1, 2))
    check_op(lambda x, w: tf.nn.atrous_conv2d(x, w, 2, "VALID"), (1, 5, 6, 1), (2, 3, 1, 2))
    check_op(lambda x, w: tf.nn.atrous_conv2d_transpose(x, w, [1, 5, 6, 1], 2, "VALID"), (1, 3, 2, 2), (2, 3, 1, 2))
    check_op(lambda x, w: tf.nn.depthwise_conv2d(x, w, [1, 2, 2, 1], "SAME"), (2, 4, 5, 2), (2, 3, 2, 2), second=True)
    check_op(lambda x, w: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "VALID", [2, 1]), (1, 5, 4, 2), (2, 2, 2, 1))
    check_op(lambda x, d, p: tf.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "SAME"),
             (1, 3, 4, 2), (2, 2, 2, 2), (1, 1, 4, 3))  # fmt: skip


def test_a_transpose_is_the_gradient():
    x, w = rng.normal(size=(2, 3, 2)), rng.normal(size=(3, 4, 2))
    with tf.Graph().as_default():
        image = tf.placeholder(tf.float64, [2, 6, 4])
        (want,) = tf.gradients(tf.nn.conv1d(image, w, 2, "SAME"), image, grad_ys=[tf.constant(x)])
        got = tf.nn.conv1d_transpose(x, w, [2, 6, 4], 2)
        want, got = run_on("cpu", [want, got], {image: np.zeros((2, 6, 4))})
        np.testing.assert_allclose(got, want)


def test_depthwise_is_a_convolution_of_each_channel():
    x, w = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(2, 3, 3, 2))
    with tf.Graph().as_default():
        y = run_on("cpu", tf.nn.depthwise_conv2d(tf.constant(x), w, [1, 2, 2, 1], "SAME"))
    for c, q in itertools.product(range(3), range(2)):
        want = direct(x[..., c : c + 1], w[:, :, c : c + 1, q : q + 1], [2, 2], "SAME", [1, 1])
        np.testing.assert_allclose(y[..., 2 * c + q], want[..., 0], rtol=1e-11, atol=1e-12)


def test_static_shapes():
    with tf.Graph().as_default():
        x, w = tf.placeholder(tf.float32, [None, 7, None, 3]), tf.zeros([3, 3, 3, 2])
        assert tf.nn.depthwise_conv2d(x, w, [1, 2, 2, 1], "SAME").shape.as_list() == [None, 4, None, 6]
        assert tf.nn.convolution(x, tf.zeros([3, 3, 3, 5]), "SAME").shape.as_list() == [None, 7, None, 5]
        assert tf.nn.convolution(tf.placeholder(tf.float32), w, "SAME").shape.as_list() == [None, None, None, 2]
        v = tf.placeholder(tf.float32, [None, 7, 5, 6, 3])
        sizes = tf.stack([tf.shape(v)[0], 14, 10, 12, 5])
        y = tf.nn.conv3d_transpose(v, tf.zeros([3, 3, 3, 5, 3]), sizes, [1, 2, 2, 2, 1])
        assert y.shape.as_list() == [None, 14, 10, 12, 5]
        assert tf.nn.conv1d(tf.placeholder(tf.float32), tf.zeros([3, 2, 5]), 1, "SAME").shape.as_list() == [
            None,
            None,
            5,
        ]


def test_names():
    with tf.Graph().as_default():
        x, w = tf.zeros([1, 4, 4, 2]), tf.zeros([2, 2, 2, 2])
        assert tf.nn.convolution(x, w, "SAME").name == "convolution:0"
        assert tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME").name == "depthwise:0"
        assert tf.nn.depthwise_conv2d_native(x, w, [1, 1, 1, 1], "SAME").name == "DepthwiseConv2dNative:0"
        separable = tf.nn.separable_conv2d(x, w, tf.zeros([1, 1, 4, 2]), [1, 1, 1, 1], "SAME")
        assert separable.name == "separable_conv2d:0"
        assert separable.op.inputs[0].name == "separable_conv2d/depthwise:0"
        assert tf.nn.conv1d(x[:, 0], w[0], 1, "SAME").name == "conv1d/Squeeze:0"


@pytest.mark.parametrize(
    "make",
    [
        lambda x, w: tf.nn.convolution(x, w, "SAME", strides=[2, 2], dilation_rate=[2, 2]),
        lambda x, w: tf.nn.convolution(x[0], w, "SAME"),
        lambda x, w: tf.nn.convolution(x, w, "SAME", data_format="NCHW"),
        lambda x, w: tf.nn.convolution(x, w, "same"),
        lambda x, w: tf.nn.conv1d(x, w[0], 1, "SAME"),
        lambda x, w: tf.nn.conv3d(x, w, [1, 1, 1, 1, 1], "SAME"),
        lambda x, w: tf.nn.conv3d(x[None], w[None], [1, 1, 1], "SAME", data_format="NCDHW"),
        lambda x, w: tf.nn.conv3d(x[None], tf.zeros([2, 2, 2, 2, 1]), [1, 1, 1, 1, 1], "VALID"),
        lambda x, w: tf.nn.depthwise_conv2d(x, tf.zeros([2, 2, 3, 1]), [1, 1, 1, 1], "SAME"),
        lambda x, w: tf.nn.separable_conv2d(x, w, tf.zeros([1, 1, 5, 1]), [1, 1, 1, 1], "SAME"),
        lambda x, w: tf.nn.separable_conv2d(x, w, tf.zeros([2, 1, 4, 1]), [1, 1, 1, 1], "SAME"),
    ],
)
def test_static_errors(make):
    with tf.Graph().as_default(), pytest.raises(ValueError):
        make(tf.zeros([1, 4, 4, 2]), tf.zeros([2, 2, 2, 2]))


def test_an_output_shape_that_does_not_belong_is_found_in_the_run():
    with tf.Graph().as_default():
        y = tf.nn.conv3d_transpose(tf.zeros([1, 2, 2, 2, 2]), tf.zeros([3, 3, 3, 1, 2]), [1, 5, 4, 4, 1], 2)
        with pytest.raises(tf.errors.InvalidArgumentError):
            run_on("cpu", y)


def test_no_images():
    with tf.Graph().as_default():
        y = tf.nn.depthwise_conv2d(tf.zeros([0, 4, 4, 2]), tf.ones([2, 2, 2, 2]), [1, 1, 1, 1], "SAME")
        assert run_on("cpu", y).shape == (0, 4, 4, 4)
        assert run_on("cpu", tf.nn.conv3d(tf.zeros([0, 4, 4, 4, 2]), tf.ones([2, 2, 2, 2, 3]), 2, "SAME")).shape == (
            0, 2, 2, 2, 3,
        )  # fmt: skip
