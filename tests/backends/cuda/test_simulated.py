"""Every kind of CUDA kernel under numba's simulator, against the reference.

The simulator is chosen before numba is imported, for a whole process: the tests of this folder run in one of its own,
unless NUMBA_ENABLE_CUDASIM is set already.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import assert_close
from tests.backends.cuda.cases import CASES
from tests.backends.cuda.simulator import SIMULATED, inside


@pytest.mark.skipif(SIMULATED, reason="this is the process of the simulator")
def test_in_the_simulator():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path(__file__).parent)]
    done = subprocess.run(
        command, env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}, capture_output=True, text=True, timeout=280,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert not done.returncode, done.stdout[-6000:] + done.stderr[-2000:]


def values(fetches, feeds, backend, runs=1):
    with tf.Session(backend=backend) as session:
        session.run(tf.global_variables_initializer())
        for _ in range(runs):
            made = session.run(fetches, feeds)
    return made


@inside
@pytest.mark.parametrize("name", CASES)
def test_as_the_reference(name, caplog, monkeypatch):
    from graphflow.backends.cuda import generate

    monkeypatch.setattr(generate, "MANY", 8)  # on a GPU, too: threads take neighbours of small shapes
    with tf.Graph().as_default():
        fetches, feeds = CASES[name](np.random.default_rng(len(name)))
        want = values(fetches, feeds, "reference", runs=2)
        with caplog.at_level("WARNING", logger="tensorflow"):
            got = values(fetches, feeds, "cuda", runs=2)
        for a, b in zip(got, want, strict=True):
            assert_close(a, b, name)
    assert "no CUDA kernel" not in caplog.text, caplog.text


@inside
def test_a_trace_names_the_device_of_each_step():
    with tf.Graph().as_default(), tf.Session(backend="cuda") as session:
        x = tf.placeholder(tf.float32, [4], name="x")
        y = tf.square(x, name="y")
        n = tf.size(tf.unique(y, name="found")[0], name="n")  # for which there is no kernel
        metadata = tf.RunMetadata()
        session.run([y, n], {x: [1.0, 2.0, 2.0, 3.0]}, tf.RunOptions(trace_level=3), metadata)
    devices = {stats.device.rpartition("/device:")[2]: stats for stats in metadata.step_stats.dev_stats}
    assert "y" in {node.node_name for node in devices["GPU:0"].node_stats}
    assert "found" in {node.node_name for node in devices["CPU:0"].node_stats}
