"""Ops that TensorFlow does not have, said with several that it has: functions of an operation and of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.dtypes import int32
from graphflow.graph import Graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import minimum, multiply, subtract
from graphflow.ops.arrange import transpose
from graphflow.ops.assertions import ASSERT
from graphflow.ops.basic import cast, identity, ones_like
from graphflow.ops.compare import greater_equal, less_equal
from graphflow.ops.define import REGISTRY
from graphflow.ops.diagonal import diag_part, matrix_band_part
from graphflow.ops.factorizations import qr
from graphflow.ops.fill import constant, fill
from graphflow.ops.fill import range as range_
from graphflow.ops.indexed_slices import UNSORTED_SEGMENT_SUM
from graphflow.ops.indexing import gather_nd, scatter_nd
from graphflow.ops.join import concat, stack
from graphflow.ops.linalg import matmul
from graphflow.ops.math import negative, sign
from graphflow.ops.ranking import top_k
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.sequences import dynamic_stitch
from graphflow.ops.sets import unique
from graphflow.ops.shape_ops import rank, reshape, shape, size
from graphflow.ops.state import assign_add, scatter_sub
from graphflow.ops.static import static_value


def expand(op: Operation, name: str) -> tuple[list[Operation], list[Tensor], list[Tensor]]:
    """Operations in a graph of their own, below the name: (they, the tensors for the inputs, what the outputs are)."""
    with Graph().as_default() as graph:
        refs = op.definition.refs
        inputs = [_input(graph, t, i in refs) for i, t in enumerate(op.inputs)]
        first = graph.version
        with graph.name_scope(f"{name}/"):
            found = EXPANDED[op.type](op, *inputs)
        results = found if isinstance(found, list) else [found]
    return graph.get_operations()[first:], inputs, results


def _input(graph: Graph, t: Tensor, ref: bool) -> Tensor:
    value = static_value(t)
    if value is not None and not ref:
        record, attrs = REGISTRY["Const"], {"value": value, "dtype": t.dtype}
    else:
        record, attrs = REGISTRY["VariableV2" if ref else "Placeholder"], {"dtype": t.dtype, "shape": t.dims}
    return graph.add_operation(record, graph.unique_name("input"), (), attrs, [(t.dims, t.dtype)]).output


def is_expanded(op: Operation) -> bool:
    """Whether an operation is said with others."""
    if op.type == "GatherGrad":
        return not op.attrs["batch_dims"] and static_value(op.inputs[2]) is not None and op.inputs[1].dims is not None
    return op.type in EXPANDED


def _argsort(op: Operation, values: Tensor) -> Tensor:
    return top_k(values if op.attrs["descending"] else negative(values), shape(values)[-1])[1]


def _gather_grad(op: Operation, dy: Tensor, indices: Tensor, axis: Tensor, sizes: Tensor) -> Tensor:
    """The rows summed where they were taken; for another axis than the first with that axis in front."""
    n = len(op.inputs[1].dims or ())
    if not (at := int(static_value(axis))):  # type: ignore[arg-type]
        return reshape(UNSORTED_SEGMENT_SUM(dy, indices, sizes[0]), sizes)
    before, after = range_(at), range_(at + n, rank(dy))
    front = transpose(dy, concat([range_(at, at + n), before, after], 0))
    rows = UNSORTED_SEGMENT_SUM(front, indices, sizes[at])
    return reshape(transpose(rows, concat([range_(1, at + 1), [0], range_(at + 1, rank(rows))], 0)), sizes)


def _kept_shape(op: Operation, sizes: Tensor, axes: Tensor) -> Tensor:
    n = size(sizes)
    places = cast((axes + cast(n, axes.dtype)) % cast(n, axes.dtype), int32)
    return dynamic_stitch([range_(n), places], [sizes, ones_like(places, dtype=sizes.dtype)])


def _orthonormal(op: Operation, matrix: Tensor) -> Tensor:
    q, r = qr(matrix)
    d = diag_part(r)
    return multiply(q, where_v2(greater_equal(d, 0), ones_like(d), sign(d)))


def _along_rows(indices: Tensor) -> Tensor:
    """The coordinates of these elements of rows: for each a number for every axis."""
    sizes = shape(indices)
    n = len(indices.dims or ())
    axes = [reshape(range_(sizes[i]), [-1 if i == j else 1 for j in range(n)]) for i in range(n - 1)]
    return stack([*(a + indices * 0 for a in axes), indices], -1)


def _sum_duplicates(op: Operation, values: Tensor, indices: Tensor) -> list[Tensor]:
    found = unique(indices)
    return [UNSORTED_SEGMENT_SUM(values, found.idx, size(found.y)), found.y]


def _neighbours(op: Operation, x: Tensor) -> Tensor:
    """Sums of neighbouring channels, as a product with a matrix that has ones around its diagonal."""
    n = shape(x)[-1]
    radius = minimum(n, op.attrs["radius"])
    band = matrix_band_part(fill([n, n], constant(1, x.dtype)), radius, radius)
    return reshape(matmul(reshape(x, [-1, n]), band), shape(x))


def _asserted(value: Tensor, holds: Any, names: Any) -> Tensor:
    check = ASSERT(holds, list(names), summarize=len(names))
    with value.graph.control_dependencies([check]):
        return identity(value)


EXPANDED: dict[str, Callable[..., Any]] = {
    "ArgSort": _argsort,
    "CheckedWeights": lambda op, weights, values: weights,  # what they are multiplied with shows whether they fit
    "CountRuns": lambda op, ref: subtract(assign_add(ref, 1), 1),
    "CustomGradient": lambda op, *values: list(values[: op.attrs["results"]]),
    "ExclusiveCase": lambda op, preds: _asserted(
        preds, less_equal(reduce_sum(cast(preds, int32)), 1), op.attrs["names"]
    ),
    "GatherGrad": _gather_grad,
    "KeptShape": _kept_shape,
    "NoCase": lambda op, value: _asserted(value, False, op.attrs["names"]),
    "OrthonormalColumns": _orthonormal,
    "PutAlongRows": lambda op, values, indices, sizes: scatter_nd(_along_rows(indices), values, sizes),
    "RequireValue": lambda op, ref: greater_equal(rank(identity(ref)), 0),
    "SparseApplyGradientDescent": lambda op, ref, rate, grad, indices: scatter_sub(ref, indices, grad * rate),
    "SumOfNeighbours": _neighbours,
    "SumDuplicates": _sum_duplicates,
    "TakeAlongRows": lambda op, x, indices: gather_nd(x, _along_rows(indices)),
}
