"""Max pooling that also says where the maxima stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import INDEX, REAL, DType, as_dtype, int64
from graphflow.errors import GraphError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef, define
from graphflow.ops.pool import MAX_POOL_GRAD, max_pool_of, place_of, pool_attrs, pool_infer, winners_of
from graphflow.ops.shape_ops import either
from graphflow.shape import Dims


def _windows(attrs: dict) -> dict[str, Any]:
    return {key: attrs[key] for key in ("ksize", "strides", "padding")}


def _infer(input: Tensor, targmax: DType, include_batch_in_index: bool, **attrs: Any) -> list[tuple[Dims, DType]]:
    dims, dtype = pool_infer(input, **attrs)
    return [(dims, dtype), (dims, targmax)]


def _pool(x: np.ndarray, targmax: DType, include_batch_in_index: bool, **attrs: Any) -> tuple[np.ndarray, np.ndarray]:
    place = place_of(x.shape, **attrs)
    n, h, w, c = x.shape
    y, z = np.divmod(winners_of(x, **attrs)[..., 0, :], attrs["ksize"][2])
    y += (np.arange(place.counts[0]) * attrs["strides"][1] - place.before[0])[:, None, None]
    z += (np.arange(place.counts[1]) * attrs["strides"][2] - place.before[1])[:, None]
    index = (y * w + z) * c + np.arange(c)
    if include_batch_in_index:
        index += np.arange(n)[:, None, None, None] * (h * w * c)
    return max_pool_of(x, **attrs), index


def _vjp(op: Operation, dy: Tensor, _: Tensor) -> Tensor:
    return MAX_POOL_GRAD(op.inputs[0], op.outputs[0], dy, **_windows(op.attrs))


MAX_POOL_WITH_ARGMAX: OpDef = define(
    "MaxPoolWithArgmax", "input",
    infer=_infer,
    reference=_pool,
    vjp=(_vjp,),
    types=REAL,
)  # fmt: skip


def max_pool_with_argmax(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", Targmax: Any = None,
    name: str | None = None, output_dtype: Any = None, include_batch_in_index: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(max_pool, the index of each maximum): (y * w + x) * c + channel, for the first of equal ones.

    Shapes:   input [n, h, w, c] -> two of [n, oh, ow, c]
    Dtype:    the index is Targmax (`output_dtype`), int64 or int32.   include_batch_in_index adds batch * h * w * c.
    Gradient: input, through the maxima.   Raises: as max_pool.
    """
    targmax = either(Targmax, output_dtype, "Targmax", "output_dtype")
    wanted = int64 if targmax is None else as_dtype(targmax)
    if wanted not in INDEX:
        raise GraphError(f"indices can be int32 or int64, not {wanted.name}")
    attrs = pool_attrs(ksize, strides, padding, data_format, "max_pool_with_argmax")
    y, index = MAX_POOL_WITH_ARGMAX(
        input, name=name, targmax=wanted, include_batch_in_index=bool(include_batch_in_index), **attrs
    )
    return y, index
