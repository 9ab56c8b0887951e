"""Moving elements around: transpose, reverse, roll and tile."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import INDEX, DType
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import ones_like
from graphflow.ops.compare import equal
from graphflow.ops.complex import conj
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define, graph_of
from graphflow.ops.fill import range as range_
from graphflow.ops.infer import axes_in, require_rank, static_axes
from graphflow.ops.join import concat, stack
from graphflow.ops.lowering import Kernel
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import SUM_TO, rank, refuse, reshape, shape, size_vector
from graphflow.ops.static import static_value
from graphflow.shape import Dims, merge, show


# -- transpose -----------------------------------------------------------------------------------------------------
def _transpose_infer(x: Tensor, perm: Tensor) -> tuple[Dims, DType]:
    (n,) = require_rank(perm, 1, "perm")
    dims = merge(x.dims, None if n is None else (None,) * n)
    order = static_value(perm)
    if dims is None or order is None:
        return (None if dims is None else (None,) * len(dims)), x.dtype
    axes_in(order.tolist(), len(dims))
    return tuple(dims[i] for i in order.tolist()), x.dtype


def _transpose(x: np.ndarray, perm: np.ndarray) -> np.ndarray:
    if perm.ndim != 1 or sorted(a % (x.ndim or 1) for a in perm.tolist()) != list(range(x.ndim)):
        raise refuse(f"{perm.tolist()} is not an order of the axes of {x.shape}")
    return x.transpose(perm)


TRANSPOSE: OpDef = define(
    "Transpose", "x perm:I",
    infer=_transpose_infer,
    reference=_transpose,
    vjp=(lambda op, dy: TRANSPOSE(dy, invert_permutation(op.inputs[1])), None),
    lowering=Kernel("transpose"),
    moves="x",
)  # fmt: skip


def _invert(x: np.ndarray) -> np.ndarray:
    if x.ndim != 1 or sorted(x.tolist()) != list(range(x.size)):
        raise refuse(f"{x.tolist()} is not a permutation")
    return np.argsort(x)


INVERT_PERMUTATION = define(
    "InvertPermutation", "x",
    infer=lambda x: (require_rank(x, 1, "a permutation"), x.dtype),
    reference=_invert,
    vjp=NO_GRADIENT,
    types=INDEX,
)  # fmt: skip


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """The axes in another order; reversed when no order is given.

    Shapes:   out.shape[i] = a.shape[perm[i]]; perm may be a tensor
    Gradient: a.   Raises: ValueError, or InvalidArgumentError when run, when perm is not an order of the axes.
    """
    graph = graph_of((a, perm))
    with graph.as_default(), graph.name_scope(name or "transpose") as scope:
        a = convert_to_tensor(a, name="a")
        if perm is None:
            n = None if a.dims is None else len(a.dims)
            perm = rank(a) - 1 - range_(rank(a)) if n is None else np.arange(n - 1, -1, -1, dtype=np.int32)
        if conjugate and a.dtype.is_complex:
            a = conj(a)
        return TRANSPOSE(a, perm, name=scope)


def order_with_last(t: Tensor, axis: int) -> Any:
    """The permutation that exchanges an axis and the last one, which is its own inverse: a list, or else a tensor."""
    if t.dims is not None:
        order = list(range(len(t.dims)))
        order[axis], order[-1] = order[-1], order[axis]
        return order
    n = rank(t)
    axes, last = range_(n), n - 1
    place = axis if axis >= 0 else n + axis
    return where_v2(equal(axes, place), last, where_v2(equal(axes, last), place, axes))


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """The last two axes exchanged.

    Shapes: [..., m, n] -> [..., n, m].   Gradient: a.   Raises: ValueError for a rank below 2.
    """
    with name_scope(name, "matrix_transpose", [a]):
        a = convert_to_tensor(a, name="a")
        if a.dims is None:
            last = rank(a) - 1
            return transpose(a, concat([range_(last - 1), [last, last - 1]], 0), "transpose", conjugate)
        n = len(a.dims)
        if n < 2:
            raise ShapeError(f"a matrix needs rank 2 at least, and a has shape {show(a.dims)}")
        return transpose(a, [*range(n - 2), n - 1, n - 2], "transpose", conjugate)


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """y with y[x[i]] = i.   Dtype: int32 or int64.   Raises: InvalidArgumentError unless x is a permutation."""
    return INVERT_PERMUTATION(x, name=name)


# -- reverse and roll ----------------------------------------------------------------------------------------------
def _reverse_infer(tensor: Tensor, axis: Tensor) -> tuple[Dims, DType]:
    require_rank(axis, 1, "axis")
    if tensor.dims is not None:
        static_axes(axis, len(tensor.dims))
    return tensor.dims, tensor.dtype


def _reverse(x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    axes = axis.reshape(-1).tolist()
    if any(not -x.ndim <= a < x.ndim for a in axes) or len({a % x.ndim for a in axes}) != len(axes):
        raise refuse(f"axes {axes} are out of range for shape {x.shape}, or stand there twice")
    return np.flip(x, tuple(axes))


REVERSE: OpDef = define(
    "ReverseV2", "tensor axis:I",
    infer=_reverse_infer,
    reference=_reverse,
    vjp=(lambda op, dy: REVERSE(dy, op.inputs[1]), None),
    lowering=Kernel("reverse"),
    moves="tensor",
)  # fmt: skip


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements in reverse order along a list of axes.   Gradient: tensor."""
    return REVERSE(tensor, axis, name=name)


