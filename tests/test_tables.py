"""Lookup tables: filled, asked, changed."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import BACKENDS


@pytest.fixture(params=BACKENDS)
def session(request):
    with tf.Graph().as_default() as g, tf.Session(graph=g, backend=request.param) as s:
        yield s


def test_static(session):
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1)
    ids = table.lookup(tf.constant([["b"], ["z"]]))
    assert (ids.shape, ids.dtype) == ((2, 1), tf.int32)
    with pytest.raises(tf.errors.FailedPreconditionError, match="tables_initializer"):
        session.run(ids)
    session.run(tf.tables_initializer())
    assert session.run(ids).tolist() == [[2], [-1]]
    assert session.run(table.size()) == 2
    assert [v.tolist() for v in session.run(list(table.export()))] == [[b"a", b"b"], [1, 2]]
    sparse = table.lookup(tf.SparseTensor([[1]], ["a"], [3]))
    assert session.run(sparse).values.tolist() == [1]
    with pytest.raises(TypeError):
        table.lookup(tf.constant([1]))


def test_two_values_for_a_key(session):
    same = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "a"], [1, 1]), -1)
    session.run(same.initializer)
    other = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "a"], [1, 2]), -1)
    with pytest.raises(tf.errors.FailedPreconditionError):
        session.run(other.initializer)


def test_the_older_order_of_arguments(session):
    with tf.name_scope("old"):
        table = tf.contrib.lookup.HashTable(tf.contrib.lookup.KeyValueTensorInitializer(["a"], [1]), -1, None, "words")
    assert isinstance(table, tf.lookup.StaticHashTable) and table.name == "old/words/table"
    session.run(table.init)
    assert session.run(table.lookup(tf.constant(["a", "b"]))).tolist() == [1, -1]


def test_mutable(session):
    table = tf.contrib.lookup.MutableHashTable(tf.string, tf.float32, 0.5)
    found = table.lookup(["a", "b"])
    assert session.run(found).tolist() == [0.5, 0.5]
    session.run(table.insert(["a", "b"], [1.0, 2.0]))
    session.run(table.insert(["a"], [3.0]))
    assert session.run(found).tolist() == [3, 2]
    session.run(table.remove(["b"]))
    assert session.run([found, table.size()])[1] == 1
    with tf.control_dependencies([table.insert(["b"], [9.0])]):
        after = table.lookup(["b"])
    assert session.run(after).tolist() == [9]


def test_vocabularies(session, tmp_path):
    lookup = tf.contrib.lookup
    file = tmp_path / "words.txt"
    file.write_text("emerson\nlake\npalmer\n")
    tables = [
        lookup.index_table_from_tensor(["emerson", "lake", "palmer"], num_oov_buckets=1),
        lookup.index_table_from_file(str(file), num_oov_buckets=1),
    ]
    plain = lookup.index_table_from_tensor([10, 20, 30], dtype=tf.int64)
    words = [lookup.index_to_string_table_from_tensor(["x", "y"]), lookup.index_to_string_table_from_file(str(file))]
    session.run(tf.tables_initializer())
    for table in tables:
        assert session.run(table.lookup(tf.constant(["lake", "lake", "and"]))).tolist() == [1, 1, 3]
        assert session.run(table.size()) == 4
    assert session.run(plain.lookup(tf.constant([30, 5], tf.int64))).tolist() == [2, -1]
    assert session.run(words[0].lookup(tf.constant([1, 7], tf.int64))).tolist() == [b"y", b"UNK"]
    assert session.run(words[1].lookup(tf.constant([2], tf.int64))).tolist() == [b"palmer"]


def test_columns_of_files(session, tmp_path):
    file = tmp_path / "table.tsv"
    file.write_text("a\t1\nb\t2\n")
    index = tf.lookup.TextFileIndex

    def made(name, *columns, **how):
        return tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(str(name), *columns, **how), -1)

    table = made(file, tf.string, 0, tf.int64, 1)
    session.run(table.initializer)
    assert session.run(table.lookup(["b", "c"])).tolist() == [2, -1]
    with pytest.raises(tf.errors.InvalidArgumentError):
        session.run(made(file, tf.string, 0, tf.int64, 2).initializer)
    with pytest.raises(tf.errors.InvalidArgumentError):
        session.run(made(file, tf.string, 0, tf.int64, 1, vocab_size=3).initializer)
    with pytest.raises(tf.errors.NotFoundError):
        session.run(made(tmp_path / "none", tf.string, 0, tf.int64, 1).initializer)
    with pytest.raises(ValueError):
        tf.lookup.TextFileInitializer(str(file), tf.string, index.WHOLE_LINE, tf.int32, index.LINE_NUMBER)


def test_tables_of_two_sessions_are_apart():
    with tf.Graph().as_default():
        table = tf.contrib.lookup.MutableHashTable(tf.int64, tf.int64, -1)
        found, put = table.lookup(np.array([1])), table.insert(np.array([1]), np.array([5]))
        with tf.Session() as first, tf.Session() as second:
            first.run(put)
            assert (first.run(found).tolist(), second.run(found).tolist()) == ([5], [-1])
