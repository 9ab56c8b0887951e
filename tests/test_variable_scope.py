"""Variable scopes: names, sharing, defaults, regularizers, custom getters, templates."""

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def names(variables):
    return [v.name for v in variables]


def initialized(*fetches):
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        return s.run(list(fetches))


def test_names_follow_variable_scopes_and_operations_name_scopes():
    with tf.variable_scope("a"):
        with tf.name_scope("n"):
            v, op = tf.get_variable("v", [2]), tf.add(1.0, 2.0)
        with tf.variable_scope("b"):
            w = tf.get_variable("w", [1])
    with tf.variable_scope("a") as again:
        x, y = tf.get_variable("x", [1]), tf.Variable(1.0, name="y")
        z = tf.add(1.0, 2.0)
    assert names([v, w, x, y, op, z]) == ["a/v:0", "a/b/w:0", "a/x:0", "a_1/y:0", "a/n/Add:0", "a_1/Add:0"]
    assert again.name == "a" and again.original_name_scope == "a_1/"
    assert names(tf.trainable_variables("a/")) == ["a/v:0", "a/b/w:0", "a/x:0"]


def test_default_names_are_unique_and_free_again_in_a_new_parent():
    def layer():
        with tf.variable_scope(None, "fc"):
            return tf.get_variable("w", [1]).name

    with tf.variable_scope("net"):
        first = [layer(), layer()]
    with tf.variable_scope("net", reuse=True):
        second = [layer(), layer()]
    assert first == second == ["net/fc/w:0", "net/fc_1/w:0"]
    assert layer() == "fc/w:0"


def test_reuse_is_inherited_and_cannot_be_undone():
    with tf.variable_scope("a"):
        v = tf.get_variable("v", [1])
    with tf.variable_scope("a", reuse=True):
        with tf.variable_scope("b", reuse=False) as inner:
            assert inner.reuse
        assert tf.get_variable("v") is v and tf.get_variable("v", [None]) is v
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        assert tf.get_variable("v", [1]) is v and tf.get_variable("w", [1]).name == "a/w:0"
    assert not tf.get_variable_scope().reuse


def test_scope_objects_jump_to_their_name():
    with tf.variable_scope("a", initializer=tf.ones_initializer()) as a:
        v = tf.get_variable("v", [1])
    with tf.variable_scope("b"):
        with tf.variable_scope(a, reuse=True) as inner:
            assert inner.name == "a" and tf.get_variable("v", [1]) is v
            assert tf.add(1.0, 2.0).name == "b/a/Add:0" and inner.original_name_scope == "a/"
        with tf.variable_scope(a):
            assert tf.get_variable("u", [1]).name == "a/u:0"
    with tf.variable_scope(a, auxiliary_name_scope=False):
        assert tf.add(1.0, 2.0).name == "Add:0"
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        assert tf.add(1.0, 2.0).name == "Add_1:0"
    assert names(a.trainable_variables()) == names(a.global_variables()) == ["a/v:0", "a/u:0"]
    assert a.local_variables() == []


@pytest.mark.parametrize(
    "fails",
    [
        lambda: tf.get_variable("v", [2]),
        lambda: tf.get_variable("new"),
        lambda: tf.get_variable("new", [None, 2]),
        lambda: tf.get_variable("new", [2], initializer=[1.0, 2.0]),
        lambda: tf.get_variable("new", dtype=tf.int32, initializer=np.zeros(2, np.float32)),
        lambda: tf.get_variable("new", [2], tf.complex64),
        lambda: tf.variable_scope(None, "d", reuse=True),
        lambda: tf.variable_scope("a", reuse="yes"),
    ],
)
def test_value_errors(fails):
    tf.get_variable("v", [2])
    with pytest.raises(ValueError):
        fails()


def test_errors_of_reuse():
    tf.get_variable("v", [2])
    with tf.variable_scope("", reuse=True):
        for arguments in [("w", [2]), ("v", [3]), ("v", [2], tf.int32)]:
            with pytest.raises(ValueError):
                tf.get_variable(*arguments)
    with pytest.raises(TypeError):
        tf.variable_scope(None)
    with pytest.raises(TypeError):
        tf.variable_scope(3)


def test_initializers():
    x = tf.get_variable("x", initializer=np.arange(3.0))
    y = tf.get_variable("y", initializer=[[1, 2]])
    z = tf.get_variable("z", initializer=tf.ones([2]) * 3, dtype=tf.float32)
    u = tf.get_variable("u", [2, 2], initializer=tf.ones_initializer)
    f = tf.get_variable("f", initializer=lambda: tf.fill([2], 7))
    g = tf.get_variable("g", [2], tf.float64, lambda shape, dtype: tf.fill(shape, tf.constant(2, dtype)))
    n, b = tf.get_variable("n", [2], tf.int64), tf.get_variable("b", [1], tf.bool)
    w = tf.get_variable("w", [100, 50])
    assert [v.dtype.name for v in (x, y, f, g, n, b, w)] == [
        "float64", "int32", "int32", "float64", "int64", "bool", "float32",
    ]  # fmt: skip
    got = initialized(x, y, z, u, f, g, n, b, w)
    assert [a.tolist() for a in got[:-1]] == [
        [0, 1, 2], [[1, 2]], [3, 3], [[1, 1], [1, 1]], [7, 7], [2, 2], [0, 0], [False],
    ]  # fmt: skip
    limit = (6 / 150) ** 0.5
    assert 0.95 * limit < abs(got[-1]).max() <= limit
    with tf.variable_scope("", reuse=True):
        assert tf.get_variable("y", initializer=[[5, 6]]) is y


