"""tf.summary: names, tags and values of summaries, and event files."""

from __future__ import annotations

import io
import os
import shutil
import wave

import numpy as np
import pytest

import graphflow as tf
from graphflow.io.records import TFRecordWriter
from graphflow.io.wire import fields
from graphflow.summary.writer import _plain
from graphflow.testing import BACKENDS


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def run(summary, feeds=None):
    with tf.Session(backend="reference") as session:
        return tf.Summary.FromString(session.run(summary, feeds))


def test_tags_take_scopes_and_become_unique():
    with tf.name_scope("train"):
        first, second = tf.summary.scalar("loss", 1.5), tf.summary.scalar("loss", tf.constant(2))
        cleaned = tf.summary.scalar("/bad name!", 3.0, family="fam")
    assert (first.name, first.dtype, first.shape.as_list()) == ("train/loss:0", tf.string, [])
    assert second.op.inputs[0].name == "train/loss_1/tags:0"
    merged = tf.summary.merge_all()
    assert merged.name == "Merge/MergeSummary:0" and tf.get_collection("summaries") == [first, second, cleaned]
    assert [(v.tag, v.simple_value) for v in run(merged).value] == [
        ("train/loss", 1.5), ("train/loss_1", 2.0), ("fam/train/fam/bad_name_", 3.0),
    ]  # fmt: skip


def test_collections():
    assert tf.summary.merge_all() is None
    mine = tf.summary.scalar("a", 1.0, collections=["mine"])
    with tf.name_scope("s"):
        other = tf.summary.histogram("b", [1.0])
    assert tf.get_collection("summaries") == [other] and tf.summary.merge_all("nothing") is None
    assert [v.tag for v in run(tf.summary.merge_all("mine")).value] == ["a"]
    assert tf.summary.merge_all(scope="t") is None and len(run(tf.summary.merge_all(scope="s")).value) == 1
    merged = tf.summary.merge([mine, other], collections=["all"], name="both")
    assert merged.name == "both/MergeSummary:0" and tf.get_collection("all") == [merged]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag a"):
        run(tf.summary.merge([mine, mine]))


def test_scalars_of_other_shapes():
    x = tf.placeholder(tf.float32, name="x")
    assert np.isnan(run(tf.summary.scalar("a", x), {x: np.nan}).value[0].simple_value)
    with pytest.raises(tf.errors.InvalidArgumentError, match="ScalarSummary 'b'"):
        run(tf.summary.scalar("b", x), {x: [1.0, 2.0]})
    with pytest.raises(ValueError):
        tf.summary.scalar("c", [1.0, 2.0])
    with pytest.raises(TypeError):
        tf.summary.scalar("d", "text")


def test_histograms():
    x = tf.placeholder(tf.float64)
    values = np.array([[1.0, 2.0, -3.0], [1e30, 0.0, 1.0]])
    histo = run(tf.summary.histogram("h", x), {x: values}).value[0].histo
    assert (histo.min, histo.max, histo.num) == (-3.0, 1e30, 6)
    assert np.isclose(histo.sum, values.sum()) and np.isclose(histo.sum_squares, (values**2).sum())
    limits, counts = np.array(histo.bucket_limit), np.array(histo.bucket)
    assert (np.diff(limits) > 0).all() and counts.sum() == 6 and not ((counts[1:] == 0) & (counts[:-1] == 0)).any()
    edges = np.concatenate([[-np.inf], limits])
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        assert ((values >= low) & (values < high)).sum() == count
    empty = run(tf.summary.histogram("e", x), {x: np.zeros((0, 3))}).value[0].histo
    assert (empty.num, list(empty.bucket)) == (0, [0.0]) and empty.min > empty.max
    for bad, word in ((np.nan, "Nan"), (np.inf, "Infinity")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"{word} in summary histogram for: n"):
            run(tf.summary.histogram("n", x), {x: [1.0, bad]})


def pixels(value):
    with tf.Session(backend="reference") as session:
        return session.run(tf.image.decode_png(value.image.encoded_image_string))


