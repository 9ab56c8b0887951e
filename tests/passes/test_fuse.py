"""Elementwise fusion: which operations become one step, and that the values stay the same, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.backends.reference import evaluate
from graphflow.passes.fuse import LIMIT, fuse_regions
from graphflow.plan import make_plan
from graphflow.program import prune, specialize
from graphflow.store import Store


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def specialized(fetches, feeds):
    """The program of these fetches for feeds {tensor: value}, every shape known."""
    dims = [np.shape(v) for v in feeds.values()]
    return specialize(prune(fetches, [], list(feeds)), dims, lambda op: op.output.dims).program


def steps(fetches, feeds):
    """What the steps of the fused plan are made of."""
    plan = make_plan(fuse_regions(specialized(fetches, feeds)), get_backend("cpu").lower)
    return [str(s.op.attrs.get("region", s.op.type)) for s in plan.steps]


def check(fetches, feeds):
    """Fused and not, on the reference and compiled: the same values."""
    program = specialized(fetches, feeds)
    fused = fuse_regions(program)
    values = [np.asarray(v, t.dtype.dtype) for t, v in feeds.items()]
    want = evaluate(program, values, Store())
    for got in (
        evaluate(fused, values, Store()),
        get_backend("cpu").compile(make_plan(program, get_backend("cpu").lower), Store())(values),
        get_backend("cpu").compile(make_plan(fused, get_backend("cpu").lower), Store())(values),
    ):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
    again = fuse_regions(fused)
    assert [op.name for op in again.ops] == [op.name for op in fused.ops]


def test_a_chain_with_broadcasting_is_one_step():
    x, b = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [3])
    y = tf.where_v2(x > 0.0, tf.nn.relu(tf.tanh(x) * 2.0 + b), b)
    feeds = {x: np.linspace(-2, 2, 12).reshape(4, 3), b: [1.0, 2.0, 3.0]}
    assert steps([y], feeds) == ["Greater+Tanh+Mul+Add+Relu+SelectV2"]
    check([y], feeds)


def test_what_is_wanted_outside_is_stored_too():
    x = tf.placeholder(tf.float32, [4])
    a = tf.exp(x)
    b = a + 1.0
    assert steps([a, b], {x: np.zeros(4)}) == ["Exp+Add"]
    check([a, b, tf.reduce_sum(a * b)], {x: np.arange(4.0)})


def test_a_reader_in_between_keeps_operations_apart():
    x = tf.placeholder(tf.float32, [2, 2])
    a = tf.exp(x)
    m = tf.matmul(a, a)
    y = a + m
    assert steps([y], {x: np.zeros((2, 2))}) == ["Exp", "MatMul+Add"]
    check([y], {x: np.eye(2)})


def test_other_shapes_stay_apart():
    x, s = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.float32, [])
    y = x * tf.exp(s)
    assert steps([y], {x: np.zeros(3), s: 0.0}) == ["Exp", "Mul"]
    check([y], {x: np.arange(3.0), s: 2.0})


def test_integers_wrap_and_bools_are_kept_inside_a_region():
    i = tf.placeholder(tf.uint8, [3])
    y = tf.logical_and((i + i) * i > tf.constant(10, tf.uint8), tf.logical_not(tf.equal(i, tf.constant(7, tf.uint8))))
    feeds = {i: np.array([200, 3, 7])}
    assert len(steps([y], feeds)) == 1
    check([y], feeds)


def test_variables_are_read_and_written_outside_regions():
    v = tf.Variable([1.0, 2.0])
    x = tf.placeholder(tf.float32, [2])
    new = v.assign(tf.exp(x) * v + 1.0)
    late = v * 2.0 + new
    with tf.Session(backend="cpu") as session:
        session.run(v.initializer)
        np.testing.assert_allclose(session.run(late, {x: [0.0, 0.0]}), [4.0, 7.0])


def test_no_region_grows_without_bound():
    h = x = tf.placeholder(tf.float32, [8])
    for _ in range(100):
        h = tf.nn.relu(h * 0.5 + 0.5)
    regions = steps([h], {x: np.ones(8)})
    assert len(regions) == -(-300 // LIMIT) and len(set(regions)) == 1
    check([h], {x: np.ones(8)})


def test_softmax_cross_entropy_and_its_gradient_are_two_kernels():
    logits, labels = tf.placeholder(tf.float32, [None, 10]), tf.placeholder(tf.float32, [None, 10])
    loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    weights = tf.placeholder(tf.float32, [None])
    (grad,) = tf.gradients(loss, logits, weights)
    feeds = {logits: np.zeros((100, 10)), labels: np.eye(10)[np.arange(100) % 10], weights: np.ones(100)}
    assert steps([loss, grad], feeds) == ["SoftmaxCrossEntropyWithLogits", "Mul"]


OPERATIONS = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: tf.tanh(a),
    lambda a, b: tf.where_v2(a > b, a, b),
    lambda a, b: tf.reduce_sum(a, keepdims=True),
    lambda a, b: tf.nn.relu(a) - b,
    lambda a, b: tf.reshape(a, a.shape),
)
recipes = st.lists(
    st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 99), st.integers(0, 99)), min_size=2, max_size=25
)


@settings(max_examples=80, deadline=None)
@given(recipes, st.lists(st.integers(0, 99), min_size=1, max_size=3))
def test_random_programs_keep_their_values(recipe, wanted):
    with tf.Graph().as_default():
        x, row, one = (tf.placeholder(tf.float32, s) for s in ([2, 3], [3], []))
        values = [x, row, one]
        for operation, a, b in recipe:
            values.append(operation(values[a % len(values)], values[b % len(values)]))
        picked = [tf.tanh(values[i % len(values)]) for i in wanted]
        check(picked, {x: np.linspace(-1, 1, 6).reshape(2, 3), row: [0.5, -1, 2], one: 0.3})
