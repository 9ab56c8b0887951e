"""Compiled pools: every geometry, width and number of threads, beside memory that may not be touched."""

import itertools

import numpy as np
import pytest
from native import isolated, run, walled

import graphflow as tf
from graphflow.backends.cpu.kernels import BINDINGS
from graphflow.config import config
from graphflow.graph import Graph
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.pool import AVG_POOL_GRAD, MAX_POOL_GRAD, avg_pool, max_pool
from graphflow.testing import assert_close

# images, window, strides, padding
CASES = (
    ((2, 4, 6, 3), (2, 2), (2, 2), "VALID"),
    ((2, 5, 4, 19), (3, 3), (1, 1), "SAME"),
    ((1, 5, 6, 1), (2, 3), (2, 1), "SAME"),
    ((1, 6, 7, 70), (3, 2), (2, 3), "VALID"),
    ((1, 3, 2, 1), (5, 5), (1, 1), "SAME"),
    ((3, 4, 4, 4), (1, 1), (3, 3), "VALID"),
    ((2, 7, 7, 5), (7, 7), (1, 1), "VALID"),
    ((2, 3, 8, 16), (2, 2), (2, 2), "SAME"),
    ((0, 4, 4, 2), (3, 3), (1, 1), "SAME"),
)


def check(make, *arrays):
    with Graph().as_default():
        op = make(*map(convert_to_tensor, arrays)).op
        call = BINDINGS[op.definition.lower(op).name](op)
        want = op.definition.compute(op, [t.op.attrs["value"] for t in op.inputs])[0]
    first = None
    for nthreads, at_end in itertools.product((1, 2, 3), (True, False)):
        made = walled(np.full(want.shape, 99, want.dtype), at_end)
        seen = walled(np.zeros((want.size // want.shape[-1], want.shape[-1]), np.int32), at_end)
        run(call, {t: walled(t.op.attrs["value"], at_end) for t in op.inputs} | {op.output: made}, nthreads, seen)
        assert (seen == 1).all(), (op.type, nthreads)
        assert_close(made, want, f"{op.type} {nthreads} threads")
        first = made if first is None else first
        assert made.tobytes() == first.tobytes(), (op.type, nthreads)


def all_four(x, window, strides, padding):
    attrs = {"ksize": (1, *window, 1), "strides": (1, *strides, 1), "padding": padding}
    with Graph().as_default():
        made = max_pool(convert_to_tensor(x), window, strides, padding)
    dy = np.random.default_rng(3).normal(size=made.dims).astype(x.dtype)
    check(lambda x: max_pool(x, window, strides, padding), x)
    check(lambda x: avg_pool(x, window, strides, padding), x)
    check(lambda x, y, dy: MAX_POOL_GRAD(x, y, dy, **attrs), x, np.zeros_like(dy), dy)
    check(lambda dy: AVG_POOL_GRAD(x.shape, dy, **attrs), dy)


@pytest.mark.parametrize("dtype, width", [("float32", 64), ("float64", 16)])
@isolated
def test_geometries(dtype, width):
    with config(vector_bytes=width):
        for images, *rest in CASES:
            ties = np.random.default_rng(1).integers(-3, 3, images)
            all_four(ties.astype(dtype), *rest)


@isolated
def test_nan_and_infinities():
    x = np.random.default_rng(1).integers(-3, 3, (2, 4, 6, 3)).astype("float32")
    x[1, :, :, 1] = np.nan
    x[1, 2:, :, 2] = np.inf
    x[0, :2, :2, 0] = [[-np.inf, -np.inf], [-np.inf, np.nan]]
    x[0, 2:, 2:4, 0] = -np.inf
    for window, strides, padding in (((2, 2), (2, 2), "VALID"), ((3, 3), (2, 2), "SAME"), ((5, 5), (1, 1), "SAME")):
        all_four(x, window, strides, padding)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@isolated
def test_integers(dtype):
    x = np.random.default_rng(1).integers(0, 200, (2, 5, 6, 7)).astype(dtype)
    check(lambda x: max_pool(x, 3, 2, "SAME"), x)


def test_pooling_finishes_with_what_follows_it():
    rng = np.random.default_rng(4)
    x = tf.placeholder(tf.float32, [3, 6, 7, 5])
    h = tf.nn.relu(x)
    y = tf.tanh(tf.nn.avg_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], "SAME") + rng.normal(size=5).astype("f"))
    z = tf.nn.relu(tf.nn.max_pool(h, [1, 3, 3, 1], [1, 2, 2, 1], "VALID") * 2.0 - 1.0)
    fetches = [y, z, tf.gradients(z, x)[0]]
    feeds = {x: rng.normal(size=(3, 6, 7, 5)).astype("f")}
    with tf.Session(backend="cpu") as session:
        plan = session.explain(fetches, feeds)
        made = session.run(fetches, feeds)
    assert all(step in plan for step in (" AvgPool+Add+Tanh ", " MaxPool+Mul+Sub+Relu", " MaxPoolGrad+ReluGrad "))
    with tf.Session(backend="reference") as session:
        for got, want in zip(made, session.run(fetches, feeds), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
