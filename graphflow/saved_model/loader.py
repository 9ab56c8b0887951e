"""`tf.saved_model.loader`: a SavedModel, TensorFlow's or graphflow's, into a session."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphflow.graph import Graph
from graphflow.graph_def import import_graph_def, is_known
from graphflow.graph_protos import AttrValue, GraphDef, NodeDef
from graphflow.graph_util import extract_sub_graph
from graphflow.io.checkpoint import open_checkpoint
from graphflow.io.text_format import merge_text
from graphflow.protos import VariableDef
from graphflow.saved_model import constants
from graphflow.saved_model.utils import tensor_names
from graphflow.saved_model_protos import MetaGraphDef, SavedModel
from graphflow.session import Session
from graphflow.tensor_proto import make_ndarray
from graphflow.train.saver import Saver
from graphflow.variables import Variable

_SAVES = ("SaveV2", "RestoreV2", "ShardedFilename", "MergeV2Checkpoints")
# Resource variables, of graphs by newer programs, as the variables that graphflow has.
_RESOURCES = {
    "VarHandleOp": "VariableV2", "ReadVariableOp": "Identity", "AssignVariableOp": "Assign",
    "VarIsInitializedOp": "IsVariableInitialized",
}  # fmt: skip


def maybe_saved_model_directory(export_dir: Any) -> bool:
    """Whether a folder has the file of a SavedModel."""
    folder = os.fsdecode(export_dir)
    names = (constants.SAVED_MODEL_FILENAME_PB, constants.SAVED_MODEL_FILENAME_PBTXT)
    return any(os.path.isfile(os.path.join(folder, name)) for name in names)


contains_saved_model = maybe_saved_model_directory


def load(
    sess: Session, tags: Sequence[str], export_dir: Any, import_scope: str | None = None, **saver_kwargs: Any
) -> MetaGraphDef:
    """Make the graph with exactly these tags in the graph of a session, and give its variables their values there.

    import_scope  the scope of its operations; the names in the signatures of the result are without it
    Raises: OSError for a folder without a SavedModel, or a damaged one; RuntimeError where no graph has these tags;
            ValueError for ops that graphflow does not have, all of them with the names of their nodes.
    """
    folder = os.fsdecode(export_dir)
    meta = _tagged(read_saved_model(folder), tags, folder)
    nodes, names = _without_saver(meta)
    nodes = _runnable(nodes, _needed(meta))
    scope = f"{import_scope}/" if import_scope else ""
    with sess.graph.as_default() as graph:
        import_graph_def(nodes, name=import_scope or "")
        _collect(graph, meta, import_scope, {node.name for node in nodes.node})
        prefix = os.path.join(folder, constants.VARIABLES_DIRECTORY, constants.VARIABLES_FILENAME)
        if os.path.isfile(f"{prefix}.index"):
            if not names:
                held = open_checkpoint(prefix).get_variable_to_shape_map()
                names = {name: name for name in held if any(node.name == name for node in nodes.node)}
            variables = {key: graph.get_operation_by_name(scope + op).output for key, op in names.items()}
            Saver(variables, allow_empty=True, **saver_kwargs).restore(sess, prefix)
    assets = os.path.join(folder, constants.ASSETS_DIRECTORY)
    feeds = {scope + a.tensor_info.name: os.path.join(assets, a.filename) for a in meta.asset_file_def}
    for key in (constants.MAIN_OP_KEY, constants.LEGACY_INIT_OP_KEY):
        for name in meta.collection_def[key].node_list.value if key in meta.collection_def else ():
            sess.run(graph.get_operation_by_name(scope + name), feeds)
    return meta


def read_saved_model(folder: str) -> SavedModel:
    """The file of a SavedModel.   Raises: OSError when it is not there or cannot be read."""
    for name in (constants.SAVED_MODEL_FILENAME_PB, constants.SAVED_MODEL_FILENAME_PBTXT):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                data = file.read()
            try:
                model = SavedModel()
                if path.endswith(".pb"):
                    model.ParseFromString(data)
                else:
                    merge_text(data.decode(), model)
            except ValueError as error:
                raise OSError(f"{path} is not a SavedModel, or damaged: {error}") from None
            return model
    raise OSError(f"there is no SavedModel in {folder!r}: neither {constants.SAVED_MODEL_FILENAME_PB} nor its text")


def _tagged(model: SavedModel, tags: Sequence[str], folder: str) -> MetaGraphDef:
    wanted = {tags} if isinstance(tags, str) else set(tags)
    for meta in model.meta_graphs:
        if set(meta.meta_info_def.tags) == wanted:
            return meta
    there = "; ".join(", ".join(sorted(meta.meta_info_def.tags)) or "no tags" for meta in model.meta_graphs)
    raise RuntimeError(f"{folder!r} has no graph with the tags {', '.join(sorted(wanted))}; it has graphs with {there}")


def _without_saver(meta: MetaGraphDef) -> tuple[GraphDef, dict[str, str]]:
    """(the nodes without those that save and restore, the variables by their names in the checkpoint)."""
    graph_def = meta.graph_def
    scope = meta.saver_def.restore_op_name.rpartition("/")[0]
    gone = {node.name for node in graph_def.node if scope and node.name.startswith(f"{scope}/")}
    restored: dict[str, list[str]] = {}  # the names that a RestoreV2 reads
    by_name = {node.name: node for node in graph_def.node}
    found: dict[str, str] = {}
    waiting = [node for node in graph_def.node if node.op in _SAVES or node.name in gone]
    gone.update(node.name for node in waiting)
    takers: dict[str, list[NodeDef]] = {}
    for node in graph_def.node:
        for name in node.input:
            takers.setdefault(_source(name), []).append(node)
        if node.op == "RestoreV2":
            table = make_ndarray(by_name[node.input[1]].attr["value"].tensor)
            restored[node.name] = [name.decode() for name in table.reshape(-1).tolist()]
    while waiting:
        node = waiting.pop()
        for taker in takers.get(node.name, ()):
            if taker.op in ("Assign", "AssignVariableOp") and len(taker.input) > 1:
                origin = _passed(taker.input[1], by_name)
                source, _, index = origin.partition(":")
                if source in restored:
                    found[restored[source][int(index or 0)]] = taker.input[0]
            if taker.name not in gone:
                gone.add(taker.name)
                waiting.append(taker)
    kept = [_known(node) for node in graph_def.node if node.name not in gone]
    return GraphDef(versions=graph_def.versions, node=kept), found


def _needed(meta: MetaGraphDef) -> list[str]:
    """The nodes that signatures, variables and main ops name."""
    infos = [i for s in meta.signature_def.values() for i in (*s.inputs.values(), *s.outputs.values())]
    names = [name for i in infos for name in tensor_names(i)]
    for key, collection in meta.collection_def.items():
        if key in (constants.MAIN_OP_KEY, constants.LEGACY_INIT_OP_KEY):
            names += collection.node_list.value
        elif "variables" in key:
            names += [VariableDef.FromString(data).snapshot_name for data in collection.bytes_list.value]
    return [_source(name) for name in names]


def _runnable(graph_def: GraphDef, needed: Sequence[str]) -> GraphDef:
    """Without ops that graphflow does not have, and what depends on them, where nothing that is needed does."""
    lost: set[str] = set()
    for node in graph_def.node:
        if not is_known(node.op) or not lost.isdisjoint(map(_source, node.input)):
            lost.add(node.name)
    if not lost.isdisjoint(needed):
        kept = extract_sub_graph(graph_def, list(dict.fromkeys(needed)))
        return GraphDef(versions=graph_def.versions, node=kept.node)  # importing it says what is missing
    return GraphDef(versions=graph_def.versions, node=[node for node in graph_def.node if node.name not in lost])


def _source(name: str) -> str:
    return name.lstrip("^").partition(":")[0]


def _passed(name: str, by_name: dict[str, NodeDef]) -> str:
    """What an Identity passes on."""
    while by_name[_source(name)].op == "Identity":
        name = by_name[_source(name)].input[0]
    return name


def _known(node: NodeDef) -> NodeDef:
    """The node, without notes on shapes; of a resource variable with the op for others."""
    made = NodeDef(name=node.name, op=_RESOURCES.get(node.op, node.op), input=node.input, device=node.device)
    dropped = {"_output_shapes", "_class"}
    if node.op in _RESOURCES and node.op != "VarHandleOp":
        dropped |= {"dtype"}
        if "dtype" in node.attr:
            made.attr["T"].CopyFrom(node.attr["dtype"])
        if node.op == "AssignVariableOp":
            dropped |= {"validate_shape"}
            made.attr["validate_shape"].CopyFrom(AttrValue(b=True))
    if node.op == "VarHandleOp":
        dropped |= {"allowed_devices", "debug_name"}
    for key, value in node.attr.items():
        if key not in dropped:
            made.attr[key].CopyFrom(value)
    return made


def _collect(graph: Graph, meta: MetaGraphDef, scope: str | None, kept: set[str]) -> None:
    """The collections: variables, and operations and tensors by their names."""
    made: dict[str, Variable] = {}
    for key, collection in meta.collection_def.items():
        kind = collection.WhichOneof("kind")
        if kind == "node_list" and key not in (constants.MAIN_OP_KEY, constants.LEGACY_INIT_OP_KEY):
            there = [n for n in collection.node_list.value if _source(n) in kept]
            for name in there:
                graph.add_to_collection(key, graph.as_graph_element(f"{scope}/{name}" if scope else name))
        elif kind == "bytes_list" and "variables" in key:
            for data in collection.bytes_list.value:
                described = VariableDef()
                described.ParseFromString(data)
                name = described.variable_name
                made[name] = made.get(name) or Variable.from_proto(described, scope)
                graph.add_to_collection(key, made[name])
