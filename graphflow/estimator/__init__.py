"""`tf.estimator`: re-exports and nothing else."""

from graphflow.estimator import export, inputs
from graphflow.estimator.canned import (
    DNNClassifier,
    DNNLinearCombinedClassifier,
    DNNLinearCombinedRegressor,
    DNNRegressor,
    LinearClassifier,
    LinearRegressor,
)
from graphflow.estimator.estimator import (
    Estimator,
    EstimatorSpec,
    EvalSpec,
    ModeKeys,
    RunConfig,
    TrainSpec,
    train_and_evaluate,
)
from graphflow.estimator.warm_start import WarmStartSettings
