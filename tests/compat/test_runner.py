"""`python -m graphflow` runs a program as Python does, with `tensorflow` in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, cwd: Path, start: tuple[str, ...] = ("-m", "graphflow")) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRAPHFLOW_BACKEND": "reference"}
    environment.pop("GRAPHFLOW_MNIST_DIR", None)
    command = [sys.executable, *start, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=120)


def same_as_python(program: str, *arguments: str, cwd: Path) -> str:
    """What a program without TensorFlow prints, which must be the same under Python itself."""
    (cwd / "program.py").write_text(program)
    ours, pythons = (run("program.py", *arguments, cwd=cwd, start=start) for start in (("-m", "graphflow"), ()))
    assert (ours.returncode, ours.stdout, ours.stderr) == (pythons.returncode, pythons.stdout, pythons.stderr)
    return ours.stdout


def test_the_program_finds_what_python_gives_it(tmp_path):
    (tmp_path / "helper.py").write_text("x = 5")
    text = same_as_python(
        "import sys, helper, __main__\n"
        "print(sys.argv, __name__, __file__, __spec__, sys.path[0], helper.x)\n"
        "print(__main__.__dict__ is globals(), type(__loader__).__name__, __package__, __doc__, __builtins__)\n",
        "-x", "--y=1", "run", cwd=tmp_path,
    )  # fmt: skip
    assert text.startswith("['program.py', '-x', '--y=1', 'run'] __main__ ")
    assert f"{tmp_path / 'program.py'} None {tmp_path} 5" in text


@pytest.mark.parametrize(
    "program",
    [
        "import sys\nprint(1)\nsys.exit(7)",
        "raise SystemExit('enough')",
        "def f(x):\n    return 1 / x\n\nf(0)",
        "def f(:\n    pass",
        "try:\n    {}['a']\nexcept KeyError:\n    raise ValueError('b')",
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(5)",
        "import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__)\n1 / 0",
        "import atexit, pickle\nclass A: pass\natexit.register(lambda: print(A, pickle.loads(pickle.dumps(A))))",
        "import nothing_of_this_name",
    ],
)
def test_ends_as_under_python(program, tmp_path):
    same_as_python(program, cwd=tmp_path)


def test_interrupted(tmp_path):
    (tmp_path / "program.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    assert run("program.py", cwd=tmp_path).returncode == -signal.SIGINT


def test_code_and_modules(tmp_path):
    done = run("-c", "import tensorflow as tf, sys; print(tf.__version__, sys.argv)", "-a", "b", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("1.15.0 ['-c', '-a', 'b']\n", "")
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "other.py").write_text("import tensorflow.contrib as c")
    (package / "__main__.py").write_text(
        "import sys, tensorflow as tf\nfrom . import other\nprint(sys.argv[1:], __package__, other.c is tf.contrib)"
    )
    done = run("-m", "pack", "1", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("['1'] pack True\n", "")
    done = run("-m", "pack.nothing", cwd=tmp_path)
    assert done.returncode == 1 and "No module named pack.nothing" in done.stderr


def test_the_command(tmp_path):
    (tmp_path / "program.py").write_text("import sys, tensorflow\nprint(sys.argv, __name__)\nsys.exit(3)")
    start = ("-c", "from graphflow.command import main; main()")
    done = run("run", "program.py", "--flag", cwd=tmp_path, start=start)
    assert (done.returncode, done.stdout) == (3, "['program.py', '--flag'] __main__\n")
    done = run("walk", cwd=tmp_path, start=start)
    assert done.returncode == 2 and done.stderr.startswith("usage: graphflow run")
    done = run("nothing.py", cwd=tmp_path)
    assert done.returncode == 2 and "cannot open 'nothing.py': No such file or directory" in done.stderr
    assert run(cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tf.contrib.staging.StagingArea", "tf.contrib.staging is not in graphflow: use tf.data"),
        ("from tensorflow.contrib import eager", "tf.contrib.eager is not in graphflow: use tf.Session and graph mode"),
        ("import tensorflow.contrib.eager as e", "tf.contrib.eager is not in graphflow: use tf.Session and graph mode"),
        (
            "from tensorflow.contrib.rnn import CompiledWrapper",
            "tf.contrib.rnn.CompiledWrapper is not in graphflow: use tf.nn.rnn_cell",
        ),
        (
            "from tensorflow.python.ops import gen_ctc_ops",
            "tf.python.ops.gen_ctc_ops is not in graphflow: use the public",
        ),
        ("import tensorflow.compat.v2 as tf2", "tf.compat.v2 is not in graphflow: use import tensorflow.compat.v1 as"),
    ],
)
def test_what_is_left_out_is_one_line(line, message, tmp_path):
    (tmp_path / "program.py").write_text(f"import tensorflow as tf\n\n{line}\n")
    done = run("program.py", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"{tmp_path}/program.py:3: {message}")


def test_wrong_calls_say_what_the_function_takes(tmp_path):
    (tmp_path / "program.py").write_text(
        "import tensorflow as tf\ntf.transpose(tf.zeros([2, 3]), permutation=[1, 0])\n"
    )
    lines = run("program.py", cwd=tmp_path).stderr.splitlines()
    assert lines == [
        "Traceback (most recent call last):",
        f'  File "{tmp_path}/program.py", line 2, in <module>',
        "    tf.transpose(tf.zeros([2, 3]), permutation=[1, 0])",
        "TypeError: transpose() got an unexpected keyword argument 'permutation'",
        "tf.transpose takes (a, perm=None, name='transpose', conjugate=False)",
    ]
    (tmp_path / "program.py").write_text("import tensorflow as tf\ntf.train.MomentumOptimizer(0.1)\n")
    last = run("program.py", cwd=tmp_path).stderr.splitlines()[-1]
    assert last == "tf.train.MomentumOptimizer takes (learning_rate, momentum, use_locking=False, name='Momentum', " \
                   "use_nesterov=False)"  # fmt: skip
    (tmp_path / "program.py").write_text("import tensorflow as tf\ntf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3]))\n")
    text = run("program.py", cwd=tmp_path).stderr
    assert (
        "inner dimensions differ" in text and f"created at {tmp_path}/program.py:2" in text and "runner.py" not in text
    )


def test_each_old_name_warns_once(tmp_path):
    (tmp_path / "program.py").write_text(
        "import tensorflow as tf\nfrom tensorflow import sub\nfor i in range(3):\n    tf.mul(1.0, 2.0)\n"
        "    tf.concat(0, [[1], [2]])\n    tf.pack([1, 2])\n    tf.mul\n"
    )
    done = run("program.py", cwd=tmp_path)
    assert done.returncode == 0
    warned = [line.removeprefix(f"{tmp_path}/") for line in done.stderr.splitlines() if "Warning" in line]
    assert warned == [
        "program.py:2: FutureWarning: tf.sub is called tf.subtract since TensorFlow 1.0",
        "program.py:4: FutureWarning: tf.mul is called tf.multiply since TensorFlow 1.0",
        "program.py:5: FutureWarning: tf.concat(axis, values) is tf.concat(values, axis) since TensorFlow 1.0",
        "program.py:6: FutureWarning: tf.pack is called tf.stack since TensorFlow 1.0",
    ]


def test_tensorflow_is_there_only_in_such_a_process(tmp_path):
    done = run(
        "-c", "import graphflow, sys; print('tensorflow' in sys.modules); import tensorflow", cwd=tmp_path, start=()
    )
    assert done.stdout == "False\n" and "No module named 'tensorflow'" in done.stderr


def test_modules_are_single(tmp_path):
    program = """
