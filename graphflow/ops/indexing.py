"""Taking elements by their indices: gather, gather_nd and boolean_mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import OpDef, convert_to_tensor, define, graph_of
from graphflow.ops.fill import range as range_
from graphflow.ops.indexed_slices import GATHER
from graphflow.ops.infer import axis_in
from graphflow.ops.join import concat
from graphflow.ops.lowering import Kernel
from graphflow.ops.select import where
from graphflow.ops.shape_ops import broadcast_to, refuse, reshape, shape, size, size_vector, squeeze
from graphflow.shape import Dims, compatible, known, merge, show


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Tensor:
    """Slices of params along an axis, chosen by indices.

    Shapes:   params [b..., p..., n, q...], indices [b..., i...] -> [b..., p..., i..., q...]; b... are the batch_dims
    Gradient: params, as IndexedSlices when the axis is 0.
    Raises:   InvalidArgumentError when run for an index out of range.
    """
    graph = graph_of((params, indices))
    with graph.as_default(), graph.name_scope(name or "GatherV2") as scope:
        indices = convert_to_tensor(indices, dtype_hint=dtypes.int32, name="indices")
        if batch_dims < 0:
            if indices.dims is None:
                raise ShapeError("a negative batch_dims needs indices of known rank")
            batch_dims += len(indices.dims)
        return GATHER(params, indices, batch_dims if axis is None else axis, batch_dims=int(batch_dims), name=scope)


def batch_gather(params: Any, indices: Any, name: str | None = None) -> Tensor:
    """For each element of a batch, elements of the last batch axis of params.

    Shapes: params [b..., n, q...], indices [b..., i] -> [b..., i, q...].   Gradient: params.
    """
    indices = convert_to_tensor(indices, dtype_hint=dtypes.int32, name="indices")
    return gather(params, indices, batch_dims=-1, name=name or "BatchGatherV2")


# -- gather_nd -----------------------------------------------------------------------------------------------------
def _gather_nd_infer(params: Tensor, indices: Tensor) -> tuple[Dims, DType]:
    if indices.dims == ():
        raise ShapeError("the indices of gather_nd must be a vector at least")
    if params.dims is None or indices.dims is None or indices.dims[-1] is None:
        return None, params.dtype
    depth = indices.dims[-1]
    if depth > len(params.dims):
        raise ShapeError(f"indices of {depth} numbers do not fit into params of shape {show(params.dims)}")
    return (*indices.dims[:-1], *params.dims[depth:]), params.dtype


def coordinates(indices: np.ndarray, dims: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """The last axis of an index array as a NumPy index; InvalidArgumentError when one is outside of `dims`."""
    if indices.ndim == 0 or indices.shape[-1] > len(dims):
        raise refuse(f"indices of shape {indices.shape} do not fit a tensor of shape {dims}")
    inside = (indices >= 0) & (indices < np.array(dims[: indices.shape[-1]], indices.dtype))
    if not inside.all():
        at = int(np.argmin(inside.all(axis=-1)))
        wrong = indices.reshape(-1, indices.shape[-1])[at]
        raise refuse(f"indices[{at}] = {wrong.tolist()} is out of range for shape {dims}")
    return tuple(np.moveaxis(indices, -1, 0))


def _gather_nd(params: np.ndarray, indices: np.ndarray) -> np.ndarray:
    where = coordinates(indices, params.shape)
    return params[where] if where else np.broadcast_to(params, indices.shape[:-1] + params.shape)


GATHER_ND = define(
    "GatherNd", "params indices:I",
    infer=_gather_nd_infer,
    reference=_gather_nd,
    vjp=(lambda op, dy: SCATTER_ND(op.inputs[1], dy, shape(op.inputs[0], out_type=op.inputs[1].dtype)), None),
    lowering=Kernel("gather_nd"),
    moves="params",
)  # fmt: skip


def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """Elements, or slices, of params at the coordinates in the last axis of indices.

    Shapes:   params [n_0, ..., n_k, q...], indices [i..., k] -> [i..., q...]
    Gradient: params.   Raises: InvalidArgumentError when run for an index out of range.
    """
    params = convert_to_tensor(params, name="params")
    indices = convert_to_tensor(indices, dtype_hint=dtypes.int32, name="indices")
    return GATHER_ND(params, _with_batch(indices, batch_dims) if batch_dims else indices, name=name)


def _with_batch(indices: Tensor, batch_dims: int) -> Tensor:
    """Coordinates with those of the batch in front."""
    if indices.dims is None:
        raise ShapeError("batch_dims needs indices of known rank")
    n = len(indices.dims)
    if not 0 <= batch_dims < n:
        raise GraphError(f"batch_dims is {batch_dims}, and the indices have shape {show(indices.dims)}")
    sizes = shape(indices, out_type=indices.dtype)
    column = concat([sizes[:-1], [1]], 0)
    numbers = [broadcast_to(reshape(range_(sizes[i]), [-1] + [1] * (n - 1 - i)), column) for i in range(batch_dims)]
    return concat([*numbers, indices], -1)


# -- scatter_nd ----------------------------------------------------------------------------------------------------
def _scatter_infer(indices: Tensor, updates: Tensor, shape: Tensor) -> tuple[Dims, DType]:
    dims = size_vector(shape, "shape")
    check_updates(indices.dims, updates.dims, dims)
    return dims, updates.dtype


def check_updates(indices: Dims, updates: Dims, dims: Dims) -> None:
    """ShapeError unless indices [i..., k] and updates [i..., q...] fit into a tensor of shape [n_0, ..., n_k, q...]."""
    if indices == ():
        raise ShapeError("the indices of a scatter must be a vector at least")
    if indices is None or updates is None or indices[-1] is None or dims is None:
        return
    if indices[-1] > len(dims) or not compatible(updates, (*indices[:-1], *dims[indices[-1] :])):
        raise ShapeError(f"updates {show(updates)} at indices {show(indices)} do not fit into shape {show(dims)}")


def added_at(out: np.ndarray, indices: np.ndarray, updates: np.ndarray, add: Any = np.add) -> np.ndarray:
    """`updates` added into `out` at the coordinates, in place."""
    where = coordinates(indices, out.shape)
    if updates.shape != indices.shape[:-1] + out.shape[len(where) :]:
        raise refuse(f"updates {updates.shape} at indices {indices.shape} do not fit into shape {out.shape}")
    if where:
        add.at(out, where, updates)
    else:
        out[...] = add(out, updates.reshape(-1, *out.shape).sum(axis=0))
    return out


def _scatter_nd(indices: np.ndarray, updates: np.ndarray, shape: np.ndarray) -> np.ndarray:
    if shape.ndim != 1 or (shape < 0).any():
        raise refuse(f"{shape.tolist()} is not a shape")
    return added_at(np.zeros(shape, updates.dtype), indices, updates)


SCATTER_ND: OpDef = define(
    "ScatterNd", "indices:I updates shape:I",
    infer=_scatter_infer,
    reference=_scatter_nd,
    vjp=(None, lambda op, dy: GATHER_ND(dy, op.inputs[0]), None),
    lowering=Kernel("scatter_nd"),
    types=(*dtypes.NUMERIC, dtypes.bool_),
)  # fmt: skip


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Zeros with updates added at the coordinates in the last axis of indices; repeated ones add up.

    Shapes:   indices [i..., k], updates [i..., q...] -> shape, [n_0, ..., n_k, q...]
    Gradient: updates.   Raises: InvalidArgumentError when run for an index out of range.
    """
    return SCATTER_ND(indices, updates, shape, name=name)


