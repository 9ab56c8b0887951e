"""Products and functions of matrices: matrix times vector, cross product, exponential, tridiagonal systems."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import REAL, DType
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arrange import matrix_transpose
from graphflow.ops.basic import zeros_like
from graphflow.ops.complex import conj
from graphflow.ops.decompositions import MATRIX_TYPES, matrix_solve, need_square, square_dims
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.diagonal import matrix_diag, matrix_diag_part
from graphflow.ops.factorizations import adjoint
from graphflow.ops.join import concat
from graphflow.ops.linalg import matmul
from graphflow.ops.shape_ops import expand_dims, refuse, shape, squeeze
from graphflow.shape import Dims, compatible, merge, show


def matvec(
    a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False, a_is_sparse: bool = False,
    b_is_sparse: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Each matrix times a vector: [..., m, n] and [..., n] -> [..., m].   Gradient: both."""
    with name_scope(name, "MatVec", [a, b]):
        column = expand_dims(convert_to_tensor(b, name="b"), -1)
        return squeeze(matmul(a, column, transpose_a=transpose_a, adjoint_a=adjoint_a), [-1])


# -- cross product -------------------------------------------------------------------------------------------------
def _cross_infer(a: Tensor, b: Tensor) -> tuple[Dims, DType]:
    dims = merge(a.dims, b.dims)
    if dims == () or (dims and not compatible(dims[-1:], (3,))):
        raise ShapeError(f"a cross product needs vectors of 3 elements, not shape {show(dims)}")
    return (None if dims is None else (*dims[:-1], 3)), a.dtype


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.shape != b.shape or a.ndim == 0 or a.shape[-1] != 3:
        raise refuse(f"a cross product needs two times the same shape with 3 last, not {a.shape} and {b.shape}")
    return np.cross(a, b)


CROSS: OpDef = define(
    "Cross", "a b",
    infer=_cross_infer,
    reference=_cross,
    vjp=(lambda op, dy: CROSS(conj(op.inputs[1]), dy), lambda op, dy: CROSS(dy, conj(op.inputs[0]))),
    types=REAL,
)  # fmt: skip


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """The cross product of vectors in space: two [..., 3] -> [..., 3].   Gradient: both."""
    return CROSS(a, b, name=name)


# -- exponential ---------------------------------------------------------------------------------------------------
def _expm(x: np.ndarray) -> np.ndarray:
    """Taylor's series of x / 2^s, whose norm is below 1/2, squared s times; 18 terms leave less than 1e-21."""
    need_square(x)
    wide: np.ndarray = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    norm = float(np.abs(wide).sum(axis=-1).max(initial=0.0))
    if not math.isfinite(norm):
        return np.full_like(x, np.nan)
    squarings = max(0, math.frexp(norm)[1] + 1)
    scaled = wide / 2.0**squarings
    term: np.ndarray = np.broadcast_to(np.eye(x.shape[-1]), wide.shape)
    result = term
    for k in range(1, 19):
        term = term @ scaled / k
        result = result + term
    for _ in range(squarings):
        result = result @ result
    return result


def _expm_vjp(op: Operation, dy: Tensor) -> Tensor:
    """The upper right block of exp([[x^H, dy], [0, x^H]]) (Najfeld and Havel, 1995)."""
    x = adjoint(op.inputs[0])
    n = shape(x)[-1]
    return EXPM(concat([concat([x, dy], -1), concat([zeros_like(x), x], -1)], -2))[..., :n, n:]


EXPM: OpDef = define(
    "MatrixExponential", "input",
    infer=lambda input: (square_dims(input, "the input"), input.dtype),
    reference=_expm,
    vjp=(_expm_vjp,),
    types=MATRIX_TYPES,
)  # fmt: skip


def expm(input: Any, name: str | None = None) -> Tensor:
    """The exponential of each matrix, the sum of input^k / k!: [..., n, n] -> the same.   Gradient: input."""
    return EXPM(input, name=name or "matrix_exponential")


# -- tridiagonal systems -------------------------------------------------------------------------------------------
def tridiagonal_solve(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", transpose_rhs: bool = False,
    conjugate_rhs: bool = False, name: str | None = None, partial_pivoting: bool = True,
) -> Tensor:  # fmt: skip
    """x with A x = rhs for a matrix A that is 0 outside of its three middle diagonals.

    diagonals  "compact": [..., 3, n], the upper, main and lower one, the last of the upper and the first of the lower
               without meaning; "sequence": a list of the three, of n or (upper and lower) n - 1 elements;
               "matrix": [..., n, n]
    Shapes:    rhs [..., n] or [..., n, k] -> the same; transpose_rhs takes and conjugate_rhs conjugates it first
    Gradient:  diagonals and rhs.   Cost: that of a full matrix.
    """
    with name_scope(name, "tridiagonal_solve", [diagonals, rhs]) as scope:
        matrix = _tridiagonal(diagonals, diagonals_format)
        b = convert_to_tensor(rhs, matrix.dtype, name="rhs")
        if matrix.dims is None or b.dims is None:
            raise ShapeError("tridiagonal_solve needs diagonals and rhs of known rank")
        vector = len(b.dims) == len(matrix.dims) - 1
        b = conj(b) if conjugate_rhs else b
        if vector:
            return squeeze(matrix_solve(matrix, expand_dims(b, -1)), [-1], name=scope)
        return matrix_solve(matrix, matrix_transpose(b) if transpose_rhs else b, name=scope)


def _tridiagonal(diagonals: Any, form: str) -> Tensor:
    """The full matrix."""
    if form == "matrix":
        matrix = convert_to_tensor(diagonals, name="diagonals")
        parts = [matrix_diag_part(matrix, k=1), matrix_diag_part(matrix), matrix_diag_part(matrix, k=-1)]
    elif form == "compact":
        packed = convert_to_tensor(diagonals, name="diagonals")
        parts = [packed[..., 0, :-1], packed[..., 1, :], packed[..., 2, 1:]]
    elif form == "sequence":
        upper, main, lower = (convert_to_tensor(d, name="diagonals") for d in diagonals)
        n = main.dims[-1] if main.dims else None
        if n is None:
            raise ShapeError("diagonals in a sequence must have a known length")
        parts = [upper[..., : n - 1], main, lower[..., 1:] if lower.dims and lower.dims[-1] == n else lower]
    else:
        raise GraphError(f"diagonals_format must be compact, sequence or matrix, not {form!r}")
    upper, main, lower = parts
    return matrix_diag(main) + matrix_diag(upper, k=1) + matrix_diag(lower, k=-1)
