"""transpose, reverse, roll, tile and pad."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def ph(*dims, dtype=tf.float32):
    return tf.placeholder(dtype, dims)


def run(t, feeds=None):
    return run_on("reference", t, feeds)


def agrees(fn, want, shape):
    """Values, static shape, gradient and its own gradient, against a NumPy function."""
    value = np.random.default_rng(0).random(shape)
    got = fn(tf.constant(value))
    assert got.dims == want(value).shape
    np.testing.assert_array_equal(run(got), want(value))
    check_op(lambda t: fn(t) ** 2, shape, second=want(value).size > 0, grad=want(value).size > 0)


@pytest.mark.parametrize(
    "shape, perm",
    [((2, 3), None), ((), None), ((4,), None), ((2, 3, 4), [2, 0, 1]), ((2, 1, 3, 2), [0, 3, 1, 2]), ((2, 0), [1, 0])],
)
def test_transpose(shape, perm):
    agrees(lambda t: tf.transpose(t, perm), lambda v: v.transpose(perm), shape)


def test_transpose_shapes_and_errors():
    p, x = tf.placeholder(tf.int32), tf.placeholder(tf.float32)
    assert tf.transpose(ph(None, 6, 1)).dims == (1, 6, None)
    assert tf.transpose(ph(2, 3), ph(2, dtype=tf.int32)).dims == (None, None)
    assert tf.transpose(x, [1, 0]).dims == (None, None) and tf.transpose(x).dims is None
    assert run(tf.transpose(x), {x: np.zeros((2, 3, 4))}).shape == (4, 3, 2)
    assert run(tf.transpose(x, p), {x: np.zeros((2, 3, 4)), p: [1, 2, 0]}).shape == (3, 4, 2)
    for perm in ([0, 0], [0], [0, 2]):
        with pytest.raises(ValueError):
            tf.transpose(ph(2, 3), perm)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.transpose(x, p), {x: np.zeros((2, 3)), p: [0, 0]})
    z = np.array([[1 + 2j, 3]])
    np.testing.assert_array_equal(run(tf.transpose(tf.constant(z), conjugate=True)), z.conj().T)
    np.testing.assert_array_equal(run(tf.invert_permutation([2, 0, 1])), [1, 2, 0])
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.invert_permutation(p), {p: [1, 1]})


def test_matrix_transpose():
    agrees(tf.matrix_transpose, lambda v: v.swapaxes(-1, -2), (2, 3, 4))
    with pytest.raises(ValueError):
        tf.matrix_transpose(ph(3))


@pytest.mark.parametrize("shape, axes", [((2, 3, 2), [1]), ((2, 3), [-1, 0]), ((3,), []), ((2, 0), [0])])
def test_reverse(shape, axes):
    agrees(lambda t: tf.reverse(t, axes), lambda v: np.flip(v, axes), shape)
    for bad in ([0, 0], [4]):
        with pytest.raises(ValueError):
            tf.reverse(ph(*shape), bad)


@pytest.mark.parametrize("shift, axis", [(2, 0), (-1, 1), ([1, -5], [0, 1]), ([1, 1], [0, 0])])
def test_roll(shift, axis):
    agrees(lambda t: tf.roll(t, shift, axis), lambda v: np.roll(v, shift, axis), (3, 4))


@pytest.mark.parametrize("shape, times", [((2, 3), [1, 2]), ((3,), [3]), ((2, 1, 2), [2, 3, 1]), ((2,), [0]), ((), [])])
def test_tile(shape, times):
    agrees(lambda t: tf.tile(t, times), lambda v: np.tile(v, times), shape)


def test_tile_shapes_and_errors():
    x, n = tf.placeholder(tf.float32), tf.placeholder(tf.int32)
    assert tf.tile(ph(None, 12), [1, 2]).dims == (None, 24) and tf.tile(x, [2, 1]).dims == (None, None)
    assert tf.tile(ph(2, 3), [n, 2]).dims == (None, 6)
    for times in ([2], [[1, 1]], [-1, 2]):
        with pytest.raises(ValueError):
            tf.tile(ph(2, 3), times)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.tile(x, n), {x: np.zeros((2, 3)), n: [1]})


@pytest.mark.parametrize("mode", ["constant", "REFLECT", "Symmetric"])
@pytest.mark.parametrize(
    "shape, paddings", [((3, 4), [[1, 2], [2, 1]]), ((4,), [[0, 3]]), ((2, 3, 3), [[0, 0], [1, 1], [0, 2]])]
)
def test_pad(shape, paddings, mode):
    agrees(lambda t: tf.pad(t, paddings, mode), lambda v: np.pad(v, paddings, mode.lower()), shape)


def test_pad_with_a_value():
    agrees(
        lambda t: tf.pad(t, [[1, 0], [0, 2]], constant_values=7),
        lambda v: np.pad(v, [[1, 0], [0, 2]], constant_values=7),
        (2, 3),
    )
    assert run(tf.pad([1, 2], [[1, 0]], constant_values=3)).tolist() == [3, 1, 2]
    assert run(tf.pad(tf.constant(5.0), np.zeros((0, 2), np.int32))) == 5
    assert run(tf.pad(["a"], [[0, 1]])).tolist() == [b"a", b""]


def test_pad_shapes_and_errors():
    x, p = tf.placeholder(tf.float32), tf.placeholder(tf.int32)
    assert tf.pad(ph(None, 6), [[0, 0], [1, 1]]).dims == (None, 8)
    assert tf.pad(ph(2, 2), ph(2, 2, dtype=tf.int32)).dims == (None, None)
    got = run(tf.gradients(tf.pad(x, p) * 3.0, x), {x: np.ones((2, 2)), p: [[1, 0], [0, 1]]})[0]
    assert got.tolist() == [[3, 3], [3, 3]]
    for paddings, mode in (([[1, 1]], "CONSTANT"), ([[-1, 0], [0, 0]], "CONSTANT"), ([[2, 0], [0, 0]], "REFLECT"),
                           ([[3, 0], [0, 0]], "SYMMETRIC"), ([[0, 0], [0, 0]], "WRAP")):  # fmt: skip
        with pytest.raises(ValueError):
            tf.pad(ph(2, 2), paddings, mode)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.pad(x, p, "REFLECT"), {x: np.ones(2), p: [[2, 0]]})
