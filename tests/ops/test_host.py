"""Python functions and printing inside a run."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.ops.summarize import summarized
from graphflow.testing import run_on

BACKENDS = ["reference", "cpu"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_py_func(backend):
    x = tf.constant([3.0, 1.0, 2.0])
    low, order = tf.py_func(lambda a: (np.sort(a), np.argsort(a)), [x], [tf.float32, tf.int64])
    assert low.shape.ndims is None
    got = run_on(backend, [low * 2, order])
    np.testing.assert_array_equal(got[0], [2, 4, 6])
    np.testing.assert_array_equal(got[1], [1, 2, 0])
    assert tf.gradients(low, x) == [None]


def test_inputs_of_several_dtypes():
    text = tf.py_func(lambda a, n: a * int(n), ["ab", 3], tf.string)
    assert run_on("cpu", text) == b"ababab"
    many = tf.py_func(lambda: np.array(["q", "rr"]), [], tf.string)
    assert run_on("cpu", many).tolist() == [b"q", b"rr"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_function_is_called_once_a_run_and_in_order(backend):
    calls = []
    with tf.Graph().as_default(), tf.Session(backend=backend) as session:
        first = tf.py_func(lambda: calls.append("first"), [], [])
        with tf.control_dependencies([first]):
            second = tf.py_func(lambda: calls.append("second") or np.float32(1), [], tf.float32)
        session.run([second, second + 1])
        session.run(second)
    assert calls == ["first", "second"] * 2


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda: np.float64(1), "InvalidArgumentError"),
        (lambda: 1.0, "InvalidArgumentError"),
        (lambda: None, "InvalidArgumentError"),
        (lambda: (np.float32(1),) * 2, "InvalidArgumentError"),
        (lambda: fail(ValueError("no")), "InvalidArgumentError"),
        (lambda: fail(StopIteration()), "OutOfRangeError"),
        (lambda: fail(NotImplementedError()), "UnimplementedError"),
        (lambda: fail(ZeroDivisionError()), "UnknownError"),
    ],
)
def test_what_goes_wrong(function, kind):
    with pytest.raises(getattr(tf.errors, kind)):
        run_on("cpu", tf.py_func(function, [], tf.float32))


def test_eager_functions_are_refused():
    with pytest.raises(NotImplementedError, match="py_func"):
        tf.py_function(lambda x: x, [1], tf.int32)


@pytest.mark.parametrize("backend", BACKENDS)
def test_print(backend, capfd):
    with tf.Graph().as_default(), tf.Session(backend=backend) as session:
        x = tf.constant([1.0, 2.0])
        y = tf.Print(x, [x, tf.shape(x), "text"], "msg: ", first_n=2)
        (dx,) = tf.gradients(y * 3.0, x)
        for _ in range(3):
            got = session.run([y, dx])
    np.testing.assert_array_equal(got, [[1, 2], [3, 3]])
    assert capfd.readouterr().err == "msg: [1 2][2][text]\n" * 2


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (np.array([[1.5, 2], [3, 4]], np.float32), 3, "[[1.5 2][3...]...]"),
        (np.arange(1, 9).reshape(2, 2, 2), 6, "[[[1 2][3 4]][[5 6]]...]"),
        (np.array([True, False, True, True]), 3, "[1 0 1...]"),
        (np.array([1 / 3, 1e10, 0.1]), -1, "[0.33333333333333331 10000000000 0.1]"),
        (np.float32(0.1), 3, "[0.1]"),
        (np.zeros((0, 2)), 3, "[]"),
        (np.array(b"a"), 3, "[a]"),
        (np.array([1 + 2j]), 3, "[(1,2)]"),
    ],
)
def test_summaries(value, limit, text):
    assert summarized(value, limit) == text
