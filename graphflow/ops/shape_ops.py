"""Ops on shapes: asking for them, changing them, broadcasting to them and summing back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import NUMERIC, DType
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast
from graphflow.ops.define import NO_GRADIENT, add_constant, convert_to_tensor, define
from graphflow.ops.infer import axes_in, axis_in, whole_numbers
from graphflow.ops.lowering import Elementwise, Kernel, Lowering, View
from graphflow.ops.static import partial_value, static_dims, static_value
from graphflow.shape import Dims, count, elements, known, show


def _viewed(op: Operation) -> Lowering:
    """The same bytes, once the sizes of both sides are numbers."""
    return View() if known(op.output.dims) and known(op.inputs[0].dims) else None


def size_vector(shape: Tensor, what: str) -> Dims:
    """The sizes that a tensor of sizes describes; ShapeError unless it can be a vector."""
    if shape.dims is not None and len(shape.dims) != 1:
        raise ShapeError(f"{what} must be a vector of sizes, and has shape {show(shape.dims)}")
    return static_dims(shape)


def refuse(message: str) -> InvalidArgumentError:  # type: ignore[valid-type]
    """The error of a reference whose values do not fit."""
    return InvalidArgumentError.because(message)


def _same_sizes(op: Operation) -> bool:
    """Whether both sides are known to have one shape, so that there is nothing to do."""
    return known(op.output.dims) and op.inputs[0].dims == op.output.dims


# -- asking --------------------------------------------------------------------------------------------------------
def _known_sizes(op: Operation) -> list[int | None] | None:
    dims = op.inputs[0].dims
    return None if dims is None else np.array(dims, object if None in dims else op.output.dtype.dtype)  # type: ignore


def _known_size(op: Operation) -> int | None:
    return count(op.inputs[0].dims)


def _known_rank(op: Operation) -> int | None:
    dims = op.inputs[0].dims
    return None if dims is None else len(dims)


SHAPE = define(
    "Shape", "input",
    infer=lambda input, out_type: ((None if input.dims is None else len(input.dims),), out_type),
    reference=lambda x, out_type: np.array(x.shape, out_type.dtype),
    vjp=NO_GRADIENT,
    static=_known_sizes,
)  # fmt: skip

SIZE = define(
    "Size", "input",
    infer=lambda input, out_type: ((), out_type),
    reference=lambda x, out_type: np.array(x.size, out_type.dtype),
    vjp=NO_GRADIENT,
    static=_known_size,
)  # fmt: skip

RANK = define(
    "Rank", "input",
    infer=lambda input: ((), dtypes.int32),
    reference=lambda x: np.array(x.ndim, np.int32),
    vjp=NO_GRADIENT,
    static=_known_rank,
)  # fmt: skip


def _const(value: Any, dtype: DType, like: Tensor, name: str) -> Tensor:
    return add_constant(like.graph, np.array(value, dtype.dtype), like.graph.op_name(name))


def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The sizes of a tensor as a vector; a constant when they are known already.

    Shapes: [...] -> [rank]; a SparseTensor has its dense shape.   Dtype: out_type, int32 or int64.   No gradient.
    """
    dense = getattr(input, "dense_shape", None)
    if dense is not None:
        return cast(dense, out_type, name=name or "Shape")
    input, out = convert_to_tensor(input, name="input"), dtypes.as_dtype(out_type)
    if known(input.dims):
        return _const(input.dims, out, input, name or "Shape")
    return SHAPE(input, out_type=out, name=name)


