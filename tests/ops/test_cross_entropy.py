"""Softmax, cross entropy, biases, batch normalization and dropout."""

import numpy as np
import pytest

from graphflow.errors import InvalidArgumentError
from graphflow.gradients import gradients
from graphflow.ops import bias, cross_entropy, normalization
from graphflow.ops.fill import constant
from graphflow.ops.placeholder import placeholder
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.softmax import log_softmax, softmax
from graphflow.session import Session
from graphflow.testing import check_op, run_on

dense = cross_entropy.softmax_cross_entropy_with_logits_v2


def log_softmax_of(x, axis=-1):
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


@pytest.mark.parametrize("axis", [None, -1, 0, 1])
def test_softmax(axis):
    check_op(lambda x: softmax(x, axis), (2, 3, 4), dtypes=("float32",), second=True)
    check_op(lambda x: log_softmax(x, axis), (2, 3, 4), dtypes=("float32",), second=True)
    x = np.random.default_rng(0).normal(size=(3, 4, 2)) * 5
    got = run_on("cpu", [softmax(constant(x), dim=axis), log_softmax(constant(x), axis)])
    want = log_softmax_of(x, -1 if axis is None else axis)
    np.testing.assert_allclose(got[0], np.exp(want), rtol=1e-12)
    np.testing.assert_allclose(got[1], want, rtol=1e-12)


def test_softmax_far_out_and_empty():
    x = constant([[1000.0, 0.0, -1000.0]])
    p, logs = run_on("cpu", [softmax(x), log_softmax(x)])
    np.testing.assert_array_equal(p, [[1, 0, 0]])
    np.testing.assert_array_equal(logs, [[0, -1000, -2000]])
    check_op(softmax, (0, 3), grad=False)
    for bad in (lambda: softmax(constant(1.0)), lambda: softmax(x, axis=1, dim=1)):
        with pytest.raises(ValueError):
            bad()
    with pytest.raises(InvalidArgumentError):
        softmax(x, 2)
    with pytest.raises(TypeError):
        softmax(constant([1, 2]))


@pytest.mark.parametrize("shape, axis", [((2, 3), -1), ((2, 3, 4), 2), ((2, 3, 4), 1), ((3,), 0), ((0, 4), -1)])
def test_dense_cross_entropy(shape, axis):
    rng = np.random.default_rng(1)
    x, labels = rng.normal(size=shape), rng.uniform(size=shape)
    want = -(labels * log_softmax_of(x, axis)).sum(axis) if x.size else np.zeros(shape[:-1])
    for static in (shape, [None] * len(shape)):
        logits, truth = placeholder("float64", static), placeholder("float64", static)
        loss = dense(truth, logits, axis)
        dx, dl = gradients(loss, [logits, truth])
        for backend in ("reference", "cpu"):
            got = run_on(backend, [loss, dx, dl], {logits: x, truth: labels})
            np.testing.assert_allclose(got[0], want, rtol=1e-12)
            if x.size:
                np.testing.assert_allclose(got[1], np.exp(log_softmax_of(x, axis)) - labels, rtol=1e-9, atol=1e-12)
                np.testing.assert_allclose(got[2], -log_softmax_of(x, axis), rtol=1e-12)


def test_second_derivatives_of_cross_entropy():
    labels = np.array([[0.2, 0.5, 0.3], [1, 0, 0]])
    check_op(lambda x: dense(constant(labels, x.dtype), x), (2, 3), dtypes=("float64",), second=True)
    check_op(lambda x: cross_entropy.sparse_softmax_cross_entropy_with_logits(labels=[2, 0], logits=x), (2, 3),
             dtypes=("float32",), second=True)  # fmt: skip
    x, truth = placeholder("float64", [2, 3]), placeholder("float64", [2, 3])
    mixed = gradients(gradients(dense(truth, x), x)[0], truth)[0]  # softmax - labels, summed
    np.testing.assert_allclose(run_on("cpu", mixed, {x: labels, truth: labels}), -np.ones((2, 3)))


def test_the_gradient_of_the_loss_computes_no_second_softmax():
    x = placeholder("float32", [2, 3])
    before = x.graph.version
    gradients(dense(constant([[0.0, 1, 0]] * 2), x), x)
    made = [op.type for op in x.graph.get_operations()[before:]]
    assert "Softmax" not in made


