"""Graphs with branches and loops as data: GraphDef, meta graphs, pictures."""

from __future__ import annotations

import numpy as np

import graphflow as tf


def build():
    x = tf.placeholder(tf.float32, [None, 4, 3], name="x")
    y, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), x, dtype=tf.float32)
    z = tf.cond(tf.reduce_sum(x) > 0, lambda: y * 2.0, lambda: y, name="chosen")
    return x, z


def test_a_model_with_loops_is_saved_and_drawn(tmp_path):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x, z = build()
        train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(z))
        session.run(tf.global_variables_initializer())
        session.run(train, {x: np.ones((2, 4, 3))})
        saver = tf.train.Saver()
        path = saver.save(session, str(tmp_path / "model"))
        want = session.run(z, {x: np.ones((1, 4, 3))})
        session.run(tf.global_variables_initializer())
        saver.restore(session, path)
        np.testing.assert_array_equal(session.run(z, {x: np.ones((1, 4, 3))}), want)
        assert "while" in tf.to_dot(graph) and len(graph.to_networkx()) == len(graph.get_operations())
    with tf.Graph().as_default():
        tf.train.import_meta_graph(path + ".meta")  # what a file cannot hold is named when it is run
        assert tf.get_default_graph().get_tensor_by_name("x:0").shape.as_list() == [None, 4, 3]


def test_a_graph_def_keeps_loops_within_the_process():
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [3], name="x")
        y = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * 2.0 + x), [0, x], name="w")[1]
        want = session.run(y, {x: [1, 2, 3]})
        data = graph.as_graph_def()
    with tf.Graph().as_default(), tf.Session() as session:
        z, again = tf.import_graph_def(data, return_elements=[y.name, "x:0"], name="")
        assert session.run(z, {again: [1, 2, 3]}).tolist() == want.tolist()


def test_variables_written_inside():
    with tf.Graph().as_default() as graph:
        v = tf.Variable(2.0, name="v")
        tf.cond(tf.placeholder(tf.bool, [], "p"), lambda: v.assign_add(1.0), lambda: v.assign(0.0))
        data = tf.GraphDef.FromString(graph.as_graph_def().SerializeToString())
    with tf.Graph().as_default(), tf.Session() as session:
        y, start = tf.import_graph_def(data, return_elements=["cond/Merge:0", "v/Assign"], name="")
        session.run(start)
        assert [session.run([y, "v:0"], {"p:0": p})[0] for p in (True, True, False, True)] == [3.0, 4.0, 0.0, 1.0]
