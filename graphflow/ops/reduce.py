"""Reductions: sum, mean, max, min, any, all over some axes or over all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.default import name_scope
from graphflow.dtypes import NUMERIC, REAL, DType
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import add, maximum
from graphflow.ops.basic import cast, stop_gradient, zeros_like
from graphflow.ops.compare import equal, is_finite, not_equal
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.fill import range
from graphflow.ops.infer import reduced, static_axes
from graphflow.ops.lowering import Lowering, Reduce
from graphflow.ops.math import exp, log
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import broadcast_to, either, expand_dims, rank, reshape, shape, size
from graphflow.shape import Dims, count, known


def reduced_infer(input: Tensor, reduction_indices: Tensor, keep_dims: bool) -> tuple[Dims, DType]:
    """Shape after a reduction over the axes in the second input."""
    return reduced(input, reduction_indices, keep_dims)


def run_axes(x: np.ndarray, axes: np.ndarray) -> tuple[int, ...]:
    """The axes that an index array names, from 0; InvalidArgumentError when one is out of range or repeated."""
    given = axes.reshape(-1).tolist()
    if any(not -x.ndim <= a < x.ndim for a in given):
        raise InvalidArgumentError.because(f"axes {given} are out of range for rank {x.ndim}")
    counted = tuple(a % x.ndim for a in given)
    if len(set(counted)) != len(counted):
        raise InvalidArgumentError.because(f"an axis stands twice in {given}")
    return counted


def _mean(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    """The mean; that of integers is truncated toward zero, and 0 over nothing."""
    total = np.asarray(np.sum(x, axis=axis, keepdims=keepdims, dtype=_wide(x.dtype)))
    n = math.prod(x.shape[a] for a in axis)
    if x.dtype.kind not in "iu":
        return total / np.float64(n)
    return np.sign(total) * (np.abs(total) // max(n, 1))


def _wide(dtype: np.dtype) -> np.dtype:
    """float64 for floats, which need it in long sums; others add up in their own dtype."""
    return np.dtype(np.float64) if dtype.kind == "f" else dtype


def _bound(x: np.ndarray, highest: bool) -> Any:
    if x.dtype.kind == "f":
        return np.inf if highest else -np.inf
    info = np.iinfo(x.dtype)
    return info.max if highest else info.min


def reference_of(function: Callable) -> Callable:
    """The reference of a reduction from function(x, axis=..., keepdims=...)."""

    def reference(x: np.ndarray, reduction_indices: np.ndarray, keep_dims: bool) -> np.ndarray:
        return function(x, axis=run_axes(x, reduction_indices), keepdims=keep_dims)

    return reference


def with_axes(op: Operation, t: Tensor) -> Tensor:
    """t, shaped like the reduction's output, with the reduced axes back as axes of size 1."""
    if op.attrs["keep_dims"]:
        return t
    x, indices = op.inputs
    axes = None if x.dims is None else static_axes(indices, len(x.dims))
    if axes is None:
        return reshape(t, KEPT_SHAPE(shape(x), indices))
    if known(x.dims):
        return reshape(t, [1 if i in axes else d for i, d in enumerate(x.dims)])  # type: ignore[arg-type]
    for axis in axes:
        t = expand_dims(t, axis)
    return t


