"""graphflow: TensorFlow-1-style graphs and sessions, compiled.  `import graphflow as tf`."""

from graphflow import contrib, errors, initializers, linalg, losses, math, metrics, nn, operators, random, train
from graphflow.config import config
from graphflow.control.conditional import case, cond, switch_case
from graphflow.control.functional import foldl, foldr, map_fn, scan
from graphflow.control.tensor_array import TensorArray
from graphflow.control.while_loop import while_loop
from graphflow.default import (
    add_to_collection,
    add_to_collections,
    colocate_with,
    container,
    control_dependencies,
    device,
    get_collection,
    get_collection_ref,
    name_scope,
    op_scope,
)
from graphflow.dtypes import (
    DType,
    as_dtype,
    complex64,
    complex128,
    double,
    float16,
    float32,
    float64,
    half,
    int8,
    int16,
    int32,
    int64,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
)
from graphflow.dtypes import bool_ as bool
from graphflow.gradients import gradients
from graphflow.graph import Graph, get_default_graph, reset_default_graph
from graphflow.initializers import (
    constant_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    ones_initializer,
    orthogonal_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    uniform_unit_scaling_initializer,
    variance_scaling_initializer,
    zeros_initializer,
)
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor
from graphflow.ops.activations import log_sigmoid
from graphflow.ops.argmax import arg_max, arg_min, argmax, argmin
from graphflow.ops.arithmetic import (
    accumulate_n,
    add,
    add_n,
    atan2,
    div,
    div_no_nan,
    divide,
    floor_div,
    floordiv,
    floormod,
    maximum,
    minimum,
    mod,
    multiply,
    pow,
    realdiv,
    scalar_mul,
    squared_difference,
    subtract,
    truediv,
    truncatediv,
    truncatemod,
)
from graphflow.ops.arrange import invert_permutation, matrix_transpose, reverse, roll, tile, transpose
from graphflow.ops.arrange import reverse as reverse_v2
from graphflow.ops.basic import cast, group, identity, no_op, ones_like, stop_gradient, zeros_like
from graphflow.ops.basic import tuple_ as tuple
from graphflow.ops.casts import (
    saturate_cast,
    to_complex64,
    to_complex128,
    to_double,
    to_float,
    to_int32,
    to_int64,
)
from graphflow.ops.clip import clip_by_average_norm, clip_by_global_norm, clip_by_norm, clip_by_value, global_norm
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
from graphflow.ops.complex import angle, complex, conj, imag, real
from graphflow.ops.contraction import einsum, tensordot
from graphflow.ops.decompositions import cholesky, cholesky_solve, matrix_determinant, matrix_inverse, matrix_solve
from graphflow.ops.define import convert_to_tensor, register_tensor_conversion_function
from graphflow.ops.diagonal import (
    diag,
    diag_part,
    matrix_band_part,
    matrix_diag,
    matrix_diag_part,
    matrix_set_diag,
    trace,
)
from graphflow.ops.fill import constant, eye, fill, lin_space, linspace, one_hot, ones, range, zeros
from graphflow.ops.indexed_slices import IndexedSlices, IndexedSlicesValue
from graphflow.ops.indexing import batch_gather, boolean_mask, gather, gather_nd, scatter_nd
from graphflow.ops.join import concat, parallel_stack, split, stack, unstack
from graphflow.ops.linalg import matmul
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
from graphflow.ops.pad import pad
from graphflow.ops.placeholder import placeholder, placeholder_with_default
from graphflow.ops.products import cumprod, cumsum, reduce_prod
from graphflow.ops.random import (
    multinomial,
    random_crop,
    random_gamma,
    random_normal,
    random_poisson,
    random_shuffle,
    random_uniform,
    truncated_normal,
)
from graphflow.ops.reduce import (
    count_nonzero,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_sum,
)
from graphflow.ops.scatter import (
    tensor_scatter_add,
    tensor_scatter_nd_add,
    tensor_scatter_nd_sub,
    tensor_scatter_nd_update,
    tensor_scatter_sub,
    tensor_scatter_update,
)
from graphflow.ops.seeds import get_seed, set_random_seed
from graphflow.ops.select import where, where_v2
from graphflow.ops.sequences import (
    dynamic_partition,
    dynamic_stitch,
    meshgrid,
    repeat,
    reverse_sequence,
    sequence_mask,
)
from graphflow.ops.sets import searchsorted, setdiff1d, unique, unique_with_counts
from graphflow.ops.shape_checks import broadcast_dynamic_shape, ensure_shape
from graphflow.ops.shape_ops import (
    broadcast_to,
    expand_dims,
    rank,
    reshape,
    shape,
    shape_n,
    size,
    squeeze,
)
from graphflow.ops.slicing import slice_ as slice
from graphflow.ops.slicing import strided_slice
from graphflow.ops.space import (
    batch_to_space,
    batch_to_space_nd,
    depth_to_space,
    space_to_batch,
    space_to_batch_nd,
    space_to_depth,
)
from graphflow.ops.sparse.tensor import SparseTensor, SparseTensorValue
from graphflow.ops.state import (
    assign,
    assign_add,
    assign_sub,
    scatter_add,
    scatter_div,
    scatter_max,
    scatter_min,
    scatter_mul,
    scatter_sub,
    scatter_update,
)
from graphflow.ops.static import get_static_value
from graphflow.ops.statistics import norm
from graphflow.ops.trigonometry import acos, acosh, asin, asinh, atan, atanh, cos, cosh, sin, sinh, tan, tanh
from graphflow.protos import ConfigProto, GPUOptions, GraphOptions, OptimizerOptions, RunMetadata, RunOptions
from graphflow.session import InteractiveSession, Session, explain, get_default_session
from graphflow.shape import Dimension, TensorShape, broadcast_static_shape
from graphflow.shared_variables import get_local_variable, get_variable
from graphflow.template import make_template
from graphflow.variable_scope import (
    AUTO_REUSE,
    VariableScope,
    get_variable_scope,
    no_regularizer,
    variable_op_scope,
    variable_scope,
)
from graphflow.variables import (
    Variable,
    global_variables,
    global_variables_initializer,
    is_variable_initialized,
    local_variables,
    local_variables_initializer,
    model_variables,
    moving_average_variables,
    report_uninitialized_variables,
    trainable_variables,
    variables_initializer,
)
from graphflow.version import __version__
from graphflow.view.dot import to_dot

newaxis = None
all_variables = global_variables
initialize_all_variables = global_variables_initializer
initialize_variables = variables_initializer
initialize_local_variables = local_variables_initializer
