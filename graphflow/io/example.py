"""`tf.train.Example` and what it is made of."""

from __future__ import annotations

from graphflow.io.message import DATA, FLOAT, INT, Field, Message


class BytesList(Message):
    """`value`: byte strings."""

    FIELDS = {"value": Field(1, DATA, repeated=True)}


class FloatList(Message):
    """`value`: numbers of float32."""

    FIELDS = {"value": Field(1, FLOAT, repeated=True)}


class Int64List(Message):
    """`value`: whole numbers of 64 bits."""

    FIELDS = {"value": Field(1, INT, repeated=True)}


class Feature(Message):
    """One of the three lists; `WhichOneof("kind")` says which."""

    FIELDS = {
        "bytes_list": Field(1, BytesList, oneof="kind"),
        "float_list": Field(2, FloatList, oneof="kind"),
        "int64_list": Field(3, Int64List, oneof="kind"),
    }


class Features(Message):
    """`feature`: features by name."""

    FIELDS = {"feature": Field(1, Feature, map=True)}


class Example(Message):
    """`features`."""

    FIELDS = {"features": Field(1, Features)}


class FeatureList(Message):
    """`feature`: one feature for each step."""

    FIELDS = {"feature": Field(1, Feature, repeated=True)}


class FeatureLists(Message):
    """`feature_list`: lists by name."""

    FIELDS = {"feature_list": Field(1, FeatureList, map=True)}


class SequenceExample(Message):
    """`context`, which holds for all steps, and `feature_lists`."""

    FIELDS = {"context": Field(1, Features), "feature_lists": Field(2, FeatureLists)}
