"""Assertions: what they accept, when and how they fail."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on

X = np.array([1.0, 2.0], np.float32)
CASES = [
    (tf.assert_equal, (X, X), (X, 2.0)),
    (tf.assert_none_equal, (X, 3.0), (X, 2.0)),
    (tf.assert_less, (X, 3.0), (X, 2.0)),
    (tf.assert_less_equal, (X, 2.0), (X, 1.0)),
    (tf.assert_greater, (X, 0.0), (X, 1.0)),
    (tf.assert_greater_equal, (X, 1.0), (X, 2.0)),
    (tf.assert_near, (X, X + 1e-7), (X, X + 1e-3)),
    (tf.assert_positive, (X,), (X - 1,)),
    (tf.assert_negative, (-X,), (1 - X,)),
    (tf.assert_non_negative, (X - 1,), (X - 2,)),
    (tf.assert_non_positive, (1 - X,), (2 - X,)),
]


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize(("check", "good", "bad"), CASES)
def test_when_run(backend, check, good, bad):
    def dynamic(values):
        return [tf.placeholder_with_default(v, None) for v in values]

    with tf.Graph().as_default(), tf.Session(backend=backend) as session:
        assert session.run(check(*dynamic(good))) is None
        with tf.control_dependencies([check(*dynamic(bad), message="so")]):
            y = tf.constant(1.0) * tf.placeholder_with_default(2.0, [])
        with pytest.raises(tf.errors.InvalidArgumentError, match="so"):
            session.run(y)


@pytest.mark.parametrize(("check", "good", "bad"), [case for case in CASES if case[0] is not tf.assert_near])
def test_while_building(check, good, bad):
    check(*good)
    with pytest.raises(tf.errors.InvalidArgumentError):
        check(*bad)


def test_assert():
    x = tf.placeholder(tf.int32, [None])
    check = tf.Assert(tf.reduce_all(x > 0), ["bad", x], summarize=2)
    run_on("cpu", check, {x: [1]})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[bad\] \[0 1\.\.\.\]"):
        run_on("cpu", check, {x: [0, 1, 2]})


def test_ranks():
    x = tf.zeros([2, 3])
    for check, good, bad in [
        (tf.assert_rank, 2, 1),
        (tf.assert_rank_at_least, 1, 3),
        (tf.assert_rank_in, (0, 2), (1,)),
    ]:
        check(x, good)
        with pytest.raises(ValueError):
            check(x, bad)
        y = tf.placeholder(tf.float32)
        run_on("cpu", check(y, good), {y: np.zeros((2, 3))})
        with pytest.raises(tf.errors.InvalidArgumentError):
            run_on("cpu", check(y, bad), {y: np.zeros((2, 3))})
    with pytest.raises(TypeError):
        tf.assert_rank(x, 2.0)
    with pytest.raises(ValueError):
        tf.assert_rank(x, [2])


def test_types():
    assert tf.assert_type(tf.zeros([2]), tf.float32).type == "NoOp"
    assert tf.assert_integer([1]).type == "NoOp"
    for wrong in (lambda: tf.assert_type(tf.zeros([2]), tf.int32), lambda: tf.assert_integer(1.0)):
        with pytest.raises(TypeError):
            wrong()
    assert tf.assert_same_float_dtype([tf.zeros([1], tf.float64), None]) is tf.float64
    assert tf.assert_same_float_dtype() is tf.float32
    for tensors in ([tf.zeros([1]), tf.zeros([1], tf.float64)], [tf.zeros([1], tf.int32)]):
        with pytest.raises(ValueError):
            tf.assert_same_float_dtype(tensors)


def test_scalars_and_lists():
    assert tf.assert_scalar(3).dtype is tf.int32
    assert tf.assert_scalar(tf.placeholder(tf.float32)).shape == ()
    with pytest.raises(ValueError):
        tf.assert_scalar([1])
    tf.assert_proper_iterable([1])
    for wrong in (tf.zeros([2]), np.zeros(2), "text", 3):
        with pytest.raises(TypeError):
            tf.assert_proper_iterable(wrong)


def test_questions():
    answers = [tf.is_non_decreasing([1, 1, 2]), tf.is_strictly_increasing([1, 1, 2]), tf.is_strictly_increasing([[3]])]
    assert run_on("cpu", answers) == [True, False, True]
    assert tf.is_numeric_tensor(tf.zeros([1]))
    assert not any(tf.is_numeric_tensor(t) for t in (3, tf.constant("a"), tf.constant(True)))