# -- boolean_mask --------------------------------------------------------------------------------------------------
def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask", axis: int | None = None) -> Tensor:
    """The elements, or slices, where the mask is True, in row-major order.

    Shapes:   tensor [p..., m..., q...], mask [m...], from `axis` on (0 by default) -> [p..., number of True, q...]
    Gradient: tensor.   Raises: ValueError for a mask of unknown or zero rank, or one that does not fit.
    """
    graph = graph_of((tensor, mask))
    with graph.as_default(), graph.name_scope(name or "boolean_mask"):
        tensor = convert_to_tensor(tensor, name="tensor")
        mask = convert_to_tensor(mask, name="mask")
        if not mask.dims:
            raise ShapeError(f"the mask must have a known rank of at least 1, and has shape {show(mask.dims)}")
        at, wide = int(axis or 0), len(mask.dims)
        if tensor.dims is not None:
            at = axis_in(at, len(tensor.dims))
            merge(tensor.dims[at : at + wide], mask.dims)
        sizes = shape(tensor)
        if wide > 1:
            joined = [size(mask)] if not known(mask.dims) else [int(np.prod(mask.dims))]
            after = [] if at + wide == 0 else [sizes[at + wide :]]
            tensor = reshape(tensor, concat([sizes[:at], joined, *after], 0))
            at = at if at >= 0 else at + wide - 1
        chosen = squeeze(where(reshape(mask, [-1])), [1])
        return gather(tensor, chosen, axis=at)
