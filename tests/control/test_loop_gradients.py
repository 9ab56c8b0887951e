"""Gradients through branches and loops, and gradients of these, against central differences in float64."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op


def double_where_positive(x):
    return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.square(x) * tf.exp(x), lambda: tf.sin(x))


def repeated(x, steps=3):
    return tf.while_loop(lambda i, a: i < steps, lambda i, a: (i + 1, tf.sin(a) * x), [tf.constant(0), x])[1]


def until_large(x):
    """As many iterations as the values ask for."""
    start = tf.reduce_sum(tf.square(x)) * 0.1 + 0.5
    return tf.while_loop(lambda a: a < 5.0, lambda a: a * (1.5 + 0.1 * tf.reduce_sum(tf.sin(x))), [start])


def mapped(x, y):
    return tf.map_fn(lambda r: tf.sin(r[0]) * tf.reduce_sum(r[1]) + y[0, 0], (x, y), dtype=x.dtype)


def scanned(x, w):
    return tf.scan(lambda a, r: tf.tanh(tf.matmul(a, w) + r), x, initializer=tf.zeros_like(x[0]))


def scanned_from_first(x):
    return tf.scan(lambda a, r: a * tf.sin(r), x, reverse=True)


def folded(x):
    return [tf.foldl(lambda a, r: a * r + tf.sin(a), x), tf.foldr(lambda a, r: a * 0.5 + r * r, x)]


def array_in_loop(x):
    n = tf.shape(x)[0]
    source = tf.TensorArray(x.dtype, size=n).unstack(x)
    target = tf.TensorArray(x.dtype, size=n)

    def body(i, h, out):
        h = tf.tanh(h + source.read(i))
        return i + 1, h, out.write(i, h * x[i])

    _, h, out = tf.while_loop(lambda i, *_: i < n, body, [tf.constant(0), tf.zeros_like(x[0]), target])
    return [h, out.stack()]


def growing_array(x):
    array = tf.TensorArray(x.dtype, size=0, dynamic_size=True)
    body = lambda i, out: (i + 1, out.write(i, tf.sin(x) * tf.cast(i, x.dtype)))
    return tf.while_loop(lambda i, _: i < 3, body, [tf.constant(0), array])[1].stack()


def array_until_large(x):
    """An array of as many items as the values ask for, written in branches and read back in another loop."""
    array = tf.TensorArray(x.dtype, size=0, dynamic_size=True, clear_after_read=False)
    start = tf.reduce_sum(tf.square(x)) * 0.1 + 0.5

    def body(i, a, out):
        row = tf.sin(x) * a
        return i + 1, a * 1.7, tf.cond(tf.equal(i % 2, 0), lambda: out.write(i, row), lambda: out.write(i, row * row))

    n, _, out = tf.while_loop(lambda i, a, _: a < 5.0, body, [tf.constant(0), start, array])
    total = tf.while_loop(lambda i, _: i < n, lambda i, t: (i + 1, t * 0.5 + out.read(i)), [0, tf.zeros_like(x)])[1]
    return [total, out.gather([0, 1, 0])]


def array_through_loops(x):
    """An array that an inner loop fills, of a loop that takes its items out of order."""
    array = tf.TensorArray(x.dtype, size=6, element_shape=x.shape)

    def outer(i, out):
        inner = lambda j, o: (j + 1, o.write(i * 3 + j, tf.sin(x * tf.cast(i + j + 1, x.dtype))))
        return i + 1, tf.while_loop(lambda j, _: j < 3, inner, [tf.constant(0), out])[1]

    out = tf.while_loop(lambda i, _: i < 2, outer, [tf.constant(0), array])[1]
    return tf.map_fn(lambda i: out.read(5 - i) * x, tf.range(6), dtype=x.dtype)


def arrays_outside(x):
    n = tf.shape(x)[0]
    array = tf.TensorArray(x.dtype, size=n, clear_after_read=False).unstack(x).write(0, x[1] * 2.0)
    taken = array.gather([1, 0]) * array.read(0)
    split = tf.TensorArray(x.dtype, size=2, infer_shape=False).split(x, [1, n - 1])
    scattered = tf.TensorArray(x.dtype, size=n).scatter(tf.range(n)[::-1], x).stack()
    return [taken, split.read(1) * 3.0, split.concat() * x, scattered * x]


def nested_loops(x):
    def outer(i, a):
        inner = tf.while_loop(lambda j, b: j < i, lambda j, b: (j + 1, tf.sin(b) * x), [tf.constant(0), a])[1]
        return i + 1, inner + tf.square(a) * 0.1

    return tf.while_loop(lambda i, a: i < 4, outer, [tf.constant(0), x])[1]


def branch_in_loop(x):
    def body(i, a):
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: tf.sin(a) * x, lambda: a * a * 0.5)

    return tf.while_loop(lambda i, a: i < 4, body, [tf.constant(0), x])[1]


def loop_in_branch(x):
    return tf.cond(tf.reduce_sum(x) < 100.0, lambda: repeated(x) * x, lambda: x)


def branch_in_branch(x):
    inner = lambda: tf.cond(tf.reduce_sum(x) > -100.0, lambda: tf.exp(x), lambda: x)
    return tf.cond(tf.reduce_sum(x) < 100.0, lambda: inner() * x, lambda: x)


def switched(x):
    return tf.switch_case(tf.constant(1) + tf.shape(x)[0] * 0, [lambda: x, lambda: x * x * x, lambda: -x])


def picked(x):
    total = tf.reduce_sum(x)
    return tf.case([(total < -100.0, lambda: x), (total < 100.0, lambda: tf.sin(x))], default=lambda: -x)


def growing(x):
    shapes = [tf.TensorShape([]), tf.TensorShape([None, None])]
    body = lambda i, a: (i + 1, tf.concat([a, tf.sin(a[-1:]) * 2.0], 0))
    return tf.while_loop(lambda i, a: i < 3, body, [tf.constant(0), x], shape_invariants=shapes)[1]


@pytest.mark.parametrize("fn", [double_where_positive, loop_in_branch, branch_in_branch, switched, picked])
def test_branches(fn):
    check_op(fn, (3,), second=True)


@pytest.mark.parametrize("fn", [repeated, until_large, nested_loops, branch_in_loop])
def test_loops(fn):
    check_op(fn, (3,), second=True)


def test_a_loop_variable_that_grows():
    check_op(lambda x: growing(tf.reshape(x, [2, 2])), (2, 2), second=True)


def test_map():
    check_op(mapped, (3, 2), (3, 2), second=True)


def test_scan():
    check_op(scanned, (3, 2, 2), (2, 2), second=True)
    check_op(scanned_from_first, (4,), second=True)


def test_folds():
    check_op(folded, (3, 2), second=True)


def test_arrays():
    check_op(array_in_loop, (3, 2), second=True)
    check_op(growing_array, (2,), second=True)
    check_op(arrays_outside, (3, 2), second=True)
    check_op(array_until_large, (2,), second=True)
    check_op(array_through_loops, (2,), second=True)


def test_variables_and_draws_in_loops():
    """Variables read and written inside: what flows back is what each iteration has seen."""

    def counted(x):
        v = tf.get_variable("v", [], x.dtype, tf.constant_initializer(2.0), trainable=False)

        def body(i, a):
            with tf.control_dependencies([tf.assign(v, tf.cast(i, x.dtype) + 1.5)]):
                seen = v.read_value()
            noise = tf.stop_gradient(tf.random_uniform([3], 1.0, 1.0, x.dtype))
            return i + 1, tf.sin(a) * x * seen * noise

        return tf.while_loop(lambda i, _: i < 3, body, [tf.constant(0), x])[1]

    check_op(counted, (3,), second=True)


def test_gradient_inside_a_body():
    def newton(x):
        def body(i, a):
            y = a * a * a - tf.square(x)
            return i + 1, a - y / tf.gradients(y, a)[0]

        return tf.while_loop(lambda i, a: i < 6, body, [tf.constant(0), tf.abs(x) + 1.0])[1]

    check_op(newton, (3,), domain=(0.5, 2.0))


def test_nothing_flows_through_what_is_not_differentiable():
    x = tf.placeholder(tf.float32, [2])
    i, y = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.stop_gradient(a) * 2.0), [tf.constant(0), x])
    assert tf.gradients(tf.cast(i, tf.float32), x) == [None]
    chosen = tf.cond(y[0] > 0, lambda: tf.floor(x), lambda: tf.round(x))
    assert tf.gradients(chosen, x) == [None]
    final = tf.while_loop(lambda a: a[0] < 3.0, lambda a: a * 2.0, [x], back_prop=False)
    assert tf.gradients(final, x) == [None]


def test_the_draw_of_the_forward_pass_counts():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant([1.0, 2.0], tf.float64)
        body = lambda i, a: (i + 1, a * tf.random_uniform([2], 1.0, 2.0, tf.float64))
        y = tf.while_loop(lambda i, a: i < 3, body, [tf.constant(0), x])[1]
        z = tf.cond(y[0] > 0, lambda: x * tf.random_uniform([2], 1.0, 2.0, tf.float64), lambda: x)
        for value in (y, z):
            got, gradient = session.run([value, tf.gradients(value, x)[0]])
            np.testing.assert_allclose(gradient, got / [1.0, 2.0])


def test_two_gradients_of_one_loop_run_it_once():
    with tf.Graph().as_default(), tf.Session() as session:
        x, v = tf.constant(2.0), tf.Variable(0.0)
        session.run(tf.global_variables_initializer())

        def body(i, a, b):
            with tf.control_dependencies([tf.assign_add(v, 1.0)]):
                return i + 1, a * x, tf.sin(b) * x

        _, a, b = tf.while_loop(lambda i, *_: i < 3, body, [0, x, x])
        first, second = tf.gradients(a, x)[0], tf.gradients(b, x)[0]
        assert session.run([first, second, a])[0] == pytest.approx(4 * 2.0**3)
        assert session.run(v) == 3.0
