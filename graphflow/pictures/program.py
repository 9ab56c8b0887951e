"""A program as DOT, as it stands between two passes: what runs, and in colour what the last pass has changed.

Several operations of a program can have one name, so nodes go by their place.  A fused kernel is a box around what it
fuses.  A variable is one node, whatever reads and writes it; the order, which decides between them, is in the tooltips.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from graphflow.operation import Operation, Tensor, origin, short_site, variable_of
from graphflow.ops.define import CONST
from graphflow.ops.fused import repeats, unfolded
from graphflow.pictures.looks import (
    HEAD,
    KERNEL_LOOK,
    PLACEHOLDER_LOOK,
    VARIABLE_LOOK,
    WRITE_LOOK,
    Look,
    label,
    legend,
    look_of,
    short_value,
)
from graphflow.program import Program
from graphflow.shape import show

_FETCH = Look("fetch or target", "invhouse", "#E4E4E4", "#555555")
MADE = Look("made by this pass", "box", "#8FD9BF", "#00593F")
REWIRED = Look("has other inputs now", "box", "#DDF3EB", "#00593F")


def program_dot(program: Program, before: Program | None = None, title: str = "") -> str:
    """DOT text, feeds above, fetches and targets below.

    before   the program of which a pass has made this one: what is new or has other inputs is coloured
    """
    return _Picture(program, {} if before is None else changes_of(program, before)).text(title)


class _Picture:
    def __init__(self, program: Program, changes: dict[Operation, Look]) -> None:
        self.changes = changes
        self.looks: list[Look] = []
        self.nodes: list[str] = []
        self.edges: list[str] = []
        self.variables: dict[int, str] = {}  # by the id of the operation
        self.source: dict[Tensor, str] = {}  # by the tensor that has the user's name
        for i, t in enumerate(program.feeds):
            self.source[t] = self.node(f"feed{i}", PLACEHOLDER_LOOK, [t.op.name], f"{t.name} is fed")
        place = {op: self.operation(i, op) for i, op in enumerate(program.ops)}
        for i, t in enumerate(program.fetches):
            fetch = self.node(f"fetch{i}", _FETCH, ["fetch", origin(t).name], f"{t.name} is fetched")
            self.edge(self.source[origin(t)], fetch, _type(t))
        for i, op in enumerate(program.targets):
            if op in place:
                target = self.node(f"target{i}", _FETCH, ["target", op.name], f"{op.name} is run")
                self.edge(place[op], target, style="dashed")

    def text(self, title: str) -> str:
        changed = [look for look in (MADE, REWIRED) if look in self.changes.values()]
        return "\n".join([HEAD, *legend(self.looks, changed, title), *self.nodes, *self.edges, "}", ""])

    def operation(self, i: int, op: Operation) -> str:
        """The node of the i-th operation, and the edges to it; of a kernel the last of its members' nodes."""
        parts, look = unfolded(op), self.changes.get(op)
        if len(parts) == 1:
            return self.member(f"op{i}", i, *parts[0], look)
        what = f"kernel of {len(parts)} operations{'' if repeats(op) == 1 else ', round by round'}"
        colours = look or KERNEL_LOOK
        self.looks.append(KERNEL_LOOK)
        self.nodes.append(
            f'  subgraph cluster_op{i} {{ label={label(what)}; style="rounded,filled"; '
            f'fillcolor="{colours.fill}"; color="{colours.line}"; penwidth={2 if look else 1};'
        )
        for k, (member, inputs) in enumerate(parts):
            node = self.member(f"op{i}_{k}", i, member, inputs, None)
        self.nodes.append("  }")
        self.source.update((t, node) for t in op.outputs if origin(t) is t)
        return node

    def member(self, name: str, i: int, op: Operation, inputs: Sequence[Tensor], changed: Look | None) -> str:
        tip = f"number {i}: {op.type} {op.name}, created at {short_site(op)}"
        if op.definition.variable:
            node = self.variable(op, tip)
        else:
            node = self.node(name, look_of(op), _lines(op), tip, changed)
        self.source.update((t, node) for t in op.outputs if t not in self.source)  # a fed output keeps its feed
        record = op.definition
        for t, times in Counter(origin(t) for k, t in enumerate(inputs) if k not in record.refs).items():
            self.edge(self.source[t], node, _type(t) + (f" x{times}" if times > 1 else ""))
        for k in record.refs:
            way = "forward" if k not in record.writes else "both" if record.reads else "back"
            self.edge(self.variable(variable_of(inputs[k])), node, dir=way, color=f'"{WRITE_LOOK.line}"')
        return node

    def variable(self, op: Operation, tip: str = "") -> str:
        if op.id not in self.variables:
            lines = [op.name, _type(op.output)]
            self.variables[op.id] = self.node(f"variable{len(self.variables)}", VARIABLE_LOOK, lines, tip or op.name)
        return self.variables[op.id]

    def node(self, name: str, look: Look, lines: list[str], tip: str, changed: Look | None = None) -> str:
        colours = changed or look
        self.looks.append(look)
        self.nodes.append(
            f'  {name} [label={label(*lines)}, shape={look.shape}, fillcolor="{colours.fill}", '
            f'color="{colours.line}", {look.extra}, penwidth={2 if changed else 1}, tooltip={label(tip)}];'
        )
        return name

    def edge(self, start: str, end: str, text: str = "", **attributes: str) -> None:
        look = ", ".join([f"label={label(' ' + text)}"] * bool(text) + [f"{k}={v}" for k, v in attributes.items()])
        self.edges.append(f"  {start} -> {end} [{look}];")


def _lines(op: Operation) -> list[str]:
    return [op.name, short_value(op.attrs["value"])] if op.definition is CONST else [op.type, op.name]


def _type(t: Tensor) -> str:
    return f"{t.dtype.name} {show(t.dims)}"


def changes_of(program: Program, before: Program) -> dict[Operation, Look]:
    """Operations that were not there before, or had other inputs.

    Passes make an operation anew when something far above it has changed: it counts as the same while its attributes
    are the same, and its inputs come from operations with the names and ids of before.
    """
    old = set(before.ops)
    inputs: dict[tuple, list[tuple]] = {}
    for op in before.ops:
        inputs.setdefault(_identity(op), []).append(_inputs(op))
    changes: dict[Operation, Look] = {}
    for op in program.ops:
        if op not in old:
            same = inputs.get(_identity(op))
            if same is None:
                changes[op] = MADE
            elif _inputs(op) not in same:
                changes[op] = REWIRED
    return changes


def _identity(op: Operation) -> tuple:
    return op.id, op.type, id(op.attrs)


def _inputs(op: Operation) -> tuple:
    return tuple([(t.op.id, t.name) for t in map(origin, op.inputs)])
