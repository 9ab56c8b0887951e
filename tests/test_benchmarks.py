"""The benchmarks run, and what they measure agrees."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import threading
from pathlib import Path

import graphflow as tf
from tests.benchmarks import accuracy, harness
from tests.benchmarks.report import table


def test_a_benchmark_of_graphflow(tmp_path):
    written, page = tmp_path / "made.json", tmp_path / "made.md"
    options = ["layer", "--frameworks", "graphflow", "--seconds", "0.01", "--json", written, "--table", page]
    command = [sys.executable, "-m", "tests.benchmarks", *options]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    made = json.loads(written.read_text(encoding="utf-8"))
    (row,) = made["rows"]
    own = row["frameworks"]["graphflow"]
    assert row["workload"] == "layer" and own["agrees"] and own["runs"] >= 10 and "ratio" not in row
    assert made["peak"] > 1e8 and made["machine"]["vector_bits"] >= 128
    lines = page.read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("| layer |") and line.endswith("% |"))
    assert f"{own['median_us']:.0f} ({own['min_us']:.0f})" in line
    assert any(line == f"| layer | {own['first_ms']:.0f} |" for line in lines)


def test_what_did_not_run_is_told():
    row = {"workload": "layer", "frameworks": {"graphflow": {"error": "OSError: no space"}, "jax": {"error": "late"}}}
    machine = {"cpu": "some", "gpus": ["one"], "vector_bits": 256, "versions": {}}
    made = {"machine": machine, "threads": 2, "frameworks": ["graphflow", "jax"], "rows": [row], "peak": 1, "peak_1": 1}
    text = table(made)
    assert "| layer | error | error | - | - | - |" in text
    assert "- layer, graphflow: OSError: no space\n- layer, jax: late\n" in text


def test_a_network_learns(monkeypatch):
    monkeypatch.setitem(accuracy.GOALS, "mlp 98 %", ("mlp adam", 0.85, 1.0))
    with tf.Graph().as_default():
        made = accuracy.learn("mlp 98 %", "graphflow", threads=1, seed=0)
    assert made["accuracy"] >= 0.85 and made["steps"] in (100, 200)


def test_the_table_of_accuracy():
    tries = [{"seconds": s, "steps": 100 * s, "accuracy": 0.98} for s in (3, 1, 2)]
    rows = [{"goal": "mlp", "cache": "warm", "frameworks": {"graphflow": tries, "jax": [{"seconds": 4, "steps": 9}]}}]
    rows += [{"goal": "mlp", "cache": "empty", "frameworks": {"graphflow": [{"error": "no"}], "jax": tries}}]
    lines = accuracy.table(rows, ["graphflow", "jax"]).splitlines()
    assert lines[2:] == ["| mlp | warm | 2.0 s (200) | 4.0 s (9) | 0.50 (jax) |",
                         "| mlp | empty | no | 2.0 s (200) | - |"]  # fmt: skip


def test_frameworks_may_build_a_workload_at_the_same_time():
    pipes = {}
    for name in ("graphflow", "other"):
        pipes[name], theirs = multiprocessing.Pipe()
        threading.Thread(target=harness.serve, args=("graphflow", 1, theirs), daemon=True).start()
    found = harness.measure("layer", pipes, 0.01, together=True)
    for pipe in pipes.values():
        pipe.send(None)
    assert [len(record["times"]) >= 10 and record["agrees"] for record in found.values()] == [True, True]
