"""Resizing against weights written out by hand, and the gradients by differences."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

ROW = np.array([0.0, 1.0, 4.0], np.float32).reshape(1, 1, 3, 1)
KINDS = [tf.image.resize_bilinear, tf.image.resize_bicubic, tf.image.resize_area, tf.image.resize_nearest_neighbor]


def widened(function, width, **how):
    return run_on("cpu", function(ROW, [1, width], **how)).reshape(-1)


def test_bilinear():
    np.testing.assert_allclose(widened(tf.image.resize_bilinear, 6), [0, 0.5, 1, 2.5, 4, 4])
    np.testing.assert_allclose(widened(tf.image.resize_bilinear, 5, align_corners=True), [0, 0.5, 1, 2.5, 4])
    np.testing.assert_allclose(
        widened(tf.image.resize_bilinear, 6, half_pixel_centers=True), [0, 0.25, 0.75, 1.75, 3.25, 4]
    )


def test_nearest():
    assert widened(tf.image.resize_nearest_neighbor, 6).tolist() == [0, 0, 1, 1, 4, 4]
    assert widened(tf.image.resize_nearest_neighbor, 2).tolist() == [0, 1]
    assert widened(tf.image.resize_nearest_neighbor, 2, align_corners=True).tolist() == [0, 4]
    assert widened(tf.image.resize_nearest_neighbor, 2, half_pixel_centers=True).tolist() == [0, 4]


def test_area():
    np.testing.assert_allclose(widened(tf.image.resize_area, 2), [(0 + 0.5) / 1.5, (0.5 + 4) / 1.5], rtol=1e-6)


def test_bicubic_keeps_constants_and_corners():
    flat = np.full((1, 3, 3, 1), 2.5, np.float32)
    for how in ({}, {"align_corners": True}, {"half_pixel_centers": True}):
        np.testing.assert_allclose(run_on("cpu", tf.image.resize_bicubic(flat, [7, 5], **how)), 2.5, rtol=1e-5)
    corners = widened(tf.image.resize_bicubic, 5, align_corners=True)
    np.testing.assert_allclose(corners[[0, 2, 4]], [0, 1, 4], atol=1e-6)
    # between 0 and 1, with 0 and 4 beside them: Keys' weights for a = -0.75 are -3/32, 19/32, 19/32, -3/32
    np.testing.assert_allclose(corners[1], 19 / 32 - 4 * 3 / 32, rtol=1e-5)


@pytest.mark.parametrize("function", KINDS)
@pytest.mark.parametrize("size", [[5, 2], [1, 7]])
def test_gradients(function, size):
    check_op(lambda x: function(x, size), (2, 3, 4, 2), dtypes=("float32",), grad=False)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [1, 3, 4, 1])
        weights = np.random.default_rng(0).normal(size=(1, *size, 1)).astype(np.float32)
        (dx,) = tf.gradients(function(x, size) * weights, x)
        values = run_on("cpu", dx, {x: np.zeros((1, 3, 4, 1))})
        for i in range(12):  # linear: the gradient is what a single 1 gives
            one = np.zeros(12, np.float32)
            one[i] = 1
            made = run_on("cpu", function(x, size), {x: one.reshape(1, 3, 4, 1)})
            np.testing.assert_allclose(values.reshape(-1)[i], np.sum(made * weights), rtol=1e-4, atol=1e-5)


def test_dtypes_and_shapes():
    x = tf.placeholder(tf.uint8, [None, 4, 4, 3])
    assert tf.image.resize_bilinear(x, [2, 2]).dtype is tf.float32
    assert tf.image.resize_nearest_neighbor(x, [2, 2]).dtype is tf.uint8
    assert tf.image.resize_images(x, [2, 5]).shape.as_list() == [None, 2, 5, 3]
    assert tf.image.resize_images(x, [4, 4]) is x
    single = tf.image.resize_images(tf.placeholder(tf.float32, [None, None, 3]), [2, 5], tf.image.ResizeMethod.AREA)
    assert single.shape.as_list() == [2, 5, 3]
    size = tf.placeholder(tf.int32, [2])
    assert tf.image.resize_images(x, size).shape.as_list() == [None, None, None, 3]
    wide = tf.image.resize_images(tf.zeros([1, 4, 8, 1]), [2, 2], preserve_aspect_ratio=True)
    assert wide.shape.as_list() == [1, 1, 2, 1]


def test_errors():
    x = tf.zeros([1, 4, 4, 3])
    for wrong in (
        lambda: tf.image.resize_images(tf.zeros([2, 2]), [2, 2]),
        lambda: tf.image.resize_images(x, [2, 2, 2]),
        lambda: tf.image.resize_images(x, [2, 2], 9),
        lambda: tf.image.resize_images(tf.placeholder(tf.float32), [2, 2]),
        lambda: tf.image.resize_bilinear(x, [2, 2], align_corners=True, half_pixel_centers=True),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.image.resize_bilinear(x, [0, 2]))
