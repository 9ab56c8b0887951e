"""Products of matrices that are left to cuBLASLt: what it is asked for, in the simulator against NumPy.

With a GPU where cuBLASLt is installed, also what it gives.
"""

from __future__ import annotations

import gc
import importlib.util
from collections import Counter

import numpy as np
import pytest

import graphflow as tf
from graphflow.errors import InternalError
from graphflow.ops.fused import type_of
from tests.backends.cuda import lt
from tests.backends.cuda.ptxas import launches
from tests.backends.cuda.simulator import GPU, SIMULATED, inside


def _random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


@inside
@pytest.mark.parametrize(
    ("after", "known"),
    [
        (lambda y, b: y, ""),
        (lambda y, b: y + b, "bias"),
        (lambda y, b: tf.nn.bias_add(y, b), "bias"),
        (lambda y, b: tf.nn.relu(y), "relu"),
        (lambda y, b: tf.nn.relu(b + y), "bias relu"),
        (lambda y, b: tf.nn.relu(y) + b, None),
        (lambda y, b: y + 1.0, None),
        (lambda y, b: tf.nn.sigmoid(y + b), None),
    ],
)
def test_the_epilogues_that_cublas_knows(monkeypatch, after, known):
    from graphflow.backends.cuda.kernels import ANCHORS, product

    seen = []
    monkeypatch.setitem(ANCHORS, "matmul", lambda op, inputs, after, rest: seen.append(product._known(after)))
    with tf.Graph().as_default():
        x, w, b = (tf.placeholder(tf.float32, shape) for shape in ((3, 4), (4, 5), (5,)))
        launches([after(tf.matmul(x, w), b)], {x: _random(3, 4), w: _random(4, 5), b: _random(5)})
    assert known in seen


@pytest.mark.skipif(not SIMULATED, reason="for the simulator")
@pytest.mark.parametrize("shapes", [((5, 7), (7, 3)), ((2, 5, 7), (2, 7, 3)), ((2, 5, 7), (7, 3))], ids=str)
@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True)])
def test_products_by_a_library_and_what_follows_them(monkeypatch, shapes, flips):
    library = lt.Library()
    library.install(monkeypatch)
    a, w = (_random(*s) for s in shapes)
    a, w = (x.swapaxes(-1, -2).copy() if flip else x for x, flip in zip((a, w), flips, strict=True))
    with tf.Graph().as_default():
        x, b = tf.placeholder(tf.float32, a.shape), tf.constant(_random(3))
        y = tf.matmul(x, tf.constant(w), transpose_a=flips[0], transpose_b=flips[1])
        fetches = [y + b, tf.nn.relu(y * 1.5), tf.nn.sigmoid(y + b), tf.nn.relu(y + b)]
        made = [tf.Session(backend=backend).run(f, {x: a}) for f in fetches for backend in ("cuda", "reference")]
    for got, want in zip(made[::2], made[1::2], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


MASKED = {"MatMulBiasRelu", "MatMulReluGrad"}
simulated = pytest.mark.skipif(not SIMULATED, reason="for the simulator")


def trained(backend, widths, batch, x, steps=3):
    """(losses, weights and biases, types of the plan's products) of a classifier that learns."""
    rng = np.random.default_rng(len(widths))
    with tf.Graph().as_default(), tf.config(check=1, backend=backend), tf.Session(backend=backend) as session:
        fed, labels = tf.placeholder(tf.float32, x.shape), np.eye(3, dtype=np.float32)[np.arange(batch) % 3]
        h = fed
        for n in (*widths, 3):
            w = rng.normal(size=(h.shape[1].value, n)).astype(np.float32) / 4
            h = tf.matmul(h, tf.Variable(w)) + tf.Variable(np.zeros(n, np.float32))
            h = tf.nn.relu(h) if n != 3 else h
        loss = tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=h)) / batch
        step = tf.train.GradientDescentOptimizer(0.01).minimize(loss * batch)
        session.run(tf.global_variables_initializer())
        losses = [session.run([loss, step], {fed: x})[0] for _ in range(steps)]
        types = Counter(type_of(op) for op in tf.plan([loss, step], {fed: x}).program.ops)
        return losses, session.run(tf.trainable_variables()), types


