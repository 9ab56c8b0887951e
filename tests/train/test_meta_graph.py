"""Graphs in `.meta` files: those that TensorFlow 2.21 (compat.v1) wrote, our own, parts of them, and what is wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf

FILES = Path(__file__).parents[1] / "files" / "meta_by_tensorflow"
# The losses behind four more steps of training, as TensorFlow saw them; its stripped_op_list is left out of the files.
LOSSES = {
    "conv_ref": [1.0641238689422607, 1.0140516757965088, 0.9715327620506287, 0.9357823729515076],
    "embed_res": [1.2187716960906982, 1.17668879032135, 1.1359564065933228, 1.0962936878204346],
    "ema_ref": [1.2350695133209229, 1.2002400159835815, 1.1674573421478271, 1.1364778280258179],
}


def feeds():
    rng = np.random.RandomState(0)
    return {"x:0": rng.randn(10, 6).astype(np.float32), "y:0": rng.randint(0, 4, 10)}


def trained(prefix, steps=4, scope=""):
    """The losses of further steps, and the Saver."""
    with tf.Session() as session:
        saver = tf.train.import_meta_graph(f"{prefix}.meta", import_scope=scope.removesuffix("/") or None)
        saver.restore(session, str(prefix))
        fed, losses = {scope + key: value for key, value in feeds().items()}, []
        for _ in range(steps):
            session.run(tf.get_collection("train")[0], fed)
            losses.append(session.run(f"{scope}loss:0", fed))
    return losses, saver


# -- from TensorFlow ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LOSSES)
def test_training_that_tensorflow_began_goes_on(name):
    """Adam on a convnet with batch normalization, LRN and summaries; on rows, with resource variables; and averages."""
    with tf.Graph().as_default():
        losses, _ = trained(FILES / name)
        np.testing.assert_allclose(losses, LOSSES[name], rtol=1e-5)
        assert tf.train.get_global_step() is not None
        slots = [v.op.name for v in tf.global_variables() if v not in tf.trainable_variables()]
        assert any(slot.endswith(("/Adam_1", "/ExponentialMovingAverage")) for slot in slots)


def test_its_nodes_save_and_restore(tmp_path):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.train.import_meta_graph(str(FILES / "embed_res.meta"))
        session.run("save/restore_all", {"save/Const:0": str(FILES / "embed_res")})
        want = session.run("e:0")
        session.run("save/control_dependency", {"save/Const:0": str(tmp_path / "all")})
        session.run(graph.get_operation_by_name("e/Assign"))
        assert not np.array_equal(session.run("e:0"), want)
        session.run("save/restore_all", {"save/Const:0": str(tmp_path / "all")})
        np.testing.assert_array_equal(session.run("e:0"), want)


def test_a_graph_that_was_imported_is_saved_with_the_nodes_that_it_has(tmp_path):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        saver = tf.train.import_meta_graph(str(FILES / "ema_ref.meta"))
        saver.restore(session, str(FILES / "ema_ref"))
        before = graph.version
        prefix = saver.save(session, str(tmp_path / "again"))
        assert graph.version == before and (tmp_path / "again.data-00000-of-00001").exists()
    with tf.Graph().as_default() as graph:
        losses, _ = trained(prefix, scope="inner/")
        np.testing.assert_allclose(losses, LOSSES["ema_ref"], rtol=1e-5)
        assert sum(op.type == "RestoreV2" for op in graph.get_operations()) == 1


# -- our own -----------------------------------------------------------------------------------------------------------
PROGRAM = """
import sys
import numpy as np
import graphflow as tf
session = tf.Session()
saver = tf.train.import_meta_graph(sys.argv[1] + ".meta")
saver.restore(session, tf.train.latest_checkpoint(sys.argv[2]))
graph = tf.get_default_graph()
x, loss = graph.get_tensor_by_name("x:0"), graph.get_tensor_by_name("loss:0")
for _ in range(3):
    session.run("Adam", {x: np.ones((3, 4))})
