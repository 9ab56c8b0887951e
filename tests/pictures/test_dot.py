"""DOT text, checked by a real Graphviz: it parses, lays out, and shows what the graph holds."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pygraphviz
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as tf
from graphflow.ops.basic import NO_OP
from graphflow.ops.define import CONST, OpDef, _parse_args, add_constant
from graphflow.ops.placeholder import placeholder as placeholder_op
from graphflow.ops.state import ASSIGN, VARIABLE
from graphflow.pictures.draw import to_dot
from graphflow.variables import Variable

SVG = "{http://www.w3.org/2000/svg}"
TWO = OpDef("Two", _parse_args("x"), lambda x: [(x.dims, x.dtype)] * 2, lambda x: (x, x))


@pytest.fixture
def graph():
    with tf.Graph().as_default() as g:
        yield g


def drawn(text: str) -> pygraphviz.AGraph:
    """The graph as Graphviz reads it, after its layout."""
    parsed = pygraphviz.AGraph(string=text)
    parsed.layout("dot")
    assert all(node.attr["pos"] for node in parsed.nodes())
    return parsed


def rendered(text: str) -> dict[str, list[str]]:
    """The lines of text in each node of the picture, by the node's identifier."""
    svg = pygraphviz.AGraph(string=text).draw(format="svg", prog="dot")
    shown = {}
    for node in ElementTree.fromstring(svg).iterfind(f".//{SVG}g[@class='node']"):
        lines = ["".join(line.itertext()).replace("\xa0", " ") for line in node.iterfind(f".//{SVG}text")]
        shown[node.findtext(f"{SVG}title")] = lines
    return shown


def clusters(parsed: pygraphviz.AGraph) -> dict[str, list[str]]:
    """The nodes of each cluster by its name, inner clusters first among equals."""
    found = {}
    stack = list(parsed.subgraphs())
    while stack:
        inner = stack.pop()
        found[inner.name] = sorted(inner.nodes())
        stack += inner.subgraphs()
    return found


def placeholder(name="x", shape=(None, 3)):
    return placeholder_op(tf.float32, shape, name=name)


def variable(name="v", shape=(3,)):
    return VARIABLE(name=name, shape=shape, dtype=tf.float32)


def test_nodes_edges_and_labels(graph):
    x = placeholder()
    y = tf.multiply(x, x, name="y")
    tf.exp(y)
    parsed = drawn(to_dot(graph))
    assert parsed.nodes() == ["x", "y", "Exp"]
    assert sorted(parsed.edges()) == [("x", "y"), ("y", "Exp")]
    assert parsed.get_edge("x", "y").attr["label"] == " float32 (?, 3) x2"
    assert parsed.get_edge("y", "Exp").attr["label"] == " float32 (?, 3)"
    assert parsed.get_node("y").attr["label"] == "y\\nMul"
    assert parsed.get_node("Exp").attr["label"] == "Exp"


def test_unknown_rank_and_scalars(graph):
    tf.exp(placeholder("a", None))
    tf.exp(placeholder("b", ()))
    parsed = drawn(to_dot(graph))
    assert parsed.get_edge("a", "Exp").attr["label"] == " float32 <unknown>"
    assert parsed.get_edge("b", "Exp_1").attr["label"] == " float32 ()"


def test_scopes_are_nested_clusters(graph):
    x = placeholder()
    with graph.name_scope("net"), graph.name_scope("hidden"):
        h = tf.exp(x)
    with graph.name_scope("net/"):
        tf.log(h)
    parsed = drawn(to_dot(graph))
    assert clusters(parsed) == {
        "cluster_net": ["net/Log", "net/hidden/Exp"],
        "cluster_net/hidden": ["net/hidden/Exp"],
    }
    assert parsed.get_subgraph("cluster_net").get_subgraph("cluster_net/hidden").graph_attr["label"] == "hidden"


