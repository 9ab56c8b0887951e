"""What a new batch size costs: another plan, and no kernel."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends import kernel_counts
from graphflow.testing import count_calls


def kernels():
    """How many this process has, compiled here or on the disk."""
    return sum(kernel_counts().values())


@pytest.fixture(scope="module")
def net():
    """(run one training step, run the test) by batch size, of a small convolutional net."""
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, [None, 8, 8, 1]), tf.placeholder(tf.float32, [None, 10])
        w = [tf.Variable(tf.truncated_normal(s, stddev=0.1, seed=1)) for s in ([3, 3, 1, 4], [3, 3, 4, 8], [128, 10])]
        b = [tf.Variable(tf.ones([n]) / 10) for n in (4, 8, 10)]
        h = tf.nn.relu(tf.nn.conv2d(x, w[0], [1, 1, 1, 1], "SAME") + b[0])
        h = tf.nn.relu(tf.nn.conv2d(h, w[1], [1, 2, 2, 1], "SAME") + b[1])
        z = tf.matmul(tf.reshape(h, [-1, 128]), w[2]) + b[2]
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=z, labels=y)) * 100.0
        right = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(z, 1), tf.argmax(y, 1)), tf.float32))
        step = tf.train.AdamOptimizer(0.003).minimize(loss)
        session = tf.Session(backend="cpu")
        session.run(tf.global_variables_initializer())

    def run(fetches):
        def call(n):
            labels = np.eye(10, dtype=np.float32)[np.arange(n) % 10]
            return session.run(fetches, {x: np.ones((n, 8, 8, 1), np.float32), y: labels})

        return call

    yield run(step), run([right, loss])
    session.close()


def test_a_new_batch_size_compiles_nothing(net):
    train, test = net
    train(100)
    trained = kernels()
    train(60)
    assert kernels() == trained
    test(10_000)
    tested = kernels()
    assert tested - trained < 10  # most kernels of the forward pass are those of training
    for n in (100, 64, 37):  # 100 and 64 are numbers that arithmetic would simplify
        train(n)
        test(n)
    assert kernels() == tested


def test_a_new_batch_size_costs_a_plan_and_the_next_run_of_it_none(net):
    train, _ = net
    train(50)
    planned = count_calls(lambda: train(51))
    warm = count_calls(lambda: train(51))
    assert warm < 60 < planned


def test_batch_sizes_go_to_and_fro(net):
    """The plan that ran last is remembered by the shapes of its feeds."""
    _, test = net
    first = {n: test(n) for n in (3, 4, 5)}
    for n in (5, 3, 4, 4, 3):
        assert test(n) == first[n]
