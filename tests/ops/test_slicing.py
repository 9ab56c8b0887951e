"""slice, strided_slice and tensor[...]: against NumPy, with static shapes, gradients and errors."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.ops.static import partial_value
from graphflow.testing import check_op, run_on

NEW = None


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def ph(*dims, dtype=tf.float32):
    return tf.placeholder(dtype, dims)


def run(t, feeds=None):
    return run_on("reference", t, feeds)


KEYS = [
    0, -1, np.s_[:2],
    np.s_[::2], np.s_[3:0:-1], np.s_[::-1], np.s_[:, -1], np.s_[1:3, 0:2], np.s_[..., 0], np.s_[0, ...],
    np.s_[NEW], np.s_[:, NEW], np.s_[..., NEW], np.s_[1, 2], np.s_[1:1], np.s_[5:], np.s_[:100], np.s_[-100:2],
    np.s_[::-2, 1::2], np.s_[1:2, :, NEW, ...], np.s_[-1, -1, ::-1], np.s_[..., NEW, :, 1], np.s_[...],
    np.s_[-3:-1, 4:1:-1],
    np.s_[2:-1], np.s_[100::-2], np.s_[NEW, 1, ..., NEW, -1, NEW],
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_getitem(key):
    value = np.random.default_rng(0).random((4, 5, 3))
    got, want = tf.constant(value)[key], value[key]
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda t: t[key], (4, 5, 3), grad=want.size > 0, dtypes=["float32"])


def test_getitem_second_gradient():
    check_op(lambda t: t[1:, ::-2, NEW] ** 3, (3, 4), second=True)


def test_getitem_with_tensors():
    i, x = ph(dtype=tf.int32), ph(4, 3)
    value = np.arange(12, dtype=np.float32).reshape(4, 3)
    assert x[i:].dims == (None, 3) and x[i].dims == (3,) and x[tf.constant(1)].dims == (3,)
    for key, want in (
        (np.s_[i:], value[2:]),
        (np.s_[i], value[2]),
        (np.s_[:i, 1], value[:2, 1]),
        (np.s_[::i], value[::2]),
    ):
        np.testing.assert_array_equal(run(x[key], {i: 2, x: value}), want)
    np.testing.assert_array_equal(run(x[tf.constant(-1, tf.int64)], {x: value}), value[-1])
    np.testing.assert_array_equal(run(x[tf.constant(1, tf.uint8)], {x: value}), value[1])
    np.testing.assert_array_equal(run(tf.gradients(x[i:] * 2.0, x), {i: 3, x: value})[0][:, 0], [0, 0, 0, 2])
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(x[i], {i: 4, x: value})


def test_getitem_with_a_mask():
    x, m = ph(3, 2), ph(3, dtype=tf.bool)
    assert x[m].dims == (None, 2)
    assert run(x[m], {x: [[1, 2], [3, 4], [5, 6]], m: [True, False, True]}).tolist() == [[1, 2], [5, 6]]
    assert run(x[x > 2], {x: [[1, 2], [3, 4], [5, 6]]}).tolist() == [3, 4, 5, 6]


def test_getitem_static_shapes():
    f = ph(None, 12)
    assert f[:, :10].dims == (None, 10) and f[0].dims == (12,) and f[:1].dims == (None, 12)
    assert f[::-1].dims == (None, 12) and f[:, ::5].dims == (None, 3) and f[..., NEW].dims == (None, 12, 1)
    assert tf.placeholder(tf.float32)[0].dims is None
    x = ph(None, 7, dtype=tf.int32)
    assert partial_value(tf.shape(x)[1:]).tolist() == [7]
    assert partial_value(tf.shape(x)[::-1]).tolist() == [7, None]
    assert partial_value(tf.shape(x)[1]) == 7


def test_a_list_of_keys_is_a_tuple_of_keys():
    x = np.arange(24).reshape(2, 3, 4)
    assert (run(tf.constant(x)[[1, slice(0, 2)]]) == x[1, :2]).all() and tf.constant(x)[[0, 1]].dims == (4,)


def test_getitem_errors():
    a, c = ph(2, 3), ph(3)
    for bad in (lambda: a[3], lambda: a[-3], lambda: c[0, 0], lambda: a[:, :, 0], lambda: a[..., ...], lambda: a[::0],
                lambda: a[True]):  # fmt: skip
        with pytest.raises(ValueError):
            bad()
    for key in ("a", 1.0, [[0, 1]], tf.constant(1.0), tf.constant([0, 1]), np.array([0, 1])):
        with pytest.raises(TypeError):
            a[key]
    p = tf.placeholder(tf.float32)
    for key in (np.s_[5], np.s_[0, 0, 0]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            run(p[key], {p: np.zeros((2, 3))})


@pytest.mark.parametrize("begin, size", [([0, 1], [2, 2]), ([1, 0], [-1, 3]), ([0, 0], [0, 2]), ([3, 4], [0, -1])])
def test_slice(begin, size):
    value = np.random.default_rng(0).random((3, 4))
    want = value[tuple(slice(b, None if s < 0 else b + s) for b, s in zip(begin, size, strict=True))]
    got = tf.slice(tf.constant(value), begin, size)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda t: tf.slice(t, begin, size), (3, 4))


def test_slice_shapes_and_errors():
    b, x = ph(2, dtype=tf.int32), tf.placeholder(tf.float32)
    assert tf.slice(ph(None, 12), [0, 10], [-1, 2]).dims == (None, 2)
    assert tf.slice(ph(3, 4), b, [2, -1]).dims == (2, None)
    assert tf.slice(x, [0, 0], [1, 2]).dims == (1, 2)
    for begin, size in (([0, 3], [1, 2]), ([-1, 0], [1, 1]), ([0], [1]), ([0, 0], [-2, 1]), ([4, 0], [-1, 1])):
        with pytest.raises(ValueError):
            tf.slice(ph(3, 4), begin, size)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.slice(x, b, [2, 2]), {x: np.zeros((3, 3)), b: [0, 2]})
    assert run(tf.gradients(tf.slice(x, b, [2, 2]) * 2.0, x), {x: np.zeros((3, 3)), b: [0, 1]})[0].tolist() == [
        [0, 2, 2], [0, 2, 2], [0, 0, 0]]  # fmt: skip


@pytest.mark.parametrize(
    "arguments, want",
    [
        (([0, 1], [2, 4], [1, 2]), np.s_[0:2, 1:4:2]),
        (([1], [3]), np.s_[1:3]),
        (([2], [0], [-1]), np.s_[2:0:-1]),
        (([1, 0], [2, 2], None, 0, 0, 0, 0, 1), np.s_[1, 0:2]),
        (([0, 0], [1, 2], None, 0, 0, 0, 1), np.s_[NEW, 0:2]),
        (([9, 1], [9, 3], None, 1, 1), np.s_[:, 1:3]),
        (([0, 1], [0, 2], None, 0, 0, 1), np.s_[..., 1:2]),
        (([0, 0, 1], [0, 0, 2], None, 0, 0, 1, 2, 4), np.s_[..., NEW, 1]),
    ],
)
def test_strided_slice(arguments, want):
    value = np.random.default_rng(0).random((3, 5))
    got = tf.strided_slice(tf.constant(value), *arguments)
    assert got.dims == value[want].shape
    np.testing.assert_array_equal(run(got), value[want])
    check_op(lambda t: tf.strided_slice(t, *arguments), (3, 5))
    with pytest.raises(ValueError):
        tf.strided_slice(tf.constant(value), [0], [1], [0])
