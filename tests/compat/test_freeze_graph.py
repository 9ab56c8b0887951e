"""freeze_graph: a graph and a checkpoint become one file."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.compat.freeze_graph import freeze_graph


@pytest.fixture
def saved(tmp_path):
    """A folder with graph.pbtxt, graph.pb and a checkpoint."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 2], name="x")
        with tf.device("/cpu:0"):
            w = tf.get_variable("w", initializer=[[1.0], [2.0]])
        tf.add(tf.matmul(x, w), tf.get_variable("b", initializer=[0.5]), name="y")
        tf.get_variable("unused", initializer=1.0)
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(tmp_path / "model"))
        tf.train.write_graph(graph, str(tmp_path), "graph.pbtxt")
        tf.train.write_graph(graph, str(tmp_path), "graph.pb", as_text=False)
    return tmp_path


def freeze(folder, graph="graph.pbtxt", outputs="y", output="frozen.pb", **more):
    return freeze_graph(
        str(folder / graph), "", graph.endswith(".pb"), str(folder / "model"), outputs, "save/restore_all",
        "save/Const:0", str(folder / output) if output else "", True, "", **more,
    )  # fmt: skip


@pytest.mark.parametrize("graph", ["graph.pbtxt", "graph.pb"])
def test_frozen_file(saved, graph):
    made = freeze(saved, graph)
    assert sorted(node.name for node in made.node if node.op == "Const" and "/" not in node.name) == ["b", "w"]
    assert not any(node.device for node in made.node)
    graph_def = tf.GraphDef()
    graph_def.ParseFromString((saved / "frozen.pb").read_bytes())
    with tf.Graph().as_default(), tf.Session() as session:
        (y,) = tf.import_graph_def(graph_def, return_elements=["y:0"], name="")
        np.testing.assert_allclose(session.run(y, {"x:0": [[3.0, 4.0]]}), [[11.5]])


def test_some_variables_stay(saved):
    made = freeze(saved, output="", variable_names_blacklist="b")
    assert {node.name: node.op for node in made.node}["b"] == "VariableV2"
    made = freeze(saved, output="", variable_names_whitelist="b")
    assert {node.name: node.op for node in made.node}["w"] == "VariableV2"
    assert not (saved / "frozen.pb").exists()


def test_what_cannot_be_frozen(saved):
    with pytest.raises(ValueError, match="does not exist"):
        freeze(saved, "nothing.pb")
    with pytest.raises(ValueError, match="names of the outputs"):
        freeze(saved, outputs="")
    with pytest.raises(AssertionError, match="z is not in graph"):
        freeze(saved, outputs="z")
    with pytest.raises(NotImplementedError, match="convert_variables_to_constants"):
        freeze(saved, input_meta_graph="m")
