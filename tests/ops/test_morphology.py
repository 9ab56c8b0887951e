"""Dilation and erosion of images, element by element."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

rng = np.random.default_rng(12)


def direct(x, f, strides, rates, padding):
    n, h, w, c = x.shape
    counts, before = [], []
    for size, k, s, r in zip((h, w), f.shape, strides, rates, strict=False):
        span = (k - 1) * r + 1
        counts.append(-(-size // s) if padding == "SAME" else -(-(size - span + 1) // s))
        before.append(max((counts[-1] - 1) * s + span - size, 0) // 2 if padding == "SAME" else 0)
    out = np.full((n, *counts, c), -np.inf)
    for y, z, i, j in np.ndindex(*counts, *f.shape[:2]):
        a, b = y * strides[0] + i * rates[0] - before[0], z * strides[1] + j * rates[1] - before[1]
        if 0 <= a < h and 0 <= b < w:
            out[:, y, z] = np.maximum(out[:, y, z], x[:, a, b] + f[i, j])
    return out


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("strides, rates", [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 2), (2, 2))])
def test_dilation_and_erosion(padding, strides, rates):
    x, f = rng.normal(size=(2, 6, 7, 3)), rng.normal(size=(2, 3, 3))
    with tf.Graph().as_default():
        y = tf.nn.dilation2d(tf.constant(x), f, [1, *strides, 1], [1, *rates, 1], padding)
        z = tf.nn.erosion2d(tf.constant(x), f, [1, *strides, 1], [1, *rates, 1], padding)
        want = direct(x, f, strides, rates, padding)
        assert y.shape == z.shape == want.shape
        y, z = run_on("cpu", [y, z])
    np.testing.assert_allclose(y, want, rtol=1e-12)
    np.testing.assert_allclose(z, -direct(-x, f[::-1, ::-1], strides, rates, padding), rtol=1e-12)


def test_gradients():
    ones = [1, 1, 1, 1]
    check_op(lambda x, f: tf.nn.dilation2d(x, f, [1, 2, 1, 1], ones, "SAME"), (2, 4, 5, 2), (2, 3, 2))
    check_op(lambda x, f: tf.nn.erosion2d(x, f, ones, [1, 2, 1, 1], "VALID"), (1, 5, 4, 2), (2, 2, 2))
    check_op(
        lambda x, f: tf.nn.dilation2d(x, f, ones, ones, "SAME"), (1, 3, 3, 1), (2, 2, 1), dtypes=["int32"], grad=False
    )


def test_names_and_errors():
    with tf.Graph().as_default():
        x, f, ones = tf.placeholder(tf.float32, [None, 7, None, 3]), tf.zeros([2, 2, 3]), [1, 1, 1, 1]
        y = tf.nn.dilation2d(x, f, ones, ones, "SAME")
        assert (y.name, y.shape.as_list()) == ("Dilation2D:0", [None, 7, None, 3])
        assert tf.nn.erosion2d(x, f, ones, ones, "VALID").shape.as_list() == [None, 6, None, 3]
        for filter, padding in ((tf.zeros([2, 2, 4]), "SAME"), (tf.zeros([9, 2, 3]), "VALID"), (f, "same")):
            with pytest.raises(ValueError):
                tf.nn.dilation2d(x, filter, ones, ones, padding)
