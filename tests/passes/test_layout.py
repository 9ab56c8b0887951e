"""Layout assignment: what it makes of a program, that values stay, and when it leaves a program alone."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import graphflow as tf
from graphflow.config import config
from graphflow.ops.lanes import from_lanes_of, to_lanes_of
from graphflow.passes import optimize
from graphflow.passes.layout import assign_layouts

CHANNELS = 1, 3, 2


def network(n, size=9, extra=lambda h: h):
    """(loss and gradients, feeds) of two convolutions with bias and relu."""
    rng = np.random.default_rng(n)
    x = tf.placeholder(tf.float32, [None, size, size, CHANNELS[0]], name="x")
    h, weights = x, []
    for before, after in pairwise(CHANNELS):
        w, b = rng.normal(size=(3, 3, before, after)).astype("f"), rng.normal(size=after).astype("f")
        weights += [tf.Variable(w, name="w"), tf.Variable(b, name="b")]
        h = extra(tf.nn.relu(tf.nn.conv2d(h, weights[-2], [1, 1, 1, 1], "SAME") + weights[-1]))
    loss = tf.reduce_sum(tf.square(h))
    return [loss, *tf.gradients(loss, weights)], {x: rng.normal(size=(n, size, size, CHANNELS[0])).astype("f")}


def run(fetches, feeds, **switches):
    with config(backend="cpu", check=1, **switches), tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feeds), session.explain(fetches, feeds)


@pytest.mark.parametrize("width", [64, 32, 16])
@pytest.mark.parametrize("n", [64, 37])
def test_values_stay(width, n):
    fetches, feeds = network(n)
    made, plan = run(fetches, feeds, vector_bytes=width)
    want, other = run(fetches, feeds, vector_bytes=width, skip="assign_layouts")
    assert "LanesConv2D" in plan and "Lanes" not in other
    for a, b in zip(made, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5 * np.abs(b).max())


def test_images_are_turned_once_and_biases_come_with_filters():
    fetches, feeds = network(64)
    plan = run(fetches, feeds, vector_bytes=32)[1]
    steps = [line.split()[3] for line in plan.split("plan   ")[1].splitlines() if line[:4].strip().isdigit()]
    assert Counter(steps) == {
        "ToLanes": 1, "LanesConv2D+Add+Relu": 1, "LanesConv2D+Add+Relu+Square": 1, "LanesConv2DBackpropFilter": 2,
        "LanesConv2DBackpropInput+ReluGrad": 1, "FromLanes": 1, "BroadcastTo": 2, "Sum": 1, "Mul+Mul+ReluGrad": 1,
    }  # fmt: skip


def test_the_reference_knows_one_layout():
    fetches, feeds = network(64)
    with config(backend="reference"), tf.Session() as session:
        assert "Lanes" not in session.explain(fetches, feeds)


def test_one_convolution_alone_turns_its_images_itself():
    x = tf.placeholder(tf.float32, [64, 8, 8, 1])
    y = tf.nn.conv2d(x, tf.ones([3, 3, 1, 2]), [1, 1, 1, 1], "SAME")
    with config(backend="cpu", vector_bytes=32), tf.Session() as session:
        assert "Lanes" not in session.explain(y, {x: np.ones((64, 8, 8, 1))})


def test_lanes_without_an_image_do_not_matter():
    fetches, feeds = network(33, extra=lambda h: tf.exp(h * 0.1) - 1.0)
    made = run(fetches, feeds, vector_bytes=64)[0]
    want = run(fetches, feeds, skip="assign_layouts")[0]
    for a, b in zip(made, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())
    x = next(iter(feeds))
    feeds[x][5, 1, 1, 0] = np.nan
    made, want = run(fetches, feeds, vector_bytes=64)[0], run(fetches, feeds, skip="assign_layouts")[0]
    for a, b in zip(made, want, strict=True):
        assert (np.isnan(a) == np.isnan(b)).all()
    assert any(np.isnan(b).any() for b in want)


def test_one_channel_has_a_bias_too():
    rng = np.random.default_rng(3)
    x = tf.placeholder(tf.float32, [16, 6, 6, 3])
    h = tf.nn.bias_add(tf.nn.conv2d(x, rng.normal(size=(3, 3, 3, 2)).astype("f"), [1, 1, 1, 1], "SAME"), [1.0, 2.0])
    y = tf.nn.bias_add(tf.nn.conv2d(h, rng.normal(size=(3, 3, 2, 1)).astype("f"), [1, 1, 1, 1], "SAME"), [3.0])
    feeds = {x: rng.normal(size=(16, 6, 6, 3)).astype("f")}
    made, plan = run(y * tf.constant([2.0]), feeds, vector_bytes=32)
    assert "LanesConv2D" in plan
    np.testing.assert_allclose(made, run(y * 2.0, feeds, skip="assign_layouts")[0], rtol=1e-5, atol=1e-4)


def test_twice_is_once():
    fetches, feeds = network(64)
    seen = []

    def spy(program, report=None, layouts=None, *others):
        made = assign_layouts(program, None, layouts)
        assert assign_layouts(made, None, layouts) is made
        seen.append(made)
        return optimize(program, report, layouts, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphflow.compiler.optimize", spy)
        run(fetches, feeds, vector_bytes=32)
    assert seen


@pytest.mark.parametrize("n", [1, 4, 7])
def test_references_are_inverse(n):
    x = np.random.default_rng(0).normal(size=(n, 2, 3, 5))
    turned = to_lanes_of(x, 4)
    assert turned.shape == (-(-n // 4), 2, 3, 20) and (from_lanes_of(turned, n, 4) == x).all()
    assert (turned[0, 1, 2, 4:8] == [x[i, 1, 2, 1] if i < n else 0 for i in range(4)]).all()
