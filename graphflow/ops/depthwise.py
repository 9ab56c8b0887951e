"""Depthwise convolutions: each channel has filters of its own; and separable ones, which then mix the channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING, DType
from graphflow.errors import InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.conv import (
    CONV2D,
    backprop_filter_infer,
    conv_flops,
    conv_infer,
    geometry,
    place_of_gradient,
    wide,
)
from graphflow.ops.convolution import spread
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.lowering import Kernel
from graphflow.ops.shape_ops import either, shape
from graphflow.ops.static import static_dims
from graphflow.ops.windows import again, folded, layout, padded, unfolded
from graphflow.shape import Dims


def _infer(input: Tensor, filter: Tensor, **attrs: Any) -> tuple[Dims, DType]:
    dims, dtype = conv_infer(input, filter, **attrs)
    return (None if dims is None else (*dims[:3], _channels(filter, input))), dtype


def _channels(filter: Tensor, images: Tensor) -> int | None:
    """The number of output channels: input channels, of filter or images, times filters for each."""
    _, _, c, q = require_rank(filter, 4, "the filter")
    c = require_rank(images, 4, "the input")[3] if c is None else c
    return None if c is None or q is None else c * q


def _depthwise(x: np.ndarray, filter: np.ndarray, **attrs: Any) -> np.ndarray:
    kh, kw, c, q = filter.shape
    if x.shape[3] != c:
        raise InvalidArgumentError.because(f"the input has {x.shape[3]} channels, and the filter is made for {c}")
    x, filter = wide(x, filter)
    strides, dilations = attrs["strides"], attrs["dilations"]
    place = layout(x.shape[1:3], (kh, kw), strides, dilations, attrs["padding"], attrs["explicit_paddings"])
    image = padded(x, (kh, kw), strides, dilations, place, 0)
    out = np.einsum("nyxijc,ijcq->nyxcq", unfolded(image, (kh, kw), strides, dilations, place), filter)
    return out.reshape(*out.shape[:3], c * q)


def _by_filter(dy: np.ndarray, sizes: Any, filter: Any, attrs: dict) -> Any:
    """Where the windows lie, and dy [n, oh, ow, c, q]."""
    if len(filter) != 4:
        raise InvalidArgumentError.because(f"the sizes of a filter are four numbers, not {list(filter)}")
    c, q = filter[2:]
    place = place_of_gradient(list(sizes), (*filter[:3], c * q), dy.shape, attrs)
    return place, dy.reshape(*dy.shape[:3], c, q)


def _to_input(input_sizes: np.ndarray, filter: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    filter, dy = wide(filter, dy)
    place, dy = _by_filter(dy, input_sizes.tolist(), filter.shape, attrs)
    pieces = np.einsum("nyxcq,ijcq->nyxijc", dy, filter)
    return folded(pieces, tuple(input_sizes.tolist()), attrs["strides"], attrs["dilations"], place)


def _to_filter(x: np.ndarray, filter_sizes: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    x, dy = wide(x, dy)
    sizes = tuple(filter_sizes.tolist())
    place, dy = _by_filter(dy, x.shape, sizes, attrs)
    image = padded(x, sizes[:2], attrs["strides"], attrs["dilations"], place, 0)
    windows = unfolded(image, sizes[:2], attrs["strides"], attrs["dilations"], place)
    return np.einsum("nyxijc,nyxcq->ijcq", windows, dy)


def _input_infer(input_sizes: Tensor, filter: Tensor, out_backprop: Tensor, **_: Any) -> tuple[Dims, DType]:
    dims = static_dims(input_sizes) or (None,) * 4
    if len(dims) != 4:
        raise ShapeError(f"input_sizes must be four numbers, not {len(dims)}")
    batch, _h, _w, channels = require_rank(out_backprop, 4, "out_backprop")
    _kh, _kw, c, q = require_rank(filter, 4, "the filter")
    expected = None if c is None or q is None else c * q
    if None not in (expected, channels) and expected != channels:
        raise ShapeError(f"out_backprop has {channels} channels, and the filter makes {expected}")
    return (batch if dims[0] is None else dims[0], *dims[1:]), filter.dtype


DEPTHWISE: OpDef = define(
    "DepthwiseConv2dNative", "input filter",
    infer=_infer,
    reference=_depthwise,
    vjp=(
        lambda op, dy: again(DEPTHWISE_BACKPROP_INPUT, op, shape(op.inputs[0]), op.inputs[1], dy),
        lambda op, dy: again(DEPTHWISE_BACKPROP_FILTER, op, op.inputs[0], shape(op.inputs[1]), dy),
    ),
    exact=True,
    lowering=Kernel("depthwise"),
    flops=lambda op: conv_flops(op.inputs[1], op.output),
    types=FLOATING,
)  # fmt: skip

DEPTHWISE_BACKPROP_INPUT: OpDef = define(
    "DepthwiseConv2dNativeBackpropInput", "input_sizes:int32 filter out_backprop",
    infer=_input_infer,
    reference=_to_input,
    vjp=(
        None,
        lambda op, dx: again(DEPTHWISE_BACKPROP_FILTER, op, dx, shape(op.inputs[1]), op.inputs[2]),
        lambda op, dx: again(DEPTHWISE, op, dx, op.inputs[1]),
    ),
    exact=True,
    lowering=Kernel("depthwise_backprop_input"),
    flops=lambda op: conv_flops(op.inputs[1], op.inputs[2]),
    types=FLOATING,
)  # fmt: skip

DEPTHWISE_BACKPROP_FILTER: OpDef = define(
    "DepthwiseConv2dNativeBackpropFilter", "input filter_sizes:int32 out_backprop",
    infer=backprop_filter_infer,
    reference=_to_filter,
    vjp=(
        lambda op, dw: again(DEPTHWISE_BACKPROP_INPUT, op, shape(op.inputs[0]), dw, op.inputs[2]),
        None,
        lambda op, dw: again(DEPTHWISE, op, op.inputs[0], dw),
    ),
    exact=True,
    lowering=Kernel("depthwise_backprop_filter"),
    flops=lambda op: conv_flops(op.output, op.inputs[2]),
    types=FLOATING,
)  # fmt: skip


def depthwise_conv2d_native(
    input: Any, filter: Any, strides: Any, padding: Any, data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Convolution of each channel with filters of its own: output channel c * q + k is channel c with its filter k.

    Shapes:   input [n, h, w, c], filter [kh, kw, c, q] -> [n, oh, ow, c * q]; sizes as in conv2d
    Dtype:    floating, one for both.   strides, dilations: an int, [h, w] or [1, h, w, 1].
    Gradient: input and filter.   Raises: as conv2d.
    """
    return DEPTHWISE(input, filter, name=name, **geometry(strides, padding, dilations, data_format, "depthwise_conv2d"))