def test_images():
    pytest.importorskip("PIL")
    x = tf.placeholder(tf.float32, [None, 2, 2, 1])
    batch = np.array([[0, 1, 2, 4], [-1, 0, 1, 2], [np.nan, 0, 1, np.inf], [0, 0, 0, 0]], np.float32).reshape(
        4, 2, 2, 1
    )
    three = run(tf.summary.image("im", x), {x: batch}).value
    assert [v.tag for v in three] == ["im/image/0", "im/image/1", "im/image/2"]
    assert (three[0].image.height, three[0].image.width, three[0].image.colorspace) == (2, 2, 1)
    want = [[0, 63, 127, 255], [64, 128, 191, 255], [255, 0, 255, 255]]
    assert [pixels(v).reshape(-1).tolist() for v in three] == want
    (one,) = run(tf.summary.image("one", x, max_outputs=1), {x: batch}).value
    assert one.tag == "one/image" and one.image == three[0].image
    colors = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(1, 2, 3, 4)
    (made,) = run(tf.summary.image("c", tf.constant(colors))).value
    assert made.image.colorspace == 4 and (pixels(made) == colors[0]).all()
    assert run(tf.summary.image("none", x), {x: batch[:0]}).value == []
    with pytest.raises(ValueError):
        tf.summary.image("r", tf.zeros([2, 2]))
    with pytest.raises(ValueError, match="positive"):
        tf.summary.image("p", x, max_outputs=0)
    y = tf.placeholder(tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="1, 3 or 4"):
        run(tf.summary.image("two", y), {y: np.zeros((1, 2, 2, 2))})


def test_sounds():
    x = np.array([[[0.5, -1.0], [1.5, 0.0], [0.25, 2**-15]]], np.float32)
    (value,) = run(tf.summary.audio("a", x, 8000.0, max_outputs=1)).value
    audio = value.audio
    assert (value.tag, audio.sample_rate, audio.num_channels, audio.length_frames) == ("a/audio", 8000, 2, 3)
    with wave.open(io.BytesIO(audio.encoded_audio_string)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 2, 2)
        samples = np.frombuffer(file.readframes(3), "<i2").tolist()
    assert samples == [16384, -32768, 32767, 0, 8192, 1]
    mono = run(tf.summary.audio("m", x[..., 0], 8000.0)).value[0]
    assert (mono.tag, mono.audio.num_channels) == ("m/audio/0", 1)


def test_text_and_tensors():
    (value,) = run(tf.summary.text("t", tf.constant(["# a", "b"]))).value
    assert value.tag == "t" and value.metadata.plugin_data.plugin_name == "text"
    assert tf.make_ndarray(value.tensor).tolist() == [b"# a", b"b"]
    with pytest.raises(ValueError, match="dtype string"):
        tf.summary.text("n", tf.constant(1.0))
    (value,) = run(tf.summary.tensor_summary("x", tf.constant([[1, 2]]), "why", display_name="X")).value
    assert tf.make_ndarray(value.tensor).tolist() == [[1, 2]] and value.metadata.display_name == "X"


# -- event files -------------------------------------------------------------------------------------------------------
def events(folder):
    return [e for name in sorted(os.listdir(folder)) for e in tf.train.summary_iterator(os.path.join(folder, name))]


def test_a_writer_writes_what_it_is_given(graph, tmp_path):
    loss = tf.summary.scalar("loss", tf.placeholder_with_default(2.5, [], name="x"))
    folder = tmp_path / "new" / "run"
    with tf.Session(backend="reference") as session, tf.summary.FileWriter(str(folder), session.graph) as writer:
        for step in range(3):
            writer.add_summary(session.run(loss), step)
        writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="mine", simple_value=1)]), np.int64(7))
        writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), 8)
        metadata = tf.RunMetadata()
        metadata.step_stats.dev_stats.add(device="cpu")
        writer.add_run_metadata(metadata, "step9", 9)
        with pytest.raises(ValueError, match="step9"):
            writer.add_run_metadata(metadata, "step9")
        writer.add_event(tf.Event(wall_time=1.5, step=10))
        assert writer.get_logdir() == str(folder)
    (name,) = os.listdir(folder)
    assert name.startswith("events.out.tfevents.")
    found = events(folder)
    assert [e.WhichOneof("what") for e in found] == [
        "file_version", "graph_def", *["summary"] * 4, "session_log", "tagged_run_metadata", None,
    ]  # fmt: skip
    assert found[0].file_version == "brain.Event:2" and found[0].wall_time > 1.7e9
    assert [e.step for e in found] == [0, 0, 0, 1, 2, 7, 8, 9, 10] and found[-1].wall_time == 1.5
    nodes = {node.name: node for node in tf.GraphDef.FromString(found[1].graph_def).node}
    assert list(nodes["loss"].input) == ["loss/tags", "x"] and "_output_shapes" in nodes["x"].attr
    assert found[3].summary.value[0].simple_value == 2.5 and found[6].session_log.status == 1
    assert tf.RunMetadata.FromString(found[7].tagged_run_metadata.run_metadata) == metadata


