"""Grayscale dilation and erosion of images: the largest sum, and the smallest difference, of a window and a filter."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import REAL, DType
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arrange import reverse
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.math import negative
from graphflow.ops.pool import lowest
from graphflow.ops.shape_ops import either
from graphflow.ops.windows import Place, folded, layout, padded, padding_of, per_axis, unfolded, windows_dims
from graphflow.shape import Dims


def _infer(input: Tensor, filter: Tensor, strides: Any, rates: Any, padding: str) -> tuple[Dims, DType]:
    dims = require_rank(input, 4, "the input")
    kh, kw, channels = require_rank(filter, 3, "the filter")
    if None not in (dims[3], channels) and dims[3] != channels:
        raise ShapeError(f"the input has {dims[3]} channels, and the filter is made for {channels}")
    counts = windows_dims(dims, (kh, kw), strides, rates, padding, ())
    return (dims[0], *counts, dims[3] if channels is None else channels), input.dtype


def _sums(x: np.ndarray, filter: np.ndarray, attrs: dict) -> tuple[np.ndarray, Place]:
    """Windows plus filter [n, oh, ow, kh * kw, c], and where the windows lie; padding is never the largest."""
    window, strides, rates = filter.shape[:2], attrs["strides"], attrs["rates"]
    if x.shape[3] != filter.shape[2]:
        raise InvalidArgumentError.because(f"a filter {filter.shape} does not go with images {x.shape}")
    place = layout(x.shape[1:3], window, strides, rates, attrs["padding"])
    real = unfolded(padded(np.ones(x.shape, bool), window, strides, rates, place, False), window, strides, rates, place)
    sums = unfolded(padded(x, window, strides, rates, place, 0), window, strides, rates, place) + filter
    sums = np.where(real, sums, lowest(x.dtype))
    return sums.reshape(*sums.shape[:3], -1, x.shape[3]), place


def _dilation(x: np.ndarray, filter: np.ndarray, **attrs: Any) -> np.ndarray:
    return _sums(x, filter, attrs)[0].max(axis=3)


def _at_winners(x: np.ndarray, filter: np.ndarray, dy: np.ndarray, attrs: dict) -> tuple[np.ndarray, Place]:
    """dy at the first largest sum of each window, [n, oh, ow, kh, kw, c]."""
    sums, place = _sums(x, filter, attrs)
    if dy.shape != (*sums.shape[:3], sums.shape[4]):
        raise InvalidArgumentError.because(f"out_backprop of shape {dy.shape} does not belong to images {x.shape}")
    pieces = np.zeros(sums.shape, dy.dtype)
    np.put_along_axis(pieces, np.argmax(sums, axis=3)[:, :, :, None], dy[:, :, :, None], axis=3)
    return pieces.reshape(*sums.shape[:3], *filter.shape), place


def _to_input(x: np.ndarray, filter: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    pieces, place = _at_winners(x, filter, dy, attrs)
    return folded(pieces, x.shape, attrs["strides"], attrs["rates"], place)


def _to_filter(x: np.ndarray, filter: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    return _at_winners(x, filter, dy, attrs)[0].sum(axis=(0, 1, 2))


def _apply(record: OpDef, op: Operation, dy: Tensor) -> Tensor:
    return record(op.inputs[0], op.inputs[1], dy, **op.attrs)


DILATION2D: OpDef = define(
    "Dilation2D", "input filter",
    infer=_infer,
    reference=_dilation,
    vjp=(
        lambda op, dy: _apply(DILATION2D_BACKPROP_INPUT, op, dy),
        lambda op, dy: _apply(DILATION2D_BACKPROP_FILTER, op, dy),
    ),
    types=REAL,
)  # fmt: skip

DILATION2D_BACKPROP_INPUT: OpDef = define(
    "Dilation2DBackpropInput", "input filter out_backprop",
    infer=lambda input, filter, out_backprop, **_: (require_rank(input, 4, "the input"), input.dtype),
    reference=_to_input,
    types=REAL,
)  # fmt: skip

DILATION2D_BACKPROP_FILTER: OpDef = define(
    "Dilation2DBackpropFilter", "input filter out_backprop",
    infer=lambda input, filter, out_backprop, **_: (require_rank(filter, 3, "the filter"), filter.dtype),
    reference=_to_filter,
    types=REAL,
)  # fmt: skip


def _attrs(strides: Any, rates: Any, padding: Any) -> dict[str, Any]:
    kind, explicit = padding_of(padding)
    if explicit:
        raise GraphError("dilation2d and erosion2d take SAME or VALID padding")
    return {"strides": per_axis(strides, "strides"), "rates": per_axis(rates, "rates"), "padding": kind}


def dilation2d(
    input: Any, filter: Any = None, strides: Any = None, rates: Any = None, padding: Any = None,
    name: str | None = None, filters: Any = None, dilations: Any = None,
) -> Tensor:  # fmt: skip
    """The largest sum of a pixel of the window and its element of the filter, channel by channel.

    Shapes:   input [n, h, w, c], filter (`filters`) [kh, kw, c] -> [n, oh, ow, c]; oh and ow as in conv2d
              strides and rates (`dilations`): [1, h, w, 1]; padding SAME or VALID; what is padding never counts
    Dtype:    real numbers, one for both.
    Gradient: input and filter, to the first of equal sums; it has no gradient of its own.
    """
    attrs = _attrs(strides, either(rates, dilations, "rates", "dilations"), padding)
    return DILATION2D(input, either(filter, filters, "filter", "filters"), name=name, **attrs)


def erosion2d(value: Any, kernel: Any, strides: Any, rates: Any, padding: Any, name: str | None = None) -> Tensor:
    """The smallest difference of a pixel of the window and its element of the kernel turned by 180 degrees.

    Shapes, Dtype, Gradient: as dilation2d, of which it is the opposite: -dilation2d(-value, turned kernel).
    """
    attrs = _attrs(strides, rates, padding)
    with name_scope(name, "erosion2d", [value, kernel]):
        value = convert_to_tensor(value, name="value")
        turned = reverse(convert_to_tensor(kernel, value.dtype, name="kernel"), [0, 1])
        return negative(DILATION2D(negative(value), turned, **attrs))