print(float(session.run(loss, {x: np.ones((3, 4))})), tf.get_collection("rate"), tf.get_collection("words"))
"""


def test_training_goes_on_in_another_process(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        h = tf.layers.dense(tf.layers.batch_normalization(x, training=True), 5, tf.nn.tanh)
        outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), tf.expand_dims(h, 0), dtype=tf.float32)
        kept = tf.layers.dropout(outputs, 0.0)
        loss = tf.reduce_sum(tf.square(kept - 1.0), name="loss")
        train = tf.train.AdamOptimizer(0.1).minimize(loss)
        tf.add_to_collection("rate", 0.5)
        tf.add_to_collection("words", "one")
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / "model"))
        fed = {x: np.ones((3, 4))}
        for _ in range(3):
            session.run(train, fed)
        want = session.run(loss, fed)
    command = [sys.executable, "-c", PROGRAM, prefix, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    got, rest = done.stdout.split(" ", 1)
    assert float(got) == pytest.approx(float(want), rel=1e-5) and rest == "[0.5] [b'one']\n"


def build():
    with tf.name_scope("outside"):
        gate = tf.placeholder(tf.float32, [], name="gate")
    with tf.device("/gpu:0"), tf.variable_scope("part"):
        w = tf.get_variable("w", initializer=[1.0, 2.0])
        tf.add_to_collection("results", tf.multiply(w, gate, name="y"))
    tf.add_to_collection("numbers", 3)
    tf.add_to_collection("numbers", 4)
    return w


@pytest.mark.parametrize("as_text", [False, True])
def test_files_are_bytes_or_text_and_messages(tmp_path, as_text):
    path = str(tmp_path / "graph.meta")
    with tf.Graph().as_default():
        build()
        made = tf.train.export_meta_graph(path, as_text=as_text, clear_devices=True)
        assert {node.device for node in made.graph_def.node} == {""}
        assert made.collection_def["numbers"].int64_list.value == [3, 4]
    assert Path(path).read_bytes().startswith(b"meta_info_def {" if as_text else b"\n")
    for given in (path, made):
        with tf.Graph().as_default(), tf.Session() as session:
            saver = tf.train.import_meta_graph(given)
            assert tf.get_collection("numbers") == [3, 4] and [v.op.name for v in tf.global_variables()] == ["part/w"]
            session.run(tf.global_variables_initializer())
            assert session.run("part/y:0", {"outside/gate:0": 2.0}).tolist() == [2.0, 4.0]
            assert saver.save(session, str(tmp_path / "again"))  # without a saver_def it is made of the variables


def test_a_scope_alone_with_what_it_takes_from_outside(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        w = build()
        saver = tf.train.Saver([w])
        session.run(w.initializer)
        saver.save(session, str(tmp_path / "m"))
        made = tf.train.export_meta_graph(export_scope="part")
        assert {node.name for node in made.graph_def.node} >= {"w", "y"} and "numbers" in made.collection_def
    unbound = [name.decode() for name in made.collection_def["unbound_inputs"].bytes_list.value]
    assert unbound == ["$unbound_inputs_outside/gate"]
    with tf.Graph().as_default(), tf.Session() as session:
        with pytest.raises(ValueError, match=r"input_map must give: \$unbound_inputs_outside/gate"):
            tf.train.import_meta_graph(made)
        three = tf.constant(3.0)
        tf.train.import_meta_graph(made, import_scope="new", input_map={unbound[0]: three})
        session.run(tf.global_variables_initializer())
        assert session.run(tf.get_collection("results")[0]).tolist() == [3.0, 6.0]
        tf.train.import_meta_graph(made, False, "new", input_map={unbound[0]: three},
                                   restore_collections_predicate=lambda key: key == "results")  # fmt: skip
        assert [t.name for t in tf.get_collection("results")] == ["new/y:0", "new_1/y:0"]
        assert len(tf.global_variables()) == 1


def test_savers_are_a_collection(tmp_path):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
        first, second = tf.train.Saver([a]), tf.train.Saver({"other": b}, max_to_keep=2)
        tf.add_to_collection(tf.GraphKeys.SAVERS, second)
        assert second.as_saver_def().restore_op_name == "save_1/restore_all"
        session.run(tf.global_variables_initializer())
        first.save(session, str(tmp_path / "first"))
        second.save(session, str(tmp_path / "second"), write_meta_graph=False)
        assert graph.find("save/restore_all") is None
    with tf.Graph().as_default(), tf.Session() as session:
        first = tf.train.import_meta_graph(str(tmp_path / "first.meta"))
        (second,) = tf.get_collection(tf.GraphKeys.SAVERS)
        first.restore(session, str(tmp_path / "first"))
        second.restore(session, str(tmp_path / "second"))
        assert session.run(["a:0", "b:0"]) == [1.0, 2.0]


def test_what_a_file_cannot_hold(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.data.Dataset.from_tensor_slices([1.0, 2.0]).map(lambda v: v * 3.0).make_one_shot_iterator().get_next()
        w = tf.Variable(2.0, name="w")
        tf.multiply(x, w, name="y")
        tf.add_to_collection("mixed", w)
        tf.add_to_collection("mixed", 3)
        session.run(w.initializer)
        prefix = tf.train.Saver().save(session, str(tmp_path / "m"))
        again = tf.train.export_meta_graph()
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.import_meta_graph(prefix + ".meta").restore(session, prefix)
        assert session.run("y:0", {"IteratorGetNext:0": 5.0}) == 10.0 and tf.get_collection("mixed") == []
        with pytest.raises(tf.errors.UnimplementedError, match=r"'OneShotIterator' was read from a file"):
            session.run("y:0")
    with tf.Graph().as_default(), tf.Session() as session:  # the process that has it goes on with it
        tf.train.import_meta_graph(again)
        session.run(tf.global_variables_initializer())
        assert session.run("y:0") == 6.0


# -- what is wrong -----------------------------------------------------------------------------------------------------
def test_files_that_are_no_meta_graphs(tmp_path):
    whole, path = (FILES / "ema_ref.meta").read_bytes(), tmp_path / "bad.meta"
    graph = tf.train.export_meta_graph(str(path)).graph_def
    for data in (whole[: len(whole) // 2], whole[:-3], b"", b"{}", b"hello", graph.SerializeToString(), b"node {}",
                 b'{"format": "graphflow graph 1"}'):  # fmt: skip
        path.write_bytes(data)
        with (
            tf.Graph().as_default() as made,
            pytest.raises(OSError, match=r"bad\.meta is not a MetaGraphDef, or damaged"),
        ):
            tf.train.import_meta_graph(str(path))
        assert made.get_operations() == []
    with pytest.raises(OSError, match=r"none\.meta does not exist"):
        tf.train.import_meta_graph("none.meta")


def test_ops_that_graphflow_does_not_have_are_all_named(tmp_path):
    meta = tf.train.export_meta_graph()
    meta.graph_def.node.add(name="a", op="Strange")
    meta.graph_def.node.add(name="b", op="Stranger")
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"Strange \(a\), Stranger \(b\)"):
        tf.train.import_meta_graph(meta)


def test_a_saver_whose_variables_are_gone(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(1.0, name="v")
        session.run(v.initializer)
        prefix = tf.train.Saver().save(session, str(tmp_path / "m"))
        meta = tf.train.Saver().export_meta_graph()
    meta.saver_def.restore_op_name = "nothing/restore_all"
    with tf.Graph().as_default(), pytest.raises(ValueError, match="does not have 'nothing/restore_all'"):
        tf.train.import_meta_graph(meta)
    shutil.copy(prefix + ".meta", tmp_path / "alone.meta")
    with tf.Graph().as_default(), tf.Session() as session, pytest.raises(ValueError, match="not the prefix"):
        tf.train.import_meta_graph(str(tmp_path / "alone.meta")).restore(session, str(tmp_path / "alone"))


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        tf.train.export_meta_graph(str(tmp_path / "file" / "graph.meta"))


# -- the order of updates ----------------------------------------------------------------------------------------------
def test_updates_wait_for_who_uses_the_variable():
    """In TensorFlow a read is no copy: the gradient by h needs the first weights before they change."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        w = tf.get_variable("w", [3, 3])
        h = tf.matmul(tf.matmul(x, w, name="one"), w, name="two")
        tf.reduce_sum(w, name="report")  # no part of the step: it is not waited for
        tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(h))
        nodes = {node.name: node for node in graph.as_graph_def().node}
    (update,) = [node for node in nodes.values() if node.op == "ApplyGradientDescent"]
    waits = {nodes[key[1:]].op for key in update.input if key.startswith("^")}
    assert waits == {"MatMul"} and not {"^report"} & set(update.input)
    assert {"^one", "^two"} <= set(update.input)
