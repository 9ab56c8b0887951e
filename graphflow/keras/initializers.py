"""`tf.keras.initializers`; re-exports and nothing else."""

from graphflow.initializers import (
    Initializer,
    constant,
    constant_initializer,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    identity,
    identity_initializer,
    lecun_normal,
    lecun_uniform,
    ones,
    ones_initializer,
    orthogonal,
    orthogonal_initializer,
    variance_scaling_initializer,
    zeros,
    zeros_initializer,
)
from graphflow.layers.named import initializer as get
from graphflow.layers.named import random_normal, random_uniform, truncated_normal

Constant, Identity, Ones, Orthogonal = (
    constant_initializer,
    identity_initializer,
    ones_initializer,
    orthogonal_initializer,
)
RandomNormal, RandomUniform, TruncatedNormal = random_normal, random_uniform, truncated_normal
VarianceScaling, Zeros = variance_scaling_initializer, zeros_initializer
