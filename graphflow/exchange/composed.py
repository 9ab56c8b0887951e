"""Ops of TensorFlow that graphflow says with several of its own: functions of the attributes and inputs of a node.

Most of them are derivatives, for which TensorFlow has ops of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphflow.dtypes import float16, float32, int64
from graphflow.errors import GraphError
from graphflow.gradients import gradients
from graphflow.node_attrs import parameters
from graphflow.operation import Operation, Tensor
from graphflow.ops.activations import SELU_ALPHA, SELU_SCALE, leaky_relu
from graphflow.ops.arithmetic import add_n
from graphflow.ops.basic import IDENTITY_N, cast, identity, no_op, zeros_like
from graphflow.ops.compare import logical_and
from graphflow.ops.contraction import einsum
from graphflow.ops.define import REGISTRY
from graphflow.ops.fill import constant
from graphflow.ops.fill import range as range_
from graphflow.ops.indexed_slices import UNSORTED_SEGMENT_SUM
from graphflow.ops.indexing import gather, gather_nd
from graphflow.ops.lrn import lrn
from graphflow.ops.math import abs, rsqrt, sigmoid, sqrt, square
from graphflow.ops.normalization import fused_batch_norm
from graphflow.ops.printing import Print as print_values
from graphflow.ops.products import cumsum
from graphflow.ops.ranking import IN_TOP_K
from graphflow.ops.reduce import reduce_mean, reduce_sum
from graphflow.ops.segments import segment_sum, sparse_segment_mean, sparse_segment_sqrt_n, sparse_segment_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import reshape, shape
from graphflow.ops.sparse.arrange import sparse_fill_empty_rows
from graphflow.ops.sparse.math import sparse_tensor_dense_matmul
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.state import READ
from graphflow.ops.statistics import moments
from graphflow.ops.tables import MUTABLE_TABLE

Attrs = Mapping[str, Any]


def compose(op: str, attrs: Attrs, inputs: list[Tensor], name: str) -> Operation:
    """The operation `name`, whose outputs are those of TensorFlow's op."""
    if not inputs:
        raise TypeError("it has no inputs")
    graph = inputs[0].graph
    with graph.name_scope(f"{name}/") as scope:
        found = COMPOSED[op]({**attrs, "name": scope}, *inputs)
        parts = found if isinstance(found, list) else [found]
        first = parts[0] if isinstance(parts[0], Operation) else parts[0].op
        if first.name == name:
            return first
        if isinstance(found, Operation):
            with graph.control_dependencies([found]):
                return no_op(name=scope)
        return identity(found, name=scope).op if isinstance(found, Tensor) else IDENTITY_N(*found, name=scope)[0].op


# -- variables ---------------------------------------------------------------------------------------------------------
def current(t: Tensor) -> Tensor:
    """The value of a variable behind what an operation made now waits for; any other tensor as it is."""
    return READ(t) if t.op.definition.variable and t.graph.has_control_dependencies else t


def _with_shrinkage(op: str) -> Callable:
    """A rule of an optimizer that has one number more here."""

    def made(attrs: Attrs, *inputs: Tensor) -> Operation:
        return REGISTRY[op](*inputs[:-1], constant(0.0, inputs[0].dtype), inputs[-1])[0].op

    return made


# -- batch normalization -----------------------------------------------------------------------------------------------
def _how(attrs: Attrs) -> tuple[bool, float]:
    if attrs.get("data_format", "NHWC") != "NHWC":
        raise GraphError(f"graphflow takes the attribute 'data_format' only with 'NHWC', not {attrs['data_format']!r}")
    return attrs.get("is_training", True), attrs.get("epsilon", 1e-4)


def _batch_norm(attrs: Attrs, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor) -> list[Tensor]:
    """(y, mean and variance for running averages, and twice what only the gradient takes)."""
    training, epsilon = _how(attrs)
    y, found, unbiased = fused_batch_norm(
        x, scale, offset, None if training else mean, None if training else variance, epsilon, is_training=training
    )
    factor = attrs.get("exponential_avg_factor", 1.0)
    if training and factor != 1.0:
        found, unbiased = (old + (new - old) * factor for old, new in ((mean, found), (variance, unbiased)))
    return [y, found, unbiased, found, unbiased, found]


