"""Max and average pooling of NDHWC volumes, and pools by number of spatial axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING, REAL
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.basic import zeros_like
from graphflow.ops.convolution import LAYOUTS, spread
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.join import stack
from graphflow.ops.pool import (
    AVG_POOL,
    MAX_POOL,
    avg_pool_grad_of,
    avg_pool_of,
    check_gradient,
    fold_windows,
    images_infer,
    lowest,
    max_pool_of,
    pool_attrs,
    pool_flops,
    pool_infer,
    windows_of,
)
from graphflow.ops.shape_ops import either, expand_dims, shape, squeeze
from graphflow.ops.space import batch_to_space_nd, space_to_batch_nd
from graphflow.ops.windows import again, windows_dims
from graphflow.shape import merge


def _is_highest(x: np.ndarray, highest: np.ndarray, attrs: dict) -> np.ndarray:
    """Which elements of each window equal its maximum, [n, *counts, elements of a window, c]."""
    pieces = windows_of(x, fill=lowest(x.dtype), **attrs)
    check_gradient(highest, pieces.shape[:-2] + pieces.shape[-1:])
    return pieces == highest[..., None, :]


def _max_pool_grad(x: np.ndarray, y: np.ndarray, grad: np.ndarray, **attrs: Any) -> np.ndarray:
    check_gradient(grad, y.shape)
    return fold_windows(np.where(_is_highest(x, y, attrs), grad[..., None, :], 0), x.shape, **attrs)


def _max_pool_grad_grad(x: np.ndarray, y: np.ndarray, grad: np.ndarray, **attrs: Any) -> np.ndarray:
    check_gradient(grad, x.shape)
    return np.where(_is_highest(x, y, attrs), windows_of(grad, fill=0, **attrs), 0).sum(axis=-2)


MAX_POOL3D: OpDef = define(
    "MaxPool3D", "input",
    infer=lambda input, **attrs: pool_infer(input, **attrs),
    reference=max_pool_of,
    vjp=(lambda op, dy: again(MAX_POOL3D_GRAD, op, op.inputs[0], op.output, dy),),
    flops=lambda op: pool_flops(op, op.output),
    types=REAL,
)  # fmt: skip

MAX_POOL3D_GRAD: OpDef = define(
    "MaxPool3DGrad", "orig_input orig_output grad",
    infer=lambda orig_input, orig_output, grad, **_: (merge((None,) * 5, orig_input.dims), orig_input.dtype),
    reference=_max_pool_grad,
    vjp=(
        lambda op, dx: zeros_like(op.inputs[0]),
        lambda op, dx: zeros_like(op.inputs[1]),
        lambda op, dx: again(MAX_POOL3D_GRAD_GRAD, op, op.inputs[0], op.inputs[1], dx),
    ),
    flops=lambda op: pool_flops(op, op.inputs[2]),
    types=REAL,
)  # fmt: skip

MAX_POOL3D_GRAD_GRAD: OpDef = define(
    "MaxPool3DGradGrad", "orig_input orig_output grad",
    infer=lambda orig_input, orig_output, grad, **attrs: pool_infer(orig_input, **attrs),
    reference=_max_pool_grad_grad,
    vjp=(
        lambda op, dy: zeros_like(op.inputs[0]),
        lambda op, dy: zeros_like(op.inputs[1]),
        lambda op, dy: again(MAX_POOL3D_GRAD, op, op.inputs[0], op.inputs[1], dy),
    ),
    flops=lambda op: pool_flops(op, op.output),
    types=REAL,
)  # fmt: skip

AVG_POOL3D: OpDef = define(
    "AvgPool3D", "input",
    infer=pool_infer,
    reference=avg_pool_of,
    vjp=(lambda op, dy: again(AVG_POOL3D_GRAD, op, shape(op.inputs[0]), dy),),
    flops=lambda op: pool_flops(op, op.output),
    types=FLOATING,
)  # fmt: skip

AVG_POOL3D_GRAD: OpDef = define(
    "AvgPool3DGrad", "orig_input_shape:int32 grad",
    infer=images_infer,
    reference=avg_pool_grad_of,
    vjp=(None, lambda op, dx: again(AVG_POOL3D, op, dx)),
    flops=lambda op: pool_flops(op, op.inputs[1]),
    types=FLOATING,
)  # fmt: skip


def max_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NDHWC", name: str | None = None
) -> Tensor:
    """The largest element of each window, channel by channel; padding never is.

    Shapes:   input [n, d, h, w, c] -> [n, od, oh, ow, c]; sizes as in max_pool
    Dtype:    real numbers, kept.   ksize, strides: an int, [d, h, w] or [1, d, h, w, 1].
    Gradient: input; each of several equal maxima gets all of it, as in TensorFlow.
    Raises:   ValueError for a window larger than the volume under VALID, for NCDHW.
    """
    return MAX_POOL3D(input, name=name, **pool_attrs(ksize, strides, padding, data_format, "max_pool3d", "NDHWC"))


def avg_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NDHWC", name: str | None = None
) -> Tensor:
    """The mean of the elements of each window, without those that are padding; otherwise as max_pool3d.

    Dtype: floating, kept.   Gradient: input.
    """
    return AVG_POOL3D(input, name=name, **pool_attrs(ksize, strides, padding, data_format, "avg_pool3d", "NDHWC"))


_POOLS = {
    ("MAX", 1): MAX_POOL, ("MAX", 2): MAX_POOL, ("MAX", 3): MAX_POOL3D,
    ("AVG", 1): AVG_POOL, ("AVG", 2): AVG_POOL, ("AVG", 3): AVG_POOL3D,
}  # fmt: skip


def pool(
    input: Any, window_shape: Any, pooling_type: str, padding: str, dilation_rate: Any = None, strides: Any = None,
    name: str | None = None, data_format: str | None = None, dilations: Any = None,
) -> Tensor:  # fmt: skip
    """Pooling over one, two or three spatial axes: as many as window_shape has sizes.

    pooling_type   "MAX" or "AVG".   dilation_rate (`dilations`), strides: one number for each spatial axis
    Shapes:   input [n, *spatial, c] -> [n, *counts, c]; counts as in conv2d
    Gradient: input.
    Raises:   ValueError for another type or rank, strides larger than the window, and for a dilation_rate above 1
              together with strides above 1 or SAME padding.
    """
    window = [int(k) for k in window_shape]
    rank = len(window)
    record = _POOLS.get((pooling_type, rank))
    if record is None:
        raise GraphError(f"there is no {pooling_type!r} pooling over {rank} axes")
    steps = spread(strides, rank, "strides")
    gaps = spread(either(dilation_rate, dilations, "dilation_rate", "dilations"), rank, "dilation_rate")
    if max(gaps) > 1 and (max(steps) > 1 or padding == "SAME"):
        raise GraphError(f"dilation_rate {gaps} goes with strides of 1 and VALID padding only")
    if any(step > k for step, k in zip(steps, window, strict=True)):
        raise GraphError(f"strides {steps} must not be larger than the window {window}")
    with name_scope(name, pooling_type.lower() + "_pool", [input]) as scope:
        x = convert_to_tensor(input, name="input")
        require_rank(x, rank + 2, "the input")
        if max(gaps) > 1:
            return _dilated(record, x, window, padding, gaps, data_format)
        return _pooled(record, x, window, steps, padding, data_format, scope)


def _pooled(
    record: OpDef, x: Tensor, window: list[int], steps: list[int], padding: Any, data_format: Any, name: str | None
) -> Tensor:
    """One spatial axis pools as an image of height 1."""
    attrs = pool_attrs(window, steps, padding, data_format, "pool", LAYOUTS[len(window)])
    if len(window) > 1:
        return record(x, name=name, **attrs)
    images: dict[str, Any] = {key: (1, *value) if isinstance(value, tuple) else value for key, value in attrs.items()}
    return squeeze(record(expand_dims(x, 1), **images), [1])


def _dilated(record: OpDef, x: Tensor, window: list[int], padding: Any, gaps: list[int], data_format: Any) -> Tensor:
    """Pixels that lie in one window come to lie side by side; what is filled up at the end is cut off again."""
    sizes = shape(x)[1:-1]
    missing = stack([[0] * len(gaps), -sizes % gaps], axis=1)
    dims = require_rank(x, len(window) + 2, "the input")
    counts = windows_dims(dims, window, [1] * len(dims), [1, *gaps, 1], "VALID", ())
    together = _pooled(record, space_to_batch_nd(x, gaps, missing), window, [1] * len(gaps), padding, data_format, None)
    apart = batch_to_space_nd(together, gaps, missing)
    apart.set_shape((dims[0], *counts, dims[-1]))
    return apart
