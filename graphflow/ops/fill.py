"""Tensors made of numbers alone: constants, fills, ranges, one-hot rows and identity matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import FLOATING, WIDE, DType
from graphflow.errors import DTypeError, GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.ops.compare import equal
from graphflow.ops.define import NO_GRADIENT, add_constant, convert_to_tensor, define, graph_of
from graphflow.ops.infer import axis_in
from graphflow.ops.join import concat
from graphflow.ops.lowering import Elementwise, Kernel
from graphflow.ops.shape_ops import broadcast_to, expand_dims, refuse, reshape, size_vector, sum_to
from graphflow.ops.static import static_value
from graphflow.ops.values import as_array
from graphflow.shape import Dims, as_dims, elements, show

_SMALL = 1000  # elements: zeros and ones up to this size are constants


def scalar_like(x: Tensor, what: str) -> None:
    """ShapeError unless x can be a scalar."""
    if x.dims:
        raise ShapeError(f"{what} must be a scalar, and has shape {show(x.dims)}")


# -- constants -----------------------------------------------------------------------------------------------------
def _filled_up(array: np.ndarray, dims: tuple[int, ...]) -> np.ndarray:
    """The elements under another shape, the last one repeated as often as it takes."""
    n = math.prod(dims)
    if array.ndim == 0:
        return np.full(dims, array, array.dtype)
    if array.size > n:
        raise GraphError(f"a shape of {dims} holds {n} elements, and the value has {array.size}")
    if array.size == n:
        return array.reshape(dims)
    if array.size == 0:
        return np.zeros(dims, array.dtype)
    result = np.empty(n, array.dtype)
    result[: array.size] = array.reshape(-1)
    result[array.size :] = array.reshape(-1)[-1]
    return result.reshape(dims)


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str = "Const", verify_shape: bool = False
) -> Tensor:
    """A number, string, array or nested list as a tensor.

    Shapes: the value's; with `shape` its elements in that shape, the last one repeated to fill it
    Dtype:  int32 for ints that fit (else int64), float32 for floats; an array keeps its own
    Raises: ValueError for None, ragged lists and too many elements; TypeError for a value that `dtype` does not take,
            for a tensor, and for another shape under verify_shape.
    """
    if isinstance(value, Tensor):
        raise DTypeError(f"a constant needs a value, not {value!r}", hint="use the tensor itself, or tf.identity")
    array = as_array(value, None if dtype is None else dtypes.as_dtype(dtype))
    if shape is not None:
        dims = as_dims(shape)
        if dims is None or None in dims:
            raise ShapeError(f"a constant needs a shape of numbers, not {shape}")
        if verify_shape and array.shape != dims:
            raise DTypeError(f"the value has shape {array.shape}, not {dims}")
        array = _filled_up(array, dims)  # type: ignore[arg-type]
    graph = graph_of(())
    return add_constant(graph, array, graph.op_name(name or "Const"))


def _fill_infer(dims: Tensor, value: Tensor) -> tuple[Dims, DType]:
    scalar_like(value, "the value of a fill")
    given = static_value(dims)
    if given is not None and (given < 0).any():
        raise ShapeError(f"cannot fill {given.tolist()}: a size must be at least 0")
    return size_vector(dims, "dims"), value.dtype


def _fill(dims: np.ndarray, value: np.ndarray) -> np.ndarray:
    if dims.ndim != 1 or value.ndim != 0 or (dims < 0).any():
        raise refuse(f"cannot fill {dims.tolist()} with a value of shape {value.shape}: sizes must be at least 0")
    return np.full(dims, value, value.dtype)


FILL = define(
    "Fill", "dims:I value",
    infer=_fill_infer,
    reference=_fill,
    vjp=(None, lambda op, dy: sum_to(dy, op.inputs[1])),
    lowering=lambda op: Elementwise("value", operands=(1,)) if op.inputs[1].dims == () else None,
    moves="value",
)  # fmt: skip


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor of the shape `dims` (a vector, or a list of ints and scalar tensors) full of one scalar.

    Gradient: value.   Raises: ValueError, or InvalidArgumentError when run, for a negative size.
    """
    return FILL(dims, value, name=name)


def _uniform(value: Any, shape: Any, dtype: Any, name: str) -> Tensor:
    """A constant when the shape is known and small, else a Fill."""
    wanted = dtypes.as_dtype(dtype)
    element = np.array(b"" if wanted is dtypes.string and not value else value, wanted.dtype)
    dims = None if isinstance(shape, Tensor) else _sizes(shape)
    graph = graph_of([shape, *shape] if isinstance(shape, (list, tuple)) else [shape])
    if dims is not None and math.prod(dims) < _SMALL:
        return add_constant(graph, np.full(dims, element, wanted.dtype), graph.op_name(name))
    with graph.as_default(), graph.name_scope(name) as scope:
        sizes = shape if dims is None else np.array(dims, np.int32 if max(dims) < 2**31 else np.int64)
        sizes = convert_to_tensor(sizes, dtype_hint=dtypes.int32, name="shape_as_tensor")
        sizes = reshape(sizes, [-1]) if sizes.dims == () else sizes
        return fill(sizes, constant(element), name=scope)