def _batch_norm_grad(
    attrs: Attrs, dy: Tensor, x: Tensor, scale: Tensor, mean: Tensor, variance: Tensor, *more: Tensor
) -> list[Tensor]:
    """The derivatives by x, scale and offset; those in training take the moments of x, computed again."""
    training, epsilon = _how(attrs)
    dtype, axes = x.dtype, [0, 1, 2]
    if dtype is float16:
        x, dy = cast(x, float32), cast(dy, float32)
    if training:
        mean, variance = moments(x, axes)
    inverse = rsqrt(variance + epsilon)
    normal = (x - mean) * inverse
    d_scale, d_offset = reduce_sum(dy * normal, axes), reduce_sum(dy, axes)
    if training:
        dy = dy - reduce_mean(dy, axes) - normal * reduce_mean(dy * normal, axes)
    return [cast(dy * (scale * inverse), dtype), d_scale, d_offset, zeros_like(mean), zeros_like(variance)]


# -- rows --------------------------------------------------------------------------------------------------------------
def _segments(fold: Callable) -> Callable:
    return lambda attrs, data, indices, ids, *count: fold(data, indices, ids, num_segments=count[0] if count else None)


def _segments_grad(divisor: Callable[[Tensor], Tensor]) -> Callable:
    """The derivative by the data: each row gets that of its segment, divided as the number of rows there says."""

    def made(attrs: Attrs, dy: Tensor, indices: Tensor, ids: Tensor, rows: Tensor) -> Tensor:
        ones = zeros_like(ids, dtype=dy.dtype) + 1
        counts = divisor(gather(segment_sum(ones, ids), ids))
        parts = gather(dy, ids) / reshape(counts, [-1, *[1] * (len(dy.dims or ()) - 1)])
        return UNSORTED_SEGMENT_SUM(parts, indices, rows)

    return made


def _fill_empty_rows(attrs: Attrs, indices: Tensor, values: Tensor, sizes: Tensor, default: Tensor) -> list[Tensor]:
    filled, empty = sparse_fill_empty_rows(SparseTensor(indices, values, sizes), default)
    before = cumsum(cast(empty, int64))  # each element moves down by the empty rows before its own
    places = range_(shape(values, out_type=int64)[0]) + gather(before, indices[:, 0])
    return [filled.indices, filled.values, empty, places]


def _fill_empty_rows_grad(attrs: Attrs, places: Tensor, dy: Tensor) -> list[Tensor]:
    d_values = gather(dy, places)
    return [d_values, reduce_sum(dy) - reduce_sum(d_values)]


def _sparse_matmul(attrs: Attrs, indices: Tensor, values: Tensor, sizes: Tensor, b: Tensor) -> Tensor:
    sparse = SparseTensor(cast(indices, int64), values, sizes)
    return sparse_tensor_dense_matmul(sparse, b, attrs.get("adjoint_a", False), attrs.get("adjoint_b", False))


# -- lookup tables -----------------------------------------------------------------------------------------------------
def _of_table(op: str) -> Callable:
    """An op on a table, which has what the op asks for beside its inputs."""
    record = REGISTRY[op]
    takes, _, _ = parameters(record)

    def made(attrs: Attrs, table: Tensor, *inputs: Tensor) -> Any:
        known = {**table.op.attrs, "mutable": table.op.definition is MUTABLE_TABLE, "offset": 0, **attrs}
        given = {name: value for name, value in known.items() if name in takes}
        found = record(table, *inputs, **given, name=attrs["name"])
        return found.op if record.writes else found

    return made


# -- others ------------------------------------------------------------------------------------------------------------
def _lrn(attrs: Attrs, x: Tensor) -> Tensor:
    return lrn(x, **{key: attrs[key] for key in ("depth_radius", "bias", "alpha", "beta") if key in attrs})


