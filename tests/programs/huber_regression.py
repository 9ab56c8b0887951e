"""Robust regression with the Huber loss, by tf.where: outliers do not bend the line."""
import numpy as np
import tensorflow as tf


def huber_loss(labels, predictions, delta=1.0):
    residual = tf.abs(predictions - labels)
    small_res = 0.5 * tf.square(residual)
    large_res = delta * residual - 0.5 * tf.square(delta)
    return tf.where(residual < delta, small_res, large_res)


rng = np.random.RandomState(1)
data = np.linspace(0, 5, 60)
target = 2 * data + 1 + 0.1 * rng.randn(60)
target[::12] += 40

X = tf.placeholder(tf.float32, name="X")
Y = tf.placeholder(tf.float32, name="Y")
fits = {}
for kind in ("huber", "square"):
    with tf.variable_scope(kind):
        w = tf.get_variable("weights", initializer=tf.constant(0.0))
        u = tf.get_variable("bias", initializer=tf.constant(0.0))
    predicted = X * w + u
    loss = tf.reduce_mean(huber_loss(Y, predicted) if kind == "huber" else tf.square(Y - predicted, name="loss"))
    fits[kind] = (tf.train.AdamOptimizer(0.1).minimize(loss), w, u)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(250):
        sess.run([op for op, _, _ in fits.values()], feed_dict={X: data, Y: target})
    values = {kind: sess.run([w, u]) for kind, (_, w, u) in fits.items()}
print(values)
assert np.allclose(values["huber"], [2, 1], atol=0.35)
assert abs(values["square"][1] - 1) > abs(values["huber"][1] - 1)
