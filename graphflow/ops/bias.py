"""Adding a bias for each channel, and the small layers made with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import NUMERIC, DType
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.activations import relu
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.join import concat
from graphflow.ops.linalg import matmul
from graphflow.ops.lowering import Elementwise, Lowering
from graphflow.shape import Dims, show


def _channel_axis(rank: int, data_format: str) -> int:
    return 1 if data_format == "NCHW" else rank - 1


def _bias_infer(value: Tensor, bias: Tensor, data_format: str) -> tuple[Dims, DType]:
    channels = require_rank(bias, 1, "the bias")[0]
    dims = value.dims
    if dims is None:
        return None, value.dtype
    if len(dims) < 2:
        raise ShapeError(f"a value of rank 2 or more is needed, not one of shape {show(dims)}")
    axis = _channel_axis(len(dims), data_format)
    if channels is not None and dims[axis] not in (None, channels):
        raise ShapeError(f"the value has {dims[axis]} channels and the bias {channels}")
    return tuple(channels if i == axis and d is None else d for i, d in enumerate(dims)), value.dtype


def _aligned(value: np.ndarray, bias: np.ndarray, data_format: str) -> np.ndarray:
    axis = _channel_axis(value.ndim, data_format)
    if value.ndim < 2 or bias.shape != (value.shape[axis],):
        raise InvalidArgumentError.because(f"a bias of shape {bias.shape} does not go with channels of {value.shape}")
    return bias.reshape(-1, *[1] * (value.ndim - 1 - axis))


def _to_bias(op: Operation, dy: Tensor) -> Tensor:
    """In NHWC the bias is broadcast as in NumPy, and the walk sums what flows back."""
    return dy if op.attrs["data_format"] == "NHWC" else BIAS_ADD_GRAD(dy, data_format="NCHW")


def _bias_lowering(op: Operation) -> Lowering:
    return Elementwise("value + bias") if op.attrs["data_format"] == "NHWC" else None


BIAS_ADD = define(
    "BiasAdd", "value bias",
    infer=_bias_infer,
    reference=lambda value, bias, data_format: value + _aligned(value, bias, data_format),
    vjp=(lambda op, dy: dy, _to_bias),
    lowering=_bias_lowering,
    types=NUMERIC,
)  # fmt: skip


def _grad_infer(out_backprop: Tensor, data_format: str) -> tuple[Dims, DType]:
    dims = out_backprop.dims
    if dims is not None and len(dims) < 2:
        raise ShapeError(f"a gradient of rank 2 or more is needed, not one of shape {show(dims)}")
    return (None,) if dims is None else (dims[_channel_axis(len(dims), data_format)],), out_backprop.dtype


def _bias_grad(dy: np.ndarray, data_format: str) -> np.ndarray:
    axis = _channel_axis(dy.ndim, data_format)
    return dy.sum(axis=tuple(i for i in range(dy.ndim) if i != axis))


def _spread(op: Operation, dy: Tensor) -> Tensor:
    """The bias gradient's own gradient: the same number for every element of a channel."""
    return BIAS_ADD(zeros_like(op.inputs[0]), dy, data_format=op.attrs["data_format"])


BIAS_ADD_GRAD = define(
    "BiasAddGrad", "out_backprop",
    infer=_grad_infer,
    reference=_bias_grad,
    vjp=(_spread,),
    types=NUMERIC,
)  # fmt: skip


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """value + bias, one bias for each channel: the last axis in NHWC (the default), axis 1 in NCHW.

    Shapes:   value [..., channels] or [n, channels, ...], bias [channels] -> value's
    Dtype:    numeric, one for both.   Gradient: both.
    Raises:   ValueError for another number of channels, a value of rank below 2, another data_format.
    """
    formats = {None: "NHWC", "NHWC": "NHWC", "NCHW": "NCHW", "N...C": "NHWC", "NC...": "NCHW"}
    if data_format not in formats:
        raise GraphError(f"data_format must be NHWC or NCHW, not {data_format!r}")
    with name_scope(name, "BiasAdd", [value, bias]) as scope:
        value = convert_to_tensor(value, name="input")
        bias = convert_to_tensor(bias, value.dtype, name="bias")
        return BIAS_ADD(value, bias, data_format=formats[data_format], name=scope)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """matmul(x, weights) + biases.

    Shapes: x [n, inputs], weights [inputs, outputs], biases [outputs] -> [n, outputs].   Gradient: all three.
    """
    with name_scope(name, "xw_plus_b", [x, weights, biases]) as scope:
        return bias_add(matmul(x, weights), biases, name=scope)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """relu(matmul(x, weights) + biases); shapes as in xw_plus_b."""
    with name_scope(name, "relu_layer", [x, weights, biases]) as scope:
        return relu(bias_add(matmul(x, weights), biases), name=scope)


def crelu(features: Any, name: str | None = None, axis: int = -1) -> Tensor:
    """relu of x and of -x, side by side along the axis, whose size doubles.   Gradient: features."""
    with name_scope(name, "CRelu", [features]):
        features = convert_to_tensor(features, name="features")
        return relu(concat([features, -features], axis))
