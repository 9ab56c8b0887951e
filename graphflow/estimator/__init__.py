"""`tf.estimator`: re-exports and nothing else."""

from graphflow.estimator import export, inputs, tpu
from graphflow.estimator.baseline import BaselineClassifier, BaselineRegressor
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
    ModeKeys,
    RunConfig,
)
from graphflow.estimator.exporters import BestExporter, Exporter, FinalExporter, LatestExporter
from graphflow.estimator.training import EvalSpec, TrainSpec, train_and_evaluate
from graphflow.estimator.warm_start import WarmStartSettings
