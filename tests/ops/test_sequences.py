"""Sequences, sets, partitions, grids, and space in blocks."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def ph(*dims, dtype=tf.float32):
    return tf.placeholder(dtype, dims)


def run(t, feeds=None):
    return run_on("reference", t, feeds)


def test_sequence_mask():
    n = ph(None, dtype=tf.int32)
    assert run(tf.sequence_mask(n), {n: [1, 3]}).tolist() == [[True, False, False], [True, True, True]]
    assert run(tf.sequence_mask([[0], [2]], 2, tf.float32)).tolist() == [[[0, 0]], [[1, 1]]]
    assert tf.sequence_mask(n).dims == (None, None) and tf.sequence_mask([2, 1], 3).dims == (2, 3)
    assert run(tf.sequence_mask(n), {n: []}).shape == (0, 0)


@pytest.mark.parametrize(
    "shape, at, batch, lengths", [((2, 4), 1, 0, [3, 4]), ((4, 2, 2), 0, 1, [0, 3]), ((2, 2, 3), -1, 0, [1, 2])]
)
def test_reverse_sequence(shape, at, batch, lengths):
    value = RNG.random(shape)
    want = value.copy()
    for i, n in enumerate(lengths):
        rows = np.moveaxis(want, (batch, at), (0, 1))[i]
        rows[:n] = rows[:n][::-1].copy()
    got = tf.reverse_sequence(tf.constant(value), lengths, seq_axis=at, batch_axis=batch)
    assert got.dims == shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda t: tf.reverse_sequence(t, lengths, seq_dim=at, batch_dim=batch) ** 2, shape, second=True)


def test_reverse_sequence_errors():
    n = tf.placeholder(tf.int32)
    for lengths, at in (([1, 1], None), ([1], 1), ([1, 1], 0), ([1, 1], 2)):
        with pytest.raises(ValueError):
            tf.reverse_sequence(ph(2, 3), lengths, at)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.reverse_sequence(np.ones((2, 3)), n, 1), {n: [1, 4]})


@pytest.mark.parametrize(
    "shape, parts", [((5, 2), [1, 0, 1, 2, 0]), ((4,), [0, 0, 0, 0]), ((2, 2, 3), [[0, 2], [2, 1]])]
)
def test_dynamic_partition(shape, parts):
    value = RNG.random(shape)
    got = tf.dynamic_partition(tf.constant(value), parts, 3)
    for i, g in enumerate(run(got)):
        np.testing.assert_array_equal(g, value[np.array(parts) == i])
    assert got[0].dims == (None, *shape[np.ndim(parts) :])
    check_op(lambda t: [p**2 for p in tf.dynamic_partition(t, parts, 3)], shape, second=True)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.dynamic_partition(tf.constant(value), tf.constant(parts) - 1, 3))
    with pytest.raises(ValueError):
        tf.dynamic_partition(ph(9), parts, 3)


def test_dynamic_stitch():
    got = tf.dynamic_stitch([3, [[0, 1], [2, 1]]], [[9.0, 9.0], np.arange(8.0, dtype=np.float32).reshape(2, 2, 2)])
    assert got.dims == (4, 2)
    assert run(got).tolist() == [[0, 1], [6, 7], [4, 5], [9, 9]]
    check_op(lambda a, b: tf.dynamic_stitch([[0, 2], [[1], [3]]], [a, b]) ** 2, (2, 3), (2, 1, 3), second=True)
    with pytest.raises(ValueError):
        tf.dynamic_stitch([[0]], [])


@pytest.mark.parametrize(
    "shape, times, axis", [((2, 2), [1, 2], 1), ((3,), 2, 0), ((2, 3), 2, None), ((2, 3), [0, 3], 0), ((2, 3), [2], -1)]
)
def test_repeat(shape, times, axis):
    value = RNG.random(shape)
    got, want = tf.repeat(tf.constant(value), times, axis), np.repeat(value, times, axis)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda t: tf.repeat(t, times, axis) ** 2, shape)
    with pytest.raises(ValueError):
        tf.repeat(ph(*shape), [1, 1, 1, 1, 1, 1, 1], axis)


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("sizes", [(3,), (2, 3), (2, 3, 4), (0, 2)])
def test_meshgrid(sizes, indexing):
    vectors = [RNG.random(n) for n in sizes]
    want = np.meshgrid(*vectors, indexing=indexing)
    got = tf.meshgrid(*vectors, indexing=indexing)
    assert [t.dims for t in got] == [w.shape for w in want]
    for g, w in zip(run(got), want, strict=True):
        np.testing.assert_array_equal(g, w)
    check_op(lambda *ts: tf.meshgrid(*ts, indexing=indexing), *[(n,) for n in sizes], grad=0 not in sizes)
    with pytest.raises(ValueError):
        tf.meshgrid(*vectors, indexing="yx")


def test_unique():
    y, idx, count = run(tf.unique_with_counts([4, 2, 4, 1, 2, 4]))
    assert (y.tolist(), idx.tolist(), count.tolist()) == ([4, 2, 1], [0, 1, 0, 2, 1, 0], [3, 2, 1])
    words = tf.unique(tf.constant(["b", "a", "b"]), out_idx=tf.int64)
    assert run(words.y).tolist() == [b"b", b"a"] and words.idx.dtype is tf.int64 and words.idx.dims == (3,)
    assert tf.unique(ph(0)).y.dims == (None,)
    with pytest.raises(ValueError):
        tf.unique(ph(2, 2))


def test_setdiff1d():
    out, idx = run(tf.setdiff1d([1, 5, 3, 1, 4], [1, 4]))
    assert (out.tolist(), idx.tolist()) == ([5, 3], [1, 2])


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    rows, values = np.sort(RNG.integers(0, 9, (2, 5))), RNG.integers(-1, 10, (2, 7))
    want = np.stack([np.searchsorted(r, v, side) for r, v in zip(rows, values, strict=True)])
    got = tf.searchsorted(tf.constant(rows), values, side, tf.int64)
    assert got.dims == (2, 7) and got.dtype is tf.int64
    np.testing.assert_array_equal(run(got), want)
    np.testing.assert_array_equal(run(tf.searchsorted([1, 3], [0, 3, 9])), [0, 1, 2])
    with pytest.raises(ValueError):
        tf.searchsorted([1], [1], "middle")


def test_space_to_depth():
    value = RNG.random((2, 4, 6, 3))
    got = run(tf.space_to_depth(tf.constant(value), 2))
    assert got.shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(got[1, 1, 2], value[1, 2:4, 4:6].reshape(-1))
    np.testing.assert_array_equal(run(tf.depth_to_space(tf.constant(got), 2)), value)
    assert tf.space_to_depth(ph(None, None, 4, 3), 2).dims == (None, None, 2, 12)
    check_op(lambda t: tf.space_to_depth(t, 2) ** 2, (1, 2, 4, 2), second=True)
    check_op(lambda t: tf.depth_to_space(t, 2) ** 2, (1, 2, 1, 8))
    for bad in (lambda: tf.space_to_depth(ph(1, 3, 4, 1), 2), lambda: tf.depth_to_space(ph(1, 2, 2, 3), 2),
                lambda: tf.space_to_depth(ph(4, 4), 2), lambda: tf.space_to_depth(ph(1, 4, 4, 1), 1)):  # fmt: skip
        with pytest.raises(ValueError):
            bad()


@pytest.mark.parametrize(
    "shape, block, pads",
    [
        ((1, 4, 4, 1), [2, 2], [[0, 0], [0, 0]]),
        ((2, 3, 5, 2), [2, 3], [[1, 0], [0, 1]]),
        ((2, 6), [3], [[1, 2]]),
        ((1, 4, 2), [2], [[0, 0]]),
    ],
)
def test_space_to_batch(shape, block, pads):
    value = RNG.random(shape)
    padded = np.pad(value, [(0, 0), *pads, *[(0, 0)] * (len(shape) - 1 - len(block))])
    want = np.concatenate(
        [
            padded[(slice(None), *(slice(o, None, b) for o, b in zip(at, block, strict=True)))]
            for at in np.ndindex(*block)
        ]
    )
    got = tf.space_to_batch_nd(tf.constant(value), block, pads)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    np.testing.assert_array_equal(run(tf.batch_to_space_nd(got, block, pads)), value)
    check_op(lambda t: tf.space_to_batch_nd(t, block, pads) ** 2, shape, second=True)
    check_op(lambda t: tf.batch_to_space_nd(t, block, pads), want.shape)


def test_space_to_batch_with_square_blocks():
    x = ph(1, 4, 4, 3)
    assert tf.space_to_batch(x, [[0, 0], [0, 0]], 2).dims == (4, 2, 2, 3)
    assert tf.batch_to_space(ph(4, 2, 2, 3), [[0, 0], [1, 1]], block_size=2).dims == (1, 4, 2, 3)
    assert tf.space_to_batch(ph(None, None), [[0, 0]], block_shape=[2]).dims == (None, None)
    for bad in (lambda: tf.batch_to_space(x, [[0, 0], [0, 0]], 2), lambda: tf.space_to_batch(x, [[0, 1], [0, 0]], 2),
                lambda: tf.space_to_batch(x, [[0, 0]], 2), lambda: tf.space_to_batch(x, [[0, 0], [0, 0]])):  # fmt: skip
        with pytest.raises(ValueError):
            bad()