def _quotient(attrs: Attrs, x: Tensor, y: Tensor) -> Tensor:
    return REGISTRY["TruncateDiv" if x.dtype.is_integer else "RealDiv"](x, y)


COMPOSED: dict[str, Callable[..., Any]] = {
    op: function
    for ops, function in (
        ("AccumulateNV2", lambda attrs, *inputs: add_n(list(inputs))),
        ("ApplyFtrl ResourceApplyFtrl", _with_shrinkage("ApplyFtrlV2")),
        ("Div", _quotient),
        ("Einsum", lambda attrs, *inputs: einsum(attrs["equation"], *inputs)),
        ("EluGrad", lambda attrs, dy, y: where_v2(y < 0, dy * (y + 1), dy)),
        ("FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3", _batch_norm),
        ("FusedBatchNormGrad FusedBatchNormGradV2 FusedBatchNormGradV3", _batch_norm_grad),
        ("InitializeTableFromTextFileV2 InitializeTableFromTextFile", _of_table("InitializeTableFromTextFileV2")),
        ("InitializeTableV2 InitializeTable LookupTableImportV2 LookupTableImport", _of_table("InitializeTableV2")),
        ("LookupTableExportV2 LookupTableExport", _of_table("LookupTableExportV2")),
        ("LookupTableFindV2 LookupTableFind", _of_table("LookupTableFindV2")),
        ("LookupTableInsertV2 LookupTableInsert", _of_table("LookupTableInsertV2")),
        ("LookupTableRemoveV2", _of_table("LookupTableRemoveV2")),
        ("LookupTableSizeV2 LookupTableSize", _of_table("LookupTableSizeV2")),
        ("Gather ResourceGather", lambda attrs, params, indices: gather(current(params), indices)),
        ("InTopK", lambda attrs, values, targets: IN_TOP_K(values, targets, constant(attrs["k"], targets.dtype))),
        ("LRN", _lrn),
        ("LRNGrad", lambda attrs, dy, x, y: gradients(_lrn(attrs, x), x, dy)[0]),
        ("LeakyRelu", lambda attrs, x: leaky_relu(x, attrs.get("alpha", 0.2))),
        ("LeakyReluGrad", lambda attrs, dy, x: where_v2(x > 0, dy, dy * attrs.get("alpha", 0.2))),
        (
            "Print",
            lambda attrs, x, *data: print_values(
                x, list(data), attrs.get("message", ""), attrs.get("first_n", -1), attrs.get("summarize", 3)
            ),
        ),
        ("Relu6Grad", lambda attrs, dy, x: where_v2(logical_and(x > 0, x < 6), dy, zeros_like(dy))),
        ("ResourceGatherNd", lambda attrs, params, indices: gather_nd(current(params), indices)),
        ("SeluGrad", lambda attrs, dy, y: where_v2(y < 0, dy * (y + SELU_SCALE * SELU_ALPHA), dy * SELU_SCALE)),
        ("SoftplusGrad", lambda attrs, dy, x: dy * sigmoid(x)),
        ("SoftsignGrad", lambda attrs, dy, x: dy / square(1 + abs(x))),
        ("SparseApplyFtrl ResourceSparseApplyFtrl", _with_shrinkage("SparseApplyFtrlV2")),
        ("SparseFillEmptyRows", _fill_empty_rows),
        ("SparseFillEmptyRowsGrad", _fill_empty_rows_grad),
        ("SparseSegmentMean SparseSegmentMeanWithNumSegments", _segments(sparse_segment_mean)),
        ("SparseSegmentMeanGrad", _segments_grad(lambda counts: counts)),
        ("SparseSegmentSqrtN SparseSegmentSqrtNWithNumSegments", _segments(sparse_segment_sqrt_n)),
        ("SparseSegmentSqrtNGrad", _segments_grad(sqrt)),
        ("SparseSegmentSum SparseSegmentSumWithNumSegments", _segments(sparse_segment_sum)),
        ("SparseTensorDenseMatMul", _sparse_matmul),
    )
    for op in ops.split()
}
