"""`tf.math`: the names of TensorFlow 1's math module; re-exports and nothing else."""

from graphflow.ops.activations import (
    log_sigmoid,
    softplus,
    softsign,
)
from graphflow.ops.argmax import (
    argmax,
    argmin,
)
from graphflow.ops.arithmetic import (
    accumulate_n,
    add,
    add_n,
    atan2,
    maximum,
    minimum,
    multiply,
    pow,
    scalar_mul,
    squared_difference,
    subtract,
)
from graphflow.ops.arrange import (
    invert_permutation,
)
from graphflow.ops.assertions import is_non_decreasing, is_strictly_increasing
from graphflow.ops.compare import (
    equal,
    greater,
    greater_equal,
    is_finite,
    is_inf,
    is_nan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
)
from graphflow.ops.complex import (
    angle,
    conj,
    imag,
    real,
)
from graphflow.ops.division import divide, floordiv, floormod, mod, truediv
from graphflow.ops.histogram import bincount, confusion_matrix
from graphflow.ops.math import (
    abs,
    ceil,
    digamma,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    lgamma,
    log,
    log1p,
    negative,
    polygamma,
    reciprocal,
    rint,
    round,
    rsqrt,
    sigmoid,
    sign,
    sqrt,
    square,
)
from graphflow.ops.no_nan import div_no_nan as divide_no_nan
from graphflow.ops.no_nan import multiply_no_nan, xdivy, xlogy
from graphflow.ops.polynomials import lbeta, polyval
from graphflow.ops.products import (
    cumprod,
    cumsum,
    reduce_prod,
)
from graphflow.ops.ranking import (
    in_top_k,
    top_k,
)
from graphflow.ops.reduce import (
    count_nonzero,
    reduce_all,
    reduce_any,
    reduce_euclidean_norm,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_sum,
)
from graphflow.ops.segments import (
    segment_max,
    segment_mean,
    segment_min,
    segment_prod,
    segment_sum,
    unsorted_segment_max,
    unsorted_segment_mean,
    unsorted_segment_min,
    unsorted_segment_prod,
    unsorted_segment_sqrt_n,
    unsorted_segment_sum,
)
from graphflow.ops.softmax import (
    log_softmax,
    softmax,
)
from graphflow.ops.statistics import (
    l2_normalize,
    reduce_std,
    reduce_variance,
    zero_fraction,
)
from graphflow.ops.trigonometry import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    sin,
    sinh,
    tan,
    tanh,
)
