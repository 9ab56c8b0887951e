"""GraphDef: a graph as data, and back."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture
def graph_def():
    """b = a * 3 + [1, 2], after an assertion-like control dependency, and both parts of a split."""
    with tf.Graph().as_default() as graph:
        a = tf.placeholder(tf.float32, [2], name="a")
        gate = tf.no_op(name="gate")
        with tf.control_dependencies([gate]), tf.device("/gpu:0"):
            b = tf.add(tf.multiply(a, 3.0, name="m"), tf.constant([1.0, 2.0]), name="b")
        tf.concat(tf.split(b, 2, name="parts")[::-1], 0, name="swapped")
        yield graph.as_graph_def()


def test_nodes(graph_def):
    nodes = {node.name: node for node in graph_def.node}
    assert list(nodes)[:2] == ["a", "gate"] and nodes["b"].op in ("Add", "AddV2")
    assert nodes["m"].input == ["a", "m/y"] and nodes["m/y"].input == ["^gate"]
    assert nodes["m"].device == "/device:GPU:0" and nodes["a"].device == ""
    assert "parts:1" in nodes["swapped"].input and 'name: "swapped"' in str(graph_def)
    copied = tf.GraphDef()
    copied.CopyFrom(graph_def)
    assert copied == graph_def and copied.node[0] is not graph_def.node[0]


def test_import_computes_the_same(graph_def):
    with tf.Graph().as_default() as graph, tf.name_scope("outer"):
        b, op = tf.import_graph_def(graph_def, return_elements=["swapped:0", "b"], name="imp")
        assert (b.name, op.name, b.shape.as_list()) == ("outer/imp/swapped:0", "outer/imp/b", [2])
        gate = graph.get_operation_by_name("outer/imp/gate")
        assert graph.get_operation_by_name("outer/imp/m/y").control_inputs == (gate,)
        assert graph.get_operation_by_name("outer/imp/m").node_def.device == "/device:GPU:0"
        with tf.Session() as session:
            assert session.graph_def == graph.as_graph_def()
            assert session.run(b, {"outer/imp/a:0": [1.0, 10.0]}).tolist() == [32.0, 4.0]
        assert tf.import_graph_def(graph_def) is None
        assert graph.get_operation_by_name("outer/import/b").type == op.type


def test_inputs_can_be_replaced(graph_def):
    with tf.Graph().as_default():
        z = tf.constant([5.0, 6.0])
        (b,) = tf.import_graph_def(graph_def, input_map={"a": z}, return_elements=["b:0"], name="")
        (c,) = tf.import_graph_def(graph_def, {"m:0": z + 1.0}, ["b:0"], name="again")
        (dz,) = tf.gradients(b, z)
        with tf.Session() as session:
            assert np.allclose(session.run([b, c, dz]), [[16, 20], [7, 9], [3, 3]])
        (d,) = tf.import_graph_def(graph_def, return_elements=["b"], name="")
        assert d.name == "b_1"


def test_parts_and_shapes(graph_def):
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 3])
        before = graph.version
        tf.square(x, name="s")
        (node,) = graph.as_graph_def(from_version=before, add_shapes=True).node
        assert node.name == "s" and [d.size for d in node.attr["_output_shapes"].list.shape[0].dim] == [-1, 3]
        v = tf.Variable(2.0, name="v")
        whole = graph.as_graph_def(add_shapes=True)
    with tf.Graph().as_default():
        value, assign = tf.import_graph_def(whole, return_elements=["v/read:0", "v/Assign"], name="")
        with tf.Session() as session:
            session.run(assign)
            assert session.run(value) == 2.0
    assert v.graph is not value.graph


def test_what_is_refused(graph_def):
    with tf.Graph().as_default():
        for wrong in (3, None, "graph"):
            with pytest.raises(TypeError, match="must be a GraphDef"):
                tf.import_graph_def(wrong)
        with pytest.raises(ValueError, match="nothing:0"):
            tf.import_graph_def(graph_def, {"nothing": 1.0})
        for missing in ("nothing", "nothing:0", "b:1"):
            with pytest.raises(ValueError, match=missing[:1]):
                tf.import_graph_def(graph_def, return_elements=[missing])
        with pytest.raises(TypeError, match="must be a GraphDef, not b'") as caught:
            tf.import_graph_def(graph_def.SerializeToString())
        assert "GraphDef.FromString" in caught.value.__notes__[0] and len(str(caught.value)) < 100
        with pytest.raises(ValueError, match="dtype"):
            tf.import_graph_def(graph_def, {"a:0": tf.constant([1, 2])})
        graph_def.node[0].op = "Strange"
        with pytest.raises(ValueError, match=r"Strange \(a\)"):
            tf.import_graph_def(graph_def)


def test_nodes_in_any_order(graph_def):
    names = []
    for nodes in (graph_def.node, graph_def.node[::-1]):
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(tf.GraphDef(node=nodes), name="")
            names.append([op.name for op in graph.get_operations()])
            assert {n.name: n for n in graph.as_graph_def().node} == {n.name: n for n in graph_def.node}
    assert names[0] == [node.name for node in graph_def.node] and sorted(names[1]) == sorted(names[0])


def test_what_is_found_before_anything_is_made(graph_def):
    def refused(match):
        with tf.Graph().as_default() as graph:
            with pytest.raises(ValueError, match=match):
                tf.import_graph_def(graph_def)
            assert graph.get_operations() == []

    for node in graph_def.node[-2:]:
        node.input.append("^gone")
    last = graph_def.node[-1]
    refused(rf"does not have: gone \(of {graph_def.node[-2].name}\), gone \(of {last.name}\)")
    for node in graph_def.node[-2:]:
        del node.input[-1]
    first = next(node for node in graph_def.node if node.name in [key.partition(":")[0] for key in last.input])
    first.input.append(f"^{last.name}")
    refused("lead back to it")
    del first.input[-1]
    graph_def.node.append(graph_def.node[0])
    refused(f"several nodes of the GraphDef have the name {graph_def.node[0].name}$")


def test_attributes_that_are_not_there():
    lacking = tf.GraphDef(node=[{"name": "p", "op": "Placeholder"}])
    with pytest.raises(ValueError, match=r"node 'p' \(Placeholder\) does not fit: missing .*'dtype'"):
        tf.import_graph_def(lacking)


def test_bytes_that_are_no_graph(graph_def):
    for data in (b"hello world, this is text", graph_def.SerializeToString()[:-30]):
        with pytest.raises(ValueError, match=rf"these {len(data)} bytes are no GraphDef, or a part of one: at byte"):
            tf.GraphDef.FromString(data)
    with pytest.raises(ValueError, match=r"text_format\.Merge reads text"):
        tf.GraphDef.FromString(str(graph_def).encode())


def test_attributes_in_any_order():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [3, 2], name="x")
        tf.matmul(x, tf.ones([3, 4]), transpose_a=True, name="y")
        data = graph.as_graph_def()
    (node,) = [node for node in data.node if node.name == "y"]
    attrs = dict(node.attr)
    node.attr.clear()
    node.attr.update({key: attrs[key] for key in sorted(attrs, reverse=True)})
    assert next(iter(node.attr)) == "transpose_b"
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(data, name="")
        assert session.run("y:0", {"x:0": np.ones((3, 2))}).tolist() == [[3.0] * 4] * 2
