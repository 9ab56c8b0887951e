"""Prune, specialize, plan: what runs, with which shapes, and where its values live."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as tf
from graphflow.arena import Arena
from graphflow.backends import get_backend
from graphflow.passes.prune import drop_dead
from graphflow.plan import make_plan
from graphflow.program import prune, specialize


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def stage_of(fetches, feeds, targets=()):
    """The specialized first stage for fetches, feeds {tensor: shape} and targets, without what nobody needs."""
    program = prune(fetches, targets, list(feeds))
    stage = specialize(program, list(feeds.values()), lambda op: op.output.dims)
    return replace(stage, program=drop_dead(stage.program))


def plan_of(fetches, feeds, targets=()):
    return make_plan(stage_of(fetches, feeds, targets).program, get_backend("cpu").lower)


def types(program):
    return [op.type for op in program.ops]


def test_prune_keeps_what_is_needed_and_stops_at_feeds():
    x = tf.placeholder(tf.float32, [2])
    y = tf.exp(x)
    z = tf.log(y)
    tf.sin(x)
    assert types(prune([z], [], [x])) == ["Exp", "Log"]
    assert types(prune([z], [], [y])) == ["Log"]


def test_specialize_folds_shape_arithmetic():
    x = tf.placeholder(tf.float32, [None, 2, 3])
    flat = tf.reshape(x, [tf.shape(x)[0] * 2, -1])
    assert flat.shape.as_list() == [None, None]
    program = stage_of([flat], {x: (5, 2, 3)}).program
    assert program.fetches[0].dims == (10, 3) and types(program) == ["Const", "Reshape"]


def test_a_shape_that_values_decide_cuts_the_program():
    x = tf.placeholder(tf.float32, [None])
    rows = tf.where(x > 0.0)
    y = tf.gather(x, rows[:, 0]) * 2.0
    stage = stage_of([y], {x: (4,)})
    assert types(stage.program)[-1] == "Where" and stage.rest is not None
    assert {t.name for t in stage.rest.feeds} == {x.name, rows.name}


def test_dead_operations_go_and_writes_stay():
    v = tf.Variable([1.0, 2.0])
    x = tf.placeholder(tf.float32, [2])
    step = tf.group(v.assign_add(x * 2.0), tf.exp(x))
    assert types(stage_of([], {x: (2,)}, [step]).program) == ["Const", "Mul", "AssignAdd"]


def test_views_cost_no_step():
    x = tf.placeholder(tf.float32, [None, 4])
    y = tf.exp(tf.reshape(tf.identity(tf.expand_dims(x, 0)), [-1]))
    plan = plan_of([y], {x: (3, 4)})
    assert [s.op.type for s in plan.steps] == ["Exp"] and plan.arena_bytes == 0
    assert str(plan.steps[0].inputs[0]) == "feed[0]" and plan.steps[0].inputs[0].dims == (12,)


def test_the_plan_prints_as_stable_text():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    w = tf.Variable(tf.zeros([4, 2]), name="w")
    y = tf.nn.relu(tf.matmul(x, w), name="y")
    text = str(plan_of([y], {x: (3, 4)}))
    assert text == (
        "plan   feeds x:0 float32(3, 4)   fetches y:0 float32(3, 2)   steps 2   arena 128 B\n"
        "      FLOP  bytes\n"
        f"   0    48    104  MatMul MatMul   feed[0] float32(3, 4) state[{w.op.id}] float32(4, 2) -> "
        "arena[0:24] float32(3, 2)\n"
        "   1    12     48  Relu y   arena[0:24] float32(3, 2) -> fetch[0] float32(3, 2)\n"
        " all    60    152\n"
    )


def test_a_chain_of_elementwise_steps_needs_one_buffer_and_others_two():
    h = x = tf.placeholder(tf.float32, [256])
    for _ in range(50):
        h = tf.exp(h)
    plan = plan_of([h], {x: (256,)})
    assert plan.arena_bytes == 1024 and len(plan.steps) == 50
    h = x = tf.placeholder(tf.float32, [16, 16])
    for _ in range(50):
        h = tf.transpose(h)
    assert plan_of([h], {x: (16, 16)}).arena_bytes == 2 * 1024


def test_in_place_update_of_a_variable():
    v = tf.Variable(np.zeros(4, np.float32))
    before = v + 1.0
    update = v.assign_sub([1.0, 1.0, 1.0, 1.0])
    plan = plan_of([], {}, [update.op])
    assert [s.op.type for s in plan.steps] == ["AssignSub"] and not plan.steps[0].copy and plan.arena_bytes == 0
    kept = plan_of([before, update], {})  # the read comes first, nothing has to be saved
    assert not any(s.copy for s in kept.steps if s.op.type == "VariableV2")
    late = plan_of([update - v], {})  # the old value is wanted after the write
    assert [s.op.type for s in late.steps if s.copy] == ["VariableV2"]


@st.composite
def _programs(draw):
    """A random program: (operation, operands) over a growing list of values."""
    step = st.tuples(st.sampled_from(["exp", "add", "view", "write", "read"]), st.integers(0, 99), st.integers(0, 99))
    steps = draw(st.lists(step, min_size=1, max_size=14))
    return steps, draw(st.lists(st.integers(0, 99), min_size=1, max_size=4))


@settings(max_examples=60, deadline=None)
@given(_programs())
def test_no_two_live_values_share_bytes(case):
    """Every value that a step reads is the one that was put there, by a simulation of the plan's buffers."""
    steps, wanted = case
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [4])
        v = tf.Variable(np.zeros(4, np.float32))
        values = [x, v.value()]
        for kind, a, b in steps:
            a, b = values[a % len(values)], values[b % len(values)]
            made = {
                "exp": lambda: tf.tanh(a), "add": lambda: a + b, "view": lambda: tf.reshape(a, [4]),
                "write": lambda: v.assign(a), "read": lambda: v.read_value(),
            }[kind]()  # fmt: skip
            values.append(made)
        fetches = [values[i % len(values)] for i in wanted]
        init = v.initializer
        results = {}
        for backend in ("reference", "cpu"):
            with tf.Session(backend=backend) as session:
                session.run(init)
                results[backend] = session.run([*fetches, v], {x: [0.1, -0.2, 0.3, 2.0]}), session.run(v)
        for got, want in zip(results["cpu"][0], results["reference"][0], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6)
        np.testing.assert_allclose(results["cpu"][1], results["reference"][1], rtol=1e-6)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 5)), max_size=40))
def test_the_arena_never_gives_bytes_away_twice(requests):
    arena, live = Arena(), []
    for size, life in requests:
        start = arena.take(size)
        assert start + size <= arena.size
        assert all(start + size <= s or s + n <= start for s, n, _ in live)
        live.append((start, size, life))
        live = [(s, n, left - 1) for s, n, left in live if left or arena.free(s, n)]
    top = arena.size
    for s, n, _ in live:
        arena.free(s, n)
    assert arena.take(top) == 0 or top == 0
