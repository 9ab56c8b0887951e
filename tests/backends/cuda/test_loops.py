"""Loops and branches whose values stay on the device: what they give, and how often the host is asked.

They run under numba's simulator on a driver that counts, and that runs nothing before somebody waits for it.
"""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow.errors import InvalidArgumentError, ResourceExhaustedError
from graphflow.testing import assert_close
from tests.backends.cuda.driver import Driver
from tests.backends.cuda.simulator import SIMULATED, inside


def _doubled_until(x, w):
    """As many rounds as the values ask for; one variable goes through, two are one tensor."""
    total = tf.reduce_sum(tf.square(x)) + 1.0
    return tf.while_loop(
        lambda a, b, c, kept: tf.reduce_sum(b) < 60.0, lambda a, b, c, kept: (a * 1.5 + kept, b * 1.5, b, kept),
        [total, total, total, x[0, 0]],
    )  # fmt: skip


def _swapped(x, w):
    turn = lambda i, a, b, c: (i + 1, b, c, a)
    return tf.while_loop(lambda i, *_: i < tf.cast(w[0, 0] * 0.0, tf.int32) + 4, turn, [0, x, x * 2.0, x + 1.0])


def _limited(x, w):
    """The test would go on."""
    body = lambda i, a: (i + 1, a * 0.99 + x)
    return tf.while_loop(lambda i, a: tf.reduce_sum(a) < 1e9, body, [0, x], maximum_iterations=6)


def _no_round(x, w):
    return tf.while_loop(lambda a: tf.reduce_sum(a) > 1e9, lambda a: a + 1.0, [x])


def _scanned(x, w):
    """Rows are taken and stacked."""
    rows = tf.tile(x, [2, 1]) * 0.1
    return [tf.scan(lambda a, r: tf.tanh(tf.reduce_sum(w) * 0.1 * a + r), rows, reverse=True),
            tf.map_fn(lambda r: (r * 2.0, r[0]), rows, dtype=(tf.float32, tf.float32))]  # fmt: skip


def _until(x, w):
    step = lambda i, h: (i + 1, tf.tanh(tf.matmul(h, w)) + x)
    return tf.while_loop(lambda i, h: tf.reduce_sum(tf.abs(h)) > tf.cast(i, tf.float32), step, [0, x])


def _gradients(x, w):
    """Through a loop that tests: rows of nobody knows how many rounds go from one loop to the other."""
    n, h = _until(x, w)
    return [n, *tf.gradients(tf.reduce_sum(tf.square(h)), [x, w])]


def _chosen(x, w):
    up = tf.cond(tf.reduce_sum(x) > 0.0, lambda: tf.exp(x * 0.1), lambda: tf.sin(x))
    same = tf.cond(tf.reduce_sum(x) > 1e9, lambda: x, lambda: w[:2])
    return [up, same, *tf.gradients(up * same, [x, w])]


def _cases(x, w):
    total = tf.reduce_sum(x)
    one = tf.case([(total < -100.0, lambda: x), (total < 100.0, lambda: tf.sin(x))], default=lambda: -x)
    branches = [lambda: x, lambda: x * x * x, lambda: -x]
    return [one, *[tf.switch_case(tf.cast(total * 0.0, tf.int32) + i, branches) for i in (-1, 0, 1, 2, 7)]]


def _nested(x, w):
    """Loops and branches in loops, with as many rounds as an outer value says."""

    def outer(i, a):
        inner = tf.while_loop(lambda j, b: j < i, lambda j, b: (j + 1, tf.sin(b) * x), [0, a])[1]
        more = tf.cond(tf.reduce_sum(inner) > 0.0, lambda: inner * 0.5, lambda: tf.cos(inner) + a)
        return i + 1, more + tf.square(a) * 0.1

    return tf.while_loop(lambda i, a: tf.reduce_sum(tf.abs(a)) + 1.0 > tf.cast(i, tf.float32), outer, [0, x])


def _nested_gradients(x, w):
    def outer(i, a):
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: tf.sin(a) * x, lambda: a * a * 0.5)

    y = tf.while_loop(lambda i, a: tf.reduce_sum(tf.abs(a)) < 1e9 - tf.cast(i, tf.float32) * 2e8, outer, [0, x])[1]
    return [y, *tf.gradients(y, x)]


def _lengths(x, w):
    """A recurrent network over sequences of several lengths, with gradients."""
    rows = tf.reshape(tf.tile(x, [5, 1]), (2, 5, 3))
    with tf.variable_scope("", use_resource=False):
        cell = tf.nn.rnn_cell.BasicRNNCell(2)
        cell_w = lambda shape, dtype=None, partition_info=None: tf.constant(
            np.linspace(-1, 1, 10).reshape(5, 2), tf.float32
        )
        with tf.variable_scope("rnn", initializer=cell_w):
            lengths = tf.cast(w[0, :2] * 0.0, tf.int32) + [4, 2]
            y, state = tf.nn.dynamic_rnn(cell, rows, sequence_length=lengths, dtype=tf.float32)
    return [y, state, *tf.gradients(tf.reduce_sum(y) + tf.reduce_sum(state), [x])]


def _bytes(x, w):
    """Values of one, two, four and eight bytes, and empty ones."""
    a = [x > 0.0, tf.cast(x, tf.int16), tf.cast(x, tf.float64), tf.zeros((0, 3)), tf.cast(x[0, :1] > 0.0, tf.uint8)]
    body = lambda t, b, i, d, e, u: (
        t + 1.0,
        tf.logical_not(b),
        i + tf.cast(1, tf.int16),
        d * 2.0,
        e,
        u + tf.cast(1, tf.uint8),
    )
    return tf.while_loop(lambda t, *_: t < 5.0, body, [tf.reduce_sum(w) * 0.0, *a])


PROGRAMS = {f.__name__.strip("_"): f for f in (
    _doubled_until, _swapped, _limited, _no_round, _scanned, _until, _gradients, _chosen, _cases, _nested,
    _nested_gradients, _lengths, _bytes,
)}  # fmt: skip


@pytest.fixture
def driver(monkeypatch):
    if SIMULATED:
        return Driver(monkeypatch)
    return None


@pytest.fixture
def on_the_device(monkeypatch):
    """No loop is laid out, and one that Python runs is an error, as is a branch."""
    from graphflow.backends.cuda import CudaBackend, executable
    from graphflow.passes.loops.unroll import Short

    def refused(op, *_):
        raise AssertionError(f"{op.name} runs in Python")

    monkeypatch.setattr(executable, "caller", refused)
    monkeypatch.setattr(CudaBackend, "short", Short(0, 0, 0))


def _values(fetches, feeds, backend, runs=3):
    with tf.Session(backend=backend) as session:
        session.run(tf.global_variables_initializer())
        return [session.run(fetches, feeds) for _ in range(runs)]


@inside
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_the_reference(name, driver, on_the_device):
    with tf.Graph().as_default():
        x, w = tf.placeholder(tf.float32, (2, 3)), tf.placeholder(tf.float32, (3, 3))
        rng = np.random.default_rng(5)
        feeds = {x: rng.normal(size=(2, 3)), w: rng.normal(size=(3, 3)) * 0.6}
        fetches = PROGRAMS[name](x, w)
        want = _values(fetches, feeds, "reference", 1)[0]
        native = _values(fetches, feeds, "cpu", 1)[0]
        for got in _values(fetches, feeds, "cuda"):
            for a, b, c in zip(*map(tf.contrib.framework.nest.flatten, (got, want, native)), strict=True):
                assert_close(a, b, name)
                assert_close(a, c, name)
