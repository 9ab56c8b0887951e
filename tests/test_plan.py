"""Where values live: over an input that is done with, never over one that is not, in an arena that is small."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as tf
from graphflow.arena import LIMIT, largest_live, packed
from graphflow.backends import get_backend
from graphflow.passes import optimize
from graphflow.plan import make_plan
from graphflow.plan_check import check_plan
from graphflow.program import prune, specialize
from graphflow.testing import count_calls, random_program


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def plan_of(fetches, feeds, targets=(), fused=True):
    stage = specialize(prune(fetches, targets, list(feeds)), list(feeds.values()), lambda op: op.output.dims)
    return make_plan(optimize(stage.program) if fused else stage.program, get_backend("cpu").lower)


def where(plan, kind):
    """(arena inputs, outputs) of the steps of this type, as text."""
    return [([str(b) for b in s.inputs if b.kind == "arena"], [str(b) for b in s.outputs])
            for s in plan.steps if s.op.type == kind]  # fmt: skip


def test_an_elementwise_step_writes_over_an_input_that_dies():
    x = tf.placeholder(tf.float32, [8, 8])
    m = tf.cumsum(x)
    plan = plan_of([tf.matmul(m * x + m, x)], {x: (8, 8)})
    assert where(plan, "Fused") == [(["arena[0:256]"], ["arena[0:256]"])]
    assert plan.arena_bytes == 256 + 64  # what the product asks for


@pytest.mark.parametrize("make", [
    lambda m, x: (m * x, m),  # the input is wanted later
    lambda m, x: (tf.cast(m, tf.int32),),  # the same size, another type
    lambda m, x: (tf.reshape(m, [8, 1, 8]) * x,),  # read again and again
    lambda m, x: (tf.exp(x),),  # a feed
    lambda m, x: (tf.exp(tf.constant(np.ones((8, 8), np.float32))),),
], ids=["wanted", "type", "broadcast", "feed", "const"])  # fmt: skip
def test_no_step_writes_over_anything_else(make):
    x = tf.placeholder(tf.float32, [8, 8])
    first, *later = make(tf.transpose(x), x)
    fetches = [tf.cumsum(first), *(tf.cumsum(t) for t in later)]
    plan = plan_of(fetches, {x: (8, 8)}, fused=False)
    step = next(s for s in plan.steps if s.op.name == first.op.name)
    assert not {str(b) for b in step.inputs} & {str(b) for b in step.outputs}
    check_plan(plan)


def test_a_variable_is_added_to_itself_in_place():
    v = tf.Variable(np.arange(5, dtype=np.float32))
    twice = v.assign_add(v)
    (step,) = plan_of([], {}, [twice.op]).steps
    assert {str(b) for b in step.inputs} == {str(b) for b in step.outputs}
    with tf.Session(backend="cpu") as session:
        session.run(v.initializer)
        session.run(twice.op)
        assert session.run(v).tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("seed", range(60))
def test_plans_of_random_programs_are_sound_and_small(seed):
    rng = np.random.default_rng(seed)
    fetches, feeds = random_program(rng, operations=40)
    fetches = [t for t in fetches if t not in feeds]
    for fused in (True, False):
        plan = plan_of(fetches, {t: v.shape for t, v in feeds.items()}, fused=fused)
        assert check_plan(plan) <= plan.arena_bytes <= LIMIT * check_plan(plan)


def test_the_checker_finds_what_is_wrong():
    x = tf.placeholder(tf.float32, [8, 8])
    a = tf.cumsum(x)
    plan = plan_of([tf.matmul(a, tf.matmul(a, x))], {x: (8, 8)})
    assert check_plan(plan) == plan.arena_bytes == 512 + 64  # what the products ask for
    first, second, third = plan.steps
    here, there = first.outputs[0], second.outputs[0]
    for steps, what in (
        ((first, second._replace(outputs=(here,)), third), "needs itself"),
        ((first, second, first._replace(outputs=(here._replace(index=64),)), third), "after something"),
        ((first, second._replace(outputs=(there._replace(index=1024),)), third), "outside"),
    ):
        with pytest.raises(tf.errors.InternalError, match=what):
            check_plan(replace(plan, steps=steps))


slots = st.lists(st.tuples(st.integers(1, 40).map(lambda n: 64 * n), st.integers(0, 20), st.integers(0, 8))
                 .map(lambda s: (s[0], s[1], s[1] + s[2])), min_size=1, max_size=30)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(slots)
def test_packing_keeps_apart_what_lives_together(slots):
    goal = LIMIT * largest_live(slots)
    offsets, size = packed(slots, goal)
    for i, (n, birth, death) in enumerate(slots):
        assert offsets[i] + n <= size
        for j in range(i):
            m, born, dead = slots[j]
            together = birth <= dead and born <= death
            assert not together or offsets[i] + n <= offsets[j] or offsets[j] + m <= offsets[i]
    assert size >= largest_live(slots)


def test_packing_does_what_the_smallest_gap_cannot():
    """Small values that outlive large ones, in the middle of where larger ones go next."""
    slots = [(64 * (1 + i % 3 * (i % 5)), i, i + (9 if i % 4 == 0 else 1)) for i in range(60)]
    assert packed(slots, 0)[1] <= LIMIT * largest_live(slots)


def test_planning_is_linear_in_the_number_of_steps():
    def calls(n):
        with tf.Graph().as_default():
            h = x = tf.placeholder(tf.float32, [64])
            for i in range(n):
                h = tf.cumsum(h) if i % 2 else tf.exp(h)
            program = specialize(prune([h], [], [x]), [(64,)], lambda op: op.output.dims).program
            lower = get_backend("cpu").lower
            make_plan(program, lower)
            return count_calls(lambda: make_plan(program, lower))

    assert calls(800) < 4.4 * calls(200)
