"""`tf.train`: optimizers, schedules, the global step and moving averages; re-exports and nothing else."""

from graphflow.train.adadelta import AdadeltaOptimizer
from graphflow.train.adagrad import AdagradDAOptimizer, AdagradOptimizer, ProximalAdagradOptimizer
from graphflow.train.adam import AdamOptimizer
from graphflow.train.averages import ExponentialMovingAverage
from graphflow.train.ftrl import FtrlOptimizer
from graphflow.train.global_step import (
    assert_global_step,
    create_global_step,
    get_global_step,
    get_or_create_global_step,
    global_step,
)
from graphflow.train.gradient_descent import GradientDescentOptimizer, ProximalGradientDescentOptimizer
from graphflow.train.momentum import MomentumOptimizer
from graphflow.train.optimizer import Optimizer
from graphflow.train.rmsprop import RMSPropOptimizer
from graphflow.train.schedules import (
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    linear_cosine_decay,
    natural_exp_decay,
    piecewise_constant,
    piecewise_constant_decay,
    polynomial_decay,
)
