"""Counting: how often numbers occur, how many values fall into each bin, which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.default import control_dependencies, name_scope
from graphflow.dtypes import DType, as_dtype, float32, float64, int32, int64
from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum, minimum
from graphflow.ops.assertions import assert_non_negative
from graphflow.ops.basic import cast, identity, ones_like
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.fill import constant
from graphflow.ops.indexing import scatter_nd
from graphflow.ops.infer import require_rank
from graphflow.ops.join import stack
from graphflow.ops.reduce import reduce_max
from graphflow.ops.shape_ops import refuse, size, squeeze
from graphflow.ops.static import static_value
from graphflow.shape import Dims, compatible, show

_VALUES = (int32, int64, float32, float64)


def _bincount_infer(arr: Tensor, size: Tensor, weights: Tensor) -> tuple[Dims, DType]:
    require_rank(size, 0, "size")
    n = static_value(size)
    return (None if n is None else int(n),), weights.dtype


def _bincount(arr: np.ndarray, size: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Without weights every element counts 1; numbers of `size` and more are left out."""
    if arr.size and arr.min() < 0:
        raise refuse("numbers to count must be at least 0")
    if weights.size and weights.shape != arr.shape:
        raise refuse(f"weights {show(weights.shape)} must have the shape {show(arr.shape)} of the numbers")
    out = np.zeros(int(size), weights.dtype)
    kept = arr < out.size
    np.add.at(out, arr[kept], weights[kept] if weights.size else np.ones((), weights.dtype))
    return out


BINCOUNT = define(
    "Bincount", "arr:int32 size:int32 weights",
    infer=_bincount_infer,
    reference=_bincount,
    vjp=NO_GRADIENT,
    types=_VALUES,
)  # fmt: skip


def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = int32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """How often each of 0, 1, 2, ... occurs in arr, or the sum of the weights where it does.

    Shapes: arr [...], weights the same -> [n] with n the greatest number + 1, at least minlength, at most maxlength.
    Dtype:  that of the weights, else `dtype`.   No gradient.   Raises: InvalidArgumentError for a negative number.
    """
    with name_scope(name, "bincount", [arr]):
        arr = convert_to_tensor(arr, int32, name="arr")
        n = cast(size(arr) > 0, int32) * (maximum(reduce_max(arr), -1) + 1)
        if minlength is not None:
            n = maximum(convert_to_tensor(minlength, int32, name="minlength"), n)
        if maxlength is not None:
            n = minimum(convert_to_tensor(maxlength, int32, name="maxlength"), n)
        return BINCOUNT(arr, n, constant([], as_dtype(dtype)) if weights is None else weights)


# -- bins of one width ---------------------------------------------------------------------------------------------
def _bins(values: np.ndarray, value_range: np.ndarray, nbins: np.ndarray) -> np.ndarray:
    """The bin of each value; values outside the range belong to the first or the last one."""
    if value_range.shape != (2,) or not value_range[0] < value_range[1]:
        raise refuse(f"value_range must be two numbers, the first below the second, not {value_range.tolist()}")
    n = int(nbins)
    if n < 1:
        raise refuse(f"there must be one bin at least, not {n}")
    low, high = (float(v) for v in value_range)
    place = (values.astype(np.float64) - low) / ((high - low) / n)
    return np.clip(place, 0, n - 1).astype(np.int64)


def _histogram(values: np.ndarray, value_range: np.ndarray, nbins: np.ndarray, dtype: DType) -> np.ndarray:
    return np.bincount(_bins(values, value_range, nbins).reshape(-1), minlength=int(nbins))


def _histogram_infer(values: Tensor, value_range: Tensor, nbins: Tensor, dtype: DType) -> tuple[Dims, DType]:
    _check_range(value_range)
    n = static_value(nbins)
    if n is not None and n < 1:
        raise ShapeError(f"there must be one bin at least, not {n}")
    return (None if n is None else int(n),), dtype