def test_a_variable_stands_in_the_scope_of_its_name(graph):
    v = variable("layer/W")
    ASSIGN(v, [1.0, 2.0, 3.0], name="layer/W/Assign", validate_shape=True)
    parsed = drawn(to_dot(graph))
    found = clusters(parsed)
    assert found["cluster_layer"] == found["cluster_layer/W"] == ["layer/W", "layer/W/Assign", "layer/W/Assign/value"]


def test_constant_arguments_need_no_box(graph):
    tf.add(placeholder(), 1.0)
    parsed = drawn(to_dot(graph))
    assert clusters(parsed) == {} and "Add/y" in parsed.nodes()


def test_control_dependencies_are_dashed(graph):
    x, first = placeholder(), tf.no_op("first")
    with graph.control_dependencies([first]):
        tf.exp(x)
    parsed = drawn(to_dot(graph))
    edges = {edge: edge.attr["style"] or "" for edge in parsed.edges()}
    assert edges == {("x", "Exp"): "", ("first", "Exp"): "dashed"}


def test_kinds_differ_in_colour_and_shape(graph):
    x = placeholder("placeholder")
    v = variable("variable")
    tf.exp(x, name="plain")
    with graph.name_scope("gradients_1"):
        tf.exp(x, name="gradient")
    ASSIGN(v, [1.0, 2.0, 3.0], name="assign", validate_shape=True)
    parsed = drawn(to_dot(graph))
    kinds = ["placeholder", "variable", "assign/value", "plain", "gradients_1/gradient", "assign"]
    for attribute in ("shape", "fillcolor"):
        assert len({parsed.get_node(name).attr[attribute] for name in kinds}) == len(kinds)


@pytest.mark.parametrize(
    ("scope", "expected"), [("gradients", True), ("gradients_12", True), ("gradients_x", False), ("mygradients", False)]
)
def test_what_a_gradient_scope_is(graph, scope, expected):
    with graph.name_scope("outer"), graph.name_scope(scope):
        t = tf.exp(placeholder())
    parsed = drawn(to_dot(graph))
    assert (parsed.get_node(t.op.name).attr["shape"] == "hexagon") is expected


def test_small_constants_show_their_value_and_big_ones_do_not(graph):
    values = {
        "scalar": np.float32(2.5),
        "integer": np.int32(-7),
        "single": np.ones(1, np.float64),
        "vector": np.float32([1, 0.1]),
        "texts": np.array([b"a", b"b"], object),
        "matrix": np.ones((1, 1)),
        "none": np.zeros(0),
        "truth": np.bool_(True),
        "text": np.array(b"it's", object),
        "bytes": np.array(b"\xff", object),
        "long": np.array(b"x" * 1000, object),
        "big": np.arange(100_000.0),
        "empty": np.zeros((0, 3)),
    }
    for name, value in values.items():
        add_constant(graph, np.array(value), name)
    text = to_dot(graph)
    shown = {name: lines[1] for name, lines in rendered(text).items()}
    assert shown == {
        "scalar": "2.5", "integer": "-7", "single": "[1.0]", "vector": "[1.0, 0.1]",
        "texts": "['a', 'b']", "matrix": "...", "none": "[]", "truth": "True", "text": '"it\'s"', "bytes": "b'\\xff'",
        "long": "'" + "x" * 19 + " ...", "big": "...", "empty": "...",
    }  # fmt: skip
    assert len(text) < 6000


def test_fetches_bring_only_what_they_need(graph):
    x, v = placeholder(), variable()
    y = tf.exp(x)
    z = tf.log(v)
    with graph.control_dependencies([y]):
        gate = tf.no_op("gate")

    def names(fetches):
        return drawn(to_dot(fetches)).nodes()

    assert names(y) == names([y, {"a": (y,)}]) == names("Exp:0") == ["x", "Exp"]
    assert names(gate) == ["x", "Exp", "gate"]
    assert names({"b": z, "a": [y]}) == ["x", "v", "Exp", "Log"]
    assert names([]) == []


