"""Diagonals: taking them out of matrices, making matrices of them, keeping a band around them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import COMPLEX, WIDE, DType
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.reduce import reduce_sum
from graphflow.shape import Dims, compatible, merge, show


def _matrices(t: Tensor, what: str) -> tuple[int | None, ...] | None:
    """The sizes of a stack of matrices."""
    if t.dims is not None and len(t.dims) < 2:
        raise ShapeError(f"{what} must have rank at least 2, and has shape {show(t.dims)}")
    return t.dims


def _length(rows: int | None, columns: int | None, k: int) -> int | None:
    """The length of the k-th diagonal; ShapeError when the matrix has none."""
    if rows is None or columns is None:
        return None
    n = min(rows + min(k, 0), columns - max(k, 0))
    if n < 0 or (n == 0 and k != 0):
        raise ShapeError(f"a matrix of {rows} rows and {columns} columns has no diagonal {k}")
    return n


def _diagonal_infer(input: Tensor, k: int) -> tuple[Dims, DType]:
    dims = _matrices(input, "the input")
    return (None if dims is None else (*dims[:-2], _length(dims[-2], dims[-1], k))), input.dtype


def _diagonal(x: np.ndarray, k: int) -> np.ndarray:
    if x.ndim < 2 or not -x.shape[-2] <= k <= x.shape[-1]:
        raise InvalidArgumentError.because(f"shape {x.shape} has no diagonal {k}")
    return np.diagonal(x, k, -2, -1)


def _set_infer(input: Tensor, diagonal: Tensor, k: int) -> tuple[Dims, DType]:
    dims = _matrices(input, "the input")
    if dims is None and diagonal.dims is not None:
        dims = (*diagonal.dims[:-1], None, None)
    if dims is not None:
        expected = (*dims[:-2], _length(dims[-2], dims[-1], k))
        if not compatible(expected, diagonal.dims):
            raise ShapeError(f"the diagonal has shape {show(diagonal.dims)}, and {show(expected)} is needed")
    return dims, input.dtype


def _set(x: np.ndarray, diagonal: np.ndarray, k: int) -> np.ndarray:
    if _diagonal(x, k).shape != diagonal.shape:
        raise InvalidArgumentError.because(
            f"the diagonal has shape {diagonal.shape}, and {_diagonal(x, k).shape} is needed"
        )
    out = x.copy()
    i = np.arange(diagonal.shape[-1])
    out[..., i - min(k, 0), i + max(k, 0)] = diagonal
    return out


MATRIX_DIAG_PART = define(
    "MatrixDiagPart", "input",
    infer=_diagonal_infer,
    reference=_diagonal,
    vjp=(lambda op, dy: MATRIX_SET_DIAG(zeros_like(op.inputs[0]), dy, k=op.attrs["k"]),),
)  # fmt: skip

MATRIX_SET_DIAG: OpDef = define(
    "MatrixSetDiag", "input diagonal",
    infer=_set_infer,
    reference=_set,
    vjp=(
        lambda op, dy: MATRIX_SET_DIAG(dy, zeros_like(op.inputs[1]), k=op.attrs["k"]),
        lambda op, dy: MATRIX_DIAG_PART(dy, k=op.attrs["k"]),
    ),
)  # fmt: skip


def _made_infer(diagonal: Tensor, k: int, rows: int, columns: int, padding: Any) -> tuple[Dims, DType]:
    if diagonal.dims == ():
        raise ShapeError("a diagonal must have at least one dimension")
    if diagonal.dims is None:
        return None, diagonal.dtype
    n = diagonal.dims[-1]
    if n is None:
        return (*diagonal.dims[:-1], None if rows < 0 else rows, None if columns < 0 else columns), diagonal.dtype
    return (*diagonal.dims[:-1], *_matrix_size(n, k, rows, columns)), diagonal.dtype


def _matrix_size(n: int, k: int, rows: int, columns: int) -> tuple[int, int]:
    """The size of the smallest matrix whose k-th diagonal has n elements, where it is not given."""
    least = n - min(k, 0), n + max(k, 0)
    if rows < 0 and columns < 0:
        size = max(least)
        return size, size
    found = least[0] if rows < 0 else rows, least[1] if columns < 0 else columns
    if min(found[0] + min(k, 0), found[1] - max(k, 0)) != n:
        raise ShapeError(f"a diagonal of {n} elements is not the diagonal {k} of a matrix of {found[0]} x {found[1]}")
    return found


def _made(diagonal: np.ndarray, k: int, rows: int, columns: int, padding: Any) -> np.ndarray:
    try:
        size = _matrix_size(diagonal.shape[-1], k, rows, columns)
    except ShapeError as error:
        raise InvalidArgumentError.because(error.message) from None
    return _set(np.full((*diagonal.shape[:-1], *size), padding, diagonal.dtype), diagonal, k)


MATRIX_DIAG = define(
    "MatrixDiag", "diagonal",
    infer=_made_infer,
    reference=_made,
    vjp=(lambda op, dy: MATRIX_DIAG_PART(dy, k=op.attrs["k"]),),
)  # fmt: skip


def _band_infer(input: Tensor, num_lower: Tensor, num_upper: Tensor) -> tuple[Dims, DType]:
    for t, what in ((num_lower, "num_lower"), (num_upper, "num_upper")):
        if t.dims:
            raise ShapeError(f"{what} must be a scalar, and has shape {show(t.dims)}")
    return _matrices(input, "the input"), input.dtype


def _band(x: np.ndarray, num_lower: np.ndarray, num_upper: np.ndarray) -> np.ndarray:
    if x.ndim < 2:
        raise InvalidArgumentError.because(f"matrices are needed, not shape {x.shape}")
    below = np.arange(x.shape[-2])[:, None] - np.arange(x.shape[-1])
    lower, upper = int(num_lower), int(num_upper)
    inside = ((lower < 0) | (below <= lower)) & ((upper < 0) | (-below <= upper))
    return np.where(inside, x, np.zeros((), x.dtype))


MATRIX_BAND_PART: OpDef = define(
    "MatrixBandPart", "input num_lower:I num_upper:I",
    infer=_band_infer,
    reference=_band,
    vjp=(lambda op, dy: MATRIX_BAND_PART(dy, *op.inputs[1:]), None, None),
)  # fmt: skip


def _halves(dims: Dims) -> Dims:
    """The shape of a tensor's diagonal, whose rank is half the tensor's."""
    if dims is None:
        return None
    if len(dims) % 2 or not dims:
        raise ShapeError(f"the rank must be even and above 0, and the shape is {show(dims)}")
    half = len(dims) // 2
    return merge(dims[:half], dims[half:])


def _diag_part(x: np.ndarray) -> np.ndarray:
    half = x.ndim // 2
    if x.ndim == 0 or x.ndim % 2 or x.shape[:half] != x.shape[half:]:
        raise InvalidArgumentError.because(f"shape {x.shape} is not a shape twice over")
    n = math.prod(x.shape[:half])
    return np.diagonal(x.reshape(n, n)).reshape(x.shape[:half])


def _diag_infer(diagonal: Tensor) -> tuple[Dims, DType]:
    if diagonal.dims == ():
        raise ShapeError("a diagonal must have at least one dimension")
    return (None if diagonal.dims is None else diagonal.dims * 2), diagonal.dtype


DIAG = define(
    "Diag", "diagonal",
    infer=_diag_infer,
    reference=lambda x: np.diag(x.reshape(-1)).reshape(x.shape * 2),
    vjp=(lambda op, dy: DIAG_PART(dy),),
    types=WIDE + COMPLEX,
)  # fmt: skip

DIAG_PART: OpDef = define(
    "DiagPart", "input",
    infer=lambda input: (_halves(input.dims), input.dtype),
    reference=_diag_part,
    vjp=(lambda op, dy: DIAG(dy),),
    types=WIDE + COMPLEX,
)  # fmt: skip


def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """The tensor whose diagonal this is, 0 elsewhere: [a, b] -> [a, b, a, b].   Gradient: diagonal."""
    return DIAG(diagonal, name=name)


def diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonal of a tensor [a, b, a, b] -> [a, b].   Gradient: input."""
    return DIAG_PART(input, name=name)


