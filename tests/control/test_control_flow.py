"""What branches and loops do: structures, variables, effects, order, errors; on both backends."""

from __future__ import annotations

import collections
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.backends.cpu import blocks, python_steps
from graphflow.compiler import Compiler
from graphflow.program import prune, specialize

BACKENDS = ("reference", "cpu")


@pytest.fixture(params=BACKENDS)
def session(request):
    with tf.Graph().as_default(), tf.config(check=1), tf.Session(backend=request.param) as session:
        yield session


def initialized(session):
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])


# -- branches ----------------------------------------------------------------------------------------------------------
def test_cond_keeps_the_structure_and_takes_off_a_single_list(session):
    Pair = collections.namedtuple("Pair", "a b")
    p = tf.placeholder(tf.bool, [])
    nested = tf.cond(p, lambda: Pair(1.0, {"x": [2, 3]}), lambda: Pair(-1.0, {"x": [-2, -3]}))
    assert session.run(nested, {p: True}) == Pair(1.0, {"x": [2, 3]})
    assert session.run(nested, {p: False}) == Pair(-1.0, {"x": [-2, -3]})
    assert isinstance(tf.cond(p, lambda: [p], lambda: [p]), tf.Tensor)
    assert isinstance(tf.cond(p, lambda: [p], lambda: [p], strict=True), list)


def test_names_and_static_shapes():
    with tf.Graph().as_default():
        p, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [None, 3])
        y = tf.cond(p, lambda: tf.square(x, name="inside"), lambda: tf.zeros([2, 3]))
        assert (y.name, y.shape.as_list()) == ("cond/Merge:0", [None, 3])
        assert tf.get_default_graph().get_tensor_by_name("cond/inside:0").shape.as_list() == [None, 3]
        z = tf.while_loop(lambda a: a[0, 0] < 3, lambda a: a + 1.0, [x])
        assert z.name.startswith("while/") and z.shape.as_list() == [None, 3]
        assert tf.map_fn(lambda r: r[0], x).shape.as_list() == [None]
        assert tf.scan(lambda a, r: a + r, tf.zeros([4, 2])).shape.as_list() == [4, 2]


def test_what_is_inside_stays_inside():
    with tf.Graph().as_default():
        inner = []
        p = tf.placeholder(tf.bool, [])
        tf.cond(p, lambda: inner.append(tf.constant(1.0) + 1.0) or inner[0], lambda: 0.0)
        with pytest.raises(ValueError, match="only inside a branch or a loop body"):
            tf.identity(inner[0])
        with tf.Session() as session, pytest.raises(ValueError, match="may not be fetched"):
            session.run(inner[0])


def test_only_the_branch_that_is_chosen_runs(session):
    p, n = tf.placeholder(tf.bool, []), tf.placeholder(tf.int32, [None])
    seen = []
    y = tf.cond(p, lambda: tf.py_func(lambda a: seen.append(len(a)) or a, [n], tf.int32), lambda: n[:1])
    assert session.run(y, {p: False, n: [1, 2]}).tolist() == [1] and not seen
    assert session.run(y, {p: True, n: [1, 2]}).tolist() == [1, 2] and seen == [2]
    bad = tf.cond(p, lambda: tf.reshape(n, [7]), lambda: n)
    assert session.run(bad, {p: False, n: [1, 2]}).tolist() == [1, 2]
    with pytest.raises(tf.errors.InvalidArgumentError):
        session.run(bad, {p: True, n: [1, 2]})


def test_operations_as_results(session):
    p, v = tf.placeholder(tf.bool, []), tf.Variable(1.0)
    initialized(session)
    chosen = tf.cond(p, lambda: tf.group(v.assign(9.0)), tf.no_op)
    session.run(chosen, {p: False})
    assert session.run(v) == 1.0
    session.run(chosen, {p: True})
    assert session.run(v) == 9.0


def test_reads_and_writes_keep_the_order_of_creation(session):
    v = tf.Variable(1.0)
    initialized(session)
    before = v.read_value()
    change = tf.cond(before > 0.0, lambda: v.assign_add(10.0), lambda: v.assign(0.0))
    with tf.control_dependencies([change]):
        after = v.read_value()
    assert session.run([before, change, after, v]) == [1.0, 11.0, 11.0, 1.0]
    assert session.run(v) == 11.0