def _roll_infer(input: Tensor, shift: Tensor, axis: Tensor) -> tuple[Dims, DType]:
    merge(shift.dims, axis.dims)
    return input.dims, input.dtype


def _roll(x: np.ndarray, shift: np.ndarray, axis: np.ndarray) -> np.ndarray:
    axes = np.atleast_1d(axis).tolist()
    if shift.shape != axis.shape or shift.ndim > 1 or any(not -x.ndim <= a < x.ndim for a in axes):
        raise refuse(f"cannot roll {x.shape} by {shift.tolist()} along {axes}")
    return np.roll(x, np.atleast_1d(shift).tolist(), axes)


ROLL: OpDef = define(
    "Roll", "input shift:Tshift axis:Taxis",
    infer=_roll_infer,
    reference=_roll,
    vjp=(lambda op, dy: ROLL(dy, -op.inputs[1], op.inputs[2]), None, None),
    types={"Tshift": INDEX, "Taxis": INDEX},
    moves="input",
)  # fmt: skip


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements moved by `shift` along `axis`, those that fall off put in at the other end; lists for many axes.

    Gradient: input.
    """
    return ROLL(input, shift, axis, name=name)


# -- tile ----------------------------------------------------------------------------------------------------------
def _tile_infer(input: Tensor, multiples: Tensor) -> tuple[Dims, DType]:
    times = size_vector(multiples, "multiples")
    dims = merge(input.dims, None if times is None else (None,) * len(times))
    if dims is None or times is None:
        return (None if dims is None else (None,) * len(dims)), input.dtype
    value = static_value(multiples)
    if value is not None and (value < 0).any():
        raise ShapeError(f"multiples must be at least 0, not {value.tolist()}")
    return tuple(
        0 if d == 0 or n == 0 else None if d is None or n is None else d * n for d, n in zip(dims, times, strict=True)
    ), input.dtype


def _tile(x: np.ndarray, multiples: np.ndarray) -> np.ndarray:
    if multiples.shape != (x.ndim,) or (multiples < 0).any():
        raise refuse(f"multiples {multiples.tolist()} do not fit shape {x.shape}: one number >= 0 for each axis")
    return np.tile(x, multiples)


def _tile_vjp(op: Operation, dy: Tensor) -> Tensor:
    """The copies stand along an axis of their own, before the axis that they repeat; sum over those."""
    x, times = op.inputs
    sizes = shape(x, out_type=times.dtype)
    apart = reshape(stack([times, sizes], axis=1), [-1])
    kept = reshape(stack([ones_like(times), sizes], axis=1), [-1])
    return reshape(SUM_TO(reshape(dy, apart), kept), sizes)


TILE = define(
    "Tile", "input multiples:I",
    infer=_tile_infer,
    reference=_tile,
    vjp=(_tile_vjp, None),
    lowering=Kernel("tile"),
    moves="input",
)  # fmt: skip


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """The tensor repeated multiples[i] times along axis i.   Gradient: input, the copies summed."""
    return TILE(input, multiples, name=name)
