"""Every rule: the printed program, and the values to the last bit, on NaN, infinities and both zeros too."""

import re

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends.reference import evaluate
from graphflow.ops.arithmetic import SUB
from graphflow.ops.basic import CAST, IDENTITY
from graphflow.ops.shape_ops import SUM_TO
from graphflow.passes.fold import fold_constants
from graphflow.passes.simplify import RULES, simplify
from graphflow.passes.verify import verify
from graphflow.program import prune, specialize
from graphflow.store import Store
from graphflow.text import program_text

F = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 3e38, 1e-45], np.float32)
WHOLE = np.array([0, 1, -1, 7, 2**31 - 1, -(2**31)], np.int32)
M = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
U = np.array([[1.0, 2.0], [-3.0, 0.5]], np.float32)


def before_and_after(make, *values):
    """The specialized program of make(*placeholders), and the simplified one; constants are folded in both."""
    with tf.Graph().as_default():
        feeds = [tf.placeholder(v.dtype, v.shape) for v in values]
        program = specialize(prune([make(*feeds)], [], feeds), [v.shape for v in values], lambda op: op.output.dims)
        program = fold_constants(program.program)
        return program, simplify(program)


def calls(program):
    """The operations without names and types, `x`, `y` for the feeds; constants stand where they are used."""
    text = program_text(program)
    known = {f"%{i}": name for i, name in zip(range(len(program.feeds)), "xyz", strict=False)}
    lines = []
    for line in text.splitlines():
        line = re.sub(r" '[^']*'$", "", line)
        line = re.sub(r"%\d+", lambda m: known.get(m[0], m[0]), line)
        if match := re.match(r"(%\d+) = Const (.*?) \w+\(.*\)$", line):
            known[match[1]] = match[2]
        elif match := re.match(r"(%\d+) = (.*) \w+\([\d, ]*\)$", line):
            known[match[1]] = match[2]
            lines = [match[2]]
        elif line.startswith("fetch"):
            lines = [line.removeprefix("fetch ")]
    return lines[0]


def same_bits(got, want):
    np.testing.assert_array_equal(got, want)
    if want.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(got) & ~np.isnan(got), np.signbit(want) & ~np.isnan(want))


def check(make, values, expected, exact=True):
    program, simple = before_and_after(make, *values)
    assert calls(simple) == expected
    verify(simple, program)
    assert program_text(simplify(simple)) == program_text(simple)
    (want,), (got,) = evaluate(program, values, Store()), evaluate(simple, values, Store())
    if exact:
        same_bits(got, want)
    else:
        np.testing.assert_array_max_ulp(got, want, 1)


