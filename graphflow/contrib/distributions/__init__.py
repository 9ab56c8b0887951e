"""`tf.contrib.distributions`: re-exports and nothing else."""

from graphflow.contrib.distributions import bijectors
from graphflow.contrib.distributions.shapes import (
    fill_triangular,
    fill_triangular_inverse,
    matrix_diag_transform,
    reduce_weighted_logsumexp,
    softplus_inverse,
    tridiag,
)
from graphflow.contrib.distributions.transformed import TransformedDistribution

ConditionalTransformedDistribution = TransformedDistribution  # every one takes the arguments of a condition
