"""tf.gfile, tf.logging, tf.resource_loader, tf.test: what programs reach beside the graph."""

from __future__ import annotations

import os

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda: tf.gfile.GFile("missing").read(), errors.NotFoundError),
        (lambda: tf.gfile.Remove("missing"), errors.NotFoundError),
        (lambda: tf.gfile.Stat("missing"), errors.NotFoundError),
        (lambda: tf.gfile.ListDirectory("missing"), errors.NotFoundError),
        (lambda: tf.gfile.DeleteRecursively("missing"), errors.NotFoundError),
        (lambda: tf.gfile.MkDir("missing/inner"), errors.NotFoundError),
        (lambda: tf.gfile.MkDir("none/d"), errors.NotFoundError),
        (lambda: tf.gfile.MakeDirs("f"), errors.FailedPreconditionError),
        (lambda: tf.gfile.Copy("f", "g"), errors.AlreadyExistsError),
        (lambda: tf.gfile.Rename("f", "g"), errors.AlreadyExistsError),
        (lambda: tf.gfile.GFile("f", "w").read(), errors.PermissionDeniedError),
        (lambda: tf.gfile.GFile("g", "r").write("x"), errors.PermissionDeniedError),
        (lambda: tf.gfile.GFile("d").read(), errors.FailedPreconditionError),
        (lambda: tf.gfile.GFile("f", "q"), errors.InvalidArgumentError),
    ],
)
def test_errors_are_tensorflows(use, error, folder):
    (folder / "d").mkdir()
    (folder / "f").write_text("f")
    (folder / "g").write_text("g")
    with pytest.raises(error):
        use()


def test_reading_and_writing(folder):
    with tf.gfile.GFile("t", "w") as file:
        file.write("ä\n")
        file.write("b\n")
        assert file.size() == 5 and (file.name, file.mode) == ("t", "w")
    with tf.gfile.GFile("t", "r") as file:
        assert (file.read(1), file.tell()) == ("ä", 2)
        file.seek(0)
        assert file.readlines() == ["ä\n", "b\n"] and file.readline() == ""
    with tf.gfile.Open(b"b", "wb") as file:
        file.write("text")
        file.write(b"\xff")
    assert tf.gfile.FastGFile("b", "rb").read() == b"text\xff"
    tf.gfile.GFile("empty", "w").close()
    assert list(tf.gfile.GFile("t")) == ["ä\n", "b\n"] and next(tf.gfile.GFile("t")) == "ä\n"
    assert tf.gfile.Stat("empty").length == 0 and tf.gfile.Exists("empty")


def test_folders(folder):
    tf.gfile.MakeDirs("a/b")
    tf.gfile.MakeDirs("a/b")
    for name in ("a/1.txt", "a/b/2.txt", "a/3.csv"):
        tf.gfile.GFile(name, "w").close()
    assert tf.gfile.Glob("a/*.txt") == ["a/1.txt"] and tf.gfile.Glob(["a/*.csv", "a/b/*"]) == ["a/3.csv", "a/b/2.txt"]
    assert [top for top, _, _ in tf.gfile.Walk("a")] == ["a", "a/b"]
    assert [top for top, _, _ in tf.gfile.Walk("a", in_order=False)] == ["a/b", "a"]
    assert tf.gfile.ListDirectory("a") == ["1.txt", "3.csv", "b"] and tf.gfile.Stat("a").is_directory
    tf.gfile.Copy("a/1.txt", "a/3.csv", overwrite=True)
    tf.gfile.DeleteRecursively("a")
    assert not tf.gfile.IsDirectory("a") and tf.io.gfile.isdir(".")


def test_resources():
    assert tf.resource_loader.get_data_files_path() == os.path.dirname(__file__)
    assert b"def test_resources" in tf.resource_loader.load_resource(
        tf.resource_loader.get_path_to_datafile("test_gfile.py")
    )


def test_messages(capsys):
    before = tf.logging.get_verbosity()
    try:
        tf.logging.set_verbosity(tf.logging.INFO)
        for i in range(5):
            tf.logging.log_every_n(tf.logging.INFO, "every %d", 2, i)
            tf.logging.log_first_n(tf.logging.INFO, "first %d", 1, i)
            tf.logging.log_if(tf.logging.WARN, "if %d", i == 3, i)
        tf.logging.vlog(tf.logging.DEBUG, "too low")
        tf.logging.set_verbosity("ERROR")
        tf.logging.fatal("end")
        tf.logging.flush()
    finally:
        tf.logging.set_verbosity(before)
    words = [line.split(":tensorflow:")[1] for line in capsys.readouterr().err.splitlines()]
    assert words == ["every 0", "first 0", "every 2", "if 3", "every 4", "end"] and before == tf.logging.WARN


class TestOfTestCase(tf.test.TestCase):
    """The assertions hold for what they say, and fail for what they do not."""

    def test_comparisons(self):
        self.assertAllClose({"a": [1.0, (2.0, [3.0, 4.0])]}, {"a": [1.0, (2.0, [3.0, 4.0 + 1e-7])]})
        self.assertAllCloseAccordingToType(np.float16(1), np.float16(1.0005))
        self.assertNotAllClose([1.0], [1.1])
        self.assertAllEqual([b"a", b"b"], ["a", "b"])
        self.assertNotAllEqual([1], [2])
        self.assertAllInRange([1, 2], 1, 2)
        self.assertAllInSet([1, 2, 1], {1, 2, 3})
        self.assertArrayNear([1, 2], [1, 2.1], 0.2)
        self.assertNDArrayNear(np.ones(2), np.ones(2), 0)
        self.assertDTypeEqual(np.zeros(2, np.float32), np.float32)
        self.assertStartsWith("abc", "ab")

    def test_comparisons_fail(self):
        wrong = [
            lambda: self.assertAllClose([1.0], [1.1]),
            lambda: self.assertAllClose({"a": 1}, {"b": 1}),
            lambda: self.assertAllEqual([1], [1, 1]),
            lambda: self.assertAllEqual([1], [2]),
            lambda: self.assertNotAllClose([1.0], [1.0]),
            lambda: self.assertAllGreater([1, 2], 1),
            lambda: self.assertAllLess([1, 2], 2),
            lambda: self.assertNear(1, 2, 0.5),
            lambda: self.assertShapeEqual(np.zeros(3), tf.zeros([2])),
        ]
        for use in wrong:
            with self.assertRaises(AssertionError):
                use()
        with self.assertRaises(AssertionError), self.assertRaisesOpError("other words"):
            raise errors.InvalidArgumentError(None, None, "these words")

    def test_sessions(self):
        with self.cached_session() as one:
            v = tf.Variable(3.0)
            one.run(v.initializer)
        self.assertEqual(self.evaluate(v), 3.0)
        with self.session() as two, self.assertRaises(errors.FailedPreconditionError):
            two.run(v)
        self.assertAllEqual(self.evaluate(tf.constant([1, 2])), [1, 2])

    def test_gradients(self):
        x = tf.constant([[1.0, 2.0]], tf.float64)
        w = tf.constant([[3.0], [4.0]], tf.float64)
        y = tf.matmul(x, w) ** 2
        with self.session():
            symbolic, numeric = tf.test.compute_gradient(x, [1, 2], y, [1, 1], x_init_value=np.array([[1.0, 2.0]]))
            self.assertAllClose(symbolic, [[66.0], [88.0]])
            self.assertAllClose(numeric, symbolic, rtol=1e-5)
            self.assertLess(tf.test.compute_gradient_error([x, w], [[1, 2], [2, 1]], y, [1, 1]), 1e-4)
