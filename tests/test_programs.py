"""Programs in the style of TensorFlow 1's courses and tutorials, each run unmodified in a process of its own."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
ROOT = Path(__file__).resolve().parents[1]

# What a program is started with, and words that it must write: {name: (arguments, in stdout, in stderr)}.
STARTED: dict[str, tuple[list[str], list[str], list[str]]] = {
    "flags_program": (
        ["--name=course", "--steps", "3", "--learning_rate=0.25", "--verbose", "--noshuffle", "--layers=20,30",
         "--mode=test", "--unknown=1", "data.csv"],
        ["course 3 0.25 True False"],
        [],
    ),
    "logging_program": (
        [],
        ["10 20 30 40 50"],
        ["INFO:tensorflow:shown 2", "WARNING:tensorflow:a warning", "ERROR:tensorflow:an error",
         "INFO:tensorflow:every 3", "INFO:tensorflow:first 1"],
    ),
    "mnist_beginners_0x": (
        [],
        [],
        ["tf.initialize_all_variables is called tf.global_variables_initializer since TensorFlow 1.0"],
    ),
    "names_from_0x": (
        [],
        ["listdiff [1, 3]"],
        ["names_from_0x.py:8: FutureWarning: tf.mul is called tf.multiply since TensorFlow 1.0",
         "tf.concat(axis, values) is tf.concat(values, axis)", "tf.split(axis, n, value) is tf.split(value, n, axis)"],
    ),
    "unit_tests": ([], [], ["OK"]),
}  # fmt: skip
SILENT = {"logging_program": ["not shown"]}  # what must not be written


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of the programs, with a data set in the format of MNIST: each class lights other rows."""
    place = tmp_path_factory.mktemp("programs")
    data = place / "MNIST_data"
    data.mkdir()
    rng = np.random.default_rng(0)
    for part, n in (("train", 5600), ("t10k", 300)):
        labels = rng.integers(0, 10, n).astype(np.uint8)
        images = np.zeros((n, 28, 28), np.uint8)
        rows = 2 * labels[:, None] + 4 + np.arange(2)
        images[np.arange(n)[:, None], rows, 4:24] = rng.integers(100, 256, (n, 2, 20))
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            packed = gzip.compress(header + array.tobytes(), 1)
            (data / f"{part}-{kind}-ubyte.gz").write_bytes(packed)
    return place


def run(arguments: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m graphflow` with these arguments."""
    command = [sys.executable, "-m", "graphflow", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=variables, timeout=300)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program(program, folder):
    arguments, printed, warned = STARTED.get(program.stem, ([], [], []))
    done = run([str(program), *arguments], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for words in printed:
        assert words in done.stdout
    for words in warned:
        assert words in done.stderr
    for words in SILENT.get(program.stem, []):
        assert words not in done.stderr
    if not warned:
        assert "Warning" not in done.stderr, done.stderr
