"""Sets of values along the last axis: sizes, unions, intersections and differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType, int32, int64
from graphflow.errors import DTypeError, InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops.convert import convert_to_tensor_or_sparse_tensor
from graphflow.ops.define import NO_GRADIENT, define
from graphflow.ops.infer import require_rank
from graphflow.ops.shape_ops import refuse
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.static import static_dims
from graphflow.shape import Dims

_TYPES = tuple(getattr(dtypes, name) for name in "int8 int16 int32 int64 uint8 uint16 string".split())
_VALUES = {"V": _TYPES}


def _groups(indices: np.ndarray, values: np.ndarray, shape: np.ndarray, validate: bool) -> dict[tuple, np.ndarray]:
    """The distinct values of each place in the axes before the last, sorted."""
    if validate and len(indices) > 1 and (np.lexsort(indices.T[::-1]) != np.arange(len(indices))).any():
        raise InvalidArgumentError.because("the indices of a set must be in row-major order")
    if len(indices) and ((indices < 0) | (indices >= shape)).any():
        raise InvalidArgumentError.because(f"an index of a set lies beyond its shape {shape.tolist()}")
    found: dict[tuple, list] = {}
    for place, value in zip(map(tuple, indices[:, :-1].tolist()), values, strict=True):
        found.setdefault(place, []).append(value)
    return {place: np.unique(np.array(members, values.dtype)) for place, members in found.items()}


def _dense_groups(x: np.ndarray) -> dict[tuple, np.ndarray]:
    return {place: np.unique(x[place]) for place in np.ndindex(x.shape[:-1])}


_OPERATIONS = {
    "a-b": lambda a, b: a[~np.isin(a, b)],
    "b-a": lambda a, b: b[~np.isin(b, a)],
    "intersection": lambda a, b: a[np.isin(a, b)],
    "union": lambda a, b: np.unique(np.concatenate([a, b])),
}


def _combined(
    a: dict[tuple, np.ndarray], b: dict[tuple, np.ndarray], outer: tuple[int, ...], kind: DType, operation: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices, values and shape of the sets that the operation makes; the last axis is as long as the largest."""
    none = np.empty(0, kind.dtype)
    made = [(place, _OPERATIONS[operation](a.get(place, none), b.get(place, none))) for place in sorted({*a, *b})]
    indices = [(*place, i) for place, members in made for i in range(len(members))]
    values = np.concatenate([members for _, members in made] or [none])
    largest = max((len(members) for _, members in made), default=0)
    return (
        np.array(indices, np.int64).reshape(len(values), len(outer) + 1),
        values,
        np.array([*outer, largest], np.int64),
    )


def _same_outer(a: Any, b: Any) -> tuple[int, ...]:
    first, second = tuple(map(int, a[:-1])), tuple(map(int, b[:-1]))
    if first != second or not len(a):
        raise refuse(f"sets of the shapes {list(a)} and {list(b)} do not go together: all but the last axis must agree")
    return first


