"""SavedModels: written, read, and what is wrong with those that cannot be read; one that TensorFlow wrote."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf
from graphflow.saved_model_protos import SavedModel

SERVING = [tf.saved_model.tag_constants.SERVING]
DEFAULT = tf.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY


def model():
    """(x, y) of y = relu(x w + b) in the default graph, with a training step beside it."""
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    with tf.variable_scope("layer"):
        w = tf.get_variable("w", [3, 2], initializer=tf.random_uniform_initializer(0, 1, seed=1))
        b = tf.get_variable("b", [2], initializer=tf.zeros_initializer())
    y = tf.nn.relu(tf.matmul(x, w) + b, name="y")
    tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(y))
    return x, y


@pytest.fixture
def saved(tmp_path):
    """(the folder of a SavedModel, what it gives for X)."""
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = model()
        session.run(tf.global_variables_initializer())
        tf.saved_model.simple_save(session, str(tmp_path / "model"), {"x": x}, {"y": y})
        return str(tmp_path / "model"), session.run(y, {x: X})


X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]], np.float32)


def answer(folder, scope=None, tags=SERVING):
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        meta = tf.saved_model.loader.load(session, tags, folder, import_scope=scope)
        signature = meta.signature_def[DEFAULT]
        x = tf.saved_model.utils.get_tensor_from_tensor_info(signature.inputs["x"], graph, scope)
        y = tf.saved_model.utils.get_tensor_from_tensor_info(signature.outputs["y"], graph, scope)
        assert {v.op.name for v in tf.trainable_variables()} == {
            f"{scope}/{name}" if scope else name for name in ("layer/w", "layer/b")
        }
        return session.run(y, {x: X})


def test_what_is_saved_comes_back(saved):
    folder, want = saved
    assert sorted(os.listdir(folder)) == ["saved_model.pb", "variables"]
    assert sorted(os.listdir(os.path.join(folder, "variables")))[1] == "variables.index"
    np.testing.assert_array_equal(answer(folder), want)
    np.testing.assert_array_equal(answer(folder, "inner"), want)
    assert tf.saved_model.loader.maybe_saved_model_directory(folder)


def test_gradients_stay_at_home_and_savers_are_in_the_file(saved):
    read = SavedModel()
    read.ParseFromString(Path(saved[0], "saved_model.pb").read_bytes())
    (meta,) = read.meta_graphs
    ops = [node.op for node in meta.graph_def.node]
    assert "RestoreV2" in ops and "SaveV2" in ops and "ApplyAdam" not in ops
    assert meta.saver_def.restore_op_name == "save/restore_all" and meta.meta_info_def.tags == ["serve"]
    assert tf.saved_model.signature_def_utils.is_valid_signature(meta.signature_def[DEFAULT])
    assert meta.signature_def[DEFAULT].inputs["x"].tensor_shape.dim[0].size == -1


def test_text_assets_and_main_op(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("one\ntwo\n")
    with tf.Graph().as_default(), tf.Session() as session:
        asset = tf.constant(str(words), name="words")
        tf.add_to_collection(tf.GraphKeys.ASSET_FILEPATHS, asset)
        count = tf.Variable(0, name="count")
        y = tf.identity(tf.stack([tf.read_file(asset)]), name="y")
        session.run(count.initializer)
        builder = tf.saved_model.builder.SavedModelBuilder(str(tmp_path / "model"))
        info = tf.saved_model.utils.build_tensor_info(y)
        signature = tf.saved_model.signature_def_utils.build_signature_def({}, {"y": info}, "any")
        builder.add_meta_graph_and_variables(
            session, ["a", "b"], {"read": signature}, assets_collection=[asset], main_op=count.assign_add(5).op
        )
        with pytest.raises(AssertionError, match="already"):
            builder.add_meta_graph_and_variables(session, ["a"])
        assert builder.save(as_text=True).endswith(b"saved_model.pbtxt")
    assert (tmp_path / "model" / "assets" / "words.txt").read_text() == "one\ntwo\n"
    with tf.Graph().as_default(), tf.Session() as session:
        meta = tf.saved_model.load(session, ["b", "a"], str(tmp_path / "model"))
        assert session.run("count:0") == 5 and meta.asset_file_def[0].filename == "words.txt"


def test_what_cannot_be_loaded(saved, tmp_path):
    folder, _ = saved
    with tf.Graph().as_default(), tf.Session() as session:
        with pytest.raises(OSError, match="there is no SavedModel"):
            tf.saved_model.loader.load(session, SERVING, str(tmp_path))
        with pytest.raises(RuntimeError, match="no graph with the tags gpu; it has graphs with serve"):
            tf.saved_model.loader.load(session, ["gpu"], folder)
        file = Path(folder, "saved_model.pb")
        whole = file.read_bytes()
        file.write_bytes(whole[:-7])
        with pytest.raises(OSError, match="damaged"):
            tf.saved_model.loader.load(session, SERVING, folder)
        file.write_bytes(whole.replace(b"MatMul", b"MatMux"))
        with pytest.raises(ValueError, match=r"does not have these ops of the GraphDef: MatMux \(MatMux\)"):
            tf.saved_model.loader.load(session, SERVING, folder)
        with pytest.raises(AssertionError, match="not empty"):
            tf.saved_model.builder.SavedModelBuilder(folder)
        with pytest.raises(ValueError, match="needs inputs"):
            tf.saved_model.simple_save(session, str(tmp_path / "b"), {}, {})


@pytest.mark.parametrize("name", ["saved_by_tensorflow", "saved_by_tensorflow_resources"])
def test_models_that_tensorflow_saved(name):
    """w = [[-0.5, -0.25], [0, 0.25], [0.5, 0.75]], b = [0.25, -0.5]; saved by TensorFlow 2.21 (compat.v1)."""
    folder = str(Path(__file__).parent / "files" / name)
    np.testing.assert_allclose(answer(folder), [[1.25, 1.0], [0.0, 0.0]], rtol=1e-6)


def test_what_graphflow_lacks_is_left_out_where_nobody_needs_it(saved):
    folder, want = saved
    file = Path(folder, "saved_model.pb")
    model = SavedModel.FromString(file.read_bytes())
    node = model.meta_graphs[0].graph_def.node.add(name="strange", op="Unheard", input=["y"])
    model.meta_graphs[0].graph_def.node.add(name="after", op="Identity", input=["strange"], attr={"T": node.attr["T"]})
    file.write_bytes(model.SerializeToString())
    np.testing.assert_array_equal(answer(folder), want)


# -- lookup tables -----------------------------------------------------------------------------------------------------
def test_tables_that_tensorflow_saved():
    """Words and their numbers, from two files of one name and from constants; written by TensorFlow 2.21."""
    folder = str(Path(__file__).parent / "files" / "tables_by_tensorflow")
    with tf.Graph().as_default(), tf.Session() as session:
        tf.saved_model.loader.load(session, SERVING, folder)
        words = {"w:0": [b"two", b"y", b"one", b"zzz"]}
        assert session.run("ia:0", words).tolist() == [1, 4, 0, 3]
        assert session.run("ib:0", words).tolist() == [-5, 1, 2, -5]
        assert session.run("id:0").tolist() == [b"ten", b"twenty", b"?"] and session.run("sz:0") == 8
        np.testing.assert_allclose(session.run("y:0", words)[2], [0.819958, -0.5862215], rtol=1e-6)


def test_tables_are_saved_with_their_files_as_tensorflow_has_them(tmp_path):
    paths = [tmp_path / name / "words.txt" for name in "ab"]
    for path, text in zip(paths, ("one\ntwo\n", "10\tten\n20\ttwenty\n"), strict=True):
        path.parent.mkdir()
        path.write_text(text)
    lookup = tf.contrib.lookup
    with tf.Graph().as_default() as graph, tf.Session() as session:
        w = tf.placeholder(tf.string, [None], name="w")
        a = lookup.index_table_from_file(str(paths[0]), num_oov_buckets=1).lookup(w)
        b = lookup.index_table_from_tensor(["x", "two"]).lookup(w)
        source = lookup.TextFileInitializer(str(paths[1]), tf.int64, 0, tf.string, 1)
        c = lookup.HashTable(source, "?").lookup(tf.constant([20, 30], tf.int64))
        session.run(tf.tables_initializer())
        want = session.run([a, b, c], {w: ["two", "x"]})
        outputs = {"a": a, "b": b, "c": c}
        tf.saved_model.simple_save(session, str(tmp_path / "model"), {"w": w}, outputs)
        ops = {op.type for op in graph.get_operations()}
    assert ops >= {"HashTableV2", "InitializeTableFromTextFileV2", "InitializeTableV2", "LookupTableFindV2"}
    assert [x.tolist() for x in want] == [[1, 2], [1, 0], [b"twenty", b"?"]]
    for path in paths:
        path.unlink()
    assert sorted(os.listdir(tmp_path / "model" / "assets")) == ["words.txt", "words.txt_1"]
    with tf.Graph().as_default(), tf.Session() as session:
        meta = tf.saved_model.loader.load(session, SERVING, str(tmp_path / "model"))
        nodes = {node.op: node for node in meta.graph_def.node}
        assert set(nodes["LookupTableFindV2"].attr) - {"_output_shapes"} == {"Tin", "Tout"}
        assert set(nodes["HashTableV2"].attr) - {"_output_shapes"} == {"key_dtype", "value_dtype", "shared_name"}
        signature = meta.signature_def[DEFAULT]
        got = session.run([signature.outputs[key].name for key in "abc"], {"w:0": ["two", "x"]})
    assert [x.tolist() for x in got] == [x.tolist() for x in want]


def test_a_table_that_runs_insert_into_is_carried():
    with tf.Graph().as_default() as graph:
        table = tf.contrib.lookup.MutableHashTable(tf.string, tf.int64, -1)
        table.insert(["a"], tf.constant([5], tf.int64), name="insert")
        table.lookup(tf.constant(["a", "b"]), name="find")
        data = tf.GraphDef.FromString(graph.as_graph_def().SerializeToString())
    with tf.Graph().as_default(), tf.Session() as session:
        find, insert = tf.import_graph_def(data, return_elements=["find:0", "insert"], name="")
        assert find.op.name == "find" and session.run(find).tolist() == [-1, -1]
        session.run(insert)
        assert session.run(find).tolist() == [5, -1]
