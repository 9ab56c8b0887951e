"""Layers in general: names, sharing, what a layer knows of itself, layers of one's own."""

import copy

import numpy as np
import pytest

import graphflow as tf
from graphflow.layers import Layer


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def names(items):
    return [item.name for item in items]


def inputs(*shape):
    return tf.placeholder(tf.float32, shape or [None, 5])


def test_each_call_of_a_function_takes_a_new_scope():
    y = tf.layers.dense(tf.layers.dense(inputs(), 4, activation=tf.nn.relu), 3)
    assert names(tf.global_variables()) == ["dense/kernel:0", "dense/bias:0", "dense_1/kernel:0", "dense_1/bias:0"]
    assert y.name == "dense_1/BiasAdd:0" and tf.get_default_graph().get_tensor_by_name("dense/Relu:0").shape[1] == 4


def test_variables_follow_variable_scopes_and_operations_name_scopes():
    with tf.variable_scope("net"):
        a = tf.layers.dense(inputs(), 4, name="fc")
        b = tf.layers.dense(a, 4)
    with tf.variable_scope("net", reuse=True):
        c = tf.layers.dense(inputs(), 4, name="fc")
        d = tf.layers.dense(c, 4)
    with tf.name_scope("ops"):
        e = tf.layers.dense(d, 4)
    assert names([a, b, c, d, e]) == [
        "net/fc/BiasAdd:0", "net/dense/BiasAdd:0", "net_1/fc/BiasAdd:0", "net_1/dense/BiasAdd:0",
        "ops/dense/BiasAdd:0",
    ]  # fmt: skip
    assert names(tf.global_variables()) == [
        "net/fc/kernel:0", "net/fc/bias:0", "net/dense/kernel:0", "net/dense/bias:0", "dense/kernel:0", "dense/bias:0",
    ]  # fmt: skip


def test_reuse():
    tf.layers.dense(inputs(), 4, name="fc")
    assert tf.layers.dense(inputs(), 4, name="fc", reuse=True).name == "fc_1/BiasAdd:0"
    tf.layers.dense(inputs(), 4, name="new", reuse=tf.AUTO_REUSE)
    tf.layers.dense(inputs(), 4, name="new", reuse=tf.AUTO_REUSE)
    assert len(tf.global_variables()) == 4
    with pytest.raises(ValueError, match="exists already"):
        tf.layers.dense(inputs(), 4, name="fc")
    with pytest.raises(ValueError, match="no variable"):
        tf.layers.dense(inputs(), 4, name="missing", reuse=True)
    with pytest.raises(ValueError, match="no variable"):
        tf.layers.dense(inputs(), 4, reuse=True)


def test_a_layer_object_shares_its_variables_between_calls():
    layer = tf.layers.Dense(4, activation=tf.nn.relu)
    assert (layer.name, layer.built, layer.weights) == ("dense_1", False, [])
    with pytest.raises(ValueError, match="first call"):
        _ = layer.scope_name
    a, b = layer(inputs()), layer.apply(inputs())
    assert (a.name, b.name, layer.scope_name) == ("dense/Relu:0", "dense/Relu_1:0", "dense")
    assert names(layer.weights) == ["dense/kernel:0", "dense/bias:0"] == names(tf.global_variables())
    assert layer.trainable_variables == layer.trainable_weights == layer.variables == [layer.kernel, layer.bias]
    assert layer.count_params() == 24 and layer.graph is tf.get_default_graph() and layer.dtype == tf.float32
    with pytest.raises(ValueError, match="size 5 along axis -1"):
        layer(inputs(None, 6))
    with tf.Graph().as_default():
        assert tf.layers.Dense(4).name == "dense_1"


def test_layers_that_are_not_trainable():
    layer = tf.layers.Dense(4, trainable=False, name="frozen")
    layer(inputs())
    assert tf.trainable_variables() == layer.trainable_weights == []
    assert layer.non_trainable_weights == layer.weights == tf.global_variables()