def inputs(batch):
    """Images of which one is all zeros: with biases of zeros its first hidden layer is exactly zero."""
    x = np.random.default_rng(1).normal(size=(batch, 4)).astype(np.float32)
    x[1] = 0
    return x


@simulated
@pytest.mark.parametrize(("widths", "batch"), [((6,), 5), ((6, 4), 128), ((6, 4), 131), ((130,), 3)])
def test_a_training_with_masks_goes_the_way_of_one_without(monkeypatch, widths, batch):
    library = lt.Library()
    library.install(monkeypatch)
    got, weights, types = trained("cuda", widths, batch, inputs(batch))
    want, others, plain = trained("reference", widths, batch, inputs(batch))
    assert {name: types[name] for name in MASKED} == dict.fromkeys(MASKED, len(widths))
    assert types["MatMulSumB"] == 1 and not plain.keys() & {*MASKED, "MatMulSumB"}
    assert Counter(library.done)[134] == Counter(library.done)[152] == (1 + 3) * len(widths)  # tried out, and run
    for a, b in zip((got, *weights), (want, *others), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@simulated
@pytest.mark.parametrize(
    "library", [lt.Library(loose=True), lt.Library(multiplies=True), lt.Library(lacks=(134,)), lt.Library(lacks=(152,))]
)
def test_masks_that_are_not_relus_are_not_taken(monkeypatch, library):
    library.install(monkeypatch)
    got, weights, types = trained("cuda", (6,), 5, inputs(5))
    want, others, _ = trained("reference", (6,), 5, inputs(5))
    assert not types.keys() & MASKED and types["MatMulSumB"] == 2 and Counter(library.done)[152] == library.multiplies
    for a, b in zip((got, *weights), (want, *others), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@simulated
@pytest.mark.parametrize("shape", [(5, 4), (1, 4), (3, 5, 4)])
@pytest.mark.parametrize(
    ("options", "done"), [({}, [2, 2, 6, 6]), ({"swallows": True}, [2, 1, 6, 1]), ({"lacks": (2, 6)}, [1, 1])]
)
def test_relus_that_lose_nan_are_not_taken(monkeypatch, options, done, shape):
    library = lt.Library(**options)
    library.install(monkeypatch)
    x, w, b = _random(*shape), _random(4, 6), _random(6)
    x[..., 0, :] = np.nan
    with tf.Graph().as_default():
        fed = tf.placeholder(tf.float32, x.shape)
        y = tf.matmul(fed, w)
        fetches = [tf.nn.relu(y), tf.nn.relu(y + b)]
        with tf.Session(backend="cuda") as session:
            got = [session.run(f, {fed: x}) for f in fetches]
        want = tf.Session(backend="reference").run(fetches, {fed: x})
    assert library.done == done  # what is tried out, and what is run
    for left, right in zip(got, want, strict=True):
        assert np.isnan(left).any()
        np.testing.assert_allclose(left, right, rtol=1e-5)


@simulated
def test_sums_that_the_library_lacks_have_kernels_of_their_own(monkeypatch):
    lt.Library(lacks=(256,)).install(monkeypatch)
    _, _, types = trained("cuda", (6,), 5, inputs(5), 1)
    assert types["MatMulSumB"] == 0 and types["MatMulReluGrad"] == 1


@simulated
@pytest.mark.parametrize("changed", [{"cublas": False}, {"skip": "extend_epilogues"}])
def test_switches_leave_products_as_they_are(monkeypatch, changed):
    lt.Library().install(monkeypatch)
    with tf.config(**changed):
        _, _, types = trained("cuda", (6,), 5, inputs(5), 1)
    assert not types.keys() & {*MASKED, "MatMulSumB"}


@simulated
@pytest.mark.parametrize("flip", [False, True])
def test_sums_of_either_operand(monkeypatch, flip):
    library = lt.Library()
    library.install(monkeypatch)
    dz, x = _random(131, 5), _random(131, 3)
    with tf.Graph().as_default():
        a, b = tf.placeholder(tf.float32, dz.shape), tf.placeholder(tf.float32, (x.T if flip else x).shape)
        products = [tf.matmul(b, a, transpose_a=not flip), tf.matmul(a, b, transpose_a=True, transpose_b=flip)]
        for product, number in zip(products, (256, 512), strict=True):
            feeds = {a: dz, b: x.T if flip else x}
            got = tf.Session(backend="cuda").run([product, tf.reduce_sum(a, 0)], feeds)
            want = tf.Session(backend="reference").run([product, tf.reduce_sum(a, 0)], feeds)
            assert library.done[-1] == number
            for left, right in zip(got, want, strict=True):
                np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)


@simulated
def test_descriptors_go_with_their_plans_and_a_product_without_an_algorithm_is_told(monkeypatch):
    library = lt.Library()
    library.install(monkeypatch)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, (3, 4))
        y = tf.matmul(x, tf.ones((4, 2)))
        session = tf.Session(backend="cuda")
        session.run(y, {x: np.ones((3, 4))})
        assert len(library.live) == 4
        session.close()
        del session
        gc.collect()
        assert not library.live
        lt.Library(lacks=(1,)).install(monkeypatch)
        with pytest.raises(InternalError, match=r"there is no algorithm: cuBLASLt: 1 x \(3, 4\)"):
            tf.Session(backend="cuda").run(y, {x: np.ones((3, 4))})


