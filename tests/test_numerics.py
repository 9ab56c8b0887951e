"""check_numerics: the first operation, in the order of the program, that makes a NaN or an infinity."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

CHECK = tf.ConfigProto(check_numerics=True)


@pytest.fixture(autouse=True, params=["cpu", "reference"])
def backend(request):
    with tf.Graph().as_default(), tf.config(backend=request.param):
        yield request.param


def complaint(session, fetches, feeds=None):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        session.run(fetches, feeds)
    return str(raised.value)


def test_the_operation_inside_a_kernel():
    x = tf.placeholder(tf.float32, [3], name="x")
    y = tf.reduce_sum(tf.exp(tf.negative(tf.log(x, name="inner"), name="outer")) * 2.0)
    with tf.Session(config=CHECK) as session:
        assert session.run(y, {x: [1.0, 1.0, 1.0]}) == 6.0
        text = complaint(session, y, {x: [1.0, 0.0, -1.0]})
        assert session.run(y, {x: [1.0, 1.0, 1.0]}) == 6.0  # it stays usable
    lines = text.splitlines()
    assert (
        lines[0]
        == "the result is not finite, though every input is: 1 NaN and 1 infinite of 3 values, the first at [1]"
    )
    assert lines[1].startswith(f"in Log 'inner', created at {__file__}:")
    assert lines[2].strip() == 'y = tf.reduce_sum(tf.exp(tf.negative(tf.log(x, name="inner"), name="outer")) * 2.0)'
    assert "  values of 'x:0': float32(3,), from -1 to 1, mean 0, 1 zeros" in lines
    assert lines[-1].startswith("hint: the logarithm of 0 is infinite")


def test_the_first_in_the_order_of_the_program():
    """Kernels run in another order than the operations were made in."""
    x = tf.placeholder(tf.float32, [4], name="x")
    early = tf.log(x, name="early")
    late = tf.matmul(tf.reshape(tf.sqrt(x, name="late"), [2, 2]), tf.ones([2, 2]))
    both = tf.reduce_sum(late) + tf.reduce_sum(early * 2.0)
    with tf.Session(config=CHECK) as session:
        assert "in Log 'early'" in complaint(session, both, {x: [-1.0, 1.0, 1.0, 1.0]})


def test_gradients_and_the_operation_that_they_belong_to():
    v = tf.Variable([4.0, 0.0], name="v")
    loss = tf.reduce_sum(tf.sqrt(v, name="root"))
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    with tf.Session(config=CHECK) as session:
        session.run(v.initializer)
        assert session.run(loss) == 2.0
        text = complaint(session, step)
        assert "it belongs to the gradient of Sqrt 'root', created at" in text and "gradients/root_grad/" in text
        assert session.run(v).tolist() == [4.0, 0.0]


def test_the_state_of_an_optimizer_and_nothing_is_lost():
    x = tf.placeholder(tf.float32, [], name="x")
    w = tf.Variable(1.0, name="w")
    drawn = tf.random_uniform([], seed=3)
    count = tf.Variable(0.0)
    bump = count.assign_add(1.0)
    step = tf.train.AdamOptimizer(0.1).minimize(w * x)
    with tf.Session(config=CHECK) as session:
        session.run(tf.global_variables_initializer())
        session.run([step, bump, drawn], {x: 1.0})
        state = session.run(tf.global_variables())
        text = complaint(session, [step, bump, drawn], {x: 1e30})  # its square is too large for float32
        assert "in ApplyAdam" in text and "'w:0'" in text
        assert session.run(tf.global_variables()) == state
        second = session.run(drawn)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert [session.run(drawn), session.run(drawn)][1] == second


def test_what_a_run_is_given():
    x = tf.placeholder(tf.float32, [2], name="x")
    w = tf.Variable([1.0, 2.0], name="w")
    y = tf.reduce_sum(x * w)
    with tf.Session(config=CHECK) as session:
        session.run(w.initializer)
        assert complaint(session, y, {x: [1.0, np.nan]}).startswith("the value fed for 'x' is not finite: 1 NaN")
        assert "'w/initial_value' is not finite" in complaint(session, w.initializer, {w.initial_value: [np.nan, 1.0]})
    with tf.Session() as session:
        w.load([np.nan, 1.0], session)
        with tf.config(check="nan"):
            assert complaint(session, y, {x: [1.0, 1.0]}).startswith("the variable 'w' is not finite: 1 NaN")


def test_an_infinity_that_is_meant():
    scores = tf.placeholder(tf.float32, [3], name="scores")
    masked = tf.where([True, False, True], scores, tf.fill([3], -np.inf))
    with tf.Session(config=CHECK) as session:
        assert session.run(tf.nn.softmax(masked), {scores: [1.0, 5.0, 1.0]}).tolist() == [0.5, 0.0, 0.5]


def test_convolutions_whose_images_lie_in_lanes():
    """Lanes that hold no image, as with 5 of them, hold what is not looked at."""
    x = tf.placeholder(tf.float32, [5, 16, 16, 1], name="x")
    h = tf.nn.conv2d(x, tf.ones([3, 3, 1, 4]), [1, 1, 1, 1], "SAME")
    h = tf.nn.conv2d(tf.log(h, name="between"), tf.ones([3, 3, 4, 4]), [1, 1, 1, 1], "SAME")
    with tf.Session(config=CHECK) as session:
        assert np.isfinite(session.run(h, {x: np.ones((5, 16, 16, 1))})).all()
        assert "in Log 'between'" in complaint(session, h, {x: np.zeros((5, 16, 16, 1))})


def test_loops_and_branches():
    x = tf.placeholder(tf.float32, [], name="x")
    _, loop = tf.while_loop(
        lambda i, a: i < 5, lambda i, a: (i + 1, tf.divide(a, 3.0 - tf.cast(i, tf.float32))), [0, x]
    )
    branch = tf.cond(x > 0.0, lambda: tf.log(x - 1.0, name="inside"), lambda: x)
    with tf.Session(config=CHECK) as session:
        assert "in RealDiv 'while/" in complaint(session, loop, {x: 1.0})
        assert session.run(branch, {x: -1.0}) == -1.0
        assert "in Log 'cond/inside'" in complaint(session, branch, {x: 1.0})


def test_a_run_that_cannot_be_repeated():
    calls = []

    def count(a):
        calls.append(1)
        return a

    x = tf.placeholder(tf.float32, [2], name="x")
    told = tf.py_func(count, [x], tf.float32)
    told.set_shape([2])
    y = tf.log(told, name="after") * 2.0
    with tf.Session(config=CHECK) as session:
        assert "in Log 'after'" in complaint(session, y, {x: [1.0, 0.0]})
    assert calls == [1]


def test_the_switch():
    x = tf.placeholder(tf.float32, [], name="x")
    y = tf.log(x)
    with tf.Session() as session:
        assert session.run(y, {x: 0.0}) == -np.inf
    with tf.config(check="nan"), tf.Session() as session:
        assert "in Log 'Log'" in complaint(session, y, {x: 0.0})
    with tf.config(check="1,nan"), tf.Session() as session:
        assert session.run(y, {x: 1.0}) == 0.0
    with pytest.raises(ValueError, match="GRAPHFLOW_CHECK is 1, nan or 1,nan, not 'nna'"), tf.config(check="nna"):
        pass
