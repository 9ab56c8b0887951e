"""Counts against NumPy's."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on


def test_bincount():
    arr = np.array([[1, 1, 3], [5, 0, 1]])
    assert run_on("cpu", tf.bincount(arr)).tolist() == np.bincount(arr.reshape(-1)).tolist()
    assert run_on("cpu", tf.bincount(arr, minlength=8)).tolist() == [1, 3, 0, 1, 0, 1, 0, 0]
    assert run_on("cpu", tf.bincount(arr, maxlength=3)).tolist() == [1, 3, 0]
    weighted = run_on("cpu", tf.bincount([0, 2, 0], weights=[1.5, 2.0, 0.5]))
    assert (weighted.tolist(), weighted.dtype) == ([2.0, 0.0, 2.0], np.float32)
    assert run_on("cpu", tf.bincount(np.zeros(0, np.int32))).tolist() == []
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.bincount([-1, 2]))


def test_histogram():
    values = [-1.0, 0.0, 1.5, 2.0, 5.0, 15.0]
    assert run_on("cpu", tf.histogram_fixed_width(values, [0.0, 5.0], nbins=5)).tolist() == [2, 1, 1, 0, 2]
    assert run_on("cpu", tf.histogram_fixed_width_bins(values, [0.0, 5.0], nbins=5)).tolist() == [0, 0, 1, 2, 4, 4]
    assert tf.histogram_fixed_width(values, [0.0, 5.0]).shape == (100,)
    wide = tf.histogram_fixed_width(tf.placeholder(tf.float32), [0.0, 1.0], nbins=3, dtype=tf.int64)
    assert (wide.shape, wide.dtype) == ((3,), tf.int64)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.histogram_fixed_width(values, [5.0, 5.0]))


def test_confusion_matrix():
    labels, predictions = [1, 2, 4, 1], [2, 2, 4, 2]
    counted = run_on("cpu", tf.confusion_matrix(labels, predictions))
    want = np.zeros((5, 5), np.int32)
    want[1, 2], want[2, 2], want[4, 4] = 2, 1, 1
    np.testing.assert_array_equal(counted, want)
    weighted = tf.confusion_matrix(labels, predictions, num_classes=6, dtype=tf.float32, weights=[1.0, 2.0, 3.0, 4.0])
    assert weighted.shape == (6, 6)
    assert run_on("cpu", weighted)[1, 2] == 5.0
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.confusion_matrix(labels, predictions, num_classes=4))
