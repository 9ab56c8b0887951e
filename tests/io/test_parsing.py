"""Examples: the messages, and their features as tensors."""

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors
from graphflow.io.wire import WireError

Feature = tf.train.Feature


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def ints(*values):
    return Feature(int64_list=tf.train.Int64List(value=values))


def floats(*values):
    return Feature(float_list=tf.train.FloatList(value=values))


def texts(*values):
    return Feature(bytes_list=tf.train.BytesList(value=values))


def example(**features):
    return tf.train.Example(features=tf.train.Features(feature=features))


def run(fetches):
    with tf.Session() as sess:
        return sess.run(fetches)


def test_bytes_are_tensorflows():
    made = example(k=ints(1, -2), f=floats(0.5), s=texts(b"ab"))
    features = bytes.fromhex("0a0d0a0166120812060a040000003f0a140a016b120f1a0d0a0b01feffffffffffffffff01")
    features += bytes.fromhex("0a0b0a017312060a040a026162")
    assert made.SerializeToString() == b"\x0a" + bytes([len(features)]) + features
    again = tf.train.Example.FromString(made.SerializeToString())
    assert again == made and again.features.feature["k"].int64_list.value == [1, -2]
    assert again.features.feature["k"].WhichOneof("kind") == "int64_list" and "f" in again.features.feature
    assert tf.train.Int64List.FromString(b"\x08\x01\x08\x02").value == [1, 2]  # not packed


def test_messages_behave():
    made = tf.train.Example()
    assert not made.HasField("features")
    made.features.feature["a"].int64_list.value.append(3)
    made.features.feature["b"].float_list.value.extend([1, 2.5])
    made.features.feature["b"].bytes_list.value.append(b"x")  # one of the three
    assert made.HasField("features") and made.features.feature["b"].WhichOneof("kind") == "bytes_list"
    copy = tf.train.Example()
    copy.CopyFrom(made)
    copy.features.feature["a"].int64_list.value.append(4)
    assert copy != made and made.features.feature["a"].int64_list.value == [3]
    assert 'key: "a"' in str(made) and "value: 3" in str(made)
    for wrong in (lambda: ints(1.5), lambda: texts("x"), lambda: tf.train.Feature(other=1), lambda: floats("x"),
                  lambda: setattr(made, "features", 1)):  # fmt: skip
        with pytest.raises((TypeError, ValueError, AttributeError)):
            wrong()
    whole, random, found = made.SerializeToString(), np.random.default_rng(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[int(random.integers(len(whole)))] = int(random.integers(256))
        try:
            tf.train.Example.FromString(bytes(damaged[: random.integers(1, len(whole) + 1)]))
        except WireError:  # and no other error
            found += 1
    assert found


SPECS = {
    "n": tf.FixedLenFeature([2], tf.int64), "x": tf.FixedLenFeature([], tf.float32, default_value=-1.0),
    "v": tf.VarLenFeature(tf.string), "q": tf.FixedLenSequenceFeature([2], tf.int64, allow_missing=True),
}  # fmt: skip


def test_a_batch():
    one = example(n=ints(1, -(2**60)), v=texts(b"a", b"b"), q=ints(1, 2, 3, 300)).SerializeToString()
    two = example(n=ints(3, 4), x=floats(2.5)).SerializeToString()
    parsed = tf.parse_example([one, two], SPECS)
    assert parsed["n"].shape.as_list() == [2, 2] and parsed["q"].shape.as_list() == [2, None, 2]
    got = run(parsed)
    assert got["n"].tolist() == [[1, -(2**60)], [3, 4]] and got["x"].tolist() == [-1, 2.5]
    assert got["v"].indices.tolist() == [[0, 0], [0, 1]] and got["v"].dense_shape.tolist() == [2, 2]
    assert got["q"].tolist() == [[[1, 2], [3, 300]], [[0, 0], [0, 0]]]
    alone = run(tf.parse_single_example(one, SPECS))
    assert alone["n"].tolist() == [1, -(2**60)] and alone["v"].indices.tolist() == [[0], [1]] and alone["x"] == -1
    assert alone["v"].dense_shape.tolist() == [2] and alone["q"].tolist() == [[1, 2], [3, 300]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (example(x=floats(1)), "'n' is required"),
        (example(n=ints(1)), "1 values, and 2"),
        (example(n=floats(1, 2)), "float32, and int64"),
        (example(n=ints(1, 2), q=ints(1)), "not a multiple of 2"),
    ],
)
def test_examples_that_do_not_fit(text, words):
    with pytest.raises(errors.InvalidArgumentError, match=words):
        run(tf.parse_example([text.SerializeToString()], SPECS)["n"])
    with pytest.raises(errors.InvalidArgumentError, match="at byte 0"):
        run(tf.parse_single_example(b"\x0a\x7f", SPECS)["n"])


def test_sequences():
    made = tf.train.SequenceExample()
    made.context.feature["id"].int64_list.value.append(7)
    for n in range(3):
        made.feature_lists.feature_list["a"].feature.add().float_list.value.extend([n, n])
        made.feature_lists.feature_list["b"].feature.add().bytes_list.value.extend([b"w"] * n)
    context, lists = tf.parse_single_sequence_example(
        made.SerializeToString(), {"id": tf.FixedLenFeature([], tf.int64)},
        {"a": tf.FixedLenSequenceFeature([2], tf.float32), "b": tf.VarLenFeature(tf.string)},
    )  # fmt: skip
    got = run([context, lists])
    assert got[0]["id"] == 7 and got[1]["a"].tolist() == [[0, 0], [1, 1], [2, 2]]
    assert got[1]["b"].indices.tolist() == [[1, 0], [2, 0], [2, 1]] and got[1]["b"].dense_shape.tolist() == [3, 2]


def test_wrong_specs():
    for specs in ({}, {"a": tf.FixedLenFeature([None], tf.int64)}, {"a": 1}):
        with pytest.raises(ValueError):
            tf.parse_single_example("", specs)
    with pytest.raises(TypeError, match="features are string, float32 or int64"):
        tf.parse_single_example("", {"a": tf.FixedLenFeature([], tf.int32)})
    with pytest.raises(ValueError, match="allow_missing"):
        tf.parse_single_example("", {"a": tf.FixedLenSequenceFeature([], tf.int64)})
    with pytest.raises(ValueError):
        tf.parse_single_example(["", ""], SPECS)
