"""GraphDefs that were changed at random: they are imported, or the error is graphflow's."""

from __future__ import annotations

import random

import pytest

import graphflow as tf
from graphflow.errors import GraphflowError
from tests.control.test_dataflow import load
from tests.control.test_gradient_graphs import FOLDER

NUMBERS = (0, 1, 3, 7, 9, 10, 20, 21, 99)


def mutate(graph_def, rng):
    """Change one node: its inputs, its op, its name or an attribute."""
    node, other = rng.choice(graph_def.node), rng.choice(graph_def.node)
    kind = rng.randrange(8)
    if kind == 0:
        del node.input[:]
    elif kind == 1:
        node.input.append(other.name)
    elif kind == 2:
        node.op = other.op
    elif kind == 3:
        node.name, other.name = other.name, node.name
    elif kind in (4, 5) and node.input:
        at = rng.randrange(len(node.input))
        source = node.input[at].partition(":")[0]
        node.input[at] = rng.choice([other.name, f"{source}:1", f"{source}:7", f"{source}:x", f"^{node.input[at]}"])
    elif node.attr:
        key = rng.choice(sorted(node.attr))
        if kind == 6:
            del node.attr[key]
        elif rng.randrange(2):
            node.attr[key].type = rng.choice(NUMBERS)
        else:
            node.attr[key].b = True


@pytest.mark.parametrize("name", ["cond_grad", "loop_cond_grad", "arrays2"])
def test_errors_are_graphflows(name):
    original, refused = load(name, FOLDER)[0], 0
    for seed in range(40):
        rng, graph_def = random.Random(f"{name} {seed}"), tf.GraphDef()
        graph_def.CopyFrom(original)
        for _ in range(rng.choice([1, 1, 2])):
            mutate(graph_def, rng)
        try:
            with tf.Graph().as_default():
                tf.import_graph_def(graph_def, name="")
        except GraphflowError:
            refused += 1
    assert refused > 10


def test_a_pack_without_inputs():
    with tf.Graph().as_default() as graph:
        tf.stack([tf.constant(1.0), tf.constant(2.0)], name="packed")
        graph_def = graph.as_graph_def()
    del next(node for node in graph_def.node if node.op == "Pack").input[:]
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"'packed' \(Pack\), with 0 inputs"):
        tf.import_graph_def(graph_def)
