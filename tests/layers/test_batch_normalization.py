"""tf.layers.batch_normalization: values, gradients, moving averages, updates."""

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(1.0, 2.0, size=shape).astype(np.float32)


def updates():
    return tf.get_collection(tf.GraphKeys.UPDATE_OPS)


def normalized(x, mean, variance, epsilon=1e-3):
    return (x - mean) / np.sqrt(variance + epsilon)


@pytest.mark.parametrize(
    ("shape", "arguments", "over", "sample"),
    [
        ((5, 3), {}, (0,), False),
        ((4, 5, 3), {}, (0, 1), False),
        ((2, 3, 4, 3), {}, (0, 1, 2), True),
        ((2, 3, 4, 3), {"fused": False}, (0, 1, 2), False),
        ((2, 3, 4, 3), {"axis": 1}, (0, 2, 3), True),
        ((2, 3, 4, 3), {"axis": 2}, (0, 1, 3), False),
        ((2, 2, 3, 2, 3), {}, (0, 1, 2, 3), True),
        ((4, 5, 3), {"axis": [1, 2]}, (0,), False),
        ((1, 1, 1, 3), {}, (0, 1, 2), True),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_training(shape, arguments, over, sample, known):
    value = numbers(*shape)
    x = tf.placeholder(tf.float32, shape if known else [None, *shape[1:]])
    layer = tf.layers.BatchNormalization(momentum=0.8, **arguments)
    y = layer(x, training=True)
    assert y.shape.as_list() == x.shape.as_list() and layer.updates == updates() and len(updates()) == 2
    mean, variance = value.mean(over, keepdims=True), value.var(over, keepdims=True)
    n = value.size // mean.size
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        np.testing.assert_allclose(s.run(y, {x: value}), normalized(value, mean, variance), rtol=1e-3, atol=1e-4)
        assert not s.run(layer.moving_mean).any()  # nothing changes before the updates run
        s.run(updates(), {x: value})
        size = layer.moving_mean.shape.as_list()
        kept = variance * (n / max(n - 1, 1) if sample else 1)
        np.testing.assert_allclose(s.run(layer.moving_mean), 0.2 * mean.reshape(size), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(s.run(layer.moving_variance), 0.8 + 0.2 * kept.reshape(size), rtol=1e-4)


def test_inference_uses_the_moving_averages():
    x = tf.constant(numbers(4, 3))
    y = tf.layers.batch_normalization(x)
    gamma, beta, mean, variance = tf.global_variables()
    assert [v.name for v in tf.global_variables()] == [
        f"batch_normalization/{n}:0" for n in ("gamma", "beta", "moving_mean", "moving_variance")
    ]
    assert tf.trainable_variables() == [gamma, beta] and updates() == []
    feed = {gamma: [1, 2, 3], beta: [4, 5, 6], mean: [0.5, 1, 1.5], variance: [1, 2, 4]}
    with tf.Session() as s:
        want = normalized(numbers(4, 3), np.array([0.5, 1, 1.5]), np.array([1, 2, 4])) * [1, 2, 3] + [4, 5, 6]
        np.testing.assert_allclose(s.run(y, feed), want, rtol=1e-4)


def test_a_tensor_decides_when_it_is_run():
    x, training = tf.placeholder(tf.float32, [None, 2, 3, 3]), tf.placeholder_with_default(False, [])
    y = tf.layers.batch_normalization(x, momentum=0.9, training=training)
    assert len(updates()) == 2
    mean, variance = tf.global_variables()[2:]
    value = numbers(2, 2, 3, 3)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        np.testing.assert_allclose(s.run(y, {x: value}), value / np.sqrt(1.001), rtol=1e-5)
        s.run(updates(), {x: value})
        assert not s.run(mean).any() and (s.run(variance) == 1).all()
        over = (0, 1, 2)
        want = normalized(value, value.mean(over), value.var(over))
        np.testing.assert_allclose(s.run(y, {x: value, training: True}), want, rtol=1e-3, atol=1e-4)
        s.run(updates(), {x: value, training: True})
        np.testing.assert_allclose(s.run(mean), 0.1 * value.mean(over), rtol=1e-4)


def test_gradients_flow_through_the_statistics():
    value, weights = numbers(5, 2), numbers(5, 2)[::-1].astype(np.float64)
    x = tf.constant(value, tf.float64)
    y = tf.layers.batch_normalization(x, training=True)
    slope = tf.gradients(tf.reduce_sum(y * weights), x)[0]

    def loss(v):
        return (normalized(v, v.mean(0), v.var(0)) * weights).sum()

    wide = value.astype(np.float64)
    want = np.zeros_like(wide)
    for at in np.ndindex(wide.shape):
        step = np.zeros_like(wide)
        step[at] = 1e-5
        want[at] = (loss(wide + step) - loss(wide - step)) / 2e-5
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        np.testing.assert_allclose(s.run(slope), want, rtol=1e-4, atol=1e-7)


def test_the_training_step_updates_the_averages_once():
    x = tf.constant(numbers(6, 3))
    loss = tf.reduce_sum(tf.square(tf.layers.batch_normalization(x, training=True, momentum=0.5)))
    with tf.control_dependencies(updates()):
        train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    mean = tf.global_variables()[2]
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        s.run(train)
        np.testing.assert_allclose(s.run(mean), 0.5 * numbers(6, 3).mean(0), rtol=1e-4)


def test_float16_keeps_its_parameters_in_float32():
    y = tf.layers.batch_normalization(numbers(2, 3, 4, 3).astype(np.float16), training=True)
    assert y.dtype == tf.float16 and {v.dtype.name for v in tf.global_variables()} == {"float32"}
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        assert abs(s.run(y).mean()) < 1e-2


def test_without_center_and_scale_and_reused():
    for reuse in (None, True):
        tf.layers.batch_normalization(tf.ones([2, 3]), center=False, scale=False, training=True, name="b", reuse=reuse)
    assert [v.name for v in tf.global_variables()] == ["b/moving_mean:0", "b/moving_variance:0"]
    assert len(updates()) == 4 and tf.trainable_variables() == []


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [([2, 3], {"axis": 2}), ([2, 3], {"axis": -3}), ([2, None], {}), (None, {}), ([2, 3], {"axis": [1, 1]})],
)
def test_what_it_refuses(shape, arguments):
    with pytest.raises(ValueError, match=r"axis|rank"):
        tf.layers.batch_normalization(tf.placeholder(tf.float32, shape), **arguments)
    with pytest.raises(NotImplementedError):
        tf.layers.batch_normalization(tf.ones([2, 3]), renorm=True)


def test_a_flag_of_unknown_shape_keeps_the_shape():
    x, flag = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.bool)
    y = tf.layers.batch_normalization(x, training=flag)
    z = tf.contrib.layers.batch_norm(x, is_training=flag)
    assert y.shape.as_list() == z.shape.as_list() == [None, 3] and tf.layers.dense(y, 2).shape.as_list() == [None, 2]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for learning, mean in ((True, 0.0), (False, 1.0)):
            for value in session.run([y, z], {x: [[0, 0, 0], [2, 2, 2]], flag: learning}):
                assert np.allclose(value.mean(), mean, atol=1e-3)