ELEMENTWISE = {
    "multiply_by_one": [(lambda x: x * 1.0, "x"), (lambda x: 1.0 * x, "x"), (lambda x: x * tf.ones_like(x), "x")],
    "divide_by_one": [(lambda x: x / 1.0, "x"), (lambda x: tf.div_no_nan(x, 1.0), "x")],
    "multiply_by_minus_one": [(lambda x: -1.0 * x, "Neg(x)"), (lambda x: x * [-1.0] * 1.0, "Neg(x)")],
    "divide_by_minus_one": [(lambda x: x / -1.0, "Neg(x)")],
    "add_zero": [(lambda x: x + -0.0, "x"), (lambda x: x + 0.0, "Add(x, 0.0)"),
                 (lambda x: tf.abs(x) + 0.0, "Abs(x)")],
    "subtract_zero": [(lambda x: x - 0.0, "x"), (lambda x: x - -0.0, "Sub(x, -0.0)")],
    "subtract_from_zero": [(lambda x: SUB(-0.0, x), "Neg(x)"), (lambda x: SUB(0.0, x), "Sub(0.0, x)")],
    "integer_times_zero": [(lambda x: x * 0.0, "Mul(x, 0.0)")],
    "integer_less_itself": [(lambda x: x - x, "Sub(x, x)")],
    "power_of_one": [(lambda x: x**1.0, "x")],
    "power_of_two": [(lambda x: x**2.0, "Square(x)")],
    "power_of_minus_one": [(lambda x: x**-1.0, "Reciprocal(x)")],
    "power_of_zero": [(lambda x: x**0.0, "OnesLike(x)")],
    "negative_of_negative": [(lambda x: -tf.negative(x), "x"), (lambda x: tf.negative(-(tf.negative(x))), "Neg(x)")],
    "add_negative": [(lambda x: 2.0 + -x, "Sub(2.0, x)"), (lambda x: -x + 2.0, "Sub(2.0, x)")],
    "subtract_negative": [(lambda x: 2.0 - -x, "Add(2.0, x)")],
    "sign_does_not_matter": [(lambda x: tf.square(-x), "Square(x)"), (lambda x: tf.abs(tf.abs(x)), "Abs(x)")],
    "negative_of_scaled": [(lambda x: -(x * 3.0), "Mul(x, -3.0)"), (lambda x: -(3.0 * x), "Mul(x, -3.0)")],
    "twice_is_once": [(lambda x: tf.nn.relu(tf.nn.relu(x)), "Relu(x)"), (lambda x: tf.floor(tf.ceil(x)), None)],
    "multiply_twice": [
        (lambda x: x * 2.0 * 4.0, "Mul(x, 8.0)"), (lambda x: x * 2.0 * 0.25, "Mul(Mul(x, 2.0), 0.25)"),
        (lambda x: x * 3.0 * 5.0, "Mul(Mul(x, 3.0), 5.0)"),
    ],
    "add_twice": [(lambda x: x + 1.0 + 2.0, "Add(Add(x, 1.0), 2.0)")],
    "divide_by_power_of_two": [
        (lambda x: x / 8.0, "Mul(x, 0.125)"), (lambda x: x / 3.0, "RealDiv(x, 3.0)"),
        (lambda x: x / np.inf, "RealDiv(x, inf)"), (lambda x: x / 0.0, "RealDiv(x, 0.0)"),
    ],
    "sum_of_one": [(lambda x: tf.add_n([x]), "x")],
    "sum_of_two": [(lambda x: tf.add_n([x, 2 * x]), "Add(x, Mul(2.0, x))")],
    "select_always": [(lambda x: tf.where(tf.fill([9], True), x, -x), "x")],
    "select_never": [(lambda x: tf.where(tf.fill([9], False), x, -x), "Neg(x)")],
    "pass_on": [(lambda x: tf.identity(tf.stop_gradient(x)), "x")],
    "cast_to_same": [(lambda x: CAST(x, dtype=tf.float32), "x")],
    "cast_of_cast": [
        (lambda x: tf.cast(tf.cast(x, tf.float64), tf.float32), "x"),
        (lambda x: tf.cast(tf.cast(x, tf.float64), tf.float16), "Cast(x, dtype=float16)"),
        (lambda x: tf.cast(tf.cast(x, tf.float16), tf.float32), "Cast(Cast(x, dtype=float16), dtype=float32)"),
    ],
    "concat_of_one": [(lambda x: tf.concat([x, x], 0), "ConcatV2(x, x, 0)")],
}  # fmt: skip


@pytest.mark.parametrize(("rule", "make", "expected"), [(r, *c) for r, cases in ELEMENTWISE.items() for c in cases])
def test_floats(rule, make, expected):
    program, simple = before_and_after(make, F)
    if expected is None:
        assert calls(simple) == calls(program)
        return
    exact = rule not in ("power_of_two", "power_of_minus_one")
    check(make, (F,), expected, exact)


