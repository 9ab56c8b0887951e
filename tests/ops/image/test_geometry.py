"""Images turned, mirrored, cropped and padded, against NumPy's."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4, 1)
UNKNOWN = [None, None, None, 3]


def given(value):
    """As a tensor of unknown shape."""
    return tf.placeholder_with_default(value, None)


@pytest.mark.parametrize("static", [tf.constant, given])
@pytest.mark.parametrize("image", [X, X[0]])
def test_mirrors(static, image):
    x = static(image)
    np.testing.assert_array_equal(run_on("cpu", tf.image.flip_left_right(x)), image[..., ::-1, :])
    np.testing.assert_array_equal(run_on("cpu", tf.image.flip_up_down(x)), image[..., ::-1, :, :])
    np.testing.assert_array_equal(run_on("cpu", tf.image.transpose_image(x)), np.swapaxes(image, -3, -2))
    for k in (0, 1, 2, 3, 5, -1):
        np.testing.assert_array_equal(run_on("cpu", tf.image.rot90(x, k)), np.rot90(image, k, (-3, -2)))


def test_turn_shapes():
    x = tf.placeholder(tf.float32, [None, 2, 3, 1])
    assert tf.image.rot90(x).shape.as_list() == [None, 3, 2, 1]
    assert tf.image.rot90(x, tf.placeholder(tf.int32, [])).shape.as_list() == [None, None, None, 1]
    check_op(lambda x: tf.image.rot90(x, 3), (2, 3, 1))
    with pytest.raises(ValueError):
        tf.image.rot90(tf.zeros([2, 2]))


def test_each_image_is_flipped_by_itself():
    x = np.stack([X[0]] * 8)
    with tf.Session() as session:
        y = tf.image.random_flip_left_right(x, seed=1)
        seen = {tuple(np.array_equal(a, b) for a, b in zip(session.run(y), x, strict=True)) for _ in range(8)}
    assert len(seen) > 1 and any(len(set(flips)) == 2 for flips in seen)
    assert tf.image.random_flip_up_down(tf.placeholder(tf.float32, UNKNOWN)).shape.as_list() == UNKNOWN


@pytest.mark.parametrize("static", [tf.constant, given])
def test_boxes(static):
    x = static(X[0])
    np.testing.assert_array_equal(run_on("cpu", tf.image.crop_to_bounding_box(x, 1, 2, 2, 1)), X[0, 1:3, 2:3])
    framed = tf.image.pad_to_bounding_box(x, 1, 2, 5, 7)
    np.testing.assert_array_equal(run_on("cpu", framed), np.pad(X[0], [(1, 1), (2, 1), (0, 0)]))
    both = run_on("cpu", tf.image.resize_image_with_crop_or_pad(x, 2, 7))
    np.testing.assert_array_equal(both, np.pad(X[0, 0:2], [(0, 0), (1, 2), (0, 0)]))


def test_box_shapes_and_errors():
    x = tf.placeholder(tf.float32, UNKNOWN)
    assert tf.image.crop_to_bounding_box(x, 1, 1, 2, 2).shape.as_list() == [None, 2, 2, 3]
    assert tf.image.pad_to_bounding_box(x, 1, 1, 6, 7).shape.as_list() == [None, 6, 7, 3]
    assert tf.image.resize_image_with_crop_or_pad(x, 5, 5).shape.as_list() == [None, 5, 5, 3]
    for wrong in (
        lambda: tf.image.crop_to_bounding_box(X, 2, 2, 2, 2),
        lambda: tf.image.pad_to_bounding_box(X, 1, 1, 2, 2),
        lambda: tf.image.resize_image_with_crop_or_pad(X, 0, 5),
        lambda: tf.image.central_crop(X, 0.0),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("cpu", tf.image.crop_to_bounding_box(x, 2, 2, 2, 2), {x: np.zeros((1, 3, 3, 3))})
    check_op(lambda x: tf.image.resize_image_with_crop_or_pad(tf.ensure_shape(x, [3, 4, 2]), 2, 6), (3, 4, 2))


def test_with_pad():
    x = np.arange(8, dtype=np.float32).reshape(2, 4, 1)
    np.testing.assert_array_equal(
        run_on("cpu", tf.image.resize_image_with_pad(x, 4, 4)), np.pad(x, [(1, 1), (0, 0), (0, 0)])
    )


@pytest.mark.parametrize(
    ("size", "fraction", "left"), [((5, 5), 0.5, (3, 3)), ((6, 7), 0.5, (4, 5)), ((4, 4), 0.9, (4, 4))]
)
def test_central_crop(size, fraction, left):
    image = np.random.default_rng(0).random((*size, 2))
    y = tf.image.central_crop(image, fraction)
    top, side = (size[0] - left[0]) // 2, (size[1] - left[1]) // 2
    want = image[top : top + left[0], side : side + left[1]]
    assert y.shape.as_list() == [*left, 2]
    np.testing.assert_array_equal(run_on("cpu", y), want)
    unknown = tf.placeholder(tf.float64, [None, None, 2])
    np.testing.assert_array_equal(run_on("cpu", tf.image.central_crop(unknown, fraction), {unknown: image}), want)
