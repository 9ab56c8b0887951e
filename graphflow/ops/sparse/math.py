"""Arithmetic of sparse tensors: sums, products, extremes, reductions, softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import DType, bool_, int64
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum, minimum
from graphflow.ops.arrange import matrix_transpose
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.compare import less, logical_and, logical_not
from graphflow.ops.complex import conj
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.indexed_slices import UNSORTED_SEGMENT_SUM
from graphflow.ops.indexing import gather, scatter_nd
from graphflow.ops.infer import require_rank
from graphflow.ops.join import concat
from graphflow.ops.math import abs, exp
from graphflow.ops.products import cumprod, reduce_prod
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.segments import unsorted_segment_max
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import either, expand_dims, refuse, reshape, size
from graphflow.ops.sparse.arrange import axis_of, rank_of, sparse_retain, taken
from graphflow.ops.sparse.tensor import SparseTensor, sparse_to_dense
from graphflow.ops.static import static_value
from graphflow.shape import Dims


def sparse_tensor_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Tensor:
    """A sparse matrix times a dense one: [m, k] and [k, n] -> [m, n].   Gradient: values and b.

    adjoint_a, adjoint_b   take the matrix transposed, and conjugated where it is complex
    """
    sp = SparseTensor.from_value(sp_a)
    with name_scope(name, "SparseTensorDenseMatMul", [sp.values, b]):
        dense = convert_to_tensor(b, sp.values.dtype, name="b")
        dense = matrix_transpose(conj(dense)) if adjoint_b else dense
        values = conj(sp.values) if adjoint_a else sp.values
        rows, columns = sp.indices[:, int(adjoint_a)], sp.indices[:, 1 - int(adjoint_a)]
        products = gather(dense, columns) * expand_dims(values, 1)
        return UNSORTED_SEGMENT_SUM(products, rows, sp.dense_shape[int(adjoint_a)], name="SparseTensorDenseMatMul")


# -- two sparse tensors --------------------------------------------------------------------------------------------
def _union(a: np.ndarray, b: np.ndarray, shape_a: np.ndarray, shape_b: np.ndarray) -> tuple[np.ndarray, ...]:
    """(coordinates of either, in row-major order; where those of a, and those of b, are among them)."""
    if not np.array_equal(shape_a, shape_b):
        raise refuse(f"the shapes {shape_a.tolist()} and {shape_b.tolist()} differ")
    both, place = np.unique(np.concatenate([a, b]), axis=0, return_inverse=True)
    return both, place.reshape(-1)[: len(a)], place.reshape(-1)[len(a) :]


def _union_infer(a: Tensor, b: Tensor, shape_a: Tensor, shape_b: Tensor) -> list[tuple[Dims, DType]]:
    rows = [require_rank(t, 2, "the indices of a sparse tensor") for t in (a, b)]
    return [((None, rows[0][1]), int64), *[((n,), int64) for n, _ in rows]]


UNION = define("SparseUnion", "a:int64 b:int64 shape_a:int64 shape_b:int64", _union_infer, _union, vjp=NO_GRADIENT)


def _both(sp_a: Any, sp_b: Any) -> tuple[SparseTensor, Tensor, Tensor, Tensor]:
    """(a tensor with all places, for each the value in a and in b, 0 without one, and whether both have it)."""
    a, b = SparseTensor.from_value(sp_a), SparseTensor.from_value(sp_b)
    indices, at_a, at_b = UNION(a.indices, b.indices, a.dense_shape, b.dense_shape)
    n = size(indices[:, 0], out_type=int64)
    of_a, of_b = UNSORTED_SEGMENT_SUM(a.values, at_a, n), UNSORTED_SEGMENT_SUM(b.values, at_b, n)
    owners = concat([at_a, at_b], 0)
    shared = UNSORTED_SEGMENT_SUM(ones_like(owners), owners, n) > 1
    return SparseTensor(indices, of_a, a.dense_shape), of_a, of_b, shared


def sparse_add(a: Any, b: Any, threshold: Any = None, thresh: Any = None) -> Any:
    """The sum of two sparse tensors of one shape, or, dense, of a sparse and a dense one.

    threshold   leaves sums of two elements out whose absolute value is smaller
    Gradient:   values, and the dense tensor.
    """
    least = either(threshold, thresh, "threshold", "thresh")
    kinds = [hasattr(t, "dense_shape") for t in (a, b)]
    if not any(kinds):
        raise TypeError("sparse_add needs at least one SparseTensor")
    if not all(kinds):
        sp, other = (a, b) if kinds[0] else (b, a)
        sparse = SparseTensor.from_value(sp)
        dense = convert_to_tensor(other, sparse.values.dtype)
        return dense + scatter_nd(sparse.indices, sparse.values, sparse.dense_shape)
    with name_scope(None, "SparseAdd", [a.values, b.values]):
        places, of_a, of_b, shared = _both(a, b)
        total = places.with_values(of_a + of_b)
        if least is None or (not isinstance(least, Tensor) and least == 0):
            return total
        small = logical_and(shared, less(abs(total.values), least))
        return sparse_retain(total, logical_not(small))


def sparse_maximum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """The larger elements of two sparse tensors of one shape, among those that one of them has.   Gradient: values."""
    with name_scope(name, "SparseSparseMaximum", [sp_a.values, sp_b.values]):
        places, of_a, of_b, _ = _both(sp_a, sp_b)
        return places.with_values(maximum(of_a, of_b))


def sparse_minimum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """The smaller elements of two sparse tensors of one shape, among those that one of them has.   Gradient: values."""
    with name_scope(name, "SparseSparseMinimum", [sp_a.values, sp_b.values]):
        places, of_a, of_b, _ = _both(sp_a, sp_b)
        return places.with_values(minimum(of_a, of_b))


# -- reductions ----------------------------------------------------------------------------------------------------
def _groups(sp: SparseTensor, kept: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """(for each element the number of its place along the kept axes, how many places there are, their sizes)."""
    sizes = gather(sp.dense_shape, np.array(kept, np.int32))
    strides = cumprod(sizes, exclusive=True, reverse=True)
    number = reduce_sum(gather(sp.indices, np.array(kept, np.int32), axis=1) * strides, 1)
    return number, reduce_prod(sizes), sizes


def _reduced(sp: SparseTensor, axis: Any, keep: bool, fold: Callable) -> Tensor:
    rank = rank_of(sp, "a sparse reduction")
    axes = {axis_of(a, rank) for a in (range(rank) if axis is None else np.atleast_1d(axis).tolist())}
    kept = [i for i in range(rank) if i not in axes]
    number, places, sizes = _groups(sp, kept)
    made = fold(sp.values, number, places)
    if not keep:
        return reshape(made, sizes)
    sizes = sp.dense_shape * np.array([i in kept for i in range(rank)], np.int64)
    return reshape(made, maximum(sizes, np.array([i not in kept for i in range(rank)], np.int64)))


def sparse_reduce_sum(
    sp_input: Any, axis: Any = None, keepdims: bool | None = None, reduction_axes: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The sum over axes (an int, a list, None for all), dense.   Gradient: values."""
    sp = SparseTensor.from_value(sp_input)
    axes = either(axis, reduction_axes, "axis", "reduction_axes")
    with name_scope(None, "SparseReduceSum", [sp.values]):
        return _reduced(sp, axes, bool(either(keepdims, keep_dims, "keepdims", "keep_dims")), UNSORTED_SEGMENT_SUM)


