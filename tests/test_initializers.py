"""Initializers: distributions, fans, dtypes, configurations, errors."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.initializers import fans

CASES = {
    "zeros": tf.zeros_initializer(),
    "ones": tf.ones_initializer(),
    "constant": tf.constant_initializer([1, 2, 3]),
    "random_uniform": tf.random_uniform_initializer(-2.0, 3.0, seed=1),
    "random_normal": tf.random_normal_initializer(1.0, 2.0, seed=1),
    "truncated_normal": tf.truncated_normal_initializer(1.0, 2.0, seed=1),
    "unit_scaling": tf.uniform_unit_scaling_initializer(2.0, seed=1),
    "variance_scaling": tf.variance_scaling_initializer(2.0, "fan_out", "uniform", seed=1),
    "glorot_uniform": tf.glorot_uniform_initializer(seed=1),
    "glorot_normal": tf.glorot_normal_initializer(seed=1),
    "orthogonal": tf.orthogonal_initializer(2.0, seed=1),
    "identity": tf.initializers.identity(3.0),
    "he_normal": tf.initializers.he_normal(1),
    "he_uniform": tf.initializers.he_uniform(1),
    "lecun_normal": tf.initializers.lecun_normal(1),
    "lecun_uniform": tf.initializers.lecun_uniform(1),
    "xavier": tf.contrib.layers.xavier_initializer(seed=1),
    "xavier_normal": tf.contrib.layers.xavier_initializer(uniform=False, seed=1),
    "contrib_scaling": tf.contrib.layers.variance_scaling_initializer(seed=1),
}


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def values(initializer, shape, dtype=None, backend="reference"):
    t = initializer(shape, dtype=dtype)
    assert t.shape.as_list() == list(shape)
    with tf.Session(backend=backend) as s:
        return s.run(t)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [None, tf.float64])
def test_shape_dtype_and_seed(name, dtype):
    a, b = (values(CASES[name], [7, 5], dtype) for _ in range(2))
    assert a.shape == (7, 5) and a.dtype == (dtype or tf.float32)
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "std", "bound"),
    [
        ("random_uniform", 5 / 12**0.5, None),
        ("random_normal", 2, None),
        ("truncated_normal", 2 * 0.87962566, None),
        ("unit_scaling", 2 / 300**0.5, 2 * (3 / 300) ** 0.5),
        ("variance_scaling", (2 / 120) ** 0.5, (6 / 120) ** 0.5),
        ("glorot_uniform", (2 / 420) ** 0.5, (6 / 420) ** 0.5),
        ("glorot_normal", (2 / 420) ** 0.5, 2 * (2 / 420) ** 0.5 / 0.87962566),
        ("he_normal", (2 / 300) ** 0.5, 2 * (2 / 300) ** 0.5 / 0.87962566),
        ("he_uniform", (2 / 300) ** 0.5, (6 / 300) ** 0.5),
        ("lecun_normal", (1 / 300) ** 0.5, 2 * (1 / 300) ** 0.5 / 0.87962566),
        ("lecun_uniform", (1 / 300) ** 0.5, (3 / 300) ** 0.5),
        ("xavier", (2 / 420) ** 0.5, (6 / 420) ** 0.5),
        ("xavier_normal", (2 / 420) ** 0.5, 2 * (1.3 * 2 / 420) ** 0.5),
        ("contrib_scaling", (2 / 300) ** 0.5, 2 * (1.3 * 2 / 300) ** 0.5),
    ],
)
def test_spread(name, std, bound):
    a = values(CASES[name], [300, 120])
    assert abs(a.std() / std - 1) < 0.02
    assert bound is None or 0.99 * bound < abs(a).max() <= bound * 1.00001


def test_fans_count_the_window():
    assert [fans(s) for s in [(), (5,), (2, 3), (4, 2, 3), (5, 5, 2, 3)]] == [
        (1, 1), (5, 5), (2, 3), (8, 12), (50, 75),
    ]  # fmt: skip
    a = values(tf.variance_scaling_initializer(distribution="untruncated_normal"), [5, 5, 20, 30])
    assert abs(a.std() * 500**0.5 - 1) < 0.03


def test_constants():
    assert values(CASES["constant"], [2, 2]).tolist() == [[1, 2], [3, 3]]
    assert values(tf.constant_initializer(7), [2], tf.int64).tolist() == [7, 7]
    big = tf.constant_initializer(0.5)([100, 100])
    assert big.op.type == "Fill" and big.shape.as_list() == [100, 100]
    with pytest.raises(ValueError):
        tf.constant_initializer([1, 2, 3])([2])
    with pytest.raises(TypeError):
        tf.constant_initializer([1, 2, 3], verify_shape=True)([4])
    with pytest.raises(TypeError):
        tf.constant_initializer(object())
    assert values(tf.zeros_initializer(), [2], tf.bool).tolist() == [False, False]


@pytest.mark.parametrize(("shape", "rows"), [([6, 4], False), ([4, 6], True), ([3, 2, 4], False), ([5, 5], True)])
def test_orthogonal(shape, rows):
    a = values(tf.orthogonal_initializer(2.0), shape, tf.float64).reshape(-1, shape[-1])
    product = a @ a.T if rows else a.T @ a
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_identity():
    assert values(CASES["identity"], [2, 3]).tolist() == [[3, 0, 0], [0, 3, 0]]
    for initializer, shape in [(CASES["identity"], [2]), (CASES["orthogonal"], [2]), (CASES["he_normal"], [None, 2])]:
        with pytest.raises(ValueError):
            initializer(shape)


@pytest.mark.parametrize("name", [n for n, i in CASES.items() if hasattr(i, "get_config")])
def test_configurations(name):
    initializer = CASES[name]
    config = initializer.get_config()
    assert config.get("dtype", "float32") == "float32"
    copy = type(initializer).from_config(config)
    assert copy.get_config() == config
    np.testing.assert_array_equal(values(copy, [4, 4]), values(initializer, [4, 4]))


def test_arguments_are_checked():
    for arguments in [(0.0,), (1.0, "fan"), (1.0, "fan_in", "cauchy")]:
        with pytest.raises(ValueError):
            tf.variance_scaling_initializer(*arguments)
    with pytest.raises(ValueError):
        tf.contrib.layers.variance_scaling_initializer(mode="fan_in")
    with pytest.raises(TypeError):
        tf.contrib.layers.xavier_initializer(dtype=tf.int32)


def test_running_an_initializer_again_draws_anew():
    v = tf.get_variable("v", [100], initializer=tf.random_normal_initializer())
    with tf.Session() as s:
        first, second = [(s.run(v.initializer), s.run(v))[1] for _ in range(2)]
    assert not (first == second).any()