def depthwise_conv2d(
    input: Any, filter: Any, strides: Any, padding: Any, rate: Any = None, name: str | None = None,
    data_format: str | None = None, dilations: Any = None,
) -> Tensor:  # fmt: skip
    """depthwise_conv2d_native with `rate` (or `dilations`) [h, w].   Shapes, Gradient, Raises: as there."""
    gaps = spread(either(dilations, rate, "dilations", "rate"), 2, "rate")
    with name_scope(name, "depthwise", [input, filter]) as scope:
        x = convert_to_tensor(input, name="tensor_in")
        filter = convert_to_tensor(filter, x.dtype, name="filter_in")
        return DEPTHWISE(x, filter, name=scope, **geometry(strides, padding, gaps, data_format, "depthwise_conv2d"))


def separable_conv2d(
    input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any, rate: Any = None,
    name: str | None = None, data_format: str | None = None, dilations: Any = None,
) -> Tensor:  # fmt: skip
    """depthwise_conv2d, and then a convolution with windows of one pixel, which mixes the channels.

    Shapes:   input [n, h, w, c], depthwise_filter [kh, kw, c, q], pointwise_filter [1, 1, c * q, cout]
              -> [n, oh, ow, cout]
    Gradient: input and both filters.   Raises: ValueError for filters of other shapes; otherwise as conv2d.
    """
    with name_scope(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]) as scope:
        x = convert_to_tensor(input, name="tensor_in")
        pointwise = convert_to_tensor(pointwise_filter, x.dtype, name="pointwise_filter")
        kh, kw, _, _ = require_rank(pointwise, 4, "pointwise_filter")
        if kh not in (None, 1) or kw not in (None, 1):
            raise ShapeError(f"pointwise_filter must be 1 pixel high and wide, and has shape {pointwise.shape}")
        depthwise = depthwise_conv2d(x, depthwise_filter, strides, padding, rate, "depthwise", data_format, dilations)
        return CONV2D(depthwise, pointwise, name=scope, **geometry(1, "VALID", 1, data_format, "separable_conv2d"))
