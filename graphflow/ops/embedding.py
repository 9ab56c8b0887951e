"""Looking rows up in tables, and combining several of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import int32
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, identity, ones_like, zeros_like
from graphflow.ops.clip import clip_by_norm
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.division import floordiv, floormod
from graphflow.ops.fill import constant
from graphflow.ops.fill import range as range_
from graphflow.ops.indexed_slices import UNSORTED_SEGMENT_SUM
from graphflow.ops.indexing import gather
from graphflow.ops.join import concat, stack
from graphflow.ops.math import sqrt, square
from graphflow.ops.no_nan import div_no_nan
from graphflow.ops.products import cumsum, reduce_prod
from graphflow.ops.reduce import reduce_max
from graphflow.ops.select import where_v2
from graphflow.ops.sets import unique
from graphflow.ops.shape_ops import rank, reshape, shape
from graphflow.ops.sparse.arrange import sparse_fill_empty_rows, sparse_reshape, sparse_retain
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.shape import merge


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: float | None = None,
) -> Tensor:
    """Rows of a table, or of one table that is kept in several parts.

    Shapes:   params [rows, ...] or a list of such parts, ids [...] -> [..., *row]
              partition_strategy "mod": row i is in part i % parts; "div": the parts are consecutive pieces
              max_norm: rows with a larger L2 norm are scaled down to it
    Gradient: params, as IndexedSlices.
    Raises:   ValueError for an unknown strategy or no part; InvalidArgumentError for an id outside the table, when run.
    """
    parts = list(params) if isinstance(params, (list, tuple)) else [params]
    if not parts:
        raise GraphError("embedding_lookup needs at least one table")
    if len(parts) > 1 and partition_strategy not in ("mod", "div"):
        raise GraphError(f"partition_strategy must be 'mod' or 'div', not {partition_strategy!r}")
    with name_scope(name, "embedding_lookup", [*parts, ids]) as scope:
        ids = convert_to_tensor(ids, name="ids")
        rows = gather(parts[0], ids, name=scope) if len(parts) == 1 else _from_parts(parts, ids, partition_strategy)
        if max_norm is not None:
            rows = clip_by_norm(rows, max_norm, axes=range_(rank(ids), rank(rows)))
        return identity(rows)


def _from_parts(parts: Sequence[Any], ids: Tensor, strategy: str) -> Tensor:
    """Rows of the parts laid one after the other: where row i lies then is arithmetic on i."""
    table = concat(parts, 0)
    if strategy == "div":
        return gather(table, ids)
    heights = stack([shape(p, out_type=ids.dtype)[0] for p in parts])
    part, row = floormod(ids, len(parts)), floordiv(ids, len(parts))
    inside = (row >= 0) & (row < gather(heights, part))
    at = gather(cumsum(heights, exclusive=True), part) + row
    return gather(table, where_v2(inside, at, ones_like(at) * -1))  # -1: gather reports an id outside its part


def embedding_lookup_sparse(
    params: Any, sp_ids: Any, sp_weights: Any, partition_strategy: str = "mod", name: str | None = None,
    combiner: str | None = None, max_norm: float | None = None,
) -> Tensor:  # fmt: skip
    """One row for each row of a sparse matrix of ids: the rows of the table with these ids, combined.

    sp_ids, sp_weights   SparseTensors with the same indices, sorted by row; without weights (None) each is 1
    combiner   "sum"; "mean" (default): divided by the sum of the weights; "sqrtn": by the root of the sum of squares
    Shapes:    params [rows, ...] or a list of parts, ids [n, m] -> [last row of ids that is not empty + 1, *row];
               rows without ids are zeros
    Gradient:  params, as IndexedSlices, and the weights.
    Raises:    TypeError for ids that are not sparse; ValueError for another combiner, or weights of another size.
    """
    combiner = "mean" if combiner is None else combiner
    if combiner not in ("mean", "sqrtn", "sum"):
        raise GraphError(f"combiner must be 'mean', 'sqrtn' or 'sum', not {combiner!r}")
    with name_scope(name, "embedding_lookup_sparse") as scope:
        ids = SparseTensor.from_value(sp_ids)
        segments = cast(ids.indices[:, 0], int32)
        count = reduce_max(concat([segments, [-1]], 0)) + 1
        wanted, index = unique(ids.values)
        rows = gather(embedding_lookup(params, wanted, partition_strategy, max_norm=max_norm), index)
        if sp_weights is None:
            weights = ones_like(segments, dtype=rows.dtype)
        else:
            given = SparseTensor.from_value(sp_weights)
            merge(ids.values.dims, given.values.dims)
            weights = cast(given.values, rows.dtype)
            rows = rows * _with_axes_of(weights, rows)
        if combiner == "sum":
            return UNSORTED_SEGMENT_SUM(rows, segments, count, name=scope)
        total = UNSORTED_SEGMENT_SUM(rows, segments, count)
        if combiner == "mean":
            divisor = UNSORTED_SEGMENT_SUM(weights, segments, count)
        else:
            divisor = sqrt(UNSORTED_SEGMENT_SUM(square(weights), segments, count))
        return div_no_nan(total, _with_axes_of(divisor, total), name=scope)


def safe_embedding_lookup_sparse(
    embedding_weights: Any, sparse_ids: Any, sparse_weights: Any = None, combiner: str | None = "mean",
    default_id: int | None = None, name: str | None = None, partition_strategy: str = "div",
    max_norm: float | None = None,
) -> Tensor:  # fmt: skip
    """embedding_lookup_sparse with a row for each row of ids; negative ids, and weights not above 0, are left out.

    Weights stay as they are for the combiner "sum".
    default_id   whose row stands where no ids are; zeros when None
    Shapes:      params [rows, width] or a list of parts, ids [..., m] -> [..., width]
    """
    with name_scope(name, "embedding_lookup"):
        ids = SparseTensor.from_value(sparse_ids)
        weights = None if sparse_weights is None else SparseTensor.from_value(sparse_weights)
        outer, flat = ids.dense_shape[:-1], ids.dense_shape.dims == (2,)
        wanted = ids.values >= 0
        if weights is not None and combiner != "sum":
            wanted &= weights.values > 0

        def kept(sp: SparseTensor, filler: Any) -> tuple[SparseTensor, Tensor]:
            matrix = sp if flat else sparse_reshape(sp, stack([reduce_prod(outer), sp.dense_shape[-1]]))
            return sparse_fill_empty_rows(sparse_retain(matrix, wanted), filler)

        ids, empty = kept(ids, constant(default_id or 0, dtype=ids.dtype))
        weights = None if weights is None else kept(weights, constant(1, dtype=weights.dtype))[0]
        rows = embedding_lookup_sparse(embedding_weights, ids, weights, partition_strategy, None, combiner, max_norm)
        if default_id is None:
            rows = where_v2(_with_axes_of(empty, rows), zeros_like(rows), rows)
        rows = rows if flat else reshape(rows, concat([cast(outer, int32), shape(rows)[1:]], 0))
        return rows


def _with_axes_of(t: Tensor, like: Tensor) -> Tensor:
    """The vector t with axes of size 1 after the first, up to the rank of `like`."""
    return reshape(t, concat([shape(t), ones_like(shape(like)[1:])], 0))
