"""print, strings.format and timestamp."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

import graphflow as tf

X = np.arange(100).reshape(10, 10)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def written(capsys, *inputs, **options):
    with tf.Session() as session:
        assert session.run(tf.print(*inputs, **options)) is None
    return capsys.readouterr()


@pytest.mark.parametrize(("value", "text"), [
    (np.arange(6), "[0 1 2 3 4 5]"), (np.float32(1.5), "1.5"), ([[1.0, 2.0], [3.0, 4.0]], "[[1 2]\n [3 4]]"),
    (np.arange(10), "[0 1 2 ... 7 8 9]"), ([True, False], "[1 0]"), (True, "1"), (np.zeros((0, 3)), "[]"),
    ("a", "a"), (["a", "b"], '["a" "b"]'), (np.float32([0.1, 1e-7, 1e10, 1 / 3]), "[0.1 1e-07 1e+10 0.333333343]"),
    (np.arange(8).reshape(2, 2, 2), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]"), ([np.nan, np.inf], "[nan inf]"),
    (X, "[[0 1 2 ... 7 8 9]\n [10 11 12 ... 17 18 19]\n [20 21 22 ... 27 28 29]\n ...\n [70 71 72 ... 77 78 79]\n"
        " [80 81 82 ... 87 88 89]\n [90 91 92 ... 97 98 99]]"),
])  # fmt: skip
def test_how_tensors_are_written(capsys, value, text):
    assert written(capsys, tf.constant(value)).err == text + "\n"


def test_several_inputs_and_structures(capsys):
    one, pair = tf.constant(1), tf.constant([1, 2])
    assert written(capsys, "x =", pair, 2.5, None).err == "x = [1 2] 2.5 None\n"
    assert written(capsys, {"a": pair, "b": [one, "x"]}, (one,)).err == "{'a': [1 2], 'b': [1, 'x']} (1,)\n"
    assert written(capsys, "a", pair, sep=",", end="|").err == "a,[1 2]|"
    assert written(capsys, "plain {} %s").err == "plain {} %s\n"
    sparse = tf.SparseTensor([[0]], [1], [2])
    assert written(capsys, sparse).err == "SparseTensor(indices=[[0]], values=[1], shape=[2])\n"
    assert written(capsys, tf.range(10), summarize=2).err == "[0 1 ... 8 9]\n"
    assert written(capsys, tf.range(7), summarize=-1).err == "[0 1 2 3 4 5 6]\n"


def test_where_it_is_written(capsys, tmp_path):
    assert written(capsys, "out", output_stream=sys.stdout).out == "out\n"
    assert "WARNING:tensorflow:logged" in written(capsys, "logged", output_stream=tf.logging.warning).err
    path = tmp_path / "log"
    for _ in range(2):
        written(capsys, "kept", output_stream=f"file://{path}")
    assert path.read_text() == "kept\nkept\n"
    with pytest.raises(ValueError, match="stdout"):
        tf.print("x", output_stream=3)


def test_it_runs_once_a_run_and_has_its_names(capsys):
    x = tf.constant(1.0)
    shown = tf.print("x:", x)
    assert (shown.name, shown.type) == ("PrintV2", "PrintV2") and tf.print(x, name="mine").name == "mine"
    with tf.control_dependencies([shown]):
        y = x * 2.0
    with tf.Session() as session:
        assert session.run([y, shown, shown])[0] == 2
    assert capsys.readouterr().err == "x: 1\n"


def test_format():
    with tf.Session() as session:
        assert session.run(tf.strings.format("{} of {}", [tf.constant(1), tf.range(3)])) == b"1 of [0 1 2]"
        assert session.run(tf.strings.format("<%>", tf.constant("a"), placeholder="%")) == b"<a>"
    with pytest.raises(ValueError, match="2 placeholders"):
        tf.strings.format("{} {}", tf.constant(1))


def test_timestamp_is_read_in_each_run():
    now = tf.timestamp()
    with tf.Session() as session:
        before = time.time()
        first, second = session.run(now), session.run(now)
        assert before <= first <= second <= time.time() and first.dtype == np.float64


def test_the_line_of_an_operation():
    entry = tf.constant(1).op.traceback[-1]
    assert entry.filename == __file__ and "tf.constant(1)" in entry.line
    assert entry[0] == __file__
