"""Boxes: chosen, drawn, cut out, drawn by chance."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on

BOXES = np.array([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [1, 1, 0, 0], [0, 5, 1, 6]], np.float32)
SCORES = np.array([0.9, 0.8, 0.95, 0.3], np.float32)
RNG = np.random.default_rng(0)


def test_non_max_suppression():
    assert run_on("cpu", tf.image.non_max_suppression(BOXES, SCORES, 10)).tolist() == [2, 3]
    assert run_on("cpu", tf.image.non_max_suppression(BOXES, SCORES, 10, 0.9, 0.5)).tolist() == [2, 1]
    assert run_on("cpu", tf.image.non_max_suppression(BOXES, SCORES, 1)).tolist() == [2]
    assert tf.image.non_max_suppression(
        tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32), 3
    ).shape.as_list() == [None]
    with pytest.raises(ValueError):
        tf.image.non_max_suppression(BOXES[:, :3], SCORES, 10)


def test_drawing():
    drawn = run_on("cpu", tf.image.draw_bounding_boxes(np.zeros((1, 4, 4, 1), np.float32), [[[-0.5, 0.3, 0.6, 0.8]]]))
    assert drawn[0, ..., 0].tolist() == [[1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    color = run_on("cpu", tf.image.draw_bounding_boxes(tf.zeros([1, 3, 3, 3]), [[[0, 0, 1, 1.0]]], colors=[[1, 2, 3]]))
    assert color[0, 0, 0].tolist() == [1, 2, 3] and color[0, 1, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("static", [tf.constant, lambda x: tf.placeholder_with_default(x, [None] * 4)])
def test_crop_and_resize(static):
    x = RNG.random((2, 4, 5, 2)).astype(np.float32)
    boxes = [[0, 0, 1, 1], [1, 1, 0, 0], [0.5, 0.5, 0.5, 0.5], [0, 0, 2, 1]]
    y = tf.image.crop_and_resize(static(x), boxes, [0, 1, 0, 0], [4, 5], extrapolation_value=7)
    got = run_on("cpu", y)
    np.testing.assert_allclose(got[0], x[0], rtol=1e-5)
    np.testing.assert_allclose(got[1], x[1, ::-1, ::-1], rtol=1e-5)
    np.testing.assert_allclose(got[2], np.broadcast_to((x[0, 1, 2] + x[0, 2, 2]) / 2, (4, 5, 2)), rtol=1e-5)
    assert (got[3, 2:] == 7).all() and np.allclose(got[3, 1], x[0, 2])
    middle = run_on("cpu", tf.image.crop_and_resize(x, [[0, 0, 1, 1]], box_indices=[1], crop_size=[1, 1]))
    np.testing.assert_allclose(middle[0, 0, 0], (x[1, 1, 2] + x[1, 2, 2]) / 2, rtol=1e-5)
    near = run_on("cpu", tf.image.crop_and_resize(x, [[0, 0, 0.9, 1]], [0], [2, 2], method="nearest"))
    np.testing.assert_array_equal(near[0], x[0][[0, 3]][:, [0, 4]])


def test_crop_and_resize_gradients():
    with tf.Graph().as_default():
        x, boxes = RNG.random((1, 4, 5, 1)), np.array([[0.11, 0.07, 0.83, 0.91]])
        feeds = tf.placeholder(tf.float32, x.shape), tf.placeholder(tf.float32, boxes.shape)
        y = tf.reduce_sum(tf.image.crop_and_resize(*feeds, [0], [2, 3]) * np.arange(6.0).reshape(1, 2, 3, 1))
        dx, dboxes = run_on("cpu", tf.gradients(y, list(feeds)), {feeds[0]: x, feeds[1]: boxes})

        def value(x, boxes):
            return float(run_on("reference", y, {feeds[0]: x, feeds[1]: boxes}))

        step = 1e-2
        for i in range(4):
            move = np.eye(4)[i][None] * step
            slope = (value(x, boxes + move) - value(x, boxes - move)) / (2 * step)
            np.testing.assert_allclose(dboxes[0, i], slope, rtol=1e-2, atol=1e-3)
        along = RNG.normal(size=x.shape)
        slope = value(x + along, boxes) - value(x, boxes)  # linear in x
        np.testing.assert_allclose(np.sum(dx * along), slope, rtol=1e-4)


def test_crop_and_resize_errors():
    x = tf.zeros([1, 4, 5, 2])
    for wrong in (
        lambda: tf.image.crop_and_resize(x, [[0, 0, 1.0]], [0], [2, 2]),
        lambda: tf.image.crop_and_resize(x, [[0, 0, 1.0, 1]], [0], [0, 2]),
        lambda: tf.image.crop_and_resize(x, [[0, 0, 1.0, 1]], [0], [2, 2], method="cubic"),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.image.crop_and_resize(x, [[0, 0, 1.0, 1]], [1], [2, 2]))


def test_sampled_boxes():
    objects = [[[0.2, 0.2, 0.6, 0.6]]]
    made = tf.image.sample_distorted_bounding_box([50, 40, 3], objects, seed=3, min_object_covered=0.5)
    with tf.Session() as session:
        for _ in range(10):
            begin, size, box = session.run(list(made))
            (top, left, _), (high, wide, all_) = begin, size
            assert all_ == -1 and 0 <= top <= 50 - high and 0 <= left <= 40 - wide
            np.testing.assert_allclose(
                box[0, 0], [top / 50, left / 40, (top + high) / 50, (left + wide) / 40], rtol=1e-5
            )
            common = (min(top + high, 30) - max(top, 10)) * (min(left + wide, 24) - max(left, 8))
            assert common >= 0.5 * 20 * 16
    none = np.zeros((1, 0, 4), np.float32)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("cpu", list(tf.image.sample_distorted_bounding_box([5, 5, 3], none)))
    run_on("cpu", list(tf.image.sample_distorted_bounding_box([5, 5, 3], none, use_image_if_no_bounding_boxes=True)))
