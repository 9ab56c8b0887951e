"""Gradients computed, clipped and applied by hand; compute_gradients, clip_by_global_norm, apply_gradients."""
import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 3])
with tf.variable_scope("net", initializer=tf.random_normal_initializer(stddev=2.0, seed=5)):
    w = tf.get_variable("w", [3, 2])
    b = tf.get_variable("b", [2], initializer=tf.constant_initializer(0.1))
cost = tf.reduce_sum(tf.exp(tf.matmul(x, w) + b))
unused = tf.get_variable("unused", [1], trainable=True)

tvars = tf.trainable_variables()
grads = tf.gradients(cost, tvars)
assert grads[2] is None
clipped, norm = tf.clip_by_global_norm(grads, 1.0)
optimizer = tf.train.GradientDescentOptimizer(0.1)
train_op = optimizer.apply_gradients(zip(clipped, tvars))

pairs = optimizer.compute_gradients(cost, [w, b])
capped = [(tf.clip_by_value(g, -1.0, 1.0), v) for g, v in pairs if g is not None]
capped_op = optimizer.apply_gradients(capped)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    feed = {x: np.ones((4, 3), np.float32)}
    values, total = sess.run([clipped[:2], norm], feed)
    print("norm before", total, "after", np.sqrt(sum(np.sum(v**2) for v in values)))
    assert np.isclose(np.sqrt(sum(np.sum(v**2) for v in values)), min(total, 1.0), rtol=1e-5)
    assert np.isclose(total, sess.run(tf.global_norm(grads[:2]), feed), rtol=1e-6)
    start = sess.run(cost, feed)
    for _ in range(5):
        sess.run(train_op, feed)
        sess.run(capped_op, feed)
    assert sess.run(cost, feed) < start
    assert max(np.abs(g).max() for g, _ in sess.run(capped, feed)) <= 1.0
