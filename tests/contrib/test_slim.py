"""contrib.slim's own: outputs by name, the sizes of a model, a step of training as one tensor."""

import numpy as np
import pytest

import graphflow as tf

slim = tf.contrib.slim


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def test_outputs_by_name():
    x = tf.ones([2, 6, 6, 3])
    with (
        slim.arg_scope([slim.conv2d, slim.max_pool2d, slim.flatten], outputs_collections="ends"),
        tf.variable_scope("n"),
    ):
        a = slim.conv2d(x, 4, 3, scope="a")
        b = slim.max_pool2d(a, 2, scope="b")
        c = slim.flatten(b, scope="c")
    assert slim.utils.collect_named_outputs("ends", "last/", c) is c
    tf.add_to_collection("ends", x)
    found = slim.utils.convert_collection_to_dict("ends")
    assert list(found) == ["n/a", "n/b", "n/c", "last", "ones"]
    assert list(found.values()) == [a, b, c, c, x]


def test_what_is_known():
    utils, x = tf.contrib.layers.utils, tf.placeholder(tf.float32, [None, 5])
    assert utils.last_dimension(x.shape, min_rank=2) == 5 == utils.first_dimension([5])
    assert utils.two_element_tuple(3) == (3, 3) and utils.two_element_tuple([1, tf.Dimension(2)]) == (1, 2)
    assert utils.constant_value(tf.constant(2)) == 2 and utils.constant_value(True) is True
    assert utils.constant_value(x) is None and utils.constant_value(tf.Variable(1.0)) is None
    for wrong in (lambda: utils.first_dimension(x.shape), lambda: utils.last_dimension(x.shape, 3),
                  lambda: utils.two_element_tuple([1, 2, 3])):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()


def test_sizes_of_a_model(graph, capsys):
    tf.get_variable("w", [5, 2])
    tf.get_variable("s", [], tf.int64)
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    assert slim.model_analyzer.analyze_vars(tf.global_variables()) == (11, 48)
    assert capsys.readouterr().out == ""
    slim.model_analyzer.analyze_vars(tf.global_variables(), print_info=True)
    out = capsys.readouterr().out
    assert "w:0 (float32_ref 5x2) [10, bytes: 40]\n" in out and "Total bytes of variables: 48" in out
    assert slim.model_analyzer.tensor_description(x) == "(float32 ?x2)"
    assert slim.model_analyzer.tensor_description(tf.placeholder(tf.int32)) == "(int32 unknown shape)"
    before = slim.model_analyzer.analyze_ops(graph)
    tf.zeros([3, 7], name="more")
    assert slim.model_analyzer.analyze_ops(graph, print_info=True) - before >= 21
    assert "more\t->\t(float32 3x7) [21, bytes: 84] [21]\n" in capsys.readouterr().out


def test_train_op():
    w = tf.get_variable("w", initializer=np.array([3.0, 4.0], np.float32))
    v = tf.get_variable("v", initializer=1.0)
    bump = v.assign_add(1.0)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, bump)
    sgd = tf.train.GradientDescentOptimizer(1.0)
    train = slim.learning.create_train_op(
        tf.reduce_sum(w * w), sgd, variables_to_train=[w], clip_gradient_norm=1.0, gradient_multipliers={"w": 0.25}
    )
    assert tf.get_collection(tf.GraphKeys.TRAIN_OP)[-1] is train
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(train) == 25.0
        got = session.run([w, v, tf.train.get_global_step()])
        np.testing.assert_allclose(got[0], [2.4, 3.2], rtol=1e-6)  # the gradient (6, 8) / 4 is longer than 1
        assert got[1:] == [2.0, 1]
        loose = slim.learning.create_train_op(tf.log(w[0] - 10.0), sgd, global_step=None, update_ops=[])
        with pytest.raises(tf.errors.InvalidArgumentError, match="LossTensor is inf or nan"):
            session.run(loose)
        doubled = slim.learning.create_train_op(
            tf.reduce_sum(tf.gather(w, [0, 0])), sgd, None, (), [w], clip_gradient_norm=0.5,
            transform_grads_fn=lambda pairs: pairs[:1],
        )  # fmt: skip
        first = session.run(w)
        session.run(doubled)
        np.testing.assert_allclose(first - session.run(w), [2 * 0.5 / np.sqrt(2), 0], rtol=1e-6)
        assert session.run([v, tf.train.get_global_step()]) == [2.0, 1]


def test_metrics_together():
    mse = tf.contrib.metrics.streaming_mean_squared_error([1.0, 3.0], [1.0, 1.0])
    hits = slim.metrics.streaming_accuracy([1, 2], [1, 1])
    values, updates = slim.metrics.aggregate_metric_map({"mse": mse, "hits": hits})
    assert slim.metrics.aggregate_metrics(mse, hits) == (list(values.values()), list(updates.values()))
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        session.run(list(updates.values()))
        assert session.run(values) == {"mse": 2.0, "hits": 0.5}
    with pytest.raises(ValueError):
        slim.metrics.aggregate_metrics()
