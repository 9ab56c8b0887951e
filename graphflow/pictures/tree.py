"""A graph for the terminal: what a fetch is computed from, a line an operation."""

from __future__ import annotations

from typing import Any

from graphflow.fetches import flatten
from graphflow.operation import Operation, short_site
from graphflow.ops.define import CONST
from graphflow.pictures.dot import graph_behind
from graphflow.pictures.looks import short_value
from graphflow.shape import show


def tree(fetches: Any, depth: int = 20) -> str:
    """The operations that fetches need, below what takes them, with types, shapes, names and the lines that made them.

    An operation that was shown already is one line that says so, and so is what lies deeper than `depth`.
    Raises: what Session.run raises for fetches that it cannot take.
    """
    tensors, operations, _ = flatten(graph_behind(fetches), fetches)
    lines: list[str] = []
    shown: set[Operation] = set()
    roots = list(dict.fromkeys([t.op for t in tensors] + list(operations)))
    stack = [(op, "", "", 0) for op in reversed(roots)]
    while stack:
        op, head, indent, level = stack.pop()
        below = list(dict.fromkeys([t.op for t in op.inputs] + list(op.control_inputs)))
        again, deep = op in shown and bool(below), level == depth and bool(below)
        lines.append(head + _line(op) + ("  (see above)" if again else "  ..." if deep else ""))
        shown.add(op)
        if not (again or deep):
            last = len(below) - 1
            for i, source in reversed(list(enumerate(below))):
                corner, bar = ("└─ ", "   ") if i == last else ("├─ ", "│  ")
                stack.append((source, indent + corner, indent + bar, level + 1))
    return "\n".join(lines) + "\n"


def _line(op: Operation) -> str:
    types = ", ".join(f"{t.dtype.name} {show(t.dims)}" for t in op.outputs)
    value = f"= {short_value(op.attrs['value'])}" if op.definition is CONST else ""
    return "  ".join(filter(None, [op.type, repr(op.name), types, value, short_site(op)]))
