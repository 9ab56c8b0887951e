"""Max and average pooling of NHWC images, and their gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING, REAL, DType
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.lowering import Kernel
from graphflow.ops.shape_ops import either, expand_dims, shape, squeeze
from graphflow.ops.static import static_dims
from graphflow.ops.windows import folded, layout, padded, padding_of, per_axis, require_nhwc, unfolded, windows_dims
from graphflow.shape import Dims, elements, merge, show

ONES = (1, 1, 1, 1)


def _pool_infer(value: Tensor, ksize: Any, strides: Any, padding: str) -> tuple[Dims, DType]:
    n, h, w, c = require_rank(value, 4, "the images")
    oh, ow = windows_dims((n, h, w, c), ksize[1:3], strides, ONES, padding, ())
    return (n, oh, ow, c), value.dtype


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _place(x_shape: Any, ksize: Any, strides: Any, padding: str) -> tuple[int, int, int, int]:
    return layout(x_shape[1], x_shape[2], ksize[1:3], strides, ONES, padding, ())


def _windows(x: np.ndarray, ksize: Any, strides: Any, padding: str, fill: Any) -> np.ndarray:
    """[n, oh, ow, kh * kw, c], `fill` where a window reaches over the edge."""
    place = _place(x.shape, ksize, strides, padding)
    image = padded(x, ksize[1:3], strides, ONES, place, fill)
    pieces = unfolded(image, ksize[1:3], strides, ONES, place)
    n, oh, ow, kh, kw, c = pieces.shape
    return pieces.reshape(n, oh, ow, kh * kw, c)


def _max_pool(x: np.ndarray, **attrs: Any) -> np.ndarray:
    return _windows(x, fill=_lowest(x.dtype), **attrs).max(axis=3)


def _winners(x: np.ndarray, grad: np.ndarray, over: str, **attrs: Any) -> np.ndarray:
    """Which element of each window is its first maximum, [n, oh, ow, 1, c]; padding never is."""
    pieces = _windows(x, fill=_lowest(x.dtype), **attrs)
    expected = pieces.shape[:3] + pieces.shape[4:] if over == "windows" else x.shape
    if grad.shape != expected:
        raise InvalidArgumentError.because(f"the gradient has shape {grad.shape}, and {expected} is needed")
    real = _windows(np.ones(x.shape, bool), fill=False, **attrs)
    highest = (pieces == pieces.max(axis=3, keepdims=True)) | (pieces != pieces)
    return np.argmax(highest & real, axis=3)[:, :, :, None]


def _max_pool_grad(x: np.ndarray, _: np.ndarray, grad: np.ndarray, **attrs: Any) -> np.ndarray:
    winners = _winners(x, grad, "windows", **attrs)
    n, oh, ow, _, c = winners.shape
    kh, kw = attrs["ksize"][1:3]
    pieces = np.zeros((n, oh, ow, kh * kw, c), grad.dtype)
    np.put_along_axis(pieces, winners, grad[:, :, :, None], axis=3)
    place = _place(x.shape, **attrs)
    return folded(pieces.reshape(n, oh, ow, kh, kw, c), x.shape, attrs["strides"], ONES, place)


def _max_pool_grad_grad(x: np.ndarray, _: np.ndarray, grad: np.ndarray, **attrs: Any) -> np.ndarray:
    winners = _winners(x, grad, "images", **attrs)
    return np.take_along_axis(_windows(grad, fill=0, **attrs), winners, axis=3)[:, :, :, 0]


def _window_sizes(x_shape: Any, ksize: Any, strides: Any, padding: str) -> np.ndarray:
    """The number of real elements in each window, [oh, ow, 1]."""
    oh, ow, top, left = _place(x_shape, ksize, strides, padding)
    sides = []
    for count, before, k, step, size in ((oh, top, ksize[1], strides[1], x_shape[1]),
                                         (ow, left, ksize[2], strides[2], x_shape[2])):  # fmt: skip
        start = np.arange(count) * step - before
        sides.append(np.minimum(start + k, size) - np.maximum(start, 0))
    return np.multiply.outer(*sides)[:, :, None]


def _avg_pool(x: np.ndarray, **attrs: Any) -> np.ndarray:
    wide = x.astype(np.float64)
    return _windows(wide, fill=0, **attrs).sum(axis=3) / _window_sizes(x.shape, **attrs)


def _avg_pool_grad(orig_input_shape: np.ndarray, grad: np.ndarray, **attrs: Any) -> np.ndarray:
    sizes = orig_input_shape.tolist()
    if len(sizes) != 4:
        raise InvalidArgumentError.because(f"the sizes of images are four numbers, not {sizes}")
    place = _place(sizes, **attrs)
    if grad.shape != (sizes[0], place[0], place[1], sizes[3]):
        raise InvalidArgumentError.because(f"a gradient of shape {grad.shape} does not belong to images {sizes}")
    kh, kw = attrs["ksize"][1:3]
    shares = grad.astype(np.float64) / _window_sizes(sizes, **attrs)
    pieces = np.broadcast_to(shares[:, :, :, None, None], (*grad.shape[:3], kh, kw, grad.shape[3]))
    return folded(pieces, tuple(sizes), attrs["strides"], ONES, place)


def _images_infer(orig_input_shape: Tensor, grad: Tensor, **_: Any) -> tuple[Dims, DType]:
    dims = static_dims(orig_input_shape)
    if dims is not None and len(dims) != 4:
        raise ShapeError(f"the sizes of images must be four numbers, not {show(dims)}")
    batch, _h, _w, channels = require_rank(grad, 4, "the gradient")
    n, h, w, c = dims or (None,) * 4
    return (batch if n is None else n, h, w, channels if c is None else c), grad.dtype


def _again(record: OpDef, op: Operation, *inputs: Tensor) -> Tensor:
    """Another op with the windows of this one."""
    return record(*inputs, **op.attrs)


def _flops(op: Operation, pooled: Tensor) -> int:
    """A comparison or an addition for each element of each window, padding included."""
    return math.prod(op.attrs["ksize"]) * elements(pooled.dims)


MAX_POOL: OpDef = define(
    "MaxPool", "input",
    infer=lambda input, **attrs: _pool_infer(input, **attrs),
    reference=_max_pool,
    vjp=(lambda op, dy: _again(MAX_POOL_GRAD, op, op.inputs[0], op.output, dy),),
    lowering=Kernel("max_pool"),
    types=REAL,
    flops=lambda op: _flops(op, op.output),
)  # fmt: skip

MAX_POOL_GRAD: OpDef = define(
    "MaxPoolGrad", "orig_input orig_output grad",
    infer=lambda orig_input, orig_output, grad, **_: (merge((None,) * 4, orig_input.dims), orig_input.dtype),
    reference=_max_pool_grad,
    vjp=(
        lambda op, dx: zeros_like(op.inputs[0]),
        None,
        lambda op, dx: _again(MAX_POOL_GRAD_GRAD, op, op.inputs[0], op.inputs[1], dx),
    ),
    lowering=Kernel("max_pool_grad"),
    types=REAL,
    flops=lambda op: _flops(op, op.inputs[2]),
)  # fmt: skip

MAX_POOL_GRAD_GRAD: OpDef = define(
    "MaxPoolGradGrad", "orig_input orig_output grad",
    infer=lambda orig_input, orig_output, grad, **attrs: _pool_infer(orig_input, **attrs),
    reference=_max_pool_grad_grad,
    vjp=(
        lambda op, dy: zeros_like(op.inputs[0]),
        None,
        lambda op, dy: _again(MAX_POOL_GRAD, op, op.inputs[0], op.inputs[1], dy),
    ),
    types=REAL,
)  # fmt: skip

AVG_POOL: OpDef = define(
    "AvgPool", "value",
    infer=_pool_infer,
    reference=_avg_pool,
    vjp=(lambda op, dy: _again(AVG_POOL_GRAD, op, shape(op.inputs[0]), dy),),
    lowering=Kernel("avg_pool"),
    types=FLOATING,
    flops=lambda op: _flops(op, op.output),
)  # fmt: skip

AVG_POOL_GRAD: OpDef = define(
    "AvgPoolGrad", "orig_input_shape:int32 grad",
    infer=_images_infer,
    reference=_avg_pool_grad,
    vjp=(None, lambda op, dx: _again(AVG_POOL, op, dx)),
    lowering=Kernel("avg_pool_grad"),
    types=FLOATING,
    flops=lambda op: _flops(op, op.inputs[1]),
)  # fmt: skip


def _pool(record: OpDef, value: Any, ksize: Any, strides: Any, padding: Any, data_format: Any, name: Any) -> Tensor:
    require_nhwc(data_format, record.name)
    kind, explicit = padding_of(padding)
    if explicit:
        raise GraphError("pools take SAME or VALID padding")
    return record(value, ksize=per_axis(ksize, "ksize"), strides=per_axis(strides, "strides"), padding=kind, name=name)


def max_pool(
    value: Any = None, ksize: Any = None, strides: Any = None, padding: Any = None, data_format: str = "NHWC",
    name: str | None = None, input: Any = None,
) -> Tensor:  # fmt: skip
    """The largest element of each window, channel by channel; padding never is.

    Shapes:   value (or `input`) [n, h, w, c] -> [n, oh, ow, c]
              SAME: oh = ceil(h / stride).   VALID: oh = ceil((h - window + 1) / stride).   Likewise for widths.
    Dtype:    real numbers, kept.   ksize, strides: an int, [h, w] or [1, h, w, 1].
    Gradient: value, to the first maximum of each window in row-major order.
    Raises:   ValueError for a window larger than the image under VALID, for NCHW.
    """
    return _pool(MAX_POOL, either(value, input, "value", "input"), ksize, strides, padding, data_format, name)


def avg_pool(
    value: Any = None, ksize: Any = None, strides: Any = None, padding: Any = None, data_format: str = "NHWC",
    name: str | None = None, input: Any = None,
) -> Tensor:  # fmt: skip
    """The mean of the elements of each window, without those that are padding; otherwise as max_pool.

    Dtype: floating, kept.   Gradient: value.
    """
    return _pool(AVG_POOL, either(value, input, "value", "input"), ksize, strides, padding, data_format, name)


def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """max_pool under its later name."""
    return max_pool(input, ksize, strides, padding, data_format, name)


avg_pool2d = avg_pool


def _pool1d(record: OpDef, x: Any, ksize: Any, strides: Any, padding: Any, data_format: str, name: Any) -> Tensor:
    if data_format not in (None, "NWC"):
        raise GraphError(f"NWC is needed, not {data_format!r}")
    window, step = ((1, 1, int(np.atleast_1d(v)[-2 if np.size(v) == 3 else 0]), 1) for v in (ksize, strides))
    with name_scope(name, record.name, [x]) as scope:
        flat = _pool(record, expand_dims(convert_to_tensor(x, name="input"), 1), window, step, padding, None, None)
        return squeeze(flat, [1], name=scope)


def max_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NWC", name: str | None = None
) -> Tensor:
    """max_pool of sequences [n, w, c]; ksize and strides are one number each, or [1, number, 1]."""
    return _pool1d(MAX_POOL, input, ksize, strides, padding, data_format, name)


def avg_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NWC", name: str | None = None
) -> Tensor:
    """avg_pool of sequences [n, w, c]; ksize and strides are one number each, or [1, number, 1]."""
    return _pool1d(AVG_POOL, input, ksize, strides, padding, data_format, name)
