"""Patches and glimpses against slices."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

X = np.arange(25, dtype=np.float32).reshape(1, 5, 5, 1)


def patches(x, k, s, r, padding):
    return tf.extract_image_patches(x, [1, k, k, 1], [1, s, s, 1], [1, r, r, 1], padding)


def test_patches():
    got = run_on("cpu", patches(X, 2, 3, 2, "VALID"))
    assert got.reshape(-1).tolist() == X[0, :3:2, :3:2, 0].reshape(-1).tolist()
    y = patches(X, 2, 2, 1, "SAME")
    assert y.shape == (1, 3, 3, 4)
    np.testing.assert_array_equal(run_on("cpu", y)[0, 2, 2], [24, 0, 0, 0])
    check_op(lambda x: patches(x, 2, 1, 2, "SAME"), (2, 4, 3, 2), second=False)
    unknown = tf.placeholder(tf.float32, [None, None, 5, 2])
    assert patches(unknown, 3, 1, 1, "VALID").shape.as_list() == [None, None, 3, 18]


@pytest.mark.parametrize(
    ("size", "offset", "how", "top", "left"),
    [
        ([3, 3], [0, 0], {}, 1, 1),
        ([3, 2], [0.3, -0.4], {}, 1, 0),
        ([3, 3], [1, 3], {"normalized": False, "centered": False}, 0, 1),
        ([3, 3], [1, 3], {"normalized": False}, 1, 2),
        ([3, 3], [0.2, 0.4], {"centered": False}, 0, 0),
    ],
)
def test_glimpses(size, offset, how, top, left):
    got = run_on("cpu", tf.image.extract_glimpse(X, size, [offset], **how))
    np.testing.assert_array_equal(got[0], X[0, top : top + size[0], left : left + size[1]])


def test_glimpses_beyond_the_image():
    y = tf.image.extract_glimpse(X + 10, [3, 3], [[1.0, 1.0]])
    with tf.Session() as session:
        first, second = session.run(y), session.run(y)
    assert first[0, 0, 0, 0] == 28 and (first[0, 2] < 1).all() and not np.array_equal(first, second)
    assert tf.image.extract_glimpse(tf.placeholder(tf.float32, [None] * 4), [3, 2], [[0.0, 0.0]]).shape.as_list() == [
        1,
        3,
        2,
        None,
    ]
