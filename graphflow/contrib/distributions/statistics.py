"""Statistics of samples: percentiles, autocorrelation, and moving averages of mean and variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import float64, int32
from graphflow.errors import GraphError, ShapeError
from graphflow.graph import get_default_graph
from graphflow.initializers import zeros_initializer
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast, ones_like
from graphflow.ops.clip import clip_by_value
from graphflow.ops.complex import complex, conj, real
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fourier import fft, ifft
from graphflow.ops.join import stack
from graphflow.ops.math import ceil, floor, log, log1p, round, square
from graphflow.ops.pad import pad
from graphflow.ops.reduce import reduce_logsumexp, reduce_mean
from graphflow.ops.shape_ops import expand_dims, reshape, shape
from graphflow.ops.sorting import sort
from graphflow.ops.static import static_value
from graphflow.shared_variables import get_variable
from graphflow.variable_scope import variable_scope

_ROUNDING = {"lower": ceil, "higher": floor, "nearest": round}


def percentile(
    x: Any, q: Any, axis: Any = None, interpolation: str | None = None, keep_dims: bool = False,
    validate_args: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The element that q percent of the elements along `axis` lie below; of all elements without an axis.

    interpolation   which of two neighbours: 'nearest' (None too), 'lower' or 'higher'
    Gradient: x.   Raises: ValueError for another interpolation.
    """
    if interpolation is not None and interpolation not in _ROUNDING:
        raise GraphError(f"interpolation must be one of {', '.join(_ROUNDING)}, not {interpolation!r}")
    with name_scope(name, "percentile", [x, q]):
        t = convert_to_tensor(x, name="x")
        if axis is None:
            y, axes = reshape(t, [-1]), list(range(len(t.dims or ())))
        else:
            y, axes = _flat_at_end(t, axis)
        size = shape(y)[-1]
        place = (cast(size, float64) - 1.0) * (1.0 - cast(q, float64) / 100.0)
        index = clip_by_value(cast(_ROUNDING[interpolation or "nearest"](place), int32), 0, size - 1)
        found = sort(y, direction="DESCENDING")[..., index]
        for a in sorted(axes) if keep_dims else ():
            found = expand_dims(found, a)
        return found


def _flat_at_end(t: Tensor, axis: Any) -> tuple[Tensor, list[int]]:
    """The axes as one, the last; and which they were."""
    known = static_value(convert_to_tensor(axis, name="axis"))
    if known is None or t.dims is None:
        raise GraphError("axis, and the rank of x, must be known when the graph is made")
    n = len(t.dims)
    axes = [int(a) for a in known.ravel()]
    if any(not -n <= a < n for a in axes):
        raise ShapeError(f"axis {axes} is not in the {n} dimensions of x")
    axes = [a % n for a in axes]
    front = [i for i in range(n) if i not in axes]
    moved = transpose(t, front + axes)
    return reshape(moved, [*(shape(moved)[i] for i in range(len(front))), -1]), axes


def auto_correlation(
    x: Any, axis: int = -1, max_lags: Any = None, center: bool = True, normalize: bool = True,
    name: str = "auto_correlation",
) -> Tensor:  # fmt: skip
    """The mean of x[i] * conj(x[i + lag]) along an axis, for lags 0 to max_lags.

    center      of x less its mean.   normalize   divided by that of lag 0
    """
    with name_scope(name, values=[x]):
        t = convert_to_tensor(x, name="x")
        size = None if t.dims is None else t.dims[axis]
        if t.dims is None or size is None:
            raise GraphError("the size of the axis must be known when the graph is made")
        if not (t.dtype.is_floating or t.dtype.is_complex):
            raise TypeError(f"x must be floating or complex, not {t.dtype.name}")
        n = len(t.dims)
        order = [i for i in range(n) if i != axis % n] + [axis % n]
        moved = transpose(t, order)
        if center:
            moved = moved - reduce_mean(moved, -1, keepdims=True)
        wide = 2 ** math.ceil(math.log2(size * 2))
        padded = pad(moved, [[0, 0]] * (n - 1) + [[0, wide - size]])
        spectrum = fft(padded if t.dtype.is_complex else complex(padded, padded * 0.0))
        product = ifft(spectrum * conj(spectrum))
        if not t.dtype.is_complex:
            product = real(product)
        known = None if max_lags is None else static_value(convert_to_tensor(max_lags))
        lags = size - 1 if known is None else min(size - 1, int(known))
        counts = convert_to_tensor([float(size - k) for k in range(lags + 1)], dtype=product.dtype.real_dtype)
        found = product[..., : lags + 1] / cast(counts, product.dtype)
        if normalize:
            found = found / found[..., :1]
        return transpose(found, [order.index(i) for i in range(n)])


def assign_moving_mean_variance(
    mean_var: Any, variance_var: Any, value: Any, decay: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Update exponential moving averages of a value and of its variance: (new mean, new variance).

    Raises: TypeError when the variables are not floating, or have different dtypes.
    Source: Finch, "Incremental calculation of weighted mean and variance" (2009).
    """
    with name_scope(name, "assign_moving_mean_variance", [variance_var, mean_var, value, decay]):
        dtype = mean_var.dtype
        if not dtype.is_floating or dtype is not variance_var.dtype:
            raise TypeError(f"mean and variance must be floating and alike, not {dtype.name} and "
                            f"{variance_var.dtype.name}")  # fmt: skip
        rest = 1.0 - convert_to_tensor(decay, dtype, name="decay")
        delta = convert_to_tensor(value, dtype, name="value") - mean_var
        with get_default_graph().control_dependencies([delta]):
            mean = mean_var.assign_add(rest * delta)
            variance = variance_var.assign_sub(rest * (variance_var - (1.0 - rest) * square(delta)))
        return mean, variance


def assign_log_moving_mean_exp(log_mean_exp_var: Any, log_value: Any, decay: Any, name: str | None = None) -> Tensor:
    """Update log of the exponential moving average of exp(log_value).

    Raises: TypeError when the variable is not floating.
    """
    with name_scope(name, "assign_log_moving_mean_exp", [log_mean_exp_var, log_value, decay]):
        dtype = log_mean_exp_var.dtype
        if not dtype.is_floating:
            raise TypeError(f"log_mean_exp_var must be floating, not {dtype.name}")
        kept = convert_to_tensor(decay, dtype, name="decay")
        delta = convert_to_tensor(log_value, dtype, name="log_value") - log_mean_exp_var
        parts = stack([log(kept) * ones_like(delta), delta + log1p(-kept)])
        return log_mean_exp_var.assign_add(reduce_logsumexp(parts, 0))


def moving_mean_variance(
    value: Any, decay: Any, collections: Sequence[str] | None = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """assign_moving_mean_variance of two variables made for it, `moving_mean` and `moving_variance`."""
    with variable_scope(name, "moving_mean_variance", [value, decay]):
        t = convert_to_tensor(value, name="value")
        made: list[Any] = [
            get_variable(what, t.shape, t.dtype, zeros_initializer(), trainable=False,
                         collections=list(collections or [GraphKeys.GLOBAL_VARIABLES]))
            for what in ("moving_variance", "moving_mean")
        ]  # fmt: skip
        return assign_moving_mean_variance(made[1], made[0], t, decay)
