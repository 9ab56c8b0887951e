"""tf.contrib.distributions: densities, moments, and gradients."""

import numpy as np


def _numbers(shape, low=-1.5, high=1.5, seed=0):
    return np.random.RandomState(seed).uniform(low, high, shape).astype(np.float32)


def _asked(tf, d, value, *questions):
    value = tf.constant(value)
    found = [d.log_prob(value), d.batch_shape_tensor(), d.event_shape_tensor(), tf.shape(d.sample([2, 3]))]
    return found + [getattr(d, q)() if q in _MOMENTS else getattr(d, q)(value) for q in questions]


_MOMENTS = ("mean", "variance", "stddev", "mode", "entropy", "is_scalar_event", "is_scalar_batch", "covariance")


def poisson(tf):
    d = tf.contrib.distributions
    counts = np.array([[0.0, 2.0], [3.0, 5.0]], np.float32)
    return [
        _asked(tf, d.Poisson([1.5, 2.5]), counts, "mean", "variance", "mode", "prob", "is_scalar_batch"),
        _asked(tf, d.Poisson(log_rate=0.5), counts, "mean", "is_scalar_event", "is_scalar_batch"),
    ]


def geometric_and_binomials(tf):
    d = tf.contrib.distributions
    counts = np.array([[0.0, 2.0], [3.0, 4.0]], np.float32)
    binomial = d.Binomial([5.0, 6.0], probs=[0.3, 0.6])
    return [
        _asked(tf, d.Geometric(probs=[0.3, 0.6]), counts, "mean", "variance", "mode", "entropy", "cdf"),
        _asked(tf, d.Geometric(logits=[0.3, -0.6]), counts, "mean"),
        [binomial.log_prob(counts), binomial.mean(), binomial.variance(), binomial.mode(), binomial.prob(counts)],
        _asked(tf, d.NegativeBinomial([2.0, 3.0], logits=[0.3, -0.6]), counts, "mean", "variance", "mode"),
    ]


def dirichlet_multinomial(tf):
    d = tf.contrib.distributions.DirichletMultinomial(4.0, [[1.0, 2.0, 0.5], [1.0, 1.0, 3.0]])
    counts = np.array([[1.0, 2.0, 1.0], [0.0, 3.0, 1.0]], np.float32)
    return _asked(tf, d, counts, "mean", "variance")


def real(tf):
    d = tf.contrib.distributions
    x, y = _numbers([2, 3]), _numbers([2, 3], 0.1, 0.9)
    loc, scale = [0.1, -0.5, 1.0], [0.5, 1.0, 2.0]
    both = ("mean", "variance", "stddev", "mode", "entropy", "cdf", "log_cdf")
    return [
        _asked(tf, d.Logistic(loc, scale), x, *both, "survival_function", "log_survival_function"),
        _asked(tf, d.Cauchy(loc, scale), x, "mode", "entropy", "cdf", "log_cdf"),
        d.Cauchy(loc, scale).quantile(y),
        _asked(tf, d.HalfNormal(scale), y, "mean", "variance", "mode", "entropy", "cdf", "prob"),
        _asked(tf, d.InverseGamma([1.5, 2.5, 3.0], scale), y, "mean", "variance", "mode", "entropy"),
        _asked(tf, d.Chi2([1.0, 2.0, 5.0]), y, "mean", "variance", "mode", "entropy"),
        _asked(tf, d.Kumaraswamy([1.5, 2.0, 0.5], [1.0, 3.0, 2.0]), y, "mean", "variance", "cdf"),
        _asked(tf, d.RelaxedBernoulli(0.7, logits=loc), y, "prob"),
        _asked(tf, d.RelaxedBernoulli(0.7, probs=[0.2, 0.5, 0.9]), y),
    ]


