"""`tf.saved_model.loader`: a SavedModel, TensorFlow's or graphflow's, into a session."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphflow.graph import Graph
from graphflow.graph_def import is_known
from graphflow.graph_util import extract_sub_graph
from graphflow.io.checkpoint import open_checkpoint
from graphflow.meta_graph import import_scoped_meta_graph, read_message
from graphflow.names import node_of
from graphflow.saved_model import constants
from graphflow.saved_model.utils import needed_by
from graphflow.saved_model_protos import AssetFileDef, MetaGraphDef, SavedModel
from graphflow.session import Session
from graphflow.train.saver import Saver


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
    with sess.graph.as_default() as graph:
        scope = import_scoped_meta_graph(_runnable(meta), import_scope=import_scope, **saver_kwargs)
        scope = f"{scope}/" if scope else ""
        prefix = os.path.join(folder, constants.VARIABLES_DIRECTORY, constants.VARIABLES_FILENAME)
        if os.path.isfile(f"{prefix}.index"):
            _saver(graph, meta, scope, prefix).restore(sess, prefix)
    assets = os.path.join(folder, constants.ASSETS_DIRECTORY)
    feeds = {scope + a.tensor_info.name: os.path.join(assets, a.filename) for a in _assets(meta)}
    for name in _init_ops(meta):
        sess.run(graph.get_operation_by_name(scope + name), feeds)
    return meta


def _assets(meta: MetaGraphDef) -> list[AssetFileDef]:
    """The files that go with a graph; TensorFlow 1 has them in a collection."""
    if meta.asset_file_def or constants.ASSETS_KEY not in meta.collection_def:
        return list(meta.asset_file_def)
    return [AssetFileDef.FromString(each.value) for each in meta.collection_def[constants.ASSETS_KEY].any_list.value]


def _init_ops(meta: MetaGraphDef) -> list[str]:
    """What a loader runs when the variables have their values; TensorFlow 2 writes it as a signature."""
    keys = (constants.MAIN_OP_KEY, constants.LEGACY_INIT_OP_KEY)
    found = [name for key in keys if key in meta.collection_def for name in meta.collection_def[key].node_list.value]
    key = constants.INIT_OP_SIGNATURE_KEY
    if key in meta.signature_def:
        found.append(node_of(meta.signature_def[key].outputs[key].name))
    return found


def read_saved_model(folder: str) -> SavedModel:
    """The file of a SavedModel.   Raises: OSError when it is not there or cannot be read."""
    for name in (constants.SAVED_MODEL_FILENAME_PB, constants.SAVED_MODEL_FILENAME_PBTXT):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return read_message(path, SavedModel)
    raise OSError(f"there is no SavedModel in {folder!r}: neither {constants.SAVED_MODEL_FILENAME_PB} nor its text")


def _tagged(model: SavedModel, tags: Sequence[str], folder: str) -> MetaGraphDef:
    wanted = {tags} if isinstance(tags, str) else set(tags)
    for meta in model.meta_graphs:
        if set(meta.meta_info_def.tags) == wanted:
            return meta
    there = "; ".join(", ".join(sorted(meta.meta_info_def.tags)) or "no tags" for meta in model.meta_graphs)
    raise RuntimeError(f"{folder!r} has no graph with the tags {', '.join(sorted(wanted))}; it has graphs with {there}")


def _runnable(meta: MetaGraphDef) -> MetaGraphDef:
    """Without ops that graphflow does not have, and what depends on them, where nothing that is needed does."""
    needed = list(dict.fromkeys(map(node_of, needed_by(meta))))
    lost: set[str] = set()
    for node in meta.graph_def.node:
        if not is_known(node.op) or not lost.isdisjoint(map(node_of, node.input)):
            lost.add(node.name)
    if not lost:
        return meta
    made = MetaGraphDef()
    made.CopyFrom(meta)
    if not lost.isdisjoint(needed):
        made.graph_def.CopyFrom(extract_sub_graph(meta.graph_def, needed))  # importing it says what is missing
        return made
    made.graph_def.node[:] = [node for node in meta.graph_def.node if node.name not in lost]
    for collection in made.collection_def.values():
        if collection.WhichOneof("kind") == "node_list":
            names = collection.node_list.value
            names[:] = [name for name in names if node_of(name) not in lost]
    return made


def _saver(graph: Graph, meta: MetaGraphDef, scope: str, prefix: str) -> Saver:
    """What restores the variables: by the nodes of the file, or by the names that the checkpoint has."""
    if meta.saver_def.restore_op_name:
        return Saver(saver_def=meta.saver_def, name=scope.removesuffix("/"))
    held = open_checkpoint(prefix).get_variable_to_shape_map()
    found = {name: op.output for name in held if (op := graph.find(scope + name)) is not None}
    return Saver(found, allow_empty=True)
