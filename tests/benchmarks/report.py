"""What was measured as a Markdown table and as a plot, with the machine that it was measured on."""

from __future__ import annotations

import platform
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from graphflow.backends.cpu.emitted import vector_bytes
from graphflow.version import __version__

_PACKAGES = ("numpy", "numba", "numba-cuda", "tensorflow", "torch", "jax")


def machine() -> dict[str, Any]:
    """The processor, its vectors, and the versions of what ran on it."""
    facts = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in facts.splitlines())}
    cpu = found.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in found:  # the name alone may be a virtual machine's
        cpu += f", family {found['cpu family']} model {found['model']}"
    versions = {"Python": platform.python_version(), "graphflow": __version__}
    for package in _PACKAGES:
        if find_spec(package.replace("-", "_")) is not None:
            versions[package] = version(package)
    return {"cpu": cpu, "gpus": _gpus(), "vector_bits": 8 * vector_bytes(), "versions": versions}


def _gpus() -> list[str]:
    """Each with its driver, as the driver's files tell."""
    root = Path("/proc/driver/nvidia")
    version = re.search(r"(\d+\.[\d.]+)", (root / "version").read_text()) if (root / "version").exists() else None
    models = [re.search(r"Model:\s*(.+)", path.read_text()) for path in sorted(root.glob("gpus/*/information"))]
    return [f"{m[1].strip()}, driver {version[1] if version else 'unknown'}" for m in models if m]


def table(made: dict[str, Any]) -> str:
    """The machine; medians (minima) of every framework; first steps; what did not run, and why."""
    rows, names, where = made["rows"], made["frameworks"], made["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in where["versions"].items())
    first = f"{where['cpu']}, vectors of {where['vector_bits']} bits"
    if made["peak"]:
        best = f"{1e-9 * made['peak_1']:.0f} GFLOP/s on one thread, {1e-9 * made['peak']:.0f} on {made['threads']}"
        first += f"; multiply-adds that stay in registers: {best}"
    text = [f"{first}.", *[f"{gpu}." for gpu in where["gpus"]], f"{versions}.", ""]
    text += [f"Median (minimum) in microseconds, float32, {made['threads']} threads:", ""]
    text += [*head(names), *[line(r, names, made["peak"]) for r in rows]]
    text += ["", "From nothing built to the first result, in milliseconds:", ""]
    text += _lines(["workload", *names], [
        [r["workload"], *[_number(r["frameworks"].get(n), "first_ms") for n in names]] for r in rows])  # fmt: skip
    faults = [f"- {r['workload']}, {n}: {record['error']}" for r in rows for n, record in r["frameworks"].items()
              if "error" in record]  # fmt: skip
    return "\n".join([*text, *(["", "What did not run:", "", *faults] if faults else [])]) + "\n"


def head(names: list[str]) -> list[str]:
    """The first two lines of the table of times."""
    return _lines(["workload", *names, "ratio to the best peer", "GFLOP/s", "share of the peak"], [])


def line(row: dict[str, Any], names: list[str], peak: float) -> str:
    """A workload in the table of times."""
    return _line([row["workload"], *[_time(row["frameworks"].get(n)) for n in names], _ratio(row), *_rate(row, peak)])


def _lines(first: list[str], rows: list[list[str]]) -> list[str]:
    return [_line(cells) for cells in (first, ["---"] * len(first), *rows)]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(record: dict[str, Any] | None, key: str) -> str:
    return "-" if record is None else "error" if "error" in record else f"{record[key]:.0f}"


def _time(record: dict[str, Any] | None) -> str:
    if record is None or "error" in record:
        return _number(record, "")
    return f"{_number(record, 'median_us')} ({_number(record, 'min_us')}){'' if record['agrees'] else ' differs'}"


def _ratio(row: dict[str, Any]) -> str:
    return f"{row['ratio']:.2f} ({row['best_peer']})" if "ratio" in row else "-"


def _rate(row: dict[str, Any], peak: float) -> list[str]:
    own = row["frameworks"].get("graphflow", {}).get("gflops")
    share = f"{1e11 * own / peak:.0f} %" if own and peak else "-"
    return [f"{own:.0f}" if own else "-", share]


def plot(made: dict[str, Any], path: Path) -> None:
    """How many times as long as graphflow each peer takes, as an SVG."""
    try:
        import matplotlib
    except ImportError as error:
        raise SystemExit("a plot needs matplotlib: pip install 'graphflow[bench]'") from error
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "graphflow", "font.size": 9})
    from matplotlib import pyplot, ticker

    rows = [r for r in made["rows"] if "ratio" in r][::-1]
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.28 * len(rows)), layout="constrained")
    for name, marker in zip([n for n in made["frameworks"] if n != "graphflow"], "osD^v", strict=False):
        times = [row["frameworks"].get(name, {}).get("median_us", float("nan")) for row in rows]
        ratios = [t / row["frameworks"]["graphflow"]["median_us"] for row, t in zip(rows, times, strict=True)]
        axes.plot(ratios, range(len(rows)), marker, markersize=6, label=name)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), [row["workload"] for row in rows])
    axes.grid(axis="y", linewidth=0.4)
    axes.set_xscale("log")
    for axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        axis(ticker.FuncFormatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "125" else ""))
    axes.set_xlabel(f"time of a step, graphflow = 1 ({made['machine']['cpu']}, {made['threads']} threads)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, ncols=4, loc="outside upper center")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
