"""A graph with its collections as a file of JSON, and back: names, shapes and collections return.

What a file cannot hold, such as a function of the user's, becomes an operation that fails when it is run.
"""

from __future__ import annotations

import base64
import json
import math
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.dtypes import DType, as_dtype
from graphflow.errors import GraphError, UnimplementedError
from graphflow.graph import Graph, get_default_graph
from graphflow.graph_def import as_graph_def, import_graph_def
from graphflow.graph_protos import GraphDef, NodeDef
from graphflow.io.atomic import replacing
from graphflow.node_attrs import attrs_of, made_node
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import define
from graphflow.protos import VariableDef
from graphflow.shape import TensorShape
from graphflow.variables import Variable

_FORMAT = "graphflow graph 1"


class Unsaved(Exception):
    """A value that a file cannot hold."""


def _refuse(*_: np.ndarray, what: str, types: Any) -> None:
    raise UnimplementedError.because(f"this operation was read from a file, which cannot hold {what}")


LOST = define("LostOperation", "*input:any", lambda *_, what, types: list(types), _refuse, stateful=True)


@dataclass
class MetaGraphDef:
    """The nodes of a graph, its collections by name, and its Saver."""

    graph_def: GraphDef = field(default_factory=GraphDef)
    collection_def: dict[str, list] = field(default_factory=dict)
    saver_def: dict[str, Any] | None = None

    def restore(self, clear_devices: bool, scope: str | None) -> None:
        """Make it all in the default graph, below `scope` if one is given."""
        graph = get_default_graph()
        nodes = GraphDef()
        nodes.CopyFrom(self.graph_def)
        if clear_devices:
            for node in nodes.node:
                node.device = ""
        import_graph_def(nodes, name=scope or "")
        for key, items in self.collection_def.items():
            for kind, item in items:
                graph.add_to_collection(key, _found(graph, kind, item, scope))


def _found(graph: Graph, kind: str, item: Any, scope: str | None) -> Any:
    if kind == "value":
        return item
    if kind == "node":
        return graph.as_graph_element(f"{scope}/{item}" if scope else item)
    name = f"{scope}/{item['variable_name']}" if scope else item["variable_name"]
    for key in graph.get_all_collection_keys():  # the same object in all collections
        for known in graph.get_collection(key):
            if isinstance(known, Variable) and known.name == name:
                return known
    return Variable.from_proto(VariableDef(**item), scope)


# -- writing -----------------------------------------------------------------------------------------------------------
def export_meta_graph(
    filename: str | None = None, meta_info_def: Any = None, graph_def: GraphDef | None = None, saver_def: Any = None,
    collection_list: Sequence[Any] | None = None, as_text: bool = False, graph: Graph | None = None,
    export_scope: str | None = None, clear_devices: bool = False, **kwargs: Any,
) -> MetaGraphDef:  # fmt: skip
    """A graph with its collections as data, also written to a file if one is named.

    collection_list   the collections to take, all by default
    """
    graph = graph or get_default_graph()
    scope = f"{export_scope}/" if export_scope else ""
    nodes = (graph_def or as_graph_def(graph)).node
    kept = [_within(n, scope) for n in nodes if n.name.startswith(scope)]
    if clear_devices:
        for node in kept:
            node.device = ""
    wanted = graph.get_all_collection_keys() if collection_list is None else list(collection_list)
    collections = {
        key: _items(graph.get_collection(key), scope, export_scope) for key in wanted if isinstance(key, str)
    }
    made = MetaGraphDef(GraphDef(node=kept), {k: items for k, items in collections.items() if items}, saver_def)
    if filename is not None:
        text = json.dumps(_document(made, graph, scope), indent=1 if as_text else None).encode()
        head = json.dumps({"format": _FORMAT, "crc32": zlib.crc32(text)}).encode()
        with replacing(os.fsdecode(filename)) as file:
            file.write(head + b"\n" + text)
    return made


def _within(node: NodeDef, scope: str) -> NodeDef:
    """The node as it is named inside a scope."""
    inputs = [("^" if t[0] == "^" else "") + t.lstrip("^").removeprefix(scope) for t in node.input]
    return NodeDef(name=node.name.removeprefix(scope), op=node.op, input=inputs, device=node.device, attr=node.attr)