def test_a_body_sees_what_it_wrote_and_the_value_from_before(session):
    v = tf.Variable([1.0, 2.0])
    initialized(session)

    def body(i, total):
        with tf.control_dependencies([v.assign_add([1.0, 1.0])]):
            return i + 1, total + v.read_value() + 100.0 * v._snapshot

    _, total = tf.while_loop(lambda i, _: i < 3, body, [0, tf.zeros([2])])
    assert session.run(total).tolist() == [2 + 3 + 4 + 300, 3 + 4 + 5 + 600]
    assert session.run(v).tolist() == [4.0, 5.0]


def test_variables_made_inside_live_outside(session):
    def body(i, a):
        w = tf.get_variable("w", [2], initializer=tf.ones_initializer())
        return i + 1, a + w

    _, y = tf.while_loop(lambda i, _: i < 3, body, [0, tf.zeros([2])])
    initialized(session)
    assert session.run(y).tolist() == [3.0, 3.0]
    assert session.run(tf.gradients(y, tf.global_variables())[0]).tolist() == [3.0, 3.0]


def test_case(session):
    x = tf.placeholder(tf.int32, [])
    y = tf.case([(x < 0, lambda: -1), (x < 10, lambda: x * 2)], default=lambda: 99)
    assert [session.run(y, {x: k}) for k in (-5, 5, 50)] == [-1, 10, 99]
    both = tf.case([(x > 1, lambda: 1), (x > 2, lambda: 2)], default=lambda: 0, exclusive=True)
    assert session.run(both, {x: 2}) == 1
    none = tf.case([(x > 1, lambda: 1)])
    assert session.run(none, {x: 2}) == 1
    for bad in (both, none):
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(bad, {x: 3 if bad is both else 0})
    z = tf.switch_case(x, {1: lambda: x + 100, 0: lambda: x}, default=lambda: -1)
    assert [session.run(z, {x: k}) for k in (0, 1, 2, -7)] == [0, 101, -1, -1]


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda p: tf.cond(True, lambda: 1, lambda: 2), TypeError),
        (lambda p: tf.cond(p, 1, 2), TypeError),
        (lambda p: tf.cond(tf.constant(1), lambda: 1, lambda: 2), TypeError),
        (lambda p: tf.cond(tf.constant([True]), lambda: 1, lambda: 2), ValueError),
        (lambda p: tf.cond(p, lambda: 1, lambda: 1.0), ValueError),
        (lambda p: tf.cond(p, lambda: 1, lambda: (1, 2)), (ValueError, TypeError)),
        (lambda p: tf.cond(p, lambda: None, lambda: 1), ValueError),
        (lambda p: tf.case([(p, 1)]), TypeError),
        (lambda p: tf.switch_case(tf.constant(0), {1: lambda: 1}), ValueError),
        (lambda p: tf.while_loop(1, lambda i: i, [0]), TypeError),
        (lambda p: tf.while_loop(lambda i: i < 1, lambda i: i, []), ValueError),
        (lambda p: tf.while_loop(lambda i: i < 1, lambda i: (i, i), [0]), ValueError),
        (lambda p: tf.while_loop(lambda i: i < 1, lambda i: i + 0.5, [0.0, 1.0]), (TypeError, ValueError)),
        (lambda p: tf.while_loop(lambda i: i < 1, lambda i: tf.to_float(i), [0]), ValueError),
        (lambda p: tf.while_loop(lambda i: [True], lambda i: i, [0]), ValueError),
        (lambda p: tf.while_loop(lambda i: i, lambda i: i, [0]), TypeError),
        (lambda p: tf.map_fn(1, tf.zeros([2])), TypeError),
        (lambda p: tf.map_fn(lambda x: x, tf.zeros([])), ValueError),
        (lambda p: tf.map_fn(lambda x: tf.to_int32(x), tf.zeros([2])), TypeError),
        (lambda p: tf.scan(lambda a, x: tf.to_int32(a), tf.zeros([2])), ValueError),
    ],
)
def test_bad_arguments(make, error):
    with tf.Graph().as_default(), pytest.raises(error):
        make(tf.placeholder(tf.bool, []))


