"""MetaGraphDef: a graph with its collections and its Saver as data, in TensorFlow's format, and back.

An operation that a file cannot hold, because it calls a function of the user's or has an object of this process, is
written as TensorFlow writes such functions: as PyFunc, which fails when it is run where nobody knows the function.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from graphflow.errors import GraphError
from graphflow.exchange.unsaved import carried
from graphflow.graph import Graph, get_default_graph
from graphflow.graph_def import as_graph_def, import_graph_def
from graphflow.graph_protos import GraphDef, NodeDef
from graphflow.io.atomic import replacing
from graphflow.io.protobuf import Message
from graphflow.io.text_format import merge_text
from graphflow.logging import warn
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor
from graphflow.protos import VariableDef
from graphflow.saved_model_protos import CollectionDef, MetaGraphDef, SaverDef
from graphflow.variables import Variable
from graphflow.version import GIT_VERSION, VERSION

UNBOUND_INPUTS = "unbound_inputs"  # the collection of what the nodes of a scope take from outside of it
_UNBOUND = "$unbound_inputs_"


class _Proto(NamedTuple):
    """How the items of a collection become messages and come back."""

    message: type[Message]
    to_proto: Callable[..., Message | None]
    from_proto: Callable[..., Any]


_protos: dict[str, _Proto] = {}


def register_proto_function(
    collection_name: str, proto_type: type[Message], to_proto: Callable[..., Any], from_proto: Callable[..., Any]
) -> None:
    """Have the items of a collection written as messages.

    to_proto    (item, export_scope=...) -> its message, None where it is outside that scope
    from_proto  (message, import_scope=...) -> the item
    """
    _protos[collection_name] = _Proto(proto_type, to_proto, from_proto)


for _key in (
    GraphKeys.GLOBAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES, GraphKeys.MOVING_AVERAGE_VARIABLES,
    GraphKeys.LOCAL_VARIABLES, GraphKeys.MODEL_VARIABLES, GraphKeys.METRIC_VARIABLES, GraphKeys.GLOBAL_STEP,
):  # fmt: skip
    register_proto_function(_key, VariableDef, Variable.to_proto, Variable.from_proto)


# -- writing -----------------------------------------------------------------------------------------------------------
def export_meta_graph(
    filename: Any = None, meta_info_def: Any = None, graph_def: GraphDef | None = None,
    saver_def: SaverDef | None = None, collection_list: Iterable[str] | None = None, as_text: bool = False,
    graph: Graph | None = None, export_scope: str | None = None, clear_devices: bool = False,
    clear_extraneous_savers: bool = False, strip_default_attrs: bool = False, save_debug_info: bool = False,
) -> MetaGraphDef:  # fmt: skip
    """A graph with its collections as data, also written to a file if one is named, as text or as bytes.

    collection_list  the collections to take, all by default
    export_scope     only what stands in this scope, under names without it; what it takes from outside is listed in the
                     collection "unbound_inputs", which import_meta_graph has to be given
    clear_extraneous_savers  leave out nodes that save and restore for other Savers than that of saver_def
    Raises: OpError when the file cannot be written; the file that was there stays then.
    """
    graph = graph or get_default_graph()
    found = graph_def
    if found is None:
        found = as_graph_def(graph, add_shapes=True)
        for saver in graph.get_collection(GraphKeys.SAVERS):
            found.node.extend(saver.nodes())
    scope = f"{export_scope}/" if export_scope else ""
    unbound: dict[str, None] = {}
    nodes = [_carried(n, graph) for n in found.node if n.name.startswith(scope)]
    if clear_extraneous_savers:
        nodes = _without_savers(nodes, saver_def)
    if scope or clear_devices:
        nodes = [_within(n, scope, clear_devices, unbound) for n in nodes]
    made = MetaGraphDef(meta_info_def=meta_info_def or {})
    if not made.meta_info_def.tensorflow_version:
        made.meta_info_def.tensorflow_version = VERSION
        made.meta_info_def.tensorflow_git_version = GIT_VERSION
    made.graph_def.versions.CopyFrom(found.versions)
    list.extend(made.graph_def.node, nodes)
    if saver_def is not None:
        made.saver_def.CopyFrom(saver_def)
    keys = graph.get_all_collection_keys() if collection_list is None else collection_list
    _collect(made, graph, [key for key in keys if isinstance(key, str)], export_scope)
    if unbound:
        made.collection_def[UNBOUND_INPUTS].bytes_list.value.extend(name.encode() for name in unbound)
    if filename is not None:
        write_message(made, filename, as_text)
    return made


def _carried(node: NodeDef, graph: Graph) -> NodeDef:
    op = graph.find(node.name)
    return node if op is None else carried(node, op)


def _without_savers(nodes: Sequence[NodeDef], saver_def: SaverDef | None) -> list[NodeDef]:
    """The nodes without those in the scopes of other Savers."""
    own = saver_def.restore_op_name.rpartition("/")[0] if saver_def is not None else ""
    scopes = {n.name.rpartition("/")[0] for n in nodes if n.op in ("SaveV2", "RestoreV2")} - {own}
    return [n for n in nodes if not any(n.name.startswith(f"{scope}/") for scope in scopes if scope)]


def _within(node: NodeDef, scope: str, clear_device: bool, unbound: dict[str, None]) -> NodeDef:
    """The node as it is named inside a scope."""
    inputs = []
    for key in node.input:
        mark, name = ("^", key[1:]) if key.startswith("^") else ("", key)
        if not name.startswith(scope):
            name = _UNBOUND + name
            unbound[mark + name] = None
        inputs.append(mark + name.removeprefix(scope))
    made = NodeDef(name=node.name.removeprefix(scope), op=node.op, input=inputs, attr=node.attr)
    made.device = "" if clear_device else node.device
    return made


def _collect(made: MetaGraphDef, graph: Graph, keys: Iterable[str], export_scope: str | None) -> None:
    for key in keys:
        found = _collection(key, graph.get_collection(key), export_scope)
        if found is None:
            kinds = ", ".join(sorted({type(item).__name__ for item in graph.get_collection(key)}))
            warn(f"the collection {key!r} is not written to the graph's file, which cannot hold a list of {kinds}")
        elif found.WhichOneof("kind") is not None:
            made.collection_def[key].CopyFrom(found)


def _collection(key: str, items: Sequence[Any], export_scope: str | None) -> CollectionDef | None:
    """The items as a message, empty where none of them is in the scope; None for what it cannot hold."""
    made = CollectionDef()
    proto, scope = _protos.get(key), f"{export_scope}/" if export_scope else ""
    if proto is not None:
        if not all(hasattr(item, "to_proto") for item in items):
            return None
        protos = [proto.to_proto(item, export_scope=export_scope) for item in items]
        made.bytes_list.value.extend(p.SerializeToString() for p in protos if p is not None)
    elif all(isinstance(item, (Tensor, Operation, Variable)) for item in items):
        names = [item.name for item in items if item.name.startswith(scope)]
        made.node_list.value.extend(name.removeprefix(scope) for name in names)
    elif all(isinstance(item, (str, bytes)) for item in items):
        made.bytes_list.value.extend(item.encode() if isinstance(item, str) else item for item in items)
    elif all(isinstance(item, int) for item in items):
        made.int64_list.value.extend(map(int, items))
    elif all(isinstance(item, float) for item in items):
        made.float_list.value.extend(items)
    else:
        return None
    return made


def write_message(message: Message, filename: Any, as_text: bool) -> None:
    """Write a message to a file, whole or not at all."""
    with replacing(os.fsdecode(filename)) as file:
        file.write(str(message).encode() if as_text else message.SerializeToString())


# -- reading -----------------------------------------------------------------------------------------------------------
_M = TypeVar("_M", bound=Message)


def read_message(path: str, kind: type[_M]) -> _M:
    """What a file holds, be it bytes or text.   Raises: OSError when it is not there or says no such message."""
    with open(path, "rb") as file:
        data = file.read()
    made = kind()
    try:
        if re.match(rb"\s*(#[^\n]*\n\s*)*\w+\s*[:{]", data):
            merge_text(data.decode(), made)
        else:
            made.ParseFromString(data)
    except ValueError as error:
        raise OSError(f"{path} is not a {kind.__name__}, or damaged: {error}") from None
    return made


def read_meta_graph(filename: Any) -> MetaGraphDef:
    """What a file holds, be it bytes or text.   Raises: OSError when it is not there or is no MetaGraphDef."""
    path = os.fsdecode(filename)
    if not os.path.isfile(path):
        raise OSError(f"the file {path} does not exist")
    made = read_message(path, MetaGraphDef)
    if not made.HasField("graph_def"):
        raise OSError(f"{path} is not a MetaGraphDef, or damaged: it has no graph_def")
    return made


def import_scoped_meta_graph(
    meta: MetaGraphDef, clear_devices: bool = False, import_scope: str | None = None,
    input_map: Mapping[str, Any] | None = None, unbound_inputs_col_name: str | None = UNBOUND_INPUTS,
    restore_collections_predicate: Callable[[str], bool] = lambda key: True,
) -> str:  # fmt: skip
    """Make the nodes and collections in the default graph; gives the scope in which they stand, '' for none.

    Raises: ValueError for inputs from outside that input_map does not give, and as import_graph_def.
    """
    if unbound_inputs_col_name in meta.collection_def:
        unbound = [name.decode() for name in meta.collection_def[unbound_inputs_col_name].bytes_list.value]
        if sorted(unbound) != sorted(input_map or {}):
            raise GraphError(f"the graph has inputs that input_map must give: {', '.join(unbound)}")
    graph = get_default_graph()
    nodes = meta.graph_def
    if clear_devices:
        nodes = GraphDef(versions=nodes.versions, node=nodes.node)
        for node in nodes.node:
            node.device = ""
    scope = graph.unique_name(import_scope, mark_as_used=False) if import_scope else ""
    import_graph_def(nodes, input_map, name=import_scope or "")
    made: dict[bytes, Any] = {}  # one object for one variable in all collections
    for key, collection in sorted(meta.collection_def.items()):
        if key != unbound_inputs_col_name and restore_collections_predicate(key):
            try:
                items = _items(graph, key, collection, scope, made)
            except KeyError as error:
                raise GraphError(f"the collection {key!r} does not fit the graph: {error.args[0]}") from None
            for item in items:
                graph.add_to_collection(key, item)
    return scope


def _items(graph: Graph, key: str, collection: CollectionDef, scope: str, made: dict[bytes, Any]) -> Iterable[Any]:
    kind = collection.WhichOneof("kind")
    values = getattr(collection, kind).value if kind is not None else ()
    if kind == "node_list":
        return [graph.as_graph_element(f"{scope}/{name}" if scope else name) for name in values]
    if kind == "bytes_list" and key in _protos:
        proto = _protos[key]
        for data in values:
            if data not in made:
                made[data] = proto.from_proto(proto.message.FromString(data), import_scope=scope or None)
        return [made[data] for data in values]
    return list(values)
