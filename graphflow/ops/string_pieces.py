"""Strings joined, also along axes, and split into pieces.  They run on the reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import DType, int64, string
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.shape_ops import either, expand_dims
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.static import static_value
from graphflow.ops.strings import of_each
from graphflow.shape import Dims, merge


# -- joining -------------------------------------------------------------------------------------------------------
def _joined_infer(*inputs: Tensor, separator: str) -> tuple[Dims, DType]:
    dims: Dims = ()
    for t in inputs:
        if t.dims is None:
            return None, string
        if t.dims:
            dims = merge(dims, t.dims) if dims else t.dims
    return dims, string


def _joined(*inputs: np.ndarray, separator: str) -> np.ndarray:
    if len({x.shape for x in inputs if x.ndim}) > 1:
        raise InvalidArgumentError.because(f"strings of shapes {[x.shape for x in inputs]} cannot be joined")
    between = separator.encode()
    return of_each(lambda *parts: between.join(parts), *inputs)


STRING_JOIN = define("StringJoin", "*inputs:string", _joined_infer, _joined, vjp=NO_GRADIENT)


def string_join(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Tensor:
    """The strings of several tensors of one shape, or scalars, put together: [...] each -> [...]."""
    return STRING_JOIN(*inputs, separator=separator, name=name)


def _reduced_infer(inputs: Tensor, axes: tuple[int, ...] | None, keep: bool, separator: str) -> tuple[Dims, DType]:
    if inputs.dims is None:
        return (() if axes is None and not keep else None), string
    counted = _axes(axes, len(inputs.dims), ShapeError)
    if keep:
        return tuple(1 if i in counted else d for i, d in enumerate(inputs.dims)), string
    return tuple(d for i, d in enumerate(inputs.dims) if i not in counted), string


def _axes(axes: tuple[int, ...] | None, rank: int, error: Any) -> list[int]:
    if axes is None:
        return list(range(rank))[::-1]
    if any(not -rank <= a < rank for a in axes) or len({a % rank for a in axes}) < len(axes):
        raise error(f"axes {axes} do not fit rank {rank}")
    return [a % rank for a in axes]


def _reduce_joined(x: np.ndarray, axes: tuple[int, ...] | None, keep: bool, separator: str) -> np.ndarray:
    """One axis after the other, in the order given."""
    counted = _axes(axes, x.ndim, InvalidArgumentError.because)
    between = separator.encode()
    for axis in counted:
        rows = np.moveaxis(x, axis, -1)
        made = np.empty(rows.shape[:-1], object)
        for place in np.ndindex(made.shape):
            made[place] = between.join(rows[place].tolist())
        x = np.expand_dims(made, axis)
    return x if keep else np.squeeze(x, tuple(counted))


REDUCE_JOIN = define("ReduceJoin", "inputs:string", _reduced_infer, _reduce_joined, vjp=NO_GRADIENT)


def reduce_join(
    inputs: Any, axis: Any = None, keep_dims: bool | None = None, separator: str = "", name: str | None = None,
    reduction_indices: Any = None, keepdims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The strings along axes put together, along one axis after the other in the order given; the last one first.

    Shapes: [...] -> [...] without the axes, or with size 1 there.   Raises: ValueError for axes out of range.
    """
    given = either(axis, reduction_indices, "axis", "reduction_indices")
    axes = None
    if given is not None:
        value = static_value(convert_to_tensor(given))
        if value is None:
            raise GraphError("the axes of reduce_join must be known while building")
        axes = tuple(np.atleast_1d(value).tolist())
    keep = bool(either(keepdims, keep_dims, "keepdims", "keep_dims"))
    with name_scope(name, "ReduceJoin", [inputs]):
        return REDUCE_JOIN(inputs, axes=axes, keep=keep, separator=separator)


# -- splitting -----------------------------------------------------------------------------------------------------
def _pieces(text: bytes, delimiter: bytes, skip_empty: bool) -> list[bytes]:
    """Cut at each byte of the delimiter; into single bytes where there is none."""
    if not delimiter:
        return [text[i : i + 1] for i in range(len(text))]
    parts = re.split(b"[" + re.escape(delimiter) + b"]", text)
    return [p for p in parts if p] if skip_empty else parts


def _pieces_v2(text: bytes, delimiter: bytes, maxsplit: int) -> list[bytes]:
    """As Python splits."""
    return text.split(delimiter or None, maxsplit)


def _as_sparse(rows: list[list[bytes]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    indices = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
    values = np.empty(len(indices), object)
    values[:] = [part for row in rows for part in row]
    shape = [len(rows), max(map(len, rows), default=0)]
    return np.array(indices, np.int64).reshape(-1, 2), values, np.array(shape, np.int64)


def _split(x: np.ndarray, delimiter: np.ndarray, skip_empty: bool) -> Any:
    return _as_sparse([_pieces(text, delimiter.item(), skip_empty) for text in x.tolist()])


def _split_v2(x: np.ndarray, delimiter: np.ndarray, maxsplit: int) -> Any:
    return _as_sparse([_pieces_v2(text, delimiter.item(), maxsplit) for text in x.tolist()])


def _split_infer(input: Tensor, delimiter: Tensor, **_: Any) -> list[tuple[Dims, DType]]:
    require_rank(input, 1, "the strings to split")
    require_rank(delimiter, 0, "the delimiter")
    return [((None, 2), int64), ((None,), string), ((2,), int64)]


STRING_SPLIT = define("StringSplit", "input:string delimiter:string", _split_infer, _split, vjp=NO_GRADIENT)
STRING_SPLIT_V2 = define("StringSplitV2", "input:string sep:string", _split_infer, _split_v2, vjp=NO_GRADIENT)


def _sparse_only(result_type: str) -> None:
    if result_type != "SparseTensor":
        raise NotImplementedError(f"result_type {result_type!r} is not there; 'SparseTensor' is")


def string_split(
    source: Any, sep: Any = None, skip_empty: bool = True, delimiter: Any = None, result_type: str = "SparseTensor",
    name: str | None = None,
) -> SparseTensor:  # fmt: skip
    """The pieces of each string between any of the characters of `sep`, a space by default; single bytes for "".

    Shapes: [n] -> SparseTensor [n, greatest number of pieces].   skip_empty leaves empty pieces out.
    """
    _sparse_only(result_type)
    between = either(sep, delimiter, "sep", "delimiter")
    with name_scope(name, "StringSplit", [source]):
        return SparseTensor(*STRING_SPLIT(source, " " if between is None else between, skip_empty=bool(skip_empty)))


def strings_split(
    input: Any = None, sep: Any = None, maxsplit: int = -1, result_type: str = "SparseTensor", source: Any = None,
    name: str | None = None,
) -> SparseTensor:  # fmt: skip
    """The pieces of each string between separators, or between white space, at most maxsplit + 1 of them.

    Shapes: [n], or one string, -> SparseTensor [n, greatest number of pieces].
    """
    _sparse_only(result_type)
    with name_scope(name, "StringSplit", [input]):
        strings = convert_to_tensor(either(input, source, "input", "source"), string)
        strings = expand_dims(strings, 0) if strings.dims == () else strings
        return SparseTensor(*STRING_SPLIT_V2(strings, "" if sep is None else sep, maxsplit=int(maxsplit)))
