"""Bits against Python's own integers."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on

X, Y = np.array([6, -7, 127], np.int8), np.array([3, 2, 9], np.int8)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint16"])
def test_bits(backend, dtype):
    x, y = np.abs(X.astype(np.int64)).astype(dtype), Y.astype(dtype)
    made = [tf.bitwise.bitwise_and(x, y), tf.bitwise.bitwise_or(x, y), tf.bitwise.bitwise_xor(x, y),
            tf.bitwise.invert(x)]  # fmt: skip
    want = [[int(a) & int(b) for a, b in zip(x, y, strict=True)], [int(a) | int(b) for a, b in zip(x, y, strict=False)],
            [int(a) ^ int(b) for a, b in zip(x, y, strict=True)], [~int(a) for a in x]]  # fmt: skip
    for got, w in zip(run_on(backend, made), want, strict=True):
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, np.array(w, np.int64).astype(dtype))


def test_shifts():
    left, right = tf.bitwise.left_shift(X, [1, 2, 1]), tf.bitwise.right_shift(X, Y)
    assert run_on("cpu", left).tolist() == [12, -28, -2]
    assert run_on("cpu", right).tolist() == [0, -2, 0]


def test_floats_have_no_bits():
    with pytest.raises(TypeError):
        tf.bitwise.invert(1.0)


def test_bitcast():
    x = np.array([1.0, -2.5], np.float32)
    assert run_on("cpu", tf.bitcast(x, tf.int32)).tolist() == x.view(np.int32).tolist()
    smaller = tf.bitcast(x, tf.uint8)
    assert smaller.shape == (2, 4)
    assert run_on("cpu", smaller).tobytes() == x.tobytes()
    back = tf.bitcast(smaller, tf.float32)
    assert back.shape == (2,)
    assert run_on("cpu", back).tolist() == x.tolist()
    assert tf.bitcast(tf.placeholder(tf.int64, [None]), tf.int32).shape.as_list() == [None, 2]
    with pytest.raises(ValueError):
        tf.bitcast(np.zeros((2, 3), np.uint8), tf.float32)
