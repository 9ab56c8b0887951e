"""What Python prints of an error, and the warning for a graph that grows while it runs."""

from __future__ import annotations

import linecache
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import graphflow as tf
from graphflow.errors import GrowingGraphWarning

ROOT = Path(__file__).resolve().parents[1]


def printed(program, tmp_path, **environment):
    (tmp_path / "program.py").write_text("import graphflow as tf\n" + program)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRAPHFLOW_BACKEND": "reference", **environment}
    done = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, cwd=tmp_path, env=environment)
    return done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "tf.matmul(tf.ones([2, 3]), tf.ones([2, 3]))",
        "tf.Session().run(tf.log(tf.placeholder(tf.float32)))",
        "bool(tf.constant(1.0))",
        "tf.get_default_graph().get_tensor_by_name('a:0')",
        "tf.Session().run(tf.gather([1, 2], tf.random_uniform([1], 5, 6, tf.int32)))",
    ],
)
def test_only_the_users_frames(line, tmp_path):
    text = printed(line, tmp_path)
    assert text.count('  File "') == 1 and f'program.py", line 2, in <module>\n    {line}\n' in text
    assert "During handling" not in text and "direct cause" not in text
    assert printed(line, tmp_path, GRAPHFLOW_FRAMES="1").count('  File "') > 1


def test_functions_of_the_user_stay(tmp_path):
    text = printed("def f(a):\n    return 1 / 0\ntf.Session().run(tf.py_func(f, [1.0], tf.float32))\n", tmp_path)
    assert "line 3, in f\n    return 1 / 0" in text and str(ROOT / "graphflow") not in text
    assert "in PyFunc 'PyFunc', created at" in text

    text = printed("tf.map_fn(lambda x: x + undefined, tf.ones([2]))\n", tmp_path)
    assert "NameError" in text and str(ROOT / "graphflow") not in text


def test_what_goes_wrong_inside_keeps_every_frame(tmp_path):
    text = printed("tf.Session()._store.value(None)\n", tmp_path)
    assert "AttributeError" in text and str(ROOT / "graphflow" / "store.py") in text


def test_notebooks_show_the_users_frames():
    try:
        with tf.Graph().as_default():
            tf.matmul(tf.ones([2, 3]), tf.ones([2, 3]))
    except ValueError as error:
        text = "".join(error._render_traceback_())
    assert text.count('  File "') == 1 and "ShapeError: inner dimensions differ" in text


def test_a_graph_that_grows_in_a_loop_of_runs():
    with tf.Graph().as_default(), tf.Session(backend="reference") as session:
        x = tf.constant(1.0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for i in range(30):
                session.run(x + float(i))
    (warning,) = [w for w in caught if w.category is GrowingGraphWarning]
    assert warning.filename == __file__ and "after 10 of them" in str(warning.message)
    assert linecache.getline(__file__, warning.lineno).strip() == "session.run(x + float(i))"


def test_graphs_that_are_built_first_and_run_then():
    with tf.Graph().as_default(), tf.Session(backend="reference") as session, warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = [tf.constant(float(i)) for i in range(50)]
        for part in parts:
            session.run(part)
        for i in range(9):  # not yet a habit
            session.run(tf.constant(float(i)))
