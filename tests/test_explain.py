"""explain, and what GRAPHFLOW_DEBUG logs: texts, counts and reasons; never how long something takes."""

import logging
import re

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.backends.clock import Clock
from graphflow.config import config
from graphflow.passes import optimize
from graphflow.plan import make_plan
from graphflow.plan_text import plan_text
from graphflow.program import prune, specialize
from graphflow.store import Store


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture
def lines(caplog):
    """The first lines of what was logged since the last call."""
    caplog.set_level(logging.WARNING, "graphflow")

    def taken():
        found = [re.sub(r"in \d+\.\d ms ", "", record.getMessage()).split("\n")[0] for record in caplog.records]
        caplog.clear()
        return found

    return taken


def layer():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    w = tf.Variable(np.full((4, 3), 0.5, np.float32), name="w")
    return x, tf.reduce_sum(tf.nn.relu(tf.matmul(x, w, name="xw") + 1.0, name="h"), 1, name="y")


def plan_of(y, x, dims):
    return make_plan(optimize(specialize(prune([y], [], [x]), [dims], lambda op: op.output.dims).program),
                     get_backend("cpu").lower)  # fmt: skip


def test_the_plan_with_and_without_times():
    x, y = layer()
    plan = plan_of(y, x, (2, 4))
    text = (
        "plan   feeds x:0 float32(2, 4)   fetches y:0 float32(2,)   steps 2   arena 128 B\n"
        "      FLOP  bytes\n"
        "   0    66    108  MatMul+Add+Relu xw+add+h   feed[0] float32(2, 4) state[w] float32(4, 3)"
        " const[0] float32() -> arena[0:24] float32(2, 3)\n"
        "   1     6     36  Sum y   arena[0:24] float32(2, 3) const[1] int32() -> fetch[0] float32(2,)\n"
        " all    72    144\n"
    ).replace("[w]", f"[{plan.program.ops[0].id}]")
    assert str(plan) == plan_text(plan) == text
    assert [line.split()[:6] for line in plan_text(plan, {0: 2e-6}).splitlines()[1:]] == [
        ["FLOP", "bytes", "us", "GFLOP/s", "GB/s"],
        ["0", "66", "108", "2.0", "0.03", "0.05"],
        ["1", "6", "36", "-", "-", "-"],
        ["all", "72", "144", "2.0", "0.04", "0.07"],
    ]


def test_a_sum_without_the_unknown_says_so():
    x = tf.placeholder(tf.float32, [3], name="x")
    with tf.Session(backend="cpu") as session:
        text = session.explain(tf.where(x > 1.0), {x: np.zeros(3)}).splitlines()
        assert text[-2].split() == ["all", ">3", ">19"]
        assert text[-1] == "and 0 operations more, when these shapes have come out"


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_explain_measures_as_many_runs_as_asked(backend):
    x, y = layer()
    count = tf.Variable(0.0)
    bump = count.assign_add(1.0)
    with tf.Session(backend=backend) as session:
        session.run(tf.global_variables_initializer())
        text = session.explain([y, bump], {x: np.ones((2, 4))}, runs=3)
        assert session.run(count) == 3.0
        rows = [line.split() for line in text[text.index("FLOP  ") :].splitlines()]
        assert rows[0] == ["FLOP", "bytes", "us", "GFLOP/s", "GB/s"]
        assert len(rows) == 5 and all(float(row[3]) > 0 for row in rows[1:])
        assert " us " not in session.explain([y, bump], {x: np.ones((2, 4))})
        assert " us " in tf.explain(y, {x: np.ones((2, 4))}, session, runs=1)


def test_explain_with_runs_goes_all_the_way():
    x = tf.placeholder(tf.float32, [None])
    picked = tf.gather(x, tf.where(x > 1.0)[:, 0], name="picked")
    with tf.Session() as session:
        text = session.explain(picked, {x: [1.0, 2.0, 3.0]}, runs=2)
        assert text.count("plan ") == 2 and "fetches picked:0 float32(2,)" in text


def test_explain_follows_a_variable_that_grows():
    v = tf.Variable([1.0], validate_shape=False)
    grow = tf.assign(v, tf.concat([v, v], 0), validate_shape=False)
    with tf.Session() as session:
        session.run(v.initializer)
        session.explain(grow, runs=4)
        assert session.run(v).tolist() == [1.0] * 16


def test_explain_raises_what_a_run_raises():
    x, y = layer()
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="must be fed"):
            session.explain(y)
        with pytest.raises(tf.errors.FailedPreconditionError, match="'w'"):
            session.explain(y, {x: np.ones((2, 4))}, runs=1)


def test_a_measured_plan_is_one_native_call_too():
    x, y = layer()
    backend = get_backend("cpu")
    plan, store, clock = plan_of(y, x, (2, 4)), Store(), Clock()
    store.write(plan.program.ops[0], np.full((4, 3), 0.5, np.float32))
    plain, timed = backend.compile(plan, store), backend.compile(plan, store, clock)
    assert len(plain._parts) == len(timed._parts) == 1
    feed = np.ones((2, 4), np.float32)
    assert clock.seconds() == {} and clock.runs == 0
    for _ in range(3):
        np.testing.assert_array_equal(plain([feed])[0], timed([feed])[0])
    assert {number: len(spans) for number, spans in clock.spans().items()} == {0: 3, 1: 3} and clock.runs == 3


def test_a_step_that_has_nothing_to_do_has_no_time():
    x, y = layer()
    with tf.Session(backend="cpu") as session:
        session.run(tf.global_variables_initializer())
        text = session.explain(y, {x: np.ones((0, 4))}, runs=1)
        assert [line.split()[3] for line in text.splitlines()[-3:]] == ["-", "-", "-"]


