"""Two-dimensional convolutions of NHWC images with HWIO filters, and their gradients, which are convolutions too.

Types and references are written for any number of spatial axes; conv3d has its own records of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING, DType
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.lowering import Kernel
from graphflow.ops.shape_ops import either, shape
from graphflow.ops.static import static_dims
from graphflow.ops.windows import (
    Place,
    again,
    folded,
    layout,
    padded,
    padding_of,
    per_axis,
    require_channels_last,
    unfolded,
    windows_dims,
)
from graphflow.shape import Dims, elements, show

ONES = (1, 1, 1, 1)


def conv_infer(
    input: Tensor, filter: Tensor, strides: Any, padding: str, explicit_paddings: Any, dilations: Any
) -> tuple[Dims, DType]:
    dims = require_rank(input, len(strides), "the input")
    *window, cin, cout = require_rank(filter, len(strides), "the filter")
    if dims[-1] is not None and cin is not None and dims[-1] != cin:
        raise ShapeError(f"the input has {dims[-1]} channels, and the filter is made for {cin}")
    if 0 in window:
        raise ShapeError(f"the filter of shape {show(filter.dims)} is empty")
    counts = windows_dims(dims, window, strides, dilations, padding, explicit_paddings)
    return (dims[0], *counts, cout), input.dtype


def wide(*arrays: np.ndarray) -> list[np.ndarray]:
    """float16 computes in float32."""
    return [a.astype(np.float32) if a.dtype == np.float16 else a for a in arrays]


def conv_of(
    x: np.ndarray, filter: np.ndarray, strides: Any, padding: str, explicit_paddings: Any, dilations: Any
) -> np.ndarray:
    *window, cin, _ = filter.shape
    if x.shape[-1] != cin:
        raise InvalidArgumentError.because(f"the input has {x.shape[-1]} channels, and the filter is made for {cin}")
    place = layout(x.shape[1:-1], window, strides, dilations, padding, explicit_paddings)
    x, filter = wide(x, filter)
    image = padded(x, window, strides, dilations, place, 0)
    return np.tensordot(unfolded(image, window, strides, dilations, place), filter, len(window) + 1)


def place_of_gradient(sizes: Sequence[int], filter: Sequence[int], dy: tuple[int, ...], attrs: dict) -> Place:
    """Where the windows of the forward convolution lie; InvalidArgumentError when dy cannot be its gradient."""
    *window, cin, cout = filter
    if len(sizes) != len(filter):
        raise InvalidArgumentError.because(f"the sizes of images are {len(filter)} numbers, not {sizes}")
    place = layout(sizes[1:-1], window, attrs["strides"], attrs["dilations"], attrs["padding"],
                   attrs["explicit_paddings"])  # fmt: skip
    expected = (sizes[0], *place.counts, cout)
    if expected != tuple(dy) or sizes[-1] != cin:
        raise InvalidArgumentError.because(
            f"out_backprop has shape {tuple(dy)}, and the convolution of {tuple(sizes)} with a filter "
            f"{tuple(filter)} gives {expected}"
        )
    return place


def backprop_input_of(input_sizes: np.ndarray, filter: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    sizes = input_sizes.tolist()
    place = place_of_gradient(sizes, filter.shape, dy.shape, attrs)
    filter, dy = wide(filter, dy)
    pieces = np.tensordot(dy, filter, ([-1], [-1]))
    return folded(pieces, tuple(sizes), attrs["strides"], attrs["dilations"], place)


def backprop_filter_of(x: np.ndarray, filter_sizes: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    sizes = filter_sizes.tolist()
    if len(sizes) != x.ndim:
        raise InvalidArgumentError.because(f"the sizes of a filter are {x.ndim} numbers, not {sizes}")
    place = place_of_gradient(x.shape, sizes, dy.shape, attrs)
    x, dy = wide(x, dy)
    strides, dilations = attrs["strides"], attrs["dilations"]
    image = padded(x, sizes[:-2], strides, dilations, place, 0)
    axes = list(range(x.ndim - 1))
    return np.tensordot(unfolded(image, sizes[:-2], strides, dilations, place), dy, (axes, axes))


def _sizes_of(sizes: Tensor, rank: int, what: str) -> tuple[int | None, ...]:
    dims = static_dims(sizes)
    if dims is not None and len(dims) != rank:
        raise ShapeError(f"{what} must be {rank} numbers, not {show(dims)}")
    return dims or (None,) * rank


def backprop_input_infer(
    input_sizes: Tensor, filter: Tensor, out_backprop: Tensor, strides: Any, **_: Any
) -> tuple[Dims, DType]:
    rank = len(strides)
    n, *spatial, c = _sizes_of(input_sizes, rank, "input_sizes")
    *_window, cin, cout = require_rank(filter, rank, "the filter")
    batch, *_counts, channels = require_rank(out_backprop, rank, "out_backprop")
    if cout is not None and channels is not None and cout != channels:
        raise ShapeError(f"out_backprop has {channels} channels, and the filter makes {cout}")
    if c is not None and cin is not None and c != cin:
        raise ShapeError(f"the images have {c} channels, and the filter is made for {cin}")
    return (batch if n is None else n, *spatial, cin if c is None else c), filter.dtype


def backprop_filter_infer(
    input: Tensor, filter_sizes: Tensor, out_backprop: Tensor, strides: Any, **_: Any
) -> tuple[Dims, DType]:
    require_rank(input, len(strides), "the input")
    require_rank(out_backprop, len(strides), "out_backprop")
    return _sizes_of(filter_sizes, len(strides), "filter_sizes"), input.dtype


def conv_flops(filter: Tensor, images: Tensor) -> int:
    """A multiplication and an addition for each filter element at each place, those that fall on padding too."""
    return 2 * elements(filter.dims) * elements(images.dims[:-1])  # type: ignore[index]


CONV2D: OpDef = define(
    "Conv2D", "input filter",
    infer=conv_infer,
    reference=conv_of,
    vjp=(
        lambda op, dy: again(CONV2D_BACKPROP_INPUT, op, shape(op.inputs[0]), op.inputs[1], dy),
        lambda op, dy: again(CONV2D_BACKPROP_FILTER, op, op.inputs[0], shape(op.inputs[1]), dy),
    ),
    exact=True,
    lowering=Kernel("conv2d", epilogue=True),
    types=FLOATING,
    flops=lambda op: conv_flops(op.inputs[1], op.output),
)  # fmt: skip

CONV2D_BACKPROP_INPUT: OpDef = define(
    "Conv2DBackpropInput", "input_sizes:int32 filter out_backprop",
    infer=backprop_input_infer,
    reference=backprop_input_of,
    vjp=(
        None,
        lambda op, dx: again(CONV2D_BACKPROP_FILTER, op, dx, shape(op.inputs[1]), op.inputs[2]),
        lambda op, dx: again(CONV2D, op, dx, op.inputs[1]),
    ),
    exact=True,
    lowering=Kernel("conv2d_backprop_input", epilogue=True),
    types=FLOATING,
    flops=lambda op: conv_flops(op.inputs[1], op.inputs[2]),
)  # fmt: skip

CONV2D_BACKPROP_FILTER: OpDef = define(
    "Conv2DBackpropFilter", "input filter_sizes:int32 out_backprop",
    infer=backprop_filter_infer,
    reference=backprop_filter_of,
    vjp=(
        lambda op, dw: again(CONV2D_BACKPROP_INPUT, op, shape(op.inputs[0]), dw, op.inputs[2]),
        None,
        lambda op, dw: again(CONV2D, op, op.inputs[0], dw),
    ),
    exact=True,
    lowering=Kernel("conv2d_backprop_filter", epilogue=True),
    types=FLOATING,
    flops=lambda op: conv_flops(op.output, op.inputs[2]),
)  # fmt: skip


def geometry(
    strides: Any, padding: Any, dilations: Any, data_format: Any, what: str, expected: str = "NHWC"
) -> dict[str, Any]:
    """The attributes of a convolution and its gradients; `expected` is the layout with channels last."""
    require_channels_last(data_format, what, expected)
    if padding is None:
        raise DTypeError(f"{what} needs a padding, SAME or VALID")
    kind, explicit = padding_of(padding)
    spatial = len(expected) - 2
    steps, gaps = (1 if value is None else value for value in (strides, dilations))
    return {
        "strides": per_axis(steps, "strides", spatial), "padding": kind, "explicit_paddings": explicit,
        "dilations": per_axis(gaps, "dilations", spatial),
    }  # fmt: skip


def conv2d(
    input: Any, filter: Any = None, strides: Any = None, padding: Any = None, use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC", dilations: Any = ONES, name: str | None = None, filters: Any = None,
) -> Tensor:  # fmt: skip
    """Two-dimensional cross-correlation of images with filters (`filters` is another name of filter).

    Shapes:   input [n, h, w, cin], filter [kh, kw, cin, cout] -> [n, oh, ow, cout]
              SAME: oh = ceil(h / stride), the odd row of padding at the bottom
              VALID: oh = ceil((h - (kh - 1) * dilation) / stride)
              [[0, 0], [top, bottom], [left, right], [0, 0]]: as VALID on the padded image.   Likewise for widths.
    Dtype:    floating, one for both.   strides, dilations: an int, [h, w] or [1, h, w, 1].
    Cost:     2 * n*oh*ow * kh*kw*cin * cout FLOP.
    Gradient: input and filter.
    Raises:   ValueError when the two cin differ, for a filter larger than the image under VALID, for NCHW.
    """
    attrs = geometry(strides, padding, dilations, data_format, "conv2d")
    return CONV2D(input, either(filter, filters, "filter", "filters"), name=name, **attrs)


def conv2d_backprop_input(
    input_sizes: Any, filter: Any = None, out_backprop: Any = None, strides: Any = None, padding: Any = None,
    use_cudnn_on_gpu: bool = True, data_format: str = "NHWC", dilations: Any = ONES, name: str | None = None,
    filters: Any = None,
) -> Tensor:  # fmt: skip
    """The gradient of conv2d to its input, whose sizes are `input_sizes` [4].

    Gradient: filter and out_backprop.   Raises: InvalidArgumentError when run, for sizes that do not belong together.
    """
    attrs = geometry(strides, padding, dilations, data_format, "conv2d_backprop_input")
    return CONV2D_BACKPROP_INPUT(input_sizes, either(filter, filters, "filter", "filters"), out_backprop, name=name,
                                 **attrs)  # fmt: skip


def conv2d_backprop_filter(
    input: Any, filter_sizes: Any, out_backprop: Any, strides: Any, padding: Any, use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC", dilations: Any = ONES, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The gradient of conv2d to its filter, whose sizes are `filter_sizes` [4].   Gradient: input and out_backprop."""
    attrs = geometry(strides, padding, dilations, data_format, "conv2d_backprop_filter")
    return CONV2D_BACKPROP_FILTER(input, filter_sizes, out_backprop, name=name, **attrs)