def test_a_shape_that_changes_names_the_variable_and_both_shapes():
    lines = r".*in a loop, created at \S*test_control_flow.py:\d+\n.*next value.*test_control_flow.py"
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"(?s)'zeros:0'.*\(1,\).*\(2,\)" + lines):
        tf.while_loop(lambda a: a[0] < 1.0, lambda a: tf.concat([a, a], 0), [tf.zeros([1])])


# -- loops -------------------------------------------------------------------------------------------------------------
def test_what_does_not_fit_is_told_with_its_lines():
    with tf.Graph().as_default():
        x = tf.zeros([2], name="x")
        with pytest.raises(ValueError, match=r"(?s)variable 'x:0' is float32, and the body gives float64.*flow.py:\d+"):
            tf.while_loop(lambda a: a[0] < 1.0, lambda a: tf.cast(a, tf.float64), [x])
        with pytest.raises(ValueError, match=r"(?s)float32 where false_fn gives int32.*true_fn: .*false_fn: .*Cast"):
            tf.cond(x[0] > 0, lambda: x, lambda: tf.cast(x, tf.int32))
        with pytest.raises(TypeError, match=r"(?s)different structures.*in a branch, created at \S*flow.py"):
            tf.cond(x[0] > 0, lambda: (x, x), lambda: [x, x])
        endless = tf.while_loop(lambda i: True, lambda i: i + 1, [0], maximum_iterations=17)
        with tf.Session() as session:
            assert session.run(endless) == 17


def test_loop_variables_of_every_kind(session):
    Pair = collections.namedtuple("Pair", "a b")
    start = (0, Pair(tf.constant([True, False]), {"s": tf.constant("x"), "n": tf.constant([], tf.int64)}), [1.5])
    i, pair, (x,) = tf.while_loop(
        lambda i, *_: i < 2,
        lambda i, p, x: (i + 1, Pair(tf.logical_not(p.a), {"s": p.b["s"], "n": p.b["n"]}), [x[0] * 2.0]),
        start,
    )
    assert session.run(pair.a).tolist() == [True, False] and session.run(pair.b["s"]) == b"x"
    assert session.run([i, x]) == [2, 6.0] and session.run(pair.b["n"]).shape == (0,)


def test_variables_change_places(session):
    _, a, b = tf.while_loop(lambda i, *_: i < 3, lambda i, a, b: (i + 1, b, a), [0, tf.zeros([2]), tf.ones([2])])
    assert [v.tolist() for v in session.run([a, b])] == [[1.0, 1.0], [0.0, 0.0]]


def test_limits(session):
    n = tf.placeholder(tf.int32, [])
    endless = tf.while_loop(lambda i: True, lambda i: i + 1, [0], maximum_iterations=n)
    assert [session.run(endless, {n: k}) for k in (0, 7, -3)] == [0, 7, 0]
    assert session.run(tf.while_loop(lambda i: i < 3, lambda i: i + 1, [0], maximum_iterations=10)) == 3
    same = tf.while_loop(lambda i: i < 3, lambda i: i + 1, [0], return_same_structure=True)
    assert isinstance(same, list)


def test_shapes_that_grow(session):
    shapes = [tf.TensorShape([]), tf.TensorShape([None])]
    x = tf.placeholder(tf.float32, [None])
    y = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.concat([a, a], 0)), [0, x], shape_invariants=shapes)[
        1
    ]
    assert y.shape.as_list() == [None] and session.run(y, {x: [1.0]}).shape == (8,)
    with pytest.raises(ValueError):
        tf.while_loop(lambda a: True, lambda a: a, [tf.zeros([2])], shape_invariants=[tf.TensorShape([3])])


