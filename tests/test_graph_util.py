"""Frozen graphs: cut down, written, read back, and run."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow.io.text_format import merge_text


@pytest.fixture
def frozen():
    """(GraphDef, feed, value): a small convolutional network with its variables as constants."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 6, 6, 1], name="x")
        h = tf.nn.relu(tf.layers.conv2d(x, 3, 3, padding="same", name="c"))
        h = tf.nn.max_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
        rows = tf.reshape(tf.transpose(h, [0, 3, 1, 2]), [-1, 27])[:, 1:9]
        w = tf.Variable(tf.ones([8, 4]), name="w")
        again = w.read_value()
        y = tf.concat([tf.matmul(rows, w), tf.cast(tf.argmax(rows @ again, 1)[:, None], tf.float32)], 1, name="y")
        tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
        value = np.random.RandomState(0).rand(2, 6, 6, 1).astype(np.float32)
        with tf.Session(backend="reference") as session:
            session.run(tf.global_variables_initializer())
            made = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
            yield made, value, session.run(y, {x: value})


def run(graph_def, value):
    with tf.Graph().as_default():
        (y,) = tf.import_graph_def(graph_def, return_elements=["y:0"], name="")
        with tf.Session(backend="reference") as session:
            return session.run(y, {"x:0": value})


def test_a_frozen_graph_computes_the_same(frozen):
    graph_def, value, want = frozen
    ops = [node.op for node in graph_def.node]
    assert "VariableV2" not in ops and "ApplyGradientDescent" not in ops and ops.count("Placeholder") == 1
    assert run(graph_def, value).tolist() == want.tolist()


@pytest.mark.parametrize("as_text", [False, True])
def test_files(frozen, tmp_path, as_text):
    graph_def, value, want = frozen
    path = tf.train.write_graph(graph_def, str(tmp_path / "new"), "g.pb", as_text=as_text)
    assert path == str(tmp_path / "new" / "g.pb")
    with tf.gfile.GFile(path, "r" if as_text else "rb") as file:
        content = file.read()
    read = merge_text(content, tf.GraphDef()) if as_text else tf.GraphDef.FromString(content)
    assert read == graph_def and run(read, value).tolist() == want.tolist()


def test_identities_can_be_left_out(frozen):
    graph_def, value, want = frozen
    smaller = tf.graph_util.remove_training_nodes(graph_def, ["y"])
    assert len(smaller.node) < len(graph_def.node) and not any(node.op == "Identity" for node in smaller.node)
    assert run(smaller, value).tolist() == want.tolist()


def test_what_waits_stays():
    with tf.Graph().as_default() as graph:
        a = tf.identity(tf.constant(1.0, name="one"), name="a")
        with tf.control_dependencies([tf.identity(a, name="gate")]):
            b = tf.identity(a, name="b")
        tf.identity(tf.check_numerics(tf.identity(b, name="c"), "m", name="check"), name="d")
        graph_def = graph.as_graph_def()
    left = tf.graph_util.remove_training_nodes(graph_def, protected_nodes=["d"])
    assert [(node.name, list(node.input)) for node in left.node] == [
        ("one", []), ("gate", ["one"]), ("b", ["one", "^gate"]), ("d", ["b"]),
    ]  # fmt: skip
    assert [node.name for node in tf.graph_util.extract_sub_graph(graph_def, ["a"]).node] == ["one", "a"]


def test_some_variables(frozen):
    with tf.Graph().as_default() as graph:
        a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
        tf.add(a, b, name="sum")
        with tf.Session(backend="reference") as session:
            session.run(tf.global_variables_initializer())
            for arguments, want in (({"variable_names_whitelist": ["a"]}, ["Const", "VariableV2"]),
                                    ({"variable_names_blacklist": ["a"]}, ["VariableV2", "Const"])):  # fmt: skip
                made = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["sum"], **arguments)
                assert [node.op for node in made.node if node.name in "ab"] == want


