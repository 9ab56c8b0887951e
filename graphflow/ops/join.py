"""Joining tensors and taking them apart: concat, stack, split, unstack, and lists of tensors used as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType
from graphflow.errors import DTypeError, GraphError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast, identity
from graphflow.ops.define import OpDef, convert_to_tensor, define, graph_of, register_tensor_conversion_function
from graphflow.ops.infer import axis_in
from graphflow.ops.lowering import Columns, Kernel, SideBySide
from graphflow.ops.shape_ops import refuse, shape
from graphflow.ops.static import partial_value, static_value
from graphflow.shape import Dimension, Dims, merge, show, sizes


def symbolic(value: Any) -> bool:
    """Whether a value is a tensor, or stands for one as a variable does."""
    return isinstance(value, Tensor) or hasattr(value, "_as_graph_element")


def alike(values: Sequence[Any], label: str) -> list[Tensor]:
    """Tensors for a list of values; those that are not tensors take the dtype of the first one that is."""
    dtype = next((v.dtype for v in values if symbolic(v)), None)
    return [v if isinstance(v, Tensor) else convert_to_tensor(v, dtype, f"{label}_{i}") for i, v in enumerate(values)]


def fixed_axis(axis: Tensor) -> int | None:
    """The number in an axis tensor, when it is known; ShapeError unless it can be a scalar."""
    if axis.dims:
        raise ShapeError(f"axis must be a scalar, and has shape {show(axis.dims)}")
    value = static_value(axis)
    return None if value is None else int(value)


def checked_axis(axis: np.ndarray, rank: int) -> int:
    """For references: the number in an axis array, counted from 0; InvalidArgumentError when it is out of range."""
    if axis.size != 1 or not -rank <= axis.item() < rank:
        raise refuse(f"axis {axis.tolist()} is out of range for rank {rank}")
    return int(axis.item()) % rank


# -- concat --------------------------------------------------------------------------------------------------------
def _concat_infer(*inputs: Tensor) -> tuple[Dims, DType]:
    *values, axis = inputs
    at, dtype = fixed_axis(axis), values[0].dtype
    ranks = {len(v.dims) for v in values if v.dims is not None}
    if len(ranks) > 1:
        raise ShapeError(f"cannot concatenate tensors of different ranks: {', '.join(show(v.dims) for v in values)}")
    if 0 in ranks:
        raise ShapeError("scalars cannot be concatenated", hint="tf.stack makes a vector of scalars")
    if not ranks or at is None:
        return ((None,) * ranks.pop() if ranks else None), dtype
    rank = ranks.pop()
    at = axis_in(at, rank)
    total, others = 0, None  # type: tuple[int | None, Dims]
    for v in values:
        dims = v.dims or (None,) * rank
        size = dims[at]
        total = None if total is None or size is None else total + size
        others = merge(others, dims[:at] + dims[at + 1 :])
    assert others is not None
    return (*others[:at], total, *others[at:]), dtype


def _concat(*arrays: np.ndarray) -> np.ndarray:
    *values, axis = arrays
    at = checked_axis(axis, values[0].ndim)
    try:
        return np.concatenate(values, at)
    except ValueError:
        raise refuse(f"shapes {[v.shape for v in values]} cannot be concatenated along axis {at}") from None


def _concat_vjp(op: Operation, dy: Tensor) -> list[Tensor | None]:
    *values, axis = op.inputs
    at = static_value(axis)
    which: Any = axis if at is None else int(at)
    sizes = [None if at is None or v.dims is None else v.dims[int(at)] for v in values]
    lengths = [shape(v)[which] if n is None else n for v, n in zip(values, sizes, strict=True)]
    return [*_pieces(SPLIT_V(dy, lengths, cast(axis, dtypes.int32), num_split=len(values))), None]


def _concat_lowering(op: Operation) -> Kernel:
    *values, axis = op.inputs
    return SideBySide("concat") if _in_columns(values, axis) else Kernel("concat")


def _in_columns(parts: Sequence[Tensor], axis: Tensor) -> bool:
    """Whether these are several numbers of each row of a tensor, as many in each part."""
    dims, at = parts[0].dims, static_value(axis)
    if dims is None or at is None or len({t.dims for t in parts}) > 1 or None in dims:
        return False
    return len(dims) > 1 and (dims[-1] or 0) > 1 and int(at) in (-1, len(dims) - 1)


CONCAT = define(
    "ConcatV2", "*values axis:I",
    infer=_concat_infer,
    reference=_concat,
    vjp=_concat_vjp,
    lowering=_concat_lowering,
    moves="values",
)  # fmt: skip


def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """Tensors of one dtype joined along an axis that they all have.

    Shapes:   [..., n_i, ...] -> [..., sum of n_i, ...]; axis may be a scalar tensor
    Gradient: all values.   Raises: ValueError, or InvalidArgumentError when run, for scalars and sizes that differ.
    """
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    graph = graph_of(values)
    with graph.as_default(), graph.name_scope(name or "concat") as scope:
        tensors = alike(values, "values")
        if not tensors:
            raise GraphError("concat needs at least one tensor")
        if len(tensors) == 1:
            fixed_axis(convert_to_tensor(axis, dtype_hint=dtypes.int32, name="concat_dim"))
            return identity(tensors[0], name=name or "concat")
        return CONCAT(*tensors, axis, name=scope)


# -- stack and unstack ---------------------------------------------------------------------------------------------
def _pack_infer(*values: Tensor, axis: int) -> tuple[Dims, DType]:
    dims: Dims = None
    for v in values:
        dims = merge(dims, v.dims)
    if dims is None:
        return None, values[0].dtype
    at = axis_in(axis, len(dims) + 1)
    return (*dims[:at], len(values), *dims[at:]), values[0].dtype


def _pack(*values: np.ndarray, axis: int) -> np.ndarray:
    if any(v.shape != values[0].shape for v in values) or not -1 - values[0].ndim <= axis <= values[0].ndim:
        raise refuse(f"shapes {[v.shape for v in values]} cannot be stacked along axis {axis}")
    return np.stack(values, axis)


PACK = define(
    "Pack", "*values",
    infer=_pack_infer,
    reference=_pack,
    vjp=lambda op, dy: _pieces(UNPACK(dy, num=len(op.inputs), axis=op.attrs["axis"])),
    lowering=Kernel("pack"),
    moves="values",
)  # fmt: skip


def _unpack_infer(value: Tensor, num: int, axis: int) -> list[tuple[Dims, DType]]:
    if value.dims is None:
        return [(None, value.dtype)] * num
    at = axis_in(axis, len(value.dims))
    if value.dims[at] not in (None, num):
        raise ShapeError(f"cannot unstack {show(value.dims)} along axis {axis} into {num} tensors")
    return [((*value.dims[:at], *value.dims[at + 1 :]), value.dtype)] * num


def _unpack(value: np.ndarray, num: int, axis: int) -> list[np.ndarray]:
    if not -value.ndim <= axis < value.ndim or value.shape[axis] != num:
        raise refuse(f"cannot unstack {value.shape} along axis {axis} into {num} tensors")
    return list(np.moveaxis(value, axis, 0))


UNPACK: OpDef = define(
    "Unpack", "value",
    infer=_unpack_infer,
    reference=_unpack,
    vjp=lambda op, *dys: [PACK(*dys, axis=op.attrs["axis"])],
    lowering=Kernel("unpack"),
    moves="value",
)  # fmt: skip


def _pieces(outputs: Any) -> list[Tensor]:
    """The outputs of an operation as a list, also when there is one."""
    return outputs if isinstance(outputs, list) else [outputs]


def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape and dtype, side by side along a new axis.

    Shapes:   n times [...] -> [..., n, ...]
    Gradient: all values.   Raises: ValueError, or InvalidArgumentError when run, when shapes differ.
    """
    if symbolic(values) and axis == 0:
        return convert_to_tensor(values)
    if not isinstance(values, (list, tuple, np.ndarray)):
        raise DTypeError(f"stack needs a list of tensors, not {values!r}")
    values = list(values)
    if not values and axis:
        raise GraphError(f"stack along axis {axis} needs at least one tensor")
    if axis == 0 and not any(symbolic(v) for v in values):
        return convert_to_tensor(values, name=name or "stack")
    graph = graph_of(values)
    with graph.as_default(), graph.name_scope(name or "stack") as scope:
        return PACK(*alike(values, "values"), axis=int(axis), name=scope)


