"""Every framework in a process of its own; rounds alternate between them, so that noise meets all of them alike."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from graphflow.backends import get_backend
from graphflow.backends.cpu.peak import peak
from tests.benchmarks import report
from tests.benchmarks.frameworks import FRAMEWORKS
from tests.benchmarks.workloads import GPU, WORKLOADS

_MODULES = {"torch.compile": "torch", "graphflow-cuda": "graphflow", "torch-cuda": "torch", "jax-cuda": "jax"}
_ALL = WORKLOADS | GPU
_STEPS = 3  # results that are compared before anything is measured


def serve(framework: str, threads: int, pipe: Any) -> None:
    """Build workloads and run them as often as the parent says."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    step = None
    while (order := pipe.recv()) is not None:
        try:
            if isinstance(order, str):
                start = time.perf_counter()
                step = FRAMEWORKS[framework](_ALL[order], threads)
                results = [np.asarray(step())]
                first = time.perf_counter() - start
                results += [np.asarray(step()) for _ in range(_STEPS - 1)]
                pipe.send((first, results))
            else:
                times = []
                for _ in range(order):
                    start = time.perf_counter()
                    step()
                    times.append(time.perf_counter() - start)
                pipe.send(times)
        except Exception as error:  # told to the parent, which goes on with the others
            pipe.send(f"{type(error).__name__}: {error}".splitlines()[0][:200])


def measure(name: str, pipes: dict[str, Any], seconds: float, together: bool = False) -> dict[str, Any]:
    """Times of one workload on every framework, by name.   together: they build it at the same time."""
    found: dict[str, Any] = {}
    results: dict[str, Any] = {}
    if together:
        for pipe in pipes.values():
            pipe.send(name)
    for framework, pipe in pipes.items():
        if not together:
            pipe.send(name)
        answer = pipe.recv()
        if isinstance(answer, str):
            found[framework] = {"error": answer}
        else:
            found[framework], results[framework] = {"first_ms": 1e3 * answer[0], "times": []}, answer[1]
    want = results.get(own(pipes)) or next(iter(results.values()))
    for framework, got in results.items():
        found[framework]["agrees"] = all(same(a, b) for a, b in zip(got, want, strict=True))
    alive = {f: p for f, p in pipes.items() if "times" in found[f]}
    counts = {}
    for framework, pipe in alive.items():
        pipe.send(3)
        counts[framework] = max(1, int(seconds / 10 / max(statistics.median(pipe.recv()), 1e-6)))
    for _ in range(10):
        for framework, pipe in alive.items():
            pipe.send(min(counts[framework], 2000))
            found[framework]["times"] += pipe.recv()
    return found


def own(frameworks: Iterable[str]) -> str:
    """Which of them is this project."""
    return next((f for f in frameworks if f.startswith("graphflow")), "")


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Numbers to a few thousandths, classes in all but one of a thousand cases."""
    if a.dtype.kind == "i":
        return bool((a == b).mean() > 0.999)
    return np.allclose(a, b, rtol=2e-3, atol=2e-3 * np.abs(b).max())


def row(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Medians and minima in microseconds, and graphflow's share of the best peer's median."""
    work = _ALL[name]
    made: dict[str, Any] = {"workload": name, "flop": work.flop(), "frameworks": {}}
    for framework, record in found.items():
        if "error" in record:
            made["frameworks"][framework] = record
            continue
        median = statistics.median(record["times"])
        made["frameworks"][framework] = {
            "median_us": 1e6 * median, "min_us": 1e6 * min(record["times"]), "first_ms": record["first_ms"],
            "gflops": 1e-9 * work.flop() / median, "agrees": record["agrees"], "runs": len(record["times"]),
        }  # fmt: skip
    peers = {f: r["median_us"] for f, r in made["frameworks"].items() if f != own(found) and "median_us" in r}
    mine = made["frameworks"].get(own(found), {})
    if peers and "median_us" in mine:
        made["best_peer"] = min(peers, key=peers.__getitem__)
        made["ratio"] = mine["median_us"] / min(peers.values())
    return made


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", help=f"of {', '.join(_ALL)}; by default all that are not for a GPU")
    parser.add_argument("--gpu", action="store_true", help="on a GPU, by default its own workloads")
    parser.add_argument(
        "--frameworks",
        help=f"those of them that are installed are used, of {', '.join(FRAMEWORKS)}; -cuda needs a GPU",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, help="how long, about, each framework runs each workload: 3; 0.25 with"
                        " --gpu")  # fmt: skip
    parser.add_argument("--limit", type=float, help="begin no workload after so many seconds: never; 140 with --gpu")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--table", type=Path, help="write the table to this Markdown file")
    parser.add_argument("--plot", type=Path, help="draw the ratios into this SVG file")
    options = parser.parse_args()
    unknown = set(options.workloads) - set(_ALL)
    if unknown:
        parser.error(f"no workload is named {', '.join(sorted(unknown))}")
    wanted = options.frameworks.split(",") if options.frameworks else [
        f for f in FRAMEWORKS if f.endswith("-cuda") == options.gpu]  # fmt: skip
    names = [f for f in wanted if find_spec(_MODULES.get(f, f)) is not None]
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for name in names:
        pipes[name], theirs = context.Pipe()
        processes.append(context.Process(target=serve, args=(name, options.threads, theirs), daemon=True))
        processes[-1].start()
        theirs.close()  # so that the end of the process ends the pipe
    made: dict[str, Any] = {"machine": report.machine(), "threads": options.threads, "frameworks": names, "rows": [],
                            "peak_1": 0.0, "peak": 0.0}  # fmt: skip
    seconds = options.seconds or (0.25 if options.gpu else 3.0)
    limit = options.limit or (140.0 if options.gpu else float("inf"))
    left = list(options.workloads or (GPU if options.gpu else WORKLOADS))
    start = time.monotonic()
    print(*report.head(names), sep="\n", flush=True)
    while left and time.monotonic() - start < limit:
        if not options.gpu:
            kernels = get_backend("cpu").kernels
            made["peak_1"] = max(made["peak_1"], peak(kernels, 1))
            made["peak"] = max(made["peak"], peak(kernels, options.threads))
        name = left.pop(0)
        made["rows"].append(row(name, measure(name, pipes, seconds, together=options.gpu)))
        print(report.line(made["rows"][-1], names, made["peak"]), flush=True)  # whoever is cut off has these
        if options.json:
            options.json.write_text(json.dumps(made, indent=1), encoding="utf-8")
        if options.table:
            options.table.write_text(report.table(made), encoding="utf-8")
    for pipe in pipes.values():
        pipe.send(None)
    print("\n" + report.table(made))
    if left:
        print(f"not measured, since {limit:.0f} seconds had passed: {', '.join(left)}")
    if options.plot:
        report.plot(made, options.plot)
