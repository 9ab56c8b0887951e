"""`tf.keras.constraints`; re-exports and nothing else."""

from graphflow.layers.constraints import (
    Constraint,
    MaxNorm,
    MinMaxNorm,
    NonNeg,
    UnitNorm,
    max_norm,
    min_max_norm,
    non_neg,
    unit_norm,
)
from graphflow.layers.named import constraint as get
