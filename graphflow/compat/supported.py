"""The page of what is supported, from the code and the list of TensorFlow's names.

python -m graphflow.compat.supported SUPPORTED.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from graphflow.compat.internals import INTERNALS
from graphflow.compat.legacy import RENAMED
from graphflow.compat.lookup import resolve
from graphflow.compat.symbols import Symbol, listed
from graphflow.graph import Graph
from graphflow.variables import Variable

_HEADER = """# What is supported

The names of TensorFlow 1.15 that programs use, by area, and which of them graphflow has. Names of tier A are used by
most programs, those of tier B by some; what tier C lists is left out on purpose, and its error says what to use
instead. All of it works with `import graphflow as tf`, but for the names from TensorFlow 0.x and the modules inside
TensorFlow (`tf.python`), which only programs run by `python -m graphflow` have.

This page is written by `python -m graphflow.compat.supported SUPPORTED.md`, and a test compares it with the code.
"""


def supported(symbol: str) -> bool:
    """Whether graphflow has this symbol, `tf.nn.relu`; methods and attributes of classes, and old names, included."""
    path = symbol.removeprefix("tf.")
    return _has(path) or _has_old(path) or _has_inside(path)


def _has(path: str) -> bool:
    try:
        found = resolve(path)
    except AttributeError:
        owner, _, attribute = path.rpartition(".")
        return owner in _SAMPLES and hasattr(_SAMPLES[owner], attribute)
    return not isinstance(found, ModuleType) or any(not name.startswith("_") for name in dir(found))


def _has_old(path: str) -> bool:
    module, _, name = path.rpartition(".")
    return path in RENAMED and _has(RENAMED[path]) or module in RENAMED and _has(f"{RENAMED[module]}.{name}")


def _has_inside(path: str) -> bool:
    if path in INTERNALS:
        return all(map(_has, INTERNALS[path]))
    module, _, name = path.rpartition(".")
    return module in INTERNALS and any(_has(f"{source}.{name}".lstrip(".")) for source in (*INTERNALS[module], ""))


def _samples() -> dict[str, Any]:
    """An object of each class whose attributes are made by its constructor."""
    graph = Graph()
    with graph.as_default():
        variable = Variable(0.0)
    return {"Graph": graph, "Variable": variable, "Tensor": variable.value(), "Operation": variable.op}


_SAMPLES = _samples()


def page() -> str:
    """The text of the page."""
    areas: dict[str, list[Symbol]] = {}
    for row in listed().values():
        areas.setdefault(row.area, []).append(row)
    found = {row.symbol for row in listed().values() if supported(row.symbol)}
    lines = [_HEADER, "| area | tier A | tier B | left out (C) |", "| --- | ---: | ---: | ---: |"]
    for area, rows in areas.items():
        lines.append(f"| {area} | {_share(rows, 'A', found)} | {_share(rows, 'B', found)} | {_left_out(rows, found)} |")
    every = list(listed().values())
    lines.append(f"| all | {_share(every, 'A', found)} | {_share(every, 'B', found)} | {_left_out(every, found)} |")
    for area, rows in areas.items():
        wanted = [row for row in rows if row.tier != "C" or row.symbol in found]
        lines += [f"\n## {area}\n"]
        lines += _names("Supported", (row.symbol for row in wanted if row.symbol in found))
        lines += _names("Not yet", (row.symbol for row in wanted if row.symbol not in found))
        lines += _alternatives(row for row in rows if row.tier == "C" and row.symbol not in found)
    return "\n".join(lines).rstrip() + "\n"


def _share(rows: Iterable[Symbol], tier: str, found: set[str]) -> str:
    """`supported / listed` of one tier."""
    names = [row.symbol for row in rows if row.tier == tier]
    return f"{len(found.intersection(names))} / {len(names)}" if names else ""


def _left_out(rows: Iterable[Symbol], found: set[str]) -> str:
    return str(sum(row.tier == "C" and row.symbol not in found for row in rows) or "")


def _names(title: str, symbols: Iterable[str]) -> list[str]:
    names = ", ".join(f"`{symbol.removeprefix('tf.')}`" for symbol in symbols)
    return [f"{title}: {names}\n"] if names else []


def _alternatives(rows: Iterable[Symbol]) -> list[str]:
    named = [(row.symbol.removeprefix("tf."), row.instead) for row in rows]
    names = ", ".join(f"`{name}` ({instead})" if instead else f"`{name}`" for name, instead in named)
    return [f"Left out, and what to use instead: {names}\n"] if names else []


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
