"""concat, stack, split, unstack, and lists with tensors in them."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.ops.static import partial_value
from graphflow.testing import check_op, run_on


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def ph(*dims, dtype=tf.float32):
    return tf.placeholder(dtype, dims)


def run(t, feeds=None):
    return run_on("reference", t, feeds)


@pytest.mark.parametrize(
    "shapes, axis",
    [([(2, 3), (4, 3)], 0), ([(2, 3), (2, 1), (2, 2)], 1), ([(2, 3, 2)] * 2, -1), ([(0, 3), (2, 3)], 0), ([(3,)], 0)],
)
def test_concat(shapes, axis):
    values = [np.random.default_rng(i).random(s) for i, s in enumerate(shapes)]
    got = tf.concat([tf.constant(v) for v in values], axis)
    want = np.concatenate(values, axis)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda *ts: tf.concat(ts, axis), *shapes)


def test_concat_with_a_tensor_for_the_axis():
    a = ph(dtype=tf.int32)
    both = tf.concat([ph(2, 3), ph(2, 3)], a)
    assert both.dims == (None, None)
    x = tf.constant(np.ones((2, 3), np.float32))
    got = run(tf.gradients(tf.concat([x, 2 * x], a) ** 2, x), {a: -1})[0]
    np.testing.assert_array_equal(got, np.full((2, 3), 10))


def test_concat_shapes_dtypes_and_names():
    f = ph(None, 12)
    assert tf.concat([f, f], 0).dims == (None, 12) and tf.concat([f, f], 1).dims == (None, 24)
    assert tf.concat([f, tf.placeholder(tf.float32)], 1).dims == (None, None)
    assert tf.concat([ph(2), [9, 9]], 0).dtype is tf.float32
    assert tf.concat([[1, 2], ph(2)], 0).dtype is tf.float32
    assert tf.concat([f, f], 0, name="both").name == "both:0"
    assert run(tf.concat([tf.constant(["a"]), tf.constant(["b"])], 0)).tolist() == [b"a", b"b"]


def test_concat_errors():
    for values, axis in (([1.0, 2.0], 0), ([ph(2), ph(3, 1)], 0), ([ph(2, 3), ph(3, 3)], 1), ([ph(2)] * 2, 1), ([], 0)):
        with pytest.raises(ValueError):
            tf.concat(values, axis)
    with pytest.raises(TypeError):
        tf.concat([ph(2), ph(2, dtype=tf.int32)], 0)
    p, q = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    for left, right in ((np.zeros((1, 2)), np.zeros((1, 3))), (1.0, 2.0)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            run(tf.concat([p, q], 0), {p: left, q: right})


@pytest.mark.parametrize("shape, axis", [((), 0), ((2, 3), 0), ((2, 3), 1), ((2, 3), -1), ((2, 3), -3), ((0,), 1)])
def test_stack(shape, axis):
    values = [np.random.default_rng(i).random(shape) for i in range(3)]
    got = tf.stack([tf.constant(v) for v in values], axis)
    want = np.stack(values, axis)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    check_op(lambda *ts: tf.stack(ts, axis), *[shape] * 3)


def test_stack_of_numbers_and_errors():
    assert tf.stack([1, 2, 3]).op.type == "Const" and tf.stack([1, 2]).name.startswith("stack")
    assert tf.stack([ph(), 1.0, 2]).dims == (3,)
    assert tf.parallel_stack([ph(2), ph(2)]).dims == (2, 2)
    assert tf.stack([]).dims == (0,)
    for values, axis in (([ph(2), ph(3)], 0), ([ph(2)], 2), ([], 1)):
        with pytest.raises(ValueError):
            tf.stack(values, axis)
    with pytest.raises(TypeError):
        tf.stack(ph(2, 3), axis=1)


@pytest.mark.parametrize("shape, axis", [((3, 2), 0), ((2, 3), 1), ((2, 2, 3), -1), ((1, 2), 0), ((4,), 0)])
def test_unstack(shape, axis):
    value = np.random.default_rng(0).random(shape)
    got = tf.unstack(tf.constant(value), axis=axis)
    assert isinstance(got, list)
    for g, w in zip(run(got), np.moveaxis(value, axis, 0), strict=True):
        np.testing.assert_array_equal(g, w)
    check_op(lambda t: tf.unstack(t, shape[axis], axis), shape)
    check_op(lambda t: tf.unstack(t, shape[axis], axis)[0], shape)


def test_unstack_numbers():
    assert tf.unstack(ph(0, 2)) == []
    assert [t.dims for t in tf.unstack(ph(None, None), num=2, axis=1)] == [(None,)] * 2
    for bad in (lambda: tf.unstack(ph(2, 3), 3), lambda: tf.unstack(ph(None, 3)), lambda: tf.unstack(ph(2), axis=1)):
        with pytest.raises(ValueError):
            bad()
    x = tf.placeholder(tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.unstack(x, 3), {x: [1, 2]})


@pytest.mark.parametrize(
    "shape, sizes, axis, cuts",
    [((4, 6), 3, 1, [2, 4]), ((2, 6), [1, 2, 3], 1, [1, 3]), ((2, 3, 4), 2, -1, [2]), ((6,), [1, -1, 2], 0, [1, 4]),
     ((2, 2), [0, 2], 0, [0]), ((3,), 1, 0, []), ((3, 2), [3], 0, []), ((0, 2), 2, 0, [0])],
)  # fmt: skip
def test_split(shape, sizes, axis, cuts):
    value = np.random.default_rng(0).random(shape)
    got, want = tf.split(tf.constant(value), sizes, axis), np.split(value, cuts, axis)
    assert [t.dims for t in got] == [w.shape for w in want]
    for g, w in zip(run(got), want, strict=True):
        np.testing.assert_array_equal(g, w)
    check_op(lambda t: tf.split(t, sizes, axis), shape)
    check_op(lambda t: tf.split(t, sizes, axis)[-1], shape, grad=value.size > 0)


def test_split_sizes():
    n, x = tf.placeholder(tf.int32, [2]), ph(2, 6)
    assert [t.dims for t in tf.split(x, n, 1)] == [(2, None)] * 2
    assert [t.dims for t in tf.split(ph(None, None), [0, 2], 0)] == [(0, None), (2, None)]
    assert [g.shape for g in run(tf.split(x, n, 1), {n: [4, 2], x: np.zeros((2, 6))})] == [(2, 4), (2, 2)]
    assert len(tf.split(x, tf.placeholder(tf.int32), 1, num=3)) == 3
    for sizes, kwargs in (([1, 3], {}), (4, {}), (0, {}), ([-1, -1], {}), ([-2, 8], {}), (tf.constant(2), {}),
                          ([3, 3], {"num": 3}), (tf.placeholder(tf.int32), {}), ([7, -1], {})):  # fmt: skip
        with pytest.raises(ValueError):
            tf.split(x, sizes, 1, **kwargs)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.split(x, n, 1), {n: [4, 3], x: np.zeros((2, 6))})


def test_lists_with_tensors_become_tensors():
    n, x = tf.placeholder(tf.int32), ph(None, 4)
    packed = tf.convert_to_tensor([[n, 2], [3, tf.shape(x)[1]]])
    assert packed.dtype is tf.int32 and packed.op.type == "Pack"
    assert run(packed, {n: 7, x: np.zeros((1, 4))}).tolist() == [[7, 2], [3, 4]]
    assert tf.add([ph(), 2], 1.0).dtype is tf.float32
    assert partial_value(tf.convert_to_tensor([n, 28, tf.shape(x)[1], x.shape[1]])).tolist() == [None, 28, 4, 4]
    assert tf.convert_to_tensor([x.shape[1], 2]).op.type == "Const"
    assert tf.convert_to_tensor([tf.Variable(1.0), 2.0]).dims == (2,)
    with pytest.raises(TypeError):
        tf.convert_to_tensor([n, 1.5])
    with pytest.raises((TypeError, ValueError)):
        tf.convert_to_tensor([n, 1], tf.float32)
