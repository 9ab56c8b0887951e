"""arg_scope: which defaults are in force where."""

import threading

import pytest

import graphflow as tf
from graphflow.contrib.framework import (
    add_arg_scope,
    arg_scope,
    arg_scoped_arguments,
    current_arg_scope,
    has_arg_scope,
)


@add_arg_scope
def f(a, b=1, c=2):
    """Its own words."""
    return a, b, c


@add_arg_scope
def g(a, b=3):
    return a, b


def test_defaults_inside_a_block():
    with arg_scope([f, g], b=5):
        assert (f(0), f(0, b=7), g(0)) == ((0, 5, 2), (0, 7, 2), (0, 5))
        with arg_scope([f], c=6):
            assert (f(0), g(0)) == ((0, 5, 6), (0, 5))
            with arg_scope([f], b=8):
                assert f(0) == (0, 8, 6)
        assert f(0) == (0, 5, 2)
        with pytest.raises(TypeError, match="multiple values"):
            f(0, 3)
    assert (f(0), g(0), current_arg_scope()) == ((0, 1, 2), (0, 3), {})


def test_a_scope_can_be_entered_again_and_replaces_what_is_in_force():
    with arg_scope([f], b=5) as scope:
        pass
    with arg_scope([g], b=9), arg_scope(scope) as again:
        assert (f(0), g(0)) == ((0, 5, 2), (0, 3)) and again == scope
        with pytest.raises(ValueError, match="no further arguments"), arg_scope(scope, c=1):
            pass
    assert f(0) == (0, 1, 2)


def test_errors_leave_the_block():
    with pytest.raises(KeyError), arg_scope([f], b=5):
        raise KeyError
    assert f(0) == (0, 1, 2)


def test_only_decorated_functions():
    with pytest.raises(ValueError, match="'dense' is not decorated"), arg_scope([tf.layers.dense], units=3):
        pass
    with pytest.raises(TypeError, match="list of functions"), arg_scope(f, b=3):
        pass
    assert has_arg_scope(f) and not has_arg_scope(len) and arg_scoped_arguments(f) == ("b", "c")
    assert (f.__name__, f.__doc__) == ("f", "Its own words.")
    assert tf.contrib.slim.conv2d is tf.contrib.layers.conv2d and has_arg_scope(tf.contrib.slim.conv2d)


def test_threads_have_scopes_of_their_own():
    found = []
    with arg_scope([f], b=5):
        thread = threading.Thread(target=lambda: found.append(f(0)))
        thread.start()
        thread.join()
    assert found == [(0, 1, 2)]


def test_layers_in_a_scope():
    slim = tf.contrib.slim
    with tf.Graph().as_default():
        rule = slim.l2_regularizer(0.1)
        with slim.arg_scope([slim.conv2d, slim.fully_connected], activation_fn=tf.nn.elu, weights_regularizer=rule):
            with slim.arg_scope([slim.conv2d], padding="VALID"):
                y = slim.conv2d(tf.ones([2, 8, 8, 3]), 4, 3)
            z = slim.fully_connected(slim.flatten(y), 3, activation_fn=None)
        assert (y.name, y.shape.as_list(), z.name) == ("Conv/Elu:0", [2, 6, 6, 4], "fully_connected/BiasAdd:0")
        assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 2
        with slim.arg_scope([slim.model_variable, slim.variable], device="/cpu:0"):
            assert slim.bias_add(z).name == "BiasAdd/BiasAdd:0"