def conv2d_transpose(
    value: Any = None, filter: Any = None, output_shape: Any = None, strides: Any = None, padding: Any = "SAME",
    data_format: str = "NHWC", name: str | None = None, input: Any = None, filters: Any = None, dilations: Any = None,
) -> Tensor:  # fmt: skip
    """The transpose of conv2d: its gradient to images of `output_shape`, which picks one of the sizes possible.

    Shapes:   value [n, h, w, cin], filter [kh, kw, cout, cin] -> output_shape = [n, oh, ow, cout]
    Gradient: value and filter.
    Raises:   ValueError when channels differ; InvalidArgumentError when run, for an output_shape that conv2d would
              not bring back to value's.
    """
    value, filter = either(value, input, "value", "input"), either(filter, filters, "filter", "filters")
    if output_shape is None:
        raise GraphError("conv2d_transpose needs an output_shape")
    attrs = geometry(strides, padding, dilations, data_format, "conv2d_transpose")
    with name_scope(name, "conv2d_transpose", [value, filter, output_shape]) as scope:
        value = convert_to_tensor(value, name="value")
        filter = convert_to_tensor(filter, value.dtype, name="filter")
        sizes = convert_to_tensor(output_shape, "int32", name="output_shape")
        return CONV2D_BACKPROP_INPUT(sizes, filter, value, name=scope, **attrs)
