"""The passes one after the other: switches, report, dump, and time in proportion."""

import numpy as np
import pytest

import graphflow as tf
from graphflow import passes
from graphflow.config import config
from graphflow.errors import InternalError
from graphflow.passes import PIPELINE, Report, optimize
from graphflow.passes.engine import Substitution
from graphflow.program import prune, specialize
from graphflow.testing import count_calls
from graphflow.text import program_text


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def program_of(fetches, feeds=(), targets=()):
    """feeds: {tensor: shape}"""
    return specialize(
        prune(fetches, targets, list(feeds)), list(dict(feeds).values()), lambda op: op.output.dims
    ).program


def layer():
    """-(relu(x.T.T @ w + b) * 1) and what it is fed."""
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    w = tf.Variable(np.full((4, 3), 0.5, np.float32), name="w")
    b = tf.Variable(np.zeros(3, np.float32), name="b")
    h = tf.nn.relu(tf.matmul(tf.transpose(tf.transpose(x)), w) + b, name="h")
    return x, tf.negative(h * 1.0, name="y")


OPTIMIZED = """\
feed %0 float32(2, 4) 'x'
%1 = VariableV2(dtype=float32, shape=(4, 3)) float32(4, 3) 'w'
%2 = VariableV2(dtype=float32, shape=(3,)) float32(3,) 'b'
%3 = Fused(%0, %1, %2, region=MatMul+Add+Relu+Neg) float32(2, 3) 'y'
fetch %3
"""


def test_the_printed_program():
    x, y = layer()
    with config(check=1):
        assert program_text(optimize(program_of([y], {x: (2, 4)}))) == OPTIMIZED


def test_the_report():
    x, y = layer()
    report = Report()
    optimize(program_of([y], {x: (2, 4)}), report)
    assert str(report) == (
        "specialized: 14 operations for y:0\n"
        "drop_dead: 14 operations; nothing to do\n"
        "fold_constants: 14 operations; nothing to do\n"
        "simplify: 6 operations; multiply_by_one 1, pass_on 2, transpose_moves_nothing 1, transpose_of_transpose 1; "
        "gone Const 3, Identity 2, Mul 1, Transpose 2\n"
        "expand_composites: 6 operations; nothing to do\n"
        "merge_common: 6 operations; nothing to do\n"
        "improve_loops: 6 operations; nothing to do\n"
        "multiply_rows_once: 6 operations; nothing to do\n"
        "assign_layouts: 6 operations; nothing to do\n"
        "fuse_regions: 3 operations; fused 3; gone Add 1, MatMul 1, Neg 1, Relu 1; made MatMul+Add+Relu+Neg 1\n"
        "extend_epilogues: 3 operations; nothing to do\n"
        "merge_updates: 3 operations; nothing to do\n"
    )


@pytest.mark.parametrize("skipped", ["", "simplify", "drop_dead, fold_constants", "drop_dead,fold_constants,simplify,"
                                     "merge_common,fuse_regions"])  # fmt: skip
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_passes_can_be_left_out(skipped, backend):
    x, y = layer()
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean(tf.square(y)))
    with config(skip=skipped, check=1), tf.Session(backend=backend) as session:
        session.run(tf.global_variables_initializer())
        for _ in range(2):
            value, _ = session.run([y, train], {x: np.ones((2, 4))})
        np.testing.assert_allclose(value, np.full((2, 3), -4 / 3), rtol=1e-6)


def test_an_unknown_name_to_skip_lists_the_names():
    x, y = layer()
    with config(skip="simplify,fuse_everything"), tf.Session() as session, pytest.raises(ValueError) as raised:
        session.run(y, {x: np.ones((2, 4))})
    assert str(raised.value) == (
        "GRAPHFLOW_SKIP names no pass by fuse_everything; the passes are "
        "drop_dead, fold_constants, simplify, expand_composites, merge_common, improve_loops, multiply_rows_once, "
        "assign_layouts, fuse_regions, extend_epilogues, merge_updates"
    )


def test_the_dump_has_a_folder_for_each_compile(tmp_path):
    x, y = layer()
    with config(dump=str(tmp_path / "dump"), skip="fold_constants"), tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for n in (2, 2, 3):
            session.run(y, {x: np.ones((n, 4))})
    folders = sorted(p.name for p in (tmp_path / "dump").iterdir())
    assert folders == ["0001", "0002", "0003"]
    files = sorted(p.name for p in (tmp_path / "dump" / "0002").iterdir())
    stages = ["00-specialize", "01-drop_dead", "03-simplify", "04-expand_composites", "05-merge_common",
              "06-improve_loops", "07-multiply_rows_once", "08-assign_layouts", "09-fuse_regions",
              "10-extend_epilogues", "11-merge_updates"]  # fmt: skip
    assert files == [f"{stage}.{kind}" for stage in stages for kind in ("dot", "txt")]
    assert (tmp_path / "dump" / "0002" / files[-1]).read_text() == OPTIMIZED
    assert "after merge_updates: 3 operations" in (tmp_path / "dump" / "0002" / files[-2]).read_text()


def test_a_dump_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    x, y = layer()
    with (
        config(dump=str(tmp_path / "file")),
        tf.Session() as session,
        pytest.raises(ValueError, match="GRAPHFLOW_DUMP"),
    ):
        session.run(y, {x: np.ones((2, 4))})


def test_a_wrong_pass_is_found_and_named(monkeypatch):
    def lose_writes(program, fired=None):
        copy = Substitution(program)
        for op in program.ops:
            if not op.definition.writes:
                copy.put(op, op)
        return copy.finish()

    monkeypatch.setattr(passes, "PIPELINE", (*PIPELINE, lose_writes))
    v = tf.Variable(1.0)
    with config(check=1), tf.Session() as session, pytest.raises(InternalError, match="after lose_writes"):
        session.run(v.initializer)


def test_a_value_from_before_a_write_survives():
    v = tf.Variable([1.0, 2.0])
    old = tf.identity(v)
    first = v.assign([5.0, 6.0])
    second = v.assign(old + 0.0)
    back = v.assign(old)
    for backend in ("reference", "cpu"):
        with tf.Session(backend=backend) as session:
            session.run(v.initializer)
            assert [a.tolist() for a in session.run([first, second, back])] == [[5.0, 6.0], [1.0, 2.0], [1.0, 2.0]]


def test_targets_that_are_replaced():
    v = tf.Variable(1.0)
    x = tf.placeholder(tf.float32, [])
    for target in (tf.identity(x).op, (x * 1.0).op, tf.constant(2.0).op, v.op, tf.group(v.assign_add(x))):
        with tf.Session() as session:
            session.run(v.initializer)
            assert session.run(target, {x: 3.0}) is None
    with tf.Session() as session, pytest.raises(tf.errors.FailedPreconditionError):
        session.run(tf.identity(v).op)


def test_shapes_that_values_decide():
    x = tf.placeholder(tf.float32, [None])
    rows = tf.where(x * 1.0 > 0.0)
    y = tf.gather(x, rows[:, 0]) * 1.0
    with config(check=1), tf.Session() as session:
        assert session.run(y, {x: [1.0, -1.0, 2.0]}).tolist() == [1.0, 2.0]


def test_work_grows_in_proportion():
    def calls(n):
        with tf.Graph().as_default():
            h = x = tf.placeholder(tf.float32, [8])
            for _ in range(n // 3):
                h = tf.nn.relu(h * 1.0001 + 0.5)
            program = program_of([h], {x: (8,)})
            assert len(optimize(program).ops) < n / 20
            return count_calls(lambda: optimize(program))

    calls(300)
    assert calls(15_000) < 12 * calls(1_500)
