"""Distributions of vectors and mixtures: densities as SciPy has them, samples with the moments that are promised."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.distributions.mixture import Mixture
from graphflow.distributions.multivariate import (
    ExpRelaxedOneHotCategorical,
    MultivariateNormalDiag,
    MultivariateNormalFullCovariance,
    MultivariateNormalTriL,
    OneHotCategorical,
    RelaxedOneHotCategorical,
)
from graphflow.testing import run_on

X = [0.3, 0.4]
# a normal distribution, its mean and its covariance
NORMAL = {
    "diag": (lambda: MultivariateNormalDiag([0.0, 1.0], [1.0, 2.0]), [0, 1], np.diag([1.0, 4.0])),
    "multiple of 1": (lambda: MultivariateNormalDiag([0.0, 1.0], None, 2.0), [0, 1], np.eye(2) * 4),
    "both": (lambda: MultivariateNormalDiag([0.0, 1.0], [1.0, 2.0], 0.5), [0, 1], np.diag([2.25, 6.25])),
    "no loc": (lambda: MultivariateNormalDiag(scale_diag=[1.0, 2.0]), [0, 0], np.diag([1.0, 4.0])),
    "tril": (lambda: MultivariateNormalTriL([0.0, 1.0], [[1.0, 9.0], [0.5, 2.0]]), [0, 1], [[1, 0.5], [0.5, 4.25]]),
    "full": (
        lambda: MultivariateNormalFullCovariance([0.0, 1.0], [[1.0, 0.2], [0.2, 2.0]]),
        [0, 1],
        [[1, 0.2], [0.2, 2]],
    ),
}


@pytest.mark.parametrize("name", NORMAL)
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_normal(name, backend):
    make, mean, covariance = NORMAL[name]
    mean, covariance = np.array(mean), np.array(covariance)
    d = make()
    away = X - mean
    log = -0.5 * (away @ np.linalg.solve(covariance, away) + np.linalg.slogdet(2 * np.pi * covariance)[1])
    found = run_on(backend, [d.log_prob(X), d.entropy(), d.mean(), d.covariance(), d.stddev(), d.mode(), d.variance()])
    expected = [log, 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1], mean, covariance,
                np.sqrt(np.diag(covariance)), mean, np.diag(covariance)]  # fmt: skip
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)
    drawn = run_on(backend, d.sample(20000, seed=3))
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.07)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.15)


def test_shapes_of_a_batch():
    d = MultivariateNormalDiag(tf.zeros([3, 2]), tf.ones([2]) * 0.5)
    assert (d.batch_shape.as_list(), d.event_shape.as_list()) == ([3], [2])
    assert [t.shape.as_list() for t in (d.sample(5), d.log_prob(X), d.entropy())] == [[5, 3, 2], [3], [3]]
    y = d.sample(seed=1)
    assert tf.gradients(y, d.loc)[0].shape.as_list() == [3, 2]


def test_what_a_normal_distribution_needs():
    with pytest.raises(ValueError, match="loc or scale_diag"):
        MultivariateNormalDiag()
    with pytest.raises(ValueError, match="scale_tril must be given"):
        MultivariateNormalTriL([0.0])


def test_one_class_as_a_vector():
    d = OneHotCategorical(probs=[0.2, 0.3, 0.5])
    log, entropy, mode, variance = run_on("cpu", [d.log_prob([0, 1, 0]), d.entropy(), d.mode(), d.variance()])
    assert log == pytest.approx(np.log(0.3), rel=1e-5)
    assert run_on("cpu", d.log_prob([0.0, 1.0, 0.0])) == log
    p = np.array([0.2, 0.3, 0.5])
    assert entropy == pytest.approx(-(p * np.log(p)).sum(), rel=1e-5)
    assert mode.tolist() == [0, 0, 1]
    np.testing.assert_allclose(variance, p * (1 - p), rtol=1e-5)
    drawn = run_on("cpu", d.sample(20000, seed=1))
    assert drawn.dtype == np.int32
    assert (drawn.sum(axis=1) == 1).all()
    np.testing.assert_allclose(drawn.mean(axis=0), p, atol=0.02)


def test_a_relaxed_class():
    heat, p, x = 0.5, np.array([0.2, 0.3, 0.5]), np.array([0.1, 0.3, 0.6])
    density = 2 * heat**2 * np.prod(p / x ** (heat + 1)) / (p / x**heat).sum() ** 3
    d = RelaxedOneHotCategorical(heat, probs=p.astype(np.float32))
    assert run_on("cpu", d.log_prob(x)) == pytest.approx(np.log(density), rel=1e-4)
    e = ExpRelaxedOneHotCategorical(heat, probs=p.astype(np.float32))
    assert run_on("cpu", e.log_prob(np.log(x))) == pytest.approx(np.log(density) + np.log(x).sum(), rel=1e-4)
    drawn = run_on("cpu", d.sample(20000, seed=1))
    np.testing.assert_allclose(drawn.sum(axis=1), 1, rtol=1e-4)
    np.testing.assert_allclose(np.bincount(drawn.argmax(axis=1)) / 20000, p, atol=0.02)
    logs = run_on("cpu", e.sample(4, seed=1))
    np.testing.assert_allclose(np.exp(logs), drawn[:4], rtol=1e-3, atol=1e-6)


def test_mixture():
    normal = tf.distributions.Normal
    d = Mixture(tf.distributions.Categorical(probs=[0.3, 0.7]), [normal(0.0, 1.0), normal(1.0, 2.0)])
    one = np.exp(-0.5 * 0.3**2) / np.sqrt(2 * np.pi)
    two = np.exp(-0.5 * 0.35**2) / np.sqrt(2 * np.pi) / 2
    prob, mean, variance = run_on("cpu", [d.prob(0.3), d.mean(), d.variance()])
    assert prob == pytest.approx(0.3 * one + 0.7 * two, rel=1e-5)
    assert mean == pytest.approx(0.7)
    assert variance == pytest.approx(0.3 + 0.7 * 5 - 0.49, rel=1e-5)
    drawn = run_on("cpu", d.sample(50000, seed=1))
    assert drawn.mean() == pytest.approx(0.7, abs=0.03)
    assert drawn.var() == pytest.approx(3.31, abs=0.1)


def test_mixture_of_vectors():
    parts = [MultivariateNormalDiag(tf.zeros([2, 3]), tf.ones([2, 3])), MultivariateNormalDiag(tf.ones([2, 3]))]
    d = Mixture(tf.distributions.Categorical(probs=[[0.3, 0.7]] * 2), parts)
    assert [t.shape.as_list() for t in (d.sample(5), d.log_prob(np.zeros((2, 3))), d.mean())] == [
        [5, 2, 3],
        [2],
        [2, 3],
    ]
    np.testing.assert_allclose(run_on("cpu", d.mean()), np.full((2, 3), 0.7), rtol=1e-5)


def test_what_a_mixture_needs():
    normal = tf.distributions.Normal(0.0, 1.0)
    with pytest.raises(TypeError, match="must be a Categorical"):
        Mixture(normal, [normal])
    with pytest.raises(ValueError, match="2 classes, and there are 1 components"):
        Mixture(tf.distributions.Categorical(probs=[0.3, 0.7]), [normal])
    with pytest.raises(TypeError, match="components must be distributions"):
        Mixture(tf.distributions.Categorical(probs=[0.3, 0.7]), [1, 2])