def matrix_diag(
    diagonal: Any, name: str | None = "diag", k: int = 0, num_rows: int = -1, num_cols: int = -1,
    padding_value: Any = 0,
) -> Tensor:  # fmt: skip
    """Matrices whose k-th diagonals these are, padding_value elsewhere.

    Shapes: [..., n] -> [..., n, n]; larger for k != 0, and num_rows by num_cols where they are given.
    Gradient: diagonal.   Raises: ValueError for a size that does not go with the diagonal.
    """
    return MATRIX_DIAG(diagonal, k=_one_diagonal(k), rows=int(num_rows), columns=int(num_cols), padding=padding_value,
                       name=name or "MatrixDiag")  # fmt: skip


def matrix_diag_part(input: Any, name: str | None = "diag_part", k: int = 0, padding_value: Any = 0) -> Tensor:
    """The k-th diagonal of each matrix: [..., m, n] -> [..., min(m, n)] for k = 0.   Gradient: input."""
    return MATRIX_DIAG_PART(input, k=_one_diagonal(k), name=name or "MatrixDiagPart")


def matrix_set_diag(input: Any, diagonal: Any, name: str | None = "set_diag", k: int = 0) -> Tensor:
    """The matrices with other k-th diagonals.   Gradient: input and diagonal."""
    return MATRIX_SET_DIAG(input, diagonal, k=_one_diagonal(k), name=name or "MatrixSetDiag")


def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """The matrices with 0 outside a band: num_lower diagonals below the main one and num_upper above it.

    A negative number keeps all on its side.   Gradient: input.
    """
    return MATRIX_BAND_PART(input, num_lower, num_upper, name=name)


def trace(x: Any, name: str | None = None) -> Tensor:
    """The sum of the main diagonal of each matrix: [..., m, n] -> [...].   Gradient: x."""
    with name_scope(name, "Trace", [x]) as scope:
        return reduce_sum(matrix_diag_part(convert_to_tensor(x, name="x")), [-1], name=scope)


def _one_diagonal(k: Any) -> int:
    if not isinstance(k, (int, np.integer)):
        raise GraphError(f"k is the number of one diagonal, not {k!r}")
    return int(k)
