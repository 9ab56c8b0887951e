"""Every update rule against its formula in float64, dense and sparse, on every backend."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import BACKENDS

STEPS = 4
START = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]])
GRADS = [np.sin(np.arange(6).reshape(3, 2) * (k + 1.3)) for k in range(STEPS)]
INDICES = np.array([2, 0, 2])


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def descent(v, s, g, t):
    return v - 0.1 * g


def momentum(v, s, g, t):
    s["a"] = 0.9 * s.get("a", 0) + g
    return v - 0.1 * s["a"]


def nesterov(v, s, g, t):
    s["a"] = 0.9 * s.get("a", 0) + g
    return v - 0.1 * (g + 0.9 * s["a"])


def adam(v, s, g, t):
    s["m"] = 0.8 * s.get("m", 0) + 0.2 * g
    s["v"] = 0.95 * s.get("v", 0) + 0.05 * g**2
    return v - 0.1 * np.sqrt(1 - 0.95**t) / (1 - 0.8**t) * s["m"] / (np.sqrt(s["v"]) + 1e-3)


def adagrad(v, s, g, t):
    s["a"] = s.get("a", 0.1) + g**2
    return v - 0.1 * g / np.sqrt(s["a"])


def adadelta(v, s, g, t):
    s["a"] = 0.9 * s.get("a", 0) + 0.1 * g**2
    d = g * np.sqrt(s.get("u", 0) + 1e-3) / np.sqrt(s["a"] + 1e-3)
    s["u"] = 0.9 * s.get("u", 0) + 0.1 * d**2
    return v - 0.5 * d


def rmsprop(v, s, g, t):
    s["s"] = 0.8 * s.get("s", 1) + 0.2 * g**2
    s["p"] = 0.5 * s.get("p", 0) + 0.1 * g / np.sqrt(s["s"] + 1e-3)
    return v - s["p"]


def centered(v, s, g, t):
    s["s"] = 0.8 * s.get("s", 1) + 0.2 * g**2
    s["m"] = 0.8 * s.get("m", 0) + 0.2 * g
    s["p"] = 0.5 * s.get("p", 0) + 0.1 * g / np.sqrt(s["s"] - s["m"] ** 2 + 1e-3)
    return v - s["p"]


def ftrl(v, s, g, t):
    a = s.get("a", 0.1)
    s["a"] = a + g**2
    s["l"] = s.get("l", 0) + g + 2 * 0.01 * v - (s["a"] ** 0.6 - a**0.6) / 0.2 * v
    solved = (np.sign(s["l"]) * 0.3 - s["l"]) / (s["a"] ** 0.6 / 0.2 + 2 * 0.1)
    return np.where(abs(s["l"]) > 0.3, solved, 0)


def shrunk(x, by):
    return np.sign(x) * np.maximum(abs(x) - by, 0)


def proximal_descent(v, s, g, t):
    return shrunk(v - 0.1 * g, 0.1 * 0.5) / (1 + 0.1 * 0.2)


def proximal_adagrad(v, s, g, t):
    s["a"] = s.get("a", 0.1) + g**2
    rate = 0.1 / np.sqrt(s["a"])
    return shrunk(v - rate * g, rate * 0.5) / (1 + rate * 0.2)


def dual_averaging(v, s, g, t):
    s["g"], s["a"] = s.get("g", 0) + g, s.get("a", 0.1) + g**2
    return -0.1 * shrunk(s["g"], 0.05 * t) / (0.2 * t * 0.1 + np.sqrt(s["a"]))


def da_optimizer():
    return tf.train.AdagradDAOptimizer(0.1, tf.train.get_or_create_global_step(), 0.1, 0.05, 0.2)


RULES = {
    "descent": (lambda: tf.train.GradientDescentOptimizer(0.1), descent),
    "momentum": (lambda: tf.train.MomentumOptimizer(0.1, 0.9), momentum),
    "nesterov": (lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True), nesterov),
    "adam": (lambda: tf.train.AdamOptimizer(0.1, 0.8, 0.95, 1e-3), adam),
    "adagrad": (lambda: tf.train.AdagradOptimizer(0.1), adagrad),
    "adadelta": (lambda: tf.train.AdadeltaOptimizer(0.5, 0.9, 1e-3), adadelta),
    "rmsprop": (lambda: tf.train.RMSPropOptimizer(0.1, 0.8, 0.5, 1e-3), rmsprop),
    "centered": (lambda: tf.train.RMSPropOptimizer(0.1, 0.8, 0.5, 1e-3, centered=True), centered),
    "ftrl": (lambda: tf.train.FtrlOptimizer(0.2, -0.6, 0.1, 0.3, 0.1, l2_shrinkage_regularization_strength=0.01), ftrl),
    "proximal_descent": (lambda: tf.train.ProximalGradientDescentOptimizer(0.1, 0.5, 0.2), proximal_descent),
    "proximal_adagrad": (lambda: tf.train.ProximalAdagradOptimizer(0.1, 0.1, 0.5, 0.2), proximal_adagrad),
    "dual_averaging": (da_optimizer, dual_averaging),
}


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)  # hyperparameters are float32, as in TensorFlow


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("static", [True, False])
def test_dense(name, backend, static):
    make, formula = RULES[name]
    v = tf.Variable(START, name="v")
    g = tf.placeholder(tf.float64, START.shape if static else None)
    train = make().apply_gradients([(g, v)], tf.train.get_or_create_global_step())
    with tf.Session(backend=backend) as s:
        s.run(tf.global_variables_initializer())
        want, slots = START, {}
        for t, grad in enumerate(GRADS, 1):
            s.run(train, {g: grad})
            want = formula(want, slots, grad, t)
            close(s.run(v), want)
        if static:
            return
        with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
            s.run(train, {g: np.ones((2, 2))})


@pytest.mark.parametrize("name", RULES)
def test_sparse_sums_repeated_rows_and_leaves_the_others(name):
    make, formula = RULES[name]
    v = tf.Variable(START, name="v")
    g, indices = tf.placeholder(tf.float64, [None, 2]), tf.placeholder(tf.int64, [None])
    train = make().apply_gradients([(tf.IndexedSlices(g, indices), v)], tf.train.get_or_create_global_step())
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        want, slots = START, {}
        for t, rows in enumerate(GRADS, 1):
            s.run(train, {g: rows, indices: INDICES})
            dense = np.zeros_like(START)
            np.add.at(dense, INDICES, rows)
            new = formula(want, slots, dense, t)
            want = new if name == "adam" else np.where(np.isin(np.arange(3), INDICES)[:, None], new, want)
            close(s.run(v), want)
        s.run(train, {g: np.zeros((0, 2)), indices: []})
        with pytest.raises(tf.errors.InvalidArgumentError):
            s.run(train, {g: np.ones((1, 2)), indices: [3]})
        with pytest.raises(tf.errors.InvalidArgumentError):
            s.run(train, {g: np.ones((2, 2)), indices: [1]})


@pytest.mark.parametrize("dtype", [tf.float16, tf.float32])
@pytest.mark.parametrize("name", RULES)
def test_other_dtypes(name, dtype):
    v = tf.Variable(tf.constant([1.0, -1.0], dtype))
    loss = tf.reduce_sum(v * v)
    train = RULES[name][0]().minimize(loss, tf.train.get_or_create_global_step())
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        before, _ = s.run([loss, train])
        assert s.run(loss) < before and s.run(v).dtype == dtype


def test_static_shapes_are_checked():
    v = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="not compatible"):
        tf.train.MomentumOptimizer(0.1, 0.9).apply_gradients([(tf.zeros([3]), v)])
    with pytest.raises(ValueError, match="rank 0"):
        tf.train.GradientDescentOptimizer(tf.constant([0.1])).apply_gradients([(tf.zeros([2]), v)])


@pytest.mark.parametrize(
    "make",
    [
        lambda: tf.train.AdagradOptimizer(0.1, 0.0),
        lambda: tf.train.ProximalAdagradOptimizer(0.1, 0.0),
        lambda: tf.train.AdagradDAOptimizer(0.1, None, 0.0),
        lambda: tf.train.FtrlOptimizer(0.1, learning_rate_power=0.5),
        lambda: tf.train.FtrlOptimizer(0.1, initial_accumulator_value=-1.0),
        lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=-1.0),
        lambda: tf.train.GradientDescentOptimizer(0.1, name=""),
    ],
)
def test_arguments_are_checked(make):
    with pytest.raises(ValueError):
        make()
