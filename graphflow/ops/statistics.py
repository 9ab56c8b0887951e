"""Moments, norms and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.default import name_scope
from graphflow.dtypes import FLOATING
from graphflow.errors import DTypeError, GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum, multiply, pow, squared_difference, subtract
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast, identity, zeros_like
from graphflow.ops.compare import equal
from graphflow.ops.complex import conj, real
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.factorizations import svd
from graphflow.ops.infer import axis_in
from graphflow.ops.lowering import Reduce
from graphflow.ops.math import abs, reciprocal, rsqrt, sqrt, square
from graphflow.ops.reduce import reduce_max, reduce_mean, reduce_sum
from graphflow.ops.shape_ops import either, expand_dims, size, squeeze

L2_LOSS = define(
    "L2Loss", "t",
    infer=lambda t: ((), t.dtype),
    reference=lambda t: np.sum(np.square(t, dtype=np.float64)) / 2,
    vjp=(lambda op, dy: op.inputs[0] * dy,),
    lowering=Reduce("0", "acc + x * x", "acc / 2", accumulator="float64", merge="acc + x"),
    types=FLOATING,
)  # fmt: skip


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """sum(t ** 2) / 2, a scalar.   Dtype: floating, kept.   Gradient: t."""
    return L2_LOSS(t, name=name)


def _inexact(x: Any) -> Tensor:
    x = convert_to_tensor(x, name="input_tensor")
    if not (x.dtype.is_floating or x.dtype.is_complex):
        raise DTypeError(f"a variance needs a floating dtype, and {x!r} has {x.dtype.name}",
                         hint="tf.cast changes the dtype of a tensor")  # fmt: skip
    return x


def reduce_variance(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The variance over axes, named as in reduce_sum: the mean of squared distances from the mean.

    Dtype: floating, kept.   Gradient: input_tensor.
    """
    with name_scope(name, "reduce_variance", [input_tensor]):
        x = _inexact(input_tensor)
        distance = x - reduce_mean(x, axis, keepdims=True)
        squared = real(distance * conj(distance)) if x.dtype.is_complex else square(distance)
        return reduce_mean(squared, axis, keepdims)


def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The square root of reduce_variance.   Gradient: input_tensor; NaN where all elements are equal."""
    with name_scope(name, "reduce_std", [input_tensor]):
        return sqrt(reduce_variance(input_tensor, axis, keepdims))


def moments(
    x: Any, axes: Any, shift: Any = None, name: str | None = None, keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(mean, variance) over the axes; the variance divides by n.   `shift` is ignored.

    Dtype: floating, kept; float16 is computed in float32.   Gradient: x.
    """
    keep = bool(either(keepdims, keep_dims, "keepdims", "keep_dims"))
    with name_scope(name, "moments", [x, axes]):
        x = convert_to_tensor(x, name="x")
        y = cast(x, dtypes.float32) if x.dtype is dtypes.float16 else x
        mean = reduce_mean(y, axes, keepdims=True, name="mean")
        variance = reduce_mean(squared_difference(y, mean), axes, keepdims=True, name="variance")
        return cast(_unkept(mean, axes, keep), x.dtype), cast(_unkept(variance, axes, keep), x.dtype)


def _unkept(t: Tensor, axes: Any, keep: bool) -> Tensor:
    """t without the axes, which have size 1."""
    if keep:
        return t
    return reduce_sum(t, axes) if isinstance(axes, Tensor) else squeeze(t, axes)