def test_a_file_that_somebody_takes_away(tmp_path):
    """What comes afterwards goes to a new file, in the same folder."""
    value = tf.Summary(value=[tf.Summary.Value(tag="a", simple_value=1)])
    with tf.summary.FileWriter(str(tmp_path / "log")) as writer:
        writer.add_summary(value, 1)
        writer.flush()
        shutil.rmtree(tmp_path / "log")
        writer.add_summary(value, 2)
    assert [(e.WhichOneof("what"), e.step) for e in events(tmp_path / "log")] == [("file_version", 0), ("summary", 2)]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk here")
def test_a_full_disk():
    writer = TFRecordWriter("/dev/full")
    writer.write(b"x")
    for end in (writer.flush, writer.close):
        with pytest.raises(tf.errors.ResourceExhaustedError, match="/dev/full: No space left"):
            end()


def test_framing_is_that_of_tfrecord(tmp_path):
    writer = tf.summary.FileWriter(str(tmp_path), filename_suffix=".mine")
    writer.close()
    (name,) = os.listdir(tmp_path)
    data = (tmp_path / name).read_bytes()
    size = int.from_bytes(data[:8], "little")
    assert name.endswith(".mine") and len(data) == size + 16
    assert data[:12].hex() == "1800000000000000a37f4b22"  # 24 bytes, as TensorFlow itself writes it


def test_flush_close_and_reopen(tmp_path):
    writer = tf.summary.FileWriter(str(tmp_path), max_queue=2)
    value = tf.Summary(value=[tf.Summary.Value(tag="a", simple_value=1)])
    writer.add_summary(value, 1)
    assert len(events(tmp_path)) == 1
    writer.flush()
    assert len(events(tmp_path)) == 2
    for step in range(3):
        writer.add_summary(value, step)
    assert len(events(tmp_path)) == 5
    writer.close()
    writer.close()
    writer.add_summary(value, 9)  # dropped, with a warning
    writer.flush()
    assert len(events(tmp_path)) == 5
    writer.reopen()
    writer.add_summary(value, 10)
    writer.close()
    assert len(os.listdir(tmp_path)) == 2 and sorted(e.step for e in events(tmp_path))[-1] == 10
    tf.summary.FileWriterCache.clear()
    first = tf.summary.FileWriterCache.get(str(tmp_path / "c"))
    assert tf.summary.FileWriterCache.get(str(tmp_path / "c")) is first
    tf.summary.FileWriterCache.clear()
    assert tf.summary.FileWriterCache.get(str(tmp_path / "c")) is not first


def test_metadata_is_written_once_a_tag(tmp_path):
    text = tf.summary.text("t", tf.constant("x"))
    with tf.Session(backend="reference") as session, tf.summary.FileWriter(str(tmp_path)) as writer:
        for step in range(2):
            writer.add_summary(session.run(text), step)
    assert [e.summary.value[0].HasField("metadata") for e in events(tmp_path)[1:]] == [True, False]


def test_what_a_writer_refuses(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"the folder '.*sub' cannot be made: Not a directory"):
        tf.summary.FileWriter(str(tmp_path / "file" / "sub"))
    with pytest.raises(tf.errors.FailedPreconditionError, match="a file has its name"):
        tf.summary.FileWriter(str(tmp_path / "file"))
    for nothing in (None, "", 3):
        with pytest.raises(TypeError, match="logdir must be the path of a folder"):
            tf.summary.FileWriter(nothing)
    writer = tf.summary.FileWriter(str(tmp_path / "ok"))
    with pytest.raises(TypeError, match="Graph or a GraphDef"):
        writer.add_graph("graph")
    with pytest.raises(ValueError):
        writer.add_summary(b"\x0a\x05abc")
    for wrong in ("text", None, tf.constant("x")):
        with pytest.raises(TypeError, match="a summary is the bytes that a run of a summary op gives"):
            writer.add_summary(wrong)
    for step in ("a", tf.constant(1)):
        with pytest.raises(TypeError, match="global_step must be a whole number"):
            writer.add_summary(b"", step)
    writer.add_graph(tf.GraphDef())
    writer.close()


def test_damaged_files(tmp_path):
    writer = tf.summary.FileWriter(str(tmp_path))
    writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="a", simple_value=1)]))
    writer.close()
    (name,) = os.listdir(tmp_path)
    path = tmp_path / name
    data = path.read_bytes()
    for at in (3, 20, len(data) - 1):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(tf.errors.DataLossError, match=r"at byte .* damaged"):
            events(tmp_path)
    for cut in (5, 30, len(data) - 2):
        path.write_bytes(data[:cut])
        with pytest.raises(tf.errors.DataLossError, match="ends within a record"):
            events(tmp_path)
    with pytest.raises(tf.errors.NotFoundError):
        next(tf.train.summary_iterator(str(tmp_path / "none")))


