"""Gradients of branches and loops in TensorFlow 1's GraphDefs, with their stacks and the arrays of gradients.

The graphs, feeds and results are from TensorFlow 2.21 (compat.v1, without control flow v2).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphflow as tf
from tests.control.test_dataflow import load

FOLDER = Path(__file__).parents[1] / "files" / "gradients_by_tensorflow"
FILES = sorted(file.stem for file in FOLDER.glob("*.npz"))


def check(graph_def, fetches, runs, backend):
    with tf.Graph().as_default(), tf.Session(backend=backend) as session:
        found = tf.import_graph_def(graph_def, return_elements=fetches, name="")
        for feeds, want in runs:
            for key, value in zip(fetches, session.run(found, feeds), strict=True):
                np.testing.assert_allclose(value, want[key], rtol=2e-5, atol=2e-6, err_msg=key)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("name", FILES)
def test_gradients_are_those_of_tensorflow(name, backend):
    check(*load(name, FOLDER), backend)


def test_they_can_be_written_again():
    """The lists that stacks have become, as TensorLists, and back."""
    for name in ("loop_cond_grad", "lstm_grad"):
        graph_def, fetches, runs = load(name, FOLDER)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_def, name="")
            again = tf.GraphDef.FromString(graph.as_graph_def().SerializeToString())
        check(again, fetches, runs, "reference")


def test_random_numbers_of_a_branch_are_drawn_once():
    """The gradient of a conditional takes what its branch has drawn."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [50], name="x")
        tf.cond(tf.reduce_sum(x) > 0, lambda: x * tf.random_uniform([50], seed=3), lambda: x)
        graph_def = graph.as_graph_def()
    kind = next(n for n in graph_def.node if n.name == "x").attr["dtype"]
    pred = next(n for n in graph_def.node if n.name == "cond/pred_id")
    drawn = next(n for n in graph_def.node if n.op == "Add" and n.name.startswith("cond/random_uniform")).name
    for name, op, inputs in (
        ("gradients/Switch", "Switch", ["x", pred.name]),
        ("gradients/mul", "Mul", ["gradients/Switch:1", drawn]),
        ("gradients/Merge", "Merge", ["gradients/Switch", "gradients/mul"]),
    ):
        graph_def.node.add(name=name, op=op, input=inputs, attr={"T": kind})
    with tf.Graph().as_default(), tf.Session() as session:
        y, dy = tf.import_graph_def(graph_def, return_elements=["cond/Merge:0", "gradients/Merge:0"], name="")
        first, second = session.run([y, dy], {"x:0": np.ones(50)})
        np.testing.assert_array_equal(first, second)
        assert len(set(first.tolist())) > 40


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda node: node.op == "StackPopV2", "it works on no stack"),
        (lambda node: node.op == "StackPushV2", "it works on no stack"),
    ],
)
def test_a_stack_that_is_none(change, match):
    graph_def, fetches, _ = load("loop_grad", FOLDER)
    node = next(node for node in graph_def.node if change(node))
    node.input[0] = "x"
    with tf.Graph().as_default(), pytest.raises(ValueError, match=match):
        tf.import_graph_def(graph_def, return_elements=fetches)
