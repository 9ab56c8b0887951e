"""Modules inside TensorFlow that programs import from."""
import numpy as np
import tensorflow as tf
from tensorflow.contrib.layers import xavier_initializer
from tensorflow.contrib.learn.python.learn.datasets.mnist import DataSet
from tensorflow.examples.tutorials.mnist import input_data
from tensorflow.python.client import device_lib
from tensorflow.python.framework import dtypes, ops, tensor_shape
from tensorflow.python.framework.ops import reset_default_graph
from tensorflow.python.ops import array_ops, control_flow_ops, math_ops, nn_ops, variable_scope as vs
from tensorflow.python.platform import app, flags, tf_logging as logging
from tensorflow.python.training import moving_averages
from tensorflow.python.util import nest

assert ops.convert_to_tensor is tf.convert_to_tensor and ops.GraphKeys is tf.GraphKeys
assert dtypes.float32 is tf.float32 and tensor_shape.TensorShape is tf.TensorShape
assert array_ops.concat is tf.concat and math_ops.matmul is tf.matmul and control_flow_ops.group is tf.group
assert nn_ops.relu is tf.nn.relu and nn_ops.softmax is tf.nn.softmax and vs.get_variable is tf.get_variable
assert app.run is tf.app.run and flags.FLAGS is tf.app.flags.FLAGS is tf.flags.FLAGS and logging.info is tf.logging.info
assert xavier_initializer is tf.contrib.layers.xavier_initializer and DataSet is input_data.DataSet
assert nest.flatten({"b": [1, (2,)], "a": 0}) == [0, 1, 2]
assert nest.map_structure(lambda p, q: p + q, (1, [2]), (10, [20])) == (11, [22])
assert [d.device_type for d in device_lib.list_local_devices()] == ["CPU"]
reset_default_graph()
with ops.name_scope("scope") as scope:
    v = tf.Variable(1.0)
    update = moving_averages.assign_moving_average(v, 3.0, 0.5, zero_debias=False)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(scope, sess.run(update))
    assert sess.run(v) == 2.0
images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)
data = DataSet(images, np.arange(3), dtype=dtypes.uint8, reshape=True)
assert data.next_batch(3, shuffle=False)[0].tolist() == images.reshape(3, 4).tolist()
