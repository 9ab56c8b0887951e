"""A tensor, or a variable, with some of its elements replaced, added to or subtracted from."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import NUMERIC, DType
from graphflow.operation import Tensor
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.indexing import GATHER_ND, added_at, check_updates, coordinates
from graphflow.ops.lowering import Kernel
from graphflow.ops.shape_ops import refuse
from graphflow.ops.state import ref_of
from graphflow.shape import Dims

# What `tf` has of these.
__all__ = [
    "scatter_nd_add", "scatter_nd_sub", "scatter_nd_update", "tensor_scatter_add", "tensor_scatter_nd_add",
    "tensor_scatter_nd_sub", "tensor_scatter_nd_update", "tensor_scatter_sub", "tensor_scatter_update",
]  # fmt: skip


def _infer(tensor: Tensor, indices: Tensor, updates: Tensor) -> tuple[Dims, DType]:
    check_updates(indices.dims, updates.dims, tensor.dims)
    return tensor.dims, tensor.dtype


def _update(tensor: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    out = tensor.copy()
    where = coordinates(indices, out.shape)
    if updates.shape != indices.shape[:-1] + out.shape[len(where) :]:
        raise refuse(f"updates {updates.shape} at indices {indices.shape} do not fit into shape {out.shape}")
    if where:
        out[where] = updates
    else:  # coordinates of no numbers stand for all of it
        for last in updates.reshape(-1, *out.shape)[-1:]:
            out[...] = last
    return out


TENSOR_SCATTER_UPDATE: OpDef = define(
    "TensorScatterUpdate", "tensor indices:I updates",
    infer=_infer,
    reference=_update,
    vjp=(
        lambda op, dy: TENSOR_SCATTER_UPDATE(dy, op.inputs[1], zeros_like(op.inputs[2])),
        None,
        lambda op, dy: GATHER_ND(dy, op.inputs[1]),
    ),
    lowering=Kernel("tensor_scatter_put"),
)  # fmt: skip

TENSOR_SCATTER_ADD = define(
    "TensorScatterAdd", "tensor indices:I updates",
    infer=_infer,
    reference=lambda tensor, indices, updates: added_at(tensor.copy(), indices, updates),
    vjp=(lambda op, dy: dy, None, lambda op, dy: GATHER_ND(dy, op.inputs[1])),
    lowering=Kernel("tensor_scatter_add"),
    types=NUMERIC,
)  # fmt: skip

TENSOR_SCATTER_SUB = define(
    "TensorScatterSub", "tensor indices:I updates",
    infer=_infer,
    reference=lambda tensor, indices, updates: added_at(tensor.copy(), indices, updates, np.subtract),
    vjp=(lambda op, dy: dy, None, lambda op, dy: -GATHER_ND(dy, op.inputs[1])),
    lowering=Kernel("tensor_scatter_sub"),
    types=NUMERIC,
)  # fmt: skip


SCATTER_ND_UPDATE = define("ScatterNdUpdate", "ref indices:I updates", _infer, _update, vjp=NO_GRADIENT,
                           lowering=Kernel("scatter_nd_put"), stateful=True, writes=(0,))  # fmt: skip
SCATTER_ND_ADD = define("ScatterNdAdd", "ref indices:I updates", _infer, TENSOR_SCATTER_ADD.reference, NUMERIC,
                        vjp=NO_GRADIENT, lowering=Kernel("scatter_nd_add"), stateful=True, writes=(0,))  # fmt: skip
SCATTER_ND_SUB = define("ScatterNdSub", "ref indices:I updates", _infer, TENSOR_SCATTER_SUB.reference, NUMERIC,
                        vjp=NO_GRADIENT, lowering=Kernel("scatter_nd_sub"), stateful=True, writes=(0,))  # fmt: skip


def tensor_scatter_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """tensor with updates in place of the elements, or slices, at the coordinates in the last axis of indices.

    Shapes:   tensor [n_0, ..., n_k, q...], indices [i..., k], updates [i..., q...] -> tensor's
    Gradient: tensor and updates.   Raises: InvalidArgumentError when run for an index out of range.
    """
    return TENSOR_SCATTER_UPDATE(tensor, indices, updates, name=name)


def tensor_scatter_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """tensor with updates added at the coordinates, repeated ones too; shapes as for tensor_scatter_update."""
    return TENSOR_SCATTER_ADD(tensor, indices, updates, name=name)


def tensor_scatter_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """tensor with updates subtracted at the coordinates; shapes as for tensor_scatter_update."""
    return TENSOR_SCATTER_SUB(tensor, indices, updates, name=name)


tensor_scatter_nd_update = tensor_scatter_update
tensor_scatter_nd_add = tensor_scatter_add
tensor_scatter_nd_sub = tensor_scatter_sub


def scatter_nd_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """Set elements, or slices, of a variable at coordinates; the result is its new value.

    Shapes: ref [n_0, ..., n_k, q...], indices [i..., k], updates [i..., q...].
    Raises: InvalidArgumentError when run for an index out of range.
    """
    return SCATTER_ND_UPDATE(ref_of(ref), indices, updates, name=name)


def scatter_nd_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Add to elements, or slices, of a variable; repeated coordinates add up."""
    return SCATTER_ND_ADD(ref_of(ref), indices, updates, name=name)


def scatter_nd_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Subtract from elements, or slices, of a variable; repeated coordinates add up."""
    return SCATTER_ND_SUB(ref_of(ref), indices, updates, name=name)
