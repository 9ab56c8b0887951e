"""graphflow view, explain and tree: a program is run, and what it ran is looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """\
import sys
import numpy as np
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 3], name="x")
w = tf.Variable(tf.ones([3, 2]), name="w")
loss = tf.reduce_mean(tf.nn.relu(tf.matmul(x, w), name="h"), name="loss")
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss, name="train")
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(300):  # which take longer together than one run that somebody has kept waiting
        sess.run(train, {x: np.ones((1000, 3))})
    print(sess.run(loss, {x: np.ones((1, 3))}), sys.argv[1:])
    if "fail" in sys.argv:
        sess.run(loss, {x: np.ones((1, 5))})
sys.exit(3 if "exit" in sys.argv else 0)
"""


@pytest.fixture
def graphflow(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", "from graphflow.command import main; main()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120)

    return run


def test_view(graphflow, tmp_path):
    done = graphflow("view", "program.py", "--out", "p.html", "exit", "--", "--out")
    assert done.returncode == 3 and done.stdout.endswith("['exit', '--out']\n")
    assert "graphflow: shown: train: 300 runs of " in done.stderr and done.stderr.endswith("graphflow: wrote p.html\n")
    assert "graphflow: not shown: loss:0: 1 runs of " in done.stderr
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<title>train - graphflow</title>" in page and '"runs":300' in page
    chosen = graphflow("view", "program.py", "--fetch", "loss")
    assert chosen.returncode == 0 and "<title>loss:0 - graphflow" in (tmp_path / "page.html").read_text(
        encoding="utf-8"
    )


def test_a_program_that_fails_while_it_is_viewed(graphflow, tmp_path):
    done = graphflow("view", "program.py", "fail")
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and (tmp_path / "page.html").exists()
    assert lines[:3] == [
        "Traceback (most recent call last):",
        f'  File "{tmp_path}/program.py", line 14, in <module>',
        "    sess.run(loss, {x: np.ones((1, 5))})",
    ]
    assert (
        lines[3].startswith("graphflow.errors.FeedError: cannot feed 'x:0'")
        and lines[-1] == "graphflow: wrote page.html"
    )


def test_names_and_folders_that_are_not_there(graphflow, tmp_path):
    done = graphflow("view", "program.py", "--fetch", "los")
    assert done.returncode == 2 and "the program fetches no 'los'; did you mean 'loss'" in done.stderr
    done = graphflow("view", "program.py", "--out", "missing/page.html")
    assert done.returncode == 2 and done.stdout == "" and "there is no folder" in done.stderr
    done = graphflow("tree", "program.py", "--fetch", "los")
    assert done.returncode == 2 and "did you mean 'loss'" in done.stderr
    assert not list(tmp_path.glob("*.html"))


def test_explain_and_tree(graphflow, tmp_path):
    text = graphflow("explain", "program.py").stdout
    assert "# train: 300 runs of " in text and "# loss:0: 1 runs of " in text and text.count("plan   feeds") == 3
    text = graphflow("tree", "program.py", "--fetch", "loss").stdout
    assert "Mean  'loss'  float32 ()  program.py:6\n├─ Relu  'h'  float32 (?, 2)  program.py:6\n" in text
    (tmp_path / "program.py").write_text("import tensorflow as tf\ntf.exp(tf.constant(1.0))\n")
    assert graphflow("tree", "program.py").stdout.startswith("Exp  'Exp'  float32 ()  program.py:2\n└─ Const")
    done = graphflow("explain", "program.py")
    assert done.returncode == 2 and done.stderr == "graphflow: the program ran nothing: there is no plan to explain\n"
    assert graphflow("view", "program.py").returncode == 0 and (tmp_path / "page.html").exists()


def test_usage(graphflow):
    done = graphflow("look")
    assert done.returncode == 2 and done.stderr.startswith("usage: graphflow run")
    assert graphflow("--help").returncode == 0
