"""Ops of gradients in graphs that TensorFlow has written; graphflow's own gradients are made of other ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import FLOATING, DType
from graphflow.errors import GraphError, InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.indexing import gather
from graphflow.ops.infer import all_alike
from graphflow.ops.lowering import Elementwise
from graphflow.ops.shape_ops import SHAPE
from graphflow.ops.static import static_value
from graphflow.shape import Dims


def _of_output(name: str, reference: Callable, expression: str, slope: Callable) -> OpDef:
    """The gradient of a function by its value y: dy times what `slope(y)` is the derivative of in y."""
    record: OpDef = define(
        name, "y dy",
        infer=all_alike,
        reference=reference,
        vjp=lambda op, d: [d * op.inputs[1] * slope(op.inputs[0]), record(op.inputs[0], d)],
        lowering=Elementwise(expression),
        types=FLOATING,
    )  # fmt: skip
    return record


TANH_GRAD = _of_output("TanhGrad", lambda y, dy: dy * (1 - y * y), "dy * (T(1) - y * y)", lambda y: -2 * y)
SIGMOID_GRAD = _of_output("SigmoidGrad", lambda y, dy: dy * y * (1 - y), "dy * y * (T(1) - y)", lambda y: 1 - 2 * y)
SQRT_GRAD = _of_output("SqrtGrad", lambda y, dy: dy * 0.5 / y, "dy * T(0.5) / y", lambda y: -0.5 / (y * y))
RSQRT_GRAD = _of_output(
    "RsqrtGrad", lambda y, dy: dy * -0.5 * y * y * y, "dy * T(-0.5) * y * y * y", lambda y: -1.5 * y * y
)
RECIPROCAL_GRAD = _of_output("ReciprocalGrad", lambda y, dy: -dy * y * y, "-dy * y * y", lambda y: -2 * y)


def _broadcast_axes(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rank = max(len(a), len(b))
    padded = [[1] * (rank - len(s)) + s.tolist() for s in (a, b)]
    if any(m != n and 1 not in (m, n) for m, n in zip(*padded, strict=True)):
        raise InvalidArgumentError.because(f"the shapes {a.tolist()} and {b.tolist()} do not broadcast")
    first, second = ([i for i, n in enumerate(sizes) if n == 1] for sizes in padded)
    return np.array(first, a.dtype), np.array(second, b.dtype)


def _broadcast_axes_infer(s0: Tensor, s1: Tensor) -> list[tuple[Dims, DType]]:
    a, b = static_value(s0), static_value(s1)
    known = ((None,), (None,)) if a is None or b is None else [axes.shape for axes in _broadcast_axes(a, b)]
    return [(dims, s0.dtype) for dims in known]


BROADCAST_GRADIENT_ARGS = define(  # the axes to sum the gradients of two broadcast inputs over
    "BroadcastGradientArgs", "s0:I s1:I",
    infer=_broadcast_axes_infer,
    reference=_broadcast_axes,
    vjp=NO_GRADIENT,
)  # fmt: skip


SHAPE_N = define(
    "ShapeN", "*input",
    infer=lambda *input, out_type: [((None if x.dims is None else len(x.dims),), out_type) for x in input],
    reference=lambda *input, out_type: [np.array(x.shape) for x in input],
    vjp=NO_GRADIENT,
    expand=lambda op, make: [make(SHAPE, x, out_type=op.attrs["out_type"]) for x in op.inputs],
)  # fmt: skip


def _offsets(axis: np.ndarray, *shapes: np.ndarray) -> list[np.ndarray]:
    rank = len(shapes[0])
    if not -rank <= int(axis) < rank or any(len(s) != rank for s in shapes):
        raise InvalidArgumentError.because(f"axis {int(axis)} does not fit the shapes {[s.tolist() for s in shapes]}")
    starts = np.cumsum([0, *[s[int(axis)] for s in shapes]])[:-1]
    return [np.where(np.arange(rank) == int(axis) % rank, start, 0) for start in starts]


CONCAT_OFFSET = define(  # where the parts of a concatenation begin
    "ConcatOffset", "concat_dim:int32 *shape:int32",
    infer=lambda concat_dim, *shape: [(s.dims, dtypes.int32) for s in shape],
    reference=_offsets,
    vjp=NO_GRADIENT,
)  # fmt: skip


def _stitched_type(*values: Tensor) -> tuple[Dims, DType]:
    half = len(values) // 2
    indices, data = values[:half], values[half:]
    if len(values) % 2 or not values or any(i.dtype is not dtypes.int32 for i in indices):
        raise GraphError("as many int32 indices as data are expected")
    if any(d.dtype is not data[0].dtype for d in data):
        raise GraphError("the data has several dtypes")
    places = [static_value(i) for i in indices]
    n = None if any(p is None for p in places) else max(int(p.max(initial=-1)) for p in places) + 1  # type: ignore
    for i, d in zip(indices, data, strict=True):
        if i.dims is not None and d.dims is not None:
            return (n, *d.dims[len(i.dims) :]), d.dtype
    return None, data[0].dtype


def _stitched(*values: np.ndarray) -> np.ndarray:
    half = len(values) // 2
    pairs = list(zip(values[:half], values[half:], strict=True))
    if any(d.shape[: i.ndim] != i.shape for i, d in pairs):
        raise InvalidArgumentError.because(
            f"the shapes of indices and data differ: {[(i.shape, d.shape) for i, d in pairs]}"
        )
    if any((i < 0).any() for i, _ in pairs):
        raise InvalidArgumentError.because("an index is negative")
    first = pairs[0]
    out = np.zeros((max((int(i.max()) + 1 for i, _ in pairs if i.size), default=0), *first[1].shape[first[0].ndim :]),
                   first[1].dtype)  # fmt: skip
    for i, d in pairs:
        out[i] = d
    return out


def _stitch_vjp(op: Operation, dy: Tensor) -> list[Any]:
    indices = op.inputs[: len(op.inputs) // 2]
    return [None] * len(indices) + [gather(dy, i) for i in indices]


DYNAMIC_STITCH = define(
    "DynamicStitch", "*values:any",
    infer=_stitched_type,
    reference=_stitched,
    vjp=_stitch_vjp,
)  # fmt: skip
