"""Segment reductions against sums and products worked out segment by segment."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

DATA = np.array([[1.0, -2.0], [3.0, 4.0], [0.0, 5.0], [-6.0, 0.5]], np.float32)
FOLDS = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min}


@pytest.mark.parametrize("name", FOLDS)
def test_sorted_segments(name):
    fold = FOLDS[name]
    y = getattr(tf, f"segment_{name}")(DATA, [0, 0, 1, 3])
    assert y.shape == (4, 2)
    empty = np.full(2, 1.0 if name == "prod" else 0.0)
    want = [fold(DATA[:2], 0), DATA[2], empty, DATA[3]]
    np.testing.assert_allclose(run_on("cpu", y), want)
    check_op(lambda x: getattr(tf, f"segment_{name}")(x, [0, 0, 1, 3]), (4, 2))


@pytest.mark.parametrize("name", FOLDS)
def test_unsorted_segments(name):
    fold = FOLDS[name]
    y = getattr(tf, f"unsorted_segment_{name}")(DATA, [2, -1, 0, 2], 4)
    limits = np.finfo(np.float32)
    empty = np.full(2, {"prod": 1.0, "max": limits.min, "min": limits.max}.get(name, 0.0))
    want = [DATA[2], empty, fold(DATA[[0, 3]], 0), empty]
    np.testing.assert_allclose(run_on("cpu", y), want)
    check_op(lambda x: getattr(tf, f"unsorted_segment_{name}")(x, [2, -1, 0, 2], 4), (4, 2))


def test_ids_of_higher_rank():
    ids = np.array([[2, -1], [0, 2]])
    y = tf.unsorted_segment_sqrt_n(DATA.reshape(2, 2, 2), ids, 3)
    np.testing.assert_allclose(run_on("cpu", y), [DATA[2], [0, 0], (DATA[0] + DATA[3]) / np.sqrt(2)], rtol=1e-6)


def test_products_with_zeros_give_the_gradient_to_the_zero():
    x = tf.constant([0.0, 2.0, 3.0, 0.0, 0.0])
    (dx,) = tf.gradients(tf.segment_prod(x, [0, 0, 0, 1, 1]), x)
    assert run_on("cpu", dx).tolist() == [6.0, 0.0, 0.0, 0.0, 0.0]


def test_equal_extremes_share_the_gradient():
    x = tf.constant([2.0, 2.0, 1.0])
    (dx,) = tf.gradients(tf.unsorted_segment_max(x, [1, 1, 1], 2), x)
    assert run_on("cpu", dx).tolist() == [0.5, 0.5, 0.0]


def test_rows_chosen_by_indices():
    total = tf.sparse_segment_sum(DATA, [0, 2, 2], [0, 0, 1])
    mean = tf.sparse_segment_mean(DATA, [0, 2, 2], [0, 0, 1])
    root = tf.sparse_segment_sqrt_n(DATA, [0, 2, 2], [0, 0, 2], num_segments=4)
    np.testing.assert_allclose(run_on("cpu", total), [DATA[0] + DATA[2], DATA[2]])
    np.testing.assert_allclose(run_on("cpu", mean), [(DATA[0] + DATA[2]) / 2, DATA[2]])
    both = (DATA[0] + DATA[2]) / np.sqrt(2)
    np.testing.assert_allclose(run_on("cpu", root), [both, [0, 0], DATA[2], [0, 0]], rtol=1e-6)


def test_shapes_unknown_until_the_run():
    ids = tf.placeholder(tf.int32, [None])
    y = tf.segment_sum(tf.placeholder_with_default(DATA, [None, 2]), ids)
    assert y.shape.as_list() == [None, 2]
    assert run_on("cpu", y, {ids: [0, 1, 1, 1]}).shape == (2, 2)
    assert tf.segment_max(np.zeros((0, 3)), np.zeros(0, np.int32)).shape == (0, 3)


@pytest.mark.parametrize("ids", [[1, 0, 2, 3], [-1, 0, 0, 0], [0, 1]])
def test_bad_ids(ids):
    given = tf.placeholder(tf.int32, [None])
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.segment_sum(DATA, given), {given: ids})


def test_errors():
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("reference", tf.unsorted_segment_min(DATA, [0, 1, 2, 3], 3))
    with pytest.raises(ValueError):
        tf.segment_sum(DATA, [[0, 1]])
    with pytest.raises(ValueError):
        tf.segment_sum(1.0, [0])
