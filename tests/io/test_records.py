"""Files of records, and TensorFlow's checkpoints."""

import base64

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors
from graphflow.io.checkpoint import open_checkpoint, write_checkpoint
from graphflow.io.crc32c import crc32c, masked, unmasked
from graphflow.io.snappy import decompress
from graphflow.io.table import read_table, write_table
from graphflow.io.wire import WireError


def read(path, kind=None):
    return list(
        tf.python_io.tf_record_iterator(str(path), None if kind is None else tf.python_io.TFRecordOptions(kind))
    )


def test_checksums():
    assert crc32c(b"123456789") == 0xE3069283 and crc32c(b"") == 0 and crc32c(bytes(32)) == 0x8A9136AA
    data = np.random.default_rng(0).bytes(1000)
    assert all(crc32c(data[n:], crc32c(data[:n])) == crc32c(data) for n in (0, 1, 7, 8, 500))
    assert unmasked(masked(12345)) == 12345


def test_a_file_of_tensorflows(tmp_path):
    whole = bytes.fromhex("0500000000000000eab2043e") + b"hello"  # a length and its sum as TensorFlow writes them
    whole += masked(crc32c(b"hello")).to_bytes(4, "little")
    (tmp_path / "a").write_bytes(whole)
    with tf.python_io.TFRecordWriter(str(tmp_path / "b")) as writer:
        writer.write(b"hello")
    assert (tmp_path / "b").read_bytes() == whole and read(tmp_path / "a") == [b"hello"]


@pytest.mark.parametrize("kind", [None, "GZIP", "ZLIB", tf.python_io.TFRecordCompressionType.ZLIB])
def test_records_return(tmp_path, kind):
    wanted = [np.random.default_rng(n).bytes(n * 37 % 4001) for n in range(3000)]
    with tf.python_io.TFRecordWriter(str(tmp_path / "a"), kind and tf.python_io.TFRecordOptions(kind)) as writer:
        for record in wanted:
            writer.write(record)
    assert read(tmp_path / "a", kind) == wanted
    with pytest.raises(errors.FailedPreconditionError):
        writer.write(b"")


@pytest.mark.parametrize("kind", [None, "GZIP", "ZLIB"])
def test_damaged_records(tmp_path, kind):
    path = tmp_path / "a"
    with tf.python_io.TFRecordWriter(str(path), kind and tf.python_io.TFRecordOptions(kind)) as writer:
        for number in range(20):
            writer.write(b"record %d" % number * 5)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    wanted = read(path, kind)
    for _ in range(200):
        damaged = bytearray(whole)
        at = int(random.integers(len(whole)))
        if random.integers(2):
            damaged[at] ^= 1 << int(random.integers(8))
        else:
            del damaged[at:]
        path.write_bytes(damaged)
        found = []
        try:
            for record in tf.python_io.tf_record_iterator(str(path), kind and tf.python_io.TFRecordOptions(kind)):
                found.append(record)
        except errors.DataLossError as error:
            assert str(path) in str(error)
        assert found == wanted[: len(found)]
    with pytest.raises(errors.NotFoundError):
        tf.python_io.tf_record_iterator(str(tmp_path / "none"))


def test_tables_and_compression():
    entries = {b"key%04d" % n: b"value" * (n % 7) for n in range(400)} | {b"": b"first"}
    table = write_table(entries)
    assert read_table(table, "t") == entries
    random = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(table)
        damaged[int(random.integers(len(table)))] ^= 1 << int(random.integers(8))
        try:
            assert (
                read_table(bytes(damaged[: random.integers(len(table)) if random.integers(2) else None]), "t")
                == entries
            )
        except errors.DataLossError as error:
            assert str(error).startswith("t: ")
    assert decompress(b"\x0c\x08abc\x15\x03") == b"abcabcabcabc"[:12]
    for wrong in (b"\x05\x00a", b"\x05\x01\x09", b"\xff\xff\xff\xff\x0f\x00a", b"\x01\x00a\x00b"):
        with pytest.raises(WireError):
            decompress(wrong)


def test_tensorflows_checkpoints(tmp_path):
    arrays = {
        "w": np.arange(6, dtype=np.float32).reshape(2, 3), "s": np.array([b"ab", b"", b"xyz" * 99], object),
        "c": np.array(1 + 2j, np.complex64), "e": np.zeros((0, 3)), "b": np.array([True, False]),
    }  # fmt: skip
    prefix = str(tmp_path / "m")
    write_checkpoint(prefix, arrays, bundle=True)
    reader = open_checkpoint(prefix)
    for name, array in arrays.items():
        found = reader.get_tensor(name)
        assert found.dtype == array.dtype and found.shape == array.shape and (found == array).all()
    data = tmp_path / "m.data-00000-of-00001"
    whole = data.read_bytes()
    for at in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[at] ^= 16
        data.write_bytes(damaged)
        with pytest.raises(errors.DataLossError, match="at byte"):
            open_checkpoint(prefix).verify(list(arrays))
    with pytest.raises(errors.NotFoundError):
        reader.get_tensor("none")
    with pytest.raises(errors.NotFoundError):
        open_checkpoint(str(tmp_path / "none"))


# What TensorFlow 2.21 wrote for layer/w = [[0, 1, 2], [3, 4, 5]], words = ["a", "bcd"] and step = 5.
_INDEX = (
    "AAAGCAEaAggBAAcTbGF5ZXIvdwgBEggSAggCEgIIAygYNcDbPRcABA1zdGVwCAkSACAYKAg16rIEPgAFEXdvcmRzCAcSBBICCAIgICgKNWBcPI4AAAAA"
    "AQAAAAD1l6baAAAAAAEAAAAAwPKhsAABAngAWwAAAAABAAAAAMJNzwlgCG0OAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAV/uAiyR1"
    "R9s="
)
_DATA = "AAAAAAAAgD8AAABAAABAQAAAgEAAAKBABQAAAAAAAAABA0Q5rC9hYmNk"


def test_a_checkpoint_of_tensorflows(tmp_path):
    (tmp_path / "m.index").write_bytes(base64.b64decode(_INDEX))
    (tmp_path / "m.data-00000-of-00001").write_bytes(base64.b64decode(_DATA))
    prefix = str(tmp_path / "m")
    assert tf.train.list_variables(prefix) == [("layer/w", [2, 3]), ("step", []), ("words", [2])]
    with tf.Graph().as_default():
        w, step = tf.get_variable("layer/w", [2, 3]), tf.get_variable("step", [], tf.int64)
        with tf.Session() as sess:
            tf.train.Saver().restore(sess, prefix)
            assert sess.run(w).tolist() == [[0, 1, 2], [3, 4, 5]] and sess.run(step) == 5
    assert tf.train.load_variable(prefix, "words").tolist() == [b"a", b"bcd"]
    arrays = {name: tf.train.load_variable(prefix, name) for name in ("layer/w", "step", "words")}
    write_checkpoint(str(tmp_path / "again"), arrays, bundle=True)
    assert (tmp_path / "again.data-00000-of-00001").read_bytes() == base64.b64decode(_DATA)