def test_the_plain_function_stops_at_the_labels():
    x, labels = placeholder("float32", [2, 3]), placeholder("float32", [2, 3])
    loss = cross_entropy.softmax_cross_entropy_with_logits(labels=labels, logits=x)
    assert gradients(loss, labels) == [None]
    assert loss.dims == (2,)
    with pytest.raises(ValueError, match="named"):
        cross_entropy.softmax_cross_entropy_with_logits(x, labels)
    for missing in ({"logits": x}, {"labels": labels}):
        with pytest.raises(ValueError):
            cross_entropy.softmax_cross_entropy_with_logits(**missing)
    assert dense(constant([[0, 1, 0]] * 2), x).dtype.name == "float32"  # labels take the dtype of the logits
    with pytest.raises(ValueError):
        dense(constant(np.zeros((2, 4), np.float32)), x)
    unknown = placeholder("float32")
    with pytest.raises(InvalidArgumentError):
        run_on("cpu", dense(unknown, x), {unknown: np.zeros((2, 4)), x: np.zeros((2, 3))})


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (4,), (0, 4)])
def test_sparse_cross_entropy(shape, dtype):
    x = np.random.default_rng(0).normal(size=shape)
    labels = np.arange(np.prod(shape[:-1], dtype=int)).reshape(shape[:-1]) % 4
    want = -np.take_along_axis(log_softmax_of(x), labels[..., None], -1)[..., 0] if x.size else np.zeros(0)
    for static in (shape, [None] * len(shape), None):
        logits = placeholder("float64", static)
        truth = placeholder(dtype, None if static is None else static[:-1])
        loss = cross_entropy.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits)
        dx = gradients(loss, logits)[0]
        for backend in ("reference", "cpu"):
            got = run_on(backend, [loss, dx], {logits: x, truth: labels})
            np.testing.assert_allclose(got[0], want, rtol=1e-12)
            np.testing.assert_allclose(
                got[1], np.exp(log_softmax_of(x)) - np.eye(4)[labels] if x.size else x, rtol=1e-9
            )


def test_sparse_cross_entropy_refuses():
    fn = cross_entropy.sparse_softmax_cross_entropy_with_logits
    x, labels = placeholder("float32", [2, 3]), placeholder("int32", [2])
    loss = fn(labels=labels, logits=x)
    for backend in ("reference", "cpu"):
        for bad in (3, -1):
            with pytest.raises(InvalidArgumentError, match=f"{bad} at position 1"):
                run_on(backend, loss, {x: np.zeros((2, 3)), labels: [0, bad]})
    for truth in (placeholder("int32", [2, 3]), placeholder("int32", [3]), placeholder("int32", [])):
        with pytest.raises(ValueError):
            fn(labels=truth, logits=x)
    with pytest.raises(TypeError):
        fn(labels=placeholder("float32", [2]), logits=x)
    with pytest.raises(ValueError):
        fn(labels, x)


def test_sigmoid_cross_entropy():
    x = np.array([-200.0, -1, 0, 0.5, 200])
    z = np.array([0.0, 1, 0.3, 0.5, 1])
    logits, labels = placeholder("float64", [None]), placeholder("float64", [None])
    plain = cross_entropy.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    weighted = cross_entropy.weighted_cross_entropy_with_logits(targets=labels, logits=logits, pos_weight=3.0)
    dx = gradients(plain, logits)[0]
    got = run_on("cpu", [plain, weighted, dx, gradients(dx, logits)[0]], {logits: x, labels: z})
    log_p, log_q = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    p = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(got[0], -(z * log_p + (1 - z) * log_q), rtol=1e-9, atol=1e-80)
    np.testing.assert_allclose(got[1], -(3 * z * log_p + (1 - z) * log_q), rtol=1e-9, atol=1e-80)
    np.testing.assert_allclose(got[2], p - z, atol=1e-12)
    np.testing.assert_allclose(got[3], p * (1 - p), atol=1e-12)
    with pytest.raises(ValueError):
        cross_entropy.sigmoid_cross_entropy_with_logits(labels=constant([1.0]), logits=constant([1.0, 2.0]))
    with pytest.raises(ValueError):
        cross_entropy.sigmoid_cross_entropy_with_logits(logits, labels)


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3), (2, 4, 4, 3), (0, 3)])
def test_bias_add(shape):
    check_op(bias.bias_add, shape, (3,), dtypes=("float32",), grad=0 not in shape)
    turned = (shape[0], shape[-1], *shape[1:-1])
    check_op(lambda x, b: bias.bias_add(x, b, "NCHW"), turned, (3,), dtypes=("float32",), grad=0 not in shape)
    x, b = np.random.default_rng(0).normal(size=turned), np.arange(3.0)
    got = run_on("cpu", bias.bias_add(constant(x), b, data_format="NCHW"))
    np.testing.assert_allclose(got, x + b.reshape(3, *[1] * (len(shape) - 2)))


def test_bias_add_refuses():
    x = placeholder("float32", [None, 3])
    for value, b in ((x, np.zeros(2)), (x, np.zeros((1, 3))), (placeholder("float32", [3]), np.zeros(3))):
        with pytest.raises(ValueError):
            bias.bias_add(value, constant(b, "float32"))
    with pytest.raises(ValueError):
        bias.bias_add(x, np.zeros(3), data_format="CHWN")
    assert bias.bias_add(placeholder("float32", [2, None]), np.zeros(3, np.float32)).dims == (2, 3)


