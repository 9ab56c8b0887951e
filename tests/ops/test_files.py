"""Whole files, raw numbers and CSV."""

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def run(fetches, feed=None):
    with tf.Session() as sess:
        return sess.run(fetches, feed)


def test_files(tmp_path):
    path = str(tmp_path / "new" / "a.bin")
    run(tf.write_file(path, b"\x00abc"))
    assert run(tf.read_file(path)) == b"\x00abc" and run(tf.matching_files(path[:-3] + "*")).tolist() == [path.encode()]
    with pytest.raises(errors.NotFoundError, match="none"):
        run(tf.read_file("none"))


def test_raw_numbers():
    for dtype in (tf.uint8, tf.int16, tf.float32, tf.complex64):
        data = np.arange(6).astype(dtype.as_numpy_dtype).reshape(2, 3)
        texts = [row.tobytes() for row in data]
        assert (run(tf.decode_raw(texts, dtype)) == data).all()
        big = [row.astype(data.dtype.newbyteorder(">")).tobytes() for row in data]
        assert (run(tf.decode_raw(big, dtype, little_endian=False)) == data).all()
    assert tf.decode_raw(bytes="ab", out_type=tf.uint8).shape.as_list() == [None]
    assert run(tf.decode_raw(np.empty((0,), object), tf.int32)).shape == (0, 0)
    for texts in (["ab", "abc"], ["abc"]):
        with pytest.raises(errors.InvalidArgumentError):
            run(tf.decode_raw(texts, tf.int16))


def test_csv():
    lines = ['1,2.5,"a, ""b"""', "-7,,x"]
    a, b, c = tf.decode_csv(lines, [[0], [9.0], [""]])
    got = run([a, b, c])
    assert got[0].tolist() == [1, -7] and got[1].tolist() == [2.5, 9] and got[2].tolist() == [b'a, "b"', b"x"]
    one, last = tf.decode_csv("1|NA|3", [[0], tf.constant([], tf.int64)], "|", na_value="NA", select_cols=[1, 2])
    assert run([one, last]) == [0, 3] and one.shape.as_list() == []
    for line, defaults in (
        ("1,2", [[0]]), ("x", [[0]]), ("99999999999", [[0]]), ("", [tf.constant([], tf.int32)]), ('"a', [[""]]),
        ('a"b', [[""]]), ("1\n", [[0]]), ("", [[0]]), ('"a"b', [[""]]), ("1_0", [[0]]),
    ):  # fmt: skip
        with pytest.raises(errors.InvalidArgumentError, match="record 0"):
            run(tf.decode_csv(line, defaults))
    for wrong in (lambda: tf.decode_csv("1", [[True]]), lambda: tf.decode_csv("1", [[0, 1]]),
                  lambda: tf.decode_csv("1", [[0]], field_delim=",,"),
                  lambda: tf.decode_csv("1", [[0]], select_cols=[1, 0])):  # fmt: skip
        with pytest.raises((TypeError, ValueError)):
            wrong()
