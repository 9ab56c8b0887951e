"""A program for TensorFlow 2 that asks for version 1."""
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.disable_eager_execution()
assert not tf.executing_eagerly()
assert tf.__version__ == "1.15.0" and tf.VERSION.startswith("1.")
if int(tf.__version__.split(".")[0]) >= 2:
    raise SystemExit("this is version 1")

x = tf.placeholder(tf.float32, shape=(None, 2), name="x")
with tf.variable_scope("dense", reuse=tf.AUTO_REUSE):
    w = tf.get_variable("w", shape=(2, 1), initializer=tf.initializers.ones(), dtype=tf.float32)
y = tf.math.reduce_sum(tf.linalg.matmul(x, w))
z = tf.math.log(tf.math.divide_no_nan(y, 2.0))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    out = sess.run([y, z], {x: np.ones((3, 2))})
    print(out)
    assert np.allclose(out, [6, np.log(3)])

import tensorflow

assert tensorflow.compat.v1.Session is tf.Session
assert tensorflow.compat.as_str(b"abc") == "abc" and tf.compat.as_bytes("abc") == b"abc"