def _items(items: Sequence[Any], scope: str, export_scope: str | None) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for item in items:
        if isinstance(item, Variable):
            described = item.to_proto(export_scope)
            if described is not None:
                found.append(("variable", {key: getattr(described, key) for key in VariableDef._declared}))
        elif isinstance(item, (Tensor, Operation)):
            if item.name.startswith(scope):
                found.append(("node", item.name.removeprefix(scope)))
        elif isinstance(item, (bool, int, float, str, bytes)):
            found.append(("value", item))
    return found


def _document(meta: MetaGraphDef, graph: Graph, scope: str) -> dict:
    nodes = []
    for node in meta.graph_def.node:
        entry: dict[str, Any] = {"name": node.name, "op": node.op, "input": list(node.input), "device": node.device}
        try:
            entry["attr"] = {key: _encoded(value) for key, value in attrs_of(node).items()}
        except Unsaved as error:
            outputs = graph.get_operation_by_name(scope + node.name).outputs
            types = tuple((t.dims, t.dtype) for t in outputs)
            entry.update(op=LOST.name, attr={"what": str(error), "types": _encoded(types)})
        nodes.append(entry)
    collections = {key: [[kind, _encoded(item)] for kind, item in items] for key, items in meta.collection_def.items()}
    return {"node": nodes, "collection": collections, "saver": meta.saver_def}


def _encoded(value: Any) -> Any:
    """A value as JSON; what JSON lacks is a list whose first item says what it is."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else ["float", repr(value)]
    if isinstance(value, bytes):
        return ["bytes", base64.b64encode(value).decode()]
    if isinstance(value, DType):
        return ["dtype", value.name]
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return ["list" if isinstance(value, list) else "tuple", *map(_encoded, value)]
    if type(value) is dict:
        return ["dict", *([_encoded(k), _encoded(v)] for k, v in value.items())]
    if isinstance(value, TensorShape):
        return ["shape", _encoded(None if value.dims is None else value.as_list())]
    if isinstance(value, np.generic):
        return ["number", _encoded(np.asarray(value))]
    if isinstance(value, np.ndarray):
        dtype = as_dtype(value.dtype)
        plain = [*map(_encoded, value.flat)] if value.dtype == object else base64.b64encode(value.tobytes()).decode()
        return ["array", dtype.name, list(value.shape), plain]
    raise Unsaved(f"a {type(value).__name__}")


# -- reading -----------------------------------------------------------------------------------------------------------
def read_meta_graph(filename: Any) -> MetaGraphDef:
    """What a file holds.   Raises: OSError when there is none, ValueError when it is no graph."""
    path = os.fsdecode(filename)
    if not os.path.exists(path):
        raise OSError(f"the file {path} does not exist")
    try:
        with open(path, "rb") as file:
            head, text = json.loads(file.readline()), file.read()
        if head["format"] != _FORMAT:
            raise ValueError(f"its format is {head['format']!r}")
        if head["crc32"] != zlib.crc32(text):
            raise ValueError("it is damaged: its checksum does not fit")
        document = json.loads(text)
        nodes = [
            made_node(n["name"], n["op"], n["input"], n["device"], {k: _decoded(v) for k, v in n["attr"].items()})
            for n in document["node"]
        ]
        collections = {key: [(kind, _decoded(item)) for kind, item in items]
                       for key, items in document["collection"].items()}  # fmt: skip
        return MetaGraphDef(GraphDef(node=nodes), collections, document["saver"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise GraphError(f"{path} is not a graph that graphflow has saved: {error}") from None


def _decoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _decoded(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    kind, *rest = value
    match kind:
        case "float":
            return float(rest[0])
        case "bytes":
            return base64.b64decode(rest[0])
        case "dtype":
            return as_dtype(rest[0])
        case "list":
            return [*map(_decoded, rest)]
        case "tuple":
            return tuple(map(_decoded, rest))
        case "dict":
            return {_decoded(k): _decoded(v) for k, v in rest}
        case "shape":
            return TensorShape(_decoded(rest[0]))
        case "number":
            return _decoded(rest[0])[()]
        case "array":
            return _array(*rest)
    raise ValueError(f"{kind!r} is no kind of value")


def _array(name: str, shape: list[int], content: Any) -> np.ndarray:
    dtype = as_dtype(name).dtype
    if dtype.hasobject:
        out = np.empty(len(content), object)
        out[:] = [_decoded(item) for item in content]
    else:
        out = np.frombuffer(base64.b64decode(content), dtype).copy()
    return out.reshape(shape)
