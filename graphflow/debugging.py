"""`tf.debugging`: re-exports and nothing else."""

from graphflow.ops.assertions import *
from graphflow.ops.compare import is_finite, is_inf, is_nan
from graphflow.ops.finite import check_numerics
from graphflow.ops.finite import verify_tensor_all_finite as assert_all_finite
