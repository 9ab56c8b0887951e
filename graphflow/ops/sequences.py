"""Sequences of different lengths in one tensor, rows dealt out and put together, repeated elements, grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import INDEX, DType
from graphflow.errors import DTypeError, GraphError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.arrange import invert_permutation
from graphflow.ops.basic import cast
from graphflow.ops.compare import less
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define, graph_of
from graphflow.ops.fill import range as range_
from graphflow.ops.fill import scalar_like
from graphflow.ops.indexed_slices import GATHER
from graphflow.ops.indexing import gather
from graphflow.ops.infer import axis_in
from graphflow.ops.join import alike, concat
from graphflow.ops.reduce import reduce_max
from graphflow.ops.shape_ops import broadcast_to, either, expand_dims, refuse, reshape, shape, size
from graphflow.ops.static import static_value
from graphflow.shape import Dims, compatible, count, known, merge, show


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_, name: str | None = None) -> Tensor:
    """For each length a row of `maxlen` elements, True in the first ones.

    Shapes: [...] -> [..., maxlen]; the greatest length when maxlen is not given.   No gradient.
    """
    graph = graph_of((lengths, maxlen))
    with graph.as_default(), graph.name_scope(name or "SequenceMask"):
        lengths = convert_to_tensor(lengths, name="lengths")
        maxlen = maximum(reduce_max(lengths), 0) if maxlen is None else convert_to_tensor(maxlen, name="maxlen")
        scalar_like(maxlen, "maxlen")
        mask = less(range_(0, maxlen, 1), cast(expand_dims(lengths, -1), maxlen.dtype))
        return cast(mask, dtype)


# -- reverse_sequence ----------------------------------------------------------------------------------------------
def _reverse_infer(input: Tensor, seq_lengths: Tensor, seq_dim: int, batch_dim: int) -> tuple[Dims, DType]:
    dims = input.dims
    if seq_lengths.dims is not None and len(seq_lengths.dims) != 1:
        raise ShapeError(f"seq_lengths must be a vector, and has shape {show(seq_lengths.dims)}")
    if dims is None:
        return None, input.dtype
    at, batch = axis_in(seq_dim, len(dims), "seq_axis"), axis_in(batch_dim, len(dims), "batch_axis")
    if at == batch:
        raise ShapeError(f"seq_axis and batch_axis are both {at}")
    rows = merge((dims[batch],), seq_lengths.dims)
    return (*dims[:batch], *rows, *dims[batch + 1 :]), input.dtype  # type: ignore[misc]


def _reverse(x: np.ndarray, seq_lengths: np.ndarray, seq_dim: int, batch_dim: int) -> np.ndarray:
    rows = np.moveaxis(x, (batch_dim, seq_dim), (0, 1))
    n = rows.shape[1]
    if seq_lengths.shape != rows.shape[:1] or (seq_lengths < 0).any() or (seq_lengths > n).any():
        raise refuse(f"seq_lengths {seq_lengths.tolist()} must be {rows.shape[0]} numbers from 0 to {n}")
    at, ends = np.arange(n), seq_lengths[:, None]
    source = np.where(at < ends, ends - 1 - at, at)
    return np.moveaxis(rows[np.arange(rows.shape[0])[:, None], source], (0, 1), (batch_dim, seq_dim))


REVERSE_SEQUENCE: OpDef = define(
    "ReverseSequence", "input seq_lengths:I",
    infer=_reverse_infer,
    reference=_reverse,
    vjp=(lambda op, dy: REVERSE_SEQUENCE(dy, op.inputs[1], **op.attrs), None),
)  # fmt: skip


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Tensor:
    """The first seq_lengths[i] elements along seq_axis in reverse order, in the i-th slice along batch_axis (0).

    Gradient: input.   Raises: InvalidArgumentError when run for a length beyond the end.
    """
    at = either(seq_axis, seq_dim, "seq_axis", "seq_dim")
    if at is None:
        raise GraphError("reverse_sequence needs seq_axis")
    batch = either(batch_axis, batch_dim, "batch_axis", "batch_dim") or 0
    return REVERSE_SEQUENCE(input, seq_lengths, seq_dim=int(at), batch_dim=int(batch), name=name)


# -- dealing rows out and putting them together --------------------------------------------------------------------
def _partition_infer(data: Tensor, partitions: Tensor, num_partitions: int) -> list[tuple[Dims, DType]]:
    if data.dims is None or partitions.dims is None:
        return [(None, data.dtype)] * num_partitions
    wide = len(partitions.dims)
    if not compatible(data.dims[:wide], partitions.dims):
        raise ShapeError(f"partitions {show(partitions.dims)} must have the first axes of the data {show(data.dims)}")
    return [((None, *data.dims[wide:]), data.dtype)] * num_partitions


def _partition(data: np.ndarray, partitions: np.ndarray, num_partitions: int) -> list[np.ndarray]:
    if data.shape[: partitions.ndim] != partitions.shape:
        raise refuse(f"partitions {partitions.shape} must have the first axes of the data {data.shape}")
    if ((partitions < 0) | (partitions >= num_partitions)).any():
        raise refuse(f"partitions must be in [0, {num_partitions})")
    return [data[partitions == i] for i in range(num_partitions)]


def _partition_vjp(op: Operation, *dys: Tensor) -> list[Tensor | None]:
    """The pieces in a row hold the data in the order of `came_from`; the inverse permutation puts it back."""
    data, partitions = op.inputs
    places = reshape(range_(size(partitions)), shape(partitions))
    came_from = concat(dynamic_partition(places, partitions, len(dys)), 0)
    rows = GATHER(concat(dys, 0), invert_permutation(came_from), 0, batch_dims=0)
    return [reshape(rows, shape(data)), None]


DYNAMIC_PARTITION = define(
    "DynamicPartition", "data partitions:int32",
    infer=_partition_infer,
    reference=_partition,
    vjp=_partition_vjp,
)  # fmt: skip


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Tensor]:
    """A list of num_partitions tensors: the i-th holds the slices of data whose number in `partitions` is i.

    Shapes: data [p..., q...], partitions [p...] -> [n_i, q...] each.   Gradient: data.
    """
    if num_partitions < 1:
        raise GraphError(f"there must be at least one partition, not {num_partitions}")
    parts = DYNAMIC_PARTITION(data, partitions, num_partitions=int(num_partitions), name=name)
    return parts if isinstance(parts, list) else [parts]


def _stitch_infer(indices: Tensor, data: Tensor) -> tuple[Dims, DType]:
    at = static_value(indices)
    n = None if at is None else int(at.max(initial=-1)) + 1
    return (None if data.dims is None else (n, *data.dims[1:])), data.dtype


def _stitch(indices: np.ndarray, data: np.ndarray) -> np.ndarray:
    if data.shape[:1] != indices.shape or (indices < 0).any():
        raise refuse(f"indices {indices.shape} must be at least 0, and one for each row of the data {data.shape}")
    out = np.zeros((int(indices.max(initial=-1)) + 1, *data.shape[1:]), data.dtype)
    out[indices] = data
    return out


STITCH_ROWS = define(
    "StitchRows", "indices:int32 data",
    infer=_stitch_infer,
    reference=_stitch,
    vjp=(None, lambda op, dy: GATHER(dy, op.inputs[0], 0, batch_dims=0)),
    types=(*dtypes.NUMERIC, dtypes.bool_),
)  # fmt: skip


def dynamic_stitch(indices: Sequence[Any], data: Sequence[Any], name: str | None = None) -> Tensor:
    """One tensor of all slices: out[indices[i][j]] = data[i][j]; the last one wins where an index comes again.

    Shapes: indices[i] [p...], data[i] [p..., q...] -> [greatest index + 1, q...].   Gradient: data.
    """
    if len(indices) != len(data) or not data:
        raise GraphError(f"dynamic_stitch needs as many indices as data, not {len(indices)} and {len(data)}")
    graph = graph_of([*indices, *data])
    with graph.as_default(), graph.name_scope(name or "DynamicStitch") as scope:
        places = [convert_to_tensor(i, dtypes.int32, name="indices") for i in indices]
        rows = [_as_rows(t, i) for t, i in zip(alike(data, "data"), places, strict=True)]
        return STITCH_ROWS(concat([reshape(i, [-1]) for i in places], 0), concat(rows, 0), name=scope)


def _as_rows(data: Tensor, indices: Tensor) -> Tensor:
    """One row for each index."""
    if indices.dims is None:
        raise ShapeError("dynamic_stitch needs indices of known rank")
    wide, n = len(indices.dims), count(indices.dims)
    if data.dims is not None:
        merge(data.dims[:wide], indices.dims)
    if wide == 1:
        return data
    if data.dims is not None and known(data.dims[wide:]):
        return reshape(data, [size(indices) if n is None else n, *data.dims[wide:]])
    return reshape(data, concat([[size(indices)], shape(data)[wide:]], 0))


# -- repeat and meshgrid -------------------------------------------------------------------------------------------
def _repeat_infer(repeats: Tensor, n: Tensor) -> tuple[Dims, DType]:
    times, length = static_value(repeats), static_value(n)
    if times is None or length is None:
        return (None,), repeats.dtype
    if times.size not in (1, int(length)) or (times < 0).any():
        raise ShapeError(f"repeats {times.tolist()} must be one number >= 0, or {int(length)} of them")
    return (int(times.sum()) * (int(length) if times.size == 1 else 1),), repeats.dtype


def _repeat(repeats: np.ndarray, n: np.ndarray) -> np.ndarray:
    if repeats.ndim > 1 or repeats.size not in (1, int(n)) or (repeats < 0).any():
        raise refuse(f"repeats {repeats.tolist()} must be one number >= 0, or {int(n)} of them")
    return np.repeat(np.arange(int(n)), repeats)


REPEATED_INDICES = define(
    "RepeatedIndices", "repeats:I n:I",
    infer=_repeat_infer,
    reference=_repeat,
    vjp=NO_GRADIENT,
    types={"I": INDEX},
)  # fmt: skip


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Each slice along an axis repeats[i] times in a row; without an axis, the elements of the flattened tensor.

    Gradient: input.   Raises: ValueError, or InvalidArgumentError when run, for a wrong number of repeats.
    """
    graph = graph_of((input, repeats))
    with graph.as_default(), graph.name_scope(name or "Repeat"):
        input = convert_to_tensor(input, name="input")
        repeats = convert_to_tensor(repeats, dtype_hint=dtypes.int32, name="repeats")
        if axis is None:
            input, axis = reshape(input, [-1]), 0
        indices = REPEATED_INDICES(repeats, shape(input, out_type=repeats.dtype)[axis])
        return gather(input, indices, axis=axis)


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = "meshgrid") -> list[Tensor]:
    """Coordinate grids of vectors, each broadcast over the axes of the others.

    Shapes:   vectors of n_0, n_1, n_2, ... -> [n_0, n_1, n_2, ...] each ("ij"), or [n_1, n_0, n_2, ...] ("xy")
    Gradient: all.   Raises: ValueError for another indexing.
    """
    if indexing not in ("xy", "ij"):
        raise GraphError(f"indexing must be xy or ij, not {indexing!r}")
    graph = graph_of(args)
    with graph.as_default(), graph.name_scope(name or "meshgrid"):
        vectors = [convert_to_tensor(v, name=f"input_{i}") for i, v in enumerate(args)]
        if len({v.dtype for v in vectors}) > 1:
            raise DTypeError(f"the vectors of a grid must have one dtype, not {[v.dtype.name for v in vectors]}")
        order = list(range(len(vectors)))
        if indexing == "xy" and len(order) > 1:
            order[:2] = [1, 0]
        lengths = [size(v) if count(v.dims) is None else count(v.dims) for v in vectors]
        sizes = [lengths[i] for i in order]
        return [broadcast_to(reshape(v, [-1 if i == k else 1 for i in order]), sizes) for k, v in enumerate(vectors)]
