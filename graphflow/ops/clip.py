"""Clipping: of values, and of norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.errors import DTypeError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum, minimum, multiply
from graphflow.ops.basic import cast, identity, ones_like, zeros_like
from graphflow.ops.compare import is_finite
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.division import divide
from graphflow.ops.indexed_slices import IndexedSlices, values_of
from graphflow.ops.join import stack
from graphflow.ops.math import rsqrt, sqrt
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import size
from graphflow.ops.statistics import l2_loss
from graphflow.shape import compatible, show


def _rebuilt(like: Any, values: Tensor) -> Any:
    """The values as what `like` is: a tensor, or the rows of one."""
    return like.with_values(values) if isinstance(like, IndexedSlices) else values


def _values(t: Any, name: str | None = None) -> Tensor:
    return convert_to_tensor(values_of(t), name=name)


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """min(max(t, clip_value_min), clip_value_max); the bounds broadcast to t.

    Gradient: t where it lies within the bounds, both included; to a bound where it is what comes out.
    Raises:   ValueError for a bound whose shape would make t's larger.
    """
    with name_scope(name, "clip_by_value", [t, clip_value_min, clip_value_max]) as scope:
        values = _values(t, "t")
        below = minimum(values, clip_value_max)
        inside = maximum(below, clip_value_min, name=scope)
        if not compatible(values.dims, inside.dims):
            raise ShapeError(f"bounds must broadcast to t, whose shape {show(values.dims)} they make {inside.shape}")
        inside.set_shape(values.dims)
    return _rebuilt(t, inside)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """t scaled down to the norm clip_norm where its norm, over `axes` or all of them, is larger.

    Gradient: t, and 0 / 0 nowhere.
    """
    with name_scope(name, "clip_by_norm", [t, clip_norm]) as scope:
        values = _values(t, "t")
        squares = reduce_sum(values * values, axes, keepdims=True)
        positive = squares > 0
        # the inner where keeps sqrt away from 0, where its gradient is infinite
        length = where_v2(positive, sqrt(where_v2(positive, squares, ones_like(squares))), squares)
        clipped = divide(values * clip_norm, maximum(length, clip_norm), name=scope)
        if not compatible(values.dims, clipped.dims):
            raise ShapeError(f"clip_norm must broadcast to t, whose shape {show(values.dims)} it makes {clipped.shape}")
    return _rebuilt(t, clipped)


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """t scaled down to the average norm clip_norm, if norm(t) / size(t) is larger.   Gradient: t."""
    with name_scope(name, "clip_by_average_norm", [t, clip_norm]) as scope:
        t = convert_to_tensor(t, name="t")
        bound = convert_to_tensor(clip_norm, t.dtype, name="clip_norm")
        inverse = rsqrt(reduce_sum(t * t)) * cast(size(t), t.dtype)
        return identity(t * bound * minimum(inverse, 1.0 / bound), name=scope)


def _listed(t_list: Any) -> list[Any]:
    if not isinstance(t_list, Sequence) or isinstance(t_list, str):
        raise DTypeError(f"a list of tensors is needed, not {t_list!r}")
    return list(t_list)


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """sqrt(sum over all tensors of the sum of t ** 2); entries that are None count nothing.   Gradient: all."""
    given = [t for t in _listed(t_list) if t is not None]
    with name_scope(name, "global_norm", [_values(t) for t in given]):
        halves = [l2_loss(_values(t)) for t in given]
        half = reduce_sum(stack(halves)) if halves else convert_to_tensor(np.float32(0))
        return sqrt(half * 2.0, name="global_norm")


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """(every t * clip_norm / max(norm, clip_norm), norm), where norm is global_norm(t_list) unless `use_norm` is given.

    Entries that are None stay None, and IndexedSlices stay what they are.   All NaN where the norm is not finite.
    """
    tensors = _listed(t_list)
    norm = global_norm(tensors, name) if use_norm is None else convert_to_tensor(use_norm, name="use_norm")
    with name_scope(name, "clip_by_global_norm", [norm]) as scope:
        limit = convert_to_tensor(clip_norm, norm.dtype, name="clip_norm")
        scale = limit * minimum(1.0 / norm, ones_like(limit) / limit)
        scale = where_v2(is_finite(norm), scale, zeros_like(scale) + np.nan)
        clipped = [
            None if t is None else _rebuilt(t, identity(multiply(_values(t), scale), name=f"{scope}_{i}"))
            for i, t in enumerate(tensors)
        ]
    return clipped, norm
