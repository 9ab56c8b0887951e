"""Layers of tf.contrib.layers over volumes."""

import numpy as np


def _volume(tf):
    return tf.constant(np.random.RandomState(0).uniform(-1, 1, [2, 3, 4, 3, 2]).astype(np.float32))


def transposed(tf):
    x = _volume(tf)
    y = tf.contrib.layers.conv3d_transpose(x, 3, [2, 3, 2], stride=2, padding="SAME")
    return [y, tf.gradients(tf.reduce_sum(tf.square(y)), [x, *tf.trainable_variables()])]


def transposed_in_a_scope(tf):
    slim = tf.contrib.slim
    with slim.arg_scope([slim.conv3d_transpose], padding="VALID", activation_fn=None, biases_initializer=None):
        y = slim.conv3d_transpose(_volume(tf), 1, 2, scope="up")
    return [y, tf.shape(slim.max_pool3d(y, 2))]
