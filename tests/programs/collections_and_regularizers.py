"""Losses and summaries of one's own in collections; regularizers of get_variable; scopes as filters."""
import numpy as np
import tensorflow as tf


def l2(scale):
    return lambda w: tf.multiply(tf.nn.l2_loss(w), scale, name="penalty")


def dense(x, units, name):
    with tf.variable_scope(name, regularizer=l2(0.1)):
        w = tf.get_variable("w", [x.get_shape()[1].value, units], initializer=tf.ones_initializer())
        b = tf.get_variable("b", [units], initializer=tf.zeros_initializer(), regularizer=tf.no_regularizer)
        tf.add_to_collection("layers", tf.matmul(x, w) + b)
        return tf.get_collection("layers")[-1]


x = tf.placeholder(tf.float32, [None, 3])
y = dense(dense(x, 2, "first"), 1, "second")
data_loss = tf.reduce_mean(tf.square(y))
tf.add_to_collection("losses", data_loss)
penalties = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
total = tf.add_n(tf.get_collection("losses") + penalties)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    parts = sess.run([data_loss] + penalties + [total], {x: np.ones((4, 3))})
    print(parts)
    assert np.allclose(parts, [36, 0.3, 0.1, 36.4])
names = [v.name for v in tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="second")]
assert names == ["second/w:0", "second/b:0"]
assert tf.get_collection("layers", scope="first") == tf.get_collection("layers")[:1]
assert [v.op.name for v in tf.global_variables(scope="first/")] == ["first/w", "first/b"]
assert "layers" in tf.get_default_graph().get_all_collection_keys()
tf.get_collection_ref("layers").append(1)
assert tf.get_collection("layers")[-1] == 1
