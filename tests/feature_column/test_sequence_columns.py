"""Columns of sequences; TensorFlow's SequenceFeatures gives these numbers."""

import numpy as np
import pytest

import graphflow as tf

fc, layer, Sparse = tf.feature_column, tf.contrib.feature_column.sequence_input_layer, tf.SparseTensor
identity, numbers = fc.sequence_categorical_column_with_identity, fc.sequence_numeric_column
TABLE = tf.constant_initializer(np.arange(6).reshape(3, 2))


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def run(columns, **features):
    found = layer(features, columns)
    with tf.Session() as sess:
        sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
        return [value.tolist() for value in sess.run(found)]


def ids():
    return Sparse([[0, 0], [1, 0], [1, 1], [3, 0]], np.array([2, 0, 1, 1]), [5, 2])


def test_categories():
    embedded = run([fc.embedding_column(identity("i", 3), 2, initializer=TABLE)], i=ids())
    assert embedded == [[[[4, 5], [0, 0]], [[0, 1], [2, 3]], [[0, 0]] * 2, [[2, 3], [0, 0]], [[0, 0]] * 2],
                        [1, 2, 0, 1, 0]]  # fmt: skip
    assert tf.global_variables()[0].op.name == "sequence_input_layer/i_embedding/embedding_weights"
    words = Sparse([[0, 0], [0, 1], [0, 2], [2, 0]], ["a", "zz", "b", "c"], [4, 3])
    column = fc.indicator_column(fc.sequence_categorical_column_with_vocabulary_list("w", ["a", "b", "c"]))
    found, lengths = run([column], w=words)
    assert found[0] == [[1, 0, 0], [0, 0, 0], [0, 1, 0]] and found[2][0] == [0, 0, 1] and lengths == [3, 0, 1, 0]
    several = Sparse([[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]], np.array([2, 0, 1, 1]), [3, 2, 2])
    found, lengths = run([fc.embedding_column(identity("i", 3), 2, initializer=TABLE)], i=several)
    assert found[0] == [[2, 3], [2, 3]] and lengths == [2, 1, 0]  # the mean of a step's


def test_numbers():
    x = Sparse([[0, 0], [0, 1], [0, 2], [0, 3], [2, 0], [2, 1]], [1.0, 2, 3, 4, 5, 6], [3, 4])
    wanted = [[[[1, 2], [3, 4]], [[-1, -1]] * 2, [[5, 6], [-1, -1]]], [2, 0, 1]]
    assert run([numbers("x", 2, default_value=-1.0)], x=x) == wanted
    doubled = run([numbers("x", normalizer_fn=lambda t: t.with_values(t.values * 2))], x=x)
    assert doubled == [[[[2], [4], [6], [8]], [[0]] * 4, [[10], [12], [0], [0]]], [4, 0, 2]]
    steps = Sparse([[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]], np.arange(6.0), [2, 2, 2])
    assert run([numbers("x", [2])], x=steps) == [[[[0, 1], [2, 3]], [[4, 5], [0, 0]]], [2, 1]]


def test_several_columns():
    columns = [numbers("x"), fc.indicator_column(identity("i", 3))]
    x = Sparse([[0, 0], [1, 0], [1, 1], [3, 0]], [1.0, 2, 3, 4], [5, 2])
    found, lengths = run(columns, x=x, i=ids())
    assert found[1] == [[1, 0, 0, 2], [0, 1, 0, 3]] and lengths == [1, 2, 0, 1, 0]
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(columns, x=Sparse([[0, 0]], [1.0], [5, 2]), i=ids())
    assert fc.make_parse_example_spec(columns) == {
        "x": tf.VarLenFeature(tf.float32), "i": tf.VarLenFeature(tf.int64)
    }  # fmt: skip


def test_misuse():
    embedding = fc.embedding_column(identity("i", 3), 2)
    for wrong in (lambda: layer({"i": ids()}, [identity("i", 3)]), lambda: fc.input_layer({"i": ids()}, [embedding]),
                  lambda: layer({"x": ids()}, [fc.numeric_column("x")]), lambda: numbers("x", [0]),
                  lambda: fc.linear_model({"i": ids()}, [identity("i", 3)]), lambda: numbers("x", dtype=tf.string),
                  lambda: layer({}, [numbers("x")])):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()
    for wrong in (lambda: layer({"x": tf.zeros([2, 2])}, [numbers("x")]), lambda: numbers("x", normalizer_fn=3)):
        with pytest.raises(TypeError):
            wrong()
