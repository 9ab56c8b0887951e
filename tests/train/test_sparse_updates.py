"""Updates of a few rows of a large variable: in place, and still as if they were not."""

import tracemalloc

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import BACKENDS

OPTIMIZERS = {
    "sgd": lambda: tf.train.GradientDescentOptimizer(0.5),
    "momentum": lambda: tf.train.MomentumOptimizer(0.5, 0.9),
    "adagrad": lambda: tf.train.AdagradOptimizer(0.5),
    "rmsprop": lambda: tf.train.RMSPropOptimizer(0.5, momentum=0.3, centered=True),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.5),
}


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_makes_no_copy_of_the_variable(name):
    table = tf.Variable(tf.zeros([2000, 256]))  # 2 MB
    ids = tf.placeholder(tf.int32, [4])
    train = OPTIMIZERS[name]().minimize(tf.reduce_sum(tf.nn.embedding_lookup(table, ids)))
    with tf.Session(backend="cpu") as s:
        s.run(tf.global_variables_initializer())
        s.run(train, {ids: [0, 1, 1, 5]})
        tracemalloc.start()
        s.run(train, {ids: [0, 1, 1, 5]})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        changed = np.flatnonzero(s.run(table).any(1)).tolist()
    assert changed == [0, 1, 5] and peak < 500_000


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_from_before_are_kept(backend):
    v = tf.Variable([1.0, 2.0, 3.0])
    before = tf.identity(v)
    doubled = tf.scatter_add(v, [0, 1, 2], v)  # what is added is the variable itself
    shifted = tf.scatter_update(doubled, [0, 1], v.value()[1:])
    with tf.Session(backend=backend) as s:
        s.run(tf.global_variables_initializer())
        got = s.run([before, doubled, shifted, v])
        assert [g.tolist() for g in got] == [[1, 2, 3], [2, 4, 6], [2, 3, 6], [1, 2, 3]]
        assert s.run(v).tolist() == [2, 3, 6]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_bad_index_changes_nothing(backend):
    v = tf.Variable(tf.ones([3, 2]))
    ids = tf.placeholder(tf.int32, [None])
    step = tf.train.MomentumOptimizer(0.5, 0.9).apply_gradients([(tf.IndexedSlices(tf.ones([2, 2]), ids), v)])
    with tf.Session(backend=backend) as s:
        s.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"not all in \[0, 3\)"):
            s.run(step, {ids: [0, 3]})
        assert (s.run(v) == 1).all()
        s.run(step, {ids: [2, 2]})
        assert s.run(v).tolist() == [[1, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_adam_counts_missing_rows_as_zeros(backend):
    grad = np.array([[1.0, -2.0], [0.5, 1.0]], np.float32)
    dense, sparse = tf.Variable(tf.ones([3, 2])), tf.Variable(tf.ones([3, 2]))
    full = np.array([[0, 0], [1.5, -1.0], [0, 0]], np.float32)
    rows = tf.IndexedSlices(tf.constant(grad), tf.constant([1, 1]))
    step = tf.train.AdamOptimizer(0.1).apply_gradients([(tf.constant(full), dense), (rows, sparse)])
    with tf.Session(backend=backend) as s:
        s.run(tf.global_variables_initializer())
        for _ in range(3):
            s.run(step)
        a, b = s.run([dense, sparse])
    np.testing.assert_allclose(a, b, rtol=1e-6)
    assert (a[0] == 1).all() and (a[1] != 1).all()
