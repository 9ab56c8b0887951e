"""SparseTensors: made, fed, fetched, and turned into dense tensors."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on

INDICES, VALUES = [[0, 1], [1, 0], [1, 2]], [1.0, 2.0, -3.0]
DENSE = np.array([[0, 1, 0], [2, 0, -3], [0, 0, 0]], np.float32)


def example(values=VALUES):
    return tf.SparseTensor(INDICES, values, [3, 3])


def test_properties_and_fetching():
    sp = example()
    assert (sp.shape, sp.dtype, sp.values.shape) == ((3, 3), tf.float32, (3,))
    with tf.Session() as session:
        value = session.run(sp)
        assert isinstance(value, tf.SparseTensorValue)
        assert value.indices.tolist() == INDICES and value.dense_shape.tolist() == [3, 3]
        assert sp.eval().values.tolist() == VALUES
        assert session.run(tf.SparseTensor.from_value(value)).values.tolist() == VALUES


@pytest.mark.parametrize("arguments", [([0, 1], [1.0], [3]), (INDICES, [1.0], [3, 3]), (INDICES, VALUES, [3])])
def test_parts_must_fit(arguments):
    with pytest.raises(ValueError):
        tf.SparseTensor(*arguments)
    with pytest.raises(TypeError):
        tf.SparseTensor.from_value(3)


def test_feeding():
    sp, partly = tf.sparse_placeholder(tf.float32, name="p"), tf.sparse_placeholder(tf.float32, [None, 3])
    assert [t.op.name for t in sp.feed_components()] == ["p/indices", "p/values", "p/shape"]
    assert partly.shape.as_list() == [None, 3] and tf.sparse_placeholder(tf.int32, [2, 3]).shape == (2, 3)
    y, z = tf.sparse_tensor_to_dense(sp), tf.sparse_reduce_sum(partly, 1)
    with tf.Session() as session:
        for value in (tf.SparseTensorValue(INDICES, VALUES, [3, 3]), (INDICES, VALUES, [3, 3])):
            got = session.run([y, z], {sp: value, partly: value})
            np.testing.assert_array_equal(got[0], DENSE)
            np.testing.assert_array_equal(got[1], DENSE.sum(axis=1))
        assert "plan" in session.explain(y, {sp: (INDICES, VALUES, [3, 3])})
        for wrong in (3, (INDICES, VALUES)):
            with pytest.raises(TypeError):
                session.run(y, {sp: wrong})


def test_dense():
    np.testing.assert_array_equal(run_on("cpu", tf.sparse_tensor_to_dense(example())), DENSE)
    text = tf.sparse_tensor_to_dense(tf.SparseTensor([[1]], ["x"], [3]))
    assert run_on("cpu", text).tolist() == [b"", b"x", b""]
    assert run_on("cpu", tf.sparse_to_dense(2, [4], 5.0)).tolist() == [0, 0, 5, 0]
    assert run_on("cpu", tf.sparse_to_dense([1, 2], [4], [5, 6], -1)).tolist() == [-1, 5, 6, -1]
    unordered = tf.sparse_to_dense([2, 1], [4], [5, 6], validate_indices=False)
    assert run_on("cpu", unordered).tolist() == [0, 6, 5, 0]
    for indices in ([2, 1], [1, 1], [1, 5]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            run_on("reference", tf.sparse_to_dense(indices, [4], [5, 6]))


def test_gradients():
    weights = np.arange(9, dtype=np.float32).reshape(3, 3)
    values, default = tf.constant(VALUES), tf.constant(7.0)
    y = tf.reduce_sum(tf.sparse_tensor_to_dense(example(values), default) * weights)
    dv, dd = run_on("cpu", tf.gradients(y, [values, default]))
    np.testing.assert_array_equal(dv, [1, 3, 5])
    assert dd == 36 - 9


def test_products_with_dense_tensors():
    scaled = example() * tf.constant([1.0, 2.0, 3.0])
    halved = example() / tf.constant([[2.0]])
    np.testing.assert_array_equal(run_on("cpu", scaled.values), [2, 2, -9])
    np.testing.assert_array_equal(run_on("cpu", halved.values), [0.5, 1, -1.5])


def test_eval_is_one_run():
    with tf.Graph().as_default(), tf.Session() as session:
        calls = []
        count = tf.py_func(lambda: calls.append(1) or np.int64(len(calls)), [], tf.int64)
        sp = tf.SparseTensor(tf.reshape(count, [1, 1]), tf.reshape(count, [1]), tf.reshape(count + 1, [1]))
        assert [part.tolist() for part in sp.eval(session=session)] == [[[1]], [1], [2]]
        assert sp.eval().values.tolist() == [2]


def test_a_placeholder_whose_shape_is_a_tensor():
    with tf.Graph().as_default():
        sizes = tf.placeholder_with_default(np.array([4, 6], np.int64), [2])
        sp = tf.sparse_placeholder(tf.float32, shape=tf.constant((4, 6), dtype=tf.int64))
        other = tf.sparse_placeholder(tf.float32, shape=sizes)
        assert sp.shape.as_list() == [4, 6] and sp.indices.shape.as_list() == [None, 2]
        assert other.indices.shape.as_list() == [None, 2]
        value = ([[0, 1], [3, 2]], [1.0, 2.0], [4, 6])
        made = [tf.sparse_tensor_to_dense(t) for t in (sp, other)]
        for got in run_on("cpu", made, {sp: value, other: value}):
            assert got[0, 1] == 1 and got[3, 2] == 2 and got.shape == (4, 6)