import tensorflow as tf, graphflow, sys
import tensorflow.compat.v1 as tf1, tensorflow.nn as nn, tensorflow.contrib.layers as layers
import tensorflow.compat.v1.nn as nn1
from tensorflow import train
from tensorflow.python.ops import math_ops
assert tf1 is tf is tf.compat.v1 and nn is tf.nn is nn1 and layers is tf.contrib.layers and train is tf.train
assert tf.matmul is graphflow.matmul is math_ops.matmul and tf.nn.relu is graphflow.nn.relu
assert tf.Session is graphflow.Session and tf.float32 is graphflow.float32 and tf.newaxis is None
assert 'matmul' in dir(tf) and tf.__name__ == 'tensorflow' and tf.nn.__name__ == 'tensorflow.nn'
assert tf.VERSION == tf.__version__ == '1.15.0' != graphflow.__version__ and tf.app.flags is tf.flags
assert tf.python.framework.ops.Graph is tf.Graph and 'graphflow' in tf.__git_version__
from tensorflow.nn import *
from tensorflow.python.ops.math_ops import *
assert relu is tf.nn.relu and matmul is tf.matmul
"""
    assert run("-c", program, cwd=tmp_path).stderr == ""


def test_the_reader_that_tutorials_had_beside_them(tmp_path):
    program = """
import input_data
from tensorflow.examples.tutorials import mnist
print(mnist.input_data.DataSet is input_data.DataSet)
"""
    assert run("-c", program, cwd=tmp_path).stdout == "True\n"
    (tmp_path / "input_data.py").write_text("DataSet = 1")
    assert run("-c", program, cwd=tmp_path).stdout == "False\n"


def test_a_package_of_the_program_is_found_before_a_companion(tmp_path):
    (tmp_path / "six.py").write_text("moves = 'mine'")
    done = run("-c", "import six; from absl import flags; print(six.moves, flags.__name__)", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "mine graphflow.flags\n"), done.stderr


def test_text_of_graphs_is_read_as_programs_for_tensorflow_do(tmp_path):
    done = run(
        "-c",
        "import tensorflow as tf\nfrom google.protobuf import text_format\n"
        "tf.constant(1, name='a')\ntf.train.write_graph(tf.get_default_graph(), '.', 'g.pbtxt')\n"
        "print([n.name for n in text_format.Merge(open('g.pbtxt').read(), tf.GraphDef()).node])\n"
        "try:\n    text_format.Parse('node { nam: 1 }', tf.GraphDef())\n"
        "except text_format.ParseError as e:\n    print(e)",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.stderr == "" and done.stdout.startswith("['a']\n") and "nam" in done.stdout
