"""`tf.saved_model.utils`: tensors as the signatures of a model name them."""

from __future__ import annotations

from typing import Any

from graphflow.graph import Graph, get_default_graph
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.protos import VariableDef
from graphflow.saved_model import constants
from graphflow.saved_model_protos import MetaGraphDef, TensorInfo
from graphflow.tensor_proto import shape_proto


def build_tensor_info(tensor: Any) -> TensorInfo:
    """The name, dtype and static shape of a tensor, dense or sparse."""
    if isinstance(tensor, SparseTensor):
        parts = {"values_tensor_name": tensor.values.name, "indices_tensor_name": tensor.indices.name,
                 "dense_shape_tensor_name": tensor.dense_shape.name}  # fmt: skip
        shape = shape_proto(tensor.get_shape()._dims)
        return TensorInfo(coo_sparse=parts, dtype=tensor.dtype.as_datatype_enum, tensor_shape=shape)
    t = convert_to_tensor(tensor)
    return TensorInfo(name=t.name, dtype=t.dtype.as_datatype_enum, tensor_shape=shape_proto(t.dims))


def get_tensor_from_tensor_info(
    tensor_info: TensorInfo, graph: Graph | None = None, import_scope: str | None = None
) -> Any:
    """The tensor of a graph, the default one if none is given, that a TensorInfo names.

    Raises: KeyError for a name that the graph does not have, ValueError for a TensorInfo without one.
    """
    graph, scope = graph or get_default_graph(), f"{import_scope}/" if import_scope else ""
    if tensor_info.WhichOneof("encoding") == "coo_sparse":
        parts = tensor_info.coo_sparse
        names = (parts.indices_tensor_name, parts.values_tensor_name, parts.dense_shape_tensor_name)
        return SparseTensor(*(graph.get_tensor_by_name(scope + name) for name in names))
    return graph.get_tensor_by_name(scope + tensor_info.name)


def tensor_names(info: TensorInfo) -> list[str]:
    """The names of a tensor, or of the parts of a sparse one."""
    if info.WhichOneof("encoding") != "coo_sparse":
        return [info.name]
    parts = info.coo_sparse
    return [parts.values_tensor_name, parts.indices_tensor_name, parts.dense_shape_tensor_name]


def needed_by(meta: MetaGraphDef) -> list[str]:
    """The names of the tensors and operations that signatures, variables, main ops and the Saver name."""
    infos = [i for s in meta.signature_def.values() for i in (*s.inputs.values(), *s.outputs.values())]
    names = [name for info in infos for name in tensor_names(info)]
    saver = meta.saver_def
    names += [saver.filename_tensor_name, saver.save_tensor_name, saver.restore_op_name]
    for key, collection in meta.collection_def.items():
        if key in (constants.MAIN_OP_KEY, constants.LEGACY_INIT_OP_KEY):
            names += collection.node_list.value
        elif "variables" in key:
            for data in collection.bytes_list.value:
                parts = VariableDef.FromString(data)
                names += [parts.variable_name, parts.initializer_name, parts.snapshot_name, parts.initial_value_name]
    return [name for name in names if name]
