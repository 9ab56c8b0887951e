"""Where the time of runs goes: counts and names, never how long something takes."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends.cpu.walk import HAS_TEAMS
from graphflow.errors import GraphError


@pytest.fixture
def session():
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def layer():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    h = tf.nn.relu(tf.matmul(x, tf.ones([4, 3]) * 0.5, name="product") + 1.0, name="h")
    return x, tf.cumsum(h, name="sums")


def test_kernels_and_operations(session):
    x, y = layer()
    feeds = {x: np.ones((5, 4))}
    session.run(y, feeds)
    before = dict(session._executables)
    with tf.profile(session) as found:
        for _ in range(3):
            session.run(y, feeds)
        session.run(y, {x: np.ones((2, 4))})
    assert found.runs == 4 and found.seconds > 0 and found.compiling > 0
    kernels = {t.names: t for t in found.kernels() if t.runs == 3}
    fused = next(t for names, t in kernels.items() if "product" in names)
    assert fused.type == "MatMul+Add+Relu" and fused.gflops > 0 and fused.gbytes > 0
    operations = {t.names[0]: t for t in found.operations()}
    assert {"product", "h", "sums"} <= set(operations) and operations["product"].runs == 4
    assert fused.flops > operations["product"].flops > 0
    parts = sum(operations[name].seconds for name in ("product", "add", "h"))
    assert parts == pytest.approx(sum(t.seconds for t in found.kernels() if "product" in t.names))
    text = str(found)
    assert text.startswith("4 runs of ") and "2 of them found their plan" in text and ": 2 plans" in text
    assert "MatMul+Add+Relu product+add+h" in text and "GFLOP/s" in text
    assert session._executables == before  # what is not measured is what it was


def test_nothing_is_measured_afterwards(session):
    x, y = layer()
    with tf.profile(session) as found:
        session.run(y, {x: np.ones((5, 4))})
    session.run(y, {x: np.ones((5, 4))})
    assert found.runs == 1


def test_trace_events(session, tmp_path):
    x, y = layer()
    with tf.profile(session) as found:
        session.run(y, {x: np.ones((5, 4))})
        other = threading.Thread(target=lambda: session.run(y, {x: np.ones((5, 4))}), name="beside")
        other.start()
        other.join()
    trace = json.loads(Path(found.write_trace(tmp_path / "trace.json")).read_text())
    events = trace["traceEvents"]
    assert {e["ph"] for e in events} == {"M", "X"} and all({"name", "pid", "tid"} <= set(e) for e in events[1:])
    runs = [e for e in events if e.get("cat") == "run"]
    assert len(runs) == 2 and len({e["tid"] for e in runs}) == 2
    steps = [e for e in events if e.get("cat") == "step"]
    for step in steps:
        (around,) = [r for r in runs if r["tid"] == step["tid"]]
        assert around["ts"] <= step["ts"] and step["ts"] + step["dur"] <= around["ts"] + around["dur"]
    assert any("product" in s["args"]["operations"] for s in steps)
    assert sum(e["name"] == "thread_name" for e in events) == 2


@pytest.mark.skipif(not HAS_TEAMS, reason="runs have one thread here")
def test_a_lane_for_each_thread_of_the_team():
    config = tf.ConfigProto(intra_op_parallelism_threads=2)
    with tf.Graph().as_default(), tf.Session(config=config) as session, tf.profile(session) as found:
        a = tf.placeholder(tf.float32, [300, 300])
        session.run(tf.matmul(tf.matmul(a, a), a), {a: np.ones((300, 300))})
    events = found.trace()["traceEvents"]
    (run,) = [e for e in events if e.get("cat") == "run"]
    lanes = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert lanes[run["tid"]] == threading.current_thread().name and sorted(lanes.values())[1:] == ["graphflow-1"]
    for lane in lanes:
        mine = sorted(
            [e for e in events if e.get("cat") in ("step", "wait") and e["tid"] == lane], key=lambda e: e["ts"]
        )
        assert [e["name"] for e in mine if e["cat"] == "step"] == ["MatMul", "MatMul"]
        for before, after in zip([run, *mine], mine, strict=False):
            edge = before["ts"] if before is run else before["ts"] + before["dur"]
            assert edge <= after["ts"] + 1e-3 and after["ts"] + after["dur"] <= run["ts"] + run["dur"]


def test_without_a_session():
    with pytest.raises(GraphError, match="needs a session"), tf.profile():
        pass
