"""Solving with matrices, or stacks of them: inverse, determinant, linear systems, Cholesky factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.dtypes import DType, complex64, complex128, float32, float64
from graphflow.errors import InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arrange import matrix_transpose
from graphflow.ops.complex import conj
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.diagonal import matrix_band_part, matrix_diag_part, matrix_set_diag
from graphflow.ops.linalg import matmul
from graphflow.ops.shape_ops import expand_dims
from graphflow.shape import Dims, broadcast, merge, show

MATRIX_TYPES = (float32, float64, complex64, complex128)


def square_dims(t: Tensor, what: str) -> Dims:
    """The shape of a stack of square matrices; ShapeError when it cannot be one."""
    dims = t.dims
    if dims is None:
        return None
    if len(dims) < 2:
        raise ShapeError(f"{what} must have rank at least 2, and has shape {show(dims)}")
    side = merge(dims[-2:-1], dims[-1:])
    return (*dims[:-2], *(side or (None,)), *(side or (None,)))


def need_square(x: np.ndarray) -> np.ndarray:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise InvalidArgumentError.because(f"square matrices are needed, not shape {x.shape}")
    return x


def regular(function: Callable, *arrays: np.ndarray, what: str) -> np.ndarray:
    try:
        return function(*arrays)
    except np.linalg.LinAlgError:
        raise InvalidArgumentError.because(what) from None


def of_finite(function: Callable, x: np.ndarray, what: str) -> Any:
    """What the function gives of each matrix, NaN for one that is not finite: LAPACK may never be done with it."""
    wrong = ~np.isfinite(x).all((-2, -1))
    made = regular(function, np.where(wrong[..., None, None], 0, x), what=what)
    for part in made if isinstance(made, tuple) else (made,):
        part[wrong] = np.nan
    return made


def adjointed(x: np.ndarray, adjoint: bool) -> np.ndarray:
    return x.conj().swapaxes(-1, -2) if adjoint else x


def _transposed(t: Tensor) -> Tensor:
    """The adjoint: transposed, and conjugated where it is complex."""
    return matrix_transpose(conj(t))


def _inverse_vjp(op: Operation, dy: Tensor) -> Tensor:
    y = op.output
    if op.attrs["adjoint"]:
        return -matmul(y, matmul(dy, y, adjoint_a=True))
    return -matmul(y, matmul(dy, y, adjoint_b=True), adjoint_a=True)


MATRIX_INVERSE = define(
    "MatrixInverse", "input",
    infer=lambda input, adjoint: (square_dims(input, "the input"), input.dtype),
    reference=lambda x, adjoint: regular(np.linalg.inv, adjointed(need_square(x), adjoint),
                                          what="the input is not invertible"),
    vjp=(_inverse_vjp,),
    types=MATRIX_TYPES,
)  # fmt: skip


def _determinant_infer(input: Tensor) -> tuple[Dims, DType]:
    dims = square_dims(input, "the input")
    return (None if dims is None else dims[:-2]), input.dtype


def _determinant_vjp(op: Operation, dy: Tensor) -> Tensor:
    scale = expand_dims(expand_dims(dy * conj(op.output), -1), -1)
    return scale * MATRIX_INVERSE(op.inputs[0], adjoint=True)


MATRIX_DETERMINANT = define(
    "MatrixDeterminant", "input",
    infer=_determinant_infer,
    reference=lambda x: np.linalg.det(need_square(x)),
    vjp=(_determinant_vjp,),
    types=MATRIX_TYPES,
)  # fmt: skip


def solve_infer(matrix: Tensor, rhs: Tensor, adjoint: bool) -> tuple[Dims, DType]:
    dims = square_dims(matrix, "the matrix")
    if rhs.dims is not None and len(rhs.dims) < 2:
        raise ShapeError(f"rhs must have rank at least 2, and has shape {show(rhs.dims)}")
    if dims is None or rhs.dims is None:
        of_matrix = None if dims is None or len(dims) > 2 else (dims[-1], None)
        return of_matrix, matrix.dtype
    rows = merge(dims[-1:], rhs.dims[-2:-1])
    return (*(broadcast(dims[:-2], rhs.dims[:-2]) or ()), *(rows or (None,)), rhs.dims[-1]), matrix.dtype


def _solve(matrix: np.ndarray, rhs: np.ndarray, adjoint: bool) -> np.ndarray:
    need_square(matrix)
    if rhs.ndim < 2 or rhs.shape[-2] != matrix.shape[-1]:
        raise InvalidArgumentError.because(f"a matrix of shape {matrix.shape} does not go with rhs {rhs.shape}")
    return regular(np.linalg.solve, adjointed(matrix, adjoint), rhs, what="the matrix is not invertible")


def _solve_vjp(op: Operation, dy: Tensor) -> list[Any]:
    x, adjoint = op.output, op.attrs["adjoint"]
    d_rhs = MATRIX_SOLVE(op.inputs[0], dy, adjoint=not adjoint)
    d_matrix = -matmul(x, d_rhs, adjoint_b=True) if adjoint else -matmul(d_rhs, x, adjoint_b=True)
    return [d_matrix, d_rhs]


MATRIX_SOLVE: OpDef = define(
    "MatrixSolve", "matrix rhs",
    infer=solve_infer,
    reference=_solve,
    vjp=_solve_vjp,
    types=MATRIX_TYPES,
)  # fmt: skip


def _cholesky_vjp(op: Operation, dy: Tensor) -> Tensor:
    """With L the factor and P the lower triangle with half its diagonal: L^-H P(L^H dL) L^-1, made symmetric."""
    lower = op.output
    middle = matmul(lower, dy, adjoint_a=True)
    middle = matrix_set_diag(middle, 0.5 * matrix_diag_part(middle))
    inverse = MATRIX_INVERSE(lower, adjoint=False)
    whole = matmul(matmul(inverse, matrix_band_part(middle, -1, 0), adjoint_a=True), inverse)
    return 0.5 * (whole + _transposed(whole))


CHOLESKY = define(
    "Cholesky", "input",
    infer=lambda input: (square_dims(input, "the input"), input.dtype),
    reference=lambda x: regular(np.linalg.cholesky, need_square(x), what="the input is not positive definite"),
    vjp=(_cholesky_vjp,),
    types=MATRIX_TYPES,
)  # fmt: skip


def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The inverse of each matrix, or of its adjoint.

    Shapes: [..., n, n] -> the same.   Dtype: float32, float64 or complex.   Gradient: input.
    Raises: ValueError for matrices that are not square; InvalidArgumentError when run, for a singular one.
    """
    return MATRIX_INVERSE(input, adjoint=bool(adjoint), name=name)