def test_projector(tmp_path):
    config = tf.summary.projector.ProjectorConfig()
    config.embeddings.add(tensor_name="e", metadata_path="m.tsv").sprite.single_image_dim.extend([28, 28])
    tf.contrib.tensorboard.plugins.projector.visualize_embeddings(tf.summary.FileWriter(str(tmp_path)), config)
    assert (tmp_path / "projector_config.pbtxt").read_text() == (
        'embeddings {\n  tensor_name: "e"\n  metadata_path: "m.tsv"\n  sprite {\n    single_image_dim: 28\n'
        "    single_image_dim: 28\n  }\n}\n"
    )


def test_summaries_that_are_written_as_they_are(tmp_path):
    """Scalars are put together without messages: what is read is what a message would have been."""
    with tf.Graph().as_default(), tf.Session() as session:
        data = session.run(tf.summary.merge([tf.summary.scalar("a", 1.5), tf.summary.scalar("b", np.nan)]))
        assert tf.Summary.FromString(data).value[0] == tf.Summary.Value(tag="a", simple_value=1.5)
    with tf.summary.FileWriter(str(tmp_path)) as writer:
        writer.add_summary(data, np.int64(7))
        writer.add_summary(data)
        with pytest.raises(ValueError, match="at byte"):
            writer.add_summary(b"no summary", 8)
    (path,) = tmp_path.iterdir()
    _, first, second = tf.train.summary_iterator(str(path))
    assert first.step == 7 and second.step == 0 and first.summary.value[0].simple_value == 1.5
    assert np.isnan(first.summary.value[1].simple_value) and first.wall_time > 1e9


@pytest.mark.parametrize("backend", BACKENDS)
def test_scalars_that_are_merged_are_one_step(backend):
    x, count = tf.placeholder(tf.float32, [], name="x"), tf.placeholder(tf.int64, [])
    scalars = [tf.summary.scalar("a", x), tf.summary.scalar("b", count), tf.summary.scalar("c", x * 2)]
    other = tf.summary.histogram("h", tf.stack([x, x]))
    feeds = {x: 1.5, count: 2**24 + 1}
    with tf.Session(backend=backend) as session:
        whole = tf.Summary.FromString(session.run(tf.summary.merge(scalars), feeds))
        assert [(v.tag, v.simple_value) for v in whole.value] == [("a", 1.5), ("b", 2**24), ("c", 3.0)]
        mixed = tf.Summary.FromString(session.run(tf.summary.merge([scalars[0], other, *scalars[1:]]), feeds))
        assert [v.tag for v in mixed.value] == ["a", "h", "b", "c"] and mixed.value[2:] == whole.value[1:]
        with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag a"):
            session.run(tf.summary.merge([scalars[0], scalars[0]]), feeds)
        steps = session.explain(tf.summary.merge(scalars), feeds).splitlines()
        assert sum("reference:" in line for line in steps) == (1 if backend == "cpu" else 4)
        alone = session.explain(tf.summary.merge(scalars[:1]), feeds)
        assert "reference: ScalarSummary" in alone and "reference: MergeSummary" not in alone


def test_numbers_that_float32_does_not_hold():
    x = tf.placeholder(tf.float64, [])
    assert [run(tf.summary.scalar("a", x), {x: v}).value[0].simple_value for v in (1e300, -1e300, 0.1)] == [
        np.inf, -np.inf, np.float32(0.1),
    ]  # fmt: skip


def test_plain_summaries_are_known_by_their_bytes():
    """What is taken for numbers with tags alone is that; whatever one byte is, the long way says the same."""
    good = tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=1.5), tf.Summary.Value(tag="b", simple_value=2)])
    data = good.SerializeToString()
    assert _plain(data) and _plain(b"") and not _plain(run(tf.summary.text("t", tf.constant("x"))).SerializeToString())
    for at in range(len(data)):
        for byte in range(128):
            other = data[:at] + bytes([byte]) + data[at + 1 :]
            if _plain(other):
                assert all(number == 1 for number, _, _ in fields(other))
                for value in tf.Summary.FromString(other).value:
                    assert value.WhichOneof("value") == "simple_value" and not value.HasField("metadata")
        assert not _plain(data[:at]) or at in (0, 13)


def test_events_that_wait_are_written_in_order(tmp_path):
    with tf.summary.FileWriter(str(tmp_path), max_queue=3) as writer:
        value = tf.Summary(value=[tf.Summary.Value(tag="a", simple_value=1)])
        for step in range(5):
            writer.add_summary(value.SerializeToString() if step % 2 else value, step)
    assert [e.step for e in events(tmp_path)[1:]] == [0, 1, 2, 3, 4]