INTEGERS = {
    "add_zero": (lambda x: x + 0, "x"),
    "subtract_zero": (lambda x: x - 0, "x"),
    "subtract_from_zero": (lambda x: SUB(0, x), "Neg(x)"),
    "multiply_by_one": (lambda x: x * 1, "x"),
    "divide_by_one": (lambda x: x // 1, "x"),
    "integer_times_zero": (lambda x: x * 0, "ZerosLike(x)"),
    "integer_less_itself": (lambda x: x - x, "ZerosLike(x)"),
    "multiply_twice": (lambda x: x * 3 * 5, "Mul(x, 15)"),
    "add_twice": (lambda x: x + 3 + 5, "Add(x, 8)"),
    "power_of_two": (lambda x: x**2, "Square(x)"),
    "negative_of_scaled": (lambda x: -(x * 3), "Mul(x, -3)"),
    "cast_of_cast": (lambda x: tf.cast(tf.cast(x, tf.float64), tf.int32), "x"),
    "lossy": (
        lambda x: tf.cast(tf.cast(x, tf.float32), tf.int32), "Cast(Cast(x, dtype=float32), dtype=int32)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", INTEGERS)
def test_integers(rule):
    make, expected = INTEGERS[rule]
    values = np.abs(WHOLE[:4]) if rule == "lossy" else WHOLE
    check(make, (values,), expected)


SHAPES = {
    "reshape_to_same": (lambda x: tf.reshape(x, [2, -1]), "x"),
    "reshape_of_reshape": (lambda x: tf.reshape(tf.expand_dims(x, 0), [3, 2]), "Reshape(x, [3, 2])"),
    "reshape_of_squeeze": (lambda x: tf.reshape(tf.squeeze(tf.expand_dims(x, 0)), [6]), "Reshape(x, [6])"),
    "squeeze_of_reshape": (lambda x: tf.squeeze(tf.reshape(x, [1, 6])), "Reshape(x, [6])"),
    "squeeze_nothing": (lambda x: tf.squeeze(x), "x"),
    "transpose_moves_nothing": (
        lambda x: tf.transpose(tf.expand_dims(x, 0), [1, 0, 2]), "Reshape(x, [2, 1, 3])"
    ),
    "transpose_of_transpose": (lambda x: tf.transpose(tf.transpose(x)), "x"),
    "sum_to_known": (lambda x: SUM_TO(x, [3]), "Sum(x, [0], keep_dims=False)"),
    "same_size": (lambda x: tf.pad(tf.tile(tf.broadcast_to(x, [2, 3]), [1, 1]), [[0, 0], [0, 0]]), "x"),
    "whole_slice": (lambda x: tf.slice(x, [0, 0], [2, -1]), "x"),
    "reduce_one_element": (lambda x: tf.reduce_max(tf.expand_dims(x, 1), 1), "x"),
    "broadcast_of_broadcast": (
        lambda x: tf.broadcast_to(tf.broadcast_to(x, [2, 2, 3]), [4, 2, 2, 3]), "BroadcastTo(x, [4, 2, 2, 3])"
    ),
    "broadcast_on_the_way": (lambda x: x + tf.fill([2, 3], 0.5), "Add(x, 0.5)"),
    "transpose_into_matmul_right": (
        lambda x: tf.matmul(x, tf.transpose(x)), "MatMul(x, x, transpose_a=False, transpose_b=True)"
    ),
    "transpose_into_matmul_left": (
        lambda x: tf.matmul(tf.transpose(x), x), "MatMul(x, x, transpose_a=True, transpose_b=False)"
    ),
    "squeeze_of_squeeze": (
        lambda x: tf.squeeze(tf.squeeze(tf.reshape(x, [2, 1, 3, 1]), 3), 1), "x"
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", SHAPES)
def test_shapes(rule):
    make, expected = SHAPES[rule]
    check(make, (M,), expected)


def test_what_repeats_a_tensor_is_left_out_where_the_shape_stays():
    check(lambda x, y: tf.broadcast_to(x, [4, 2, 3]) * y, (M, np.ones((4, 1, 1), np.float32)), "Mul(x, y)")
    _, simple = before_and_after(lambda x: tf.broadcast_to(x, [4, 2, 3]) * 2.0, M)
    assert calls(simple) == "Mul(BroadcastTo(x, [4, 2, 3]), 2.0)"


def test_a_neutral_element_that_broadcasts_stays():
    check(lambda x: x * np.ones((2, 1, 3), np.float32), (M,), "Mul(x, [[[1.0, 1.0, 1.0]], [[1.0, 1.0, 1.0]]])")


def test_transposes_go_into_products():
    for already in (False, True):
        flags = f"transpose_a={not already}, transpose_b=False"
        check(lambda x, y: tf.matmul(tf.transpose(x), y, transpose_a=already), (U, U), f"MatMul(x, y, {flags})")
    stack = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    check(lambda x: tf.matmul(x, tf.transpose(x, [0, 2, 1])), (stack,), "BatchMatMulV2(x, x, adj_x=False, adj_y=True)")


def test_adjoint_flags_would_conjugate():
    stack = (np.arange(12).reshape(3, 2, 2) * (1 + 1j)).astype(np.complex64)
    program, simple = before_and_after(lambda x: tf.matmul(x, tf.transpose(x, [0, 2, 1])), stack)
    assert program_text(simple) == program_text(program)


def test_log_of_softmax_stays_finite():
    x = np.array([[0.0, -200.0, 3.0]], np.float32)
    program, simple = before_and_after(lambda x: tf.log(tf.nn.softmax(x)), x)
    assert calls(simple) == "LogSoftmax(x)"
    (want,), (got,) = evaluate(program, [x], Store()), evaluate(simple, [x], Store())
    assert want[0, 1] == -np.inf
    np.testing.assert_allclose(got, [[-3.048587, -203.04858, -0.04858736]], rtol=1e-6)


def test_exp_of_log_keeps_nan_and_infinity():
    _, simple = before_and_after(lambda x: tf.exp(tf.log(x)), F)
    assert calls(simple) == "SelectV2(GreaterEqual(x, 0.0), Abs(x), nan)"
    (got,) = evaluate(simple, [F], Store())
    np.testing.assert_array_equal(got, np.where(F >= 0, np.abs(F), np.nan))
    _, simple = before_and_after(lambda x: tf.log(tf.exp(x)), F)
    assert calls(simple) == "Log(Exp(x))"


def test_complex_numbers_keep_their_multiplication():
    z = np.array([complex(np.inf, 0)], np.complex64)
    for make in (lambda z: z * 1.0, lambda z: z + 0.0, lambda z: z - z, lambda z: z**2.0):
        program, simple = before_and_after(make, z)
        assert program_text(simple) == program_text(program)


def test_dropout_that_keeps_everything():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [9])
        keep = tf.placeholder_with_default(1.0, [])
        y = tf.nn.dropout(x, keep, seed=1)
        program = specialize(prune([y], [], [x]), [(9,)], lambda op: op.output.dims).program
        simple = simplify(fold_constants(program))
        assert [op.type for op in simple.ops] == ["Const", "RandomUniform"] and simple.fetches == simple.feeds
        for skip in ("", "simplify"):
            with tf.config(skip=skip), tf.Session() as session:
                same_bits(session.run(y, {x: F}), F)


def test_not_of_not():
    check(lambda x: tf.logical_not(tf.logical_not(x)), (np.array([True, False]),), "x")


def test_a_fed_tensor_is_not_looked_through():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [])
        y = -x
        one = tf.constant(1.0)
        assert session.run(-y, {y: 3.0}) == -3.0
        assert session.run(x * one, {x: 3.0, one: 5.0}) == 15.0


def test_string_addition_has_no_neutral_number():
    with tf.Graph().as_default(), tf.Session() as session:
        assert session.run(tf.constant(["a", "b"]) + tf.constant("1")).tolist() == [b"a1", b"b1"]


def test_every_rule_has_a_reason_and_is_tested():
    apart = {"log_of_softmax", "exp_of_log", "uniform_is_below_one", "not_of_not"}
    for rule in RULES:
        assert rule.reason and rule.name in apart | set(ELEMENTWISE) | set(INTEGERS) | set(SHAPES), rule.name
    assert len({rule.name for rule in RULES}) == len(RULES) and IDENTITY in RULES[0].records
