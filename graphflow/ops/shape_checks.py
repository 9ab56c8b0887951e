"""Shapes as values: checking a tensor's shape when it runs, and the shape that broadcasting gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import INDEX, DType
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, PASS_GRADIENT, convert_to_tensor, define
from graphflow.ops.lowering import Lowering, View
from graphflow.ops.shape_ops import refuse, size_vector
from graphflow.shape import Dims, TensorShape, as_dims, broadcast, compatible, known, merge


def _ensure(x: np.ndarray, shape: TensorShape) -> np.ndarray:
    if not compatible(x.shape, shape._dims):
        raise refuse(f"the tensor has shape {x.shape}, which is not {shape}")
    return x


def _checked_view(op: Operation) -> Lowering:
    """Once the shape is known, inference has checked it."""
    return View() if known(op.inputs[0].dims) else None


ENSURE_SHAPE = define(
    "EnsureShape", "input",
    infer=lambda input, shape: (merge(input.dims, shape._dims), input.dtype),
    reference=_ensure,
    vjp=PASS_GRADIENT,
    lowering=_checked_view,
    moves="input",
)  # fmt: skip


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """x with a static shape, which is checked when it runs.

    Gradient: x.   Raises: ValueError, or InvalidArgumentError when run, if the value has another shape.
    """
    return ENSURE_SHAPE(x, shape=TensorShape(as_dims(shape)), name=name)


def _broadcast_args(s0: np.ndarray, s1: np.ndarray) -> np.ndarray:
    try:
        return np.array(np.broadcast_shapes(tuple(s0.tolist()), tuple(s1.tolist())), s0.dtype)
    except ValueError:
        raise refuse(f"shapes {s0.tolist()} and {s1.tolist()} do not broadcast") from None


def _broadcast_args_infer(s0: Tensor, s1: Tensor) -> tuple[Dims, DType]:
    left, right = size_vector(s0, "shape_x"), size_vector(s1, "shape_y")
    both = broadcast(left, right)
    return (None if both is None else len(both),), s0.dtype


BROADCAST_ARGS = define(
    "BroadcastArgs", "s0 s1",
    infer=_broadcast_args_infer,
    reference=_broadcast_args,
    vjp=NO_GRADIENT,
    types=INDEX,
)  # fmt: skip


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The shape, as a vector, of `x + y` for tensors of these shapes.   Dtype: int32 or int64."""
    shape_x = convert_to_tensor(shape_x, dtype_hint=dtypes.int32, name="shape_x")
    return BROADCAST_ARGS(shape_x, convert_to_tensor(shape_y, dtype_hint=shape_x.dtype, name="shape_y"))
