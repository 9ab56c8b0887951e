"""FLOPs and bytes, against counts made by hand."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.cost import flops
from graphflow.ops.fused import fuse
from graphflow.ops.indexed_slices import UNSORTED_SEGMENT_SUM
from graphflow.plan import make_plan
from graphflow.program import prune, specialize


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def ones(*dims, dtype=tf.float32):
    return tf.placeholder(dtype, dims)


def cost(t):
    return flops((t[0] if isinstance(t, (list, tuple)) else t).op)


def test_elementwise_operators_comparisons_and_calls_count():
    x = ones(4, 5)
    assert cost(x + 1.0) == 20
    assert cost(tf.exp(x)) == 20
    assert cost(x < 0.0) == 20
    assert cost(-x) == 20
    assert cost(tf.squared_difference(x, 1.0)) == 60  # (x - y) * (x - y)
    assert cost(tf.logical_not(x < 0.0)) == cost(tf.zeros_like(x)) == cost(tf.cast(x, tf.int32)) == 0
    assert cost(tf.exp(ones())) == 1 and cost(tf.exp(ones(0, 3))) == 0


def test_reductions():
    x = ones(4, 5)
    assert cost(tf.reduce_sum(x, 0)) == 20
    assert cost(tf.reduce_mean(x, 0)) == 20 + 5
    assert cost(tf.reduce_mean(x)) == 20 + 1


@pytest.mark.parametrize("flip_a", [False, True])
def test_products(flip_a):
    a, b = ones(*((7, 3) if flip_a else (3, 7))), ones(7, 5)
    assert cost(tf.matmul(a, b, transpose_a=flip_a)) == 2 * 3 * 7 * 5
    a = ones(2, *((7, 3) if flip_a else (3, 7)))
    assert cost(tf.matmul(a, ones(2, 7, 5), transpose_a=flip_a)) == 2 * 2 * 3 * 7 * 5
    assert cost(tf.matmul(ones(3, 0), ones(0, 5))) == 0


def test_convolutions_and_their_gradients():
    x, w = ones(2, 8, 8, 3), ones(5, 5, 3, 4)
    y = tf.nn.conv2d(x, w, [1, 2, 2, 1], "SAME")
    dx, dw = tf.gradients(y, [x, w])
    assert cost(y) == cost(dx) == cost(dw) == 2 * (2 * 4 * 4) * (5 * 5 * 3 * 4)


def test_pools_and_their_gradients():
    x = ones(2, 8, 8, 3)
    for pool in (tf.nn.max_pool, tf.nn.avg_pool):
        y = pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "VALID")
        assert cost(y) == cost(tf.gradients(y, x)) == 3 * 3 * (2 * 3 * 3 * 3)


def test_moving_costs_nothing():
    x = ones(4, 5)
    moved = [tf.transpose(x), x[1:], tf.concat([x, x], 0), tf.tile(x, [2, 2]), tf.pad(x, [[1, 1], [0, 0]]),
             tf.gather(x, [1, 2]), tf.fill([3], 1.0), tf.gradients(x[1:], x)]  # fmt: skip
    assert [cost(t) for t in moved] == [0] * len(moved)


def test_what_adds_rows_up():
    x = ones(4, 5)
    assert cost(tf.gradients(x + tf.Variable(np.ones(5, np.float32)), [tf.trainable_variables()[0]])) == 20
    assert cost(UNSORTED_SEGMENT_SUM(x, [0, 0, 1, 1], 2)) == 20
    assert cost(tf.argmax(x, 1)) == 20


def test_a_region_costs_what_its_members_do():
    x = ones(4, 5)
    a = tf.exp(x)
    b = a * x + 1.0
    assert flops(fuse([a.op, b.op.inputs[0].op, b.op], [b], (4, 5))) == 60


def test_what_is_not_known(graph):
    assert cost(tf.exp(ones(None, 3))) is None
    assert cost(tf.where(ones(3) > 0.0)) is None
    tf.random_uniform([3])
    assert [flops(op) for op in graph.get_operations() if op.definition.draws] == [None]


def plan_of(fetches, feeds=()):
    stage = specialize(prune(fetches, [], list(feeds)), [t.dims for t in feeds], lambda op: op.output.dims)
    return make_plan(stage.program, get_backend("cpu").lower)


def test_bytes_are_those_of_inputs_and_outputs():
    x, y = ones(4, 5), ones(5, dtype=tf.float64)
    step = plan_of([x * tf.cast(y, tf.float32)], [x, y]).steps[-1]
    assert step.nbytes == 80 + 20 + 80
    assert plan_of([x * x], [x]).steps[0].nbytes == 80 + 80  # read once


def test_bytes_of_writes():
    v = tf.Variable(np.zeros(6, np.float32))
    value = ones(6)
    assert plan_of([v.assign(value)], [value]).steps[0].nbytes == 24 + 24  # what it had is not read
    assert plan_of([v.assign_add(value)], [value]).steps[0].nbytes == 24 + 24 + 24


def test_a_copy_is_bytes_and_no_flops():
    v = tf.Variable(np.zeros(6, np.float32))
    with tf.control_dependencies([v + 0.0]):
        old = tf.identity(v)
    copies = [step for step in plan_of([old, v.assign_add(np.ones(6, np.float32)) + old]).steps if step.copy]
    assert [(step.flops, step.nbytes) for step in copies] == [(0, 48)]


def test_bytes_of_objects_are_not_known():
    x = ones(3)
    assert plan_of([tf.where(x > 0.0)], [x]).steps[-1].nbytes is None
