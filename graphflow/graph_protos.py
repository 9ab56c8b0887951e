"""The messages of TensorFlow's graph files."""

from __future__ import annotations

from typing import Any

from graphflow.io.fields import Field
from graphflow.io.protobuf import Message
from graphflow.io.scalars import Enum

_TYPES = {
    "DT_FLOAT": 1, "DT_DOUBLE": 2, "DT_INT32": 3, "DT_UINT8": 4, "DT_INT16": 5, "DT_INT8": 6, "DT_STRING": 7,
    "DT_COMPLEX64": 8, "DT_INT64": 9, "DT_BOOL": 10, "DT_QINT8": 11, "DT_QUINT8": 12, "DT_QINT32": 13,
    "DT_BFLOAT16": 14, "DT_QINT16": 15, "DT_QUINT16": 16, "DT_UINT16": 17, "DT_COMPLEX128": 18, "DT_HALF": 19,
    "DT_RESOURCE": 20, "DT_VARIANT": 21, "DT_UINT32": 22, "DT_UINT64": 23,
}  # fmt: skip
DATA_TYPE = Enum(DT_INVALID=0, **_TYPES, **{f"{name}_REF": number + 100 for name, number in _TYPES.items()})


class TensorShapeProto(Message):
    """A static shape; a size of -1 is unknown."""

    class Dim(Message):
        """One size."""

        size = Field(1, "int64")
        name = Field(2, "string")

    dim = Field(2, Dim, repeated=True)
    unknown_rank = Field(3, "bool")


class TensorProto(Message):
    """The value of a tensor: its bytes, or a list in which the last element stands for all that follow."""

    dtype = Field(1, DATA_TYPE)
    tensor_shape = Field(2, TensorShapeProto)
    version_number = Field(3, "int32")
    tensor_content = Field(4, "bytes")
    float_val = Field(5, "float", repeated=True)
    double_val = Field(6, "double", repeated=True)
    int_val = Field(7, "int32", repeated=True)
    string_val = Field(8, "bytes", repeated=True)
    scomplex_val = Field(9, "float", repeated=True)
    int64_val = Field(10, "int64", repeated=True)
    bool_val = Field(11, "bool", repeated=True)
    dcomplex_val = Field(12, "double", repeated=True)
    half_val = Field(13, "int32", repeated=True)
    uint32_val = Field(16, "uint32", repeated=True)
    uint64_val = Field(17, "uint64", repeated=True)


class AttrValue(Message):
    """An attribute of an operation, or, as `list`, several values of one type."""

    class ListValue(Message):
        """Several values of one type."""

        s = Field(2, "bytes", repeated=True)
        i = Field(3, "int64", repeated=True)
        f = Field(4, "float", repeated=True)
        b = Field(5, "bool", repeated=True)
        type = Field(6, DATA_TYPE, repeated=True)
        shape = Field(7, TensorShapeProto, repeated=True)
        tensor = Field(8, TensorProto, repeated=True)

    list = Field(1, ListValue, oneof="value")
    s = Field(2, "bytes", oneof="value")
    i = Field(3, "int64", oneof="value")
    f = Field(4, "float", oneof="value")
    b = Field(5, "bool", oneof="value")
    type = Field(6, DATA_TYPE, oneof="value")
    shape = Field(7, TensorShapeProto, oneof="value")
    tensor = Field(8, TensorProto, oneof="value")
    placeholder = Field(9, "string", oneof="value")

    def keep(self, value: Any) -> None:
        """Remember the Python value that this stands for: bytes cannot say it, or not exactly."""
        self.__dict__["_kept"] = (value,)

    @property
    def kept(self) -> tuple[Any] | None:
        """What `keep` was given, in a tuple."""
        return self.__dict__.get("_kept")

    def _set(self, field: Field, value: Any) -> None:
        self.__dict__.pop("_kept", None)
        super()._set(field, value)

    def MergeFrom(self, other: Any) -> None:
        """As Message.MergeFrom."""
        super().MergeFrom(other)
        if other.kept is not None:
            self.keep(*other.kept)


class NodeDef(Message):
    """One operation: `input` has `name`, `name:1` for a later output, and `^name` for a control dependency."""

    name = Field(1, "string")
    op = Field(2, "string")
    input = Field(3, "string", repeated=True)
    device = Field(4, "string")
    attr = Field(5, AttrValue, key="string")


class VersionDef(Message):
    """The version of the format that a graph was written in."""

    producer = Field(1, "int32")
    min_consumer = Field(2, "int32")
    bad_consumers = Field(3, "int32", repeated=True)


class GraphDef(Message):
    """Nodes in an order in which they can be made."""

    node = Field(1, NodeDef, repeated=True)
    version = Field(3, "int32")
    versions = Field(4, VersionDef)