def matrix_determinant(input: Any, name: str | None = None) -> Tensor:
    """The determinant of each matrix: [..., n, n] -> [...].   Gradient: input, where it can be inverted."""
    return MATRIX_DETERMINANT(input, name=name)


def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """x with matrix x = rhs; with `adjoint`, the adjoint of the matrix in its place.

    Shapes: [..., n, n] and [..., n, k] -> [..., n, k].   Gradient: both.
    Raises: ValueError for shapes that do not fit; InvalidArgumentError when run, for a singular matrix.
    """
    return MATRIX_SOLVE(matrix, rhs, adjoint=bool(adjoint), name=name)


def cholesky(input: Any, name: str | None = None) -> Tensor:
    """The lower triangular L with L L^H = input, for each matrix; only the lower triangle of the input is read.

    Shapes: [..., n, n] -> the same.   Gradient: input, symmetric.
    Raises: ValueError for matrices that are not square; InvalidArgumentError when run, for one that is not positive
            definite.
    """
    return CHOLESKY(input, name=name)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """x with chol chol^H x = rhs, for a factor that `cholesky` gave.   Gradient: both."""
    chol = convert_to_tensor(chol, name="chol")
    half = MATRIX_SOLVE(chol, rhs, adjoint=False)
    return MATRIX_SOLVE(chol, half, adjoint=True, name=name or "cholesky_solve")
