"""Distributions: densities that integrate to 1, samples with the moments that are promised, known values."""

import math

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on

d = tf.distributions
# name: (a distribution with a batch of two, where nearly all of its density lies)
CONTINUOUS = {
    "Normal": (lambda: d.Normal([0.0, 1.0], 2.0), (-12, 14)),
    "Laplace": (lambda: d.Laplace([0.0, 1.0], 0.5), (-8, 9)),
    "Uniform": (lambda: d.Uniform([0.0, 1.0], 3.0), (-1, 4)),
    "Gamma": (lambda: d.Gamma([1.5, 4.0], 2.0), (1e-9, 15)),
    "Exponential": (lambda: d.Exponential([0.5, 2.0]), (1e-9, 40)),
    "Beta": (lambda: d.Beta([1.5, 3.0], 2.0), (1e-9, 1 - 1e-9)),
    "StudentT": (lambda: d.StudentT([7.0, 9.0], 1.0, 0.5), (-30, 30)),
}
DISCRETE = {
    "Bernoulli": lambda: d.Bernoulli(probs=[0.2, 0.7]),
    "Categorical": lambda: d.Categorical(logits=np.log([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]])),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities(name):
    make, (low, high) = CONTINUOUS[name]
    made = make()
    edges = np.linspace(low, high, 100001)
    x = ((edges[1:] + edges[:-1]) / 2).astype(np.float32)[:, None]
    p, logs = (v.astype(np.float64) for v in run_on("cpu", [made.prob(x), made.log_prob(x)]))
    mass = p * (high - low) / len(x)
    np.testing.assert_allclose(mass.sum(axis=0), 1, rtol=2e-3)
    np.testing.assert_allclose(np.exp(logs), p, rtol=1e-4, atol=1e-6)
    mean, variance, entropy = run_on("cpu", [made.mean(), made.variance(), made.entropy()])
    np.testing.assert_allclose((x * mass).sum(axis=0), mean, rtol=5e-3, atol=5e-3)
    np.testing.assert_allclose((np.square(x - mean) * mass).sum(axis=0), variance, rtol=1e-2)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(-np.nansum(np.where(p > 0, logs * mass, 0), axis=0), entropy, rtol=5e-3, atol=5e-3)
    np.testing.assert_allclose(run_on("cpu", made.stddev()), np.sqrt(variance), rtol=1e-5)
    mode = run_on("cpu", made.mode()) if name != "Uniform" else None
    if mode is not None:
        np.testing.assert_allclose(x[p.argmax(axis=0), 0], mode, atol=1e-2)


@pytest.mark.parametrize("name", ["Normal", "Laplace", "Uniform", "Exponential"])
def test_distribution_functions(name):
    make, (low, high) = CONTINUOUS[name]
    made = make()
    x = np.linspace(low, high, 2001).astype(np.float32)[:, None]
    asked = [made.cdf(x), made.log_cdf(x), made.survival_function(x), made.prob(x)]
    cdf, log_cdf, survival, p = run_on("cpu", asked)
    np.testing.assert_allclose(cdf[1:] - cdf[:-1], (p[1:] + p[:-1]) / 2 * np.diff(x, axis=0), atol=3e-3)
    np.testing.assert_allclose(cdf + survival, np.ones_like(cdf), atol=1e-5)
    np.testing.assert_allclose(np.exp(log_cdf), cdf, atol=1e-5)


def test_far_tails_of_the_normal_distribution():
    z = np.array([-5.0, -12.0, -30.0])
    got = run_on("cpu", d.Normal(np.float64(0), np.float64(1)).log_cdf(z))
    series = -(z**2) / 2 - np.log(-z) - 0.5 * math.log(2 * math.pi) + np.log(1 - 1 / z**2 + 3 / z**4 - 15 / z**6)
    np.testing.assert_allclose(got, series, rtol=1e-4)


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_samples(name):
    made = CONTINUOUS[name][0]() if name in CONTINUOUS else DISCRETE[name]()
    assert (made.batch_shape, made.event_shape) == ((2,), ())
    samples = run_on("cpu", made.sample([200, 100], seed=1))
    assert samples.shape == (200, 100, 2) and samples.dtype == made.dtype.dtype
    if name == "Categorical":
        counts = np.stack([(samples == k).mean(axis=(0, 1)) for k in range(3)], -1)
        np.testing.assert_allclose(counts, [[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]], atol=0.02)
        return
    mean, deviation = run_on("cpu", [made.mean(), made.stddev()])
    np.testing.assert_allclose(samples.mean(axis=(0, 1)), mean, atol=0.05 * deviation.max())
    np.testing.assert_allclose(samples.std(axis=(0, 1)), deviation, rtol=0.08)
    assert run_on("cpu", made.sample()).shape == (2,)


