"""Graph, Operation, Tensor: names, scopes, control dependencies, collections, errors."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import count_calls


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def line() -> int:
    import inspect

    return inspect.currentframe().f_back.f_lineno


def test_names_are_made_unique_ignoring_case():
    names = [tf.add(1.0, 2.0).op.name for _ in range(2)]
    names += [tf.constant(1, name=n).op.name for n in ("Add_1", "c", "c", "c_1", "C")]
    assert names == ["Add", "Add_1", "Add_1_1", "c", "c_1", "c_1_1", "C_2"]


def test_constants_of_an_op_live_in_its_scope(graph):
    x = tf.placeholder(tf.float32, [2], name="x")
    _ = x + 1.0, 1.0 + x, tf.add(x, 2.0), -x, x * 2
    names = [op.name for op in graph.get_operations()]
    assert names == ["x", "add/y", "add", "add_1/x", "add_1", "Add_2/y", "Add_2", "Neg", "mul/y", "mul"]


def test_name_scopes():
    with tf.name_scope("a") as a:
        t = tf.constant(1, name="t")
        with tf.name_scope("b"):
            u = tf.constant(1, name="t")
    with tf.name_scope("a") as a1, tf.name_scope(None):
        root = tf.constant(1, name="t")
    with tf.name_scope(a):
        again = tf.constant(1, name="t")
    with tf.name_scope(None, "default") as d:
        pass
    assert (a, a1, d) == ("a/", "a_1/", "default/")
    assert [x.name for x in (t, u, root, again)] == ["a/t:0", "a/b/t:0", "t:0", "a/t_1:0"]


@pytest.mark.parametrize("bad", ["a b", "_a", "a+b", "é", ""])
def test_bad_names_are_refused(bad):
    if bad:
        with pytest.raises(ValueError, match="valid name"):
            tf.constant(1, name=bad)
    else:
        assert tf.constant(1, name=bad).op.name == "Const"


def test_an_operation_knows_the_users_line():
    here = line() + 1
    x = tf.constant(1.0)
    y = tf.reduce_sum(x)
    assert x.op.site == (__file__, here)
    assert y.op.site == (__file__, here + 1)


def test_looking_up(graph):
    x = tf.placeholder(tf.float32, [2], name="a/x")
    assert graph.get_tensor_by_name("a/x:0") is x
    assert graph.get_operation_by_name("a/x") is x.op
    assert graph.as_graph_element("a/x") is x.op and graph.as_graph_element(x) is x
    for name, error in [
        ("a/x", ValueError),
        ("a/y:0", KeyError),
        ("a/x:1", KeyError),
        (3, TypeError),
        ("a/x:b", ValueError),
    ]:
        with pytest.raises(error):
            graph.get_tensor_by_name(name)
    with pytest.raises(ValueError):
        graph.get_operation_by_name("a/x:0")
    with pytest.raises(KeyError):
        graph.get_operation_by_name("nothing")


def test_a_tensor_is_no_python_value():
    t = tf.constant([1.0, 2.0])
    for use in (bool, len, iter, float, list):
        with pytest.raises(TypeError):
            use(t)
    assert t == t and t != tf.constant([1.0, 2.0]) and {t: 1}[t] == 1
    assert repr(t) == "<tf.Tensor 'Const:0' shape=(2,) dtype=float32>"
    assert str(t) == 'Tensor("Const:0", shape=(2,), dtype=float32)'


def test_graphs_do_not_mix():
    a = tf.constant(1.0)
    with tf.Graph().as_default():
        b = tf.constant(2.0)
        with pytest.raises(ValueError, match="same graph"):
            tf.add(b, a)
    assert tf.add(a, 1.0).graph is a.graph


def test_an_op_over_tensors_goes_to_their_graph():
    other = tf.Graph()
    with other.as_default():
        x = tf.constant(1.0)
    assert (x + 1.0).graph is other and tf.add(x, 1.0).graph is other


def test_finalize(graph):
    x = tf.constant(1.0)
    graph.finalize()
    assert graph.finalized
    with pytest.raises(RuntimeError, match="finalized"):
        _ = x + 1.0
    with tf.Session() as session:
        assert session.run(x) == 1.0


def test_control_dependencies_nest_and_reset():
    a, b = tf.no_op(name="a"), tf.no_op(name="b")
    with tf.control_dependencies([a]):
        x = tf.constant(1.0)
        inside = tf.no_op()
        with tf.control_dependencies([b]):
            both = tf.no_op()
        with tf.control_dependencies(None):
            none = tf.no_op()
        follows = tf.identity(x)
    assert inside.control_inputs == (a,) and set(both.control_inputs) == {a, b} and none.control_inputs == ()
    assert follows.op.control_inputs == ()  # x has waited already


def test_collections(graph):
    tf.add_to_collection("things", 1)
    graph.add_to_collections(["things", "more", "more"], 2)
    assert tf.get_collection("things") == [1, 2] and tf.get_collection("more") == [2]
    tf.get_collection("things").append(3)
    assert tf.get_collection("things") == [1, 2]
    tf.get_collection_ref("things").append(3)
    assert tf.get_collection("things") == [1, 2, 3]
    x = tf.constant(1, name="scope/x")
    graph.add_to_collection("things", x)
    assert tf.get_collection("things", scope="scope") == [x]


def test_default_graph_stack():
    outer = tf.get_default_graph()
    with tf.Graph().as_default() as g:
        assert tf.get_default_graph() is g
        with pytest.raises(AssertionError):
            tf.reset_default_graph()
    assert tf.get_default_graph() is outer


def test_device_is_recorded():
    with tf.device("/cpu:0"):
        assert tf.constant(1).device == "/device:CPU:0"
    assert tf.constant(1).device == ""


def test_set_shape():
    x = tf.placeholder(tf.float32, [None, 3])
    x.set_shape([2, None])
    assert x.shape.as_list() == [2, 3]
    with pytest.raises(ValueError):
        x.set_shape([4, 3])


def test_get_attr():
    c = tf.constant([1, 2], name="c").op
    assert c.get_attr("dtype") is tf.int32 and c.get_attr("T") is tf.int32
    np.testing.assert_array_equal(c.get_attr("value"), [1, 2])
    with pytest.raises(ValueError):
        c.get_attr("nothing")


def test_shape_error_names_op_line_and_inputs():
    x = tf.placeholder(tf.float32, [100, 784], name="x")
    w = tf.placeholder(tf.float32, [10, 784], name="w")
    here = line() + 2
    with pytest.raises(ValueError) as caught:
        tf.matmul(x, w, name="logits")
    for part in ("MatMul 'logits'", f"{__file__}:{here}", "float32(100, 784) 'x:0'", "float32(10, 784) 'w:0'"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: tf.constant([1, 2]) + tf.constant([1.0, 2.0]),
        lambda: tf.constant(1) + tf.constant(1, tf.int64),
        lambda: tf.constant([1, 2]) + 1.5,
        lambda: tf.add(2, tf.constant(1.0)),
        lambda: tf.constant(1.0, tf.float32) * tf.constant(1.0, tf.float64),
        lambda: tf.constant("a", tf.float32),
        lambda: tf.constant(1.5, tf.int32),
        lambda: tf.logical_and(1, 2),
    ],
)
def test_dtypes_never_mix(make):
    with pytest.raises((TypeError, ValueError)):
        make()


def test_values_take_the_dtype_of_the_tensor_they_meet():
    x, i = tf.constant([1.0, 2.0]), tf.constant([1, 2])
    for y in (x + 1, 2 * x, x - np.float64(3), x * np.arange(2), tf.maximum(x, 0), 2 + x):
        assert y.dtype is tf.float32
    assert (i + np.array([1.5, 2.5])).dtype is tf.int32
    assert tf.constant(np.arange(3)).dtype is tf.int64 and tf.constant([1, 2]).dtype is tf.int32
    assert tf.constant([True]).dtype is tf.bool and tf.constant(2**40).dtype is tf.int64


def test_building_grows_in_proportion():
    def build(n):
        with tf.Graph().as_default():
            h = tf.constant(np.ones(8, np.float32))
            for _ in range(n):
                h = tf.nn.relu(h * 1.0001 + 0.5)

    assert count_calls(lambda: build(5_000)) < 11 * count_calls(lambda: build(500))


def test_networkx(graph):
    x = tf.placeholder(tf.float32, [2], name="x")
    with tf.control_dependencies([tf.no_op(name="first")]):
        tf.exp(x, name="y")
    g = graph.to_networkx()
    assert list(g.nodes) == ["x", "first", "y"] and g.nodes["y"]["type"] == "Exp"
    edges = {(a, b): d for a, b, d in g.edges(data=True)}
    assert edges["x", "y"] == {"control": False, "tensor": "x:0", "shape": "(2,)", "dtype": "float32"}
    assert edges["first", "y"] == {"control": True}


def test_programs_note_things_on_tensors_and_operations():
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        x.scope, x.op.note, v = "layer", 3, tf.Variable(2.0)
        v.regularizable = True
        assert (x.scope, tf.get_default_graph().get_tensor_by_name("Const:0").op.note, v.regularizable) == (
            "layer",
            3,
            True,
        )
        with pytest.raises(AttributeError):
            x.shape = [2]


def test_what_is_no_tensor_may_know_how_to_meet_one():
    class Scaled:
        def __rmul__(self, tensor):
            return ("scaled", tensor)

    x = tf.constant([1.0, 2.0])
    scaled = Scaled()
    assert x * scaled == ("scaled", x) and tf.Variable([1.0]) * scaled
    with pytest.raises(TypeError):
        x + scaled