def test_the_clock_takes_the_median_and_no_failures():
    clock, stamps = Clock(), np.zeros((1, 2, 2), np.int64)
    times = iter([(1, 6), (7, 8), (9, 11)])
    part = clock.around_native([-1, 0], [0], stamps, lambda: np.copyto(stamps[0, 1], next(times)))
    for _ in range(3):
        part()
    assert not stamps.any()

    def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        clock.around(1, fail)()
    assert clock.around(1, lambda a, b: a + b)(1, b=2) == 3
    assert clock.seconds()[0] == 2e-9 and len(clock.spans()[1]) == 1
    assert clock.last().spans() == {0: [(9, 2)], 1: clock.spans()[1]}


def test_what_threads_waited_for_each_other():
    """Two threads and three kernels, the second of which the first thread runs alone."""
    clock, stamps = Clock(), np.zeros((2, 3, 2), np.int64)
    first = [(1000, 5000), (6000, 7000), (7100, 9000)]
    second = [(2000, 3000), (0, 0), (7200, 12000)]
    clock.around_native([0, 1, 2], [0, 77], stamps, lambda: np.copyto(stamps, [first, second]))()
    assert list(clock.waits()) == [
        (0, 5000, 1000), (0, 9000, 3000), (77, 1000, 1000), (77, 3000, 4200),
    ]  # fmt: skip
    assert clock.shares()[0] == [{0: (1000, 4000), 77: (2000, 1000)}] and clock.shares()[1] == [{0: (6000, 1000)}]
    assert clock.spans() == {0: [(1000, 4000)], 1: [(6000, 1000)], 2: [(7100, 4900)]}
    clock.around_native([2], [0, 77], stamps[:, :1], lambda: np.copyto(stamps[:, 0], [(0, 0), (13000, 14000)]))()
    assert clock.shares()[2] == [{0: (7100, 1900), 77: (7200, 6800)}]  # a step of two parts
    clock.around_native([0], [0, 77], stamps[:, :1], lambda: np.copyto(stamps[0, 0], (1, 2)))()
    assert len(list(clock.waits())) == 4  # nobody waits in a run that one thread has made


# -- GRAPHFLOW_DEBUG ------------------------------------------------------------------------------------------------
def test_why_the_cache_missed(lines):
    x, y = layer()
    v = tf.Variable([1.0], validate_shape=False, name="v")
    z = tf.multiply(v, 2.0, name="z")
    picked = tf.gather(x, tf.where(x[:, 0] > 1.0)[:, 0], name="picked")
    with tf.Session(backend="cpu") as session, config(debug=1):
        session.run(tf.variables_initializer([tf.global_variables()[0]]))
        with config(debug=0):
            session.run(v.initializer)
        for dims in ((2, 4), (2, 4), (3, 4)):
            session.run(y, {x: np.ones(dims)})
        session.run(y, {"xw:0": np.ones((5, 3))})
        session.run([y, z], {x: np.ones((3, 4))})
        session.run(z)
        with config(debug=0):
            session.run(tf.assign(v, [1.0, 2.0], validate_shape=False))
        session.run(z)
        assert lines() == [
            "compiled 1 steps for init, because of new fetches",
            "compiled 2 steps for y:0, because of new fetches",
            "compiled 2 steps for y:0, because of new shapes: x:0 (3, 4) after (2, 4)",
            "compiled 1 steps for y:0, because of new feeds: xw:0",
            "compiled 3 steps for y:0, z:0, because of new fetches",
            "compiled 1 steps for z:0, because of new fetches",
            "compiled 1 steps for z:0, because of a variable with another shape: v",
        ]
        session.run(picked, {x: np.full((2, 4), 3.0)})
        session.explain(y, {x: np.ones((2, 4))}, runs=1)
        first, second, third = lines()
        assert first.endswith("because of new fetches; on the reference: Where")
        assert re.search(r"for picked:0, because of shapes that came out: .*Where:0 \(2, 1\)", second)
        assert third == "compiled 2 steps for y:0, because of explain"


def test_the_times_are_logged_now_and_then(lines, caplog):
    x, y = layer()
    feeds = {x: np.ones((2, 4))}
    with tf.Session(backend="cpu") as session, config(debug=2):
        session.run(tf.global_variables_initializer())
        lines()
        session.run(y, feeds)
        assert re.search(r"\n   0 +66 +108 +\d+\.\d +\d+\.\d\d +\d+\.\d\d  MatMul\+Add\+Relu xw\+add\+h ", caplog.text)
        assert lines() == [
            "compiled 2 steps for y:0, because of new fetches",
            "specialized: 8 operations for y:0",
            "median times of 1 runs",
        ]
        for _ in range(99):
            session.run(y, feeds)
        assert lines() == ["median times of 10 runs", "median times of 100 runs"]
        assert " us " in session.explain(y, feeds)


@pytest.mark.parametrize(("debug", "first"), [(0, []), (1, ["compiled"]), (2, ["compiled", "specialized:", "median"]),
                         (3, ["compiled", "specialized:", "plan", "median"]),
                         (4, ["compiled", "specialized:", "plan", "elementwise", "median"])])  # fmt: skip
def test_each_level_adds_to_the_one_below(debug, first, lines):
    x = tf.placeholder(tf.float32, [3])
    with tf.Session(backend="cpu") as session, config(debug=debug):
        session.run(tf.exp(x), {x: np.ones(3)})
    assert [line.split()[0] for line in lines()] == first