def test_small_layers():
    check_op(bias.xw_plus_b, (2, 3), (3, 4), (4,), dtypes=("float32",))
    x = np.random.default_rng(0).normal(size=(2, 3))
    w = np.random.default_rng(1).normal(size=(3, 4))
    b = np.arange(4.0) - 2
    got = run_on("cpu", [bias.relu_layer(x, w, b), bias.crelu(constant(x)), bias.crelu(constant(x), axis=0)])
    np.testing.assert_allclose(got[0], np.maximum(x @ w + b, 0))
    np.testing.assert_allclose(got[1], np.maximum(np.concatenate([x, -x], 1), 0))
    assert got[2].shape == (4, 3)


def test_batch_normalization():
    def normalize(x, m, v, offset, scale):
        return normalization.batch_normalization(x, m, v * v, offset, scale, 0.01)

    check_op(normalize, (4, 3), (3,), (3,), (3,), (3,), dtypes=("float32",), second=True)
    rng = np.random.default_rng(0)
    x, m, v, offset, scale = rng.normal(size=(4, 3)), *rng.uniform(0.5, 1, (4, 3))
    inverse = 1 / np.sqrt(v + 0.1)
    got = run_on("cpu", [
        normalization.batch_normalization(constant(x), m, v, None, None, 0.1),
        normalization.batch_normalization(constant(x), m, v, offset, scale, 0.1),
        normalization.batch_norm_with_global_normalization(constant(x), m, v, offset, scale, 0.1, False),
    ])  # fmt: skip
    np.testing.assert_allclose(got[0], (x - m) * inverse)
    np.testing.assert_allclose(got[1], (x - m) * inverse * scale + offset)
    np.testing.assert_allclose(got[2], (x - m) * inverse + offset)


def test_dropout():
    x = placeholder("float32", [None, 50])
    keep = placeholder("float32", [])
    y = normalization.dropout(x, keep, seed=1)
    dx = gradients(reduce_sum(y), x)[0]
    ones = np.ones((200, 50), np.float32)
    for backend in ("reference", "cpu"):
        with Session(graph=x.graph, backend=backend) as session:
            a, d = session.run([y, dx], {x: ones, keep: 0.25})
            b = session.run(y, {x: ones, keep: 0.25})
            assert set(np.unique(a)) == {0, 4} and abs((a > 0).mean() - 0.25) < 0.02
            np.testing.assert_array_equal(a, d)
            assert (a != b).any()
            np.testing.assert_array_equal(session.run(y, {x: 3 * ones, keep: 1.0}), 3 * ones)
    assert y.dims == (None, 50)


def test_dropout_arguments():
    x = constant(np.ones((6, 20, 4), np.float32))
    assert normalization.dropout(x, 1.0) is x and normalization.dropout(x, rate=0) is x
    rows, partly, half = run_on("cpu", [
        normalization.dropout(x, 0.5, noise_shape=[6, 1, 4]), normalization.dropout(x, 0.5, noise_shape=[None, 20, 1]),
        normalization.dropout(x, rate=0.9, seed=3)])  # fmt: skip
    assert (rows == rows[:, :1]).all() and (partly == partly[:, :, :1]).all()
    assert set(np.unique(half.round(4))) == {0, 10}
    for arguments in (
        {},
        {"keep_prob": 0},
        {"keep_prob": 1.5},
        {"rate": 1.0},
        {"rate": -0.1},
        {"keep_prob": 0.5, "rate": 0.5},
    ):
        with pytest.raises(ValueError):
            normalization.dropout(x, **arguments)
    with pytest.raises(ValueError):
        normalization.dropout(constant([1, 2]), 0.5)


def test_log_poisson_loss():
    z, x = np.array([0.0, 0.5, 1.0, 2.0, 5.0]), np.linspace(-1, 2, 5)
    with np.errstate(all="ignore"):
        stirling = np.where(z > 1, z * np.log(z) - z + 0.5 * np.log(2 * np.pi * z), 0)
    got = run_on("cpu", [cross_entropy.log_poisson_loss(constant(z), x, full) for full in (False, True)])
    np.testing.assert_allclose(got, [np.exp(x) - x * z, np.exp(x) - x * z + stirling], rtol=1e-12)
    check_op(lambda x, z: cross_entropy.log_poisson_loss(z, x, True), (2, 3), (2, 3), domain=(1.1, 3.0), second=True)
    with pytest.raises(ValueError):
        cross_entropy.log_poisson_loss(np.ones(3), np.ones(4))
