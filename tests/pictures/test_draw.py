"""Closed scopes, SVG and PNG, notebooks, programs between passes, and the tree for the terminal."""

from __future__ import annotations

import sys

import numpy as np
import pygraphviz
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def network():
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    with tf.name_scope("net"):
        with tf.name_scope("hidden"):
            h = tf.exp(x, name="h")
            g = tf.sqrt(h, name="g")
        y = tf.add(h, g, name="y")
    return tf.reduce_sum(y, name="loss")


def drawn(text):
    parsed = pygraphviz.AGraph(string=text)
    return {node: node.attr["label"].split("\\n") for node in parsed.nodes()}, sorted(
        (start, end, parsed.get_edge(start, end).attr["label"].strip()) for start, end in parsed.edges()
    )


def test_a_closed_scope_is_one_node():
    loss = network()
    nodes, edges = drawn(tf.to_dot(loss, collapse="net"))
    assert nodes == {
        "x": ["x"], "net/": ["net", "3 operations"], "loss": ["loss", "Sum"], "Const": ["Const", "[0, 1]"],
    }  # fmt: skip
    assert edges == [
        ("Const", "loss", "int32 (2,)"),
        ("net/", "loss", "float32 (2, 3)"),
        ("x", "net/", "float32 (2, 3)"),
    ]
    assert tf.to_dot(loss, collapse=["net", "net/hidden/"]) == tf.to_dot(loss, collapse="net") == tf.to_dot(loss, 0)


def test_several_tensors_are_one_edge():
    nodes, edges = drawn(tf.to_dot(network(), collapse=1))
    assert "net/hidden/" in nodes and "net/y" in nodes
    assert ("net/hidden/", "net/y", "2 tensors") in edges


def test_open_scopes_and_unknown_ones():
    loss = network()
    assert tf.to_dot(loss, 9) == tf.to_dot(loss)
    with pytest.raises(ValueError, match="there is no scope 'nte' here; did you mean 'net'"):
        tf.to_dot(loss, "nte")


def test_svg_and_png_need_no_graphviz_of_the_system(monkeypatch):
    monkeypatch.setenv("PATH", "")
    loss = network()
    assert "<svg" in tf.to_svg(loss) and "float32 (2, 3)" in tf.to_svg(loss).replace("&#45;", "-")
    assert tf.to_png(loss, collapse=0).startswith(b"\x89PNG")


def test_a_missing_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    loss = network()
    with pytest.raises(ImportError, match=r"pip install 'graphflow\[viz\]'"):
        tf.to_svg(loss)
    assert loss._repr_svg_() is None


def test_notebooks(graph):
    loss = network()
    for what in (graph, loss, loss.op, tf.plan(loss)):
        assert "<svg" in what._repr_svg_()
    assert repr(tf.plan(loss)).startswith(f"<Plan: {len(tf.plan(loss).steps)} steps, ")  # where there is text alone
    table = tf.plan(loss)._repr_html_()
    assert table.startswith("<table>") and table.count("<tr>") == 2 + len(
        tf.plan(loss, {"x:0": np.zeros((2, 3))}).steps
    )
    t = loss
    for _ in range(700):
        t = tf.exp(t)
    assert t._repr_svg_() is None  # too large to be looked at in one piece


def test_the_program_before_and_after_fusion():
    loss = network()
    feeds = {"x:0": np.zeros((2, 3))}
    stages = tf.stages(loss, feeds)
    assert next(iter(stages)) == "specialize" and list(stages)[-1] == "merge_updates"
    before = pygraphviz.AGraph(string=tf.to_dot(stages["specialize"]))
    after = pygraphviz.AGraph(string=tf.to_dot(tf.plan(loss, feeds)))
    assert before.subgraphs() == []
    (kernel,) = after.subgraphs()
    assert [node.attr["label"] for node in kernel.nodes()] == [
        r"Exp\nnet/hidden/h", r"Sqrt\nnet/hidden/g", r"Add\nnet/y", r"Sum\nloss",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="nothing to collapse"):
        tf.to_dot(stages["specialize"], 1)


def test_the_tree():
    lines = tf.tree(network()).splitlines()
    site = lines[0].rpartition("  ")[2]
    assert site.startswith("test_draw.py:")
    assert [line.rpartition("  test_draw.py:")[0] for line in lines] == [
        "Sum  'loss'  float32 ()",
        "├─ Add  'net/y'  float32 (2, 3)",
        "│  ├─ Exp  'net/hidden/h'  float32 (2, 3)",
        "│  │  └─ Placeholder  'x'  float32 (2, 3)",
        "│  └─ Sqrt  'net/hidden/g'  float32 (2, 3)",
        "│     └─ Exp  'net/hidden/h'  float32 (2, 3)",
        "└─ Const  'Const'  int32 (2,)  = [0, 1]",
    ]
    assert lines[5].endswith("(see above)")
    assert tf.tree(network(), depth=1).splitlines()[1].endswith("...")


def test_the_tree_of_a_long_chain():
    t = tf.constant(1.0)
    for _ in range(20_000):
        t = tf.exp(t)
    assert len(tf.tree(t).splitlines()) == 21
