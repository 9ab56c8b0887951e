"""A plan bound to memory: what a run shares with the next one, and what belongs to the caller."""

import gc
import weakref

import numpy as np
import pytest

import graphflow as tf
from graphflow.arena import Arena
from graphflow.backends import get_backend


@pytest.fixture
def session():
    with tf.Graph().as_default(), tf.Session(backend="cpu") as s:
        yield s


def executables(session):
    return list(session._executables.values())


def test_a_run_of_kernels_is_one_native_call(session):
    x = tf.placeholder(tf.float32, [None, 4])
    y = tf.nn.softmax(tf.matmul(x, tf.ones([4, 3])) + 1.0)
    session.run([y, tf.reduce_sum(y)], {x: np.ones((2, 4))})
    (executable,) = executables(session)
    assert len(executable._parts) == 1


def test_feeds_of_every_layout_type_and_size(session):
    x = tf.placeholder(tf.float32, None)
    y = x + 1.0
    table = np.arange(24, dtype=np.float32).reshape(4, 6)
    frozen = table.copy()
    frozen.flags.writeable = False
    for value in (table, table.T, table[::2, 1:], frozen, table.astype(">f4"), table.astype(int), table.tolist(),
                  np.float64(3), 3, True, np.zeros((0, 3)), np.ones((2, 1, 1, 1, 3))):  # fmt: skip
        want = np.asarray(value, np.float32) + 1
        got = session.run(y, {x: value})
        assert got.dtype == np.float32 and got.shape == want.shape
        np.testing.assert_array_equal(got, want)


def test_many_feeds_and_fetches_find_their_arrays(session):
    xs = [tf.placeholder(tf.float32, [None]) for _ in range(9)]
    ys = [x * float(i) for i, x in enumerate(xs)]
    for n in (3, 5, 3):
        feeds = {x: np.full(n, 10.0 + i) for i, x in enumerate(xs)}
        got = session.run(ys[::-1] + xs, feeds)
        for i, (y, x) in enumerate(zip(got[8::-1], got[9:], strict=True)):
            assert y.tolist() == [i * (10.0 + i)] * n and x.tolist() == [10.0 + i] * n


def test_one_value_fetched_under_several_shapes(session):
    x = tf.placeholder(tf.float32, [2, 3])
    y = x + 1.0
    flat, deep = tf.reshape(y, [6]), tf.reshape(y, [1, 2, 3])
    got = session.run([flat, y, deep], {x: np.zeros((2, 3))})
    assert [a.shape for a in got] == [(6,), (2, 3), (1, 2, 3)] and all((a == 1).all() for a in got)
    got[0][...] = 5
    assert (got[1] == 1).all() and (got[2] == 1).all()


def test_results_of_earlier_runs_stay_as_they_were(session):
    x = tf.placeholder(tf.float32, [3])
    y = x * 2.0
    results = [session.run(y, {x: np.full(3, i)}) for i in range(20)]
    assert [r.tolist() for r in results] == [[2.0 * i] * 3 for i in range(20)]


def test_a_run_keeps_neither_feeds_nor_results(session):
    x = tf.placeholder(tf.float32, [3])
    y = x + 1.0
    fed = np.zeros(3, np.float32)
    result = session.run(y, {x: fed})
    gone = [weakref.ref(fed), weakref.ref(result)]
    del fed, result
    gc.collect()
    assert [r() for r in gone] == [None, None]


def test_kernels_between_reference_steps(session):
    x = tf.placeholder(tf.float32, [2, 2])
    inverse = tf.matrix_inverse(x + tf.eye(2))  # the reference computes it
    y = tf.reduce_sum(tf.matmul(inverse, x) * 2.0)
    for scale in (1.0, 3.0):
        value = scale * np.array([[1.0, 2.0], [0.0, 1.0]])
        got, i = session.run([y, inverse], {x: value})
        want = np.linalg.inv(value + np.eye(2))
        np.testing.assert_allclose(i, want, rtol=1e-5)
        np.testing.assert_allclose(got, (want @ value * 2).sum(), rtol=1e-5)


