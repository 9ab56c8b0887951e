"""tf.losses: weights, reductions, the collections of a graph; contrib's order of arguments."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on

rng = np.random.default_rng(7)
Y, P = rng.uniform(0.1, 0.9, (3, 4)), rng.uniform(0.1, 0.9, (3, 4))
BITS = (Y > 0.5).astype(float)


def softmax_loss(y, x):
    return np.log(np.exp(x).sum(-1)) * y.sum(-1) - (y * x).sum(-1)


ELEMENTS = {
    "absolute_difference": lambda y, p: abs(p - y),
    "mean_squared_error": lambda y, p: (p - y) ** 2,
    "huber_loss": lambda y, p: np.where(abs(p - y) <= 0.3, (p - y) ** 2 / 2, 0.3 * abs(p - y) - 0.045),
    "log_loss": lambda y, p: -y * np.log(p + 1e-7) - (1 - y) * np.log(1 - p + 1e-7),
    "hinge_loss": lambda y, p: np.maximum(0, 1 - (2 * y - 1) * p),
    "cosine_distance": lambda y, p: 1 - (y * p).sum(1, keepdims=True),
    "sigmoid_cross_entropy": lambda y, p: np.log1p(np.exp(p)) - y * p,
    "softmax_cross_entropy": softmax_loss,
}
EXTRA = {"huber_loss": {"delta": 0.3}, "cosine_distance": {"axis": 1}}
REDUCE = {
    "none": lambda e, w: e * w,
    "weighted_sum": lambda e, w: (e * w).sum(),
    "weighted_mean": lambda e, w: (e * w).sum() / (w * np.ones_like(e)).sum(),
    "weighted_sum_over_batch_size": lambda e, w: (e * w).sum() / e.size,
    "weighted_sum_by_nonzero_weights": lambda e, w: (e * w).sum() / ((w != 0) * np.ones_like(e)).sum(),
}


@pytest.mark.parametrize("static", ["full", "unknown"])
@pytest.mark.parametrize("name", ELEMENTS)
def test_every_reduction_of_every_loss(name, static):
    elements = ELEMENTS[name](Y, P)
    weights = [1.0, 2.5, np.array([0.0, 2.0, 3.0]).reshape(elements.shape[:1] + (1,) * (elements.ndim - 1))]
    with tf.Graph().as_default():
        shape = (3, 4) if static == "full" else None
        y, p = tf.placeholder(tf.float32, shape), tf.placeholder(tf.float32, shape)
        cases = [(w, r) for w in weights for r in REDUCE]
        made = [getattr(tf.losses, name)(y, p, weights=w, reduction=r, **EXTRA.get(name, {})) for w, r in cases]
        for backend in ("reference", "cpu"):
            for got, (w, r) in zip(run_on(backend, made, {y: Y, p: P}), cases, strict=True):
                np.testing.assert_allclose(got, REDUCE[r](elements, np.asarray(w)), rtol=2e-5, err_msg=f"{w} {r}")


def test_sparse_labels_and_extra_axes():
    labels, logits = rng.integers(0, 4, (2, 3)), rng.normal(size=(2, 3, 4)).astype(np.float32)
    elements = softmax_loss(np.eye(4)[labels], logits)
    weights = np.array([[1, 0, 2], [0, 3, 1.0]])
    with tf.Graph().as_default():
        for y in (labels, labels[..., None]):
            for w in (weights, weights[..., None]):
                for shape in ("full", None):
                    dims = y.shape if shape else None
                    t = tf.placeholder(tf.int64, dims)
                    loss = tf.losses.sparse_softmax_cross_entropy(t, logits, w if shape else weights)
                    np.testing.assert_allclose(run_on("cpu", loss, {t: y}), (elements * weights).sum() / 4, rtol=1e-5)


def test_label_smoothing():
    with tf.Graph().as_default():
        soft = tf.losses.softmax_cross_entropy(BITS, P, label_smoothing=0.2)
        hard = tf.losses.sigmoid_cross_entropy(BITS, P, label_smoothing=0.2)
        np.testing.assert_allclose(run_on("cpu", soft), softmax_loss(BITS * 0.8 + 0.05, P).mean(), rtol=1e-5)
        want = ELEMENTS["sigmoid_cross_entropy"](BITS * 0.8 + 0.1, P).mean()
        np.testing.assert_allclose(run_on("cpu", hard), want, rtol=1e-5)


@pytest.mark.parametrize("weights", [1.0, np.array([[2.0], [0.0], [1.0]])])
def test_pairwise_error_is_the_mean_over_pairs(weights):
    d = P - Y
    pairs = np.array([np.mean([(r[i] - r[j]) ** 2 for i in range(4) for j in range(4) if i != j]) for r in d])
    present = (weights * np.ones((3, 1)))[:, 0]
    with tf.Graph().as_default():
        loss = tf.losses.mean_pairwise_squared_error(Y, P, weights)
        np.testing.assert_allclose(run_on("cpu", loss), (pairs * present).sum(), rtol=1e-5)
        assert run_on("cpu", tf.losses.mean_pairwise_squared_error(Y, P, 0.0)) == 0


def test_no_weight_and_no_element_give_zero():
    with tf.Graph().as_default():
        assert run_on("cpu", tf.losses.mean_squared_error(Y, P, 0.0)) == 0
        assert run_on("cpu", tf.losses.mean_squared_error(np.zeros((0, 4)), np.zeros((0, 4)))) == 0


def test_gradients_reach_predictions_and_weights():
    w = rng.uniform(0.5, 1.5, (3, 1))
    with tf.Graph().as_default():
        x, v = tf.constant(P), tf.constant(w)
        dx, dw = run_on("cpu", tf.gradients(tf.losses.mean_squared_error(Y, x, v), [x, v]))
        np.testing.assert_allclose(dx, 2 * (P - Y) * w / 12, rtol=1e-5)
        np.testing.assert_allclose(dw, ((P - Y) ** 2).sum(1, keepdims=True) / 12, rtol=1e-5)
        labels = tf.constant(BITS)
        assert tf.gradients(tf.losses.softmax_cross_entropy(labels, x), labels) == [None]


def test_collections():
    with tf.Graph().as_default() as graph:
        assert run_on("cpu", tf.losses.get_regularization_loss()) == 0
        with pytest.raises(ValueError):
            tf.losses.get_total_loss()
        with tf.name_scope("net"):
            first = tf.losses.mean_squared_error([1.0], [3.0])
        second = tf.losses.absolute_difference([1.0], [4.0])
        hidden = tf.losses.log_loss([1.0], [0.5], loss_collection=None)
        tf.losses.add_loss(tf.constant(10.0))
        tf.get_variable("v", initializer=[1.0, 2.0], regularizer=lambda v: 0.1 * tf.reduce_sum(v))
        assert tf.losses.get_losses()[:2] == [first, second] and hidden not in tf.losses.get_losses()
        assert tf.losses.get_losses(scope="net") == [first]
        assert len(graph.get_collection(tf.GraphKeys.LOSSES)) == 3
        totals = [tf.losses.get_total_loss(), tf.losses.get_total_loss(add_regularization_losses=False)]
        assert totals[0].name == "total_loss:0"
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            np.testing.assert_allclose(session.run(totals), [17.3, 17.0], rtol=1e-6)


def test_names_and_dtypes():
    with tf.Graph().as_default():
        assert tf.losses.mean_squared_error(Y, P).name == "mean_squared_error/value:0"
        assert tf.losses.mean_squared_error(Y, P, scope="error").name == "error/value:0"
        assert tf.losses.softmax_cross_entropy(BITS, P.astype(np.float32)).name == "softmax_cross_entropy_loss/value:0"
        assert tf.losses.mean_squared_error(Y, P, reduction=tf.losses.Reduction.SUM).dtype == tf.float32
        assert tf.losses.compute_weighted_loss(tf.constant(P)).dtype == tf.float64
        assert tf.losses.mean_squared_error([1, 2], [2, 4]).dtype == tf.float32


@pytest.mark.parametrize(
    "make",
    [
        lambda: tf.losses.mean_squared_error(None, P),
        lambda: tf.losses.mean_squared_error(Y, P[:2]),
        lambda: tf.losses.mean_squared_error(Y, P, weights=np.ones(3)),
        lambda: tf.losses.mean_squared_error(Y, P, weights=np.ones((3, 2))),
        lambda: tf.losses.mean_squared_error(Y, P, reduction="mean"),
        lambda: tf.losses.cosine_distance(Y, P),
        lambda: tf.losses.cosine_distance(Y, P, axis=1, dim=1),
        lambda: tf.losses.compute_weighted_loss(P, None),
    ],
)
def test_errors(make):
    with tf.Graph().as_default(), pytest.raises(ValueError):
        make()


def test_weights_that_do_not_fit_are_found_in_the_run():
    with tf.Graph().as_default():
        w = tf.placeholder(tf.float32)
        loss = tf.losses.mean_squared_error(Y, P, w)
        assert run_on("cpu", loss, {w: np.ones((1, 4))}) > 0
        for bad in (np.ones(4), np.ones((2, 4))):
            with pytest.raises(tf.errors.InvalidArgumentError):
                run_on("cpu", loss, {w: bad})


def test_contrib_takes_predictions_first():
    with tf.Graph().as_default():
        contrib, losses = tf.contrib.losses, tf.losses
        pairs = [
            (contrib.mean_squared_error(P, Y), losses.mean_squared_error(Y, P)),
            (contrib.softmax_cross_entropy(P, BITS), losses.softmax_cross_entropy(BITS, P)),
            (contrib.sparse_softmax_cross_entropy(P, [0, 1, 2]), losses.sparse_softmax_cross_entropy([0, 1, 2], P)),
            (contrib.sigmoid_cross_entropy(P, BITS), losses.sigmoid_cross_entropy(BITS, P)),
            (contrib.absolute_difference(P, Y), losses.absolute_difference(Y, P)),
            (contrib.log_loss(P, BITS), losses.log_loss(BITS, P)),
            (contrib.cosine_distance(P, Y, dim=1), losses.cosine_distance(Y, P, axis=1)),
            (contrib.mean_pairwise_squared_error(P, Y), losses.mean_pairwise_squared_error(Y, P)),
            (
                contrib.compute_weighted_loss(P, [[1.0], [0.0], [2.0]]),
                losses.compute_weighted_loss(P, [[1.0], [0.0], [2.0]]),
            ),
        ]
        for got, want in pairs:
            np.testing.assert_allclose(*run_on("cpu", [got, want]))
        assert len(contrib.get_losses()) == 2 * len(pairs)
        hinge = run_on("cpu", contrib.hinge_loss(P.astype(np.float32), BITS))
        np.testing.assert_allclose(hinge, ELEMENTS["hinge_loss"](BITS, P), rtol=1e-5)
        with tf.contrib.framework.arg_scope([contrib.add_loss], loss_collection=None):
            contrib.add_loss(tf.constant(1.0))
        assert len(contrib.get_losses()) == 2 * len(pairs)
        by_row = run_on("cpu", contrib.mean_squared_error(P, Y, weights=[1.0, 0.0, 2.0]))
        np.testing.assert_allclose(by_row, ((P - Y) ** 2 * [[1], [0], [2]]).sum() / 8, rtol=1e-5)


def test_averages_of_examples():
    loss = np.array([1.0, 2.0, 3.0], np.float32)
    with tf.Graph().as_default():
        average = tf.nn.compute_average_loss
        fed = tf.placeholder(tf.float32, [None])
        made = [average(loss), average(fed), average(loss, [1.0, 0.0, 2.0], 4), tf.nn.scale_regularization_loss(loss)]
        np.testing.assert_allclose(run_on("cpu", made, {fed: loss[:2]}), [2, 1.5, 1.75, 6])
        with pytest.raises(ValueError):
            average(tf.constant(1.0))