def sparse_reduce_max(
    sp_input: Any, axis: Any = None, keepdims: bool | None = None, reduction_axes: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The largest of the elements that are there over axes, dense; 0 where there is none.   Gradient: values."""
    sp = SparseTensor.from_value(sp_input)
    axes = either(axis, reduction_axes, "axis", "reduction_axes")

    def fold(values: Tensor, number: Tensor, places: Tensor) -> Tensor:
        largest = unsorted_segment_max(values, number, places)
        there = UNSORTED_SEGMENT_SUM(ones_like(number), number, places) > 0
        return where_v2(there, largest, zeros_like(largest))

    with name_scope(None, "SparseReduceMax", [sp.values]):
        return _reduced(sp, axes, bool(either(keepdims, keep_dims, "keepdims", "keep_dims")), fold)


def sparse_softmax(sp_input: Any, name: str | None = None) -> SparseTensor:
    """The softmax along the last axis of the elements that are there.   Gradient: values."""
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseSoftmax", [sp.values]):
        number, places, _ = _groups(sp, list(range(rank_of(sp, "sparse_softmax") - 1)))
        largest = unsorted_segment_max(sp.values, number, places)
        powers = exp(sp.values - taken(largest, number))
        return sp.with_values(powers / taken(UNSORTED_SEGMENT_SUM(powers, number, places), number))


def sparse_to_indicator(sp_input: Any, vocab_size: int, name: str | None = None) -> Tensor:
    """Which ids a row holds: the values of a SparseTensor [..., k] -> bool [..., vocab_size], dense."""
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseToIndicator", [sp.values]) as scope:
        ids = expand_dims(cast(sp.values, int64), 1)
        n = static_value(convert_to_tensor(vocab_size))
        last = cast(expand_dims(convert_to_tensor(vocab_size), 0), int64) if n is None else np.array([n], np.int64)
        places = concat([sp.indices[:, :-1], ids], 1)
        sizes = concat([sp.dense_shape[:-1], last], 0)
        there = ones_like(sp.values, dtype=bool_)
        return sparse_to_dense(places, sizes, there, False, validate_indices=False, name=scope)