def test_the_failing_step_is_named_in_any_position(session):
    x, i = tf.placeholder(tf.float32, [4]), tf.placeholder(tf.int32, [None])
    first = tf.gather(x, i, name="first")
    second = tf.gather(tf.exp(first), i, name="second")
    assert session.run(second, {x: np.zeros(4), i: [0, 1]}).tolist() == [1.0, 1.0]
    for bad, name in (([9], "first"), ([3], "second")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"'{name}'"):
            session.run(second, {x: np.zeros(4), i: bad})
    assert session.run(second, {x: np.zeros(4), i: [0, 1]}).tolist() == [1.0, 1.0]


def test_draws_go_on_as_on_the_reference():
    got = []
    for backend in ("cpu", "reference"):
        with tf.Graph().as_default(), tf.Session(backend=backend) as session:
            a, b = tf.random_uniform([3], seed=1), tf.random_uniform([3], seed=2)
            got.append([session.run([a, b]), session.run(a), session.run([b, a])])
    for ours, theirs in zip(*got, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_variable_of_a_new_shape_moves(session):
    v = tf.Variable(np.zeros(2, np.float32), validate_shape=False)
    grow = tf.assign(v, tf.ones([5]), validate_shape=False)
    y = v + 1.0
    session.run(v.initializer)
    assert session.run(y).tolist() == [1.0] * 2
    session.run(grow)
    assert session.run(y).tolist() == [2.0] * 5


def test_a_long_chain_needs_few_kernels_and_little_memory(session):
    x = h = tf.placeholder(tf.float32, [8])
    for _ in range(3000):
        h = tf.nn.relu(h * 1.0001 + 0.5)
    kernels = get_backend("cpu").kernels
    before = kernels.compiled + kernels.loaded
    want = np.ones(8, np.float32)
    for _ in range(3000):
        want = np.maximum(want * np.float32(1.0001) + np.float32(0.5), 0)
    np.testing.assert_allclose(session.run(h, {x: np.ones(8)}), want, rtol=1e-4)
    (executable,) = executables(session)
    assert kernels.compiled + kernels.loaded - before < 20 and executable._plan.arena_bytes < 1024


def test_the_arena_takes_the_smallest_gap_that_fits():
    arena = Arena()
    a, b, c, d = (arena.take(n) for n in (64, 192, 128, 64))
    arena.free(a, 64)
    arena.free(c, 128)
    assert arena.take(128) == c and arena.take(64) == a and arena.size == 448
    arena.free(b, 192)
    arena.free(a, 64)
    assert arena.take(256) == 0  # neighbours have become one gap
    arena.free(d, 64)
    assert arena.take(128) == d and arena.size == 512  # the end grows


def test_known_values_are_laid_out_like_other_constants():
    x = tf.placeholder(tf.int32, [2, 3])
    zeros = tf.broadcast_to(tf.zeros([2, 1], tf.int32), tf.shape(x))  # NumPy broadcasts without copying
    with tf.Session() as session:
        assert session.run(tf.stack([zeros, x], -1), {x: [[1, 2, 3], [4, 5, 6]]})[..., 0].tolist() == [[0] * 3] * 2


def test_too_little_memory_names_the_step():
    x = tf.placeholder(tf.float32, [None])
    y = tf.cumsum(tf.tile(x, [2**45]))
    with tf.Session(backend="cpu") as session:
        with pytest.raises(tf.errors.ResourceExhaustedError, match=r"\d+ bytes.*'(Tile|Cumsum)\S*'"):
            session.run(tf.reduce_sum(y), {x: [1.0, 2.0]})
        assert session.run(tf.reduce_sum(x), {x: [1.0, 2.0]}) == 3