def test_draws_are_new_in_every_iteration_and_repeat_with_the_seed():
    def draw(backend):
        with tf.Graph().as_default(), tf.Session(backend=backend) as session:
            y = tf.map_fn(lambda x: x + tf.random_uniform([], seed=3), tf.zeros([5]))
            return session.run(y), session.run(y)

    (a, b), (c, d) = draw("reference"), draw("cpu")
    assert len({*a.tolist(), *b.tolist()}) == 10
    np.testing.assert_array_equal([a, b], [c, d])


def test_rows_of_nests_and_of_nothing(session):
    x, y = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.int32, [None])
    total, _parts = tf.map_fn(lambda e: (tf.reduce_sum(e[0]), e[0][: e[1]][:1] * 0.0), (x, y), (tf.float32, tf.float32))
    got = session.run(total, {x: [[1, 2], [3, 4]], y: [1, 2]})
    assert got.tolist() == [3.0, 7.0]
    assert session.run(total, {x: np.zeros((0, 2)), y: []}).shape == (0,)
    a, b = tf.scan(lambda a, r: (a[1], a[0] + a[1]), tf.range(6), initializer=(0, 1))
    assert session.run([a, b])[1].tolist() == [1, 2, 3, 5, 8, 13]
    assert session.run(tf.foldr(lambda a, r: a - r, [1.0, 2.0, 3.0, 4.0], initializer=1.0)) == -9.0
    assert session.run(tf.scan(lambda a, r: a + r, [1, 2, 3], reverse=True)).tolist() == [6, 5, 3]


def test_tensor_arrays(session):
    n = tf.placeholder(tf.int32, [])
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    _, array = tf.while_loop(lambda i, _: i < n, lambda i, a: (i + 1, a.write(i, tf.to_float([i, i]))), [0, array])
    assert session.run(array.stack(), {n: 3}).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert session.run([array.size(), array.read(1)], {n: 3})[0] == 3
    assert array.stack().shape.as_list() == [None, 2]
    split = tf.TensorArray(tf.int32, 2, infer_shape=False).split([1, 2, 3], [1, 2])
    assert session.run([split.read(1), split.concat()])[0].tolist() == [2, 3]
    fixed = tf.TensorArray(tf.float32, 2)
    for bad in (fixed.read(0), fixed.read(-1), tf.TensorArray(tf.float32, 2).write(2, 1.0).size()):
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(bad)
    with pytest.raises(ValueError):
        tf.TensorArray(tf.float32, 2).write(0, [1.0]).write(1, [1.0, 2.0])
    with pytest.raises(TypeError):
        fixed.write(0, 1)


def test_gradients_through_arrays_of_unknown_size(session):
    n, x = tf.placeholder(tf.int32, []), tf.placeholder(tf.float32, [None, 2])
    source, target = tf.TensorArray(tf.float32, n).unstack(x), tf.TensorArray(tf.float32, n)
    body = lambda i, a: (i + 1, a.write(i, tf.square(source.read(i))))
    y = tf.while_loop(lambda i, _: i < n, body, [0, target])[1].stack()
    assert session.run(tf.gradients(y, x)[0], {x: [[1, 2], [3, 4]], n: 2}).tolist() == [[2.0, 4.0], [6.0, 8.0]]


def test_nested(session):
    outer = lambda i, t: (i + 1, tf.while_loop(lambda j, u: j < i, lambda j, u: (j + 1, u + 1), [0, t])[1])
    assert session.run(tf.while_loop(lambda i, t: i < 5, outer, [0, 0])[1]) == 10
    x = tf.placeholder(tf.float32, [None, 3])
    table = tf.map_fn(lambda r: tf.map_fn(lambda e: e * tf.reduce_sum(r), r), x)
    assert session.run(table, {x: [[1, 2, 3]]}).tolist() == [[6.0, 12.0, 18.0]]


def test_what_goes_wrong_inside_is_told_with_its_line(session):
    x, i = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.int32, [])
    y = tf.while_loop(lambda j, a: j < 4, lambda j, a: (j + 1, a + tf.gather(x, j + i, name="taken")), [0, 0.0])[1]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)while/taken.*test_control_flow"):
        session.run(y, {x: [1, 2, 3], i: 0})
    assert session.run(y, {x: [1, 2, 3], y: 5.0}) == 5.0