def parallel_stack(values: Any, name: str = "parallel_stack") -> Tensor:
    """The same as stack along axis 0."""
    return stack(values, 0, name)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """The slices of a tensor along an axis, as a list.

    Shapes:   [..., n, ...] -> n times [...]
    Gradient: value.   Raises: ValueError when n is neither known nor given as `num`, or is another.
    """
    value = convert_to_tensor(value, name="value")
    if num is None and value.dims is not None:
        num = value.dims[axis_in(axis, len(value.dims))]
    if num is None:
        raise ShapeError(f"cannot tell into how many tensors to unstack {value!r}", hint="give num")
    return _pieces(UNPACK(value, num=int(num), axis=int(axis), name=name or "unstack")) if num else []


# -- split ---------------------------------------------------------------------------------------------------------
def _split_infer(split_dim: Tensor, value: Tensor, num_split: int) -> list[tuple[Dims, DType]]:
    at, dims = fixed_axis(split_dim), value.dims
    if dims is None or at is None:
        return [(None if dims is None else (None,) * len(dims), value.dtype)] * num_split
    at = axis_in(at, len(dims))
    n = dims[at]
    if n is not None and n % num_split:
        raise ShapeError(f"a size of {n} cannot be split into {num_split} equal parts")
    return [((*dims[:at], None if n is None else n // num_split, *dims[at + 1 :]), value.dtype)] * num_split


def _split(split_dim: np.ndarray, value: np.ndarray, num_split: int) -> list[np.ndarray]:
    at = checked_axis(split_dim, value.ndim)
    if value.shape[at] % num_split:
        raise refuse(f"axis {at} of {value.shape} cannot be split into {num_split} equal parts")
    return np.split(value, num_split, at)


def _split_lowering(op: Operation) -> Kernel:
    name, value, axis = ("split", 1, 0) if op.definition is SPLIT else ("split_v", 0, 2)
    if not _in_columns(op.outputs, op.inputs[axis]):
        return Kernel(name)
    width = sizes(op.outputs[0].dims)[-1]
    return Columns(name, of=value, starts=tuple(i * width for i in range(len(op.outputs))))


SPLIT: OpDef = define(
    "Split", "split_dim:int32 value",
    infer=_split_infer,
    reference=_split,
    vjp=lambda op, *dys: [None, concat(dys, op.inputs[0])],
    lowering=_split_lowering,
    moves="value",
)  # fmt: skip


def _part_sizes(n: int | None, sizes: list[int | None]) -> list[int | None]:
    """The sizes of the parts of n, one -1 worked out; ValueError when they do not add up."""
    known_sum = sum(s for s in sizes if s is not None and s >= 0)
    if any(s is not None and s < -1 for s in sizes) or sizes.count(-1) > 1:
        raise ValueError(f"sizes to split into must be at least 0, one may be -1: {sizes}")
    if -1 in sizes:
        rest = None if n is None or None in sizes else n - known_sum
        if rest is not None and rest < 0:
            raise ValueError(f"sizes {sizes} are more than the {n} that there are")
        return [rest if s == -1 else s for s in sizes]
    if n is not None and (known_sum > n or (None not in sizes and known_sum != n)):
        raise ValueError(f"sizes {sizes} do not add up to {n}")
    return sizes


def _split_v_infer(value: Tensor, size_splits: Tensor, split_dim: Tensor, num_split: int) -> list[tuple[Dims, DType]]:
    at, dims = fixed_axis(split_dim), value.dims
    found = partial_value(size_splits)
    sizes: list[int | None] = [None] * num_split if found is None else found.reshape(-1).tolist()
    if len(sizes) != num_split or (size_splits.dims is not None and len(size_splits.dims) != 1):
        raise ShapeError(f"there must be {num_split} sizes in a vector, not {show(size_splits.dims)}")
    if dims is None or at is None:
        return [(None if dims is None else (None,) * len(dims), value.dtype)] * num_split
    at = axis_in(at, len(dims))
    try:
        parts = _part_sizes(dims[at], sizes)
    except ValueError as error:
        raise ShapeError(str(error)) from None
    return [((*dims[:at], n, *dims[at + 1 :]), value.dtype) for n in parts]


def _split_v(value: np.ndarray, size_splits: np.ndarray, split_dim: np.ndarray, num_split: int) -> list[np.ndarray]:
    at = checked_axis(split_dim, value.ndim)
    if size_splits.shape != (num_split,):
        raise refuse(f"there must be {num_split} sizes in a vector, not {size_splits.shape}")
    try:
        parts = _part_sizes(value.shape[at], size_splits.tolist())
    except ValueError as error:
        raise refuse(str(error)) from None
    return np.split(value, np.cumsum(parts, dtype=np.intp)[:-1], at)  # type: ignore[arg-type]


SPLIT_V = define(
    "SplitV", "value size_splits:I split_dim:int32",
    infer=_split_v_infer,
    reference=_split_v,
    vjp=lambda op, *dys: [concat(dys, op.inputs[2]), None, None],
    lowering=_split_lowering,
    moves="value",
)  # fmt: skip


def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str = "split"
) -> list[Tensor]:
    """A tensor cut along an axis into equal parts, or into parts of the given sizes (one may be -1).

    Shapes:   [..., n, ...] -> [..., n / number of parts, ...] each, or [..., sizes[i], ...]
    Gradient: value.
    Raises:   ValueError, or InvalidArgumentError when run, when the sizes do not add up; ValueError when the number of
              sizes is not known and not given as `num`.
    """
    value, sizes = convert_to_tensor(value, name="value"), num_or_size_splits
    if isinstance(sizes, (int, np.integer, Dimension)):
        if int(sizes) < 1:
            raise GraphError(f"cannot split into {int(sizes)} parts")
        return _pieces(SPLIT(axis, value, num_split=int(sizes), name=name or "split"))
    sizes = convert_to_tensor(sizes, dtype_hint=dtypes.int32, name="size_splits")
    if sizes.dims == ():
        raise GraphError("the number of parts must be a Python number, not a tensor", hint="or give a vector of sizes")
    if num is None and sizes.dims is not None:
        num = sizes.dims[0]
    if num is None:
        raise ShapeError(f"cannot tell the number of parts from {sizes!r}", hint="give num")
    return _pieces(SPLIT_V(value, sizes, axis, num_split=int(num), name=name or "split")) if num else []


# -- lists with tensors in them ------------------------------------------------------------------------------------
_PLAIN = {int, float, bool, complex, str, bytes, type(None), np.ndarray, np.int32, np.int64, np.float32, np.float64}


def _tensor_inside(values: Sequence[Any]) -> Any:
    """The first tensor in nested lists, None where there is none; rows of plain values are passed over at once."""
    if _PLAIN.issuperset(map(type, values)):
        return None
    for value in values:
        found = _tensor_inside(value) if isinstance(value, (list, tuple)) else value if symbolic(value) else None
        if found is not None:
            return found
    return None


def _packed(value: Any, dtype: DType | None = None, name: str = "packed", as_ref: bool = False) -> Any:
    """Nested lists with tensors in them become Pack operations, of the tensors' dtype."""
    found = _tensor_inside(value)
    if found is None:
        if not any(isinstance(v, Dimension) for v in value):
            return NotImplemented
        return convert_to_tensor([int(v) if isinstance(v, Dimension) else v for v in value], dtype, name="shape")
    graph = found.graph
    full_name = graph._names.unique(name) + "/"
    with graph.name_scope(full_name):
        parts = [convert_to_tensor(v, found.dtype, name=str(i)) for i, v in enumerate(value)]
    return PACK(*parts, axis=0, name=full_name)


register_tensor_conversion_function((list, tuple), _packed)
