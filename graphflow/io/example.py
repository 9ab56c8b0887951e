"""`tf.train.Example` and what it is made of."""

from __future__ import annotations

from typing import ClassVar

from graphflow.io.message import DATA, FLOAT, INT, Field, Message


class BytesList(Message):
    """`value`: byte strings."""

    FIELDS: ClassVar = {"value": Field(1, DATA, repeated=True)}


class FloatList(Message):
    """`value`: numbers of float32."""

    FIELDS: ClassVar = {"value": Field(1, FLOAT, repeated=True)}


class Int64List(Message):
    """`value`: whole numbers of 64 bits."""

    FIELDS: ClassVar = {"value": Field(1, INT, repeated=True)}


class Feature(Message):
    """One of the three lists; `WhichOneof("kind")` says which."""

    FIELDS: ClassVar = {
        "bytes_list": Field(1, BytesList, oneof="kind"),
        "float_list": Field(2, FloatList, oneof="kind"),
        "int64_list": Field(3, Int64List, oneof="kind"),
    }


class Features(Message):
    """`feature`: features by name."""

    FIELDS: ClassVar = {"feature": Field(1, Feature, map=True)}


class Example(Message):
    """`features`."""

    FIELDS: ClassVar = {"features": Field(1, Features)}


class FeatureList(Message):
    """`feature`: one feature for each step."""

    FIELDS: ClassVar = {"feature": Field(1, Feature, repeated=True)}


class FeatureLists(Message):
    """`feature_list`: lists by name."""

    FIELDS: ClassVar = {"feature_list": Field(1, FeatureList, map=True)}


class SequenceExample(Message):
    """`context`, which holds for all steps, and `feature_lists`."""

    FIELDS: ClassVar = {"context": Field(1, Features), "feature_lists": Field(2, FeatureLists)}
