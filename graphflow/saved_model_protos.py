"""The messages of a SavedModel: a graph with what it is called for, and where its variables are."""

from __future__ import annotations

from graphflow.graph_protos import DATA_TYPE, GraphDef, TensorShapeProto
from graphflow.io.fields import Field
from graphflow.io.protobuf import Message
from graphflow.io.scalars import Enum


class TensorInfo(Message):
    """A tensor by its name, or a sparse one by the names of its parts."""

    class CooSparse(Message):
        """The parts of a sparse tensor."""

        values_tensor_name = Field(1, "string")
        indices_tensor_name = Field(2, "string")
        dense_shape_tensor_name = Field(3, "string")

    name = Field(1, "string", oneof="encoding")
    dtype = Field(2, DATA_TYPE)
    tensor_shape = Field(3, TensorShapeProto)
    coo_sparse = Field(4, CooSparse, oneof="encoding")


class SignatureDef(Message):
    """Inputs and outputs by the names that callers use, and what kind of call it is."""

    inputs = Field(1, TensorInfo, key="string")
    outputs = Field(2, TensorInfo, key="string")
    method_name = Field(3, "string")


class CollectionDef(Message):
    """The items of a collection: names of nodes, messages, or numbers."""

    class NodeList(Message):
        """Names of tensors and operations."""

        value = Field(1, "string", repeated=True)

    class BytesList(Message):
        """Messages, such as those of variables."""

        value = Field(1, "bytes", repeated=True)

    class Int64List(Message):
        """Whole numbers."""

        value = Field(1, "int64", repeated=True)

    class FloatList(Message):
        """Numbers."""

        value = Field(1, "float", repeated=True)

    class AnyList(Message):
        """Messages with the names of their types."""

        class Any(Message):
            """A message as bytes."""

            type_url = Field(1, "string")
            value = Field(2, "bytes")

        value = Field(1, Any, repeated=True)

    node_list = Field(1, NodeList, oneof="kind")
    bytes_list = Field(2, BytesList, oneof="kind")
    int64_list = Field(3, Int64List, oneof="kind")
    float_list = Field(4, FloatList, oneof="kind")
    any_list = Field(5, AnyList, oneof="kind")


class AssetFileDef(Message):
    """A file that goes with the graph, and the tensor that has its name."""

    tensor_info = Field(1, TensorInfo)
    filename = Field(2, "string")


class SaverDef(Message):
    """The nodes that save variables and restore them."""

    LEGACY, V1, V2 = 0, 1, 2
    filename_tensor_name = Field(1, "string")
    save_tensor_name = Field(2, "string")
    restore_op_name = Field(3, "string")
    max_to_keep = Field(4, "int32")
    sharded = Field(5, "bool")
    keep_checkpoint_every_n_hours = Field(6, "float")
    version = Field(7, Enum(LEGACY=0, V1=1, V2=2))


class MetaGraphDef(Message):
    """A graph, its collections, and what it is called for; `tags` say what it is good for."""

    class MetaInfoDef(Message):
        """Where the graph comes from."""

        meta_graph_version = Field(1, "string")
        tags = Field(4, "string", repeated=True)
        tensorflow_version = Field(5, "string")
        tensorflow_git_version = Field(6, "string")
        stripped_default_attrs = Field(7, "bool")

    meta_info_def = Field(1, MetaInfoDef)
    graph_def = Field(2, GraphDef)
    saver_def = Field(3, SaverDef)
    collection_def = Field(4, CollectionDef, key="string")
    signature_def = Field(5, SignatureDef, key="string")
    asset_file_def = Field(6, AssetFileDef, repeated=True)


class SavedModel(Message):
    """The file saved_model.pb."""

    saved_model_schema_version = Field(1, "int64")
    meta_graphs = Field(2, MetaGraphDef, repeated=True)
