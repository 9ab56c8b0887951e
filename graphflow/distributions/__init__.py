"""`tf.distributions`: random variables with densities, samples and moments."""

from graphflow.distributions import mixture, multivariate
from graphflow.distributions.base import FULLY_REPARAMETERIZED, NOT_REPARAMETERIZED, Distribution
from graphflow.distributions.continuous import (
    Beta,
    Dirichlet,
    Exponential,
    Gamma,
    Laplace,
    Normal,
    StudentT,
    Uniform,
)
from graphflow.distributions.discrete import Bernoulli, Categorical, Multinomial
from graphflow.distributions.divergence import RegisterKL, kl_divergence
