"""Batch normalization with population statistics that are updated under control dependencies."""
import numpy as np
import tensorflow as tf

epsilon = 1e-3


def batch_norm_wrapper(inputs, is_training, decay=0.9):
    scale = tf.Variable(tf.ones([inputs.get_shape()[-1]]))
    beta = tf.Variable(tf.zeros([inputs.get_shape()[-1]]))
    pop_mean = tf.Variable(tf.zeros([inputs.get_shape()[-1]]), trainable=False, name="pop_mean")
    pop_var = tf.Variable(tf.ones([inputs.get_shape()[-1]]), trainable=False, name="pop_var")
    if is_training:
        batch_mean, batch_var = tf.nn.moments(inputs, [0])
        train_mean = tf.assign(pop_mean, pop_mean * decay + batch_mean * (1 - decay))
        train_var = tf.assign(pop_var, pop_var * decay + batch_var * (1 - decay))
        with tf.control_dependencies([train_mean, train_var]):
            return tf.nn.batch_normalization(inputs, batch_mean, batch_var, beta, scale, epsilon)
    return tf.nn.batch_normalization(inputs, pop_mean, pop_var, beta, scale, epsilon)


def build(is_training):
    tf.reset_default_graph()
    x = tf.placeholder(tf.float32, [None, 3])
    y = batch_norm_wrapper(x, is_training)
    return x, y


rng = np.random.RandomState(0)
x, y = build(True)
mean, var = np.zeros(3), np.ones(3)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(40):
        data = rng.randn(64, 3) * [1, 2, 3] + [5, 0, -5]
        out = sess.run(y, {x: data})
        mean, var = 0.9 * mean + 0.1 * data.mean(0), 0.9 * var + 0.1 * data.var(0)
    assert np.allclose(out.mean(0), 0, atol=1e-4) and np.allclose(out.std(0), 1, atol=1e-2)
    statistics = [sess.run(v) for v in tf.global_variables() if "pop" in v.name]
    print(statistics)
    assert np.allclose(statistics, [mean, var], rtol=1e-3)
x, y = build(False)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for v, value in zip([v for v in tf.global_variables() if "pop" in v.name], statistics):
        v.load(value, sess)
    row = sess.run(y, {x: [[5.0, 0.0, -5.0]]})
    assert np.allclose(row, (np.array([[5, 0, -5]]) - mean) / np.sqrt(var + epsilon), atol=1e-3)