def any_parameters(tf):
    d = tf.contrib.distributions
    x, y = _numbers([2, 3]), _numbers([2, 3], 0.1, 0.9)
    loc, scale = [0.1, -0.5, 1.0], [-0.5, 1.0, 2.0]
    return [
        _asked(tf, d.NormalWithSoftplusScale(loc, scale), x, "mean", "stddev"),
        _asked(tf, d.LaplaceWithSoftplusScale(loc, scale), x, "stddev"),
        _asked(tf, d.ExponentialWithSoftplusRate(scale), y, "mean"),
        _asked(tf, d.GammaWithSoftplusConcentrationRate(scale, scale), y, "mean"),
        _asked(tf, d.InverseGammaWithSoftplusConcentrationRate(scale, scale), y, "mode"),
        _asked(tf, d.BetaWithSoftplusConcentration(scale, scale), y, "mean"),
        _asked(tf, d.Chi2WithAbsDf([1.5, -2.5, 3.0]), y, "mean"),
        _asked(tf, d.StudentTWithAbsDfSoftplusScale([3.5, -2.5, 3.0], loc, scale), x, "mean"),
        _asked(tf, d.MultivariateNormalDiagWithSoftplusScale(loc, scale), x, "mean", "stddev"),
    ]


def around(tf):
    d = tf.contrib.distributions
    x = _numbers([4, 3])
    normal = d.Normal([0.1, -0.5, 1.0], [0.5, 1.0, 2.0])
    mixed = d.MixtureSameFamily(d.Categorical(probs=[0.2, 0.3, 0.5]), normal)
    vectors = d.MixtureSameFamily(
        d.Categorical(logits=[0.2, 0.3]), d.MultivariateNormalDiag(_numbers([2, 3]), [[1.0, 2.0, 0.5], [1.0, 1.0, 1.0]])
    )
    return [
        _asked(tf, d.Independent(normal, 1), x, "mean", "variance", "entropy", "mode", "is_scalar_batch"),
        _asked(tf, d.Independent(d.Normal(_numbers([2, 3]), 1.0)), _numbers([5, 2, 3])),
        _asked(tf, mixed, x[:, 0], "mean", "variance", "cdf"),
        _asked(tf, vectors, x, "mean", "variance"),
        _asked(tf, d.QuantizedDistribution(normal, low=-1.0, high=2.0), np.array([[-1.0, 0, 1], [2, 1, 0]], np.float32),
               "prob", "cdf", "survival_function", "log_cdf"),
        tf.gradients(mixed.log_prob(tf.constant(x[:, 0])), mixed.components_distribution.loc),
    ]  # fmt: skip


def deterministic(tf):
    d = tf.contrib.distributions
    x = np.array([[0.5, 1.0, 2.1]], np.float32)
    return [
        _asked(tf, d.Deterministic([0.5, 1.5, 2.0], atol=0.2), x, "mean", "mode", "variance", "entropy", "cdf", "prob"),
        _asked(tf, d.VectorDeterministic([0.5, 1.0, 2.0], rtol=0.1), x, "prob", "entropy"),
    ]


def divergences(tf):
    d = tf.contrib.distributions
    a, b = d.NormalWithSoftplusScale([0.1, 0.5], 1.0), d.Normal(0.0, 2.0)
    return [d.kl_divergence(a, b), a.kl_divergence(b), a.cross_entropy(b), b.copy(loc=1.0).mean()]


def statistics(tf):
    d = tf.contrib.distributions
    x = tf.constant(_numbers([3, 4, 5]))
    ways = [d.percentile(x, 30.0, interpolation=w) for w in (None, "lower", "higher")]
    return [
        ways,
        d.percentile(x, 75.0, axis=[0, 2]),
        d.percentile(x, 50.0, axis=1, keep_dims=True),
        d.auto_correlation(x),
        d.auto_correlation(x, axis=1, max_lags=2, center=False, normalize=False),
    ]


def moving(tf):
    d = tf.contrib.distributions
    value = tf.constant([1.0, 2.0, 4.0])
    log_mean = tf.get_variable("log_mean", [3], initializer=tf.zeros_initializer(), trainable=False)
    return [d.moving_mean_variance(value, 0.9), d.assign_log_moving_mean_exp(log_mean, value, 0.7)]


moving.steps = 3
