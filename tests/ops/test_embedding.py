"""Embedding lookups, in one table and in parts."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

TABLE = np.arange(10.0).reshape(5, 2)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize(
    ("parts", "strategy"),
    [([TABLE], "mod"), ([TABLE[0::2], TABLE[1::2]], "mod"), ([TABLE[:3], TABLE[3:]], "div")],
)
def test_rows_are_found_in_every_layout(parts, strategy, backend):
    ids = tf.placeholder(tf.int32, None)
    rows = tf.nn.embedding_lookup([tf.constant(p) for p in parts], ids, strategy)
    for at in (3, [0, 4, 4, 1], [[2, 3]], np.zeros((0,))):
        np.testing.assert_array_equal(run_on(backend, rows, {ids: at}), TABLE[np.asarray(at, int)])
    for outside in (5, -1, 7):
        with pytest.raises(tf.errors.InvalidArgumentError):
            run_on(backend, rows, {ids: [0, outside]})


def test_long_rows_are_scaled_down():
    got = run_on("cpu", tf.nn.embedding_lookup(tf.constant(TABLE), [0, 4], max_norm=2.0))
    np.testing.assert_allclose(got, [TABLE[0], TABLE[4] * 2 / np.linalg.norm(TABLE[4])])


def test_gradients():
    check_op(lambda x: tf.nn.embedding_lookup(x, [0, 2, 2]), (4, 3))
    check_op(lambda x, y: tf.nn.embedding_lookup([x, y], [[0, 4], [3, 3]], max_norm=1.0), (3, 2), (2, 2))


def test_bad_arguments():
    with pytest.raises(ValueError, match="strategy"):
        tf.nn.embedding_lookup([TABLE, TABLE], [0], "random")
    with pytest.raises(ValueError, match="at least one"):
        tf.nn.embedding_lookup([], [0])
