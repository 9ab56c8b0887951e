"""Loops of elementwise operations as one kernel: the programs, and values against loops that are left as they are."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as tf
from graphflow.passes import Report, optimize
from graphflow.passes.loops.unroll import Short
from graphflow.pictures.program import program_dot
from graphflow.program import prune, specialize
from graphflow.text import program_text

ANY = Short(together=None)


def optimized(fetches, feeds, short=ANY, report=None):
    program = specialize(
        prune(fetches, [], list(feeds)), [np.shape(v) for v in feeds.values()], lambda op: op.output.dims
    ).program
    with tf.config(check=1):
        return optimize(program, report, None, short)


def kernels(program):
    return [op for op in program.ops if op.type == "Fused" and op.attrs["region"].rounds is not None]


def loops(program):
    return [op for op in program.ops if op.type == "While"]


def ran(fetches, feeds, backend, skip=""):
    with tf.config(skip=skip), tf.Session(backend=backend) as session:
        return session.run(fetches, feeds)


def check(fetches, feeds, count):
    """So many kernels and no loop is left; values of the backends are those of the loop as it stands."""
    program = optimized(fetches, feeds)
    assert len(kernels(program)) == count and not loops(program)
    assert optimized(fetches, feeds, Short()).ops  # without: the loop stays
    plain = ran(fetches, feeds, "reference", skip="improve_loops")
    for made in (ran(fetches, feeds, "cpu"), interpreted(program, feeds)):
        for a, b in zip(made, plain, strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7)


def interpreted(program, feeds):
    """By the records' own references."""
    values = dict(zip(program.feeds, [np.asarray(v, t.dtype.as_numpy_dtype) for t, v in feeds.items()], strict=True))
    for op in program.ops:
        made = op.definition.compute(op, [values[t] for t in op.inputs])
        values.update(zip(op.outputs, made, strict=True))
    return [values[t] for t in program.fetches]


def test_the_text_of_a_kernel():
    with tf.Graph().as_default():
        n = tf.placeholder(tf.int32, [], name="n")
        y = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * 2.0), [0, tf.constant(1.0)])[1]
        report = Report()
        program = optimized([y], {n: 5}, report=report)
        (op,) = kernels(program)
        assert str(op.attrs["region"]) == "While(Less+Add+Mul)" and op.name == "while/While"
        assert report.passes["improve_loops"].fired["together"] == 1
        assert optimize(program, None, None, ANY).ops == program.ops
        with tf.Session(backend="cpu") as session:
            assert "While(Less+Add+Mul)" in session.explain(y, {n: 5})
            assert [session.run(y, {n: k}) for k in (-3, 0, 1, 10)] == [1.0, 1.0, 2.0, 1024.0]


def test_single_numbers_and_arrays_have_a_kernel_each():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [3, 70])
        i, s, a = tf.while_loop(
            lambda i, s, a: tf.logical_and(i < 20, s < 100.0),
            lambda i, s, a: (i + 1, s * 1.5, tf.tanh(a) + s * tf.cast(i, tf.float32)),
            [0, tf.constant(1.0), x],
        )
        feeds = {x: np.random.default_rng(0).normal(size=(3, 70))}
        check([i, s, a], feeds, 2)
        assert program_dot(optimized([i, s, a], feeds)).count("round by round") == 2
        check([a], feeds, 1)
        check([s], feeds, 1)


def test_variables_that_change_places():
    with tf.Graph().as_default():
        x, y = (tf.placeholder(tf.float64, [n]) for n in (37, 37))
        made = tf.while_loop(lambda i, *_: i < 11, lambda i, a, b, c: (i + 1, b, a + c, c), [0, x, y, x * 2.0])
        feeds = {t: np.random.default_rng(1).normal(size=37) for t in (x, y)}
        check(made, feeds, 2)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (0,), (5,), (64,), (3, 1, 5), (40, 130)])
def test_shapes(shape):
    with tf.Graph().as_default():
        x, n = tf.placeholder(tf.float32, shape), tf.placeholder(tf.int32, [])
        row = tf.placeholder(tf.float32, shape[-1:])
        made = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * 0.9 + row), [0, x])
        rng = np.random.default_rng(2)
        for rounds in (0, 1, 30):
            feeds = {x: rng.normal(size=shape), n: rounds, row: rng.normal(size=shape[-1:])}
            check(made, feeds, 1 if np.prod(shape) == 1 else 2)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "int16"])
def test_dtypes(dtype):
    with tf.Graph().as_default():
        x = tf.placeholder(dtype, [23])
        big = tf.placeholder(tf.bool, [23])
        made = tf.while_loop(
            lambda i, *_: i < 12,
            lambda i, a, b: (i + 1, tf.where(b, a + tf.cast(i, dtype), a * 3), tf.logical_not(b)),
            [0, x, big],
        )
        check(made, {x: np.arange(23), big: np.arange(23) % 3 == 0}, 2)


@pytest.mark.parametrize("reverse", [False, True])
def test_rows(reverse):
    """Rows that are taken and rows that are stacked, forwards and backwards, and their gradients."""
    with tf.Graph().as_default():
        x, s = tf.placeholder(tf.float32, [19, 6, 7]), tf.placeholder(tf.float32, [19])
        y = tf.scan(
            lambda a, r: (a[0] * 0.5 + tf.sin(r[0]), a[1] + r[1]), (x, s), initializer=(x[0], s[0]), reverse=reverse
        )
        grads = tf.gradients([tf.reduce_sum(y[0] ** 2), tf.reduce_sum(y[1] ** 3)], [x, s])
        rng = np.random.default_rng(3)
        feeds = {x: rng.normal(size=(19, 6, 7)), s: rng.normal(size=19)}
        check(list(y), feeds, 2)
        program = optimized([*y, *grads], feeds)
        assert len(kernels(program)) == 4 and not loops(program)
        for a, b in zip(ran([*y, *grads], feeds, "cpu"), ran([*y, *grads], feeds, "reference", "improve_loops"),
                        strict=True):  # fmt: skip
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5)


