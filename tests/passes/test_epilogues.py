"""Products with a second output: the programs, and values against those of the products without."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends.reference import ReferenceBackend
from graphflow.ops.epilogues import MATMUL_BIAS_RELU, MATMUL_RELU_GRAD
from graphflow.ops.fused import type_of
from graphflow.passes import optimize
from graphflow.passes.epilogues import extend_epilogues
from graphflow.passes.verify import verify
from graphflow.program import prune, specialize
from graphflow.text import program_text

EXTENDED = "MatMulBiasRelu", "MatMulReluGrad", "MatMulSumA", "MatMulSumB"


def optimized(fetches, feeds, epilogues=lambda op: True):
    program = prune(tuple(fetches), (), tuple(feeds))
    stage = specialize(program, [t.dims for t in program.feeds], lambda variable: variable.output.dims)
    return optimize(stage.program, epilogues=epilogues)


def counted(program):
    """How many products there are of each type, with those in regions, and how many sums of matrices."""
    found = Counter(type_of(op) for op in program.ops if op.inputs and len(op.inputs[0].dims) == 2)
    return {name: n for name, n in sorted(found.items()) if name == "Sum" or "MatMul" in name}


def network(batch=5, inputs=7, widths=(6,), classes=3, activation=tf.nn.relu, add=lambda x, b: x + b):
    """(loss, gradients of all weights and biases, feeds) of a classifier; weights are fed, too."""
    rng = np.random.default_rng(len(widths))
    feeds = {}

    def fed(*shape):
        t = tf.placeholder(tf.float32, shape)
        feeds[t] = rng.normal(size=shape).astype(np.float32)
        return t

    x, labels = fed(batch, inputs), fed(batch, classes)
    h, parameters = x, []
    for n in widths:
        parameters += [fed(h.shape[1].value, n), fed(n)]
        h = activation(add(tf.matmul(h, parameters[-2]), parameters[-1]))
    parameters += [fed(h.shape[1].value, classes), fed(classes)]
    logits = tf.matmul(h, parameters[-2]) + parameters[-1]
    loss = tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits_v2(labels=tf.nn.softmax(labels), logits=logits))
    return [loss, *tf.gradients(loss, parameters)], feeds


def both(monkeypatch, fetches, feeds):
    """The values with and without products of two outputs, by the reference."""
    found = []
    for epilogues in (staticmethod(lambda op: True), None):
        monkeypatch.setattr(ReferenceBackend, "epilogues", epilogues)
        with tf.config(check=1), tf.Session(backend="reference") as session:
            found.append(session.run(fetches, feeds))
    return found


@pytest.mark.parametrize("batch", [2, 5, 128])
@pytest.mark.parametrize("widths", [(6,), (130, 9), (128, 7, 5)])
def test_layers_keep_a_mask_for_what_flows_back(monkeypatch, widths, batch):
    fetches, feeds = network(batch, widths=widths)
    program, n = optimized(fetches, feeds), len(widths)
    assert counted(program) == {"MatMul": n, "MatMul+Add": 1, "MatMulBiasRelu": n, "MatMulReluGrad": n, "MatMulSumB": 1}
    masks = [op.outputs[1].dims for op in program.ops if op.definition is MATMUL_BIAS_RELU]
    assert masks == [(batch, -(-width // 128) * 16) for width in widths]
    for got, want in zip(*both(monkeypatch, fetches, feeds), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_the_program_as_text():
    with tf.Graph().as_default():
        fetches, feeds = network()
        text = program_text(optimized(fetches, feeds))
    assert [line for line in text.splitlines() if "MatMul" in line] == [
        "%6, %7 = MatMulBiasRelu(%0, %2, %3, transpose_a=False, transpose_b=False) float32(5, 6) uint8(5, 16) 'Relu'",
        "%8 = Fused(%6, %4, %5, region=MatMul+Add) float32(5, 3) 'add_1'",
        "%17, %18 = MatMulSumB(%6, %12, transpose_a=True, transpose_b=False) float32(6, 3) float32(3,) "
        "'gradients/MatMul_1_grad/MatMul_1'",
        "%19, %20 = MatMulReluGrad(%12, %4, %7, transpose_a=False, transpose_b=True) float32(5, 6) float32(6,) "
        "'gradients/Relu_grad/ReluGrad'",
        "%21 = MatMul(%0, %19, transpose_a=True, transpose_b=False) float32(7, 6) 'gradients/MatMul_grad/MatMul'",
    ]


def test_twice_is_the_same_as_once():
    program = optimized(*network(widths=(6, 5)))
    verify(program)
    assert extend_epilogues(program, None, lambda op: True) is program


@pytest.mark.parametrize("add", [lambda x, b: b + x, tf.nn.bias_add])
def test_a_bias_is_added_in_any_way(add):
    assert counted(optimized(*network(add=add)))["MatMulReluGrad"] == 1


def test_nobody_keeps_a_mask_that_nobody_takes():
    fetches, feeds = network(widths=(6, 5))
    assert counted(optimized(fetches[:1], feeds)) == {"MatMul+Add": 1, "MatMul+Add+Relu": 2}
    weights = [fetches[0], *fetches[1::2]]  # without the biases' gradients
    assert not counted(optimized(weights, feeds)).keys() & set(EXTENDED)


def test_a_backend_chooses():
    fetches, feeds = network(widths=(6, 5))
    asked = []
    assert not counted(optimized(fetches, feeds, None)).keys() & set(EXTENDED)
    assert not counted(optimized(fetches, feeds, lambda op: asked.append(op))).keys() & set(EXTENDED)
    assert Counter(op.type for op in asked) == {"MatMulBiasRelu": 2, "MatMulSumB": 3}
    small = counted(
        optimized(fetches, feeds, lambda op: op.definition is not MATMUL_BIAS_RELU or op.output.dims == (5, 6))
    )
    assert (small["MatMulBiasRelu"], small["MatMulReluGrad"], small["MatMulSumB"]) == (1, 1, 2)
    back = counted(optimized(fetches, feeds, lambda op: op.definition is not MATMUL_RELU_GRAD))
    assert back == {"MatMul+Add": 1, "MatMul+Add+Relu": 2, "MatMul+ReluGrad": 2, "MatMulSumB": 3}


@pytest.mark.parametrize(
    "activation", [tf.tanh, lambda x: tf.nn.relu(x) * 2.0, lambda x: tf.nn.dropout(tf.nn.relu(x), 0.5), tf.nn.relu6]
)
def test_what_does_more_than_a_relu_stays(activation):
    """The sums of the bias's gradient still go with the products for the weights' gradients."""
    found = counted(optimized(*network(activation=activation)))
    assert found["MatMulSumB"] == 2 and not found.keys() & {"MatMulBiasRelu", "MatMulReluGrad", "Sum"}


def test_what_is_wanted_itself_stays():
    x, w, b = tf.placeholder(tf.float32, (4, 3)), tf.placeholder(tf.float32, (3, 5)), tf.placeholder(tf.float32, (5,))
    z = tf.matmul(x, w) + b
    h = tf.nn.relu(z)
    dy = tf.matmul(tf.matmul(h, w, transpose_b=True), w)
    fetches = [z, h, *tf.gradients(h, [w, b], grad_ys=dy)]
    assert "MatMulBiasRelu" not in counted(optimized(fetches, [x, w, b]))
    assert counted(optimized(fetches[1:], [x, w, b]))["MatMulReluGrad"] == 1


def test_zeros_and_nan_have_no_gradient(monkeypatch):
    fetches, feeds = network(widths=(6, 5))
    for t in list(feeds)[2:6]:  # two layers of zeros
        feeds[t] = np.zeros_like(feeds[t])
    for start in (0, np.nan):
        feeds[next(iter(feeds))][0] = start
        for got, want in zip(*both(monkeypatch, fetches, feeds), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("flip_x", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_the_sums_of_an_operand(monkeypatch, right, flip_x):
    """dz [k, n] is folded over k, as the left operand or as the right one; x is the other."""
    rng = np.random.default_rng(3)
    dz, x = tf.placeholder(tf.float32, (8, 5)), tf.placeholder(tf.float32, (8, 3) if flip_x is right else (3, 8))
    feeds = {t: rng.normal(size=t.dims).astype(np.float32) for t in (dz, x)}
    made = (
        tf.matmul(x, dz, transpose_a=flip_x) if right else tf.matmul(dz, x, transpose_a=True, transpose_b=flip_x)
    )  # fmt: skip
    for fetches in ([made, tf.reduce_sum(dz, 0)], [tf.reduce_sum(dz, 0), made]):
        assert counted(optimized(fetches, feeds)) == {"MatMulSumB" if right else "MatMulSumA": 1}
        for got, want in zip(*both(monkeypatch, fetches, feeds), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5)


def test_sums_of_what_a_product_does_not_fold_stay():
    dz, x = tf.placeholder(tf.float32, (8, 8)), tf.placeholder(tf.float32, (8, 8))
    for product in (tf.matmul(dz, x), tf.matmul(x, dz, transpose_b=True)):
        for sums in (tf.reduce_sum(dz, 0), tf.reduce_sum(dz, 1)):
            assert counted(optimized([product, sums], [dz, x])) == {"MatMul": 1, "Sum": 1}
    for sums in (tf.reduce_sum(dz, 0, keepdims=True), tf.reduce_sum(dz, [0, 1])):
        assert counted(optimized([tf.matmul(x, dz), sums], [dz, x])) == {"MatMul": 1, "Sum": 1}


def test_a_product_of_what_the_sums_go_into_comes_after_them():
    dz, x = tf.placeholder(tf.float32, (8, 5)), tf.placeholder(tf.float32, (8, 8))
    sums = tf.reduce_sum(dz, 0)
    fetches = [sums, tf.matmul(x + tf.reduce_max(sums), dz, transpose_a=True)]
    program = optimized(fetches, [dz, x])
    verify(program)
    assert counted(program) == {"MatMul": 1, "Sum": 1}


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_other_backends_have_none(backend):
    fetches, feeds = network()
    with tf.config(backend=backend):
        assert not counted(tf.plan(fetches, feeds).program).keys() & set(EXTENDED)
