"""The table of results: all models of mnist.py, each with three seeds, beside the published accuracies.

    python -m examples.results [--seeds 3] [--models softmax convnet] [--steps 1000]

Fifteen minutes on two cores.  Where TensorFlow is installed the very same programs also run a few hundred steps on it,
for the time that a step takes there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent
MODELS = ("softmax", "sigmoid", "relu", "decay", "dropout", "batchnorm", "convnet", "convnet-dropout",
          "convnet-batchnorm")  # fmt: skip
STEPS, SHORTER = 10_000, {"convnet-batchnorm": 3000}
# mnist.py as it is, with TensorFlow behind the name graphflow
TENSORFLOW = """
import sys, graphflow.datasets.mnist, tensorflow.compat.v1
tensorflow.compat.v1.disable_v2_behavior()
sys.modules["graphflow"] = tensorflow.compat.v1
import mnist
mnist.main()
"""


def learn(*arguments: str, program: Sequence[str] = ("mnist.py",)) -> dict[str, Any]:
    """What a run of mnist.py has found."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *program, "--out", folder, *arguments]
        done = subprocess.run(command, cwd=EXAMPLES, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} has failed:\n{done.stderr}")
        (found,) = Path(folder).glob("*.json")
        return json.loads(found.read_text(encoding="utf-8"))


def row(model: str, steps: int, seeds: int, peer: bool) -> list[str]:
    """One line of the table."""
    every = str(min(500 if model in SHORTER else 100, steps))
    runs = []
    for seed in range(seeds):
        runs.append(learn("--model", model, "--steps", str(steps), "--seed", str(seed), "--test-every", every))
        print(f"{model}, seed {seed}: {runs[-1]['best']:.4f} after {runs[-1]['seconds']:.0f} s", file=sys.stderr)
    best = [run["best"] for run in runs]
    mean = lambda name: statistics.mean(run[name] for run in runs)
    other = "-"
    if peer:
        there = learn("--model", model, "--steps", "200", "--test-every", "200", program=("-c", TENSORFLOW))
        other = f"{there['step_ms']:.2f}"
    return [model, str(steps), f"{runs[0]['published']:.4f}", f"{mean('best'):.4f}",
            f"{min(best):.4f} to {max(best):.4f}", f"{mean('final'):.4f}", f"{mean('seconds'):.0f}",
            f"{mean('step_ms'):.2f}", other]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m examples.results", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many runs of each model (default: 3)")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL", help="default: all")
    parser.add_argument("--steps", type=int, help="default: 10000, and 3000 for convnet-batchnorm")
    options = parser.parse_args(arguments)
    head = ["model", "steps", "published", "best, mean", "lowest to highest", "at the end", "seconds", "ms a step",
            "TensorFlow, ms a step"]  # fmt: skip
    lines = [head, ["---"] * 2 + ["---:"] * (len(head) - 2)]
    peer = find_spec("tensorflow") is not None
    for model in options.models:
        lines.append(row(model, options.steps or SHORTER.get(model, STEPS), options.seeds, peer))
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))


if __name__ == "__main__":
    main()
