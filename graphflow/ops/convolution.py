"""Convolutions by number of spatial axes, along one axis, and with gaps: other faces of conv2d and conv3d."""

from __future__ import annotations

from typing import Any

from graphflow.default import name_scope
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.conv import CONV2D, CONV2D_BACKPROP_INPUT, geometry
from graphflow.ops.conv3d import CONV3D
from graphflow.ops.define import OpDef, convert_to_tensor
from graphflow.ops.infer import whole_numbers
from graphflow.ops.join import concat
from graphflow.ops.shape_ops import either, expand_dims, squeeze
from graphflow.ops.windows import one_axis

LAYOUTS = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def _require_nwc(data_format: Any, what: str) -> None:
    if data_format not in (None, "NWC", "NHWC"):
        raise GraphError(f"{what} takes NWC sequences, not {data_format!r}")


def _along_width(x: Any, filters: Any, stride: int, padding: Any, dilation: int) -> Tensor:
    """conv2d of images of height 1."""
    attrs = geometry([1, stride], padding, [1, dilation], None, "conv1d")
    return squeeze(CONV2D(expand_dims(x, 1), expand_dims(filters, 0), **attrs), [1])


def conv1d(
    value: Any = None, filters: Any = None, stride: Any = None, padding: Any = None,
    use_cudnn_on_gpu: bool | None = None, data_format: str | None = None, name: str | None = None, input: Any = None,
    dilations: Any = None,
) -> Tensor:  # fmt: skip
    """Cross-correlation of sequences with filters.

    Shapes:   value (or `input`) [n, w, cin], filters [kw, cin, cout] -> [n, ow, cout]; ow as in conv2d
    Dtype:    floating, one for both.   stride, dilations: an int or [1, number, 1].
    Gradient: value and filters.   Raises: as conv2d.
    """
    _require_nwc(data_format, "conv1d")
    with name_scope(name, "conv1d", [value, input, filters]):
        x = convert_to_tensor(either(value, input, "value", "input"), name="value")
        filters = convert_to_tensor(filters, x.dtype, name="filters")
        dilation = 1 if dilations is None else one_axis(dilations, "dilations")
        return _along_width(x, filters, one_axis(stride, "stride"), padding, dilation)


def conv1d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: str = "SAME", data_format: str = "NWC",
    dilations: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The transpose of conv1d: its gradient to sequences of `output_shape`.

    Shapes:   input [n, w, cin], filters [kw, cout, cin] -> output_shape = [n, ow, cout]
    Gradient: input and filters.   Raises: as conv2d_transpose.
    """
    _require_nwc(data_format, "conv1d_transpose")
    dilation = 1 if dilations is None else one_axis(dilations, "dilations")
    attrs = geometry([1, one_axis(strides, "strides")], padding, [1, dilation], None, "conv1d_transpose")
    with name_scope(name, "conv1d_transpose", [input, filters, output_shape]):
        x = convert_to_tensor(input, name="value")
        filters = convert_to_tensor(filters, x.dtype, name="filters")
        sizes = convert_to_tensor(output_shape, "int32", name="output_shape")
        if sizes.dims not in (None, (None,), (3,)):
            raise ShapeError(f"output_shape must be three numbers, and has shape {sizes.shape}")
        images = concat([sizes[:1], [1], sizes[1:]], 0)
        out = CONV2D_BACKPROP_INPUT(images, expand_dims(filters, 0), expand_dims(x, 1), **attrs)
        return squeeze(out, [1])


def convolution(
    input: Any, filter: Any = None, padding: Any = None, strides: Any = None, dilation_rate: Any = None,
    name: str | None = None, data_format: str | None = None, filters: Any = None, dilations: Any = None,
) -> Tensor:  # fmt: skip
    """Cross-correlation over one, two or three spatial axes: the filter has two axes more.

    Shapes:   input [n, *spatial, cin], filter [*window, cin, cout] -> [n, *counts, cout]; counts as in conv2d
    Dtype:    floating, one for both.   strides, dilation_rate (`dilations`): one number for each spatial axis.
    Gradient: input and filter.
    Raises:   ValueError for strides and dilation_rate both above 1, for a filter of another rank, for channels first.
    """
    filter = either(filter, filters, "filter", "filters")
    rate = either(dilation_rate, dilations, "dilation_rate", "dilations")
    with name_scope(name, "convolution", [input, filter]) as scope:
        x = convert_to_tensor(input, name="input")
        filter = convert_to_tensor(filter, x.dtype, name="filter")
        known = next((len(t.dims) for t in (filter, x) if t.dims is not None), None)
        if known is None:
            raise ShapeError("convolution needs an input or a filter of known rank")
        if known - 2 not in LAYOUTS:
            raise ShapeError(f"convolution has one to three spatial axes, not {known - 2}")
        layout = LAYOUTS[known - 2]
        steps, gaps = (spread(v, known - 2, what) for v, what in ((strides, "strides"), (rate, "dilation_rate")))
        if max(steps) > 1 and max(gaps) > 1:
            raise GraphError(f"strides {steps} and dilation_rate {gaps} cannot both be above 1")
        if known == 3:
            _require_nwc(data_format, "convolution")
            return _along_width(x, filter, steps[0], padding, gaps[0])
        record: OpDef = CONV2D if known == 4 else CONV3D
        return record(x, filter, name=scope, **geometry(steps, padding, gaps, data_format, "convolution", layout))


def spread(value: Any, spatial: int, what: str) -> list[int]:
    """One number for each spatial axis, from None (1), an int, or a list."""
    numbers = [1] if value is None else whole_numbers(value, what)
    if len(numbers) == 1:
        numbers *= spatial
    if len(numbers) != spatial or min(numbers) < 1:
        raise GraphError(f"{what} must be {spatial} numbers of at least 1, not {value!r}")
    return numbers


def atrous_conv2d(value: Any, filters: Any, rate: int, padding: str, name: str | None = None) -> Tensor:
    """conv2d whose filter takes every rate-th pixel.   Shapes, Dtype, Gradient: as conv2d with stride 1."""
    with name_scope(name, "atrous_conv2d", [value, filters]) as scope:
        value = convert_to_tensor(value, name="value")
        filters = convert_to_tensor(filters, value.dtype, name="filters")
        return CONV2D(value, filters, name=scope, **geometry(1, padding, rate, None, "atrous_conv2d"))


def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: int, padding: str, name: str | None = None
) -> Tensor:
    """The transpose of atrous_conv2d: its gradient to images of `output_shape`.

    Shapes: value [n, h, w, cin], filters [kh, kw, cout, cin] -> output_shape.   Gradient: value and filters.
    """
    attrs = geometry(1, padding, rate, None, "atrous_conv2d_transpose")
    with name_scope(name, "atrous_conv2d_transpose", [value, filters, output_shape]) as scope:
        value = convert_to_tensor(value, name="value")
        filters = convert_to_tensor(filters, value.dtype, name="filters")
        sizes = convert_to_tensor(output_shape, "int32", name="output_shape")
        return CONV2D_BACKPROP_INPUT(sizes, filters, value, name=scope, **attrs)
