"""`tf.train.Example` and what it is made of."""

from __future__ import annotations

from graphflow.io.fields import Field
from graphflow.io.protobuf import Message


class BytesList(Message):
    """`value`: byte strings."""

    value = Field(1, "bytes", repeated=True)


class FloatList(Message):
    """`value`: numbers of float32."""

    value = Field(1, "float", repeated=True)


class Int64List(Message):
    """`value`: whole numbers of 64 bits."""

    value = Field(1, "int64", repeated=True)


class Feature(Message):
    """One of the three lists; `WhichOneof("kind")` says which."""

    bytes_list = Field(1, BytesList, oneof="kind")
    float_list = Field(2, FloatList, oneof="kind")
    int64_list = Field(3, Int64List, oneof="kind")


class Features(Message):
    """`feature`: features by name."""

    feature = Field(1, Feature, key="string")


class Example(Message):
    """`features`."""

    features = Field(1, Features)


class FeatureList(Message):
    """`feature`: one feature for each step."""

    feature = Field(1, Feature, repeated=True)


class FeatureLists(Message):
    """`feature_list`: lists by name."""

    feature_list = Field(1, FeatureList, key="string")


class SequenceExample(Message):
    """`context`, which holds for all steps, and `feature_lists`."""

    context = Field(1, Features)
    feature_lists = Field(2, FeatureLists)
