"""Pictures of programs, checked by a real Graphviz."""

import numpy as np
import pygraphviz
import pytest

import graphflow as tf
from graphflow.config import config
from graphflow.passes.engine import Substitution
from graphflow.passes.fuse import fuse_regions
from graphflow.passes.simplify import simplify
from graphflow.pictures.program import program_dot
from graphflow.program import Program, prune, specialize

MADE, REWIRED = "#8FD9BF", "#DDF3EB"


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def program_of(fetches, feeds=(), targets=()):
    return specialize(prune(fetches, targets, list(feeds)), [t.dims for t in feeds], lambda op: op.output.dims).program


def drawn(text):
    parsed = pygraphviz.AGraph(string=text)
    parsed.layout("dot")
    assert all(node.attr["pos"] for node in parsed.nodes())
    return parsed


def labels(parsed, fill=None):
    """The first lines of the nodes' labels, in the order of the text, of those with this colour."""
    return [n.attr["label"].split("\\n") for n in parsed.nodes() if fill in (None, n.attr["fillcolor"])]


def test_feeds_variables_operations_and_fetches():
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    v = tf.Variable(np.ones(3, np.float32), name="v")
    y = tf.multiply(x, x, name="y")
    parsed = drawn(program_dot(program_of([y, y + v], [x]), title="as it is"))
    assert labels(parsed) == [
        ["x"], ["v", "float32 (3,)"], ["Identity", "v/read"], ["Mul", "y"], ["Add", "add"],
        ["fetch", "y:0"], ["fetch", "add:0"],
    ]  # fmt: skip
    assert parsed.get_edge("feed0", "op2").attr["label"] == " float32 (2, 3) x2"
    assert {tuple(edge) for edge in parsed.edges()} == {
        ("feed0", "op2"), ("variable0", "op1"), ("op1", "op3"), ("op2", "op3"), ("op2", "fetch0"), ("op3", "fetch1"),
    }  # fmt: skip
    assert "as it is" in parsed.graph_attr["label"] and "made by" not in parsed.graph_attr["label"]


def test_reads_and_writes_of_variables():
    v = tf.Variable(1.0, name="v")
    assign, add = v.assign(2.0), v.assign_add(1.0)
    with tf.control_dependencies([add]):
        read = tf.identity(v)
    parsed = drawn(program_dot(program_of([read], [], [assign.op, add.op])))
    ways = {edge[1]: edge.attr["dir"] for edge in parsed.edges() if edge[0] == "variable0"}
    names = {node: node.attr["label"].split("\\n")[0] for node in parsed.nodes()}
    assert {names[end]: way for end, way in ways.items()} == {
        "Assign": "back", "AssignAdd": "both", "ReadVariable": "forward",
    }  # fmt: skip
    assert [edge[1] for edge in parsed.edges() if edge.attr["style"] == "dashed"] == ["target0", "target1"]
    assert len([node for node in parsed.nodes() if node.startswith("variable")]) == 1


def test_operations_of_one_name_are_several_nodes():
    x = tf.placeholder(tf.float32, [3], name="x")
    y = tf.exp(x, name="y")
    program = program_of([y], [x])
    twin = program.ops[0].rebuild((program.ops[0].output,), [((3,), tf.float32)])
    both = Program(program.feeds, (twin.output,), (), (*program.ops, twin))
    assert labels(drawn(program_dot(both))) == [["x"], ["Exp", "y"], ["Exp", "y"], ["fetch", "y:0"]]


def test_what_a_pass_has_changed_is_coloured():
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    h = tf.exp(x * 1.0, name="h")
    tail = tf.reduce_sum(tf.sqrt(tf.negative(tf.negative(h, name="in"), name="out"), name="r"), name="s")
    before = program_of([tail], [x])
    after = simplify(before)
    parsed = drawn(program_dot(after, before, "after simplify"))
    assert labels(parsed, REWIRED) == [["Exp", "h"], ["Sqrt", "r"]]  # what lies further down is as it was
    assert labels(parsed, MADE) == []
    fused = drawn(program_dot(fuse_regions(after), after))
    (kernel,) = fused.subgraphs()
    assert kernel.graph_attr["fillcolor"] == MADE and kernel.graph_attr["label"] == "kernel of 3 operations"
    assert labels(kernel) == [["Exp", "h"], ["Sqrt", "r"], ["Sum", "s"]]
    assert {("op1_0", "op1_1"), ("op1_1", "op1_2")} <= {tuple(edge) for edge in fused.edges()}
    assert labels(fused, REWIRED) == []
    assert "made by this pass" in fused.graph_attr["label"] and "other inputs" not in fused.graph_attr["label"]
    copy = Substitution(before)
    for op in before.ops:
        copy.put(op, copy.updated(op).rebuild(copy.updated(op).inputs, [(t.dims, t.dtype) for t in op.outputs]))
    assert MADE not in program_dot(copy.finish(), before) and REWIRED not in program_dot(copy.finish(), before)


def test_the_dump_is_a_picture_after_each_pass(tmp_path):
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    w = tf.Variable(np.ones((3, 2), np.float32), name="w")
    loss = tf.reduce_mean(tf.square(tf.nn.relu(tf.matmul(x, w) + 1.0)))
    step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with config(dump=str(tmp_path)):
            session.run([step, loss], {x: np.ones((2, 3))})
    pictures = sorted(tmp_path.glob("*/*.dot"))
    assert [p.name for p in pictures][-3::2] == ["09-fuse_regions.dot", "11-merge_updates.dot"]
    for picture in pictures:
        parsed = drawn(picture.read_text(encoding="utf-8"))
        assert f"after {picture.stem[3:]}: " in parsed.graph_attr["label"]
    assert MADE in pictures[-3].read_text(encoding="utf-8")
