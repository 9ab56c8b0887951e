"""Sorting against NumPy's."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

X = np.array([[3, 1, 2, 1], [0, 5, 5, -4]], np.int32)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sort(axis):
    assert run_on("cpu", tf.sort(X, axis=axis)).tolist() == np.sort(X, axis).tolist()
    assert run_on("cpu", tf.sort(X, axis, "DESCENDING")).tolist() == np.flip(np.sort(X, axis), axis).tolist()


def test_equal_elements_keep_their_order():
    assert run_on("cpu", tf.argsort(X)).tolist() == [[1, 3, 2, 0], [3, 0, 1, 2]]
    assert run_on("cpu", tf.argsort(X, direction="DESCENDING")).tolist() == [[0, 2, 1, 3], [1, 2, 0, 3]]
    assert run_on("cpu", tf.argsort(np.array([7, 0, 255], np.uint8))).tolist() == [1, 0, 2]


def test_gradient_and_shapes():
    check_op(lambda x: tf.sort(x), (3, 4))
    check_op(lambda x: tf.sort(tf.ensure_shape(x, [3, 4]), axis=0, direction="DESCENDING"), (3, 4))
    assert tf.argsort(tf.placeholder(tf.float32, [None, 3])).shape.as_list() == [None, 3]


@pytest.mark.parametrize("arguments", [(1.0,), ([1.0], 1), ([1.0], 0, "UP")])
def test_errors(arguments):
    with pytest.raises(ValueError):
        tf.sort(*arguments)
