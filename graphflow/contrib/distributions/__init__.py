"""`tf.contrib.distributions`: re-exports and nothing else."""

from graphflow.contrib.distributions import bijectors
from graphflow.contrib.distributions.around import (
    Deterministic,
    Independent,
    MixtureSameFamily,
    QuantizedDistribution,
    VectorDeterministic,
)
from graphflow.contrib.distributions.counts import Binomial, DirichletMultinomial, Geometric, NegativeBinomial, Poisson
from graphflow.contrib.distributions.real import (
    Cauchy,
    Chi2,
    Gumbel,
    HalfNormal,
    InverseGamma,
    Kumaraswamy,
    Logistic,
    RelaxedBernoulli,
)
from graphflow.contrib.distributions.shapes import (
    fill_triangular,
    fill_triangular_inverse,
    matrix_diag_transform,
    reduce_weighted_logsumexp,
    softplus_inverse,
    tridiag,
)
from graphflow.contrib.distributions.softplus import (
    BetaWithSoftplusConcentration,
    Chi2WithAbsDf,
    ExponentialWithSoftplusRate,
    GammaWithSoftplusConcentrationRate,
    InverseGammaWithSoftplusConcentrationRate,
    LaplaceWithSoftplusScale,
    MultivariateNormalDiagWithSoftplusScale,
    NormalWithSoftplusScale,
    StudentTWithAbsDfSoftplusScale,
)
from graphflow.contrib.distributions.statistics import (
    assign_log_moving_mean_exp,
    assign_moving_mean_variance,
    auto_correlation,
    moving_mean_variance,
    percentile,
)
from graphflow.contrib.distributions.transformed import TransformedDistribution
from graphflow.distributions import (
    FULLY_REPARAMETERIZED,
    NOT_REPARAMETERIZED,
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Laplace,
    Multinomial,
    Normal,
    RegisterKL,
    StudentT,
    Uniform,
    kl_divergence,
)
from graphflow.distributions.mixture import Mixture
from graphflow.distributions.multivariate import (
    ExpRelaxedOneHotCategorical,
    MultivariateNormalDiag,
    MultivariateNormalFullCovariance,
    MultivariateNormalTriL,
    OneHotCategorical,
    RelaxedOneHotCategorical,
)

ConditionalDistribution, ConditionalTransformedDistribution = (
    Distribution,
    TransformedDistribution,
)  # every one takes the arguments of a condition
