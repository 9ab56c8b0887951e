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
    n, a = tf.while_loop(lambda n, a: tf.reduce_sum(a) > 1e9, lambda n, a: (n + 1, a * x), [0, x + 1.0])
    none = tf.zeros((0, 3)) + tf.reduce_sum(x)
    return [n, a, *tf.gradients(a, x), tf.scan(lambda a, r: a + r, none, x[0]), tf.map_fn(lambda r: r * 2.0, none)]


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
    lengths = tf.cast(w[0, :2] * 0.0, tf.int32) + np.array([4, 2])
    with tf.variable_scope("rnn", initializer=tf.constant_initializer(np.linspace(-1, 1, 10))):
        cell = tf.nn.rnn_cell.BasicRNNCell(2)
        y, state = tf.nn.dynamic_rnn(cell, rows, sequence_length=lengths, dtype=tf.float32)
    return [y, state, *tf.gradients(tf.reduce_sum(y) + tf.reduce_sum(state), [x])]


def _bytes(x, w):
    """Values of one, two, four and eight bytes, and empty ones."""
    short, byte = (tf.cast(1, dtype) for dtype in (tf.int16, tf.uint8))
    a = [x > 0.0, tf.cast(x, tf.int16), tf.cast(x, tf.float64), tf.zeros((0, 3)), tf.cast(x[0, :1] > 0.0, tf.uint8)]
    body = lambda t, b, i, d, e, u: (t + 1.0, tf.logical_not(b), i + short, d * 2.0, e, u + byte)
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


@pytest.fixture
def session(driver, on_the_device):
    with tf.Graph().as_default(), tf.Session(backend="cuda") as made:
        yield made


def _warm(session, fetches, feeds):
    for _ in range(3):  # plainly, captured, replayed
        made = session.run(fetches, feeds)
    return made


# -- what comes to the host --------------------------------------------------------------------------------------------
def _tested(x, n):
    bound = tf.cast(n, tf.float32)
    return tf.while_loop(lambda i, a: a[0] < bound, lambda i, a: (i + 1, tf.sin(a) * 0.0 + a + 1.0), [0, x])


def _fed(x, n):
    return tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.exp(a) * 0.5 + a), [0, x])


def _computed(x, n):
    bound = n + tf.cast(x[0], tf.int32)
    return tf.while_loop(lambda i, a: i <= bound, lambda i, a: (i + 1, a + 1.0), [tf.cast(x[1], tf.int32) + 1, x])


def _stacking(x, n):
    """The loop there tests, the one back counts to where that one has come."""
    y = _tested(x, n)[1]
    return tf.gradients(tf.reduce_sum(tf.square(y)), x)


def _branching(x, n):
    def body(i, a):
        return i + 1, tf.cond(a[0] > 1.5, lambda: a * 2.0, lambda: a + 1.0)

    return tf.while_loop(lambda i, a: i < n, body, [0, x])


def _in_a_loop(x, n):
    inner = lambda a: tf.while_loop(lambda j, b: j < n, lambda j, b: (j + 1, b + 1.0), [0, a])[1]
    return tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, inner(a) * 0.5), [0, x])


@pytest.mark.skipif(not SIMULATED, reason="the driver that counts is one of the simulator")
@pytest.mark.parametrize(
    ("program", "waits", "graphs", "launches", "downloads"),
    [
        # Besides what a run without loops takes: a graph and a download before the loop, a launch at its begin and one
        # at its end.
        (_tested, lambda n: 1 + n, lambda n: 3 + n, lambda n: 2, lambda n: 2 + n),
        (_fed, lambda n: 0, lambda n: 2 + n, lambda n: 2, lambda n: 1),
        (_computed, lambda n: 1, lambda n: 2 + n, lambda n: 2, lambda n: 2),
        (_stacking, lambda n: 1 + n, lambda n: 4 + 2 * n, lambda n: 4, lambda n: 2 + n),
        (_branching, lambda n: n, lambda n: 2 + 3 * n, lambda n: 2, lambda n: 1 + n),
        (_in_a_loop, lambda n: 0, lambda n: 2 + n * (n + 2), lambda n: 2 + 2 * n, lambda n: 1),
    ],
    ids=lambda f: getattr(f, "__name__", ""),
)
def test_how_often_the_host_is_asked(session, driver, program, waits, graphs, launches, downloads):
    x, n = tf.placeholder(tf.float32, (3,)), tf.placeholder(tf.int32, ())
    fetches = program(x, n)
    for rounds in (0, 2, 5):
        feeds = {x: np.zeros(3), n: rounds}
        _warm(session, fetches, feeds)
        found = driver.counted(lambda feeds=feeds: session.run(fetches, feeds))
        want = {"wait": 1 + waits(rounds), "graph": graphs(rounds), "launch": launches(rounds), "up": 1,
                "down": downloads(rounds)}  # fmt: skip
        assert found == want, f"{rounds} rounds"