def _sizes(shape: Any) -> tuple[int, ...] | None:
    """The sizes, when they are all plain numbers."""
    if isinstance(shape, (list, tuple)):
        if any(d is None or isinstance(d, str) for d in shape):
            raise DTypeError(f"a shape is made of numbers, not {shape!r}")
        shape = [int(d) if isinstance(d, float) else d for d in shape]  # here alone, TensorFlow rounds towards 0
    try:
        dims = as_dims(shape)
    except TypeError:  # a list with tensors, or something that convert_to_tensor will complain about
        return None
    if dims is None or None in dims:
        raise ShapeError(f"the shape {shape} is not fully known")
    return dims  # type: ignore[return-value]


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Zeros (False, empty strings) of a shape: a vector, or a list of ints and scalar tensors."""
    return _uniform(0, shape, dtype, name or "zeros")


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Ones (True) of a shape: a vector, or a list of ints and scalar tensors.   Raises: TypeError for strings."""
    if dtypes.as_dtype(dtype) is dtypes.string:
        raise DTypeError("there is no string that is one")
    return _uniform(1, shape, dtype, name or "ones")


# -- sequences -----------------------------------------------------------------------------------------------------
def _range_length(*ends: np.ndarray) -> int:
    """How many elements, worked out in the range's own dtype; ValueError when `delta` leads away from `limit`."""
    start, limit, delta = (v.item() if v.dtype.kind in "iu" else v[()] for v in ends)
    if delta == 0:
        raise ValueError("the step of a range must not be 0")
    if (limit - start) * (1 if delta > 0 else -1) < 0:
        raise ValueError(f"a range from {start} to {limit} cannot go in steps of {delta}")
    if isinstance(start, int):
        return -((start - limit) // delta)
    return math.ceil(abs((limit - start) / delta))


def _range_infer(start: Tensor, limit: Tensor, delta: Tensor) -> tuple[Dims, DType]:
    for name, t in (("start", start), ("limit", limit), ("delta", delta)):
        scalar_like(t, f"the {name} of a range")
    values = [static_value(t) for t in (start, limit, delta)]
    if any(v is None for v in values):
        return (None,), start.dtype
    try:
        return (_range_length(*(v for v in values if v is not None)),), start.dtype
    except ValueError as error:
        raise ShapeError(str(error)) from None


def _range(start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
    if start.ndim or limit.ndim or delta.ndim:
        raise refuse(f"a range needs scalars, not {start.shape}, {limit.shape} and {delta.shape}")
    try:
        n = _range_length(start, limit, delta)
    except ValueError as error:
        raise refuse(str(error)) from None
    return (start + np.arange(n, dtype=start.dtype) * delta).astype(start.dtype)


RANGE = define(
    "Range", "start limit delta",
    infer=_range_infer,
    reference=_range,
    vjp=NO_GRADIENT,
    lowering=Kernel("range"),
    flops=lambda op: 2 * elements(op.output.dims),
    types=WIDE,
)  # fmt: skip

_WIDTH = {d: i for i, d in enumerate((dtypes.int32, dtypes.int64, dtypes.float16, dtypes.float32, dtypes.float64))}


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Tensor:
    """start, start + delta, ... before limit; range(limit) starts at 0.

    Shapes: scalars -> [ceil((limit - start) / delta)]
    Dtype:  `dtype`, else the widest of the arguments: int32, int64, float32, float64
    Raises: ValueError, or InvalidArgumentError when run, for a step of 0 or one that leads away from limit.
    """
    if limit is None:
        start, limit = 0, start
    graph = graph_of((start, limit, delta))
    with graph.as_default(), graph.name_scope(name or "range") as scope:
        given = [
            convert_to_tensor(value, None if isinstance(value, Tensor) else dtype, name=label)
            for label, value in (("start", start), ("limit", limit), ("delta", delta))
        ]
        wanted = max((t.dtype for t in given), key=lambda d: _WIDTH.get(d, 0))
        wanted = wanted if dtype is None else dtypes.as_dtype(dtype)
        return RANGE(*(cast(t, wanted) for t in given), name=scope)


def _linspace_infer(start: Tensor, stop: Tensor, num: Tensor) -> tuple[Dims, DType]:
    for name, t in (("start", start), ("stop", stop), ("num", num)):
        scalar_like(t, name)
    n = static_value(num)
    if n is not None and n < 1:
        raise ShapeError(f"linspace needs at least one point, not {n}")
    return (None if n is None else int(n),), start.dtype


def _linspace(start: np.ndarray, stop: np.ndarray, num: np.ndarray) -> np.ndarray:
    if start.ndim or stop.ndim or num.ndim or num < 1:
        raise refuse(f"linspace needs scalars and at least one point, not {num.tolist()}")
    return np.linspace(start, stop, int(num), dtype=start.dtype)


LIN_SPACE = define(
    "LinSpace", "start stop num:I",
    infer=_linspace_infer,
    reference=_linspace,
    vjp=NO_GRADIENT,
    types=FLOATING,
)  # fmt: skip


def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """`num` points from start to stop, both included, evenly spaced.

    Shapes: scalars -> [num].   Dtype: floating.   Raises: ValueError, or InvalidArgumentError when run, for num < 1.
    """
    return LIN_SPACE(start, stop, num, name=name)


lin_space = linspace


# -- one-hot and identity ------------------------------------------------------------------------------------------
def _one_hot_infer(
    indices: Tensor, depth: Tensor, on_value: Tensor, off_value: Tensor, axis: int
) -> tuple[Dims, DType]:
    for name, t in (("depth", depth), ("on_value", on_value), ("off_value", off_value)):
        scalar_like(t, name)
    n = static_value(depth)
    if n is not None and n < 0:
        raise ShapeError(f"depth must be at least 0, not {n}")
    if axis < -1:
        raise ShapeError(f"axis must be at least -1, not {axis}")
    if indices.dims is None:
        return None, on_value.dtype
    at = axis_in(axis, len(indices.dims) + 1)
    return (*indices.dims[:at], None if n is None else int(n), *indices.dims[at:]), on_value.dtype


def _one_hot(indices: np.ndarray, depth: np.ndarray, on: np.ndarray, off: np.ndarray, axis: int) -> np.ndarray:
    if depth.ndim or depth < 0 or not -1 <= axis <= indices.ndim:
        raise refuse(f"cannot make one-hot rows of depth {depth.tolist()} along axis {axis} of {indices.shape}")
    n = int(depth)
    rows = np.full((indices.size, n), off, on.dtype)
    flat = indices.reshape(-1)
    inside = np.flatnonzero((flat >= 0) & (flat < n))
    rows[inside, flat[inside]] = on
    return np.moveaxis(rows.reshape(*indices.shape, n), -1, axis)


ONE_HOT = define(
    "OneHot", "indices:TI depth:int32 on_value off_value",
    infer=_one_hot_infer,
    reference=_one_hot,
    vjp=NO_GRADIENT,
    lowering=Kernel("one_hot"),
    flops=lambda op: 0,
    types={"TI": (dtypes.uint8, dtypes.int8, *dtypes.INDEX)},
    rows=lambda op: op.attrs["axis"] == -1,
)  # fmt: skip


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """on_value (1) at the position that an index names, off_value (0) elsewhere; all off for an index out of range.

    Shapes: [...] -> [..., depth]; the new axis stands at `axis`, last by default
    Dtype:  `dtype`, else that of on_value or off_value, else float32.   No gradient.
    Raises: TypeError when on_value, off_value and dtype disagree; ValueError, or InvalidArgumentError when run, for a
            negative depth.
    """
    graph = graph_of((indices, depth, on_value, off_value))
    with graph.as_default(), graph.name_scope(name or "one_hot") as scope:
        wanted = None if dtype is None else dtypes.as_dtype(dtype)
        given = [
            None if value is None else convert_to_tensor(value, name=label, dtype_hint=wanted)
            for label, value in (("on_value", on_value), ("off_value", off_value))
        ]
        for t in given:
            wanted = wanted or (None if t is None else t.dtype)
        wanted = wanted or dtypes.float32
        if any(t is not None and t.dtype is not wanted for t in given):
            raise DTypeError(f"on_value, off_value and dtype disagree: {given}, {wanted.name}")
        if wanted is dtypes.string and None in given:
            raise DTypeError("one_hot of strings needs both on_value and off_value")
        on, off = (constant(default, wanted, name=label) if t is None else t
                   for t, default, label in zip(given, _ON_OFF[wanted.is_bool], _LABELS, strict=True))  # fmt: skip
        return ONE_HOT(indices, depth, on, off, axis=-1 if axis is None else int(axis), name=scope)


_LABELS = ("on_value", "off_value")
_ON_OFF = {True: (True, False), False: (1, 0)}


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """The identity matrix, or one for each element of a batch.

    Shapes: -> [*batch_shape, num_rows, num_columns]; num_columns is num_rows by default
    """
    columns = num_rows if num_columns is None else num_columns
    graph = graph_of((num_rows, columns, batch_shape))
    with graph.as_default(), graph.name_scope(name or "eye"):
        kind = "diag" if columns is num_rows else "set_diag"
        square = equal(expand_dims(range(num_rows), 1), expand_dims(range(columns), 0))
        if batch_shape is None:
            return cast(square, dtype, name=kind)
        batch = convert_to_tensor(batch_shape, dtypes.int32, name="batch_shape")
        shape = convert_to_tensor([num_rows, columns], dtypes.int32, name="shape")
        return cast(broadcast_to(square, concat([batch, shape], 0)), dtype, name=kind)
