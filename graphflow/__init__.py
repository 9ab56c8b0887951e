"""graphflow: TensorFlow-1-style graphs and sessions, compiled.  `import graphflow as tf`."""

from graphflow import (
    bitwise,
    contrib,
    data,
    debugging,
    distributions,
    errors,
    estimator,
    feature_column,
    graph_util,
    image,
    initializers,
    io,
    keras,
    layers,
    linalg,
    lookup,
    losses,
    manip,
    math,
    metrics,
    nn,
    operators,
    python_io,
    random,
    saved_model,
    sets,
    signal,
    sparse,
    spectral,
    strings,
    summary,
    train,
)
from graphflow.compat.lookup import complete as _complete
from graphflow.config import config
from graphflow.control.conditional import case, cond, switch_case
from graphflow.control.functional import foldl, foldr, map_fn, scan
from graphflow.control.tensor_array import TensorArray
from graphflow.control.while_loop import while_loop
from graphflow.custom_gradient import custom_gradient
from graphflow.default import *
from graphflow.default_session import get_default_session
from graphflow.devices import DeviceSpec
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
from graphflow.frames import install as _install_frames
from graphflow.gradients import NotDifferentiable, RegisterGradient, gradients
from graphflow.graph import Graph, get_default_graph, reset_default_graph
from graphflow.graph_def import import_graph_def
from graphflow.graph_protos import AttrValue, GraphDef, NodeDef
from graphflow.hessians import hessians
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
from graphflow.io.parsing import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    VarLenFeature,
    parse_example,
    parse_single_example,
    parse_single_sequence_example,
)
from graphflow.looking import plan, stages, view
from graphflow.modes import *
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor
from graphflow.ops.activations import log_sigmoid
from graphflow.ops.argmax import arg_max, arg_min, argmax, argmin
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
from graphflow.ops.arrange import invert_permutation, matrix_transpose, reverse, roll, tile, transpose
from graphflow.ops.arrange import reverse as reverse_v2
from graphflow.ops.assertions import *
from graphflow.ops.basic import (
    cast,
    group,
    guarantee_const,
    identity,
    identity_n,
    no_op,
    ones_like,
    stop_gradient,
    zeros_like,
)
from graphflow.ops.basic import tuple_ as tuple
from graphflow.ops.bitwise import bitcast
from graphflow.ops.casts import *
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
from graphflow.ops.convert import convert_to_tensor_or_indexed_slices, convert_to_tensor_or_sparse_tensor
from graphflow.ops.decompositions import cholesky, cholesky_solve, matrix_determinant, matrix_inverse, matrix_solve
from graphflow.ops.define import convert_to_tensor, is_tensor, register_tensor_conversion_function
from graphflow.ops.diagonal import (
    diag,
    diag_part,
    matrix_band_part,
    matrix_diag,
    matrix_diag_part,
    matrix_set_diag,
    trace,
)
from graphflow.ops.division import (
    div,
    divide,
    floor_div,
    floordiv,
    floormod,
    mod,
    realdiv,
    truediv,
    truncatediv,
    truncatemod,
)
from graphflow.ops.factorizations import qr, self_adjoint_eig, self_adjoint_eigvals, svd
from graphflow.ops.files import decode_csv, decode_raw, matching_files, read_file, write_file
from graphflow.ops.fill import constant, eye, fill, lin_space, linspace, one_hot, ones, range, zeros
from graphflow.ops.finite import add_check_numerics_ops, check_numerics, verify_tensor_all_finite
from graphflow.ops.fourier import fft, fft2d, ifft, ifft2d
from graphflow.ops.histogram import bincount, confusion_matrix, histogram_fixed_width, histogram_fixed_width_bins
from graphflow.ops.host import numpy_function, py_func, py_function, timestamp
from graphflow.ops.image.patches import extract_image_patches
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
from graphflow.ops.matrices import cross
from graphflow.ops.no_nan import div_no_nan
from graphflow.ops.pad import pad
from graphflow.ops.placeholder import placeholder, placeholder_with_default
from graphflow.ops.polynomials import lbeta
from graphflow.ops.printing import Print
from graphflow.ops.printing import print_ as print
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
from graphflow.ops.scatter import *
from graphflow.ops.seeds import get_seed, set_random_seed
from graphflow.ops.segments import *
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
from graphflow.ops.sorting import argsort, sort
from graphflow.ops.space import (
    batch_to_space,
    batch_to_space_nd,
    depth_to_space,
    space_to_batch,
    space_to_batch_nd,
    space_to_depth,
)
from graphflow.ops.sparse.arrange import (
    sparse_concat,
    sparse_fill_empty_rows,
    sparse_mask,
    sparse_reorder,
    sparse_reset_shape,
    sparse_reshape,
    sparse_retain,
    sparse_slice,
    sparse_split,
    sparse_transpose,
)
from graphflow.ops.sparse.edit_distance import edit_distance
from graphflow.ops.sparse.math import (
    sparse_add,
    sparse_maximum,
    sparse_minimum,
    sparse_reduce_max,
    sparse_reduce_sum,
    sparse_softmax,
    sparse_tensor_dense_matmul,
    sparse_to_indicator,
)
from graphflow.ops.sparse.tensor import (
    SparseTensor,
    SparseTensorValue,
    sparse_placeholder,
    sparse_tensor_to_dense,
    sparse_to_dense,
)
from graphflow.ops.state import *
from graphflow.ops.static import get_static_value
from graphflow.ops.statistics import norm
from graphflow.ops.string_numbers import as_string, string_to_number
from graphflow.ops.string_pieces import reduce_join, string_join, string_split
from graphflow.ops.strings import (
    decode_base64,
    encode_base64,
    regex_replace,
    string_strip,
    string_to_hash_bucket,
    string_to_hash_bucket_fast,
    string_to_hash_bucket_strong,
    substr,
)
from graphflow.ops.triangular import matrix_solve_ls, matrix_triangular_solve
from graphflow.ops.trigonometry import acos, acosh, asin, asinh, atan, atanh, cos, cosh, sin, sinh, tan, tanh
from graphflow.pictures.draw import to_dot, to_png, to_svg
from graphflow.pictures.tree import tree
from graphflow.profiling import profile
from graphflow.protos import ConfigProto, GPUOptions, GraphOptions, OptimizerOptions, RunMetadata, RunOptions
from graphflow.queues.accumulators import (
    ConditionalAccumulator,
    ConditionalAccumulatorBase,
    SparseConditionalAccumulator,
)
from graphflow.queues.queues import FIFOQueue, PaddingFIFOQueue, PriorityQueue, QueueBase, RandomShuffleQueue
from graphflow.queues.readers import (
    FixedLengthRecordReader,
    IdentityReader,
    ReaderBase,
    TextLineReader,
    TFRecordReader,
    WholeFileReader,
)
from graphflow.session import InteractiveSession, Session, explain
from graphflow.shape import Dimension, TensorShape, broadcast_static_shape
from graphflow.shared_variables import get_local_variable, get_variable
from graphflow.spec import TensorSpec
from graphflow.summary_protos import Event, HistogramProto, SessionLog, Summary, SummaryMetadata
from graphflow.tables import tables_initializer
from graphflow.template import make_template
from graphflow.tensor_proto import make_ndarray, make_tensor_proto
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
    assert_variables_initialized,
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
from graphflow.version import COMPILER_VERSION, GIT_VERSION, VERSION, __version__

newaxis = None
all_variables = global_variables
initialize_all_variables = global_variables_initializer
initialize_variables = variables_initializer
initialize_local_variables = local_variables_initializer
initialize_all_tables = tables_initializer
NoGradient = no_gradient = NotDifferentiable

_complete()
_install_frames()
