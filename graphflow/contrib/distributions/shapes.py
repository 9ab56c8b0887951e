"""Functions of tf.contrib.distributions that need no distribution: triangles, diagonals, and numbers turned back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arrange import reverse
from graphflow.ops.basic import ones_like, zeros_like
from graphflow.ops.compare import is_inf, logical_or
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.diagonal import matrix_band_part, matrix_diag, matrix_diag_part, matrix_set_diag
from graphflow.ops.join import concat
from graphflow.ops.math import abs, exp, expm1, log, sign
from graphflow.ops.reduce import reduce_logsumexp, reduce_max, reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import reshape, shape, squeeze


def softplus_inverse(x: Any, name: str | None = None) -> Tensor:
    """The y with softplus(y) = x, for positive x.   Gradient: x."""
    with name_scope(name, "softplus_inverse", [x]):
        t = convert_to_tensor(x, name="x")
        border = math.log(np.finfo(t.dtype.as_numpy_dtype).eps) + 2.0
        small, large = t < math.exp(border), t > -border
        near = where_v2(logical_or(small, large), ones_like(t), t)
        return where_v2(small, log(t), where_v2(large, t, near + log(-expm1(-near))))


def triangular_size(elements: int) -> int:
    """The n of an n by n triangle with so many elements.   Raises: ValueError where there is none."""
    n = (math.isqrt(1 + 8 * elements) - 1) // 2
    if n * (n + 1) // 2 != elements:
        raise ShapeError(f"{elements} elements do not fill a triangle")
    return n


def _last(t: Tensor, what: str) -> int:
    size = None if t.dims is None else t.dims[-1]
    if size is None:
        raise GraphError(f"the last dimension of {what} must be known when the graph is made")
    return size


def fill_triangular(x: Any, upper: bool = False, name: str | None = None) -> Tensor:
    """A triangular matrix of the elements of each vector, which go around in TensorFlow's spiral.

    Shapes: x [..., n (n + 1) / 2] -> [..., n, n].   Gradient: x.   Raises: ValueError for another number of elements.
    """
    with name_scope(name, "fill_triangular", [x]):
        t = convert_to_tensor(x, name="x")
        n = triangular_size(_last(t, "x"))
        parts = [t, reverse(t[..., n:], [-1])] if upper else [t[..., n:], reverse(t, [-1])]
        square = reshape(concat(parts, -1), concat([shape(t)[:-1], [n, n]], 0))
        return matrix_band_part(square, 0 if upper else -1, -1 if upper else 0)


def fill_triangular_inverse(x: Any, upper: bool = False, name: str | None = None) -> Tensor:
    """The vector from which fill_triangular makes this matrix.   Shapes: x [..., n, n] -> [..., n (n + 1) / 2]."""
    with name_scope(name, "fill_triangular_inverse", [x]):
        t = convert_to_tensor(x, name="x")
        n = _last(t, "x")
        first = t[..., 0, :] if upper else reverse(t[..., -1, :], [-1])
        rest = t[..., 1:, :] if upper else t[..., :-1, :]
        both = rest + reverse(rest, [-1, -2])
        flat = reshape(both, concat([shape(t)[:-2], [n * (n - 1)]], 0))
        return concat([first, flat[..., : n * (n + 1) // 2 - n]], -1)


def matrix_diag_transform(matrix: Any, transform: Callable | None = None, name: str | None = None) -> Tensor:
    """The matrices [..., n, n] with `transform` of their diagonals.   Gradient: matrix."""
    with name_scope(name, "matrix_diag_transform", [matrix]):
        t = convert_to_tensor(matrix, name="matrix")
        return t if transform is None else matrix_set_diag(t, transform(matrix_diag_part(t)))


def tridiag(below: Any = None, diag: Any = None, above: Any = None, name: str | None = None) -> Tensor:
    """Matrices [..., n, n] of their diagonal [..., n] and of those below and above it, [..., n - 1].

    Gradient: all three.   Raises: ValueError when none is given.
    """
    with name_scope(name, "tridiag", [below, diag, above]):
        parts = []
        if below is not None:
            parts.append(matrix_diag(_padded(below, "below"))[..., :-1, 1:])
        if diag is not None:
            parts.append(matrix_diag(convert_to_tensor(diag, name="diag")))
        if above is not None:
            parts.append(matrix_diag(_padded(above, "above"))[..., 1:, :-1])
        if not parts:
            raise GraphError("tridiag needs below, diag or above")
        return sum(parts[1:], parts[0])


def _padded(value: Any, name: str) -> Tensor:
    t = convert_to_tensor(value, name=name)
    zero = zeros_like(t[..., :1])
    return concat([zero, t, zero], -1)


def reduce_weighted_logsumexp(
    logx: Any, w: Any = None, axis: Any = None, keep_dims: bool = False, return_sign: bool = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """log |sum(w * exp(logx))|; with return_sign also the sign of the sum.   Gradient: logx and w."""
    with name_scope(name, "reduce_weighted_logsumexp", [logx, w]):
        logs = convert_to_tensor(logx, name="logx")
        if w is None:
            total = reduce_logsumexp(logs, axis, keepdims=keep_dims)
            return (total, ones_like(total)) if return_sign else total
        weights = convert_to_tensor(w, logs.dtype, name="w")
        logs = logs + log(abs(weights))
        largest = reduce_max(logs, axis, keepdims=True)
        largest = where_v2(is_inf(largest), zeros_like(largest), largest)
        scaled = reduce_sum(sign(weights) * exp(logs - largest), axis, keepdims=keep_dims)
        if not keep_dims:
            largest = squeeze(largest, axis)
        total = largest + log(sign(scaled) * scaled)
        return (total, sign(scaled)) if return_sign else total
