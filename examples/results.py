"""The table of results: all models of mnist.py, each with three seeds, beside the published accuracies.

    python -m examples.results [--seeds 3] [--models softmax convnet] [--steps 1000]

As many runs at a time as there are CPUs, each on one thread: about a quarter of an hour on two.  Where TensorFlow is
installed the very same programs also run some steps on it, for the time that a step takes there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent
MODELS = ("softmax", "sigmoid", "relu", "decay", "dropout", "batchnorm", "convnet", "convnet-dropout",
          "convnet-batchnorm")  # fmt: skip
STEPS, SHORTER, PEER_STEPS = 10_000, {"convnet-batchnorm": 4000}, 100
ONE_THREAD = dict.fromkeys(("GRAPHFLOW_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
# mnist.py as it is, with TensorFlow behind the name graphflow
TENSORFLOW = """
import sys, graphflow.datasets.mnist, tensorflow.compat.v1
tensorflow.compat.v1.disable_v2_behavior()
sys.modules["graphflow"] = tensorflow.compat.v1
import mnist
mnist.main()
"""


def learn(model: str, steps: int, seed: int = 0, program: Sequence[str] = ("mnist.py",)) -> dict[str, Any]:
    """What a run of mnist.py has found: its JSON."""
    every = min(500 if model in SHORTER else 100, steps)
    arguments = ["--model", model, "--steps", str(steps), "--seed", str(seed), "--test-every", str(every)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, *program, "--out", folder, *arguments], cwd=EXAMPLES,
                              env=os.environ | ONE_THREAD, capture_output=True, text=True)  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} has failed:\n{done.stderr}")
        (found,) = Path(folder).glob("*.json")
        result = json.loads(found.read_text(encoding="utf-8"))
    print(f"{model}, seed {seed}: {result['best']:.4f} after {result['seconds']:.0f} s", file=sys.stderr)
    return result


def row(model: str, runs: list[dict[str, Any]], peer: dict[str, Any] | None) -> list[str]:
    """One line of the table."""
    best = [run["best"] for run in runs]
    mean = lambda name: statistics.mean(run[name] for run in runs)
    return [model, str(runs[0]["steps"]), f"{runs[0]['published']:.4f}", f"{mean('best'):.4f}",
            f"{min(best):.4f} to {max(best):.4f}", f"{mean('final'):.4f}", f"{mean('seconds'):.0f}",
            f"{mean('step_ms'):.2f}", f"{peer['step_ms']:.2f}" if peer else "-"]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m examples.results", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many runs of each model (default: 3)")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL", help="default: all")
    parser.add_argument("--steps", type=int, help="default: 10000, and 4000 for convnet-batchnorm")
    options = parser.parse_args(arguments)
    runs: dict[str, list[Future]] = {}
    peers: dict[str, Future] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for model in sorted(options.models, key=MODELS.index, reverse=True):  # the longest first
            steps = options.steps or SHORTER.get(model, STEPS)
            runs[model] = [pool.submit(learn, model, steps, seed) for seed in range(options.seeds)]
        if find_spec("tensorflow"):
            peers = {model: pool.submit(learn, model, PEER_STEPS, program=("-c", TENSORFLOW)) for model in runs}
        lines = [["model", "steps", "published", "best, mean", "lowest to highest", "at the end", "seconds",
                  "ms a step", "TensorFlow, ms a step"], ["---"] * 2 + ["---:"] * 7]  # fmt: skip
        for model in options.models:
            peer = peers[model].result() if peers else None
            lines.append(row(model, [run.result() for run in runs[model]], peer))
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))


if __name__ == "__main__":
    main()
