"""Sparse tensors rearranged: other order, shape, axes, parts, and parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import bool_, int64
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import add, maximum, minimum
from graphflow.ops.basic import cast
from graphflow.ops.compare import greater_equal, less, logical_and
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.fill import one_hot
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.ops.indexing import boolean_mask, gather, gather_nd
from graphflow.ops.infer import require_rank
from graphflow.ops.join import concat
from graphflow.ops.reduce import reduce_all, reduce_max
from graphflow.ops.sets import setdiff1d
from graphflow.ops.shape_ops import either, expand_dims, refuse
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.static import static_value


def rank_of(sp: SparseTensor, what: str) -> int:
    """The rank; ShapeError when it is not known."""
    rank = sp.dense_shape.dims[0] if sp.dense_shape.dims else None
    if rank is None:
        raise ShapeError(f"{what} needs a SparseTensor of known rank")
    return rank


def axis_of(axis: Any, rank: int) -> int:
    if not -rank <= axis < rank:
        raise GraphError(f"axis {axis} is out of range for rank {rank}")
    return int(axis) % rank


def taken(vector: Tensor, places: Tensor) -> Tensor:
    """The elements of a vector at places [n], with a dense gradient."""
    return gather_nd(vector, expand_dims(places, 1))


# -- order ---------------------------------------------------------------------------------------------------------
ROW_MAJOR_ORDER = define(
    "RowMajorOrder", "indices:int64",
    infer=lambda indices: (indices.dims and indices.dims[:1], int64),
    reference=lambda indices: np.lexsort(indices.T[::-1]) if indices.shape[1] else np.arange(len(indices)),
    vjp=NO_GRADIENT,
)  # fmt: skip


def sparse_reorder(sp_input: Any, name: str | None = None) -> SparseTensor:
    """The elements in row-major order.   Gradient: values."""
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseReorder", [sp.values]):
        order = ROW_MAJOR_ORDER(sp.indices)
        return SparseTensor(gather(sp.indices, order), taken(sp.values, order), sp.dense_shape)


# -- shapes and axes -----------------------------------------------------------------------------------------------
def _target(old: np.ndarray, new: np.ndarray) -> np.ndarray | None:
    """The new shape with its -1 worked out, None where the numbers of elements differ."""
    total, holes = int(np.prod(old)), new == -1
    rest = int(np.prod(new[~holes]))
    if holes.sum() == 1 and rest and total % rest == 0:
        new = np.where(holes, total // rest, new)
    return None if (new < 0).any() or int(np.prod(new)) != total else new


def _reshaped(indices: np.ndarray, old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    target = _target(old, new)
    if target is None:
        raise refuse(f"cannot reshape {old.tolist()} to {new.tolist()}: the numbers of elements differ")
    flat = np.ravel_multi_index(tuple(indices.T), tuple(old.tolist())) if old.size else np.zeros(len(indices), np.int64)
    made = np.stack(np.unravel_index(flat, tuple(target.tolist())), 1) if target.size else indices[:, :0]
    return made, target


def _reshape_infer(indices: Tensor, old: Tensor, new: Tensor) -> list:
    before, after = static_value(old), static_value(new)
    if before is not None and after is not None and _target(before, after) is None:
        raise ShapeError(f"cannot reshape {before.tolist()} to {after.tolist()}: the numbers of elements differ")
    n = indices.dims[0] if indices.dims else None
    rank = new.dims[0] if new.dims else None
    return [((n, rank), int64), ((rank,), int64)]


SPARSE_RESHAPE = define("SparseReshape", "indices:int64 old:int64 new:int64", _reshape_infer, _reshaped,
                        vjp=NO_GRADIENT)  # fmt: skip


def sparse_reshape(sp_input: Any, shape: Any, name: str | None = None) -> SparseTensor:
    """The same elements, in row-major order, under another shape; one size may be -1.   Gradient: values."""
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseReshape", [sp.values]):
        target = cast(convert_to_tensor(shape), int64)
        indices, made = SPARSE_RESHAPE(sp.indices, sp.dense_shape, target)
        return SparseTensor(indices, sp.values, made)


def sparse_transpose(sp_input: Any, perm: Any = None, name: str | None = None) -> SparseTensor:
    """The axes in the order `perm`, reversed by default.   Gradient: values."""
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseTranspose", [sp.values]):
        order = list(range(rank_of(sp, "sparse_transpose")))[::-1] if perm is None else perm
        moved = SparseTensor(gather(sp.indices, order, axis=1), sp.values, gather(sp.dense_shape, order))
        return sparse_reorder(moved)


def sparse_reset_shape(sp_input: Any, new_shape: Any = None) -> SparseTensor:
    """Another dense shape around the same elements; the smallest that holds them by default.

    Raises: ValueError for another rank, InvalidArgumentError when run for a shape that is smaller than the present one.
    """
    sp = SparseTensor.from_value(sp_input)
    with name_scope(None, "SparseResetShape", [sp.values]):
        if new_shape is None:
            return SparseTensor(sp.indices, sp.values, maximum(reduce_max(sp.indices, 0), -1) + 1)
        wanted = cast(convert_to_tensor(new_shape), int64)
        return SparseTensor(sp.indices, sp.values, AT_LEAST(wanted, sp.dense_shape))


def _at_least(wanted: np.ndarray, present: np.ndarray) -> np.ndarray:
    if wanted.shape != present.shape or (wanted < present).any():
        raise InvalidArgumentError.because(f"the shape {wanted.tolist()} does not hold {present.tolist()}")
    return wanted


def _at_least_infer(wanted: Tensor, present: Tensor) -> tuple:
    if wanted.dims is not None and present.dims is not None and wanted.dims != present.dims:
        raise ShapeError(f"the new shape has {wanted.dims} sizes, the present one {present.dims}")
    sizes = static_value(wanted), static_value(present)
    if sizes[0] is not None and sizes[1] is not None and (sizes[0] < sizes[1]).any():
        raise ShapeError(f"the shape {sizes[0].tolist()} does not hold {sizes[1].tolist()}")
    return wanted.dims, int64


AT_LEAST = define("AtLeast", "wanted:int64 present:int64", _at_least_infer, _at_least, vjp=NO_GRADIENT)


# -- parts ---------------------------------------------------------------------------------------------------------
def sparse_retain(sp_input: Any, to_retain: Any) -> SparseTensor:
    """The elements for which to_retain, bool [n], is True.   Gradient: values."""
    sp = SparseTensor.from_value(sp_input)
    kept = convert_to_tensor(to_retain, bool_, name="to_retain")
    kept.set_shape([sp.values.dims[0] if sp.values.dims else None])
    return SparseTensor(boolean_mask(sp.indices, kept), boolean_mask(sp.values, kept), sp.dense_shape)


def sparse_slice(sp_input: Any, start: Any, size: Any, name: str | None = None) -> SparseTensor:
    """size[i] elements from start[i] on along each axis, as many as there are.   Gradient: values."""
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseSlice", [sp.values]):
        first, count = (cast(convert_to_tensor(v), int64) for v in (start, size))
        inside = logical_and(greater_equal(sp.indices, first), less(sp.indices, first + count))
        part = sparse_retain(sp, reduce_all(inside, 1))
        left = maximum(minimum(count, sp.dense_shape - first), 0)
        return SparseTensor(part.indices - first, part.values, left)


def sparse_split(
    keyword_required: Any = None, sp_input: Any = None, num_split: int | None = None, axis: int | None = None,
    name: str | None = None, split_dim: int | None = None,
) -> list[SparseTensor]:  # fmt: skip
    """num_split parts along an axis, the first ones longer by one where it cannot be divided.   Gradient: values."""
    at = either(axis, split_dim, "axis", "split_dim")
    if keyword_required is not None or sp_input is None or num_split is None or at is None:
        raise GraphError("sparse_split takes sp_input, num_split and axis, each by its name")
    sp = SparseTensor.from_value(sp_input)
    rank = rank_of(sp, "sparse_split")
    along = one_hot(axis_of(at, rank), rank, dtype=int64)
    with name_scope(name, "SparseSplit", [sp.values]):
        whole = sp.dense_shape[axis_of(at, rank)]
        parts, start = [], whole * 0
        for i in range(num_split):
            size = (whole + (num_split - 1 - i)) // num_split
            parts.append(sparse_slice(sp, along * start, sp.dense_shape * (1 - along) + along * size))
            start = start + size
        return parts


def sparse_mask(a: IndexedSlices, mask_indices: Any, name: str | None = None) -> IndexedSlices:
    """IndexedSlices without the rows whose index is one of mask_indices."""
    with name_scope(name, "sparse_mask", [a.values]):
        masked = convert_to_tensor(mask_indices, a.indices.dtype)
        indices, kept = setdiff1d(a.indices, masked)
        return IndexedSlices(gather(a.values, kept), indices, a.dense_shape)


# -- put together --------------------------------------------------------------------------------------------------
def _joined_shape(*shapes: np.ndarray, axis: int, expand: bool) -> np.ndarray:
    table = np.stack(shapes)
    out = table.max(axis=0)
    if not expand and (np.delete(table, axis, 1) != np.delete(out, axis)).any():
        raise refuse(f"shapes {table.tolist()} differ outside of axis {axis}")
    out[axis] = table[:, axis].sum()
    return out


JOINED_SHAPE = define(
    "JoinedSparseShape", "*shapes:int64",
    infer=lambda *shapes, axis, expand: (shapes[0].dims, int64),
    reference=_joined_shape,
    vjp=NO_GRADIENT,
)  # fmt: skip


def sparse_concat(
    axis: int, sp_inputs: Sequence[Any], name: str | None = None, expand_nonconcat_dim: bool = False,
    concat_dim: int | None = None, expand_nonconcat_dims: bool | None = None,
) -> SparseTensor:  # fmt: skip
    """Sparse tensors side by side along an axis.

    expand_nonconcat_dim   other sizes may differ; the greatest counts
    Gradient: values.   Raises: InvalidArgumentError when run for shapes that do not fit.
    """
    inputs = [SparseTensor.from_value(s) for s in sp_inputs]
    rank = rank_of(inputs[0], "sparse_concat")
    at = axis_of(either(axis, concat_dim, "axis", "concat_dim"), rank)
    if len(inputs) == 1:
        return inputs[0]
    with name_scope(name, "SparseConcat", [s.values for s in inputs]):
        along = one_hot(at, rank, dtype=int64)
        rows, before = [], inputs[0].dense_shape[at] * 0
        for s in inputs:
            rows.append(add(s.indices, along * before))
            before = before + s.dense_shape[at]
        total = JOINED_SHAPE(*[s.dense_shape for s in inputs], axis=at,
                             expand=bool(expand_nonconcat_dims or expand_nonconcat_dim))  # fmt: skip
        return sparse_reorder(SparseTensor(concat(rows, 0), concat([s.values for s in inputs], 0), total))


# -- empty rows ----------------------------------------------------------------------------------------------------
def _filled_rows(indices: np.ndarray, dense_shape: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(all indices, for each the place of its value, the number of values for a new one; which rows were empty)."""
    rows = np.arange(int(dense_shape[0]))
    empty = ~np.isin(rows, indices[:, 0])
    added = np.zeros((int(empty.sum()), indices.shape[1]), np.int64)
    added[:, 0] = rows[empty]
    every = np.concatenate([indices, added])
    place = np.minimum(np.arange(len(every)), len(indices))
    order = np.argsort(every[:, 0], kind="stable")
    return every[order], place[order], empty


def _filled_infer(indices: Tensor, dense_shape: Tensor) -> list:
    sizes = static_value(dense_shape)
    _, rank = require_rank(indices, 2, "indices")
    return [((None, rank), int64), ((None,), int64), ((None if sizes is None else int(sizes[0]),), bool_)]


FILLED_ROWS = define("FilledRows", "indices:int64 dense_shape:int64", _filled_infer, _filled_rows, vjp=NO_GRADIENT)


def sparse_fill_empty_rows(sp_input: Any, default_value: Any, name: str | None = None) -> tuple[SparseTensor, Tensor]:
    """(the tensor with default_value in the first column of rows without elements, bool [rows]: which ones they were).

    Gradient: values and default_value.
    """
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseFillEmptyRows", [sp.values]):
        default = convert_to_tensor(default_value, sp.values.dtype, name="default_value")
        indices, places, empty = FILLED_ROWS(sp.indices, sp.dense_shape)
        values = taken(concat([sp.values, expand_dims(default, 0)], 0), places)
        return SparseTensor(indices, values, sp.dense_shape), empty
