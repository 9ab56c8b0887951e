"""`tf.saved_model.builder`: writes a SavedModel, which TensorFlow and its servers load.

The graph in the file is what the signatures, the variables and the main op need: the rest, such as gradients, stays at
home.  TensorFlow restores variables by nodes of the graph, so the file has some for that.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from graphflow.errors import GraphError
from graphflow.graph_util import extract_sub_graph
from graphflow.meta_graph import write_message
from graphflow.names import GraphKeys, node_of
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import group
from graphflow.saved_model import constants
from graphflow.saved_model.signature_constants import DEFAULT_SERVING_SIGNATURE_DEF_KEY
from graphflow.saved_model.signature_def_utils import predict_signature_def
from graphflow.saved_model.tag_constants import SERVING
from graphflow.saved_model.utils import needed_by
from graphflow.saved_model_protos import AssetFileDef, SavedModel, SaverDef, SignatureDef
from graphflow.session import Session
from graphflow.train.saver import Saver

_COLLECTIONS = (GraphKeys.GLOBAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES, GraphKeys.LOCAL_VARIABLES)


class SavedModelBuilder:
    """Writes graphs of one session, and the values of its variables, into a folder.

    Raises: AssertionError when the folder exists and is not empty.
    """

    def __init__(self, export_dir: Any) -> None:
        self._folder = os.fsdecode(export_dir)
        if os.path.isdir(self._folder) and os.listdir(self._folder):
            raise AssertionError(f"the export folder {self._folder!r} is not empty: give one that does not exist")
        self._model = SavedModel(saved_model_schema_version=constants.SAVED_MODEL_SCHEMA_VERSION)
        self._has_variables = False
        self._assets: dict[str, str] = {}  # the names of the copies, by the paths of the files

    def add_meta_graph_and_variables(
        self, sess: Session, tags: Sequence[str], signature_def_map: Mapping[str, SignatureDef] | None = None,
        assets_collection: Sequence[Tensor] | None = None, legacy_init_op: Operation | None = None,
        clear_devices: bool = False, main_op: Operation | None = None, strip_default_attrs: bool = False,
        saver: Saver | None = None,
    ) -> None:  # fmt: skip
        """Write the variables of the session, and keep its graph for save().

        assets_collection         constant tensors with the names of files, which are copied
        main_op, legacy_init_op   what a loader runs when the variables have their values
        Raises: AssertionError the second time; FailedPreconditionError for a variable without a value.
        """
        if self._has_variables:
            raise AssertionError("the variables are saved already: call add_meta_graph for further graphs")
        folder = os.path.join(self._folder, constants.VARIABLES_DIRECTORY)
        os.makedirs(folder, exist_ok=True)
        with sess.graph.as_default():
            saver = saver or Saver(sharded=False, allow_empty=True, write_version=SaverDef.V2)
            saver._version = SaverDef.V2
            prefix = os.path.join(folder, constants.VARIABLES_FILENAME)
            saver.save(sess, prefix, write_meta_graph=False, write_state=False)
            self._has_variables = True
            self.add_meta_graph(
                tags, signature_def_map, assets_collection, legacy_init_op, clear_devices, main_op, saver=saver
            )

    def add_meta_graph(
        self, tags: Sequence[str], signature_def_map: Mapping[str, SignatureDef] | None = None,
        assets_collection: Sequence[Tensor] | None = None, legacy_init_op: Operation | None = None,
        clear_devices: bool = False, main_op: Operation | None = None, strip_default_attrs: bool = False,
        saver: Saver | None = None,
    ) -> None:  # fmt: skip
        """Keep the default graph, beside those that are there, for save()."""
        if not self._has_variables:
            raise AssertionError("the variables come first: call add_meta_graph_and_variables")
        saver = saver or Saver(allow_empty=True)
        meta = saver.export_meta_graph(collection_list=_COLLECTIONS, clear_devices=clear_devices)
        meta.meta_info_def.tags.extend(tags)
        for key, signature in (signature_def_map or {}).items():
            meta.signature_def[key].CopyFrom(signature)
        assets = list(assets_collection or ())
        for t in assets:
            meta.asset_file_def.append(self._asset(t))
        for key, op in ((constants.MAIN_OP_KEY, main_op), (constants.LEGACY_INIT_OP_KEY, legacy_init_op)):
            if op is not None:
                meta.collection_def[key].node_list.value.append(op.name)
        kept = [node_of(name) for name in needed_by(meta)] + [t.op.name for t in assets]
        meta.graph_def.CopyFrom(extract_sub_graph(meta.graph_def, list(dict.fromkeys(kept))))
        self._model.meta_graphs.append(meta)

    def _asset(self, t: Tensor) -> AssetFileDef:
        """A copy of the file that a constant tensor names."""
        value = t.op.attrs.get("value")
        if value is None or value.dtype != object or value.ndim:
            raise GraphError(f"an asset is a constant tensor with the name of a file, not {t!r}")
        path = os.fsdecode(value.item())
        if path not in self._assets:
            stem = os.path.basename(path)
            names = (f"{stem}_{i}" if i else stem for i in itertools.count())
            self._assets[path] = next(name for name in names if name not in self._assets.values())
            folder = os.path.join(self._folder, constants.ASSETS_DIRECTORY)
            os.makedirs(folder, exist_ok=True)
            shutil.copy(path, os.path.join(folder, self._assets[path]))
        return AssetFileDef(tensor_info={"name": t.name}, filename=self._assets[path])

    def save(self, as_text: bool = False) -> bytes:
        """Write the file with the graphs; gives its path."""
        os.makedirs(self._folder, exist_ok=True)
        name = constants.SAVED_MODEL_FILENAME_PBTXT if as_text else constants.SAVED_MODEL_FILENAME_PB
        path = os.path.join(self._folder, name)
        write_message(self._model, path, as_text)
        return os.fsencode(path)


def simple_save(
    session: Session, export_dir: Any, inputs: Mapping[str, Any], outputs: Mapping[str, Any],
    legacy_init_op: Operation | None = None,
) -> None:  # fmt: skip
    """Write the graph of a session for serving, with one signature: tensors by the names that callers use."""
    signature = predict_signature_def(inputs, outputs)
    builder = SavedModelBuilder(export_dir)
    with session.graph.as_default():
        tables = session.graph.get_collection(GraphKeys.TABLE_INITIALIZERS)
        builder.add_meta_graph_and_variables(
            session, [SERVING], {DEFAULT_SERVING_SIGNATURE_DEF_KEY: signature},
            assets_collection=session.graph.get_collection(GraphKeys.ASSET_FILEPATHS),
            main_op=legacy_init_op or (group(*tables) if tables else None), clear_devices=True,
        )  # fmt: skip
    builder.save()