def test_losses_are_collected_when_variables_are_made():
    rule = tf.contrib.layers.l2_regularizer(0.5)
    for reuse in (None, True):
        layer = tf.layers.Dense(3, kernel_regularizer=rule, name="a", _scope="a", _reuse=reuse)
        layer(inputs())
        assert len(layer.losses) == (reuse is None)
    with tf.variable_scope("s", regularizer=lambda w: None):
        tf.layers.dense(inputs(), 3)
    with tf.variable_scope("t", regularizer=rule):
        tf.layers.dense(inputs(), 3, use_bias=False)
    assert names(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == [
        "a/kernel/Regularizer/l2_regularizer:0", "t/dense/kernel/Regularizer/l2_regularizer:0",
    ]  # fmt: skip


def test_activity_is_regularized_per_example():
    layer = tf.layers.Dense(2, kernel_initializer="ones", activity_regularizer=tf.reduce_sum)
    layer(np.ones([4, 3], np.float32))
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        assert s.run(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == [6.0] == s.run(layer.losses)


def test_scope_initializers_reach_kernels_and_dtypes_follow_inputs():
    with tf.variable_scope("s", initializer=tf.ones_initializer()):
        y = tf.layers.dense(np.ones([1, 3]), 2)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        assert s.run(y).tolist() == [[3.0, 3.0]] and y.dtype == tf.float64
        assert {v.dtype.name for v in tf.global_variables()} == {"float64"}


class Scale(Layer):
    """inputs @ kernel * factor, with a counter beside."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_variable("kernel", [int(input_shape[-1]), self.units])
        self.counter = self.add_weight("counter", [], initializer=tf.zeros_initializer(), trainable=False)

    def call(self, inputs, factor=1.0):
        self.add_loss([tf.reduce_sum(self.kernel), None])
        self.add_update(tf.assign_add(self.counter, 1.0))
        return tf.matmul(inputs, self.kernel) * factor


def test_a_layer_of_ones_own():
    layer = Scale(3)
    y = layer(inputs(), factor=2.0)
    assert (y.name, layer.name, layer.built) == ("scale/mul:0", "scale_1", True)
    assert names(layer.weights) == ["scale/kernel:0", "scale/counter:0"]
    assert layer.non_trainable_variables == [layer.counter]
    assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == layer.updates
    assert tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES) == layer.losses
    assert Scale(3, name="own").apply(inputs()).name == "own/mul:0"
    with tf.variable_scope("outer"):
        Scale(2, name="own")(inputs())
    assert names(tf.global_variables())[-2:] == ["outer/own/kernel:0", "outer/own/counter:0"]
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        s.run(layer.updates)
        assert s.run(layer.counter) == 1.0
    with pytest.raises(TypeError, match="no argument 'unknown'"):
        Scale(3, unknown=1)


def test_nests_of_inputs_and_layers_that_want_their_scope():
    class Sum(Layer):
        def call(self, inputs, scope=None):
            return inputs["a"] + sum(inputs["b"]), scope.name

    y, scope = Sum()({"a": tf.ones([2]), "b": [np.ones(2, np.float32), tf.Variable([1.0, 2.0])]})
    assert scope == "sum"
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        assert s.run(y).tolist() == [3.0, 4.0]


def test_layers_follow_the_graph_of_their_inputs():
    x = inputs()
    with tf.Graph().as_default():
        y = tf.layers.dense(x, 2)
        assert tf.global_variables() == []
    assert y.graph is x.graph and len(tf.global_variables()) == 2


@pytest.mark.parametrize(
    ("spec", "shape", "fits"),
    [
        ({"ndim": 2}, [2, 3], True), ({"ndim": 2}, [2], False), ({"min_ndim": 2}, [2], False),
        ({"max_ndim": 2}, [1, 2, 3], False), ({"max_ndim": 2}, None, False), ({"axes": {-1: 3}}, [2, 3], True),
        ({"axes": {-1: 3}}, [3, 2], False), ({"axes": {1: 3}}, [2, None], True), ({"axes": {4: 3}}, [2, 3], False),
        ({"shape": [None, 3]}, [2, 3], True), ({"shape": [None, 3]}, [2, 4], False), ({"dtype": "int32"}, [2], False),
        ({}, None, True),
    ],
)  # fmt: skip
def test_input_spec(spec, shape, fits):
    class Plain(Layer):
        input_spec = None

    layer = Plain()
    layer.input_spec = tf.layers.InputSpec(**spec)
    x = tf.placeholder(tf.float32, shape)
    if fits:
        assert layer(x) is x
    else:
        with pytest.raises((ValueError, TypeError), match="layer 'plain_1'"):
            layer(x)


def test_several_inputs_need_as_many_specs():
    layer = Layer()
    layer.input_spec = [tf.layers.InputSpec(ndim=1), tf.layers.InputSpec(ndim=2)]
    layer([inputs(3), inputs(3, 4)])
    with pytest.raises(ValueError, match="takes 2 inputs, not 1"):
        layer([inputs(3)])
    assert repr(tf.layers.InputSpec(min_ndim=2, axes={-1: 5})) == "InputSpec(min_ndim=2, axes={-1: 5})"


def test_a_copy_of_a_layer_makes_variables_of_its_own():
    with tf.Graph().as_default():
        x = tf.ones([1, 2])
        cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.GRUCell(3), tf.nn.rnn_cell.BasicLSTMCell(2)])
        state = cell.zero_state(1, tf.float32)
        with tf.variable_scope("a"):
            cell(x, state)
        with tf.variable_scope("b"):
            copied = copy.deepcopy(cell)
            copied(x, state)
            cell(x, state)
        names = [v.name for v in tf.global_variables()]
        assert not set(copied.trainable_weights) & set(cell.trainable_weights)
    half = len(names) // 2
    assert [n.replace("b/", "a/") for n in names[half:]] == names[:half] and len(names) == 12
