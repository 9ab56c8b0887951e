"""What counts as a tensor, and what conversion leaves as it is."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def test_is_tensor():
    slices = tf.IndexedSlices(tf.zeros([1, 2]), tf.constant([0]))
    sparse = tf.SparseTensor([[0, 0]], [1.0], [2, 2])
    assert all(tf.is_tensor(x) for x in (tf.constant(1), tf.Variable(1.0), slices, sparse))
    assert not any(tf.is_tensor(x) for x in (1, [1], np.ones(2), "x", None, tf.constant(1).op))


def test_slices_stay_slices():
    slices = tf.IndexedSlices(tf.zeros([1, 2]), tf.constant([0]))
    assert tf.convert_to_tensor_or_indexed_slices(slices) is slices
    assert tf.convert_to_tensor_or_indexed_slices(slices, tf.float32) is slices
    assert tf.convert_to_tensor_or_indexed_slices([1, 2]).dtype == tf.int32
    with pytest.raises(ValueError, match="int32 is needed"):
        tf.convert_to_tensor_or_indexed_slices(slices, "int32")


def test_sparse_tensors_stay_sparse():
    sparse = tf.SparseTensor([[0, 1]], [1.0], [2, 2])
    assert tf.convert_to_tensor_or_sparse_tensor(sparse) is sparse
    made = tf.convert_to_tensor_or_sparse_tensor(tf.SparseTensorValue([[0, 1]], [5.0], [2, 2]), tf.float32)
    with tf.Session() as session:
        assert session.run(made).values.tolist() == [5.0]
    assert tf.convert_to_tensor_or_sparse_tensor(np.ones(2), name="ones").name == "ones:0"
    with pytest.raises(ValueError, match="int64 is needed"):
        tf.convert_to_tensor_or_sparse_tensor(sparse, tf.int64)
