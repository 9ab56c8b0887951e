"""Constants, fills, ranges, one-hot rows, identity matrices."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.ops.static import static_value
from graphflow.testing import check_op, run_on


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def run(t, feeds=None):
    return run_on("reference", t, feeds)


def int_input():
    return tf.placeholder(tf.int32)


@pytest.mark.parametrize(
    "value, dtype",
    [(1, "int32"), (2**40, "int64"), (1.5, "float32"), (True, "bool"), (1j, "complex128"), ("a", "string"),
     ([1, 2.5], "float32"), ([], "float32"), (np.arange(3), "int64"), (np.float64(2), "float64"),
     ([[1], [2]], "int32")],
)  # fmt: skip
def test_constant_dtypes(value, dtype):
    c = tf.constant(value)
    assert c.dtype.name == dtype and c.dims == np.shape(value) and c.name == "Const:0"


def test_constant_shape_repeats_the_last_element():
    assert run(tf.constant([1, 2, 3], shape=[2, 3])).tolist() == [[1, 2, 3], [3, 3, 3]]
    assert run(tf.constant(-1.0, shape=[2])).tolist() == [-1, -1]
    assert run(tf.constant([1, 2, 3, 4], tf.float32, [2, 2])).tolist() == [[1, 2], [3, 4]]
    assert run(tf.constant("a", shape=[2])).tolist() == [b"a", b"a"]
    with pytest.raises(ValueError):
        tf.constant([1, 2, 3], shape=[2])
    with pytest.raises(ValueError):
        tf.constant(1, shape=[None])


def test_constant_refusals():
    for value, dtype in ((1.5, tf.int32), ("a", tf.float32), (1, tf.string)):
        with pytest.raises(TypeError):
            tf.constant(value, dtype)
    with pytest.raises(TypeError):
        tf.constant([1, 2], shape=[2, 1], verify_shape=True)
    with pytest.raises(TypeError):
        tf.constant(tf.constant(1))
    for value in (None, [[1], [2, 3]]):
        with pytest.raises(ValueError):
            tf.constant(value)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64", "string", "uint8"])
def test_zeros_and_ones(dtype):
    want = np.full((2, 3), b"", object) if dtype == "string" else np.zeros((2, 3), dtype)
    np.testing.assert_array_equal(run(tf.zeros([2, 3], dtype)), want)
    if dtype == "string":
        with pytest.raises(TypeError):
            tf.ones([2], dtype)
    else:
        got = run(tf.ones((2, 3), dtype))
        assert got.dtype == dtype and (got == 1).all()


def test_zeros_shapes():
    x = tf.placeholder(tf.float32, [None, 2])
    assert tf.zeros(3).dims == (3,) and tf.zeros([]).dims == () and tf.zeros(tf.TensorShape([2, 1])).dims == (2, 1)
    assert tf.zeros([tf.shape(x)[0], 5]).dims == (None, 5)
    assert tf.zeros(tf.shape(x)).dims == (None, 2)
    assert run(tf.zeros(tf.shape(x)), {x: np.ones((4, 2))}).shape == (4, 2)
    assert run(tf.zeros(tf.constant(3))).tolist() == [0, 0, 0]
    with pytest.raises(TypeError):
        tf.zeros([None, 2])
    with pytest.raises(ValueError):
        tf.zeros(tf.TensorShape([None, 2]))


def test_large_zeros_are_not_stored(graph):
    big = tf.zeros([10_000_000, 1000], name="big")
    assert big.op.type == "Fill" and big.name == "big:0"
    assert all(op.type != "Const" or op.attrs["value"].size < 10 for op in graph.get_operations())
    assert tf.zeros([2, 2]).op.type == "Const"


def test_fill():
    n = int_input()
    assert run(tf.fill([2, n], 7), {n: 3}).tolist() == [[7, 7, 7]] * 2
    assert tf.fill([2, n], 7).dims == (2, None) and tf.fill([], 3).dims == () and tf.fill([0, 2], 1.0).dims == (0, 2)
    check_op(lambda t: tf.fill([2, 3], t), ())
    with pytest.raises(ValueError):
        tf.fill([-1], 0)
    with pytest.raises(ValueError):
        tf.fill([2], [1, 2])
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.fill([n], 0), {n: -1})


@pytest.mark.parametrize(
    "args", [(5,), (2, 7), (3, 18, 3), (10, 0, -3), (3, 3), (0,), (0, 5, 2), (-3, 4), (0.0, 1.0, 0.25), (0.0, 3.5)]
)
def test_range(args):
    got = tf.range(*args)
    want = np.arange(*args)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)
    ends = [tf.placeholder_with_default(a, []) for a in args]
    np.testing.assert_array_equal(run(tf.range(*ends)), want)


def test_range_dtypes():
    assert tf.range(3).dtype is tf.int32
    assert tf.range(3.0).dtype is tf.float32
    assert tf.range(0, 5, dtype=tf.float64).dtype is tf.float64
    assert tf.range(tf.constant(0, tf.int64), 5).dtype is tf.int64
    assert tf.range(1, tf.constant(2.0)).dtype is tf.float32
    assert tf.range(2).name == "range:0" or tf.range(2).name.startswith("range")


def test_range_counts_in_its_own_dtype():
    assert tf.range(0.0, 0.3, 0.1).dims == (3,)  # as float32; in double precision 0.3f / 0.1f is a little above 3
    assert tf.range(2**40, 2**40 + 3).dims == (3,) and tf.range(np.int64(3)).dtype is tf.int64


def test_range_errors():
    n, m = int_input(), int_input()
    for args in ((5, 2), (1, 2, 0), (0, 3, -1), ([1, 2], 3)):
        with pytest.raises(ValueError):
            tf.range(*args)
    for a, b in ((5, 1), (0, 3)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            run(tf.range(n, m, -1 if a == 0 else 1), {n: a, m: b})


@pytest.mark.parametrize("args", [(0.0, 1.0, 5), (-3.0, 3.0, 4), (10.0, 13.0, 1), (2.0, 2.0, 3)])
def test_linspace(args):
    got = tf.linspace(*args)
    assert got.dims == (args[2],) and got.dtype is tf.float32
    np.testing.assert_allclose(run(got), np.linspace(*args, dtype=np.float32), rtol=1e-6)
    assert run(tf.lin_space(tf.constant(1.0, tf.float64), 2.0, 3)).tolist() == [1.0, 1.5, 2.0]
    with pytest.raises(ValueError):
        tf.linspace(0.0, 1.0, 0)
    with pytest.raises(TypeError):
        tf.linspace(0, 1, 3)


@pytest.mark.parametrize("shape, axis", [((5,), -1), ((2, 3), -1), ((2, 3), 0), ((2, 3), 1), ((), -1), ((0,), -1)])
def test_one_hot(shape, axis):
    indices = np.random.default_rng(1).integers(-1, 5, shape)
    want = np.moveaxis((indices[..., None] == np.arange(4)).astype(np.float32), -1, axis)
    got = tf.one_hot(tf.constant(indices), 4, axis=axis)
    assert got.dims == want.shape
    np.testing.assert_array_equal(run(got), want)


def test_one_hot_values_and_dtypes():
    assert run(tf.one_hot([1, 9], 3, 5, -5)).tolist() == [[-5, 5, -5], [-5, -5, -5]]
    assert tf.one_hot([1], 3, 5, -5).dtype is tf.int32
    assert tf.one_hot([1], 3, on_value=2.0).dtype is tf.float32
    assert tf.one_hot([1], 3, on_value=2, off_value=1, dtype=tf.int64).dtype is tf.int64
    assert run(tf.one_hot([1], 2, True, False)).tolist() == [[False, True]]
    assert run(tf.one_hot([0], 2, dtype=tf.bool)).tolist() == [[True, False]]
    assert tf.one_hot(tf.placeholder(tf.int32, [None]), int_input()).dims == (None, None)
    assert tf.one_hot(int_input(), 3).dims is None
    for kwargs in ({"on_value": 1.0, "off_value": 0}, {"on_value": tf.constant(1), "dtype": tf.float32}):
        with pytest.raises(TypeError):
            tf.one_hot([1], 3, **kwargs)
    with pytest.raises(ValueError):
        tf.one_hot([1], -1)
    with pytest.raises(ValueError):
        tf.one_hot([1], 3, axis=2)
    with pytest.raises(TypeError):
        tf.one_hot([1.0], 3)
    n, m = int_input(), int_input()
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.one_hot(n, m), {n: [1], m: -2})


@pytest.mark.parametrize("args", [(3,), (2, 4), (4, 2), (0,)])
def test_eye(args):
    got = tf.eye(*args)
    np.testing.assert_array_equal(run(got), np.eye(*args, dtype=np.float32))
    assert got.dims == np.eye(*args).shape
    assert static_value(tf.eye(2, dtype=tf.int32)).tolist() == [[1, 0], [0, 1]]
    assert run(tf.eye(2, batch_shape=[3, 1])).shape == (3, 1, 2, 2)
    n = int_input()
    assert run(tf.eye(n, 2), {n: 3}).tolist() == np.eye(3, 2).tolist()
