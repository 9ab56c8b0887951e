"""Random programs: every pass keeps the meaning, twice is the same as once, and the verifier agrees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as tf
from graphflow.config import config
from graphflow.errors import OpError
from graphflow.ops.fused import members
from graphflow.passes import PIPELINE, Report, optimize
from graphflow.passes.verify import verify
from graphflow.program import prune, specialize
from graphflow.testing import plain_records, random_program
from graphflow.text import program_text

NAMES = [apply.__name__ for apply in PIPELINE]

# What these change is said in their reasons, and tested rule by rule.
INEXACT = {
    "power_of_two", "power_of_minus_one", "log_of_softmax", "exp_of_log", "multiply_twice", "reduce_one_element",
    "transpose_into_matmul_left", "transpose_into_matmul_right", "expanded",
}  # fmt: skip


def outcome(fetches, feeds, skip, backend="reference"):
    """The fetched values, or the message of the error."""
    with config(check=1, skip=",".join(skip)), tf.Session(backend=backend) as session:
        session.run(tf.global_variables_initializer())
        try:
            return session.run(fetches, feeds)
        except OpError as error:
            return str(error).splitlines()[0]


def rules_fired(fetches, feeds, skip):
    """The names of what fires when these passes are left out: one pass can take away what another would change."""
    report = Report()
    with config(skip=",".join(skip)):
        optimize(specialized(fetches, feeds), report)
    return {rule for change in report.passes.values() for rule in change.fired}


def assert_same(got, want):
    """Equal to the bit: NaN where there was NaN, and zeros of the same sign."""
    assert isinstance(got, str) == isinstance(want, str)
    if isinstance(want, str):
        assert got == want
        return
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype and a.shape == b.shape
        if a.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_passes_keep_the_values(seed):
    with tf.Graph().as_default():
        fetches, feeds = random_program(np.random.default_rng(seed))
        want = outcome(fetches, feeds, NAMES)
        for skip in ([], *([n for n in NAMES if n != alone] for alone in NAMES)):
            if not rules_fired(fetches, feeds, skip) & INEXACT:
                assert_same(outcome(fetches, feeds, skip), want)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_kernels_of_regions_give_what_those_of_their_members_give(seed):
    """Up to the order of sums: the passes that make other kernels, and no others, on the CPU."""
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        fetches, feeds = random_program(np.random.default_rng(seed), operations=14)
        others = [n for n in NAMES if n not in ("fuse_regions", "merge_updates")]
        want, got = (outcome(fetches, feeds, skip, "cpu") for skip in (NAMES, others))
        assert isinstance(got, str) == isinstance(want, str)
        if isinstance(want, str):
            assert got == want
            return
        for a, b in zip(got, want, strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            scale = np.abs(b[np.isfinite(b)]).max(initial=0)
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * float(scale))


def test_random_programs_have_what_regions_and_merged_updates_are_made_of():
    made, fired = set(), set()
    for seed in range(120):
        with tf.Graph().as_default():
            fetches, feeds = random_program(np.random.default_rng(seed), operations=20)
            program = optimize(specialized(fetches, feeds), report := Report())
            fired |= {rule for change in report.passes.values() for rule in change.fired}
            made |= {op.type for region in program.ops for op in members(region)}
    assert {"fused", "merged"} <= fired
    assert {"MatMul", "Sum", "Max", "Exp", "AssignAdd", "RandomUniform"} <= made


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_twice_is_once(seed):
    with tf.Graph().as_default():
        fetches, feeds = random_program(np.random.default_rng(seed), operations=20)
        program = specialized(fetches, feeds)
        for apply in PIPELINE:
            once = apply(program, None)
            verify(once, program, apply.__name__)
            assert program_text(apply(once, None)) == program_text(once), apply.__name__
            program = once


def specialized(fetches, feeds):
    dims = [v.shape for v in feeds.values()]
    return specialize(prune(fetches, [], list(feeds)), dims, lambda op: op.output.dims).program


def test_the_programs_reach_far():
    names = {record.name for record in plain_records()}
    assert len(names) > 60 and {"Add", "Exp", "Relu", "Softmax", "SelectV2", "AddN"} - names == {"SelectV2"}


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_gives_one_program(seed):
    texts = []
    for _ in range(2):
        with tf.Graph().as_default():
            texts.append(program_text(specialized(*random_program(np.random.default_rng(seed)))))
    assert texts[0] == texts[1]
