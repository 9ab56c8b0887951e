"""A graph as DOT, the language of Graphviz: `dot -Tsvg graph.dot > graph.svg`.

Operations are nodes, tensors are edges with shape and dtype, name scopes are nested boxes, control dependencies are
dashed.  Variables, placeholders, constants, gradients and assignments differ in colour and in outline.  A closed scope
is one node, and all that flows between two nodes is one edge.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphflow.errors import GraphError
from graphflow.fetches import flatten
from graphflow.graph import Graph, get_default_graph
from graphflow.names import near
from graphflow.operation import Operation, Tensor, short_site
from graphflow.ops.define import CONST
from graphflow.pictures.looks import (
    GRADIENT_LOOK,
    HEAD,
    PLAIN_LOOK,
    SCOPE_LOOK,
    WRITE_LOOK,
    Look,
    label,
    legend,
    look_of,
    quoted,
    short_value,
)
from graphflow.pictures.scopes import Scope, by_scope
from graphflow.shape import show

_NUMBER = re.compile(r"_\d+\Z")  # what makes a repeated name unique


def graph_dot(graph_or_fetches: Any, collapse: int | Iterable[str] | None = None) -> str:
    """DOT text of a whole Graph, or of everything that fetches need.

    Fetches are what Session.run takes: a tensor, operation, variable or name, or nested lists, tuples and dicts of
    them.  Equal graphs give equal text: operations stand in the order of their creation.
    collapse   names of scopes that are drawn as one node; or a number: how many levels of scopes stay open

    Raises: TypeError for anything else, ValueError for unknown names and for fetches of several graphs.
    """
    operations = selected(graph_or_fetches)
    root = by_scope(operations)
    closed = _closed(root, collapse)
    home = {op: scope for scope in closed for op in scope.operations()}
    looks = {op: look_of(op) for op in operations if op not in home}
    shown: list[Look] = [*looks.values(), *[SCOPE_LOOK] * bool(closed)]
    lines = [HEAD, *legend(shown), *_nodes(root, looks, closed)]
    if home:
        lines += _merged_edges(operations, home)
    else:
        for op in operations:
            lines += _edges(op)
    return "\n".join([*lines, "}", ""])


def picture_dot(graph_or_fetches: Any, limit: int) -> str | None:
    """DOT text of at most `limit` nodes: the deepest scopes are closed until it fits; None when that is not enough."""
    for depth in (None, 4, 3, 2, 1, 0):
        text = graph_dot(graph_or_fetches, depth)
        if text.count("];\n") - text.count(" -> ") <= limit:
            return text
    return None


# -- which operations ----------------------------------------------------------------------------------------------
def selected(graph_or_fetches: Any) -> list[Operation]:
    """The operations to draw, in the order of creation."""
    if isinstance(graph_or_fetches, Graph):
        return graph_or_fetches.get_operations()
    graph = graph_behind(graph_or_fetches)
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


def graph_behind(fetches: Any) -> Graph:
    """The graph that fetches belong to: the default one where they are only names."""
    return next((g for g in map(_graph, _leaves(fetches)) if g is not None), get_default_graph())


def _graph(fetch: Any) -> Graph | None:
    graph = fetch if isinstance(fetch, Graph) else getattr(fetch, "graph", None)
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
def _closed(root: Scope, collapse: int | Iterable[str] | None) -> dict[Scope, None]:
    """The outermost scopes that are drawn as one node."""
    if collapse is None:
        return {}
    if isinstance(collapse, int):
        return dict.fromkeys(s for s in root.scopes() if s.depth == collapse + 1)
    known = {s.path: s for s in root.scopes()}
    wanted = [name.rstrip("/") for name in ([collapse] if isinstance(collapse, str) else collapse)]
    for name in wanted:
        if name not in known:
            raise GraphError(f"there is no scope {name!r} here{near(name, known)}")
    inner = {s for name in wanted for s in known[name].scopes()}
    return dict.fromkeys(known[name] for name in wanted if known[name] not in inner)


def _nodes(root: Scope, looks: Mapping[Operation, Look], closed: Mapping[Scope, None]) -> Iterator[str]:
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
        elif item in closed:
            yield f"{indent}{_scope_node(item)}"
        else:
            yield f"{indent}subgraph {quoted('cluster_' + item.path)} {{"
            yield f"{indent}  label={label(item.name)};"
            stack.append(iter(item.items))


def _scope_node(scope: Scope) -> str:
    count = sum(1 for _ in scope.operations())
    look, tip = SCOPE_LOOK, f"the scope {scope.path} with {count} operations"
    return (
        f"{quoted(scope.path + '/')} [label={label(scope.name, f'{count} operations')}, shape={look.shape}, "
        f'fillcolor="{look.fill}", color="{look.line}", {look.extra}, tooltip={label(tip)}];'
    )


def _node(op: Operation, look: Look) -> str:
    short = op.name.rpartition("/")[2]
    lines = [short]
    if op.definition is CONST:
        lines.append(short_value(op.attrs["value"]))
    elif look in (PLAIN_LOOK, GRADIENT_LOOK, WRITE_LOOK) and _NUMBER.sub("", short).lower() != op.type.lower():
        lines.append(op.type)
    tip = f"{op.type} {op.name}, created at {short_site(op)}"
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


def _merged_edges(operations: Iterable[Operation], home: Mapping[Operation, Scope]) -> Iterator[str]:
    """Edges between nodes of which some are closed scopes: one for each pair, whatever flows between them."""
    tensors: dict[tuple[str, str], dict[Tensor, None]] = {}
    waits: dict[tuple[str, str], None] = {}

    def place(op: Operation) -> str:
        return home[op].path + "/" if op in home else op.name

    for op in operations:
        end = place(op)
        for t in op.inputs:
            start = place(t.op)
            if start != end:
                tensors.setdefault((start, end), {})[t] = None
        for control in op.control_inputs:
            if place(control) != end:
                waits[place(control), end] = None
    for (start, end), flowing in tensors.items():
        first = next(iter(flowing))
        text = f"{first.dtype.name} {show(first.dims)}" if len(flowing) == 1 else f"{len(flowing)} tensors"
        names = ", ".join(t.name for t in flowing)
        tip = label(f"{names if len(names) < 200 else text} to {end}")
        look = f"label={label(' ' + text)}, tooltip={tip}, labeltooltip={tip}, penwidth={min(3, 1 + len(flowing) // 4)}"
        yield f"  {quoted(start)} -> {quoted(end)} [{look}];"
    for start, end in waits:
        if (start, end) not in tensors:
            tip = label(f"{end} waits for {start}")
            yield f"  {quoted(start)} -> {quoted(end)} [style=dashed, arrowhead=empty, tooltip={tip}];"
