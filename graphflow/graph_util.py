"""`tf.graph_util`: GraphDefs cut down to what some outputs need, and with variables turned into constants."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import Any

from graphflow.graph import Graph
from graphflow.graph_def import as_graph_def, import_graph_def, not_a_graph_def
from graphflow.graph_protos import GraphDef, NodeDef
from graphflow.io.atomic import make_folder, replacing
from graphflow.names import node_of
from graphflow.node_attrs import constant_node

__all__ = [
    "convert_variables_to_constants", "extract_sub_graph", "import_graph_def", "remove_training_nodes",
    "write_graph",
]  # fmt: skip

_ENTRIES = {"RefSwitch": "Switch", "RefEnter": "Enter"}
_READS = ("ReadVariable", "RequireValue", "InitializedValue")


def _like(graph_def: GraphDef, nodes: Iterable[NodeDef]) -> GraphDef:
    """A GraphDef with other nodes."""
    return GraphDef(versions=graph_def.versions, node=nodes)


def _copy(node: NodeDef) -> NodeDef:
    made = NodeDef()
    made.CopyFrom(node)
    return made


def extract_sub_graph(graph_def: GraphDef, dest_nodes: Iterable[str]) -> GraphDef:
    """The nodes that these need, control inputs included, in the order they stand in.

    Raises: TypeError unless the first is a GraphDef and the second a list; AssertionError for nodes it does not have.
    """
    if not isinstance(graph_def, GraphDef):
        raise not_a_graph_def(graph_def)
    if isinstance(dest_nodes, str):
        raise TypeError(f"dest_nodes must be a list of names, not {dest_nodes!r}")
    nodes = {node.name: node for node in graph_def.node}
    waiting = list(dest_nodes)
    for name in waiting:
        assert name in nodes, f"{name} is not in graph"
    needed: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += map(node_of, nodes[name].input)
    return _like(graph_def, [_copy(node) for node in graph_def.node if node.name in needed])


def convert_variables_to_constants(
    sess: Any, input_graph_def: GraphDef, output_node_names: Iterable[str],
    variable_names_whitelist: Collection[str] | None = None, variable_names_blacklist: Collection[str] | None = None,
) -> GraphDef:  # fmt: skip
    """What the outputs need, with the variables replaced by their values in the session.

    variable_names_whitelist, variable_names_blacklist   only these variables; all but these
    Raises: FailedPreconditionError for a variable without a value; else as extract_sub_graph.
    """
    graph_def = extract_sub_graph(input_graph_def, output_node_names)
    names = names_of_variables(graph_def, variable_names_whitelist, variable_names_blacklist)
    values = dict(zip(names, sess.run([f"{name}:0" for name in names]), strict=True)) if names else {}
    return with_constants(graph_def, values)


def names_of_variables(
    graph_def: GraphDef, only: Collection[str] | None = None, without: Collection[str] | None = None
) -> list[str]:
    """The names of its variables: only these, where given, and without those."""
    names = [node.name for node in graph_def.node if node.op == "VariableV2"]
    return [n for n in names if (only is None or n in only) and (without is None or n not in without)]


def with_constants(graph_def: GraphDef, values: dict[str, Any]) -> GraphDef:
    """The variables of these names replaced by constants with these values."""
    by_name = {node.name: node for node in graph_def.node}
    return _like(graph_def, [_converted(node, values, by_name) for node in graph_def.node])


def _referred(node: NodeDef, by_name: dict[str, NodeDef]) -> str:
    """The variable that a node refers to, also from inside a branch or a loop."""
    while by_name[node_of(node.input[0])].op in _ENTRIES:
        node = by_name[node_of(node.input[0])]
    return node_of(node.input[0])


def _converted(node: NodeDef, values: dict[str, Any], by_name: dict[str, NodeDef]) -> NodeDef:
    if node.name in values:
        return constant_node(node.name, values[node.name], node.device)
    if node.op in _ENTRIES and _referred(node, by_name) in values:
        made = _copy(node)
        made.op = _ENTRIES[node.op]
        return made
    if node.op in _READS and _referred(node, by_name) in values:
        waits = [name for name in node.input if name.startswith("^")]
        return NodeDef(name=node.name, op="Identity", input=[node.input[0], *waits], device=node.device,
                       attr={"T": node.attr["T"]})  # fmt: skip
    return node


def remove_training_nodes(input_graph: GraphDef, protected_nodes: Collection[str] | None = None) -> GraphDef:
    """Without Identity and CheckNumerics nodes, whose inputs take their places.

    Those stay that are protected, that wait for others, or that others wait for.
    """
    waited = {name[1:] for node in input_graph.node for name in node.input if name.startswith("^")}
    kept = waited.union(protected_nodes or ())
    passed = {
        node.name: node.input[0]
        for node in input_graph.node
        if node.op in ("Identity", "CheckNumerics") and node.name not in kept and len(node.input) == 1
    }
    nodes = []
    for node in input_graph.node:
        if node.name not in passed:
            made = _copy(node)
            made.input[:] = [_before(name, passed) for name in node.input]
            nodes.append(made)
    return _like(input_graph, nodes)


def _before(name: str, passed: dict[str, str]) -> str:
    while node_of(name) in passed and not name.startswith("^"):
        name = passed[node_of(name)]
    return name


def write_graph(graph_or_graph_def: Graph | GraphDef, logdir: Any, name: str, as_text: bool = True) -> str:
    """Write a graph to the file `name` in a folder, which is made when it is not there; gives the path.

    as_text   as the text of a GraphDef, or else its bytes
    """
    found = graph_or_graph_def
    graph_def = as_graph_def(found) if isinstance(found, Graph) else found
    folder = os.fsdecode(logdir)
    if folder:
        make_folder(folder)
    path = os.path.join(folder, name)
    with replacing(path) as file:
        file.write(str(graph_def).encode() if as_text else graph_def.SerializeToString())
    return path