def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keep_dims: bool | None = None, name: str | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:  # fmt: skip
    """(count, sum of x - shift, sum of (x - shift) ** 2, shift) over the axes, for normalize_moments."""
    keep = bool(either(keepdims, keep_dims, "keepdims", "keep_dims"))
    with name_scope(name, "sufficient_statistics", [x, shift]):
        x = convert_to_tensor(x, name="x")
        shift = None if shift is None else convert_to_tensor(shift, x.dtype, name="shift")
        distance = x if shift is None else subtract(x, shift)
        total = reduce_sum(distance, axes, keepdims=keep, name="mean_ss")
        squares = reduce_sum(square(distance), axes, keepdims=keep, name="var_ss")
        return identity(cast(size(x) // maximum(size(total), 1), x.dtype), name="count"), total, squares, shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """(mean, variance) from what sufficient_statistics gives."""
    with name_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        divisor = reciprocal(counts, name="divisor")
        shifted_mean = multiply(mean_ss, divisor, name="mean" if shift is None else "shifted_mean")
        mean = shifted_mean if shift is None else shifted_mean + shift
        return mean, subtract(multiply(variance_ss, divisor), square(shifted_mean), name="variance")


def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, name: str | None = None, keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(mean, variance) over the axes, each element counted as often as its weight says; weights broadcast with x."""
    keep = bool(either(keepdims, keep_dims, "keepdims", "keep_dims"))
    with name_scope(name, "weighted_moments", [x, frequency_weights, axes]):
        x = convert_to_tensor(x, name="x")
        weights = cast(convert_to_tensor(frequency_weights, name="frequency_weights"), x.dtype)
        divisor = reduce_sum(weights + zeros_like(x), axes, keepdims=True)
        mean = reduce_sum(weights * x, axes, keepdims=True) / divisor
        variance = reduce_sum(weights * squared_difference(x, mean), axes, keepdims=True) / divisor
        return _unkept(mean, axes, keep), _unkept(variance, axes, keep)


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The part of the elements that is 0, a float32 scalar; NaN for an empty tensor.   No gradient."""
    with name_scope(name, "zero_fraction", [value]):
        value = convert_to_tensor(value, name="value")
        return reduce_mean(cast(equal(value, zeros_like(value)), dtypes.float32), name="fraction")


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Tensor:
    """x / sqrt(max(sum(x ** 2), epsilon)) over axes, named as in reduce_sum; `dim` is the older name of axis.

    Dtype: floating, kept.   Gradient: x.
    """
    axis = either(axis, dim, "axis", "dim")
    with name_scope(name, "l2_normalize", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return multiply(x, rsqrt(maximum(reduce_sum(square(x), axis, keepdims=True), epsilon)), name=scope)


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The norm of vectors (axis an int, or None for all elements at once) or of matrices (axis a pair).

    ord:      'euclidean', 1, 2, inf or any p > 0 for vectors; 'euclidean', 'fro', 1, 2 or inf for matrices
    Gradient: tensor.   Raises: ValueError for any other ord, or more than two axes.
    """
    keep = bool(either(keepdims, keep_dims, "keepdims", "keep_dims"))
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    matrix = isinstance(axes, tuple)
    if matrix and (len(axes) != 2 or axes[0] == axes[1]):
        raise GraphError(f"a norm is over one axis or a pair of them, not {axis!r}")
    known = ("euclidean", "fro", 1, 2, np.inf) if matrix else ("euclidean", 1, 2, np.inf)
    positive = not matrix and isinstance(ord, (int, float)) and ord > 0
    if not (ord in known or positive):
        raise GraphError(f"ord must be one of {known}{'' if matrix else ' or positive'}, not {ord!r}")
    with name_scope(name, "norm", [tensor]):
        x = convert_to_tensor(tensor)
        if matrix and ord == 2:
            result = _largest_singular_value(x, axes)
        elif ord in ("euclidean", "fro") or ord == 2:
            result = sqrt(reduce_sum(x * conj(x), axes, keepdims=True))
        elif not matrix:
            result = _vector_norm(abs(x), ord, axes)
        else:
            along, across = (0, 1) if ord == 1 else (1, 0)
            result = reduce_max(reduce_sum(abs(x), axes[along], keepdims=True), axes[across], keepdims=True)
        return result if keep else squeeze(result, axes)


def _largest_singular_value(x: Tensor, axes: tuple[int, int]) -> Tensor:
    """The 2-norm of matrices in two axes, which stay with size 1."""
    if x.dims is None:
        raise ShapeError(f"the 2-norm of matrices needs a tensor of known rank, not {x!r}")
    pair = [axis_in(a, len(x.dims)) for a in axes]
    order = [i for i in range(len(x.dims)) if i not in pair] + pair
    values = svd(transpose(x, order), compute_uv=False)
    largest = expand_dims(reduce_max(values, -1, keepdims=True), -1)
    return transpose(largest, np.argsort(order).tolist())


def _vector_norm(size_of: Tensor, ord: Any, axis: Any) -> Tensor:
    if ord == 1:
        return reduce_sum(size_of, axis, keepdims=True)
    if ord == np.inf:
        return reduce_max(size_of, axis, keepdims=True)
    return pow(reduce_sum(pow(size_of, ord), axis, keepdims=True), 1.0 / ord)
