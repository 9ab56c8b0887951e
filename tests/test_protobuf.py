"""Protocol messages: bytes, text, and what programs call."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import graphflow as tf
from graphflow.io.fields import Field
from graphflow.io.protobuf import Message
from graphflow.io.text_format import TextError, merge_text
from graphflow.io.wire import WireError

NODE = (  # as protocol buffers' own library writes it: name "a", op "Placeholder", attr {dtype {type: DT_FLOAT}}
    b"\n\x01a\x12\x0bPlaceholder*\x0b\n\x05dtype\x12\x02\x30\x01"
)


class Numbers(Message):
    small = Field(1, "int32")
    wide = Field(2, "uint64")
    half = Field(3, "float", repeated=True)
    counts = Field(4, "int64", key="string")
    one = Field(5, "fixed32", oneof="choice")
    other = Field(6, "fixed64", oneof="choice")


def test_bytes_are_those_of_protocol_buffers():
    node = tf.NodeDef(name="a", op="Placeholder", attr={"dtype": tf.AttrValue(type=1)})
    assert node.SerializeToString() == NODE and tf.NodeDef.FromString(NODE) == node
    assert node.ByteSize() == len(NODE) and node.attr["dtype"].type == tf.float32
    value = Numbers(small=-1, half=[0.5, -2], counts={"b": -3, "a": 0}, one=0)
    data = value.SerializeToString()
    assert data == (
        b"\x08" + b"\xff" * 9 + b"\x01" + b"\x1a\x08\0\0\0\x3f\0\0\0\xc0"
        + b"\x22\x05\n\x01a\x10\x00" + b"\x22\x0e\n\x01b\x10\xfd" + b"\xff" * 8 + b"\x01" + b"\x2d\0\0\0\0"
    )  # fmt: skip
    assert Numbers.FromString(data) == value and Numbers.FromString(b"\x1d\0\0\0\x3f").half == [0.5]


def test_defaults_oneofs_and_presence():
    value = Numbers()
    assert (value.small, list(value.half), dict(value.counts), value.SerializeToString()) == (0, [], {}, b"")
    value.one = 0
    assert value.WhichOneof("choice") == "one" and value.HasField("one") and not value.HasField("other")
    value.other = 7
    assert value.WhichOneof("choice") == "other" and value.one == 0
    value.ClearField("other")
    assert value.WhichOneof("choice") is None and value == Numbers()
    event = tf.Event(step=3)
    assert not event.HasField("summary") and event.summary.value == [] and not event.HasField("summary")
    event.summary.value.add(tag="t").simple_value = 0.1
    assert event.WhichOneof("what") == "summary" and event.summary.value[0].simple_value == np.float32(0.1)
    del event.summary.value[:]
    event.summary.SetInParent()
    assert tf.Event.FromString(event.SerializeToString()).HasField("summary")


def test_unknown_fields_are_kept():
    data = b"\x08\x05" + b"\x5a\x02hi" + b"\x61" + bytes(range(8)) + b"\x6d\1\2\3\4" + b"\x70\x96\x01"
    value = Numbers.FromString(data)
    assert value.small == 5 and value.SerializeToString() == data
    merged = Numbers(small=1)
    merged.MergeFrom(value)
    assert merged == value != Numbers(small=5)


def test_copies_are_apart():
    first = tf.Summary(value=[{"tag": "a", "histo": {"bucket": [1, 2]}}])
    for other in (
        copy.deepcopy(first),
        pickle.loads(pickle.dumps(first)),
        tf.Summary.FromString(first.SerializeToString()),
    ):
        assert other == first
        other.value[0].histo.bucket.append(3)
        assert len(first.value[0].histo.bucket) == 2 and other != first
    graph_def = tf.GraphDef()
    graph_def.node.extend([tf.NodeDef(name="n")])
    graph_def.node[0].attr["k"].i = 3
    assert "k" in graph_def.node[0].attr and "z" not in graph_def.node[0].attr


NOT_NUMBERS = [b"\n", b"\x08", b"\x0b\x0c", b"\x0a\x05abc", b"\x00\x00", b"\x0d\0\0\0\0", b"\x22\x03\x0a\x01\xff",
               b"\x1a\x03\0\0\0"]  # fmt: skip


@pytest.mark.parametrize("data", NOT_NUMBERS)
def test_bytes_that_are_no_message(data):
    with pytest.raises(WireError):
        Numbers.FromString(data)


def test_what_is_refused():
    with pytest.raises(ValueError, match="no field 'nothing'"):
        Numbers(nothing=1)
    with pytest.raises(AttributeError, match="no field 'nothing'"):
        Numbers().nothing = 1
    with pytest.raises(AttributeError, match="repeated"):
        Numbers().half = [1.0]
    for wrong, error in (({"small": 1.5}, TypeError), ({"small": 2**31}, ValueError), ({"wide": -1}, ValueError),
                         ({"half": ["x"]}, TypeError)):  # fmt: skip
        with pytest.raises(error):
            Numbers(**wrong)
    with pytest.raises(TypeError):
        tf.NodeDef(name="a").CopyFrom(tf.GraphDef())
    with pytest.raises(TypeError):
        tf.AttrValue(s="text")
    with pytest.raises(ValueError):
        Numbers().HasField("half")


def test_text():
    summary = tf.Summary(value=[{"tag": 'a"\n\u00e9', "histo": {"min": -1e300, "bucket": [1, 0.5]}}])
    text = str(summary)
    assert text == (
        'value {\n  tag: "a\\"\\n\\303\\251"\n  histo {\n    min: -1e+300\n    bucket: 1\n    bucket: 0.5\n  }\n}\n'
    )
    assert merge_text(text, tf.Summary()) == summary
    node = merge_text(
        '# a node\nname: "a" "b" op: \'Const\' input: ["x", "y"]\nattr { key: "T" value { type: DT_INT32 } }\n'
        'attr < key: "b"; value: { b: true } > attr { key: "f" value { f: -1.5e2 } }', tf.NodeDef()
    )  # fmt: skip
    assert (node.name, node.op, node.input) == ("ab", "Const", ["x", "y"])
    assert (node.attr["T"].type, node.attr["b"].b, node.attr["f"].f) == (3, True, -150.0)
    assert merge_text(str(node), tf.NodeDef()) == node
    for wrong in ("nothing: 1", "name 'a' }", "name: ~", "attr {", "op: 3 4"):
        with pytest.raises(TextError, match="line 1"):
            merge_text(wrong, tf.NodeDef())
