"""What is moved out of loops: the programs, and values against loops that are left as they are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import graphflow as tf
from graphflow.passes import Report, optimize
from graphflow.passes.loops.form import Loop
from graphflow.program import prune, specialize
from graphflow.text import program_text

CELLS = {
    "rnn": lambda: tf.nn.rnn_cell.BasicRNNCell(70),
    "lstm": lambda: tf.nn.rnn_cell.BasicLSTMCell(64),
    "peepholes": lambda: tf.nn.rnn_cell.LSTMCell(5, use_peepholes=True, num_proj=3, cell_clip=0.5),
    "gru": lambda: tf.nn.rnn_cell.GRUCell(64),
    "two": lambda: tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(n) for n in (4, 64)]),
    "normalized": lambda: tf.contrib.rnn.LayerNormBasicLSTMCell(6),
}


def network(cell, lengths=None, dtype=tf.float32, depth=7):
    """(inputs, loss, gradients) of a cell over 4 sequences of 5 steps."""
    x = tf.placeholder(dtype, [4, 5, depth])
    with tf.variable_scope("net", initializer=tf.random_normal_initializer(seed=1, stddev=0.3), dtype=dtype):
        outputs, final = tf.nn.dynamic_rnn(cell, x, lengths, dtype=dtype)
        w = tf.get_variable("w", [outputs.shape[-1], 3])
        scores = tf.map_fn(lambda h: tf.nn.relu(tf.matmul(h, w)), outputs)
    parts = [tf.reduce_sum(tf.square(t)) for t in (scores, *tf.contrib.framework.nest.flatten(final))]
    loss = tf.add_n(parts)
    return x, loss, tf.gradients(loss, [x, *tf.trainable_variables()])


def program_of(fetches, feeds):
    program = specialize(prune(fetches, [], list(feeds)), list(feeds.values()), lambda op: op.output.dims).program
    return optimize_without_fusion(program)


def optimize_without_fusion(program, report=None):
    with tf.config(check=1, skip="fuse_regions,merge_updates"):
        return optimize(program, report)


def loops_of(program):
    return [op for op in program.ops if "variables" in op.attrs and op.definition.calls]


def types(loop):
    return Counter(op.type for op in loop.attrs["bodies"][0].program.ops if op.type != "Const")


def test_an_lstm_multiplies_once_a_step():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [9, 4, 7])
        outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicLSTMCell(64), x, dtype=tf.float32, time_major=True)
        kernel, _bias = tf.trainable_variables()
        gradient = tf.gradients(tf.reduce_sum(outputs), [kernel, x])
        program = program_of([outputs, *gradient], {x: (9, 4, 7)})
    forward, backward = loops_of(program)
    for loop in (forward, backward):
        assert types(loop)["MatMul"] == 1
        assert not {"SplitV", "Slice"} & set(types(loop))
        assert loop.attrs["variables"] == 2 and len(loop.attrs["bodies"]) == 1
    outside = [op for op in program.ops if op.type == "MatMul"]
    assert sum(op.output.dims == (36, 256) for op in outside) == 1  # of the inputs of all steps
    assert {op.output.dims for op in outside if op.attrs["transpose_a"]} == {(7, 256), (64, 256)}  # of the kernel
    assert types(forward)["Split"] == types(backward)["ConcatV2"] == 1  # which kernels of regions do on the way


def test_the_text_of_a_loop():
    with tf.Graph().as_default():
        x, w = tf.placeholder(tf.float32, [9, 2, 4]), tf.placeholder(tf.float32, [4, 4])
        y = tf.scan(lambda a, r: tf.tanh(a + tf.matmul(r, tf.exp(w))), x, initializer=tf.zeros([2, 4]), name="s")
        text = program_text(program_of([y], {x: (9, 2, 4), w: (4, 4)}))
    assert text == TEXT


TEXT = """\
feed %0 float32(9, 2, 4) 'Placeholder'
feed %1 float32(4, 4) 'Placeholder_1'
%2 = Const <8 values, 66687aad> float32(2, 4) 'zeros'
%3 = Exp(%1) float32(4, 4) 's/while/Exp'
%4 = Const [18, 4] int32(2,) 's/while/While'
%5 = Reshape(%0, %4) float32(18, 4) 's/while/While'
%6 = MatMul(%5, %3, transpose_a=False, transpose_b=False) float32(18, 4) 's/while/While'
%7 = Const [9, 2, 4] int32(3,) 's/while/While'
%8 = Reshape(%6, %7) float32(9, 2, 4) 's/while/While'
%9 = Const 9 int32() 's/while/While'
%10, %11, %12 = While(%9, %2, %8, reverse=False, sequences=1, variables=1) float32(2, 4) int32() float32(9, 2, 4) 's/while/While'
  takes -, -
  feed %0 float32(2, 4) 's/while/Identity'
  feed %1 float32(2, 4) 's/while/MatMul'
  %2 = Add(%0, %1) float32(2, 4) 's/while/add'
  %3 = Tanh(%2) float32(2, 4) 's/while/Tanh'
  %4 = Copy(%3) float32(2, 4) 's/while/While'
  fetch %3
  fetch %4