def shape_n(input: Sequence[Any], out_type: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """The shape of each tensor of a list, all of one dtype."""
    input = [convert_to_tensor(t, name="input") for t in input]
    if len({t.dtype for t in input}) > 1:
        raise DTypeError(f"the tensors must have one dtype, not {[t.dtype.name for t in input]}")
    return [shape(t, name or "ShapeN", out_type) for t in input]


def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The number of elements; a constant when it is known already.   Dtype: out_type.   No gradient."""
    input, out = convert_to_tensor(input, name="input"), dtypes.as_dtype(out_type)
    n = count(input.dims)
    return SIZE(input, out_type=out, name=name) if n is None else _const(n, out, input, name or "Size")


def axis_size(t: Tensor, axis: int) -> Any:
    """The size of an axis: an int where it is known, else a tensor."""
    known = None if t.dims is None else t.dims[axis]
    return shape(t)[axis] if known is None else known


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of dimensions, int32; a constant when it is known already; also of a SparseTensor.   No gradient."""
    dense = getattr(input, "dense_shape", None)
    if dense is not None:
        return reshape(shape(dense), [])
    input = convert_to_tensor(input, name="input")
    return RANK(input, name=name) if input.dims is None else _const(len(input.dims), dtypes.int32, input,
                                                                    name or "Rank")  # fmt: skip


# -- reshape -------------------------------------------------------------------------------------------------------
def _reshape_infer(tensor: Tensor, shape: Tensor) -> tuple[Dims, DType]:
    dims = size_vector(shape, "shape")
    if dims is None:
        return None, tensor.dtype
    value = partial_value(shape)
    given = [] if value is None else value.tolist()
    if sum(v == -1 for v in given) > 1 or any(v is not None and v < -1 for v in given):
        raise ShapeError(f"cannot reshape to {given}: at most one size may be -1, and none may be below")
    return _fit(tensor.dims, dims), tensor.dtype


def _fit(source: Dims, target: tuple[int | None, ...]) -> Dims:
    """The target with its one unknown size worked out; ShapeError when the numbers of elements cannot agree."""
    n, have = count(source), math.prod(d for d in target if d is not None)
    holes = target.count(None)
    if n is None:
        factor = math.prod(d for d in source if d is not None) if source is not None else 1
        fits = holes or (have % factor == 0)
    elif holes == 0:
        fits = n == have
    else:
        fits = n == 0 if have == 0 else n % have == 0
    if not fits:
        raise ShapeError(f"cannot reshape {show(source)} to {show(target)}: the numbers of elements differ")
    if n is None or holes != 1 or have == 0:
        return target
    return tuple(n // have if d is None else d for d in target)


def _reshape(x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    target = shape.tolist()
    if shape.ndim != 1:
        raise refuse(f"shape must be a vector, not of shape {shape.shape}")
    if target.count(-1) > 1 or any(d < -1 for d in target):
        raise refuse(f"cannot reshape to {target}: at most one size may be -1, and none may be below")
    have = math.prod(d for d in target if d >= 0)
    if -1 in target:
        if have == 0:
            raise refuse(f"cannot tell what -1 stands for in {target}: the other sizes hold no elements")
        target = [x.size // have if d < 0 else d for d in target]
    if math.prod(target) != x.size:
        raise refuse(f"cannot reshape {x.shape} with {x.size} elements to {shape.tolist()}")
    return x.reshape(target)


def _reshape_lowering(op: Operation) -> Lowering:
    """No view of a target that is known only because the number of elements leaves no choice: a run must check it."""
    return _viewed(op) if static_value(op.inputs[1]) is not None else None


RESHAPE = define(
    "Reshape", "tensor shape:I",
    infer=_reshape_infer,
    reference=_reshape,
    vjp=(lambda op, dy: reshape(dy, shape(op.inputs[0])), None),
    lowering=_reshape_lowering,
    moves="tensor",
)  # fmt: skip


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements, in row-major order, under another shape; one size may be -1, to be worked out.

    Shapes:   `shape` is a vector, or a list of ints, Dimensions and scalar tensors
    Gradient: tensor.   Raises: ValueError, or InvalidArgumentError when run, if the numbers of elements differ.
    """
    return RESHAPE(tensor, shape, name=name)


# -- axes of size 1 ------------------------------------------------------------------------------------------------
def _expand_infer(input: Tensor, dim: Tensor) -> tuple[Dims, DType]:
    if count(dim.dims) not in (None, 1):
        raise ShapeError(f"axis must be one number, and has shape {show(dim.dims)}")
    if input.dims is None:
        return None, input.dtype
    value = static_value(dim)
    if value is None:
        return (None,) * (len(input.dims) + 1), input.dtype
    at = axis_in(int(value.item()), len(input.dims) + 1)
    return (*input.dims[:at], 1, *input.dims[at:]), input.dtype


def _expand(x: np.ndarray, dim: np.ndarray) -> np.ndarray:
    if dim.size != 1 or not -x.ndim - 1 <= int(dim.item()) <= x.ndim:
        raise refuse(f"axis {dim.tolist()} is out of range for inserting into shape {x.shape}")
    return np.expand_dims(x, int(dim.item()))


EXPAND_DIMS = define(
    "ExpandDims", "input dim:I",
    infer=_expand_infer,
    reference=_expand,
    vjp=(lambda op, dy: reshape(dy, shape(op.inputs[0])), None),
    lowering=_viewed,
    moves="input",
)  # fmt: skip


def _squeeze_infer(input: Tensor, squeeze_dims: tuple[int, ...]) -> tuple[Dims, DType]:
    dims = input.dims
    if dims is None or (not squeeze_dims and None in dims):
        return None, input.dtype
    axes = axes_in(squeeze_dims, len(dims)) if squeeze_dims else [i for i, d in enumerate(dims) if d == 1]
    for axis in axes:
        if dims[axis] not in (None, 1):
            raise ShapeError(f"cannot squeeze axis {axis} of {show(dims)}: its size is {dims[axis]}, not 1")
    return tuple(d for i, d in enumerate(dims) if i not in axes), input.dtype


def _squeeze(x: np.ndarray, squeeze_dims: tuple[int, ...]) -> np.ndarray:
    for axis in squeeze_dims:
        if not -x.ndim <= axis < x.ndim or x.shape[axis] != 1:
            raise refuse(f"cannot squeeze axis {axis} of shape {x.shape}: there is no size 1")
    return np.squeeze(x, squeeze_dims or None)


SQUEEZE = define(
    "Squeeze", "input",
    infer=_squeeze_infer,
    reference=_squeeze,
    vjp=(lambda op, dy: reshape(dy, shape(op.inputs[0])),),
    lowering=_viewed,
    moves="input",
)  # fmt: skip


def either(new: Any, old: Any, new_name: str, old_name: str) -> Any:
    """The value of an argument that has an older name; ValueError when both names are used."""
    if new is not None and old is not None:
        raise GraphError(f"{new_name} and {old_name} are one argument: give only one of them")
    return old if new is None else new


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """A new axis of size 1 before `axis` (`dim`); -1 puts it last.   Gradient: input.

    Raises: ValueError without an axis, with both names, or outside [-rank - 1, rank].
    """
    axis = either(axis, dim, "axis", "dim")
    if axis is None:
        raise GraphError("expand_dims needs an axis")
    return EXPAND_DIMS(input, axis, name=name)


def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
    """Without the axes of size 1, or without those named by `axis` (`squeeze_dims`): an int or a list.

    Gradient: input.   Raises: ValueError, or InvalidArgumentError when run, for a named axis whose size is not 1.
    """
    axis = either(axis, squeeze_dims, "axis", "squeeze_dims")
    axes = () if axis is None else tuple(dict.fromkeys(whole_numbers(axis, "axis")))
    return SQUEEZE(input, squeeze_dims=axes, name=name)


# -- broadcasting --------------------------------------------------------------------------------------------------
def _broadcast_infer(input: Tensor, shape: Tensor) -> tuple[Dims, DType]:
    target, source = size_vector(shape, "shape"), input.dims
    if target is None or source is None:
        return target, input.dtype
    if len(target) < len(source):
        raise ShapeError(f"cannot broadcast {show(source)} to the lower rank of {show(target)}")
    padded = (1,) * (len(target) - len(source)) + source
    if any(s not in (None, 1, t) and t is not None for s, t in zip(padded, target, strict=True)):
        raise ShapeError(f"cannot broadcast {show(source)} to {show(target)}")
    return tuple(s if t is None and s != 1 else t for s, t in zip(padded, target, strict=True)), input.dtype


def _broadcast_to(x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise refuse(f"cannot broadcast {x.shape} to {shape.tolist()}") from None


def _broadcast_lowering(op: Operation) -> Lowering:
    """The reference where sizes that nobody knew when the plan was made are still to be checked."""
    if static_value(op.inputs[1]) is None:
        return None
    return View() if _same_sizes(op) else Elementwise("input", operands=(0,))


BROADCAST_TO = define(
    "BroadcastTo", "input shape:I",
    infer=_broadcast_infer,
    reference=_broadcast_to,
    vjp=(lambda op, dy: sum_to(dy, op.inputs[0]), None),
    lowering=_broadcast_lowering,
    moves="input",
)  # fmt: skip


def _sum_infer(x: Tensor, shape: Tensor) -> tuple[Dims, DType]:
    target = size_vector(shape, "shape")
    if target is None or x.dims is None:
        return target, x.dtype
    extra = len(x.dims) - len(target)
    if extra < 0 or any(t not in (None, 1, s) and s is not None for s, t in zip(x.dims[extra:], target, strict=True)):
        raise ShapeError(f"{show(x.dims)} is not what {show(target)} broadcasts to")
    return target, x.dtype


def _sum_to(x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    target = tuple(shape.tolist())
    extra = x.ndim - len(target)
    axes = tuple(i for i, n in enumerate(x.shape) if i < extra or n != target[i - extra])
    if extra < 0 or any(target[i - extra] != 1 for i in axes if i >= extra):
        raise refuse(f"{x.shape} is not what {target} broadcasts to")
    return x.sum(axis=axes, dtype=x.dtype, keepdims=True).reshape(target) if axes else x


SUM_TO = define(
    "SumTo", "x shape:I",
    infer=_sum_infer,
    reference=_sum_to,
    vjp=(lambda op, dy: broadcast_to(dy, shape(op.inputs[0])), None),
    lowering=lambda op: View() if _same_sizes(op) else Kernel("sum_to"),
    types=NUMERIC,
    flops=lambda op: elements(op.inputs[0].dims),
)  # fmt: skip


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """The elements repeated along new axes and axes of size 1, as NumPy broadcasts.

    Gradient: input.   Raises: ValueError, or InvalidArgumentError when run, if the shapes do not fit.
    """
    return BROADCAST_TO(input, shape, name=name)


def sum_to(x: Tensor, like: Tensor) -> Tensor:
    """x summed over the axes that broadcasting added to `like`; x itself when both are known to have one shape."""
    if known(x.dims) and x.dims == like.dims:
        return x
    return SUM_TO(x, shape(like))
