"""Variables: the order of reads and writes, initialization, assignment."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import BACKENDS


@pytest.fixture(params=BACKENDS)
def session(request):
    with tf.Graph().as_default() as g, tf.Session(graph=g, backend=request.param) as s:
        yield s


def test_a_run_reads_the_value_from_before_its_assignments(session):
    v = tf.Variable([1.0, 2.0])
    session.run(v.initializer)
    late = tf.assign_add(v, [10.0, 10.0])
    plain = v * 1.0
    read = v.read_value()
    got = session.run([v, plain, late, read, v.initialized_value(), tf.identity(v)])
    assert [g.tolist() for g in got] == [[1, 2], [1, 2], [11, 12], [11, 12], [11, 12], [1, 2]]
    assert session.run(v).tolist() == [11.0, 12.0]


def test_program_order_decides_between_writes(session):
    v = tf.Variable(1.0)
    a, first, b = v.assign_add(1.0), v.read_value(), v.assign(10.0)
    c, last = v.assign_add(5.0), v.read_value()
    session.run(v.initializer)
    assert session.run([c, last, b, first, a]) == [15.0, 15.0, 10.0, 2.0, 2.0]


def test_reads_under_control_dependencies_see_the_write(session):
    v = tf.Variable(1.0)
    with tf.control_dependencies([tf.assign_add(v, 1.0)]):
        after, both = v + 0.0, v.read_value() * 2.0
    session.run(v.initializer)
    assert session.run([after, both, v]) == [2.0, 4.0, 1.0]


def test_an_old_value_used_after_the_write_is_kept(session):
    v = tf.Variable(np.arange(6, dtype=np.float32).reshape(2, 3))
    new = v.assign(tf.transpose(tf.reshape(v * 2.0, [3, 2])))
    mixed = new - v  # v's old value, wanted after the write
    view = tf.reshape(v, [6]) + tf.reshape(new, [6])
    session.run(v.initializer)
    old = np.arange(6, dtype=np.float32).reshape(2, 3)
    want = (2 * old).reshape(3, 2).T
    got = session.run([mixed, view, new])
    np.testing.assert_array_equal(got[0], want - old)
    np.testing.assert_array_equal(got[1], old.ravel() + want.ravel())
    np.testing.assert_array_equal(got[2], session.run(v))


def test_swapping_two_variables(session):
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    swap = tf.group(a.assign(b), b.assign(a))
    session.run(tf.global_variables_initializer())
    session.run(swap)
    assert session.run([a, b]) == [2.0, 1.0]


def test_uninitialized_variables_are_named(session):
    v = tf.Variable([1.0], name="weights")
    w = tf.Variable([2.0], name="other")
    session.run(w.initializer)
    for use in (v, v + 1.0, v.assign_add([1.0]), v.read_value()):
        with pytest.raises(tf.errors.FailedPreconditionError, match="'weights'"):
            session.run([w, use])
    assert session.run([tf.is_variable_initialized(v), tf.is_variable_initialized(w)]) == [False, True]
    assert session.run(v.assign([5.0])).tolist() == [5.0] and session.run(v).tolist() == [5.0]


def test_every_session_has_its_own_values():
    with tf.Graph().as_default():
        v = tf.Variable(1.0)
        with tf.Session() as one, tf.Session() as two:
            one.run(v.initializer)
            one.run(v.assign(7.0))
            two.run(v.initializer)
            assert (one.run(v), two.run(v)) == (7.0, 1.0)


def test_initial_values_that_depend_on_other_variables(session):
    a = tf.Variable(tf.random_uniform([3], seed=1), name="a")
    b = tf.Variable(a.initialized_value() * 2.0, name="b")
    session.run(tf.global_variables_initializer())
    x, y = session.run([a, b])
    np.testing.assert_array_equal(x * 2, y)


def test_load_and_assignment_shapes(session):
    v = tf.Variable([1.0, 2.0])
    v.load([3, 4], session)
    assert v.eval(session).tolist() == [3.0, 4.0]
    with pytest.raises(ValueError):
        tf.assign(v, [1.0, 2.0, 3.0])
    x = tf.placeholder(tf.float32, None)
    bad = tf.assign(v, x)
    with pytest.raises(tf.errors.InvalidArgumentError):
        session.run(bad, {x: [1.0]})
    assert session.run(v).tolist() == [3.0, 4.0]


def test_shapes_may_change_without_validation(session):
    x = tf.placeholder(tf.float32, None)
    v = tf.Variable(x, validate_shape=False)
    assert v.shape.ndims is None
    doubled = v * 2.0
    grow = tf.assign(v, tf.concat([v, v], 0), validate_shape=False)
    session.run(v.initializer, {x: [1.0, 2.0]})
    assert session.run(doubled).tolist() == [2.0, 4.0]
    assert session.run(grow).tolist() == [1.0, 2.0, 1.0, 2.0]
    assert session.run(doubled).tolist() == [2.0, 4.0, 2.0, 4.0]
    with pytest.raises(ValueError):
        tf.Variable(x)


def test_scatter_and_strings(session):
    v = tf.Variable(np.zeros((3, 2), np.float32))
    s = tf.Variable(["a", "b"])
    session.run(tf.global_variables_initializer())
    assert session.run(tf.scatter_add(v, [0, 0, 2], np.ones((3, 2)))).tolist() == [[2, 2], [0, 0], [1, 1]]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"indices\[1\] = 3"):
        session.run(tf.scatter_update(v, [0, 3], np.ones((2, 2))))
    assert session.run(v)[0].tolist() == [2.0, 2.0]
    assert session.run(s.assign(["c", "d"])).tolist() == [b"c", b"d"]


def test_a_variable_from_its_definition():
    with tf.Graph().as_default():
        with tf.name_scope("a"):
            v = tf.Variable([1.0, 2.0], trainable=False, name="v")
        same = tf.Variable.from_proto(v.to_proto())
        inner = v.to_proto("a")
        assert (inner.variable_name, inner.snapshot_name, inner.trainable) == ("v:0", "v/read:0", False)
        again = tf.Variable(variable_def=inner, import_scope="a")
        assert same.op is again.op is v.op and tf.global_variables() == [v] and v.to_proto("b") is None
        with tf.Session() as s:
            s.run(same.initializer)
            s.run(again.assign_add([1.0, 1.0]))
            assert s.run(v).tolist() == [2.0, 3.0] == s.run(same + 0.0).tolist()
        with pytest.raises(ValueError, match="not both"):
            tf.Variable(1.0, variable_def=inner)
        with pytest.raises(KeyError):
            tf.Variable.from_proto(inner)


def test_collections_and_names():
    with tf.Graph().as_default():
        v, w = tf.Variable(1.0, name="v"), tf.Variable(1.0, trainable=False, name="v")
        local = tf.Variable(1.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False)
        assert [x.name for x in tf.global_variables()] == ["v:0", "v_1:0"]
        assert tf.trainable_variables() == [v] and tf.local_variables() == [local]
        assert w.op.name == "v_1" and v.initializer.name == "v/Assign" and v.value().name == "v/read:0"
        with pytest.raises(TypeError):
            iter(v)


def test_scatter_nd(session):
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    session.run(v.initializer)
    assert session.run(v.scatter_nd_update([[0, 1]], [9.0])).tolist() == [[1, 9], [3, 4]]
    assert session.run(v.scatter_nd_add([[1], [1]], [[1.0, 0.0], [1.0, 1.0]])).tolist() == [[1, 9], [5, 5]]
    assert session.run(v.scatter_nd_sub([[0, 0]], [1.0])).tolist() == [[0, 9], [5, 5]]
    assert session.run(v).tolist() == [[0, 9], [5, 5]]
    with pytest.raises(tf.errors.InvalidArgumentError):
        session.run(tf.scatter_nd_update(v, [[2, 0]], [1.0]))
    with pytest.raises(ValueError):
        tf.scatter_nd_add(v, [[0, 0, 0]], [1.0])


def test_count_up_to(session):
    v = tf.Variable(0)
    step = v.count_up_to(2)
    session.run(v.initializer)
    assert [session.run(step), session.run(step)] == [0, 1]
    with pytest.raises(tf.errors.OutOfRangeError):
        session.run(step)
    assert session.run(v) == 2


def test_assert_variables_initialized(session):
    assert tf.assert_variables_initialized() is None
    v, w = tf.Variable(1.0), tf.Variable(2.0)
    check = tf.assert_variables_initialized([v, w])
    session.run(v.initializer)
    with pytest.raises(tf.errors.FailedPreconditionError):
        session.run(check)
    session.run(w.initializer)
    session.run(check)


def test_a_part_of_a_variable_is_assigned(session):
    v = tf.Variable(np.arange(12, dtype=np.float32).reshape(3, 4))
    session.run(v.initializer)
    want = np.arange(12, dtype=np.float32).reshape(3, 4)
    i = tf.placeholder(tf.int32, [])
    for part, key, value in (
        (v[1, 2], (1, 2), 50.0), (v[0], 0, [1.0, 2.0, 3.0, 4.0]), (v[1:, ::-2], (slice(1, None), slice(None, None, -2)),
        [[5.0, 6.0], [7.0, 8.0]]), (v[i, ...], (2, ...), [9.0] * 4),
        (v[:, None, 3], (slice(None), None, 3), [[1.0]] * 3),
    ):  # fmt: skip
        want[key] = value
        got = session.run(part.assign(value), {i: 2})
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(session.run(v), want)
    second = tf.strided_slice(v, [0, 0], [1, 1], var=v).assign([[77.0]], name="set")
    assert (second.op.name, second.op.type) == ("set", "StridedSliceAssign")
    both = [v[0, 1].assign(3.0), v[0, 2].assign(4.0)]
    session.run([second, *both])
    np.testing.assert_array_equal(session.run(v)[0], [77.0, 3.0, 4.0, 1.0])
    with pytest.raises(ValueError):
        v[0].assign([1.0, 2.0])
    wrong = v[0].assign(tf.placeholder_with_default([1.0, 2.0], [None]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible"):
        session.run(wrong)
    assert not hasattr(tf.constant([1.0])[0], "assign")


def test_only_variables_are_assigned_to(session):
    for call in (tf.assign, tf.assign_add):
        with pytest.raises(AttributeError, match="is not a variable"):
            call(tf.constant(1.0), 2.0)