def _bins_infer(values: Tensor, value_range: Tensor, nbins: Tensor, dtype: DType) -> tuple[Dims, DType]:
    _check_range(value_range)
    return values.dims, dtype


def _check_range(value_range: Tensor) -> None:
    if not compatible(value_range.dims, (2,)):
        raise ShapeError(f"value_range must be two numbers, and has shape {show(value_range.dims)}")


HISTOGRAM = define("HistogramFixedWidth", "values value_range nbins:int32", _histogram_infer, _histogram, _VALUES,
                   vjp=NO_GRADIENT)  # fmt: skip
HISTOGRAM_BINS = define("HistogramFixedWidthBins", "values value_range nbins:int32", _bins_infer,
                        lambda values, value_range, nbins, dtype: _bins(values, value_range, nbins), _VALUES,
                        vjp=NO_GRADIENT)  # fmt: skip


def histogram_fixed_width(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = int32, name: str | None = None
) -> Tensor:
    """How many values fall into each of nbins bins of one width; those outside the range count in the outer bins.

    Shapes: values [...], value_range [2] -> [nbins].   Dtype: int32 or int64.   No gradient.
    """
    return HISTOGRAM(values, value_range, nbins, dtype=as_dtype(dtype), name=name or "histogram_fixed_width")


def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = int32, name: str | None = None
) -> Tensor:
    """The number of the bin that each value falls into, as histogram_fixed_width counts: [...] -> [...]."""
    return HISTOGRAM_BINS(values, value_range, nbins, dtype=as_dtype(dtype), name=name or "histogram_fixed_width_bins")


def _bucketize_infer(input: Tensor, boundaries: tuple[float, ...]) -> tuple[Dims, DType]:
    return input.dims, int32


BUCKETIZE = define(
    "Bucketize", "input",
    infer=_bucketize_infer,
    reference=lambda input, boundaries: np.searchsorted(
        np.array(boundaries, np.float32), input, side="right"
    ).astype(np.int32),
    types=_VALUES,
    vjp=NO_GRADIENT,
)  # fmt: skip


def bucketize(input: Any, boundaries: Sequence[float], name: str | None = None) -> Tensor:
    """How many of the boundaries, which must be sorted, are not greater than each element: [...] -> [...], int32.

    No gradient.
    """
    return BUCKETIZE(input, boundaries=tuple(float(b) for b in boundaries), name=name)


# -- confusion matrix ----------------------------------------------------------------------------------------------
def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, dtype: Any = int32, name: str | None = None,
    weights: Any = None,
) -> Tensor:  # fmt: skip
    """Element (i, j): how many examples of class i were taken for class j, or the sum of their weights.

    Shapes: labels and predictions [n] (or [n, 1]) -> [num_classes, num_classes]; the greatest class + 1 by default.
    Dtype:  `dtype`.   Raises: InvalidArgumentError when run for a class outside [0, num_classes).
    """
    with name_scope(name, "confusion_matrix", [labels, predictions, num_classes, weights]) as scope:
        rows, columns = _one_vector(labels, "labels"), _one_vector(predictions, "predictions")
        checks = [assert_non_negative(t, message=f"{what} has a class below 0")
                  for t, what in ((rows, "labels"), (columns, "predictions"))]  # fmt: skip
        with control_dependencies(checks):
            rows, columns = identity(rows), identity(columns)
        if num_classes is None:
            n = maximum(reduce_max(rows), reduce_max(columns)) + 1
        else:
            n = cast(num_classes, int64)
        wanted = as_dtype(dtype)
        counts = ones_like(columns, wanted) if weights is None else cast(weights, wanted)
        return scatter_nd(stack([rows, columns], axis=1), counts, stack([n, n]), name=scope)


def _one_vector(classes: Any, name: str) -> Tensor:
    t = convert_to_tensor(classes, name=name)
    if t.dims is not None and len(t.dims) == 2:
        t = squeeze(t, [1])
    require_rank(t, 1, name)
    return cast(t, int64)
