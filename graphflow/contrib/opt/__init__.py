"""`tf.contrib.opt`: more optimizers, and wrappers of optimizers; re-exports and nothing else."""

from graphflow.contrib.opt.adams import AdaMaxOptimizer, LazyAdamOptimizer, NadamOptimizer
from graphflow.contrib.opt.decay import (
    AdamWOptimizer,
    DecoupledWeightDecayExtension,
    MomentumWOptimizer,
    extend_with_decoupled_weight_decay,
)
from graphflow.contrib.opt.external import ExternalOptimizerInterface, ScipyOptimizerInterface
from graphflow.contrib.opt.lars import LARSOptimizer
from graphflow.contrib.opt.signs import AddSignOptimizer, PowerSignOptimizer
from graphflow.contrib.opt.wrappers import (
    MovingAverageOptimizer,
    MultitaskOptimizerWrapper,
    VariableClippingOptimizer,
    clip_gradients_by_global_norm,
)