def test_no_more_rounds_than_allowed():
    with tf.Graph().as_default():
        n, most = tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [])
        for limit in (most, 7, None):
            y = tf.while_loop(lambda i: i < n, lambda i: i + 2, [0], maximum_iterations=limit)
            for rounds in (0, 3, 40):
                check([y], {n: rounds, most: 5}, 1)


@pytest.mark.parametrize("case", ["draws", "writes", "product", "sum", "shapes", "halves", "many", "text"])
def test_other_loops_stay(case):
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float16 if case == "halves" else tf.float32, [5, 5])
        v = tf.Variable(0.0)

        def body(i, a):
            if case == "draws":
                a += tf.random_uniform([5, 5])
            if case == "writes":
                a += v.assign_add(1.0)
            if case == "product":
                a = tf.matmul(a, a)
            if case == "sum":
                a += tf.reduce_sum(a)
            if case == "shapes":
                a = tf.transpose(a)
            if case == "many":
                for _ in range(50):
                    a = tf.sin(a)
            if case == "text":
                a = tf.Print(a, [i])
            return i + 1, a * 2

        y = tf.while_loop(lambda i, _: i < 9, body, [0, x])[1]
        program = optimized([y], {x: np.ones((5, 5))})
        assert len(loops(program)) == 1 and not kernels(program)


def test_a_backend_says_how_many_rounds():
    with tf.Graph().as_default():
        n = tf.placeholder(tf.int32, [])
        known = tf.while_loop(lambda i: i < 100, lambda i: i + 1, [0])
        unknown = tf.while_loop(lambda i: i < n, lambda i: i + 1, [0])
        for short, count in ((Short(together=100), 1), (Short(together=99), 0), (ANY, 2), (Short(), 0)):
            assert len(kernels(optimized([known, unknown], {n: 3}, short))) == count


def test_numbers_are_looked_at_in_every_round():
    with tf.Graph().as_default(), tf.Session(backend="cpu", config=tf.ConfigProto(check_numerics=True)) as session:
        x = tf.placeholder(tf.float32, [3])
        y = tf.while_loop(lambda i, _: i < 30, lambda i, a: (i + 1, tf.log(a)), [0, x])[1]
        with pytest.raises(tf.errors.InvalidArgumentError, match="log"):
            session.run(y, {x: [1.0, 2.0, 3.0]})


def test_all_threads_of_an_endless_loop_are_stopped(alarm):
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        n, x = tf.placeholder(tf.int32, []), tf.placeholder(tf.float32, [100_000])
        y = tf.while_loop(lambda i, _: tf.not_equal(i, n), lambda i, a: (i + 1 - tf.to_int32(i > 9), a * 0.5), [0, x])[
            1
        ]
        ones = np.ones(100_000)
        assert session.run(y, {n: 2, x: ones})[-1] == 0.25
        with alarm(0.3):
            session.run(y, {n: -1, x: ones})
        assert session.run(y, {n: 3, x: ones})[0] == 0.125
        assert threading.current_thread() is threading.main_thread()


# -- random loops ------------------------------------------------------------------------------------------------------
_ONE = [tf.tanh, tf.sin, tf.abs, tf.sigmoid, tf.square, tf.nn.relu, lambda a: -a]
_TWO = [tf.add, tf.subtract, tf.multiply, tf.maximum, lambda a, b: a + tf.cast(a > b, tf.float32)]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_random_loops(data):
    draw = data.draw
    shape = draw(st.sampled_from([(), (3,), (33,), (4, 9), (2, 1, 5)]))
    rounds, many, reverse = draw(st.integers(9, 14)), draw(st.integers(1, 3)), draw(st.booleans())
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, (rounds, *shape))
        c = tf.placeholder(tf.float32, shape)

        def body(state, row):
            values = [*state, row, c, tf.constant(0.3)]
            for _ in range(draw(st.integers(1, 6))):
                a, b = (values[draw(st.integers(0, len(values) - 1))] for _ in range(2))
                values.append(draw(st.sampled_from(_TWO))(a, b) if draw(st.booleans()) else
                              draw(st.sampled_from(_ONE))(a))  # fmt: skip
            made = [values[draw(st.integers(0, len(values) - 1))] for _ in range(many)]
            return tuple(tf.clip_by_value(t + tf.zeros_like(c), -3.0, 3.0) for t in made)

        y = tf.scan(body, x, initializer=tuple(c * float(k + 1) for k in range(many)), reverse=reverse)
        grads = [g for g in tf.gradients([tf.reduce_mean(t) for t in y], [x, c]) if g is not None]
        fetches = [*y, *grads]
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        feeds = {x: rng.normal(size=(rounds, *shape)), c: rng.normal(size=shape)}
        plain = ran(fetches, feeds, "reference", "improve_loops")
        program = optimized(fetches, feeds)
        assert not loops(program), program_text(program)
        for made in (ran(fetches, feeds, "cpu"), interpreted(program, feeds)):
            for a, b in zip(made, plain, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