# -- native ------------------------------------------------------------------------------------------------------------
def in_python(monkeypatch, make, feeds=None):
    """A run natively and one by the bodies' own executables."""

    def run():
        with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
            fetches, feed = make()
            session.run(tf.global_variables_initializer())
            return session.run(fetches, feed)

    native = run()
    with monkeypatch.context() as patch:
        patch.setattr(blocks.Block, "_loop", lambda *_: (_ for _ in ()).throw(blocks.NotNative))
        return native, run()


def test_native_loops_give_the_same_bits(monkeypatch):
    def make():
        x = tf.placeholder(tf.float32, [6, 40, 30])
        w = tf.get_variable("w", [30, 30], initializer=tf.random_normal_initializer(seed=1, stddev=0.2))
        b = tf.Variable(tf.ones([30]))

        def step(a, r):
            h = tf.tanh(tf.matmul(a[0], w) + r + b)
            inner = tf.while_loop(lambda i, _: i < 3, lambda i, u: (i + 1, u * 0.9 + h), [0, a[1]])[1]
            return h, inner + tf.random_uniform([40, 30], seed=5)

        h, c = tf.scan(step, x, initializer=(tf.zeros([40, 30]), tf.ones([40, 30])), reverse=True)
        gradients = tf.gradients(tf.reduce_sum(h * c), [x, w, b])
        return [h, c, *gradients], {x: np.random.default_rng(0).normal(size=(6, 40, 30))}

    for a, b in zip(*in_python(monkeypatch, make), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def native_only(monkeypatch):
    """Loops and branches that would run from Python fail."""

    def refused(step, *_):
        raise AssertionError(f"{step.op!r} runs from Python")

    monkeypatch.setattr(python_steps, "calling", refused)


def test_branches_in_loops_are_native(native_only):
    def run(backend):
        with tf.Graph().as_default(), tf.config(check=1), tf.Session(backend=backend) as session:
            x, k = tf.placeholder(tf.float32, [50, 40]), tf.placeholder(tf.int32, [])
            v = tf.Variable(tf.ones([40]))

            def grown(a):
                with tf.control_dependencies([v.assign_add(tf.ones([40]))]):
                    return tf.sin(a) * x + v.read_value()

            def body(i, a, b):
                c = tf.cond(tf.equal(i % 2, 0), lambda: grown(a), lambda: a * a * 0.5)
                return i + 1, c, tf.switch_case(i + k, [lambda: b, lambda: b * tf.exp(-x), lambda: b + c])

            _, a, b = tf.while_loop(lambda i, *_: i < 5, body, [0, x, x])
            first = tf.gradients([tf.reduce_sum(a), tf.reduce_sum(b)], x)
            fetches = [a, b, *first, *tf.gradients(first, x)]
            session.run(tf.global_variables_initializer())
            values = session.run(fetches, {x: np.random.default_rng(0).normal(size=(50, 40)) * 0.1, k: -1})
            return [*values, session.run(v)]

    for a, b in zip(run("reference"), run("cpu"), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5)


def lists_of_every_kind(x, k, n):
    """Arrays of a fixed size and growing ones, read and written in loops and branches, with known and open ends."""
    fixed, growing = tf.TensorArray(x.dtype, n), tf.TensorArray(x.dtype, 0, dynamic_size=True)
    rows = tf.TensorArray(x.dtype, n, clear_after_read=False).unstack(x)

    def body(i, h, a, b):
        h = tf.tanh(h + rows.read(i) * x[i])
        a = tf.cond(tf.equal(i % 2, 0), lambda: a.write(i, h), lambda: a)
        inner = lambda j, b: (j + 1, b.write(b.size(), h * tf.to_float(j)))
        return i + 1, h, a, tf.while_loop(lambda j, _: j < 2, inner, [0, b])[1]

    _, h, a, b = tf.while_loop(lambda i, *_: i < n, body, [0, x[0], fixed, growing])
    swapped = tf.while_loop(lambda i, *_: i < k, lambda i, a, b: (i + 1, b, a), [0, a, rows])
    going = lambda i, g, _: (i < k) & (tf.norm(g) < 9.0)
    until = tf.while_loop(going, lambda i, g, c: (i + 1, g * 1.5 + x[0], c.write(i, g).write(0, g)), [0, h, growing])
    taken = a.gather([0, 2, 0]) + a.scatter([1], x[:1]).gather([1, 1, 2])
    return [h, b.stack(), swapped[1].stack(), swapped[2].stack() * 2.0, until[1], until[2].stack(), taken]


@pytest.mark.parametrize("backend", BACKENDS)
def test_lists_are_native(native_only, backend):
    def run(backend):
        with tf.Graph().as_default(), tf.config(check=1), tf.Session(backend=backend) as session:
            x, k = tf.placeholder(tf.float32, [4, 3]), tf.placeholder(tf.int32, [])
            values = lists_of_every_kind(x, k, 4)
            first = [tf.gradients(y, x)[0] for y in values]
            feeds = [{x: np.random.default_rng(0).normal(size=(4, 3)), k: rounds} for rounds in (5, 0, 2)]
            return [session.run([*values, *first, *tf.gradients(first, x)], feed) for feed in feeds]

    for a, b in zip(run("reference"), run(backend), strict=True):
        for u, v in zip(a, b, strict=True):
            np.testing.assert_allclose(u, v, rtol=2e-4, atol=1e-5)


def test_an_open_number_of_rounds_compiles_once(native_only, monkeypatch):
    planned = []
    plan = Compiler.planned
    monkeypatch.setattr(Compiler, "planned", lambda self, *args: planned.append(args) or plan(self, *args))
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        x, bound = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.float32, [])
        array = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[3])
        y = tf.while_loop(
            lambda i, a, _: tf.reduce_sum(a) < bound, lambda i, a, t: (i + 1, a * x, t.write(i, a)), [0, x, array]
        )
        gradient = tf.gradients([y[1], y[2].read(1)], x)[0]
        for rounds in (5, 9, 100):
            root = 2.0 ** (1 / 16)
            got = session.run(gradient, {x: np.full(3, root), bound: 3 * root ** (rounds + 0.5)})
            np.testing.assert_allclose(got, np.full(3, (rounds + 1) * root**rounds + 2 * root), rtol=1e-4)
            if rounds == 5:
                compiled = len(planned)
        assert len(planned) == compiled


