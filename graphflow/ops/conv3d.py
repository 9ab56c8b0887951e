"""Three-dimensional convolutions of NDHWC volumes with DHWIO filters, and their gradients."""

from __future__ import annotations

from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.conv import (
    backprop_filter_infer,
    backprop_filter_of,
    backprop_input_infer,
    backprop_input_of,
    conv_flops,
    conv_infer,
    conv_of,
    geometry,
)
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.shape_ops import either, shape
from graphflow.ops.windows import again

ONES = (1, 1, 1, 1, 1)

CONV3D: OpDef = define(
    "Conv3D", "input filter",
    infer=conv_infer,
    reference=conv_of,
    vjp=(
        lambda op, dy: again(CONV3D_BACKPROP_INPUT, op, shape(op.inputs[0]), op.inputs[1], dy),
        lambda op, dy: again(CONV3D_BACKPROP_FILTER, op, op.inputs[0], shape(op.inputs[1]), dy),
    ),
    exact=True,
    flops=lambda op: conv_flops(op.inputs[1], op.output),
    types=FLOATING,
)  # fmt: skip

CONV3D_BACKPROP_INPUT: OpDef = define(
    "Conv3DBackpropInputV2", "input_sizes:int32 filter out_backprop",
    infer=backprop_input_infer,
    reference=backprop_input_of,
    vjp=(
        None,
        lambda op, dx: again(CONV3D_BACKPROP_FILTER, op, dx, shape(op.inputs[1]), op.inputs[2]),
        lambda op, dx: again(CONV3D, op, dx, op.inputs[1]),
    ),
    exact=True,
    flops=lambda op: conv_flops(op.inputs[1], op.inputs[2]),
    types=FLOATING,
)  # fmt: skip

CONV3D_BACKPROP_FILTER: OpDef = define(
    "Conv3DBackpropFilterV2", "input filter_sizes:int32 out_backprop",
    infer=backprop_filter_infer,
    reference=backprop_filter_of,
    vjp=(
        lambda op, dw: again(CONV3D_BACKPROP_INPUT, op, shape(op.inputs[0]), dw, op.inputs[2]),
        None,
        lambda op, dw: again(CONV3D, op, op.inputs[0], dw),
    ),
    exact=True,
    flops=lambda op: conv_flops(op.output, op.inputs[2]),
    types=FLOATING,
)  # fmt: skip


def _of_volumes(strides: Any, padding: Any, dilations: Any, data_format: Any, what: str) -> dict[str, Any]:
    attrs = geometry(strides, padding, dilations, data_format, what, "NDHWC")
    if attrs["explicit_paddings"]:
        raise GraphError(f"{what} takes SAME or VALID padding")
    return attrs


def conv3d(
    input: Any, filter: Any = None, strides: Any = None, padding: Any = None, data_format: str = "NDHWC",
    dilations: Any = ONES, name: str | None = None, filters: Any = None,
) -> Tensor:  # fmt: skip
    """Three-dimensional cross-correlation of volumes with filters (`filters` is another name of filter).

    Shapes:   input [n, d, h, w, cin], filter [kd, kh, kw, cin, cout] -> [n, od, oh, ow, cout]; sizes as in conv2d
    Dtype:    floating, one for both.   strides, dilations: an int, [d, h, w] or [1, d, h, w, 1].
    Gradient: input and filter.
    Raises:   ValueError when the two cin differ, for a filter larger than the volume under VALID, for NCDHW.
    """
    attrs = _of_volumes(strides, padding, dilations, data_format, "conv3d")
    return CONV3D(input, either(filter, filters, "filter", "filters"), name=name, **attrs)


def conv3d_transpose(
    value: Any, filter: Any = None, output_shape: Any = None, strides: Any = None, padding: Any = "SAME",
    data_format: str = "NDHWC", name: str | None = None, input: Any = None, filters: Any = None, dilations: Any = None,
) -> Tensor:  # fmt: skip
    """The transpose of conv3d: its gradient to volumes of `output_shape`, which picks one of the sizes possible.

    Shapes:   value [n, d, h, w, cin], filter [kd, kh, kw, cout, cin] -> output_shape = [n, od, oh, ow, cout]
    Gradient: value and filter.
    Raises:   ValueError when channels differ; InvalidArgumentError when run, for an output_shape that conv3d would
              not bring back to value's.
    """
    value, filter = either(value, input, "value", "input"), either(filter, filters, "filter", "filters")
    if output_shape is None:
        raise GraphError("conv3d_transpose needs an output_shape")
    attrs = _of_volumes(strides, padding, dilations, data_format, "conv3d_transpose")
    with name_scope(name, "conv3d_transpose", [value, filter, output_shape]) as scope:
        value = convert_to_tensor(value, name="value")
        filter = convert_to_tensor(filter, value.dtype, name="filter")
        sizes = convert_to_tensor(output_shape, "int32", name="output_shape")
        return CONV3D_BACKPROP_INPUT(sizes, filter, value, name=scope, **attrs)
