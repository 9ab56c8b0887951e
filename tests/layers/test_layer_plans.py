"""Layers add nothing to a run: the plan is that of the same network written by hand; building takes a step a layer."""

import re

import numpy as np

import graphflow as tf

IMAGES = np.zeros((2, 8, 8, 1), np.float32)


def by_layers(x):
    h = tf.layers.conv2d(x, 4, 3, activation=tf.nn.relu)
    h = tf.layers.max_pooling2d(h, 2, 2)
    h = tf.layers.flatten(h)
    h = tf.layers.dense(h, 10, activation=tf.nn.relu)
    h = tf.layers.dropout(h, 0.4, training=False)
    return tf.layers.dense(h, 3)


def by_hand(x):
    with tf.name_scope("net"):
        w, b = tf.get_variable("w", [3, 3, 1, 4]), tf.get_variable("b", [4])
        h = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w, [1, 1, 1, 1], "VALID"), b))
        h = tf.reshape(tf.nn.max_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], "VALID"), [-1, 36])
        w, b = tf.get_variable("w1", [36, 10]), tf.get_variable("b1", [10])
        h = tf.nn.relu(tf.nn.bias_add(tf.matmul(h, w), b))
        w, b = tf.get_variable("w2", [10, 3]), tf.get_variable("b2", [3])
        return tf.nn.bias_add(tf.matmul(h, w), b)


def plan(network, train):
    """The plan without the names of operations, and without the numbers of variables."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 8, 8, 1], name="x")
        y = network(x)
        if train:
            loss = tf.reduce_mean(tf.square(y), name="loss")
            y = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        text = tf.explain(y, {x: IMAGES})
        text = text[text.index("plan ") :]
        for name in sorted((op.name for op in graph.get_operations()), key=len, reverse=True):
            if "/" in name:
                text = text.replace(name, "_")
        return re.sub(r"(state|write)\[\d+\]", r"\1", text)


def test_the_plan_is_that_of_the_network_by_hand():
    for train in (False, True):
        assert plan(by_layers, train) == plan(by_hand, train)
        assert "Conv2D" in plan(by_layers, train)


def test_the_number_of_operations_grows_with_the_number_of_layers():
    def operations(layers):
        with tf.Graph().as_default() as graph:
            h = tf.placeholder(tf.float32, [None, 4])
            for _ in range(layers):
                h = tf.layers.dense(h, 4)
            return graph.version

    assert operations(30) - operations(20) == operations(20) - operations(10)