# -- what else bodies do -----------------------------------------------------------------------------------------------
@inside
def test_variables_that_bodies_write_are_newer_on_the_device(session):
    v, w = tf.Variable([1.0, 2.0]), tf.Variable(0.0)
    n = tf.placeholder(tf.int32, ())

    def body(i, total):
        with tf.control_dependencies([v.assign_add([1.0, 1.0]), w.assign(tf.cast(i, tf.float32))]):
            return i + 1, total + v.read_value() + 100.0 * v._snapshot  # the value from before the loop

    loop = tf.while_loop(lambda i, _: i < n, body, [0, tf.zeros([2])])[1]
    branch = tf.cond(w > 1.0, lambda: v.assign(-v), lambda: v.assign_add([5.0, 5.0]))
    session.run(tf.global_variables_initializer())
    assert session.run(loop, {n: 3}).tolist() == [2 + 3 + 4 + 300, 3 + 4 + 5 + 600]
    assert session._store.value(v.op).tolist() == [4.0, 5.0]
    assert session.run([v, w])[1] == 2.0
    assert session.run(branch).tolist() == [-4.0, -5.0]
    v.load([1.0, 1.0], session)  # by the host
    assert session.run(loop, {n: 1}).tolist() == [2.0 + 100.0, 2.0 + 100.0]
    assert session.run(branch).tolist() == [7.0, 7.0]
    assert session.run(loop, {n: 0}).tolist() == [0.0, 0.0]
    assert session.run(v).tolist() == [7.0, 7.0]


@inside
def test_a_branch_gives_a_variable_its_first_value(session, monkeypatch):
    """Nobody knows beforehand whether that branch will run: Python runs it, as long as there is no value."""
    from graphflow.backends import calls
    from graphflow.backends.cuda import executable

    monkeypatch.setattr(executable, "caller", calls.caller)
    v, p = tf.Variable(1.0), tf.placeholder(tf.bool, ())
    made = tf.cond(p, lambda: v.assign(3.0), lambda: v.assign_add(1.0))
    with pytest.raises(tf.errors.FailedPreconditionError):
        session.run(made, {p: False})
    assert session.run(made, {p: True}) == 3.0
    assert session.run(made, {p: False}) == 4.0


@inside
def test_random_numbers_go_on_from_round_to_round(driver, on_the_device):
    with tf.Graph().as_default():
        n = tf.placeholder(tf.int32, ())

        def body(i, a):
            drawn = tf.cond(tf.equal(i % 2, 0), lambda: tf.random_uniform((2,), seed=3), lambda: tf.zeros(2))
            return i + 1, a * 2.0 + tf.random_normal((2,), seed=2) + drawn

        y = tf.while_loop(lambda i, a: i < n, body, [0, tf.random_uniform((2,), seed=1)])[1]
        with tf.Session(backend="cuda") as a, tf.Session(backend="cpu") as b:
            for rounds in (3, 0, 2, 5):
                np.testing.assert_allclose(a.run(y, {n: rounds}), b.run(y, {n: rounds}), rtol=1e-5)


@inside
@pytest.mark.parametrize("tests", [True, False])
def test_the_index_that_was_bad_first_is_an_error(session, tests):
    i, x = tf.placeholder(tf.int32, (3,)), tf.placeholder(tf.float32, (4,))
    v = tf.Variable(0.0)

    def body(j, a):
        with tf.control_dependencies([v.assign_add(1.0)]):
            row = tf.gather(i, j, name="outer")  # which a bad index of the round before does not spoil
        return j + 1, a + tf.gather(x, row, name="inner")

    going = (lambda j, a: a + tf.cast(j, tf.float32) < 5.0) if tests else (lambda j, a: j < 5)
    y = tf.while_loop(going, body, [0, 0.0])[1]
    good = tf.while_loop(lambda j, a: j < 2, body, [0, 0.0])[1]
    session.run(v.initializer)
    feeds = {x: np.zeros(4), i: [0, 7, 2]}
    for _ in range(4):
        with pytest.raises(InvalidArgumentError, match=r"indices\[0\] = 7 is out of range") as error:
            session.run(y, feeds)
        assert "inner" in str(error.value) and "test_steering.py" in str(error.value)
        assert session.run(good, {x: [1, 2, 3, 4], i: [0, 3, 2]}) == 5.0
    assert session.run(v) == (4 * 2 if tests else 4 * 5) + 4 * 2