def _sparse_sparse(
    ai: np.ndarray, av: np.ndarray, ashape: np.ndarray, bi: np.ndarray, bv: np.ndarray, bshape: np.ndarray,
    set_operation: str, validate_indices: bool,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    outer = _same_outer(ashape, bshape)
    groups = _groups(ai, av, ashape, validate_indices), _groups(bi, bv, bshape, validate_indices)
    return _combined(*groups, outer, dtypes.as_dtype(av.dtype), set_operation)


def _dense_sparse(
    x: np.ndarray, bi: np.ndarray, bv: np.ndarray, bshape: np.ndarray, set_operation: str, validate_indices: bool
) -> tuple[np.ndarray, ...]:
    outer = _same_outer(x.shape, bshape)
    groups = _dense_groups(x), _groups(bi, bv, bshape, validate_indices)
    return _combined(*groups, outer, dtypes.as_dtype(x.dtype), set_operation)


def _dense_dense(x: np.ndarray, y: np.ndarray, set_operation: str, validate_indices: bool) -> tuple[np.ndarray, ...]:
    outer = _same_outer(x.shape, y.shape)
    return _combined(_dense_groups(x), _dense_groups(y), outer, dtypes.as_dtype(x.dtype), set_operation)


def _outputs(rank: int | None, kind: DType) -> list[tuple[Dims, DType]]:
    return [((None, rank), int64), ((None,), kind), ((rank,), int64)]


def _infer_dense(x: Tensor, *rest: Tensor, **attrs: Any) -> list[tuple[Dims, DType]]:
    if x.dims is not None and not x.dims:
        raise refuse(f"a set needs an axis of its values, and {x!r} has none")
    return _outputs(None if x.dims is None else len(x.dims), x.dtype)


def _infer_sparse(ai: Tensor, av: Tensor, *rest: Tensor, **attrs: Any) -> list[tuple[Dims, DType]]:
    return _outputs(require_rank(ai, 2, "indices")[1], av.dtype)


SPARSE_SPARSE = define(
    "SparseToSparseSetOperation", "ai:int64 av:V ashape:int64 bi:int64 bv:V bshape:int64",
    infer=_infer_sparse, reference=_sparse_sparse, types=_VALUES, vjp=NO_GRADIENT,
)  # fmt: skip
DENSE_SPARSE = define(
    "DenseToSparseSetOperation", "x:V bi:int64 bv:V bshape:int64",
    infer=_infer_dense, reference=_dense_sparse, types=_VALUES, vjp=NO_GRADIENT,
)  # fmt: skip
DENSE_DENSE = define(
    "DenseToDenseSetOperation", "x:V y:V",
    infer=_infer_dense, reference=_dense_dense, types=_VALUES, vjp=NO_GRADIENT,
)  # fmt: skip


def _sizes(indices: np.ndarray, values: np.ndarray, shape: np.ndarray, validate_indices: bool) -> np.ndarray:
    sizes = np.zeros(shape[:-1], np.int32)
    for place, members in _groups(indices, values, shape, validate_indices).items():
        sizes[place] = len(members)
    return sizes


def _infer_size(indices: Tensor, values: Tensor, shape: Tensor, validate_indices: bool) -> tuple[Dims, DType]:
    dims = static_dims(shape)
    return (dims if dims is None else dims[:-1]), int32


SET_SIZE = define(
    "SetSize", "indices:int64 values:V shape:int64",
    infer=_infer_size, reference=_sizes, types=_VALUES, vjp=NO_GRADIENT,
)  # fmt: skip


def set_size(a: Any, validate_indices: bool = True) -> Tensor:
    """How many distinct values each set has: a SparseTensor [..., n] -> int32 [...].

    validate_indices   check that the indices are in order
    No gradient.   Raises: TypeError for a dense tensor or another dtype; InvalidArgumentError, when run, for indices.
    """
    sets = _converted(a, "a")
    if not isinstance(sets, SparseTensor):
        raise TypeError(f"set_size takes a SparseTensor, not {sets!r}")
    return SET_SIZE(sets.indices, sets.values, sets.dense_shape, validate_indices=validate_indices)


def _converted(value: Any, name: str) -> Any:
    t = convert_to_tensor_or_sparse_tensor(value, name=name)
    if t.dtype not in _TYPES:
        raise DTypeError(f"sets have values of {', '.join(d.name for d in _TYPES)}, not {t.dtype.name}")
    return t


def _operated(a: Any, b: Any, operation: str, validate_indices: bool) -> SparseTensor:
    x, y = _converted(a, "a"), _converted(b, "b")
    if x.dtype is not y.dtype:
        raise DTypeError(f"the sets are of {x.dtype.name} and of {y.dtype.name}")
    if isinstance(x, SparseTensor) and not isinstance(y, SparseTensor):
        x, y, operation = y, x, {"a-b": "b-a", "b-a": "a-b"}.get(operation, operation)
    record = DENSE_DENSE
    if isinstance(y, SparseTensor):
        record = SPARSE_SPARSE if isinstance(x, SparseTensor) else DENSE_SPARSE
    inputs = [p for t in (x, y) for p in (t.feed_components() if isinstance(t, SparseTensor) else [t])]
    return SparseTensor(*record(*inputs, set_operation=operation, validate_indices=validate_indices))


def set_intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The values that are in both sets, sorted, for each place in the axes before the last.

    a, b   tensors or SparseTensors [..., n] and [..., m], integers or strings
    No gradient.   Raises: TypeError for other dtypes; InvalidArgumentError, when run, for shapes that do not agree.
    """
    return _operated(a, b, "intersection", validate_indices)


def set_difference(a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True) -> SparseTensor:
    """The values of a that are not in b, or with aminusb=False the other way round; as set_intersection."""
    return _operated(a, b, "a-b" if aminusb else "b-a", validate_indices)


def set_union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The values that are in one of the sets; as set_intersection."""
    return _operated(a, b, "union", validate_indices)
