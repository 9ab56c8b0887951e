"""Products with rows that are taken many times over: the programs, and values against products left as they are."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow.passes import Report, optimize
from graphflow.program import prune, specialize


def network(rows=5, dtype=tf.float64, often=True):
    """(fetches, feeds) of an embedding that is multiplied, with its gradients."""
    ids = tf.placeholder(tf.int64, [4, 6] if often else [7])
    table, w = tf.placeholder(dtype, [rows, 3]), tf.placeholder(dtype, [3, 8])
    y = tf.matmul(tf.reshape(tf.nn.embedding_lookup(table, ids), [-1, 3]), w)
    gradients = tf.gradients(tf.reduce_sum(tf.square(y)), [table, w])
    random = np.random.default_rng(0)
    feeds = {ids: random.integers(0, rows - 1, ids.shape.as_list()), table: random.normal(size=(rows, 3))}
    return [y, *map(tf.convert_to_tensor, gradients)], feeds | {w: random.normal(size=(3, 8))}


def optimized(fetches, feeds):
    report = Report()
    with tf.config(check=1, skip="fuse_regions,merge_updates"):
        dims = [np.shape(v) for v in feeds.values()]
        program = optimize(specialize(prune(fetches, [], list(feeds)), dims, lambda op: op.output.dims).program, report)
    return program, report.passes["multiply_rows_once"].fired["rows multiplied once"]


def products(program):
    return [op.inputs[0].dims for op in program.ops if op.type == "MatMul"]


def test_products_are_as_large_as_the_table():
    with tf.Graph().as_default():
        program, fired = optimized(*network())
    assert fired == 3 and products(program) == [(5, 3), (5, 3), (5, 8)]
    totals = [op for op in program.ops if op.type == "UnsortedSegmentSum"]
    assert [op.output.dims for op in totals] == [(5, 8), (5,)]  # one for both gradients; which rows there are
    with tf.config(check=1, skip="fuse_regions,merge_updates"):
        assert optimize(program).ops == program.ops


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_values(backend):
    found = []
    for skip in ("", "multiply_rows_once"):
        with tf.Graph().as_default(), tf.config(check=1, skip=skip), tf.Session(backend=backend) as session:
            found.append(session.run(*network()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_rows_that_nobody_takes_do_not_count():
    with tf.Graph().as_default(), tf.Session() as session:
        fetches, feeds = network()
        table = list(feeds)[1]
        feeds[table][4] = np.nan  # no id names the last row
        for value in session.run(fetches, feeds):
            assert np.isfinite(value).all()


def test_ids_out_of_range_are_an_error():
    with tf.Graph().as_default(), tf.Session() as session:
        fetches, feeds = network()
        feeds[next(iter(feeds))][1, 2] = 5
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"indices\[8\] = 5 is out of range"):
            session.run(fetches[0], feeds)


def test_other_products_stay():
    with tf.Graph().as_default():
        assert optimized(*network(often=False))[1] == 0  # fewer than twice a row
    with tf.Graph().as_default():
        feeds = network()[1]
        ids, table, w = feeds
        rows = tf.nn.embedding_lookup(table, ids)
        dy = tf.ones([24, 8], tf.float64)
        wanted = tf.matmul(dy, w, transpose_b=True)  # fetched as it is
        total = tf.unsorted_segment_sum(wanted, tf.reshape(ids, [-1]), 5)
        by_depth = tf.matmul(tf.reshape(rows, [8, 9]), tf.ones([9, 2], tf.float64))  # other rows than the table's
        whole = tf.placeholder(tf.int32, [5, 3])
        integers = tf.matmul(tf.gather(whole, tf.reshape(ids, [-1])), tf.transpose(whole))
        feeds[whole] = np.ones((5, 3))
        program, fired = optimized([wanted, total, by_depth, integers], feeds)
    assert fired == 0 and len(products(program)) == 3
