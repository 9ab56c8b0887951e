"""Conditionals and loops of TensorFlow 1's GraphDefs.

The graphs, feeds and results are from TensorFlow 2.21 (compat.v1, without control flow v2).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphflow as tf

FOLDER = Path(__file__).parents[1] / "files" / "control_flow_by_tensorflow"
FILES = sorted(file.stem for file in FOLDER.glob("*.npz"))


def load(name, folder=FOLDER):
    """(the GraphDef, names of what is fetched, for each run (feeds, results))."""
    kept = np.load(folder / f"{name}.npz")
    runs: dict = {}
    for key in kept.files:
        what, *rest = key.split("|")
        if rest:
            runs.setdefault(rest[0], ({}, {}))[what == "want"][rest[1]] = kept[key]
    return tf.GraphDef.FromString(kept["graph"].tobytes()), kept["fetches"].tolist(), list(runs.values())


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("name", FILES)
def test_values_are_those_of_tensorflow(name, backend):
    graph_def, fetches, runs = load(name)
    assert len(runs) > 1
    with tf.Graph().as_default() as graph, tf.Session(backend=backend) as session:
        returned = tf.import_graph_def(graph_def, return_elements=fetches, name="imp")
        assert returned == [graph.get_tensor_by_name(f"imp/{key}") for key in fetches]
        for feeds, want in runs:
            found = session.run(returned, {f"imp/{key}": value for key, value in feeds.items()})
            for key, value in zip(fetches, found, strict=True):
                assert np.asarray(value).dtype == want[key].dtype
                np.testing.assert_array_equal(value, want[key], strict=True, err_msg=key)


def test_one_conditional_is_one_operation():
    graph_def, *_ = load("cond_tensors")
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        assert [op.name for op in graph.get_operations() if op.type == "If"] == ["cond/If", "cond_1/If"]
        assert not any(op.type in ("Switch", "Merge") for op in graph.get_operations())
        assert graph.get_operation_by_name("cond/MatMul").type == "MatMul"
        assert not graph.is_fetchable(graph.get_tensor_by_name("cond/MatMul:0"))


def test_shapes_that_a_loop_keeps():
    for name, shapes in (("while_matrix", [[], [2, 1]]), ("while_count", [[], [], [], [None]])):
        graph_def, fetches, _ = load(name)
        with tf.Graph().as_default():
            found = tf.import_graph_def(graph_def, return_elements=fetches[: len(shapes)])
            assert [t.shape.as_list() for t in found] == shapes


def test_gradients_go_through():
    """y = m (m (m x + x) + x) + x after three rounds; TF's loop for the gradient is not needed."""
    graph_def, *_ = load("while_matrix")
    m, x = np.array([[1.0, 2.0], [-1.0, 0.5]], np.float32), np.array([[1.0], [2.0]], np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        given = tf.constant(x)
        (y,) = tf.import_graph_def(graph_def, {"x": given, "n": 3, "m": m}, ["while/Exit_1:0"], name="")
        (dx,) = tf.gradients(y, given)
        powers = np.eye(2) + m + m @ m + m @ m @ m
        np.testing.assert_allclose(session.run(dx), powers.T @ np.ones((2, 1)), rtol=1e-6)


def test_inputs_are_replaced_inside():
    graph_def, *_ = load("cond_scalar")
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(10.0)
        found = tf.import_graph_def(graph_def, {"x": x, "p:0": True, "cond/mul/y:0": 7.0}, ["cond/Merge:0"])
        assert session.run(found) == [70.0]


def test_import_inside_a_branch():
    graph_def, *_ = load("cond_scalar")
    with tf.Graph().as_default(), tf.Session() as session:
        p = tf.placeholder(tf.bool, [])
        inner = lambda flag: lambda: tf.import_graph_def(graph_def, {"x": 3.0, "p": flag}, ["cond/Merge:0"])[0]
        y = tf.cond(p, inner(True), inner(False))
        assert session.run(y, {p: True}) == 6.0 and session.run(y, {p: False}) == 2.0


def test_nodes_in_any_order():
    for name in FILES:
        graph_def, fetches, runs = load(name)
        turned = tf.GraphDef(node=graph_def.node[::-1])
        with tf.Graph().as_default(), tf.Session() as session:
            found = tf.import_graph_def(turned, return_elements=fetches, name="")
            feeds, want = runs[-1]
            for key, value in zip(fetches, session.run(found, feeds), strict=True):
                np.testing.assert_array_equal(value, want[key], err_msg=key)


def test_side_effects_happen_once_and_only_when_chosen():
    """cond(p, assign_add(v, 1), v) as TensorFlow 1 writes it, over a reference."""
    with tf.Graph().as_default() as graph:
        tf.placeholder(tf.bool, [], name="p")
        tf.Variable(5.0, name="v")
        tf.constant(1.0, name="one")
        graph_def = graph.as_graph_def()
    kind = {"T": graph_def.node[-1].attr["dtype"]}
    for name, op, inputs in (
        ("c/t", "Switch", ["one", "p"]),
        ("c/v", "RefSwitch", ["v", "p"]),
        ("c/add", "AssignAdd", ["c/v:1", "c/t:1"]),
        ("c/same", "Identity", ["c/v"]),
        ("c/double", "Mul", ["c/add", "c/t:1"]),
        ("c/Merge", "Merge", ["c/same", "c/add"]),
        ("c/Merge_1", "Merge", ["c/same", "c/double"]),
    ):
        graph_def.node.add(name=name, op=op, input=inputs, attr=kind)
    with tf.Graph().as_default(), tf.Session() as session:
        names = ["c/Merge:0", "c/Merge_1:0", "v/Assign", "p:0"]
        a, b, start, p = tf.import_graph_def(graph_def, return_elements=names, name="")
        session.run(start)
        assert [session.run([a, b], {p: flag})[1] for flag in (True, False, True)] == [6.0, 6.0, 7.0]


@pytest.mark.parametrize(
    ("name", "node", "change", "match"),
    [
        ("cond_scalar", "cond/Merge", ["x", "cond/sub"], r"two sides of one predicate: cond/Merge \(Merge\)"),
        ("cond_scalar", "cond/Merge", ["cond/sub", "cond/sub"], "two sides of one predicate"),
        ("cond_scalar", "cond/sub", ["cond/mul/Switch:1", "cond/sub/Switch"], r"two branches or loops: cond/sub"),
        ("while_count", "while/Exit", ["while/Switch:1"], r"no loop variable: while/Exit \(Exit\)"),
        ("while_count", "while/Merge", ["while/NextIteration", "while/Enter"], "of an Enter and a NextIteration"),
        ("while_count", "while/Exit", [], r"it has not 1 inputs: while/Exit \(Exit\)"),
        ("while_count", "while/LoopCond", ["n"], "a LoopCond stands once in a loop"),
    ],
)
def test_what_is_not_understood(name, node, change, match):
    graph_def, fetches, _ = load(name)
    found = next(n for n in graph_def.node if n.name == node)
    del found.input[:]
    found.input.extend(change)
    with tf.Graph().as_default() as graph:
        with pytest.raises(ValueError, match=match):
            tf.import_graph_def(graph_def, return_elements=fetches)
        assert graph.get_operations() == []


def test_a_predicate_is_a_bool_scalar():
    graph_def, *_ = load("cond_scalar")
    for wrong in (1, [True, False]):
        with tf.Graph().as_default(), pytest.raises(ValueError, match=r"a bool scalar has to decide.*: cond/Merge"):
            tf.import_graph_def(graph_def, {"p": wrong})


def test_random_numbers_are_not_drawn_twice():
    """Two conditionals that share a node of one side: in TensorFlow it runs once."""
    graph_def, *_ = load("cond_scalar")
    kind = next(n for n in graph_def.node if n.name == "cond/mul").attr
    with tf.Graph().as_default() as graph:
        tf.random_uniform([], seed=1, name="drawn")
        graph_def.node.extend(graph.as_graph_def().node)
    next(n for n in graph_def.node if n.name == "drawn/shape").input.append("^cond/switch_t")
    for name in ("cond", "other"):
        graph_def.node.add(name=f"{name}/sum", op="Add", input=["drawn", "cond/mul"], attr=kind)
        graph_def.node.add(name=f"{name}/M", op="Merge", input=["cond/sub", f"{name}/sum"], attr=kind)
    with tf.Graph().as_default(), tf.Session() as session:
        both = tf.import_graph_def(graph_def, return_elements=["cond/M:0", "other/M:0"], name="")
        a, b = session.run(both, {"x:0": 1.0, "p:0": True})
        assert a == b


def test_what_exists_only_inside_is_not_returned():
    graph_def, *_ = load("while_cond")
    for key in ("while/cond/Merge:0", "while/Switch:0", "while/NextIteration", "while/Enter"):
        with tf.Graph().as_default(), pytest.raises(ValueError, match="only inside a branch or a loop"):
            tf.import_graph_def(graph_def, return_elements=[key])
