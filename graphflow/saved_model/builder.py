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

import numpy as np

from graphflow.dtypes import DType, string
from graphflow.errors import GraphError
from graphflow.graph_def import as_graph_def
from graphflow.graph_protos import AttrValue, NodeDef
from graphflow.graph_util import extract_sub_graph
from graphflow.io.atomic import replacing
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import group
from graphflow.saved_model import constants
from graphflow.saved_model.signature_constants import DEFAULT_SERVING_SIGNATURE_DEF_KEY
from graphflow.saved_model.signature_def_utils import predict_signature_def
from graphflow.saved_model.tag_constants import SERVING
from graphflow.saved_model.utils import tensor_names
from graphflow.saved_model_protos import AssetFileDef, MetaGraphDef, SavedModel, SignatureDef
from graphflow.saved_model_protos import SaverDef as SavedSaver
from graphflow.session import Session
from graphflow.tensor_proto import make_tensor_proto
from graphflow.train.saver import Saver, SaverDef
from graphflow.variables import Variable
from graphflow.version import VERSION

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
        graph = (main_op or legacy_init_op or group()).graph
        saver = saver or Saver(allow_empty=True)
        meta = MetaGraphDef(meta_info_def={"tags": list(tags), "tensorflow_version": VERSION})
        for key, signature in (signature_def_map or {}).items():
            meta.signature_def[key].CopyFrom(signature)
        assets = list(assets_collection or ())
        for t in assets:
            meta.asset_file_def.append(self._asset(t))
        variables = saver.as_saver_def()["variables"]
        kept = [_operation_of(name) for s in meta.signature_def.values() for name in _names(s)]
        kept += [t.op.name for t in assets] + list(variables.values())
        for key, op in ((constants.MAIN_OP_KEY, main_op), (constants.LEGACY_INIT_OP_KEY, legacy_init_op)):
            if op is not None:
                kept.append(op.name)
                meta.collection_def[key].node_list.value.append(op.name)
        for key in _COLLECTIONS:
            found = [v for v in graph.get_collection(key) if isinstance(v, Variable)]
            if found:
                protos = [v.to_proto() for v in found]
                meta.collection_def[key].bytes_list.value.extend(p.SerializeToString() for p in protos if p is not None)
                kept += [op.name for v in found for op in (v.op, v.initializer, v.initial_value.op, v._snapshot.op)]
        nodes = extract_sub_graph(as_graph_def(graph, add_shapes=True), list(dict.fromkeys(kept)))
        if clear_devices:
            for node in nodes.node:
                node.device = ""
        types = {name: graph.get_operation_by_name(op).output.dtype for name, op in variables.items()}
        if variables:
            taken = {node.name.partition("/")[0] for node in nodes.node}
            scope = next(name for i in itertools.count() if (name := f"save_{i}" if i else "save") not in taken)
            nodes.node.extend(_saving(variables, types, scope))
            meta.saver_def.CopyFrom(SavedSaver(**_saver_def(scope)))
        meta.graph_def.CopyFrom(nodes)
        self._model.meta_graphs.append(meta)

    def _asset(self, t: Tensor) -> AssetFileDef:
        """A copy of the file that a constant tensor names."""
        value = t.op.attrs.get("value")
        if value is None or value.dtype != object or value.ndim:
            raise GraphError(f"an asset is a constant tensor with the name of a file, not {t!r}")
        path = os.fsdecode(value.item())
        folder = os.path.join(self._folder, constants.ASSETS_DIRECTORY)
        os.makedirs(folder, exist_ok=True)
        shutil.copy(path, folder)
        return AssetFileDef(tensor_info={"name": t.name}, filename=os.path.basename(path))

    def save(self, as_text: bool = False) -> bytes:
        """Write the file with the graphs; gives its path."""
        os.makedirs(self._folder, exist_ok=True)
        name = constants.SAVED_MODEL_FILENAME_PBTXT if as_text else constants.SAVED_MODEL_FILENAME_PB
        path = os.path.join(self._folder, name)
        with replacing(path) as file:
            file.write(str(self._model).encode() if as_text else self._model.SerializeToString())
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


def _names(signature: SignatureDef) -> list[str]:
    """The names of the tensors of a signature."""
    return [n for i in (*signature.inputs.values(), *signature.outputs.values()) for n in tensor_names(i)]


def _operation_of(name: str) -> str:
    return name.partition(":")[0]


# -- the nodes that restore --------------------------------------------------------------------------------------------
def _saving(variables: Mapping[str, str], types: Mapping[str, DType], scope: str) -> list[NodeDef]:
    """The nodes by which TensorFlow saves and restores these variables, by their names in the checkpoint."""
    names = np.array(list(variables), object)
    slices = np.full(len(names), b"", object)
    dtypes = AttrValue(list={"type": [types[name].as_datatype_enum for name in variables]})
    texts = AttrValue(type=string.as_datatype_enum)
    nodes = [_constant(f"{scope}/Const", np.array(b"model", object))]
    for op in ("SaveV2", "RestoreV2"):
        tables = [f"{scope}/{op}/tensor_names", f"{scope}/{op}/shape_and_slices"]
        nodes += [_constant(tables[0], names), _constant(tables[1], slices)]
        saved = list(variables.values()) if op == "SaveV2" else []
        nodes.append(NodeDef(name=f"{scope}/{op}", op=op, input=[f"{scope}/Const", *tables, *saved],
                             attr={"dtypes": dtypes}))  # fmt: skip
    saved = [f"{scope}/Const", f"^{scope}/SaveV2"]
    nodes.append(NodeDef(name=f"{scope}/control_dependency", op="Identity", input=saved, attr={"T": texts}))
    assigned = []
    for i, (name, op) in enumerate(variables.items()):
        assigned.append(f"{scope}/Assign_{i}" if i else f"{scope}/Assign")
        attrs = {"T": AttrValue(type=types[name].as_datatype_enum), "validate_shape": AttrValue(b=True),
                 "use_locking": AttrValue(b=True)}  # fmt: skip
        value = f"{scope}/RestoreV2:{i}" if i else f"{scope}/RestoreV2"
        nodes.append(NodeDef(name=assigned[-1], op="Assign", input=[op, value], attr=attrs))
    nodes.append(NodeDef(name=f"{scope}/restore_all", op="NoOp", input=[f"^{name}" for name in assigned]))
    return nodes


def _constant(name: str, value: np.ndarray) -> NodeDef:
    proto = make_tensor_proto(value)
    return NodeDef(name=name, op="Const", attr={"dtype": AttrValue(type=proto.dtype), "value": AttrValue(tensor=proto)})


def _saver_def(scope: str) -> dict[str, Any]:
    return {
        "filename_tensor_name": f"{scope}/Const:0", "save_tensor_name": f"{scope}/control_dependency:0",
        "restore_op_name": f"{scope}/restore_all", "max_to_keep": 5, "keep_checkpoint_every_n_hours": 10000.0,
        "version": SaverDef.V2,
    }  # fmt: skip