@pytest.mark.skipif(importlib.util.find_spec("nvmath") is None, reason="nvmath-python is not installed")
def test_the_numbers_of_the_emulation_are_the_librarys():
    from nvmath.bindings import cublasLt

    for ours in (lt.MatmulDescAttribute, lt.MatrixLayoutAttribute, lt.MatmulPreferenceAttribute):
        theirs = getattr(cublasLt, ours.__name__)
        name = "".join("_" + c.lower() if c.isupper() else c for c in ours.__name__)[1:]
        for attribute in ours:
            assert theirs[attribute.name] == attribute
            assert getattr(cublasLt, f"get_{name}_dtype")(attribute) == lt.DTYPES[ours.__name__][attribute]
    assert {int(e) for e in cublasLt.Epilogue} >= lt.EPILOGUES


@pytest.mark.skipif(not GPU, reason="there is no GPU")
@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True)])
def test_cublas_gives_what_own_kernels_give(flips):
    from graphflow.backends.cuda import cublas

    if not cublas.available():
        pytest.skip("cuBLASLt is not installed")
    a, w = _random(*((300, 100) if flips[0] else (100, 300))), _random(*((200, 300) if flips[1] else (300, 200)))
    a[3, 5] = np.nan
    results = {}
    for name in ("cublas", "own", "tf32"):
        with tf.config(cublas=name != "own", allow_tf32=name == "tf32"), tf.Graph().as_default():
            y = tf.matmul(tf.constant(a), tf.constant(w), transpose_a=flips[0], transpose_b=flips[1])
            bias = tf.constant(_random(200))
            fetches = [y, tf.nn.relu(y + bias), tf.nn.sigmoid(y * 2.0)]
            results[name] = tf.Session(backend="cuda").run(fetches)
    for fast, exact, coarse in zip(results["cublas"], results["own"], results["tf32"], strict=True):
        np.testing.assert_allclose(fast, exact, rtol=1e-4, atol=1e-4)  # NaN where there is NaN
        np.testing.assert_allclose(coarse, exact, rtol=0.1, atol=0.1)
    assert np.abs(np.nan_to_num(results["tf32"][0] - results["own"][0])).max() > 1e-3


@pytest.mark.skipif(not GPU, reason="there is no GPU")
@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize(("widths", "batch"), [((6,), 5), ((200, 130), 128), ((130, 129), 131)])
def test_a_training_by_cublas_goes_the_way_of_the_reference(monkeypatch, widths, batch, forced):
    """Forced: masks are taken whatever they are at zeros, of which there are none."""
    from graphflow.backends.cuda import cublas
    from graphflow.backends.cuda.kernels import product

    if not cublas.available():
        pytest.skip("cuBLASLt is not installed")
    monkeypatch.setattr(product, "_LARGE", 1)
    x = inputs(batch)
    if forced:
        monkeypatch.setattr(cublas.Product, "supported", True)
        x[1] = x[0]
    got, weights, types = trained("cuda", widths, batch, x)
    want, others, _ = trained("reference", widths, batch, x)
    assert types["MatMulReluGrad"] == len(widths) or not forced
    for a, b in zip((got, *weights), (want, *others), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