def _number_reduced(op: Operation) -> Any:
    """How many elements went into each result: a number, or a tensor of the input's dtype."""
    x, indices = op.inputs
    axes = None if x.dims is None else static_axes(indices, len(x.dims))
    n = None if x.dims is None or axes is None else count(tuple(x.dims[a] for a in axes))
    if n is not None:
        return float(n)
    return cast(size(x) // maximum(size(op.output), 1), x.dtype)


def _spread(op: Operation, dy: Tensor) -> Tensor:
    return broadcast_to(with_axes(op, dy), shape(op.inputs[0]))


def _spread_mean(op: Operation, dy: Tensor) -> Tensor:
    """Divided before it is spread: there are fewer numbers then."""
    return _spread(op, dy / _number_reduced(op))


def _shared(op: Operation, dy: Tensor) -> Tensor:
    """The gradient of max and min: equal parts for all elements that have the extreme value."""
    x, axes = op.inputs
    winners = cast(equal(x, with_axes(op, op.output)), x.dtype)
    return winners / SUM(winners, axes, keep_dims=True) * with_axes(op, dy)


def _real(lowering: Reduce) -> Callable[[Operation], Lowering]:
    """Floats add up in float64; complex numbers run the reference."""
    floating = replace(lowering, accumulator="float64")

    def lower(op: Operation) -> Lowering:
        dtype = op.inputs[0].dtype
        if dtype.is_complex:
            return None
        return floating if dtype.is_floating else lowering

    return lower


_FLOATING_MEAN = Reduce("0", "acc + x", "acc / n", accumulator="float64")


def _mean_lowering(op: Operation) -> Lowering:
    """Integers run the reference: their mean is truncated, and must not divide by 0."""
    return _FLOATING_MEAN if op.output.dtype.is_floating else None


def _kept_shape(input_shape: np.ndarray, axes: np.ndarray) -> np.ndarray:
    kept = input_shape.copy()
    kept[list(run_axes(np.empty((0,) * len(kept)), axes))] = 1
    return kept


KEPT_SHAPE = define(
    "KeptShape", "input_shape:I axes:J",
    infer=lambda input_shape, axes: (input_shape.dims, input_shape.dtype),
    reference=_kept_shape,
    types={"J": dtypes.INDEX},
)  # fmt: skip

SUM = define(
    "Sum", "input reduction_indices:I",
    infer=reduced_infer,
    reference=reference_of(lambda x, **how: np.sum(x, dtype=_wide(x.dtype), **how)),
    vjp=(_spread, None),
    lowering=_real(Reduce("0", "acc + x")),
    types=NUMERIC,
)  # fmt: skip

MEAN = define(
    "Mean", "input reduction_indices:I",
    infer=reduced_infer,
    reference=reference_of(_mean),
    vjp=(_spread_mean, None),
    lowering=_mean_lowering,
    types=NUMERIC,
)  # fmt: skip

MAX = define(
    "Max", "input reduction_indices:I",
    infer=reduced_infer,
    reference=reference_of(lambda x, **how: np.max(x, initial=_bound(x, highest=False), **how)),
    vjp=(_shared, None),
    lowering=Reduce("lowest", "x if x > acc or x != x else acc"),
    types=REAL,
)  # fmt: skip

MIN = define(
    "Min", "input reduction_indices:I",
    infer=reduced_infer,
    reference=reference_of(lambda x, **how: np.min(x, initial=_bound(x, highest=True), **how)),
    vjp=(_shared, None),
    lowering=Reduce("highest", "x if x < acc or x != x else acc"),
    types=REAL,
)  # fmt: skip

ANY = define(
    "Any", "input:bool reduction_indices:I",
    infer=reduced_infer,
    reference=reference_of(np.any),
    lowering=Reduce("False", "acc or x"),
)  # fmt: skip

ALL = define(
    "All", "input:bool reduction_indices:I",
    infer=reduced_infer,
    reference=reference_of(np.all),
    lowering=Reduce("True", "acc and x"),
)  # fmt: skip

EUCLIDEAN_NORM = define(
    "EuclideanNorm", "input reduction_indices:I",
    infer=reduced_infer,
    reference=reference_of(lambda x, **how: np.sqrt(np.sum(np.square(np.abs(x)), dtype=np.float64, **how))),
    vjp=(lambda op, dy: op.inputs[0] * with_axes(op, dy / op.output), None),
    lowering=lambda op: Reduce("0", "acc + x * x", "sqrt(acc)", accumulator="float64", merge="acc + x")
        if op.output.dtype.is_floating else None,
    types=NUMERIC,
)  # fmt: skip


def all_axes(x: Tensor) -> Any:
    """The axes of a reduction over everything: a constant, or computed where the rank is unknown."""
    with x.graph.as_default():
        return range(0, rank(x)) if x.dims is None else convert_to_tensor(np.arange(len(x.dims), dtype=np.int32))


def reduce_with(
    record: OpDef, x: Any, axis: Any, keepdims: Any, name: str | None, reduction_indices: Any, keep_dims: Any
) -> Tensor:
    """Apply a reduction after settling the older names of its arguments."""
    axis = either(axis, reduction_indices, "axis", "reduction_indices")
    keep = bool(either(keepdims, keep_dims, "keepdims", "keep_dims"))
    if axis is not None:
        return record(x, axis, keep_dims=keep, name=name)
    x = x if isinstance(x, Tensor) else convert_to_tensor(x, record.args[0].fixed, name="input_tensor")
    result = record(x, all_axes(x), keep_dims=keep, name=name)
    if not keep:
        result.set_shape(())
    return result


def reduce_sum(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The sum over axes: None for all, an int, a list of ints or an index tensor; negative ones count from the end.

    Shapes:   the axes vanish, or stay with size 1 under keepdims.   Over nothing: 0.
    Dtype:    numeric, kept; floats add up in float64.   Gradient: input_tensor.
    Raises:   ValueError for an axis out of range, or when axis and reduction_indices, its older name, are both given.
    """
    return reduce_with(SUM, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_mean(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The mean over axes, named as in reduce_sum.   Over nothing: NaN.

    Dtype: numeric, kept; the mean of integers is truncated toward zero.   Gradient: input_tensor.
    """
    return reduce_with(MEAN, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_max(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The largest element over axes, named as in reduce_sum; NaN where there is one.   Over nothing: -inf.

    Gradient: shared equally among all elements that have the largest value.
    """
    return reduce_with(MAX, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_min(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The smallest element over axes, named as in reduce_sum; NaN where there is one.   Over nothing: inf.

    Gradient: shared equally among all elements that have the smallest value.
    """
    return reduce_with(MIN, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_any(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """Whether any element is True, over axes named as in reduce_sum.   Dtype: bool.   Over nothing: False."""
    return reduce_with(ANY, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_all(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """Whether every element is True, over axes named as in reduce_sum.   Dtype: bool.   Over nothing: True."""
    return reduce_with(ALL, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The square root of the sum of squares over axes, named as in reduce_sum.   Gradient: input_tensor."""
    return reduce_with(EUCLIDEAN_NORM, input_tensor, axis, keepdims, name, None, None)


def reduce_logsumexp(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """log(sum(exp(x))) over axes, named as in reduce_sum, without overflow.   Over nothing: -inf.

    Dtype: floating, kept.   Gradient: input_tensor.
    """
    axis = either(axis, reduction_indices, "axis", "reduction_indices")
    keep = bool(either(keepdims, keep_dims, "keepdims", "keep_dims"))
    with name_scope(name, "ReduceLogSumExp", [input_tensor]):
        x = convert_to_tensor(input_tensor)
        largest = reduce_max(x, axis, keepdims=True)
        shift = stop_gradient(where_v2(is_finite(largest), largest, zeros_like(largest)))
        result = log(reduce_sum(exp(x - shift), axis, keep))
        if not keep:
            shift = reshape(shift, shape(result))
        return add(result, shift)


def count_nonzero(
    input_tensor: Any = None, axis: Any = None, keepdims: bool | None = None, dtype: Any = dtypes.int64,
    name: str | None = None, reduction_indices: Any = None, keep_dims: bool | None = None, input: Any = None,
) -> Tensor:  # fmt: skip
    """The number of elements that are not 0 (False, an empty string) over axes, named as in reduce_sum."""
    given = either(input_tensor, input, "input_tensor", "input")
    axis = either(axis, reduction_indices, "axis", "reduction_indices")
    keep = either(keepdims, keep_dims, "keepdims", "keep_dims")
    with name_scope(name, "count_nonzero", [given]):
        x = convert_to_tensor(given, name="input")
        counted = reduce_sum(cast(not_equal(x, zeros_like(x)), dtypes.int64), axis, keep)
        return cast(counted, dtype)
