"""`tf.estimator`: re-exports and nothing else."""

from graphflow.estimator import export, inputs
from graphflow.estimator.estimator import (
    Estimator,
    EstimatorSpec,
    EvalSpec,
    ModeKeys,
    RunConfig,
    TrainSpec,
    train_and_evaluate,
)
