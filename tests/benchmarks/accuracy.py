"""How long whole processes take to learn MNIST: from their start to the first time that the test set is known so well.

Every process loads the data and its framework, builds the network, trains on batches of 100 in an order that the round
decides, and evaluates on the 10,000 test images every 100 steps.  "Empty" is without what frameworks keep on disk.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.training import PROGRAMS
from tests.benchmarks.workloads import WORKLOADS

_ROOT = Path(__file__).resolve().parents[2]
_DATA = _ROOT / "examples" / "data" / "mnist"
_BATCH, _EVERY, _LIMIT = 100, 100, 20_000
# network, the accuracy to reach, how many units dropout keeps
GOALS: dict[str, tuple[str, float, float]] = {
    "mlp 98 %": ("mlp adam", 0.98, 1.0),
    "convnet 99 %": ("convnet 6-12-24", 0.99, 0.75),
}


def _read(name: str, shape: tuple[int, ...]) -> np.ndarray:
    data = gzip.decompress((_DATA / f"{name}.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=len(data) - math.prod(shape)).reshape(shape)


def _batches(n: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    while True:
        yield from rng.permutation(n).reshape(-1, _BATCH)


def learn(goal: str, framework: str, threads: int, seed: int) -> dict[str, Any]:
    """Train until the goal is reached: the steps that it took, and the accuracy."""
    network, enough, keep = GOALS[goal]
    work = WORKLOADS[network]
    one_hot = np.eye(10, dtype=np.float32)
    images, test = (
        _read("train-images-idx3-ubyte", (60_000, *work.image)),
        _read("t10k-images-idx3-ubyte", (10_000, *work.image)),
    )
    labels, wanted = (
        one_hot[_read("train-labels-idx1-ubyte", (60_000,))],
        one_hot[_read("t10k-labels-idx1-ubyte", (10_000,))],
    )
    scale = np.float32(1 / 255)
    test = test * scale
    train, accuracy = PROGRAMS[framework](work, keep, threads)
    for step, chosen in enumerate(_batches(len(images), seed)):
        if step % _EVERY == 0 and step and ((reached := accuracy(test, wanted)) >= enough or step >= _LIMIT):
            return {"steps": step, "accuracy": float(reached)}
        train(images[chosen] * scale, labels[chosen], 0.0001 + 0.0029 * math.exp(-step / 2000))
    raise AssertionError("batches never end")


def measure(goal: str, framework: str, threads: int, seed: int, cache: Path) -> dict[str, Any]:
    """Seconds, steps and accuracy of a process that keeps what it compiles in `cache`."""
    caches = {"GRAPHFLOW_CACHE_DIR": str(cache), "JAX_COMPILATION_CACHE_DIR": str(cache),
              "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "TF_CPP_MIN_LOG_LEVEL": "3",
              "PYTHONDONTWRITEBYTECODE": ""}  # fmt: skip
    command = [sys.executable, "-m", __spec__.name, goal, "--frameworks", framework, "--threads", str(threads)]
    start = time.perf_counter()
    done = subprocess.run([*command, "--learn", str(seed)], cwd=_ROOT, env=os.environ | caches, text=True,
                          capture_output=True)  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode:
        return {"error": (done.stderr.strip() or "no message").splitlines()[-1]}
    return {"seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}


def table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Medians of the seconds (and steps) of the rounds as Markdown, and graphflow's share of the best peer's."""
    lines = [["goal", "cache", *names, "ratio to the best peer"], ["---"] * (3 + len(names))]
    for row in rows:
        cells, medians = [], {}
        for name in names:
            tries = row["frameworks"][name]
            faults = [t["error"] for t in tries if "error" in t]
            if not faults:
                medians[name] = statistics.median(t["seconds"] for t in tries)
                cells.append(f"{medians[name]:.1f} s ({statistics.median(t['steps'] for t in tries):.0f})")
            else:
                cells.append(faults[0][:60])
        own, peers = medians.pop("graphflow", None), medians
        best = min(peers, key=peers.__getitem__, default=None)
        ratio = "-" if own is None or best is None else f"{own / peers[best]:.2f} ({best})"
        lines.append([row["goal"], row["cache"], *cells, ratio])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.accuracy", description=__doc__)
    parser.add_argument("goals", nargs="*", choices=[[], *GOALS], help="all by default")
    parser.add_argument("--frameworks", default=",".join(PROGRAMS), help="those of them that are installed are used")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="processes of each kind; the table has their medians")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--learn", type=int, metavar="SEED", help="be one of these processes")
    options = parser.parse_args()
    names = [f for f in options.frameworks.split(",") if find_spec(f) is not None]
    goals = options.goals or list(GOALS)
    if options.learn is not None:
        print(json.dumps(learn(goals[0], names[0], options.threads, options.learn)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for goal in goals:
            found = {cache: {name: [] for name in names} for cache in ("empty", "warm")}
            for seed in range(options.rounds):
                for name in names:
                    cache = Path(folder, f"{goal}-{name}-{seed}")
                    for kind in found:  # the second process finds what the first has left
                        made = measure(goal, name, options.threads, seed, cache)
                        found[kind][name].append(made)
                        print(goal, kind, name, made, flush=True)
            rows += [{"goal": goal, "cache": kind, "frameworks": tries} for kind, tries in found.items()]
    print("\nmedian seconds (steps)\n" + table(rows, names))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
