"""The table of results: all models of mnist.py, each with three seeds, beside the published accuracies.

    python -m examples.results [--seeds 3] [--models softmax convnet] [--steps 1000]

First peers.py measures what a step takes here, and in those of TensorFlow, PyTorch and JAX that are installed.  Then
come the runs, as many at a time as there are CPUs, each on one thread: all in all a quarter of an hour on two.
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
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from examples.gallery import positive

EXAMPLES = Path(__file__).resolve().parent
MODELS = ("softmax", "sigmoid", "relu", "decay", "dropout", "batchnorm", "convnet", "convnet-dropout",
          "convnet-batchnorm")  # fmt: skip
STEPS, SHORTER = 10_000, {"convnet-batchnorm": 3000}
# Steps between two tests; 100 for all others, as in the course.
EVERY = {"softmax": 50, "convnet-dropout": 200, "convnet-batchnorm": 250}
FRAMEWORKS = {"graphflow": "graphflow", "tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX"}
CAPTION = """
Best: the highest accuracy on the test images, asked every 100 steps (softmax: 50, convnet-dropout: 200,
convnet-batchnorm: 250). A run, s: seconds from building the graph to the last test, on one thread beside another
run. The last columns: seconds of so many steps, without tests, on {threads} threads, extrapolated from the median of
half a second of steps."""


def output(*arguments: str, **variables: str) -> str:
    """What an example prints."""
    done = subprocess.run([sys.executable, *arguments], cwd=EXAMPLES, env=os.environ | variables, capture_output=True,
                          text=True)  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} has failed:\n{done.stderr}")
    return done.stdout


def measure(framework: str, models: Sequence[str]) -> dict[str, float]:
    """Milliseconds of a step of each model."""
    print(f"measuring {FRAMEWORKS[framework]}", file=sys.stderr)
    return json.loads(output("peers.py", framework, "--models", *models, TF_CPP_MIN_LOG_LEVEL="3"))


def learn(model: str, steps: int, seed: int) -> dict[str, Any]:
    """What a run of mnist.py has found: its JSON."""
    every = min(EVERY.get(model, 100), steps)
    with tempfile.TemporaryDirectory() as folder:
        output("mnist.py", "--model", model, "--steps", str(steps), "--seed", str(seed), "--test-every", str(every),
               "--out", folder, GRAPHFLOW_THREADS="1")  # fmt: skip
        (found,) = Path(folder).glob("*.json")
        result = json.loads(found.read_text(encoding="utf-8"))
    print(f"{model}, seed {seed}: {result['best']:.4f} after {result['seconds']:.0f} s", file=sys.stderr)
    return result


def row(model: str, runs: list[dict[str, Any]], times: dict[str, dict[str, float]]) -> list[str]:
    """One line of the table."""
    steps, best = runs[0]["steps"], [run["best"] for run in runs]
    mean = lambda name: statistics.mean(run[name] for run in runs)
    return [model, str(steps), f"{runs[0]['published']:.4f}", f"{mean('best'):.4f}",
            f"{min(best):.4f} to {max(best):.4f}", f"{mean('final'):.4f}", f"{mean('seconds'):.0f}",
            *(f"{found[model] * steps / 1000:.1f}" for found in times.values())]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, as Markdown, and what its columns are."""
    parser = argparse.ArgumentParser(prog="python -m examples.results", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=positive, default=3, help="how many runs of each model (default: 3)")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL", help="default: all")
    parser.add_argument("--steps", type=positive, help="default: 10000, and 3000 for convnet-batchnorm")
    options = parser.parse_args(arguments)
    times = {name: measure(name, options.models) for name in FRAMEWORKS if find_spec(name)}
    runs: dict[str, list[Future]] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for model in sorted(options.models, key=MODELS.index, reverse=True):  # the longest first
            steps = options.steps or SHORTER.get(model, STEPS)
            runs[model] = [pool.submit(learn, model, steps, seed) for seed in range(options.seeds)]
        lines = [row(model, [run.result() for run in runs[model]], times) for model in options.models]
    head = ["model", "steps", "published", "best, mean", "lowest to highest", "at the end", "a run, s",
            *(f"{FRAMEWORKS[name]} {version(name)}" for name in times)]  # fmt: skip
    for line in (head, ["---"] + ["---:"] * (len(head) - 1), *lines):
        print("| " + " | ".join(line) + " |")
    print(CAPTION.format(threads=os.cpu_count()))


if __name__ == "__main__":
    main()
