"""embedding_lookup_sparse: rows of a table combined by the rows of a sparse matrix of ids."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

TABLE = np.arange(12, dtype=np.float64).reshape(6, 2) ** 2 / 10
INDICES, IDS = [[0, 0], [0, 1], [2, 0], [2, 1], [2, 5]], [1, 3, 0, 3, 3]
WEIGHTS = [0.5, 2.0, 1.0, 3.0, 0.25]


def sparse(values, dtype):
    return tf.SparseTensor(INDICES, tf.constant(values, dtype), [4, 6])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
def test_rows_are_combined(combiner, weighted):
    w = np.array(WEIGHTS if weighted else np.ones(5))
    want = np.zeros((3, 2))
    for row in (0, 2):
        of = [i for i, at in enumerate(INDICES) if at[0] == row]
        total = sum(w[i] * TABLE[IDS[i]] for i in of)
        want[row] = total / {"sum": 1, "mean": w[of].sum(), "sqrtn": np.sqrt((w[of] ** 2).sum())}[combiner]
    with tf.Graph().as_default():
        ids, weights = sparse(IDS, tf.int64), sparse(WEIGHTS, tf.float32) if weighted else None
        for params in (TABLE, [tf.constant(TABLE[0::2]), tf.constant(TABLE[1::2])]):
            y = tf.nn.embedding_lookup_sparse(params, ids, weights, combiner=combiner)
            assert y.shape.as_list() == [3, 2]  # the ids are constants
            for backend in ("reference", "cpu"):
                np.testing.assert_allclose(run_on(backend, y), want, rtol=1e-6)


def test_gradient_is_rows_of_the_table():
    with tf.Graph().as_default():
        table = tf.Variable(TABLE)
        y = tf.nn.embedding_lookup_sparse(table, sparse(IDS, tf.int32), None, combiner="sum")
        (dt,) = tf.gradients(y, table)
        assert isinstance(dt, tf.IndexedSlices)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            dense = session.run(tf.convert_to_tensor(dt))
        np.testing.assert_array_equal(dense[:, 0], [1, 1, 0, 3, 0, 0])
    check_op(lambda t, w: tf.nn.embedding_lookup_sparse(t, sparse(IDS, tf.int64), tf.SparseTensor(INDICES, w, [4, 6])),
             (6, 2), (5,), domain=(0.5, 2.0), dtypes=["float64"])  # fmt: skip


def test_errors_and_no_ids():
    with tf.Graph().as_default():
        with pytest.raises(TypeError):
            tf.nn.embedding_lookup_sparse(TABLE, [[0, 1]], None)
        with pytest.raises(ValueError):
            tf.nn.embedding_lookup_sparse(TABLE, sparse(IDS, tf.int64), None, combiner="max")
        fed = tf.SparseTensor(tf.placeholder(tf.int64, [None, 2]), tf.placeholder(tf.int64, [None]), [3, 2])
        assert tf.nn.embedding_lookup_sparse(TABLE, fed, None).shape.as_list() == [None, 2]
        none = tf.SparseTensor(np.zeros((0, 2)), np.zeros(0, np.int64), [3, 2])
        assert run_on("cpu", tf.nn.embedding_lookup_sparse(TABLE, none, None)).shape == (0, 2)


def test_sparse_tensor():
    with tf.Graph().as_default():
        s = sparse(IDS, tf.int64)
        assert (s.shape.as_list(), s.dtype, s.indices.dtype) == ([4, 6], tf.int64, tf.int64)
        with tf.Session() as session:
            value = session.run({"s": s})["s"]
        assert isinstance(value, tf.SparseTensorValue) and value.values.tolist() == IDS
        for bad in ((INDICES, [1, 2], [4, 6]), ([0, 1], [1], [2]), (INDICES, IDS, [4])):
            with pytest.raises(ValueError):
                tf.SparseTensor(*bad)
