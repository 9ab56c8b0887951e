"""Taking a part out of a tensor: slice, strided_slice and `tensor[...]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType
from graphflow.errors import DTypeError, GraphError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast, ones_like
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define, graph_of
from graphflow.ops.indexing import boolean_mask
from graphflow.ops.infer import require_rank
from graphflow.ops.join import symbolic
from graphflow.ops.lowering import Kernel
from graphflow.ops.shape_ops import refuse, shape, size_vector
from graphflow.ops.static import partial_value
from graphflow.shape import Dimension, Dims, merge, show


# -- slice ---------------------------------------------------------------------------------------------------------
def _slice_infer(input: Tensor, begin: Tensor, size: Tensor) -> tuple[Dims, DType]:
    dims: Dims = input.dims
    for name, t in (("begin", begin), ("size", size)):
        (n,) = require_rank(t, 1, name)
        dims = merge(dims, None if n is None else (None,) * n)
    if dims is None:
        return None, input.dtype
    starts, sizes = _elements(begin, len(dims)), _elements(size, len(dims))
    return tuple(_slice_size(i, *entry) for i, entry in enumerate(zip(dims, starts, sizes, strict=True))), input.dtype


def _elements(vector: Tensor, n: int) -> list[int | None]:
    value = partial_value(vector)
    return [None] * n if value is None else value.tolist()


def _slice_size(axis: int, n: int | None, begin: int | None, size: int | None) -> int | None:
    """The size that slicing leaves of an axis; ShapeError when it reaches beyond the end."""
    if (begin is not None and begin < 0) or (size is not None and size < -1):
        raise ShapeError(f"axis {axis}: begin {begin} must be at least 0 and size {size} at least -1")
    if n is None or begin is None:
        return size if size != -1 else None
    if begin > n or (size is not None and begin + max(size, 0) > n):
        raise ShapeError(f"axis {axis}: {size} elements from {begin} on are more than the {n} that there are")
    return n - begin if size == -1 else size


def _slice(x: np.ndarray, begin: np.ndarray, size: np.ndarray) -> np.ndarray:
    if begin.shape != (x.ndim,) or size.shape != (x.ndim,):
        raise refuse(f"begin {begin.tolist()} and size {size.tolist()} must have a number for each axis of {x.shape}")
    ends = np.where(size == -1, x.shape, begin + size)
    if (begin < 0).any() or (ends < begin).any() or (ends > x.shape).any():
        raise refuse(f"begin {begin.tolist()} and size {size.tolist()} reach outside of shape {x.shape}")
    return x[tuple(slice(b, e) for b, e in zip(begin.tolist(), ends.tolist(), strict=True))]


def _slice_vjp(op: Operation, dy: Tensor) -> Tensor:
    x, begin, _ = op.inputs
    sizes = shape(x, out_type=begin.dtype)
    ends = begin + shape(op.output, out_type=begin.dtype)
    return STRIDED_SLICE_GRAD(sizes, begin, ends, ones_like(begin), dy, **_NO_MASKS)  # type: ignore[arg-type]


SLICE = define(
    "Slice", "input begin:I size:I",
    infer=_slice_infer,
    reference=_slice,
    vjp=(_slice_vjp, None, None),
    lowering=Kernel("slice"),
    moves="input",
)  # fmt: skip


def slice_(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """size[i] elements from begin[i] on along each axis; a size of -1 means all that are left.

    Gradient: input_.   Raises: ValueError, or InvalidArgumentError when run, when that reaches beyond the end.
    """
    return SLICE(input_, begin, size, name=name)


# -- strided slice -------------------------------------------------------------------------------------------------
_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
_NO_MASKS = dict.fromkeys(_MASKS, 0)


def _entries(n: int, masks: dict[str, int]) -> list[str]:
    """What each of the n entries of a strided slice is: `...`, `new`, `index` or `range`."""
    kinds = []
    for i in range(n):
        bit = 1 << i
        if masks["ellipsis_mask"] & bit:
            kinds.append("...")
        elif masks["new_axis_mask"] & bit:
            kinds.append("new")
        else:
            kinds.append("index" if masks["shrink_axis_mask"] & bit else "range")
    if kinds.count("...") > 1:
        raise GraphError("an index may hold only one ellipsis")
    return kinds


def _python_index(begin: np.ndarray, end: np.ndarray, strides: np.ndarray, dims: tuple, masks: dict) -> tuple:
    """The entries as NumPy takes them, for an array of this shape; InvalidArgumentError when they do not fit.

    There is always an ellipsis among them, so that NumPy gives a view and never a number.
    """
    kinds = _entries(begin.size, masks)
    if begin.ndim != 1 or begin.shape != end.shape or begin.shape != strides.shape or not strides.all():
        raise refuse(
            f"begin {begin.tolist()}, end {end.tolist()} and strides {strides.tolist()} must be vectors of one length, "
            "and no stride may be 0"
        )
    used = sum(k in ("index", "range") for k in kinds)
    if used > len(dims):
        raise refuse(f"too many indices: {used} for a tensor of shape {dims}")
    index: list[Any] = []
    axis = 0
    for i, kind in enumerate(kinds):
        if kind == "...":
            axis += len(dims) - used
            index.append(Ellipsis)
        elif kind == "new":
            index.append(None)
        else:
            index.append(_axis_index(i, axis, kind, (begin, end, strides), dims, masks))
            axis += 1
    return tuple(index) if "..." in kinds else (*index, Ellipsis)


def _axis_index(i: int, axis: int, kind: str, bounds: tuple, dims: tuple, masks: dict) -> Any:
    begin, end, stride = (int(b[i]) for b in bounds)
    if kind == "index":
        if not -dims[axis] <= begin < dims[axis] or stride < 0:
            raise refuse(f"index {begin} is out of range for axis {axis} of shape {dims}")
        return begin
    return slice(None if masks["begin_mask"] >> i & 1 else begin, None if masks["end_mask"] >> i & 1 else end, stride)


def _strided(x: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray, **masks: int) -> np.ndarray:
    return x[_python_index(begin, end, strides, x.shape, masks)]


def _strided_infer(input: Tensor, begin: Tensor, end: Tensor, strides: Tensor, **masks: int) -> tuple[Dims, DType]:
    length: Dims = (None,)
    for name, t in (("begin", begin), ("end", end), ("strides", strides)):
        length = merge(length, require_rank(t, 1, name))
    n = length[0] if length else None
    if n is None:
        return None, input.dtype
    starts, ends, steps = (_elements(t, n) for t in (begin, end, strides))
    if 0 in steps:
        raise ShapeError("a stride of a slice must not be 0")
    kinds = _entries(n, masks)
    used = sum(k in ("index", "range") for k in kinds)
    if input.dims is None:
        return None, input.dtype
    if used > len(input.dims):
        raise ShapeError(f"too many indices: {used} for a tensor of shape {show(input.dims)}")
    rest = list(input.dims)
    out: list[int | None] = []
    for i, kind in enumerate(kinds):
        if kind == "...":
            covered = len(input.dims) - used
            out += rest[:covered]
            del rest[:covered]
        elif kind == "new":
            out.append(1)
        elif kind == "index":
            _check_index(starts[i], steps[i], rest.pop(0), input.dims)
        else:
            lower = False if masks["begin_mask"] >> i & 1 else starts[i]
            upper = False if masks["end_mask"] >> i & 1 else ends[i]
            out.append(_range_size(rest.pop(0), lower, upper, steps[i]))
    return (*out, *rest), input.dtype


def _check_index(begin: int | None, stride: int | None, n: int | None, dims: Dims) -> None:
    if begin is not None and n is not None and not -n <= begin < n:
        raise ShapeError(f"index {begin} is out of range for an axis of size {n} of shape {show(dims)}")
    if stride is not None and stride < 0:
        raise ShapeError("a single index cannot go with a negative stride")


def _range_size(n: int | None, begin: Any, end: Any, stride: int | None) -> int | None:
    """How many elements begin:end:stride takes of n; False stands for a bound left out, None for an unknown one."""
    if n is None or begin is None or end is None or stride is None:
        whole = begin is False and end is False and n is not None and stride is not None
        return len(range(0, n, abs(stride))) if whole else 0 if n == 0 else None  # type: ignore[arg-type]
    bounds = slice(None if begin is False else begin, None if end is False else end, stride)
    return len(range(*bounds.indices(n)))


def moving_entries(bounds: Sequence[Tensor], rank: int, attrs: dict[str, int]) -> list[tuple[int, int]] | None:
    """For a strided slice the entries of begin that are known only when running, with the axis that each one indexes.

    None when there is more that is not known.
    """
    strides = partial_value(bounds[2])
    if strides is None or None in strides.tolist():
        return None
    kinds = _entries(strides.size, attrs)
    begins, ends = ([None] * len(kinds) if (known := partial_value(t)) is None else known.tolist() for t in bounds[:2])
    found, axis = [], 0
    for i, (kind, begin, end) in enumerate(zip(kinds, begins, ends, strict=True)):
        fixed = begin is not None or attrs["begin_mask"] >> i & 1, end is not None or attrs["end_mask"] >> i & 1
        if kind == "range" and not all(fixed):
            return None
        if kind == "index" and begin is None:
            found.append((i, axis))
        used = sum(k in ("index", "range") for k in kinds)
        axis += {"...": rank - used, "new": 0}.get(kind, 1)
    return found


def _strided_vjp(op: Operation, dy: Tensor) -> Tensor:
    x, begin, end, strides = op.inputs
    return STRIDED_SLICE_GRAD(shape(x, out_type=begin.dtype), begin, end, strides, dy, **op.attrs)


STRIDED_SLICE = define(
    "StridedSlice", "input begin:I end:I strides:I",
    infer=_strided_infer,
    reference=_strided,
    vjp=(_strided_vjp, None, None, None),
    lowering=Kernel("strided_slice"),
    moves="input",
)  # fmt: skip


def _scattered(
    shape: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray, dy: np.ndarray, **masks: int
) -> np.ndarray:
    out = np.zeros(shape, dy.dtype)
    out[_python_index(begin, end, strides, out.shape, masks)] = dy
    return out


STRIDED_SLICE_GRAD = define(
    "StridedSliceGrad", "shape:I begin:I end:I strides:I dy",
    infer=lambda shape, begin, end, strides, dy, **masks: (size_vector(shape, "shape"), dy.dtype),
    reference=_scattered,
    vjp=(None, None, None, None, lambda op, dy: STRIDED_SLICE(dy, *op.inputs[1:4], **op.attrs)),
    lowering=Kernel("strided_slice_grad"),
    flops=lambda op: 0,
)  # fmt: skip


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """input_[begin:end:strides] along the first axes; bit i of a mask speaks about entry i.

    begin_mask, end_mask   the bound counts as left out
    ellipsis_mask          the entry stands for as many whole axes as it takes
    new_axis_mask          the entry is a new axis of size 1
    shrink_axis_mask       the entry is the single index begin[i], and the axis is dropped
    var                    the variable whose value input_ is: the result has a method `assign` then
    Gradient: input_.
    """
    begin = convert_to_tensor(begin, dtype_hint=dtypes.int32, name="begin")
    strides = ones_like(begin) if strides is None else strides
    masks = (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    part = STRIDED_SLICE(input_, begin, end, strides, name=name, **dict(zip(_MASKS, masks, strict=True)))
    return part if var is None else part_of_variable(part, var._ref)


def _part_infer(
    ref: Tensor, begin: Tensor, end: Tensor, strides: Tensor, value: Tensor, **masks: int
) -> tuple[Dims, DType]:
    merge(_strided_infer(ref, begin, end, strides, **masks)[0], value.dims)
    return ref.dims, ref.dtype


def _put_part(
    ref: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray, value: np.ndarray, **masks: int
) -> np.ndarray:
    part = _strided(ref, begin, end, strides, **masks)
    if part.shape != value.shape:
        raise refuse(f"the part of the variable has shape {show(part.shape)}, the value {show(value.shape)}")
    part[...] = value
    return ref


STRIDED_SLICE_ASSIGN = define(
    "StridedSliceAssign", "ref begin:I end:I strides:I value",
    infer=_part_infer,
    reference=lambda ref, *rest, **masks: _put_part(ref.copy(), *rest, **masks),
    vjp=NO_GRADIENT,
    stateful=True,
    writes=(0,),
    in_place=_put_part,
)  # fmt: skip


def part_of_variable(part: Tensor, ref: Tensor) -> Tensor:
    """A strided slice of a variable's value, with the method `assign(value, name=None)` that sets this part.

    assign gives the whole new value.   Raises: ValueError, or InvalidArgumentError when run, for another shape.
    """
    if part.op.definition is STRIDED_SLICE:
        _, *bounds = part.op.inputs
        part.assign = lambda value, name=None: (  # type: ignore[attr-defined]
            STRIDED_SLICE_ASSIGN(ref, *bounds, value, name=name, **part.op.attrs)
        )
    return part


# -- tensor[...] ---------------------------------------------------------------------------------------------------
def getitem(tensor: Tensor, key: Any) -> Tensor:
    """`tensor[key]`: ints, slices, Ellipsis, None and scalar int tensors, or one boolean mask.

    Gradient: tensor.
    Raises:   TypeError for other keys; ValueError for too many, a static index out of range, or a stride of 0;
              InvalidArgumentError when run for an index out of range.
    """
    if _is_mask(key):
        return boolean_mask(tensor, key)
    keys = key if isinstance(key, (tuple, list)) else (key,)
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[Any] = []
    masks = dict(_NO_MASKS)
    for i, item in enumerate(keys):
        mask, first, last, step = _entry(item)
        begin.append(first)
        end.append(last)
        strides.append(step)
        for name in mask:
            masks[name] |= 1 << i
    graph = graph_of((tensor,))
    with graph.as_default(), graph.name_scope("strided_slice") as scope:
        bounds = _same_dtype(begin, end, strides)
        return STRIDED_SLICE(tensor, *bounds, name=scope, **masks)


def _is_mask(key: Any) -> bool:
    dtype = getattr(key, "dtype", None)
    return isinstance(key, (Tensor, np.ndarray)) and dtype is not None and dtype == dtypes.bool_


def _entry(item: Any) -> tuple[tuple[str, ...], Any, Any, Any]:
    """(masks that get this entry's bit, begin, end, stride)."""
    if isinstance(item, slice):
        step = 1 if item.step is None else _bound(item.step)
        if not symbolic(step) and step == 0:
            raise GraphError("the step of a slice must not be 0")
        open_ends = [name for name, bound in (("begin_mask", item.start), ("end_mask", item.stop)) if bound is None]
        first, last = (0 if bound is None else _bound(bound) for bound in (item.start, item.stop))
        return tuple(open_ends), first, last, step
    if item is Ellipsis:
        return ("ellipsis_mask",), 0, 0, 1
    if item is None:
        return ("new_axis_mask",), 0, 0, 1
    at = _bound(item)
    return ("shrink_axis_mask",), at, 0 if symbolic(at) else at + 1, 1  # the end of a single index is not looked at


def _bound(value: Any) -> Any:
    """An int, or a scalar int tensor; TypeError for anything else."""
    if isinstance(value, (bool, np.bool_)):
        raise GraphError(f"a tensor cannot be indexed with {value!r}")
    if isinstance(value, Dimension) or (hasattr(value, "__index__") and not symbolic(value)):
        return int(value)
    if symbolic(value):
        value = convert_to_tensor(value)
        if value.dtype.is_integer and not value.dims:
            return value if value.dtype in dtypes.INDEX else cast(value, dtypes.int32)
    raise DTypeError(f"a tensor is indexed with ints, slices, ..., None and scalar int tensors, not {value!r}",
                     hint="tf.gather takes a list of indices")  # fmt: skip


def _same_dtype(*vectors: list[Any]) -> list[Any]:
    """The three vectors as tensors of one dtype, that of a tensor in them, or else int32; named as TensorFlow does."""
    dtype = next((v.dtype for vector in vectors for v in vector if isinstance(v, Tensor)), dtypes.int32)
    names = ("stack", "stack_1", "stack_2")
    return [convert_to_tensor(vector, dtype, name=name) for vector, name in zip(vectors, names, strict=True)]