def test_a_variable_is_a_fetch(graph):
    v = Variable([1.0, 2.0], name="v")
    assert "v" in drawn(to_dot(v)).nodes()
    assert "v" in drawn(to_dot([v])).nodes()


def test_what_cannot_be_drawn(graph):
    x = placeholder()
    with tf.Graph().as_default():
        other = placeholder()
    with pytest.raises(ValueError, match="another graph"):
        to_dot([x, other])
    for wrong in (None, 3, np.zeros(2), [x, None]):
        with pytest.raises(TypeError):
            to_dot(wrong)


def test_text_is_stable():
    def build():
        with tf.Graph().as_default() as g, g.name_scope("a"):
            tf.exp(tf.add(placeholder(), 1.0))
        return to_dot(g)

    assert build() == build()


def test_several_outputs_are_numbered(graph):
    a, b = TWO(placeholder("s", (4,)), name="two")
    tf.add(b, a)
    parsed = drawn(to_dot(graph))
    labels = sorted(edge.attr["label"] for edge in parsed.edges() if edge[0] == "two")
    assert labels == [" :0 float32 (4,)", " :1 float32 (4,)"]


def test_an_empty_graph(graph):
    assert drawn(to_dot(graph)).nodes() == []


def test_a_long_chain_and_deep_scopes(graph):
    t = placeholder()
    for _ in range(3000):
        t = tf.exp(t)
    with graph.name_scope("/".join("a" * 200)):
        tf.log(t)
    parsed = pygraphviz.AGraph(string=to_dot(graph))  # no layout: that takes Graphviz minutes
    assert len(parsed.nodes()) == 3002 and len(clusters(parsed)) == 200


# -- hostile text --------------------------------------------------------------------------------------------------
HOSTILE = st.text(alphabet=st.one_of(st.sampled_from('\\"/%<>&;{}|nNGTlr\n\r\t\0 #'), st.characters()), max_size=12)


@settings(max_examples=60, deadline=None)
@given(names=st.lists(HOSTILE, min_size=1, max_size=6, unique=True))
def test_any_name_is_a_node_of_its_own(names):
    """Names that end in a slash are taken as they are, so no name can be ruled out here."""
    with tf.Graph().as_default() as g:
        gate = None
        for name in names:
            with g.control_dependencies([gate] if gate else []):
                gate = NO_OP(name=name + "/")
    text = to_dot(g)
    text.encode("utf-8")
    parsed = drawn(text)
    assert len(parsed.nodes()) == len(names)
    assert len(parsed.edges()) == len(names) - 1
    first_lines = [lines[0] for lines in rendered(text).values()]
    assert sorted(first_lines) == sorted(visible(name.rpartition("/")[2]) or "NoOp" for name in names)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(HOSTILE | st.binary(max_size=8), min_size=1, max_size=4))
def test_any_text_is_shown(values):
    with tf.Graph().as_default() as g:
        for i, value in enumerate(values):
            data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
            CONST(name=f"c{i}", value=np.array(data, object), dtype=tf.string)
    text = to_dot(g)
    assert drawn(text).nodes() == [f"c{i}" for i in range(len(values))]
    assert all(len(lines) == 2 and re.match("b?['\"]", lines[1]) for lines in rendered(text).values())


@pytest.mark.parametrize(
    "text", ["\\", "a\\", "\\\\", '\\"', '"', "\\n", "&amp;", "<b>", "\\N\\G", "tab\there", "λ→語"]
)
def test_exact_characters(graph, text):
    NO_OP(name=f"scope{text}/name{text}/")
    parsed = drawn(to_dot(graph))
    assert len(parsed.nodes()) == 1 and len(clusters(parsed)) == 1
    (lines,) = rendered(to_dot(graph)).values()
    assert lines == [visible("name" + text), "NoOp"]


def visible(text: str) -> str:
    """What a reader should see: the text, and an escape for what does not print."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
