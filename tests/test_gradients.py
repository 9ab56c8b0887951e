"""tf.gradients: what it gives, where it gives None, gradients of gradients."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def values(fetches, feeds=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feeds)


def test_sums_over_ys_and_elements():
    x = tf.constant([1.0, 2.0, 3.0])
    assert values(tf.gradients([x * x, 3.0 * x], x))[0].tolist() == [5.0, 7.0, 9.0]


def test_grad_ys_weigh_the_elements():
    x = tf.constant([1.0, 2.0])
    got = tf.gradients([x * x, x], [x], grad_ys=[tf.constant([1.0, 10.0]), [5.0, 5.0]])
    assert values(got)[0].tolist() == [7.0, 45.0]
    with pytest.raises(ValueError):
        tf.gradients([x, x], x, grad_ys=[x])


def test_none_where_nothing_flows():
    x, y = tf.constant(1.0), tf.constant(2.0)
    i = tf.cast(x, tf.int32)
    for z in (y * 1.0, tf.cast(i, tf.float32), tf.stop_gradient(x) * y, tf.floor(x), tf.zeros_like(x),
              tf.cast(tf.shape(tf.reshape(x, [1])), tf.float32), tf.cast(x > 0.0, tf.float32)):  # fmt: skip
        assert tf.gradients(z, x) == [None]
    assert values(tf.gradients(y * 1.0, x, unconnected_gradients="zero")) == [0.0]


def test_stop_gradients_are_constants():
    a = tf.constant(2.0)
    b = 2.0 * a
    assert values(tf.gradients(a + b, [a, b], stop_gradients=[a, b])) == [1.0, 1.0]
    assert values(tf.gradients(a + b, [a, b])) == [3.0, 1.0]


def test_intermediate_tensors_and_several_paths():
    x = tf.constant(2.0)
    a = x * x
    b = a + a * x
    assert values(tf.gradients(b, [x, a, b])) == [16.0, 3.0, 1.0]


def test_variables_and_their_reads():
    v = tf.Variable(3.0)
    y = v * v + v.read_value()
    assert values(tf.gradients(y, v)) == [7.0]


def test_broadcasting_is_undone_also_for_unknown_shapes():
    x, y = tf.placeholder(tf.float32, None), tf.placeholder(tf.float32, [None, 1])
    gx, gy = tf.gradients(x * y, [x, y])
    assert gy.shape.as_list() == [None, 1]
    got = values([gx, gy], {x: np.ones((4, 2, 3)), y: [[1.0], [2.0]]})
    assert got[0].shape == (4, 2, 3) and got[1].tolist() == [[12.0], [12.0]]


def test_higher_derivatives():
    x = tf.constant([0.5, -1.0, 2.0])
    y = tf.reduce_sum(x**3 + tf.sin(x))
    (g,) = tf.gradients(y, x)
    (h,) = tf.gradients(g, x)
    (t,) = tf.gradients(h, x)
    at = np.array([0.5, -1, 2])
    for got, want in zip(values([g, h, t]), (3 * at**2 + np.cos(at), 6 * at - np.sin(at), 6 - np.cos(at)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_a_gradient_penalty():
    def penalty(x, w):
        z = tf.tanh(tf.matmul(x, w))
        (gx,) = tf.gradients(z, x)
        return tf.square(tf.sqrt(tf.reduce_sum(gx**2, 1)) - 1.0)

    check_op(penalty, (4, 3), (3, 2))


def test_gather_gives_slices_that_add_up():
    v = tf.Variable(np.zeros((4, 2), np.float32))
    (g,) = tf.gradients(tf.reduce_sum(tf.gather(v, [1, 1, 3])), v)
    assert isinstance(g, tf.IndexedSlices)
    got = values([g, tf.convert_to_tensor(g)])
    assert got[0].indices.tolist() == [1, 1, 3] and got[1].sum(1).tolist() == [0.0, 4.0, 0.0, 2.0]
    (two,) = tf.gradients(tf.reduce_sum(tf.gather(v, [1])) + tf.reduce_sum(v), v)
    assert values(two)[:, 0].tolist() == [1.0, 2.0, 1.0, 1.0]


def test_integers_and_complex_numbers():
    i, x = tf.constant([2, 3]), tf.constant(2.0)
    assert tf.gradients(i * 2, i) == [None]
    assert values(tf.gradients([x * 3.0, tf.cast(x, tf.int32)], x)) == [3.0]
    z = tf.complex(x, x)
    with pytest.raises(TypeError, match="grad_ys"):
        tf.gradients(z, z)


def test_an_op_without_a_gradient_is_named():
    x, y = tf.constant(3.0), tf.constant(2.0)
    with pytest.raises(LookupError, match="TruncateMod has no gradient"):
        tf.gradients(tf.truncatemod(x, y), x)


def test_a_long_chain_needs_no_recursion():
    h = x = tf.constant(1.0)
    for _ in range(5000):
        h = h + 0.0
    assert values(tf.gradients(h, x)) == [1.0]


def test_gradient_ops_have_their_place(graph):
    x = tf.constant(2.0, name="x")
    tf.gradients(tf.square(x, name="y"), x)
    made = [op.name for op in graph.get_operations() if op.name.startswith("gradients/")]
    assert made[0] == "gradients/grad_ys_0" and all(
        n.startswith(("gradients/grad_ys_0", "gradients/y_grad/")) for n in made
    )


def test_a_gradient_is_summed_only_where_another_input_may_have_broadcast():
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 3])
    row = tf.Variable([1.0, 2.0, 3.0])

    def sums(z, *xs):
        before = len(tf.get_default_graph().get_operations())
        found = tf.gradients(z, xs)
        return found, [op for op in tf.get_default_graph().get_operations()[before:] if op.type == "SumTo"]

    for z in (tf.tanh(x), tf.matmul(x, tf.ones([3, 5])), x * row, tf.reshape(x, [-1])):
        assert sums(z, x)[1] == []
    (dx, dy), made = sums(x * y, x, y)
    assert len(made) == 2
    assert values([dx, dy], {x: np.ones((1, 3)), y: np.full((4, 3), 2.0)})[0].tolist() == [[8.0] * 3]
    assert values([dx, dy], {x: np.ones((4, 3)), y: np.full((1, 3), 2.0)})[1].tolist() == [[4.0] * 3]
    stack, weights = tf.placeholder(tf.float32, [None, 2, 3]), tf.placeholder(tf.float32, [5, 3, 4])
    (dx,), made = sums(tf.matmul(stack, weights), stack)
    assert len(made) == 1
    got = values(dx, {stack: np.ones((1, 2, 3)), weights: np.ones((5, 3, 4))})
    np.testing.assert_array_equal(got, np.full((1, 2, 3), 20.0))