def test_each_item_is_written_once(monkeypatch):
    """A list that grows in a loop is never copied, whatever its length."""
    counted = []
    copied = blocks.Block.copy_list
    monkeypatch.setattr(blocks.Block, "copy_list", lambda self, *args: counted.append(args) or copied(self, *args))
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        n = tf.placeholder(tf.int32, [])
        array = tf.TensorArray(tf.float32, 0, dynamic_size=True)
        body = lambda i, a: (i + 1, tf.cond(i < 3, lambda: a.write(i, 1.0), lambda: a.write(i, tf.to_float(i))))
        y = tf.while_loop(lambda i, _: i < n, body, [0, array])[1].stack()
        np.testing.assert_array_equal(session.run(y, {n: 5}), [1, 1, 1, 3, 4])
        assert session.run(y, {n: 20000}).shape == (20000,)
        assert len(counted) == 1  # the empty one, before the first iteration


@pytest.mark.parametrize("lengths", [None, [3, 0, 6]])
def test_recurrent_networks_and_their_gradients_are_native(native_only, lengths):
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        x = tf.placeholder(tf.float32, [None, None, 5])
        cells = [tf.nn.rnn_cell.BasicLSTMCell(8), tf.nn.rnn_cell.GRUCell(4)]
        y, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.MultiRNNCell(cells), x, lengths, dtype=tf.float32)
        gradients = tf.gradients(y, tf.trainable_variables())
        session.run(tf.global_variables_initializer())
        for steps in (6, 9):
            got = session.run([y, *gradients], {x: np.ones((3, steps, 5))})
            assert got[0].shape == (3, steps, 4) and all(np.isfinite(g).all() for g in got)


