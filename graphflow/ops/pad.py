"""Padding: with one value, or with the mirror image of the edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import NUMERIC, DType
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef, define
from graphflow.ops.infer import require_rank
from graphflow.ops.lowering import Kernel
from graphflow.ops.shape_ops import refuse, shape
from graphflow.ops.slicing import SLICE
from graphflow.ops.static import partial_value
from graphflow.shape import Dims, merge, show


def _padded(input: Tensor, paddings: Tensor, mode: str = "CONSTANT", sign: int = 1) -> tuple[Dims, DType]:
    n, _ = merge(require_rank(paddings, 2, "paddings"), (None, 2))  # type: ignore[misc]
    dims = merge(input.dims, None if n is None else (None,) * n)
    if dims is not None:
        merge((len(dims), 2), paddings.dims)
    value = partial_value(paddings)
    if dims is None or value is None:
        return (None if dims is None else (None,) * len(dims)), input.dtype
    if sign > 0 and value.dtype != object:
        try:
            _check_paddings(dims, value, mode)
        except ValueError as error:
            raise ShapeError(str(error)) from None
    rows = zip(dims, value.tolist(), strict=True)
    return tuple(None if None in (d, a, b) else d + sign * (a + b) for d, (a, b) in rows), input.dtype


def _check_paddings(dims: Any, paddings: np.ndarray, mode: str) -> None:
    """ValueError unless the paddings suit the shape: mirrors show at most the whole axis."""
    if paddings.shape != (len(dims), 2) or (paddings < 0).any():
        raise ValueError(f"paddings {paddings.tolist()} do not fit shape {show(dims)}: two numbers >= 0 for each axis")
    for d, most in zip(dims, paddings.max(axis=1, initial=0).tolist(), strict=True):
        if mode != "CONSTANT" and d is not None and most > d - (mode == "REFLECT"):
            raise ValueError(f"{mode} padding of {most} is too much for a size of {d}")


def _mirrored(x: np.ndarray, paddings: np.ndarray, mode: str) -> np.ndarray:
    _check_when_run(x.shape, paddings, mode)
    return np.pad(x, paddings.tolist(), mode.lower()) if x.ndim else x  # type: ignore[call-overload]


def _check_when_run(dims: tuple[int, ...], paddings: np.ndarray, mode: str) -> None:
    try:
        _check_paddings(dims, paddings, mode)
    except ValueError as error:
        raise refuse(str(error)) from None


def _constant_pad(x: np.ndarray, paddings: np.ndarray, value: Any = 0) -> np.ndarray:
    _check_when_run(x.shape, paddings, "CONSTANT")
    before, after = paddings[:, 0], paddings[:, 1]
    out = np.full(x.shape + before + after, b"" if x.dtype == object and value == 0 else value, x.dtype)
    out[tuple(slice(b, b + n) for b, n in zip(before.tolist(), x.shape, strict=True))] = x
    return out


def _mirror_sum(dy: np.ndarray, paddings: np.ndarray, mode: str) -> np.ndarray:
    """Each element gets the sum of the gradients of all its images."""
    for axis, (before, after) in enumerate(paddings.tolist()):
        n = dy.shape[axis] - before - after
        images = np.pad(np.arange(n), (before, after), mode.lower())  # type: ignore[call-overload]
        dx = np.zeros((*dy.shape[:axis], n, *dy.shape[axis + 1 :]), dy.dtype)
        np.add.at(np.moveaxis(dx, axis, 0), images, np.moveaxis(dy, axis, 0))
        dy = dx
    return dy


def _unpad(op: Operation, dy: Tensor) -> Tensor:
    x, paddings = op.inputs[:2]
    return SLICE(dy, paddings[:, 0], shape(x, out_type=paddings.dtype))


PAD = define(
    "Pad", "input paddings:I",
    infer=_padded,
    reference=_constant_pad,
    vjp=(_unpad, None),
    lowering=Kernel("pad"),
    flops=lambda op: 0,
)  # fmt: skip

PAD_V2 = define(
    "PadV2", "input paddings:I constant_values",
    infer=lambda input, paddings, constant_values: _padded(input, paddings),
    reference=_constant_pad,
    vjp=(_unpad, None, None),
    lowering=Kernel("pad"),
    flops=lambda op: 0,
)  # fmt: skip

MIRROR_PAD_GRAD = define(
    "MirrorPadGrad", "input paddings:I",
    infer=lambda input, paddings, mode: _padded(input, paddings, mode, sign=-1),
    reference=_mirror_sum,
    vjp=(lambda op, dy: MIRROR_PAD(dy, op.inputs[1], mode=op.attrs["mode"]), None),
    types=NUMERIC,
)  # fmt: skip

MIRROR_PAD: OpDef = define(
    "MirrorPad", "input paddings:I",
    infer=_padded,
    reference=_mirrored,
    vjp=(lambda op, dy: MIRROR_PAD_GRAD(dy, op.inputs[1], mode=op.attrs["mode"]), None),
    lowering=Kernel("mirror_pad"),
    moves="input",
)  # fmt: skip


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None, constant_values: Any = 0
) -> Tensor:
    """Elements added before and after, along each axis: paddings is [rank, 2].

    mode      CONSTANT: constant_values; REFLECT: mirrored without, SYMMETRIC: with the element at the edge
    Shapes:   [n_i] -> [paddings[i, 0] + n_i + paddings[i, 1]]
    Gradient: tensor.   Raises: ValueError, or InvalidArgumentError when run, for paddings that do not fit.
    """
    kind = str(mode).upper()
    if kind in ("REFLECT", "SYMMETRIC"):
        return MIRROR_PAD(tensor, paddings, mode=kind, name=name)
    if kind != "CONSTANT":
        raise GraphError(f"mode must be CONSTANT, REFLECT or SYMMETRIC, not {mode!r}")
    if not isinstance(constant_values, Tensor) and np.ndim(constant_values) == 0 and constant_values == 0:
        return PAD(tensor, paddings, name=name)
    return PAD_V2(tensor, paddings, constant_values, name=name)