def test_defaults_of_scopes():
    with tf.variable_scope("a", initializer=tf.constant_initializer(4.0), dtype=tf.float64) as a:
        with tf.variable_scope("b"):
            v = tf.get_variable("v", [1])
        a.set_initializer(tf.constant_initializer(5.0))
        a.set_dtype(tf.float32)
        w = tf.get_variable("w", [1])
        x = tf.get_variable("x", [1], initializer=tf.zeros_initializer())
    assert (v.dtype, w.dtype) == (tf.float64, tf.float32)
    assert [a.tolist() for a in initialized(v, w, x)] == [[4.0], [5.0], [0.0]]


def test_regularizers():
    half = lambda v: 0.5 * tf.reduce_sum(tf.square(v))
    with tf.variable_scope("a", regularizer=half):
        v = tf.get_variable("v", initializer=[1.0, 2.0])
        tf.get_variable("w", [1], regularizer=tf.no_regularizer)
        tf.get_variable("x", initializer=[2.0], regularizer=lambda v: tf.reduce_sum(v))
    with tf.variable_scope("a", regularizer=half, reuse=True):
        assert tf.get_variable("v") is v
    losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert initialized(*losses) == [2.5, 2.0] and losses[0].name.startswith("a/v/Regularizer/")


def test_collections_and_local_variables():
    a = tf.get_variable("a", [1], trainable=False)
    b = tf.get_variable("b", [1], collections=["mine"])
    c = tf.get_local_variable("c", [1])
    assert tf.global_variables() == [a] and tf.local_variables() == [c]
    assert tf.trainable_variables() == [b] and tf.get_collection("mine") == [b]


def test_custom_getters_nest():
    asked = []

    def outer(getter, name, *args, **kwargs):
        asked.append(("outer", name))
        return getter(name, *args, **kwargs) * 2.0

    def inner(getter, name, *args, **kwargs):
        asked.append(("inner", name))
        return getter(name, *args, **kwargs) + 1.0

    ones = tf.ones_initializer()
    with tf.variable_scope("a", custom_getter=outer), tf.variable_scope("b", custom_getter=inner):
        v = tf.get_variable("v", [1], initializer=ones)
    assert asked == [("inner", "a/b/v"), ("outer", "a/b/v")]
    assert initialized(v)[0].tolist() == [3.0] and names(tf.global_variables()) == ["a/b/v:0"]


def test_variable_op_scope_has_the_older_order():
    with tf.variable_op_scope([tf.constant(1.0)], None, "fc") as scope:
        assert scope.name == "fc"


def test_scopes_are_left_after_an_error():
    with pytest.raises(KeyError), tf.variable_scope("a"), tf.variable_scope("b"):
        raise KeyError
    assert tf.get_variable_scope().name == "" and tf.add(1.0, 2.0).name == "Add:0"


def test_each_graph_has_its_own_variables():
    v = tf.get_variable("v", [1])
    with tf.Graph().as_default():
        assert tf.get_variable("v", [2]) is not v


def scaled(x, factor=1.0):
    return x * factor * tf.get_variable("w", [], initializer=tf.constant_initializer(3.0))


def test_templates_share_their_variables():
    first, second = tf.make_template("t", scaled, factor=2.0), tf.make_template("t", scaled)
    assert first.variables == [] and first.variable_scope_name is None
    a, b, c = first(1.0), first(2.0), second(1.0)
    assert names(tf.global_variables()) == ["t/w:0", "t_1/w:0"]
    assert first.variable_scope_name == "t" and names(first.variables) == names(first.trainable_variables) == ["t/w:0"]
    assert initialized(a, b, c) == [6.0, 12.0, 3.0]
    now = tf.make_template("now", scaled, create_scope_now_=True)
    with tf.variable_scope("elsewhere"):
        now(1.0)
        now(2.0)
    assert names(now.variables) == ["now/w:0"]


def test_a_template_makes_no_variables_after_its_first_call():
    t = tf.make_template("t", lambda x: x * tf.Variable(1.0))
    t(1.0)
    with pytest.raises(ValueError, match="after its first call"):
        t(1.0)


def test_a_shared_variable_has_a_name():
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match="needs a name"):
            tf.get_variable("", [2])
        with tf.variable_scope("a"), pytest.raises(ValueError, match="needs a name"):
            tf.get_variable("", [2])