@pytest.mark.parametrize(
    "start, test, step, rounds",
    [
        (0, lambda i: i < 5, 1, 5), (2, lambda i: i <= 9, 3, 3), (5, lambda i: i > 0, -2, 3),
        (5, lambda i: i >= 0, -5, 2), (7, lambda i: i < 5, 1, 0), (0, lambda i: tf.constant(6) > i, 4, 2),
    ],
)  # fmt: skip
def test_rounds_that_follow_from_constants(start, test, step, rounds):
    with tf.Graph().as_default(), tf.Session(backend="reference") as session:
        x = tf.constant([2.0, 3.0])
        i, y = tf.while_loop(lambda i, _: test(i), lambda i, a: (i + step, a * x), [start, x])
        loop = next(op for op in prune([y], [], []).ops if op.type == "While")
        program = specialize(prune([y], [], []), [], lambda op: op.output.dims).program
        made = next(op for op in program.ops if op.type == "While")
        assert loop.name == made.name and made.outputs[2].static == rounds
        assert session.run([i, y])[0] == start + rounds * step
        np.testing.assert_allclose(session.run(tf.gradients(y, x)[0]), (rounds + 1) * np.array([2.0, 3.0]) ** rounds)


def test_a_long_loop_comes_back_and_goes_on(monkeypatch):
    monkeypatch.setattr("graphflow.backends.cpu.blocks.BUDGET", 1)
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        y = tf.while_loop(
            lambda i, a: i < 1000, lambda i, a: (i + 1, a + tf.cast(i, tf.int64)), [0, tf.constant(0, tf.int64)]
        )
        assert session.run(y) == [1000, 499500]


@pytest.mark.parametrize(
    "body", ["tf.matmul(a, w) / 300.0", "tf.while_loop(lambda b: b[0, 0] < 99.0, lambda b: b * w, [a])"]
)
def test_ctrl_c_ends_a_loop_and_not_the_session(body):
    """In a process of its own, with a team of threads; also where the loop is inside another one, or in a branch."""
    program = f"""
import graphflow as tf
session = tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=2))
n, w, v = tf.placeholder(tf.int32, []), tf.ones([300, 300]), tf.Variable(3.0)
step = lambda i, a: (i + 1 - tf.to_int32(i > 1000), {body})
y = tf.cond(n < 100, lambda: tf.while_loop(lambda i, _: tf.not_equal(i, n), step, [0, w * 9.0])[0], lambda: n)
session.run(v.initializer)
print(session.run(y, {{n: 0}}), flush=True)
try:
    session.run(y, {{n: -1}})
except KeyboardInterrupt:
    print("stopped", int(session.run(y, {{n: 0}})), float(session.run(v)), flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "0\n"
        time.sleep(0.5)  # it is in the loop, for good
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopped 0 3.0\n"
    assert process.returncode == 0


def test_an_exception_of_a_signal_handler_comes_through(alarm):
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        n = tf.placeholder(tf.int32, [])
        y = tf.while_loop(lambda i: tf.not_equal(i, n), lambda i: i + 1 - tf.to_int32(i > 1000), [0])
        session.run(y, {n: 5})
        with alarm(0.2):
            session.run(y, {n: -1})
        assert session.run(y, {n: 7}) == 7


def test_an_endless_loop_can_be_interrupted():
    import _thread

    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        n = tf.placeholder(tf.int32, [])
        y = tf.while_loop(lambda i: tf.not_equal(i, n), lambda i: i + 1 - tf.to_int32(i > 1000), [0])
        assert session.run(y, {n: 5}) == 5
        called: list[float] = []
        timer = threading.Timer(0.3, lambda: called.append(time.perf_counter()) or _thread.interrupt_main())
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            session.run(y, {n: -1})
            time.sleep(10)
        assert time.perf_counter() - called[0] < 2.0  # 0.2 s where nobody else wants the CPUs
        assert session.run(y, {n: 7}) == 7


def test_a_loop_is_one_step_of_the_plan():
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        y = tf.while_loop(lambda i, a: i < 10, lambda i, a: (i + 1, a * 2.0), [0, tf.constant(1.0)])[1]
        assert "While" in session.explain(y) and get_backend("cpu").name == "cpu"
        assert session.run(y) == 1024.0
