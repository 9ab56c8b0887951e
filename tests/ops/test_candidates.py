"""Candidate samplers: what is drawn and what is expected; the losses made of samples."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

rng = np.random.default_rng(9)
W, B = rng.normal(size=(6, 3)), rng.normal(size=6)
X, LABELS = rng.normal(size=(2, 3)), np.array([[1], [4]])
DRAWN, TRUE_EXPECTED, DRAWN_EXPECTED = np.array([0, 4, 5]), np.array([[0.5], [0.4]]), np.array([0.3, 0.2, 0.1])
SAMPLERS = {
    tf.nn.uniform_candidate_sampler: lambda k, n: np.full(np.shape(k), 1 / n),
    tf.nn.log_uniform_candidate_sampler: lambda k, n: np.log((k + 2) / (k + 1)) / np.log(n + 1),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_draws_with_repetition(sampler):
    p = SAMPLERS[sampler]
    with tf.Graph().as_default():
        drawn, true, expected = run_on("cpu", sampler([[0, 9], [3, 4]], 2, 20000, False, 10, seed=1))
    np.testing.assert_allclose(true, p(np.array([[0, 9], [3, 4]]), 10) * 20000, rtol=1e-5)
    np.testing.assert_allclose(expected, p(drawn, 10) * 20000, rtol=1e-5)
    np.testing.assert_allclose(np.bincount(drawn, minlength=10) / 20000, p(np.arange(10), 10), atol=0.02)
    assert drawn.dtype == np.int64 and true.dtype == expected.dtype == np.float32


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_unique_draws(sampler):
    with tf.Graph().as_default():
        out = sampler(tf.placeholder_with_default(np.array([[2]]), [None, 1]), 1, 8, True, 12)
        assert [t.shape.as_list() for t in out] == [[8], [None, 1], [8]]
        with tf.Session() as session:
            runs = [session.run(out) for _ in range(300)]
    assert all(len(set(drawn)) == 8 and min(drawn) >= 0 and max(drawn) < 12 for drawn, _, _ in runs)
    often = np.mean([2 in drawn for drawn, _, _ in runs])
    assert abs(often - np.mean([true for _, true, _ in runs])) < 0.1


def test_unique_draws_of_all_classes_and_of_too_many():
    with tf.Graph().as_default():
        assert sorted(run_on("cpu", tf.nn.log_uniform_candidate_sampler([[0]], 1, 40, True, 40)[0])) == list(range(40))
        with pytest.raises(tf.errors.InvalidArgumentError):
            run_on("cpu", tf.nn.uniform_candidate_sampler([[0]], 1, 5, True, 4)[0])
        for bad in ((0, 2, 4), (1, 0, 4), (1, 2, 0), (2, 2, 4)):
            with pytest.raises(ValueError):
                tf.nn.uniform_candidate_sampler([[0]], bad[0], bad[1], False, bad[2])


def test_a_seed_repeats_the_draws():
    with tf.Graph().as_default():
        drawn = tf.nn.log_uniform_candidate_sampler([[0]], 1, 10, True, 100, seed=7)[0]
        assert (run_on("cpu", drawn) == run_on("cpu", drawn)).all()


def sampled(hits_removed):
    true = (X * W[LABELS[:, 0]]).sum(1, keepdims=True) + B[LABELS] - np.log(TRUE_EXPECTED)
    drawn = X @ W[DRAWN].T + B[DRAWN] - np.log(DRAWN_EXPECTED)
    if hits_removed:
        drawn = np.where(LABELS == DRAWN, -np.inf, drawn)
    return np.concatenate([true, drawn], 1)


VALUES = (DRAWN, TRUE_EXPECTED, DRAWN_EXPECTED)


@pytest.mark.parametrize("removed", [False, True])
def test_losses(removed):
    logits = sampled(removed)
    targets = np.array([[1, 0, 0, 0]])
    with np.errstate(invalid="ignore"):
        nce = (np.log1p(np.exp(logits)) - np.where(targets, logits, 0)).sum(1)
    softmax = np.log(np.exp(logits).sum(1)) - logits[:, 0]
    with tf.Graph().as_default():
        parts = [tf.constant(W[0::2]), tf.constant(W[1::2])]
        for weights in (W, parts):
            a = tf.nn.nce_loss(weights, B, LABELS, X, 3, 6, 1, VALUES, removed)
            b = tf.nn.sampled_softmax_loss(weights, tf.constant(B), LABELS, X, 3, 6, 1, VALUES, removed)
            assert a.shape == b.shape == (2,)
            for backend in ("reference", "cpu"):
                np.testing.assert_allclose(run_on(backend, a), nce, rtol=1e-9)
                np.testing.assert_allclose(run_on(backend, b), softmax, rtol=1e-9)


def test_gradients():
    check_op(lambda w, b, x: tf.nn.nce_loss(w, b, LABELS, x, 3, 6, 1, VALUES), (6, 3), (6,), (2, 3), dtypes=["float64"])
    check_op(lambda w, b, x: tf.nn.sampled_softmax_loss(w, b, LABELS, x, 3, 6, 1, VALUES), (6, 3), (6,), (2, 3),
             dtypes=["float64"])  # fmt: skip
    with tf.Graph().as_default():
        w = tf.Variable(W)
        (dw,) = tf.gradients(tf.nn.nce_loss(w, B, LABELS, X, 3, 6), w)
        assert isinstance(dw, tf.IndexedSlices)


def test_two_true_classes_share_the_softmax():
    labels, expected = np.array([[1, 2], [4, 0]]), np.array([[0.5, 0.1], [0.4, 0.2]])
    true = (X[:, None] * W[labels]).sum(2) + B[labels] - np.log(expected)
    logits = np.concatenate([true, X @ W[[3, 5]].T + B[[3, 5]] - np.log([0.3, 0.2])], 1)
    want = np.log(np.exp(logits).sum(1)) - true.mean(1)
    with tf.Graph().as_default():
        values = (np.array([3, 5]), expected, np.array([0.3, 0.2]))
        loss = tf.nn.sampled_softmax_loss(W, B, labels, X, 2, 6, num_true=2, sampled_values=values)
        np.testing.assert_allclose(run_on("cpu", loss), want, rtol=1e-9)


def test_training_on_samples_lowers_the_full_loss():
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        w, b = tf.Variable(tf.zeros([20, 8])), tf.Variable(tf.zeros([20]))
        x = tf.constant(rng.normal(size=(20, 8)), tf.float32)
        loss = tf.reduce_mean(tf.nn.nce_loss(w, b, np.arange(20)[:, None], x, 5, 20))
        step = tf.train.AdamOptimizer(0.1).minimize(loss)
        full = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=np.arange(20), logits=tf.matmul(x, w, transpose_b=True) + b
        )
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            before = session.run(full).mean()
            for _ in range(200):
                session.run(step)
            assert session.run(full).mean() < 0.5 * before
