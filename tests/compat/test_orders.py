"""Functions that take their arguments in the order of TensorFlow 0.x too."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow.compat import orders, warn


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(warn, "_given", set())
    with tf.Graph().as_default():
        yield


def value(tensors):
    with tf.Session() as session:
        return session.run(tensors)


X = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x: f(1, [x, x]),
        lambda f, x: f(tf.constant(1), [x, x]),
        lambda f, x: f(np.int64(1), (x, x), "name"),
        lambda f, x: f(concat_dim=1, values=[x, x]),
        lambda f, x: f([x, x], concat_dim=1),
        lambda f, x: f(values=[x, x], axis=1),
        lambda f, x: f([x, x], 1),
    ],
)
def test_concat(call, recwarn):
    got = call(orders.concat(tf.concat), tf.constant(X))
    assert np.array_equal(value(got), np.concatenate([X, X], 1))


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x: f(1, 3, x),
        lambda f, x: f(split_dim=1, num_split=3, value=x),
        lambda f, x: f(1, 3, x, name="n"),
        lambda f, x: f(x, 3, 1),
        lambda f, x: f(x, [1, 1, 1], axis=1),
        lambda f, x: f(value=x, num_or_size_splits=3, axis=-1),
    ],
)
def test_split(call, recwarn):
    got = call(orders.split(tf.split), tf.constant(X))
    assert np.array_equal(value(got), [X[:, i : i + 1] for i in range(3)])


def test_reverse():
    f = orders.reverse(tf.reverse)
    with pytest.warns(FutureWarning, match=r"tf.reverse\(tensor, \[0\]\)"):
        old = f(X, [False, True])
    assert np.array_equal(value([old, f(X, dims=[False, True]), f(X, [1])]), [X[:, ::-1]] * 3)


@pytest.mark.parametrize("name", ["softmax", "sparse_softmax", "sigmoid"])
def test_cross_entropies(name):
    today = getattr(tf.nn, f"{name}_cross_entropy_with_logits")
    f = orders.logits_first(today)
    logits = tf.constant(X, tf.float32)
    labels = tf.constant([0, 2]) if name == "sparse_softmax" else tf.constant(X / 10, tf.float32)
    with pytest.warns(FutureWarning, match=rf"tf.nn.{name}_\w+\(labels=labels, logits=logits\)"):
        results = [f(logits, labels), f(logits, labels, "named")]
    results += [f(labels=labels, logits=logits), f(logits=logits, targets=labels), today(labels=labels, logits=logits)]
    got = value(results)
    assert results[1].op.name.startswith("named") and all(np.array_equal(one, got[-1]) for one in got)


def test_sampled_losses_know_inputs_by_their_dtype():
    def nce_loss(weights, biases, labels, inputs, num_sampled, num_classes=0):
        return labels, inputs, num_sampled, num_classes

    f = orders.inputs_first(nce_loss)
    inputs, labels = tf.zeros([2, 3]), tf.constant([[1], [2]], tf.int64)
    with pytest.warns(FutureWarning, match=r"nce_loss\(weights, biases, labels, inputs\)"):
        assert f(0, 0, inputs, labels, 5, 6) == (labels, inputs, 5, 6)
    assert f(0, 0, labels, inputs, 5, num_classes=6) == f(
        0, 0, inputs=inputs, labels=labels, num_sampled=5, num_classes=6
    )


def test_resize_images():
    f = orders.resize_images(lambda images, size, method=0, align_corners=False: (size, method, align_corners))
    with pytest.warns(FutureWarning, match=r"resize_images\(images, \[height, width\]\)"):
        assert f(X, 3, 4) == ([3, 4], 0, False) and f(X, 3, 4, 1, align_corners=True) == ([3, 4], 1, True)
    assert f(X, [3, 4], 1) == ([3, 4], 1, False) and f(X, size=(3, 4)) == ((3, 4), 0, False)


def test_summaries_take_the_tag_first():
    f = orders.summary(lambda name, tensor, max_outputs=3, collections=None: (name, tensor, max_outputs, collections))
    assert f("loss", 1.0) == f(tags="loss", values=1.0) == f("loss", 1.0, name="op") == ("loss", 1.0, 3, None)
    assert f("images", tensor=2.0, max_images=5, collections=["k"]) == ("images", 2.0, 5, ["k"])


def test_selection_and_products():
    a, b = tf.constant(X), tf.constant(-X)
    chosen = orders.select(tf.where)(a > 2, t=a, e=b)
    product = orders.batch_matmul(tf.matmul)(a, b, adj_y=True)
    assert np.array_equal(value(chosen), np.where(X > 2, X, -X)) and np.array_equal(value(product), -X @ X.T)
