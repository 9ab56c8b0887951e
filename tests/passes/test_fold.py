"""Constant folding and merging."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.errors import InvalidArgumentError
from graphflow.ops.arithmetic import ADD, SQUARED_DIFFERENCE
from graphflow.ops.division import FLOOR_DIV
from graphflow.passes.cse import freeze, merge_common
from graphflow.passes.fold import fold_constants
from graphflow.passes.prune import drop_dead
from graphflow.program import prune, specialize
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


def types(program):
    return [op.type for op in program.ops]


# -- folding -------------------------------------------------------------------------------------------------------
def test_what_depends_on_constants_alone_is_one_constant():
    x = tf.placeholder(tf.float32, [2])
    y = x + tf.square(tf.constant([0.5, 1.5]) * 2.0)
    text = program_text(fold_constants(program_of([y], {x: (2,)}))).splitlines()
    assert text == [
        "feed %0 float32(2,) 'Placeholder'",
        "%1 = Const [1.0, 9.0] float32(2,) 'Square'",
        "%2 = Add(%0, %1) float32(2,) 'add'",
        "fetch %2",
    ]


def test_shape_arithmetic_folds():
    x = tf.placeholder(tf.float32, [None, 4])
    y = tf.reshape(x, tf.stack([tf.shape(x)[0] * 2, -1]))
    z = y * tf.to_float(tf.reshape(tf.range(tf.size(x)), tf.shape(y)))
    program = fold_constants(program_of([z], {x: (3, 4)}))
    assert types(program) == ["Const", "Reshape", "Const", "Mul"] and program.fetches[0].dims == (6, 2)


def test_several_outputs_fold():
    a, b = tf.split(tf.constant([1.0, 2.0]), 2)
    program = fold_constants(program_of([a, b]))
    assert [op.attrs["value"].tolist() for op in program.ops] == [[1.0], [2.0]]


def test_zeros_and_ones_of_a_known_shape_fold():
    x = tf.placeholder(tf.float32, [2])
    assert types(fold_constants(program_of([tf.zeros_like(x)], {x: (2,)}))) == ["Const"]


def test_large_values_do_not_fold():
    program = program_of([tf.fill([200, 200], 1.5), tf.reduce_sum(tf.constant(np.ones(20_000, np.float32)))])
    assert fold_constants(program).ops == program.ops


def test_draws_and_variables_do_not_fold():
    v = tf.Variable(1.0)
    drawn = tf.random_uniform([2], seed=1)
    program = drop_dead(program_of([drawn, v + 1.0, v.assign(2.0)]))
    folded = fold_constants(program)
    assert {"RandomUniform", "VariableV2", "Assign"} <= set(types(folded))


def test_an_error_waits_for_the_run():
    y = FLOOR_DIV(tf.constant([1]), tf.constant([0]), name="quotient")
    program = program_of([y])
    assert "FloorDiv" in types(fold_constants(program))
    with tf.Session() as session, pytest.raises(InvalidArgumentError, match="division by zero") as raised:
        session.run(y)
    assert "'quotient'" in str(raised.value)


def test_a_fed_constant_is_not_folded():
    c = tf.constant(2.0)
    y = tf.exp(c * 1.5)
    with tf.Session() as session:
        np.testing.assert_allclose(session.run([y, y], {c: 0.0}), [1.0, 1.0])


# -- merging -------------------------------------------------------------------------------------------------------
def test_equal_operations_are_one():
    x = tf.placeholder(tf.float32, [2])
    y = tf.placeholder(tf.float32, [2])
    program = merge_common(program_of([tf.exp(x + y), tf.exp(y + x), tf.exp(x - y), tf.exp(y - x)],
                                      {x: (2,), y: (2,)}))  # fmt: skip
    assert types(program) == ["Add", "Exp", "Sub", "Exp", "Sub", "Exp"]
    assert program.fetches[0] is program.fetches[1]
    with tf.Session() as session:
        a, b = session.run([x + y, y + x], {x: [1.0, 2.0], y: [3.0, 4.0]})
        a[0] = 9.0  # each fetch is the caller's own
        assert b.tolist() == [4.0, 6.0]


def test_attributes_tell_operations_apart():
    x = tf.placeholder(tf.float32, [2, 2])
    products = [tf.matmul(x, x, transpose_a=a) for a in (False, True, False)]
    assert types(merge_common(program_of(products, {x: (2, 2)}))) == ["MatMul", "MatMul"]
    casts = [tf.cast(x, t) for t in (tf.float64, tf.int32, tf.float64)]
    assert types(merge_common(program_of(casts, {x: (2, 2)}))) == ["Cast", "Cast"]


def test_constants_merge_by_their_bits():
    values = [tf.constant(v) for v in (0.0, -0.0, 0, False, 0.0, [0.0], np.float64(0), np.nan, np.nan, "a", "a", b"b")]
    assert len(merge_common(program_of(values)).ops) == 9


def test_draws_writes_and_reads_stay_apart():
    v = tf.Variable(1.0)
    drawn = [tf.random_uniform([2], seed=7) for _ in range(2)]
    adds = [v.assign_add(1.0) for _ in range(2)]
    program = merge_common(program_of([*drawn, *adds, v.read_value(), v.read_value()]))
    assert [types(program).count(t) for t in ("RandomUniform", "AssignAdd", "ReadVariable")] == [2, 2, 2]
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run([*adds, v.read_value()]) == [2.0, 3.0, 3.0]


def test_strings_are_added_in_order():
    a, b = tf.placeholder(tf.string, []), tf.placeholder(tf.string, [])
    assert ADD.commutative and SQUARED_DIFFERENCE.commutative
    with tf.Session() as session:
        assert session.run([a + b, b + a], {a: "x", b: "y"}) == [b"xy", b"yx"]


def test_keys():
    array = np.arange(3)
    assert freeze({"a": [1, (2.0, tf.float32)], "b": array}) == freeze({"b": array.copy(), "a": [1, (2.0, tf.float32)]})
    assert len({freeze(v) for v in (0.0, -0.0, 0, False, None, "0", (0,), [0], np.float32(0), 0j)}) == 10
    assert freeze(float("nan")) == freeze(float("nan")) and freeze(np.zeros(2)) != freeze(np.zeros((2, 1)))
    big = np.zeros(1 << 17)
    assert freeze(big) == freeze(big) != freeze(big.copy())
    assert freeze(np.array(["a"], object)) == freeze(np.array(["a"], object))
