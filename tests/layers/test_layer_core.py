"""Dense, Dropout and Flatten; arguments given by name."""

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def run(fetches, feed=None):
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        return s.run(fetches, feed)


@pytest.mark.parametrize("shape", [(4, 3), (2, 5, 3), (2, 1, 4, 3), (0, 3)])
def test_dense_works_on_the_last_axis(shape):
    x = tf.placeholder(tf.float32, [None, *shape[1:]])
    layer = tf.layers.Dense(2, tf.nn.tanh, bias_initializer=tf.constant_initializer([0.5, -1.0]))
    y = layer(x)
    assert y.shape.as_list() == [None, *shape[1:-1], 2]
    got, kernel = run([y, layer.kernel], {x: numbers(*shape)})
    np.testing.assert_allclose(got, np.tanh(numbers(*shape) @ kernel + [0.5, -1.0]), rtol=1e-5, atol=1e-6)


def test_dense_without_bias_and_with_unknown_axes():
    x = tf.placeholder(tf.float32, [None, None, 3])
    y = tf.layers.dense(x, 2, use_bias=False, kernel_initializer="ones")
    assert y.shape.as_list() == [None, None, 2] and y.op.type != "BiasAdd"
    np.testing.assert_allclose(run(y, {x: numbers(2, 4, 3)})[..., 0], numbers(2, 4, 3).sum(-1), rtol=1e-5)


def test_default_kernel_is_glorot_uniform():
    tf.layers.dense(tf.ones([1, 300]), 100)
    kernel, bias = run(tf.trainable_variables())
    limit = np.sqrt(6 / 400)
    assert np.abs(kernel).max() <= limit and abs(kernel.std() - limit / np.sqrt(3)) < 0.03 * limit
    assert not bias.any()


@pytest.mark.parametrize("shape", [[3, None], None, [3]])
def test_dense_needs_to_know_its_inputs(shape):
    with pytest.raises(ValueError, match="dense"):
        tf.layers.dense(tf.placeholder(tf.float32, shape), 2)


def test_dense_needs_floating_inputs():
    with pytest.raises(TypeError, match="floating"):
        tf.layers.dense(tf.zeros([2, 3], tf.int32), 2)


def test_arguments_by_name_and_as_classes():
    layer = tf.layers.Dense(
        2, "relu", kernel_initializer=tf.ones_initializer, kernel_regularizer="l2", kernel_constraint="non_neg"
    )
    y = layer(tf.constant([[1.0, 2.0], [-1.0, -2.0]]))
    assert run([y, layer.losses[0]])[0].tolist() == [[3.0, 3.0], [0.0, 0.0]]
    np.testing.assert_allclose(run(layer.losses[0]), 0.01 * 4, rtol=1e-6)
    assert layer.kernel.constraint is layer.kernel_constraint
    for wrong in ({"activation": "rleu"}, {"kernel_initializer": "one"}, {"bias_regularizer": "l3"}):
        with pytest.raises(ValueError, match="there is no"):
            tf.layers.Dense(2, **wrong)


def test_constraints_hold_after_each_step():
    tf.layers.dense(tf.ones([1, 2]), 1, kernel_initializer="ones", use_bias=False, kernel_constraint="non_neg")
    kernel = tf.trainable_variables()[0]
    train = tf.train.GradientDescentOptimizer(3.0).minimize(tf.reduce_sum(kernel))
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        s.run(train)
        assert s.run(kernel).tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("training", [True, 1, np.True_, "constant", "placeholder"])
def test_dropout_in_training(training):
    flag = tf.placeholder(tf.bool, []) if training == "placeholder" else None
    given = {"placeholder": flag, "constant": tf.constant(True)}.get(training, training)
    x = tf.ones([100, 100])
    y = tf.layers.dropout(x, rate=0.2, training=given)
    slope = tf.gradients(y, x)[0]
    kept, dy = run([y, slope], {flag: True} if flag is not None else {})
    assert sorted(set(kept.reshape(-1).tolist())) == [0.0, 1.25] and abs((kept == 0).mean() - 0.2) < 0.02
    np.testing.assert_array_equal(kept, dy)
    if flag is not None:
        assert (run(y, {flag: False}) == 1).all()


def test_dropout_is_the_identity_otherwise():
    x = tf.constant(numbers(3, 4))
    for given in ({}, {"training": False}, {"training": 0}, {"training": tf.constant(False)}):
        y = tf.layers.dropout(x, **given)
        assert y.op.type == "Identity" and y.op.inputs[0] is x
    rate = tf.placeholder(tf.float32, [])
    np.testing.assert_array_equal(run(tf.layers.dropout(x, rate, training=True), {rate: 0.0}), numbers(3, 4))
    with pytest.raises(ValueError, match="scalar"):
        tf.layers.dropout(x, training=tf.constant([True]))


def test_dropout_noise_shape():
    y = run(tf.layers.dropout(tf.ones([8, 9, 3]), 0.5, noise_shape=[8, 1, 3], training=True, seed=3))
    assert (y == y[:, :1]).all() and 0 < (y == 0).mean() < 1


@pytest.mark.parametrize(
    ("shape", "flat"),
    [
        ([None, 2, 3], [None, 6]), ([4, 2, 3], [4, 6]), ([None, None, 3], [None, None]), ([3], [3, 1]),
        ([None], [None, 1]), ([2, None], [2, None]), ([0, 3], [0, 3]), ([None, 0], [None, 0]),
        ([2, 0, 5], [2, 0]),
    ],
)  # fmt: skip
def test_flatten(shape, flat):
    x = tf.placeholder(tf.float32, shape)
    y = tf.layers.flatten(x)
    assert y.shape.as_list() == flat
    value = numbers(*[2 if d is None else d for d in shape])
    np.testing.assert_array_equal(run(y, {x: value}), value.reshape(len(value), int(np.prod(value.shape[1:]))))


def test_flatten_with_channels_first_and_scalars():
    value = numbers(2, 3, 4, 5)
    y = tf.layers.flatten(tf.constant(value), data_format="channels_first")
    np.testing.assert_array_equal(run(y), value.transpose(0, 2, 3, 1).reshape(2, 60))
    with pytest.raises(ValueError, match="scalar"):
        tf.layers.flatten(tf.constant(1.0))
