"""Convolutions of images that lie side by side: a layout that compilers choose where channels are too few for vectors.

A block of `lanes` images [lanes, h, w, c] is one image [h, w, c * lanes], in which the numbers that the images have at
one place are neighbours.  The last block of a batch may have lanes without an image; what is in them means nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import FLOATING, DType
from graphflow.operation import Tensor
from graphflow.ops.conv import backprop_filter_of, backprop_input_of, conv_flops, conv_infer, conv_of
from graphflow.ops.define import OpDef, Outputs, define
from graphflow.ops.lowering import Kernel
from graphflow.shape import Dims, sizes


def to_lanes_of(x: np.ndarray, lanes: int) -> np.ndarray:
    n, h, w, c = x.shape
    blocks = -(-n // lanes)
    whole = np.zeros((blocks * lanes, h, w, c), x.dtype)
    whole[:n] = x
    return whole.reshape(blocks, lanes, h, w, c).transpose(0, 2, 3, 4, 1).reshape(blocks, h, w, c * lanes)


def from_lanes_of(x: np.ndarray, images: int, lanes: int) -> np.ndarray:
    blocks, h, w, wide = x.shape
    apart = x.reshape(blocks, h, w, wide // lanes, lanes).transpose(0, 4, 1, 2, 3)
    return apart.reshape(blocks * lanes, h, w, wide // lanes)[:images]


def _to_lanes_infer(x: Tensor, lanes: int) -> tuple[Dims, DType]:
    n, h, w, c = sizes(x.dims)
    return (-(-n // lanes), h, w, c * lanes), x.dtype


def _from_lanes_infer(x: Tensor, images: int, lanes: int) -> tuple[Dims, DType]:
    _, h, w, wide = sizes(x.dims)
    return (images, h, w, wide // lanes), x.dtype


TO_LANES: OpDef = define(
    "ToLanes", "x",
    infer=_to_lanes_infer,
    reference=to_lanes_of,
    lowering=Kernel("to_lanes"),
    types=FLOATING,
)  # fmt: skip

FROM_LANES: OpDef = define(
    "FromLanes", "x",
    infer=_from_lanes_infer,
    reference=from_lanes_of,
    lowering=Kernel("from_lanes"),
    types=FLOATING,
)  # fmt: skip


def _apart(x: np.ndarray, lanes: int) -> np.ndarray:
    return from_lanes_of(x, x.shape[0] * lanes, lanes)


def _conv_infer(input: Tensor, filter: Tensor, lanes: int, **attrs: Any) -> tuple[Dims, DType]:
    *dims, wide = sizes(input.dims)
    like = Tensor(input.op, input.value_index, (*dims, wide // lanes), input.dtype)
    made, dtype = conv_infer(like, filter, **attrs)
    *front, channels = sizes(made)
    return (*front, channels * lanes), dtype


def _conv_of(x: np.ndarray, filter: np.ndarray, lanes: int, **attrs: Any) -> np.ndarray:
    return to_lanes_of(conv_of(_apart(x, lanes), filter, **attrs), lanes)


def _input_infer(filter: Tensor, dy: Tensor, size: tuple[int, int], lanes: int, **_: Any) -> tuple[Dims, DType]:
    return (sizes(dy.dims)[0], *size, sizes(filter.dims)[2] * lanes), dy.dtype


def _input_of(filter: np.ndarray, dy: np.ndarray, size: tuple[int, int], lanes: int, **attrs: Any) -> np.ndarray:
    dy = _apart(dy, lanes)
    dims = np.array((dy.shape[0], *size, filter.shape[2]))
    return to_lanes_of(backprop_input_of(dims, filter, dy, **attrs), lanes)


def _filter_infer(x: Tensor, dy: Tensor, window: tuple[int, int], lanes: int, **_: Any) -> Outputs:
    c, k = sizes(x.dims)[-1] // lanes, sizes(dy.dims)[-1] // lanes
    return [((*window, c, k), x.dtype), ((k,), x.dtype)]


def _filter_of(
    x: np.ndarray, dy: np.ndarray, window: tuple[int, int], images: int, lanes: int, **attrs: Any
) -> tuple[np.ndarray, np.ndarray]:
    x, dy = from_lanes_of(x, images, lanes), from_lanes_of(dy, images, lanes)
    made = backprop_filter_of(x, np.array((*window, x.shape[-1], dy.shape[-1])), dy, **attrs)
    return made, dy.sum((0, 1, 2), np.float64)


LANES_CONV2D: OpDef = define(
    "LanesConv2D", "input filter",
    infer=_conv_infer,
    reference=_conv_of,
    lowering=Kernel("lanes_conv2d", epilogue=True),
    types=FLOATING,
    flops=lambda op: conv_flops(op.inputs[1], op.output) * op.attrs["lanes"],
)  # fmt: skip

LANES_CONV2D_BACKPROP_INPUT: OpDef = define(
    "LanesConv2DBackpropInput", "filter out_backprop",
    infer=_input_infer,
    reference=_input_of,
    lowering=Kernel("lanes_conv2d_backprop_input", epilogue=True),
    types=FLOATING,
    flops=lambda op: conv_flops(op.inputs[0], op.inputs[1]) * op.attrs["lanes"],
)  # fmt: skip

# The second output is the sum of dy over images and pixels: the gradient of a bias, for which dy is read once less.
LANES_CONV2D_BACKPROP_FILTER: OpDef = define(
    "LanesConv2DBackpropFilter", "input out_backprop",
    infer=_filter_infer,
    reference=_filter_of,
    lowering=Kernel("lanes_conv2d_backprop_filter"),
    types=FLOATING,
    flops=lambda op: conv_flops(op.outputs[0], op.inputs[1]) * op.attrs["lanes"],
)  # fmt: skip
