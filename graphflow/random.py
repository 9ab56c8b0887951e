"""`tf.random`: random tensors under their later names; re-exports and nothing else."""

from graphflow.ops.candidates import log_uniform_candidate_sampler, uniform_candidate_sampler
from graphflow.ops.random import (
    categorical,
    multinomial,
    random_gamma,
    random_normal,
    random_poisson,
    random_shuffle,
    random_uniform,
    truncated_normal,
)
from graphflow.ops.random import random_gamma as gamma
from graphflow.ops.random import random_normal as normal
from graphflow.ops.random import random_poisson as poisson
from graphflow.ops.random import random_shuffle as shuffle
from graphflow.ops.random import random_uniform as uniform
from graphflow.ops.seeds import get_seed, set_random_seed
from graphflow.ops.stateless import (
    stateless_multinomial,
    stateless_normal,
    stateless_truncated_normal,
    stateless_uniform,
)
