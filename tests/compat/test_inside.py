"""What programs import from inside TensorFlow: found by its path, and doing what TensorFlow's does."""

import subprocess
import sys

import numpy as np

import graphflow as tf
from graphflow.compat import inside
from graphflow.testing import run_on

PATHS = """
from tensorflow.python.ops import control_flow_ops, variables, rnn_cell_impl, resource_variable_ops, gen_array_ops
from tensorflow.python.ops import variable_scope, metrics_impl
from tensorflow.python.layers import utils
from tensorflow.python.ops.rnn import rnn_cell_impl as beside
from tensorflow.contrib.rnn.python.ops.core_rnn_cell import _linear
from tensorflow.python.ops.rnn_cell_impl import _linear as same, _like_rnncell
from tensorflow.python.framework import tensor_shape
from tensorflow.python.data.ops import dataset_ops
from tensorflow.python.saved_model import tag_constants
from tensorflow.python.util.all_util import remove_undocumented
from tensorflow.python.eager import context
from tensorflow.contrib.learn.python.learn.preprocessing.text import VocabularyProcessor
import tensorflow as tf
assert context.in_graph_mode() and not context.executing_eagerly() and not context.in_eager_mode()
assert VocabularyProcessor is tf.contrib.learn.preprocessing.VocabularyProcessor
assert _linear is same and beside.GRUCell is rnn_cell_impl.GRUCell is tf.nn.rnn_cell.GRUCell
assert variables.VariableV1 is tf.Variable and variables.trainable_variables is tf.trainable_variables
assert variable_scope.get_variable is tf.get_variable and variable_scope.variable is tf.Variable
assert control_flow_ops.cond is tf.cond and control_flow_ops.with_dependencies
assert metrics_impl.accuracy is tf.metrics.accuracy and gen_array_ops.reverse_sequence is tf.reverse_sequence
assert tensor_shape.unknown_shape(2).as_list() == [None, None] and tensor_shape.unknown_shape().ndims is None
assert tensor_shape.as_shape([2]).as_list() == [2]
assert dataset_ops.Dataset is tf.data.Dataset and tag_constants.SERVING == "serve"
assert utils.smart_cond(True, lambda: 1, lambda: 2) == 1 and utils.constant_value(tf.constant(3)) == 3
assert tf.contrib.slim.initializers.xavier_initializer is tf.contrib.layers.xavier_initializer
assert _like_rnncell(beside.GRUCell(2)) and not _like_rnncell(3)
assert not resource_variable_ops.is_resource_variable(tf.Variable(1.0))
remove_undocumented(__name__)
print("found")
"""


def test_paths():
    done = subprocess.run([sys.executable, "-m", "graphflow", "-c", PATHS], capture_output=True, text=True, timeout=120)
    assert done.stdout == "found\n", done.stderr


def test_shapes_as_tensors():
    with tf.Graph().as_default():
        x = tf.ones([2, 3])
        made = [inside.shape_internal(x), inside._tensor_shape_tensor_conversion_function(x.shape)]
        assert [v.tolist() for v in run_on("cpu", made)] == [[2, 3], [2, 3]]


def test_linear():
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = tf.ones([2, 3]), tf.ones([2, 1])
        z = inside._linear([x, y], 2, True, tf.ones_initializer(), tf.constant_initializer(0.5))
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(z), np.full((2, 2), 3.0))
        assert [v.op.name for v in tf.global_variables()] == ["kernel", "bias"]


def test_with_dependencies():
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(1.0)
        after = inside.with_dependencies([v.assign(5.0)], tf.constant(2.0))
        session.run(v.initializer)
        assert session.run(after) == 2.0
        assert session.run(v) == 5.0
        assert after.name == "control_dependency:0"


def test_a_class_that_is_not_there_is_no_module():
    code = "from tensorflow.contrib.layers.python.layers.layers import NoSuchClass"
    done = subprocess.run([sys.executable, "-m", "graphflow", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "NoSuchClass" in done.stderr