def test_what_is_refused(frozen):
    graph_def = frozen[0]
    with pytest.raises(AssertionError, match="nothing is not in graph"):
        tf.graph_util.extract_sub_graph(graph_def, ["nothing"])
    with pytest.raises(TypeError, match="GraphDef"):
        tf.graph_util.extract_sub_graph("graph", ["y"])
    with pytest.raises(TypeError, match="list of names"):
        tf.graph_util.extract_sub_graph(graph_def, "y")
    with tf.Graph().as_default() as graph:
        tf.py_func(lambda: 1.0, [], tf.float32, name="f")
        kept = graph.as_graph_def()
        tf.import_graph_def(kept)
        (again,) = tf.import_graph_def(tf.GraphDef.FromString(kept.SerializeToString()), return_elements=["f:0"])
        with tf.Session() as session, pytest.raises(tf.errors.UnimplementedError, match="'f' was read from a file"):
            session.run(again)


# -- attributes as TensorFlow has them ---------------------------------------------------------------------------------
def test_attributes_have_tensorflow_names():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 2], name="x")
        tf.cast(tf.reduce_sum(x, 1, keepdims=True, name="s"), tf.int32, name="c")
        tf.concat([x, x], 1, name="j")
        tf.nn.avg_pool(tf.zeros([1, 4, 4, 1]), [1, 2, 2, 1], [1, 2, 2, 1], "SAME", name="p")
        attrs = {node.name: node.attr for node in graph.as_graph_def().node}
    assert attrs["x"]["dtype"].type == tf.float32 and [d.size for d in attrs["x"]["shape"].shape.dim] == [-1, 2]
    assert attrs["s"]["keep_dims"].b is True and attrs["s"]["Tidx"].type == 3 and attrs["s"]["T"].type == 1
    assert (attrs["c"]["SrcT"].type, attrs["c"]["DstT"].type) == (1, 3) and "dtype" not in attrs["c"]
    assert attrs["j"]["N"].i == 2 and attrs["p"]["padding"].s == b"SAME"
    assert list(attrs["p"]["ksize"].list.i) == [1, 2, 2, 1]
    assert tf.make_ndarray(attrs["s/reduction_indices"]["value"].tensor) == 1


def test_graphs_of_tensorflow():
    text = """
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "shape" value { shape { unknown_rank: true } } } }
        node { name: "k" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value {
               tensor { dtype: DT_FLOAT tensor_shape { dim { size: 3 } } float_val: 2 } } } }
        node { name: "y" op: "AddV2" input: "x" input: "k" attr { key: "T" value { type: DT_FLOAT } }
               attr { key: "_class" value { list { s: "loc:@x" } } } }
        versions { producer: 27 }"""
    graph_def = merge_text(text, tf.GraphDef())
    assert run(graph_def, [1.0, 2.0, 3.0]).tolist() == [3.0, 4.0, 5.0]
    graph_def.node.add(name="o", op="Odd")
    graph_def.node.add(name="e", op="Even")
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"Odd \(o\), Even \(e\)"):
        tf.import_graph_def(graph_def)
    conv = tf.NodeDef(name="c", op="Conv2D", input=["x", "x"], attr={"data_format": tf.AttrValue(s=b"NCHW")})
    with tf.Graph().as_default(), pytest.raises(ValueError, match="'data_format' only with 'NHWC'"):
        tf.import_graph_def(tf.GraphDef(node=[graph_def.node[0], conv]))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint16", "bool",
                                   "complex64", "complex128"])  # fmt: skip
def test_values_as_messages(dtype):
    for value in (np.zeros((2, 0)), np.array(1), np.array([1]), np.arange(6).reshape(2, 3)):
        array = value.astype(dtype)
        back = tf.make_ndarray(tf.make_tensor_proto(array))
        assert back.dtype == array.dtype and back.shape == array.shape and (back == array).all()


def test_values_are_repeated_and_checked():
    assert tf.make_ndarray(tf.make_tensor_proto(3.0, shape=[2, 2])).tolist() == [[3, 3], [3, 3]]
    assert tf.make_ndarray(tf.make_tensor_proto(["a", b"bc"])).tolist() == [b"a", b"bc"]
    with pytest.raises(ValueError, match="does not fit"):
        tf.make_tensor_proto([1, 2, 3], shape=[2])
    with pytest.raises(ValueError):
        tf.make_tensor_proto([1, 2], shape=[2, 1], verify_shape=True)
    with pytest.raises(ValueError):
        tf.make_tensor_proto(None)
    wrong = tf.make_tensor_proto([1, 2])
    wrong.tensor_content = b"123"
    with pytest.raises(ValueError, match="3 bytes are no int32"):
        tf.make_ndarray(wrong)
