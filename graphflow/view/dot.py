"""A graph as DOT, the language of Graphviz: `dot -Tsvg graph.dot > graph.svg`.

Operations are nodes, tensors are edges with shape and dtype, name scopes are nested boxes, control dependencies are
dashed.  Variables, placeholders, constants, gradients and assignments differ in colour and in outline.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.fetches import flatten
from graphflow.graph import Graph, get_default_graph
from graphflow.operation import Operation
from graphflow.ops.define import CONST
from graphflow.ops.placeholder import PLACEHOLDER, PLACEHOLDER_WITH_DEFAULT
from graphflow.shape import show

_NUMBER = re.compile(r"_\d+\Z")  # what makes a repeated name unique
_VALUES_LIMIT = 4  # elements of a constant that are shown
_TEXT_LIMIT = 24  # characters they may take


@dataclass(frozen=True)
class _Look:
    """How one kind of operation is drawn."""

    word: str
    shape: str
    fill: str
    line: str
    extra: str = "style=filled"


# Light tints of the Okabe-Ito palette, which stays apart under the common kinds of colour blindness; lines are darker
# shades of the same hues.
_PLACEHOLDER = _Look("placeholder", "parallelogram", "#CBE7F8", "#2B7CAB", extra='style=filled, margin="0.02,0.0"')
_VARIABLE = _Look("variable", "cylinder", "#FBDFA6", "#A36A00")
_CONSTANT = _Look("constant", "ellipse", "#FBF7C4", "#8F8A1E")
_WRITE = _Look("assignment", "octagon", "#F7C4A5", "#A84300")
_GRADIENT = _Look("gradient", "hexagon", "#F0D5E4", "#97507A")
_PLAIN = _Look("operation", "box", "#FFFFFF", "#555555", extra='style="filled,rounded"')
_LEGEND = (_PLACEHOLDER, _VARIABLE, _CONSTANT, _PLAIN, _GRADIENT, _WRITE)

_FONT = 'fontname="Helvetica,Arial,sans-serif"'
_HEAD = f"""\
digraph graphflow {{
  graph [rankdir=TB, ranksep=0.4, nodesep=0.3, pad=0.15, {_FONT}, fontsize=11, labeljust=l,
         style="rounded,filled", color="#B5B5B5", fillcolor="#00000009", fontcolor="#555555", bgcolor=white];
  node [{_FONT}, fontsize=11, style=filled, margin="0.12,0.05", height=0.35, width=0.5];
  edge [{_FONT}, fontsize=9, fontcolor="#666666", color="#777777", arrowsize=0.6];"""


def to_dot(graph_or_fetches: Any) -> str:
    """DOT text of a whole Graph, or of everything that fetches need.

    Fetches are what Session.run takes: a tensor, operation, variable or name, or nested lists, tuples and dicts of
    them.  Equal graphs give equal text: operations stand in the order of their creation.

    Raises: TypeError for anything else, ValueError for unknown names and for fetches of several graphs.
    """
    operations = _selected(graph_or_fetches)
    looks = {op: _look(op) for op in operations}
    lines = [_HEAD, *_legend(looks.values())]
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
def _look(op: Operation) -> _Look:
    record = op.definition
    if record.writes:
        return _WRITE
    if record.variable:
        return _VARIABLE
    if record in (PLACEHOLDER, PLACEHOLDER_WITH_DEFAULT):
        return _PLACEHOLDER
    if record is CONST:
        return _CONSTANT
    return _GRADIENT if _in_gradients(op.name) else _PLAIN


def _in_gradients(name: str) -> bool:
    """Whether the name has a scope `gradients` or `gradients_N`, as the operations made by tf.gradients have."""
    for scope in name.split("/")[:-1]:
        word, _, number = scope.partition("_")
        if word == "gradients" and (not number or number.isdigit()):
            return True
    return False


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


def _nodes(root: _Scope, looks: Mapping[Operation, _Look]) -> Iterator[str]:
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
            yield f"{indent}subgraph {_id('cluster_' + item.path)} {{"
            yield f"{indent}  label={_label(item.path.rpartition('/')[2])};"
            stack.append(iter(item.items))


def _node(op: Operation, look: _Look) -> str:
    short = op.name.rpartition("/")[2]
    lines = [short]
    if op.definition is CONST:
        lines.append(_value(op.attrs["value"]))
    elif look in (_PLAIN, _GRADIENT, _WRITE) and _NUMBER.sub("", short).lower() != op.type.lower():
        lines.append(op.type)
    tip = f"{op.type} {op.name}, created at {os.path.basename(op.site[0])}:{op.site[1]}"
    return (
        f'{_id(op.name)} [label={_label(*lines)}, shape={look.shape}, fillcolor="{look.fill}", '
        f'color="{look.line}", {look.extra}, tooltip={_label(tip)}];'
    )


def _value(array: np.ndarray) -> str:
    """The text of one value or of a short vector; dots for all that is longer."""
    if array.size > _VALUES_LIMIT or array.ndim > 1:
        return "..."
    items = [_quoted(item) if isinstance(item, bytes) else str(item) for item in array.reshape(-1)]
    text = items[0] if array.ndim == 0 else f"[{', '.join(items)}]"
    return text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 4]} ..."


def _quoted(data: bytes) -> str:
    """A string constant as Python would write it: text where it is UTF-8, else bytes."""
    try:
        return repr(data.decode())
    except UnicodeDecodeError:
        return repr(data)


def _legend(looks: Iterable[_Look]) -> Iterator[str]:
    """One line of text that tells the kinds present apart."""
    present = set(looks)
    cells = "".join(
        f'<TD BGCOLOR="{look.fill}" COLOR="{look.line}">{look.word}</TD>' for look in _LEGEND if look in present
    )
    if cells:
        yield f'  label=<<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="6"><TR>{cells}</TR></TABLE>>;'


# -- edges ---------------------------------------------------------------------------------------------------------
def _edges(op: Operation) -> Iterator[str]:
    """Edges into an operation; a tensor that it takes twice is one edge, marked so."""
    for tensor, times in Counter(op.inputs).items():
        text = f"{tensor.dtype.name} {show(tensor.dims)}"
        if len(tensor.op.outputs) > 1:
            text = f":{tensor.value_index} {text}"
        if times > 1:
            text = f"{text} x{times}"
        tip = _label(f"{tensor.name} to {op.name}")
        look = f"label={_label(' ' + text)}, tooltip={tip}, labeltooltip={tip}"  # the space keeps it off the line
        yield f"  {_id(tensor.op.name)} -> {_id(op.name)} [{look}];"
    for control in op.control_inputs:
        tip = _label(f"{op.name} waits for {control.name}")
        yield f"  {_id(control.name)} -> {_id(op.name)} [style=dashed, arrowhead=empty, tooltip={tip}];"


# -- text ----------------------------------------------------------------------------------------------------------
def _plain(text: str) -> str:
    """Text as a Python literal shows it, without quotes: a backslash doubled, what does not print escaped."""
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode("ascii") for c in text)


def _id(name: str) -> str:
    """A quoted identifier, different for different names.

    Graphviz takes only the escaped quote as an escape there; backslashes stay as they are written.  An identifier
    that is empty or starts with % would count as none at all, so those two get an escape that no other name has.
    """
    text = _plain(name)
    if not text or text[0] == "%":
        text = "\\x25" + text[1:] if text else "\\x"
    return '"' + text.replace('"', '\\"') + '"'


def _label(*lines: str) -> str:
    """A quoted label that shows these lines as they are.

    There Graphviz reads backslash escapes and HTML entities.  A backslash is shown once; only what does not print
    appears as an escape.  Empty lines are left out: Graphviz has versions that crash on one before other text.
    """
    shown = []
    for line in filter(None, lines):
        text = "\\".join(map(_plain, line.split("\\"))).replace("\\", "\\\\")
        shown.append(text.replace('"', '\\"').replace("&", "&amp;"))
    return '"' + "\\n".join(shown) + '"'
