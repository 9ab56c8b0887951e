"""A graph as DOT, the language of Graphviz: `dot -Tsvg graph.dot > graph.svg`.

Operations are nodes, tensors are edges with shape and dtype, name scopes are nested boxes, control dependencies are
dashed.  Variables, placeholders, constants, gradients and assignments differ in colour and in outline.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphflow.fetches import flatten
from graphflow.graph import Graph, get_default_graph
from graphflow.operation import Operation
from graphflow.ops.define import CONST
from graphflow.shape import show
from graphflow.view.looks import (
    GRADIENT_LOOK,
    HEAD,
    PLAIN_LOOK,
    WRITE_LOOK,
    Look,
    label,
    legend,
    look_of,
    quoted,
    short_value,
)

_NUMBER = re.compile(r"_\d+\Z")  # what makes a repeated name unique


def to_dot(graph_or_fetches: Any) -> str:
    """DOT text of a whole Graph, or of everything that fetches need.

    Fetches are what Session.run takes: a tensor, operation, variable or name, or nested lists, tuples and dicts of
    them.  Equal graphs give equal text: operations stand in the order of their creation.

    Raises: TypeError for anything else, ValueError for unknown names and for fetches of several graphs.
    """
    operations = _selected(graph_or_fetches)
    looks = {op: look_of(op) for op in operations}
    lines = [HEAD, *legend(looks.values())]
    lines += _nodes(_by_scope(operations), looks)
    for op in operations:
        lines += _edges(op)
    return "\n".join([*lines, "}", ""])


# -- which operations ----------------------------------------------------------------------------------------------
def _selected(graph_or_fetches: Any) -> list[Operation]:
    """The operations to draw, in the order of creation."""
    if isinstance(graph_or_fetches, Graph):
        return graph_or_fetches.get_operations()
    graph = next((g for g in map(_graph, _leaves(graph_or_fetches)) if g is not None), get_default_graph())
    tensors, operations, _ = flatten(graph, graph_or_fetches)
    found = {*operations, *(t.op for t in tensors)}
    stack = list(found)
    while stack:
        op = stack.pop()
        for source in (*(t.op for t in op.inputs), *op.control_inputs):
            if source not in found:
                found.add(source)
                stack.append(source)
    return sorted(found, key=lambda op: op.id)


def _graph(fetch: Any) -> Graph | None:
    graph = getattr(fetch, "graph", None)
    return graph if isinstance(graph, Graph) else None


def _leaves(fetches: Any) -> Iterator[Any]:
    stack = [fetches]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        else:
            yield item


# -- nodes ---------------------------------------------------------------------------------------------------------
@dataclass
class _Scope:
    """A name scope, or the whole graph: its operations and inner scopes in the order of their first appearance."""

    path: str = ""
    items: list[Operation | _Scope] = field(default_factory=list)


def _by_scope(operations: Sequence[Operation]) -> _Scope:
    """The tree of scopes.  An operation that is called like a scope, as a variable is, stands inside it."""
    scopes = {path: _Scope(path) for path in _opened(operations)}
    placed: set[str] = set()
    root = _Scope()
    for op in operations:
        place = root
        for path in (*_paths(op.name), op.name):
            inner = scopes.get(path)
            if inner is None:
                break
            if path not in placed:
                placed.add(path)
                place.items.append(inner)
            place = inner
        place.items.append(op)
    return root


def _opened(operations: Sequence[Operation]) -> Iterator[str]:
    """Paths of the scopes to draw: all but those that hold only the constants among one operation's arguments.

    `add/y` is the 1 in `x + 1`: a box around it and `add` would tell nothing.
    """
    names = {op.name for op in operations if not op.definition.variable}
    for op in operations:
        paths = _paths(op.name)
        argument = op.definition is CONST and paths and paths[-1] in names
        yield from paths[:-1] if argument else paths


def _paths(name: str) -> list[str]:
    """The scopes that a name lies in, the outermost first: `a/b/c` -> `a`, `a/b`."""
    return [name[:i] for i, character in enumerate(name) if character == "/"]


def _nodes(root: _Scope, looks: Mapping[Operation, Look]) -> Iterator[str]:
    """The lines of all nodes within their clusters; a stack instead of recursion, for scopes however deep."""
    stack = [iter(root.items)]
    while stack:
        indent = "  " * len(stack)
        item = next(stack[-1], None)
        if item is None:
            stack.pop()
            if stack:
                yield "  " * len(stack) + "}"
        elif isinstance(item, Operation):
            yield f"{indent}{_node(item, looks[item])}"
        else:
            yield f"{indent}subgraph {quoted('cluster_' + item.path)} {{"
            yield f"{indent}  label={label(item.path.rpartition('/')[2])};"
            stack.append(iter(item.items))


def _node(op: Operation, look: Look) -> str:
    short = op.name.rpartition("/")[2]
    lines = [short]
    if op.definition is CONST:
        lines.append(short_value(op.attrs["value"]))
    elif look in (PLAIN_LOOK, GRADIENT_LOOK, WRITE_LOOK) and _NUMBER.sub("", short).lower() != op.type.lower():
        lines.append(op.type)
    tip = f"{op.type} {op.name}, created at {os.path.basename(op.site[0])}:{op.site[1]}"
    return (
        f'{quoted(op.name)} [label={label(*lines)}, shape={look.shape}, fillcolor="{look.fill}", '
        f'color="{look.line}", {look.extra}, tooltip={label(tip)}];'
    )


# -- edges ---------------------------------------------------------------------------------------------------------
def _edges(op: Operation) -> Iterator[str]:
    """Edges into an operation; a tensor that it takes twice is one edge, marked so."""
    for tensor, times in Counter(op.inputs).items():
        text = f"{tensor.dtype.name} {show(tensor.dims)}"
        if len(tensor.op.outputs) > 1:
            text = f":{tensor.value_index} {text}"
        if times > 1:
            text = f"{text} x{times}"
        tip = label(f"{tensor.name} to {op.name}")
        look = f"label={label(' ' + text)}, tooltip={tip}, labeltooltip={tip}"  # the space keeps it off the line
        yield f"  {quoted(tensor.op.name)} -> {quoted(op.name)} [{look}];"
    for control in op.control_inputs:
        tip = label(f"{op.name} waits for {control.name}")
        yield f"  {quoted(control.name)} -> {quoted(op.name)} [style=dashed, arrowhead=empty, tooltip={tip}];"