@inside
def test_an_interrupt_between_rounds_leaves_the_session_usable(session, driver, monkeypatch):
    from graphflow.backends.cuda import shim

    v = tf.Variable(0.0)
    x, n = tf.placeholder(tf.float32, (3,)), tf.placeholder(tf.int32, ())

    def body(i, a):
        with tf.control_dependencies([v.assign_add(1.0)]):
            return i + 1, a + tf.random_uniform((3,), seed=5)

    y = tf.while_loop(lambda i, a: tf.cast(i, tf.float32) + a[0] * 0.0 < tf.cast(n, tf.float32), body, [0, x])[1]
    session.run(v.initializer)
    feeds = {x: np.zeros(3), n: 4}
    _warm(session, y, feeds)
    waits, wait = [], shim.wait

    def interrupted(stream):
        wait(stream)
        waits.append(1)
        if len(waits) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shim, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.run(y, feeds)
    assert session.run(v) == 12 + 2
    with tf.Session(backend="cpu") as other:
        other.run(v.initializer)
        for rounds in (4, 4, 4, 2):
            other.run(y, {x: np.zeros(3), n: rounds})
        np.testing.assert_allclose(session.run(y, feeds), other.run(y, feeds), rtol=1e-6)


@inside
@pytest.mark.parametrize("what", ["a round of While", "the test of While", "the rounds of While", "branch 1 of If",
                                  "rows of what While"])  # fmt: skip
def test_too_little_memory_says_for_which_body(session, monkeypatch, what):
    from graphflow.backends.cuda import shim

    x = tf.placeholder(tf.float32, (3,))
    y = tf.while_loop(lambda a: tf.reduce_sum(a) < 9.0, lambda a: tf.exp(a * 0.1) + a, [x])
    fetches = [tf.gradients(tf.square(y), x), tf.cond(x[0] > 0.0, lambda: tf.exp(x), lambda: x)]
    allocate = shim.allocate

    def full(nbytes, name):
        if what in name:
            raise ResourceExhaustedError.because(f"there is no device memory for the {nbytes} bytes of {name}")
        return allocate(nbytes, name)

    with monkeypatch.context() as patched:
        patched.setattr(shim, "allocate", full)
        with pytest.raises(ResourceExhaustedError, match=what):
            session.run(fetches, {x: np.ones(3)})
    assert session.run(fetches, {x: np.ones(3)})[0][0].shape == (3,)


@inside
def test_rows_move_when_there_are_more_than_ever(session, monkeypatch):
    from graphflow.backends.cuda import places

    monkeypatch.setattr(places, "_FIRST", 8)
    x, n = tf.placeholder(tf.float64, (2,)), tf.placeholder(tf.float64, ())
    y = tf.while_loop(lambda a, i: i < n, lambda a, i: (tf.sin(a) * x, i + 1.0), [x, tf.zeros((), tf.float64)])[0]
    gradient = tf.gradients(y, x)[0]
    with tf.Session(backend="cpu") as other:
        for rounds in (1, 3, 3, 3, 20, 2, 20, 20, 0, 40):
            feeds = {x: [0.9, -1.1], n: rounds}
            np.testing.assert_allclose(session.run(gradient, feeds), other.run(gradient, feeds), rtol=1e-12)


@inside
def test_what_only_python_does_stays_there_and_meets_the_device_in_rows(driver):
    """A loop whose body prints, with the loop back on the device, and the other way round."""
    seen = []

    def body(i, a):
        told = tf.py_func(lambda k: seen.append(int(k)) or k, [i], tf.int32)
        with tf.control_dependencies([told]):
            return i + 1, tf.sin(a) * 1.5

    with tf.Graph().as_default():
        x, n = tf.placeholder(tf.float32, (2,)), tf.placeholder(tf.float32, ())
        told = tf.while_loop(lambda i, a: tf.cast(i, tf.float32) < n, body, [0, x])[1]
        plain = tf.while_loop(lambda i, a: tf.cast(i, tf.float32) < n, lambda i, a: (i + 1, tf.exp(a) * a), [0, x])[1]
        fetches = tf.gradients([told, plain], x)
        feeds = {x: [0.3, 0.2], n: 3.0}
        want = _values(fetches, feeds, "reference", 1)[0]
        for got in _values(fetches, feeds, "cuda"):
            np.testing.assert_allclose(got, want, rtol=1e-5)
        assert seen == [0, 1, 2] * 4
        with tf.Session(backend="cuda", config=tf.ConfigProto(check_numerics=True)) as checked:
            np.testing.assert_allclose(checked.run(fetches, feeds), want, rtol=1e-5)
            with pytest.raises(InvalidArgumentError, match="Exp"):
                checked.run(plain, {x: [90.0, 0.0], n: 3.0})
        with tf.Session(backend="cuda") as measured:
            assert "While" in measured.explain(fetches, feeds, runs=1)


@inside
def test_empty_variables_get_their_values(session):
    v, w = tf.Variable(tf.zeros((0, 3))), tf.Variable(tf.zeros((0, 2)))
    session.run(v.initializer)
    assert session.run(v + 1.0).shape == (0, 3)
    session.run(tf.while_loop(lambda i: i < 2, lambda i: i + 1 + tf.size(v.assign(v * 2.0)), [0]))
    with pytest.raises(tf.errors.FailedPreconditionError):
        session.run(w + 1.0)
