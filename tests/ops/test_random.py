"""Random tensors: distributions, ranges, shapes, seeds, names, and one sequence of numbers on every backend."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.ops import philox
from graphflow.ops.seeds import key_of, seed_attrs
from graphflow.testing import BACKENDS


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def runs(fetches, n=2, backend="reference"):
    with tf.Session(backend=backend) as s:
        return [s.run(fetches) for _ in range(n)]


MAKERS = {
    "uniform": lambda dtype: tf.random_uniform([50, 40], -1.0, 3.0, dtype),
    "normal": lambda dtype: tf.random_normal([50, 40], 1.0, 2.0, dtype),
    "truncated": lambda dtype: tf.truncated_normal([50, 40], 1.0, 2.0, dtype),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", [tf.float16, tf.float32, tf.float64])
def test_every_backend_draws_the_same_numbers(name, dtype):
    tf.set_random_seed(5)
    t = MAKERS[name](dtype)
    assert t.dtype is dtype and t.shape.as_list() == [50, 40]
    want = runs(t, 3)
    assert not (want[0] == want[1]).all()
    for backend in BACKENDS:
        for got, w in zip(runs(t, 3, backend), want, strict=True):
            np.testing.assert_allclose(got, w, rtol=1e-6)  # the scaling may be contracted, the draw is exact


@pytest.mark.parametrize(
    ("name", "mean", "std"), [("uniform", 1, 4 / 12**0.5), ("normal", 1, 2), ("truncated", 1, 2 * 0.87962566)]
)
def test_moments(name, mean, std):
    tf.set_random_seed(1)
    a = np.stack(runs(MAKERS[name](tf.float32), 20))
    assert abs(a.mean() - mean) < 0.05 and abs(a.std() - std) < 0.05
    if name == "uniform":
        assert a.min() >= -1 and a.max() < 3
    if name == "truncated":
        assert abs(a - 1).max() <= 4


def test_half_precision_uniform_stays_below_one():
    a = runs(tf.random_uniform([20000], dtype=tf.float16, seed=3), 1)[0]
    assert a.dtype == np.float16 and a.min() >= 0 and a.max() < 1


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_integers(dtype):
    a = runs(tf.random_uniform([5000], -3, 4, dtype), 1)[0]
    assert a.dtype == dtype and set(a.tolist()) == set(range(-3, 4))
    low, high = dtype.min, dtype.max
    a = runs(tf.random_uniform([2000], low, high, dtype), 1)[0]
    assert (a < low // 2).any() and (a > high // 2).any()


def test_integer_bounds():
    with pytest.raises(ValueError, match="maxval"):
        tf.random_uniform([2], dtype=tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="less than"):
        runs(tf.random_uniform([2], 3, 3, tf.int32))
    assert runs(tf.random_uniform([0], 3, 3, tf.int32), 1)[0].shape == (0,)
    with pytest.raises(ValueError, match="float16"):
        tf.random_uniform([2], 0, 5, tf.uint8)
    with pytest.raises(TypeError, match="normal numbers"):
        tf.random_normal([2], dtype=tf.int32)


def test_shapes():
    n = tf.placeholder(tf.int32, [])
    whole = tf.placeholder(tf.int32, [2])
    a, b = tf.random_normal([n, 3]), tf.random_uniform(whole)
    assert a.shape.as_list() == [None, 3] and b.shape.as_list() == [None, None]
    assert tf.random_normal(tf.placeholder(tf.int32)).shape.ndims is None
    assert tf.random_normal([]).shape.as_list() == [] and tf.random_normal(tf.TensorShape([2, 0])).shape == (2, 0)
    with tf.Session() as s:
        x, y = s.run([a, b], {n: 2, whole: [1, 5]})
        assert x.shape == (2, 3) and y.shape == (1, 5)
        assert s.run(tf.random_normal([2, 0])).shape == (2, 0) and s.run(tf.random_uniform([])).shape == ()
        with pytest.raises(tf.errors.InvalidArgumentError, match="negative"):
            s.run(b, {whole: [-1, 5]})
    with pytest.raises(ValueError, match="rank 1"):
        tf.random_normal(5)


def test_parameters_broadcast_and_have_gradients():
    mean, std = tf.constant([0.0, 100.0]), tf.constant([1.0, 0.5])
    y = tf.random_normal([1000, 2], mean, std, seed=1)
    d_mean, d_std = tf.gradients(y, [mean, std])
    a, dm, ds = runs([y, d_mean, d_std], 1)[0]
    np.testing.assert_allclose(a.mean(0), [0, 100], atol=0.1)
    np.testing.assert_allclose(dm, [1000, 1000])
    np.testing.assert_allclose(ds, ((a - [0, 100]) / [1, 0.5]).sum(0), rtol=1e-3)


def test_one_draw_a_run():
    t = tf.random_uniform([4])
    (a, b, c), (d, _, _) = runs([t, t + 0.0, tf.identity(t)])
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)
    assert not (a == d).all()


def test_seeds(graph):
    assert tf.get_seed(None) == (None, None) and seed_attrs(None) == {"seed": 0, "seed2": 0}
    assert tf.get_seed(7) == (87654321, 7)
    tf.set_random_seed(3)
    tf.constant(1)
    assert tf.get_seed(None) == (3, 1) and tf.get_seed(9) == (3, 9) and tf.get_seed(2**31) == (3, 1)
    tf.set_random_seed(0)
    assert tf.get_seed(0) == (0, 2**31 - 1)
    assert len({key_of(*pair) for pair in [(0, 1), (1, 0), (1, 1), (-1, 0)]}) == 4


def sequence(make, seed=None):
    with tf.Graph().as_default():
        if seed is not None:
            tf.set_random_seed(seed)
        return [v.tolist() for v in runs(make())]


def test_what_repeats():
    free, seeded = (lambda: tf.random_normal([3])), (lambda: tf.random_normal([3], seed=4))
    assert sequence(free) != sequence(free)
    assert sequence(seeded) == sequence(seeded) and sequence(free, 1) == sequence(free, 1)
    assert sequence(free, 1) != sequence(free, 2) and sequence(seeded, 1) != sequence(seeded, 2)
    t = tf.random_normal([3], seed=4)
    first, second = runs(t), runs(t)
    np.testing.assert_array_equal(first, second)  # a new session starts over
    assert not (first[0] == first[1]).all()


def test_names(graph):
    tf.random_uniform([2])
    tf.random_normal([2], name="n")
    with tf.name_scope("s"):
        tf.truncated_normal([2])
    assert [op.name for op in graph.get_operations()] == [
        "random_uniform/shape", "random_uniform/min", "random_uniform/max", "random_uniform/RandomUniform",
        "random_uniform/sub", "random_uniform/mul", "random_uniform",
        "n/shape", "n/mean", "n/stddev", "n/RandomStandardNormal", "n/mul", "n",
        "s/truncated_normal/shape", "s/truncated_normal/mean", "s/truncated_normal/stddev",
        "s/truncated_normal/TruncatedNormal", "s/truncated_normal/mul", "s/truncated_normal",
    ]  # fmt: skip


def test_shuffle():
    rows = np.arange(40).reshape(20, 2)
    a, b = runs(tf.random_shuffle(rows, seed=1))
    assert not (a == b).all() and not (a == rows).all()
    np.testing.assert_array_equal(a[np.argsort(a[:, 0])], rows)
    assert runs(tf.random_shuffle(5), 1) == [5] and runs(tf.random_shuffle([["a"]]), 1)[0].tolist() == [[b"a"]]
    assert tf.random_shuffle(tf.placeholder(tf.float32, [None, 2])).shape.as_list() == [None, 2]


def test_shuffle_reaches_every_order_equally():
    t = tf.random_shuffle([0, 1, 2], seed=2)
    counts = {}
    for a in runs(t, 1200):
        counts[tuple(a)] = counts.get(tuple(a), 0) + 1
    assert len(counts) == 6 and min(counts.values()) > 140


def test_multinomial():
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        t = tf.multinomial(np.log(p) + 1000, 5000, seed=1)
    assert t.dtype is tf.int64 and t.shape.as_list() == [2, 5000] and t.op.name == "multinomial/Multinomial"
    (a,) = runs(t, 1)
    shares = np.stack([np.bincount(row, minlength=3) / 5000 for row in a])
    np.testing.assert_allclose(shares, p, atol=0.03)
    assert shares[1, 2] == 0
    assert runs(tf.multinomial([[0.0]], 0, output_dtype=tf.int32), 1)[0].shape == (1, 0)
    assert tf.multinomial(tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [])).shape.as_list() == [
        None, None,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="rank 2"):
        tf.multinomial([0.0], 1)
    with pytest.raises(tf.errors.InvalidArgumentError):
        runs(tf.multinomial(tf.zeros([2, 0]), 1))


def test_gamma_and_poisson():
    g = tf.random_gamma([20000], [0.5, 2.0], 3.0, seed=1)
    p = tf.random_poisson([1.0, 30.0], [20000], seed=1)
    assert g.shape.as_list() == p.shape.as_list() == [20000, 2] and p.dtype is tf.float32
    a, b = runs([g, p], 1)[0]
    np.testing.assert_allclose(a.mean(0), [0.5 / 3, 2 / 3], rtol=0.05)
    np.testing.assert_allclose(a.var(0), [0.5 / 9, 2 / 9], rtol=0.1)
    np.testing.assert_allclose(b.mean(0), [1, 30], rtol=0.05)
    np.testing.assert_allclose(b.var(0), [1, 30], rtol=0.05)
    beta = tf.constant(2.0)
    y = tf.random_gamma([4], 2.0, beta, seed=1)
    d, v = runs([tf.gradients(y, beta)[0], y], 1)[0]
    np.testing.assert_allclose(d, -v.sum() / 2, rtol=1e-5)


def test_crop():
    x = np.arange(60).reshape(5, 4, 3)
    found = {a.tobytes() for a in runs(tf.random_crop(x, [2, 4, 1]), 40)}
    assert found <= {x[i : i + 2, :, k : k + 1].tobytes() for i in range(4) for k in range(3)} and len(found) > 6
    assert tf.random_crop(x, [2, 4, 1]).shape.as_list() == [2, 4, 1]
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        runs(tf.random_crop(x, [6, 4, 1]))


def test_stateless():
    seed = tf.placeholder(tf.int32, [2])
    t = tf.random.stateless_normal([50, 2], seed, 1.0, 2.0)
    with tf.Session() as s:
        a, b, c = (s.run(t, {seed: pair}) for pair in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(a, b)
    assert not (a == c).any()
    np.testing.assert_allclose(a, philox.normals(philox.philox_words(key_of(1, 2), 0, 100), np.dtype("f4"))
                               .reshape(50, 2) * 2 + 1, rtol=1e-6)  # fmt: skip
    u, z, i, m = runs([
        tf.random.stateless_uniform([500], [1, 2], 5, 6), tf.random.stateless_truncated_normal([500], [1, 2]),
        tf.random.stateless_uniform([500], [1, 2], 5, 8, tf.int64),
        tf.random.stateless_multinomial([[0.0, 0.0]], 500, [1, 2]),
    ], 1)[0]  # fmt: skip
    assert u.min() >= 5 and u.max() < 6 and abs(z).max() <= 2 and set(i) == {5, 6, 7} and set(m[0]) == {0, 1}
    with pytest.raises(ValueError):
        tf.random.stateless_normal([2], [1, 2, 3])
