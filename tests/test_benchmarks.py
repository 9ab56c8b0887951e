"""The benchmarks run, and what they measure agrees."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_a_benchmark_of_graphflow(tmp_path):
    written = tmp_path / "made.json"
    options = ["layer", "--frameworks", "graphflow", "--seconds", "0.01", "--json", str(written)]
    command = [sys.executable, "-m", "tests.benchmarks", *options]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(written.read_text(encoding="utf-8"))["rows"]
    own = row["frameworks"]["graphflow"]
    assert row["workload"] == "layer" and own["agrees"] and own["runs"] >= 10 and "ratio" not in row