def test_known_probabilities():
    bernoulli, categorical = DISCRETE["Bernoulli"](), DISCRETE["Categorical"]()
    np.testing.assert_allclose(run_on("cpu", bernoulli.prob([0, 1])), [0.8, 0.7], rtol=1e-5)
    np.testing.assert_allclose(run_on("cpu", categorical.prob([2, 0])), [0.5, 0.6], rtol=1e-5)
    sure = d.Categorical(probs=[0.0, 1.0])
    np.testing.assert_array_equal(run_on("cpu", [sure.log_prob(1), sure.log_prob(0), sure.entropy()]), [0, -np.inf, 0])
    p = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]])
    np.testing.assert_allclose(run_on("cpu", categorical.entropy()), -(p * np.log(p)).sum(axis=1), rtol=1e-5)
    assert run_on("cpu", categorical.mode()).tolist() == [2, 0]
    assert run_on("cpu", bernoulli.mode()).tolist() == [0, 1]


def test_multinomial():
    made = d.Multinomial([4.0, 2.0], probs=[[0.2, 0.8], [0.5, 0.5]])
    assert (made.batch_shape, made.event_shape) == ((2,), (2,))
    np.testing.assert_allclose(run_on("cpu", made.prob([[1.0, 3.0], [2.0, 0.0]])), [4 * 0.2 * 0.8**3, 0.25], rtol=1e-5)
    samples = run_on("cpu", made.sample(5000, seed=2))
    np.testing.assert_array_equal(samples.sum(axis=-1), np.broadcast_to([4, 2], (5000, 2)))
    np.testing.assert_allclose(samples.mean(axis=0), [[0.8, 3.2], [1, 1]], atol=0.05)
    np.testing.assert_allclose(run_on("cpu", made.covariance())[0], [[0.64, -0.64], [-0.64, 0.64]], rtol=1e-5)


def test_dirichlet():
    made = d.Dirichlet([[0.5, 2.0, 3.0], [1.5, 2.0, 4.0]])
    samples = run_on("cpu", made.sample(5000, seed=2))
    np.testing.assert_allclose(samples.sum(axis=-1), 1, rtol=1e-5)
    mean, variance = run_on("cpu", [made.mean(), made.variance()])
    np.testing.assert_allclose(samples.mean(axis=0), mean, atol=0.01)
    np.testing.assert_allclose(samples.var(axis=0), variance, rtol=0.1)
    two, beta = d.Dirichlet([2.0, 3.0]), d.Beta(2.0, 3.0)
    same = run_on("cpu", [two.log_prob([0.3, 0.7]), beta.log_prob(0.3), two.entropy(), beta.entropy()])
    np.testing.assert_allclose(same[::2], same[1::2], rtol=1e-5)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (lambda: d.Normal(0.0, 1.0), lambda: d.Normal(1.0, 2.0)),
        (lambda: d.Gamma(2.0, 3.0), lambda: d.Gamma(1.0, 2.0)),
        (lambda: d.Beta(2.0, 3.0), lambda: d.Beta(1.0, 2.0)),
        (lambda: d.Exponential(1.0), lambda: d.Exponential(2.0)),
        (lambda: d.Bernoulli(probs=0.3), lambda: d.Bernoulli(probs=0.6)),
        (lambda: d.Categorical(probs=[0.2, 0.8]), lambda: d.Categorical(probs=[0.5, 0.5])),
        (lambda: d.Dirichlet([1.0, 2.0]), lambda: d.Dirichlet([3.0, 4.0])),
    ],
)
def test_divergence_is_the_mean_of_the_difference(a, b):
    p, q = a(), b()
    x = p.sample(20000, seed=3)
    estimate, exact, method = run_on(
        "cpu", [tf.reduce_mean(p.log_prob(x) - q.log_prob(x)), d.kl_divergence(p, q), p.kl_divergence(q)]
    )
    np.testing.assert_allclose(estimate, exact, rtol=0.06, atol=0.01)
    assert exact == method


def test_gradients_and_errors():
    loc = tf.constant(1.0)
    y = tf.reduce_sum(d.Normal(loc, 2.0).sample(5))
    assert run_on("cpu", tf.gradients(y, loc)[0]) == 5
    with pytest.raises(NotImplementedError):
        d.Gamma(1.0, 1.0).cdf(1.0)
    with pytest.raises(NotImplementedError):
        d.kl_divergence(d.Normal(0.0, 1.0), d.Beta(1.0, 1.0))
    with pytest.raises(ValueError):
        d.Bernoulli(logits=1.0, probs=0.5)
    with pytest.raises(tf.errors.InvalidArgumentError):
        d.Normal(0.0, -1.0, validate_args=True)