fetch %12
"""  # noqa: E501


@pytest.mark.parametrize("lengths", [None, [5, 0, 2, 4]])
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_values_are_those_of_loops_left_as_they_are(cell, lengths):
    found = []
    for skip in ("", "improve_loops"):
        with tf.Graph().as_default(), tf.config(check=1, skip=skip), tf.Session(backend="reference") as session:
            x, loss, gradients = network(CELLS[cell](), lengths, tf.float64)
            session.run(tf.global_variables_initializer())
            found.append(session.run([loss, *gradients], {x: np.random.default_rng(0).normal(size=(4, 5, 7))}))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_native_values(cell):
    found = []
    for backend in ("cpu", "reference"):
        with tf.Graph().as_default(), tf.config(check=1), tf.Session(backend=backend) as session:
            x, loss, gradients = network(CELLS[cell](), [5, 0, 2, 4])
            session.run(tf.global_variables_initializer())
            found.append(session.run([loss, *gradients], {x: np.random.default_rng(0).normal(size=(4, 5, 7))}))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-3)


def test_what_nobody_needs_is_left_out():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [3])
        i, kept, _unused, passed = tf.while_loop(
            lambda i, *_: i < 40, lambda i, a, b, c: (i + 1, a * c, b + a, c), [0, x, x, x + 1.0]
        )
        (loop,) = loops_of(program_of([kept, passed], {x: (3,)}))
        assert loop.attrs["variables"] == 1 and types(loop) == {"Mul": 1} and i.dims == ()


def test_what_is_the_same_in_all_rounds_moves_ahead():
    with tf.Graph().as_default():
        x, n = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.int32, [])

        def body(i, a):
            return i + 1, a + tf.exp(x) * tf.gather(x, n)

        y = tf.while_loop(lambda i, _: i < 40, body, [0, x])[1]
        (loop,) = loops_of(program_of([y], {x: (3,), n: ()}))
        assert types(loop) == {"Add": 1}
        unknown = tf.while_loop(lambda i, _: i < n, body, [0, x])[1]
        (loop,) = loops_of(program_of([unknown], {x: (3,), n: ()}))
        assert types(loop) == {"Add": 2, "Mul": 1, "GatherV2": 1} or types(loop)["GatherV2"] == 1  # it might fail
        assert not types(loop)["Exp"]


def test_writes_and_draws_stay():
    def run(skip):
        with tf.Graph().as_default(), tf.config(check=1, skip=skip), tf.Session(backend="reference") as session:
            v = tf.Variable([1.0, 2.0])

            def body(i, total):
                with tf.control_dependencies([v.assign_add([1.0, 1.0])]):
                    return i + 1, total + v.read_value() * tf.random_uniform([2], seed=1)

            total = tf.while_loop(lambda i, _: i < 3, body, [0, tf.zeros([2])])[1]
            session.run(tf.global_variables_initializer())
            return session.run(total), session.run(v)

    for a, b in zip(run(""), run("improve_loops"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_operations_that_do_not_broadcast_stay():
    with tf.Graph().as_default(), tf.config(check=1), tf.Session(backend="cpu") as session:
        x, w = tf.placeholder(tf.float32, [3, 2, 4]), tf.placeholder(tf.float32, [4, 4])

        def step(a, r):
            product = tf.matmul(r, w)
            chosen = tf.where(product[0, 0] > 0.0, product, -product)
            return a + tf.nn.bias_add(w[:2], tf.reduce_sum(chosen, 0)) + tf.where(chosen > 0.0, chosen, product * 2.0)

        y = tf.scan(step, x, initializer=tf.zeros([2, 4]))
        feeds = {x: np.random.default_rng(0).normal(size=(3, 2, 4)), w: np.random.default_rng(1).normal(size=(4, 4))}
        got = session.run([y, *tf.gradients(y, [x, w])], feeds)
        with tf.config(skip="improve_loops"), tf.Session(backend="reference") as other:
            for a, b in zip(got, other.run([y, *tf.gradients(y, [x, w])], feeds), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_no_round_at_all():
    with tf.Graph().as_default(), tf.config(check=1), tf.Session(backend="cpu") as session:
        x, w = tf.placeholder(tf.float32, [None, 2, 3]), tf.placeholder(tf.float32, [3, 3])
        y = tf.scan(lambda a, r: tf.matmul(tf.concat([a[:, :1], r[:, 1:]], 1), w), x, initializer=tf.ones([2, 3]))
        gradient = tf.gradients(y, w)[0]
        for n in (2, 0):
            got = session.run([y, gradient], {x: np.ones((n, 2, 3)), w: np.eye(3)})
            assert got[0].shape == (n, 2, 3) and bool(got[1].any()) == bool(n)


def test_the_report_names_what_was_done():
    with tf.Graph().as_default():
        x, loss, gradients = network(CELLS["lstm"]())
        report = Report()
        program = specialize(prune([loss, *gradients], [], [x]), [(4, 5, 7)], lambda op: op.output.dims).program
        program = optimize_without_fusion(program, report)
        fired = report.passes["improve_loops"].fired
        assert {"product split", "for all rounds", "moved ahead", "sum moved behind", "trimmed"} <= set(fired)
        assert all(Loop(op).rounds in (4, 5) for op in loops_of(program))


def test_a_short_loop_of_little_work_is_laid_out():
    with tf.Graph().as_default(), tf.config(check=1):
        x = tf.placeholder(tf.float64, [5, 3])
        y = tf.while_loop(lambda i, _: i < 5, lambda i, a: (i + 1, tf.sin(a) * tf.cast(i, tf.float64)), [0, x])
        z = tf.scan(lambda a, r: (a[0] * r, a[1] + tf.exp(r)), x, initializer=(x[0], x[1]), reverse=True)
        fetches = [*y, *z, tf.foldl(lambda a, r: a * r + 1.0, x)]
        fetches += tf.gradients([tf.reduce_sum(t) for t in fetches[1:]], x)
        report = Report()
        program = specialize(prune(fetches, [], [x]), [(5, 3)], lambda op: op.output.dims).program
        program = optimize_without_fusion(program, report)
        assert not loops_of(program) and report.passes["improve_loops"].fired["unrolled"] == 6
        assert optimize_without_fusion(program).ops == program.ops
        feeds, found = {x: np.random.default_rng(0).normal(size=(5, 3))}, []
        for backend, skip in (("cpu", ""), ("reference", ""), ("reference", "improve_loops")):
            with tf.config(skip=skip), tf.Session(backend=backend) as session:
                found.append(session.run(fetches, feeds))
    for a, b, c in zip(*found, strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(b, c, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", ["long", "much", "large", "draws", "writes"])
def test_other_loops_stay(case):
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [5000 if case == "large" else 5])
        v = tf.Variable(0.0)

        def body(i, a):
            for _ in range(40 if case == "much" else 1):
                a = tf.sin(a)
            if case == "draws":
                a += tf.random_uniform([5])
            return i + 1, a + v.assign_add(1.0) if case == "writes" else a

        y = tf.while_loop(lambda i, _: i < (9 if case == "long" else 4), body, [0, x])[1]
        assert len(loops_of(program_of([y], {x: tuple(x.shape.as_list())}))) == 1
