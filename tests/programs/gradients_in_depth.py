"""Gradients: of several, of gradients, stopped, to intermediate tensors, with one's own rule."""
import numpy as np
import tensorflow as tf

x = tf.Variable(2.0)
y = 2.0 * x**3
z = 3.0 + y**2
grad_z = tf.gradients(z, [x, y])
with tf.Session() as sess:
    sess.run(x.initializer)
    print(sess.run(grad_z))
    assert np.allclose(sess.run(grad_z), [768.0, 32.0])

a = tf.constant(3.0)
cube = a**3
first = tf.gradients(cube, a)[0]
second = tf.gradients(first, a)[0]
third = tf.gradients(second, a)[0]
stopped = tf.gradients(tf.stop_gradient(cube) * a, a)[0]
nothing = tf.gradients(tf.cast(tf.cast(a, tf.int32), tf.float32), a)[0]
weighted = tf.gradients([cube, 2 * a], [a], grad_ys=[tf.constant(10.0), tf.constant(1.0)])[0]
held = tf.gradients(cube + cube, [a], stop_gradients=[cube])
assert nothing is None and held == [None]
with tf.Session() as sess:
    assert np.allclose(sess.run([first, second, third, stopped, weighted]), [27, 18, 6, 27, 272])


@tf.RegisterGradient("CappedSquare")
def _capped(op, grad):
    return tf.clip_by_value(2 * op.inputs[0] * grad, -1, 1)


v = tf.constant([0.1, 5.0, -5.0])
with tf.get_default_graph().gradient_override_map({"Square": "CappedSquare"}):
    capped = tf.square(v)
plain = tf.square(v)


@tf.custom_gradient
def clip_gradient(t):
    return tf.identity(t), lambda dy: tf.clip_by_norm(dy, 1.0)


clipped = tf.gradients(tf.reduce_sum(clip_gradient(v) * 100), v)[0]
with tf.Session() as sess:
    values = sess.run([tf.gradients(capped, v)[0], tf.gradients(plain, v)[0], clipped])
    print(values)
    assert np.allclose(values[0], [0.2, 1, -1]) and np.allclose(values[1], [0.2, 10, -10])
    assert np.isclose(np.linalg.norm(values[2]), 1)

embedding = tf.Variable(tf.zeros([5, 2]))
(sparse,) = tf.gradients(tf.reduce_sum(tf.gather(embedding, [1, 1, 3])), [embedding])
assert isinstance(sparse, tf.IndexedSlices)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    value = sess.run(sparse)
    assert value.indices.tolist() == [1, 1, 3] and value.values.shape == (3, 2)
    assert sess.run(tf.convert_to_tensor(sparse))[:, 0].tolist() == [0, 2, 0, 1, 0]
