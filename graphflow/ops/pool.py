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
from graphflow.ops.windows import (
    Place,
    again,
    folded,
    layout,
    one_axis,
    padded,
    padding_of,
    per_axis,
    require_channels_last,
    unfolded,
    windows_dims,
)
from graphflow.shape import Dims, elements, merge, show


def pool_infer(value: Tensor, ksize: Any, strides: Any, padding: str) -> tuple[Dims, DType]:
    dims = require_rank(value, len(ksize), "the images")
    return (dims[0], *windows_dims(dims, ksize[1:-1], strides, _once(ksize), padding, ()), dims[-1]), value.dtype


def _once(ksize: Any) -> tuple[int, ...]:
    """Dilations of windows without gaps."""
    return (1,) * len(ksize)


def lowest(dtype: np.dtype) -> Any:
    """What never is the largest of a window: padding has this value."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def place_of(x_shape: Any, ksize: Any, strides: Any, padding: str) -> Place:
    """Where the windows lie in images of this shape."""
    if len(x_shape) != len(ksize):
        raise InvalidArgumentError.because(f"images have rank {len(ksize)}, and their shape is {tuple(x_shape)}")
    return layout(x_shape[1:-1], ksize[1:-1], strides, _once(ksize), padding)


def windows_of(x: np.ndarray, ksize: Any, strides: Any, padding: str, fill: Any) -> np.ndarray:
    """[n, *counts, elements of a window, c], `fill` where a window reaches over the edge."""
    place = place_of(x.shape, ksize, strides, padding)
    image = padded(x, ksize[1:-1], strides, _once(ksize), place, fill)
    pieces = unfolded(image, ksize[1:-1], strides, _once(ksize), place)
    return pieces.reshape(x.shape[0], *place.counts, math.prod(ksize), x.shape[-1])


def fold_windows(pieces: np.ndarray, x_shape: tuple[int, ...], ksize: Any, strides: Any, padding: str) -> np.ndarray:
    """The opposite of windows_of: pieces of windows added up where they were taken from."""
    place = place_of(x_shape, ksize, strides, padding)
    pieces = pieces.reshape(x_shape[0], *place.counts, *ksize[1:-1], x_shape[-1])
    return folded(pieces, x_shape, strides, _once(ksize), place)


def max_pool_of(x: np.ndarray, **attrs: Any) -> np.ndarray:
    return windows_of(x, fill=lowest(x.dtype), **attrs).max(axis=-2)


def winners_of(x: np.ndarray, **attrs: Any) -> np.ndarray:
    """Which element of each window is its first maximum, [n, *counts, 1, c]; padding never is."""
    pieces = windows_of(x, fill=lowest(x.dtype), **attrs)
    real = windows_of(np.ones(x.shape, bool), fill=False, **attrs)
    highest = (pieces == pieces.max(axis=-2, keepdims=True)) | (pieces != pieces)
    return np.argmax(highest & real, axis=-2)[..., None, :]


def check_gradient(grad: np.ndarray, expected: tuple[int, ...]) -> None:
    if grad.shape != expected:
        raise InvalidArgumentError.because(f"the gradient has shape {grad.shape}, and {expected} is needed")


def _max_pool_grad(x: np.ndarray, _: np.ndarray, grad: np.ndarray, **attrs: Any) -> np.ndarray:
    winners, place = winners_of(x, **attrs), place_of(x.shape, **attrs)
    check_gradient(grad, (x.shape[0], *place.counts, x.shape[-1]))
    pieces = np.zeros((*grad.shape[:-1], math.prod(attrs["ksize"]), x.shape[-1]), grad.dtype)
    np.put_along_axis(pieces, winners, grad[..., None, :], axis=-2)
    return fold_windows(pieces, x.shape, **attrs)


def _max_pool_grad_grad(x: np.ndarray, _: np.ndarray, grad: np.ndarray, **attrs: Any) -> np.ndarray:
    check_gradient(grad, x.shape)
    return np.take_along_axis(windows_of(grad, fill=0, **attrs), winners_of(x, **attrs), axis=-2)[..., 0, :]


def _window_sizes(x_shape: Any, ksize: Any, strides: Any, padding: str) -> np.ndarray:
    """The number of real elements in each window, [*counts, 1]."""
    place = place_of(x_shape, ksize, strides, padding)
    numbers = np.ones((), np.int64)
    for i, (count, before) in enumerate(zip(place.counts, place.before, strict=True), 1):
        start = np.arange(count) * strides[i] - before
        numbers = np.multiply.outer(numbers, np.minimum(start + ksize[i], x_shape[i]) - np.maximum(start, 0))
    return numbers[..., None]


def avg_pool_of(x: np.ndarray, **attrs: Any) -> np.ndarray:
    return windows_of(x.astype(np.float64), fill=0, **attrs).sum(axis=-2) / _window_sizes(x.shape, **attrs)


def avg_pool_grad_of(orig_input_shape: np.ndarray, grad: np.ndarray, **attrs: Any) -> np.ndarray:
    sizes = tuple(orig_input_shape.tolist())
    place = place_of(sizes, **attrs)
    if grad.shape != (sizes[0], *place.counts, sizes[-1]):
        raise InvalidArgumentError.because(f"a gradient of shape {grad.shape} does not belong to images {sizes}")
    shares = (grad.astype(np.float64) / _window_sizes(sizes, **attrs))[..., None, :]
    pieces = np.broadcast_to(shares, (*grad.shape[:-1], math.prod(attrs["ksize"]), sizes[-1]))
    return fold_windows(pieces, sizes, **attrs)


def images_infer(orig_input_shape: Tensor, grad: Tensor, ksize: Any, **_: Any) -> tuple[Dims, DType]:
    """Images of the sizes in the first input; batch and channels are those of the gradient."""
    dims, like = static_dims(orig_input_shape), require_rank(grad, len(ksize), "the gradient")
    if dims is None:
        dims = (None,) * len(ksize)
    if len(dims) != len(ksize):
        raise ShapeError(f"the sizes of images must be {len(ksize)} numbers, not {show(dims)}")
    batch, channels = (g if d is None else d for d, g in ((dims[0], like[0]), (dims[-1], like[-1])))
    return (batch, *dims[1:-1], channels), grad.dtype


def pool_flops(op: Operation, pooled: Tensor) -> int:
    """A comparison or an addition for each element of each window, padding included."""
    return math.prod(op.attrs["ksize"]) * elements(pooled.dims)


MAX_POOL: OpDef = define(
    "MaxPool", "input",
    infer=lambda input, **attrs: pool_infer(input, **attrs),
    reference=max_pool_of,
    vjp=(lambda op, dy: again(MAX_POOL_GRAD, op, op.inputs[0], op.output, dy),),
    lowering=Kernel("max_pool", epilogue=True),
    types=REAL,
    flops=lambda op: pool_flops(op, op.output),
)  # fmt: skip

MAX_POOL_GRAD: OpDef = define(
    "MaxPoolGrad", "orig_input orig_output grad",
    infer=lambda orig_input, orig_output, grad, **_: (merge((None,) * 4, orig_input.dims), orig_input.dtype),
    reference=_max_pool_grad,
    vjp=(
        lambda op, dx: zeros_like(op.inputs[0]),
        None,
        lambda op, dx: again(MAX_POOL_GRAD_GRAD, op, op.inputs[0], op.inputs[1], dx),
    ),
    lowering=Kernel("max_pool_grad", epilogue=True),
    types=REAL,
    flops=lambda op: pool_flops(op, op.inputs[2]),
)  # fmt: skip

MAX_POOL_GRAD_GRAD: OpDef = define(
    "MaxPoolGradGrad", "orig_input orig_output grad",
    infer=lambda orig_input, orig_output, grad, **attrs: pool_infer(orig_input, **attrs),
    reference=_max_pool_grad_grad,
    vjp=(
        lambda op, dy: zeros_like(op.inputs[0]),
        None,
        lambda op, dy: again(MAX_POOL_GRAD, op, op.inputs[0], op.inputs[1], dy),
    ),
    types=REAL,
)  # fmt: skip

AVG_POOL: OpDef = define(
    "AvgPool", "value",
    infer=pool_infer,
    reference=avg_pool_of,
    vjp=(lambda op, dy: again(AVG_POOL_GRAD, op, shape(op.inputs[0]), dy),),
    lowering=Kernel("avg_pool", epilogue=True),
    types=FLOATING,
    flops=lambda op: pool_flops(op, op.output),
)  # fmt: skip

AVG_POOL_GRAD: OpDef = define(
    "AvgPoolGrad", "orig_input_shape:int32 grad",
    infer=images_infer,
    reference=avg_pool_grad_of,
    vjp=(None, lambda op, dx: again(AVG_POOL, op, dx)),
    lowering=Kernel("avg_pool_grad", epilogue=True),
    types=FLOATING,
    flops=lambda op: pool_flops(op, op.inputs[1]),
)  # fmt: skip


def pool_attrs(
    ksize: Any, strides: Any, padding: Any, data_format: Any, what: str, expected: str = "NHWC"
) -> dict[str, Any]:
    """The attributes of a pool and its gradients; `expected` is the layout with channels last."""
    require_channels_last(data_format, what, expected)
    kind, explicit = padding_of(padding)
    if explicit:
        raise GraphError("pools take SAME or VALID padding")
    spatial = len(expected) - 2
    return {"ksize": per_axis(ksize, "ksize", spatial), "strides": per_axis(strides, "strides", spatial),
            "padding": kind}  # fmt: skip


def _pool(record: OpDef, value: Any, ksize: Any, strides: Any, padding: Any, data_format: Any, name: Any) -> Tensor:
    return record(value, name=name, **pool_attrs(ksize, strides, padding, data_format, record.name))


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


def _pool1d(
    record: OpDef, default: str, x: Any, ksize: Any, strides: Any, padding: Any, data_format: str, name: Any
) -> Tensor:
    if data_format not in (None, "NWC"):
        raise GraphError(f"NWC is needed, not {data_format!r}")
    window, step = ((1, 1, one_axis(v, what), 1) for v, what in ((ksize, "ksize"), (strides, "strides")))
    with name_scope(name, default, [x]):
        flat = _pool(record, expand_dims(convert_to_tensor(x, name="input"), 1), window, step, padding, None, None)
        return squeeze(flat, [1])


def max_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NWC", name: str | None = None
) -> Tensor:
    """max_pool of sequences [n, w, c]; ksize and strides are one number each, or [1, number, 1]."""
    return _pool1d(MAX_POOL, "MaxPool1d", input, ksize, strides, padding, data_format, name)


def avg_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NWC", name: str | None = None
) -> Tensor:
    """avg_pool of sequences [n, w, c]; ksize and strides are one number each, or [1, number, 1]."""
    return _pool1d(AVG_POOL, "AvgPool1D", input, ksize, strides, padding, data_format, name)
