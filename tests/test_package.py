"""The package as others meet it: what an import brings along, what it depends on, what the README says of it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import graphflow

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("tqdm", "pygraphviz", "pydot", "pytest", "hypothesis", "scipy", "matplotlib", "pandas", "PIL")


def modules_after_import() -> set[str]:
    """Names of the modules that a fresh interpreter holds after `import graphflow`."""
    code = "import sys, graphflow; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(run.stdout.split())


def test_import_brings_nothing_that_is_not_needed_yet():
    loaded = modules_after_import()
    assert "graphflow" in loaded and "numpy" in loaded
    unwanted = {name for name in loaded if name.partition(".")[0] in {"networkx", *EXTRAS}}
    unwanted |= {name for name in loaded if name == "numba.cuda" or name.startswith("numba.cuda.")}
    assert unwanted == set()


def test_version():
    assert isinstance(graphflow.__version__, str)
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", graphflow.__version__)


def test_dependencies_are_these_four():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.match(r"[A-Za-z0-9_-]+", text)[0] for text in project["dependencies"]]
    assert sorted(names) == ["llvmlite", "networkx", "numba", "numpy"]


def test_types_are_shipped():
    assert (ROOT / "graphflow" / "py.typed").is_file()
