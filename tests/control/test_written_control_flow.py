"""GraphDefs of graphs with branches and loops: read by graphflow from files, and by TensorFlow where it is there."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import graphflow as tf
from graphflow.compat import text_format
from tests.control.written import PROGRAMS, X, random_program


def written(build):
    """(the GraphDef, names of what is fetched, for each run (feeds, results), the initializer)."""
    with tf.Graph().as_default() as graph, tf.Session(backend="reference") as session:
        fetches, runs = build()
        start = tf.global_variables_initializer()
        session.run(start)
        feeds = [{f"{key}:0": value for key, value in run.items()} for run in runs]
        results = [(feed, session.run(fetches, feed)) for feed in feeds]
        return graph.as_graph_def(), [t.name for t in fetches], results, start.name


def close(found, want, what):
    if np.asarray(want).dtype.kind == "f":
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6, err_msg=what)
    else:
        np.testing.assert_array_equal(found, want, err_msg=what)


def check(module, graph_def, names, runs, start, **kwargs):
    with module.Graph().as_default(), module.Session(**kwargs) as session:
        module.import_graph_def(graph_def, name="")
        session.run(start)
        for feeds, want in runs:
            for name, value, expected in zip(names, session.run(names, feeds), want, strict=True):
                close(value, expected, name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_they_are_read_again(name):
    graph_def, *rest = written(PROGRAMS[name])
    assert not any(node.op in ("If", "While") for node in graph_def.node)
    check(tf, tf.GraphDef.FromString(graph_def.SerializeToString()), *rest, backend="cpu")
    check(tf, text_format.Parse(str(graph_def), tf.GraphDef()), *rest, backend="reference")


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed):
    graph_def, *rest = written(random_program(seed))
    check(tf, tf.GraphDef.FromString(graph_def.SerializeToString()), *rest, backend="reference")


def test_tensorflow_reads_them():
    module = pytest.importorskip("tensorflow.compat.v1")
    module.disable_eager_execution()
    for build in [*PROGRAMS.values(), *map(random_program, range(40))]:
        graph_def, *rest = written(build)
        check(module, module.GraphDef.FromString(graph_def.SerializeToString()), *rest)


def test_names_are_those_of_tensorflow():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [3, 2], name="x")
        a, b = tf.cond(tf.reduce_sum(x) > 0, lambda: (x, x), lambda: (-x, x))
        i, c = tf.while_loop(lambda i, _: i < 3, lambda i, c: (i + 1, c + x), [0, x])
        d = tf.while_loop(lambda _: True, lambda c: c + x, [x], maximum_iterations=3)
        y, (_, h) = tf.nn.dynamic_rnn(tf.nn.rnn_cell.LSTMCell(2), tf.reshape(x, [1, 3, 2]), dtype=tf.float32)
        found = [
            a,
            b,
            i,
            c,
            d,
            tf.map_fn(lambda r: r, x),
            tf.scan(lambda a, r: a, x),
            tf.foldl(lambda a, r: a, x),
            y,
            h,
        ]
        names = [
            "cond/Merge", "cond/Merge_1", "while/Exit", "while/Exit_1", "while_1/Exit_1",
            "map/TensorArrayStack/TensorArrayGatherV3", "scan/TensorArrayStack/TensorArrayGatherV3",
            "foldl/while/Exit_2", "rnn/transpose_1", "rnn/while/Exit_4",
        ]  # fmt: skip
        assert [t.name for t in found] == [f"{name}:0" for name in names]
        ops = {node.name: node.op for node in graph.as_graph_def().node}
        assert ops["cond/Merge_1"] == "Merge" and ops["while/Exit_1"] == ops["rnn/while/Exit_4"] == "Exit"
        assert ops["cond/pred_id"] == ops["cond/switch_t"] == "Identity" and ops["while/Enter"] == "Enter"
        assert ops["map/TensorArrayStack/TensorArrayGatherV3"] == "TensorArrayGatherV3"


def test_another_process_reads_the_file(tmp_path):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [3, 2], name="x")
        w = tf.Variable(2.0)
        y = tf.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a * w + x), [0, x])[1]
        z = tf.cond(tf.reduce_sum(y) > 0, lambda: y * w.read_value(), lambda: y)
        session.run(w.initializer)
        want = session.run(z, {x: X})
        frozen = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["cond/Merge"])
        for as_text in (False, True):
            tf.train.write_graph(frozen, str(tmp_path), f"graph.{as_text}", as_text=as_text)
        tf.saved_model.simple_save(session, str(tmp_path / "saved"), {"x": x}, {"z": z})
    code = f"""
import sys, numpy as np, graphflow as tf
from graphflow.compat import text_format
folder, X = sys.argv[1], np.array({X.tolist()}, np.float32)
for as_text in (False, True):
    data = open(f"{{folder}}/graph.{{as_text}}", "rb").read()
    graph_def = text_format.Parse(data.decode(), tf.GraphDef()) if as_text else tf.GraphDef.FromString(data)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(graph_def, name="")
        print(session.run("cond/Merge:0", {{"x:0": X}}).tolist())
with tf.Graph().as_default(), tf.Session() as session:
    tf.saved_model.loader.load(session, ["serve"], f"{{folder}}/saved")
    print(session.run("cond/Merge:0", {{"x:0": X}}).tolist())
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        np.testing.assert_allclose(np.array(eval(line)), want, rtol=1e-6)
    assert len(done.stdout.splitlines()) == 3


def test_a_condition_waits_where_it_stands():
    with tf.Graph().as_default() as graph:
        v = tf.Variable(1.0, name="v")
        b = tf.placeholder(tf.bool, [], "b")
        with tf.control_dependencies([tf.assign_add(v, 1.0)]):
            tf.cond(b, lambda: tf.constant(5.0), lambda: tf.constant(6.0))
        graph_def = graph.as_graph_def()
    with tf.Graph().as_default(), tf.Session() as session:
        y, start = tf.import_graph_def(graph_def, return_elements=["cond/Merge:0", "v/Assign"], name="")
        session.run(start)
        assert [session.run([y], {"b:0": b}) for b in (True, False)] == [[5.0], [6.0]]
        assert session.run("v:0") == 3.0
