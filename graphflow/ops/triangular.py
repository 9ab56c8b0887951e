"""Linear systems with triangular matrices, least squares, and the determinants and powers that build on them."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import DType
from graphflow.errors import InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.complex import conj
from graphflow.ops.decompositions import (
    MATRIX_INVERSE,
    MATRIX_TYPES,
    adjointed,
    cholesky,
    cholesky_solve,
    need_square,
    of_finite,
    regular,
    solve_infer,
    square_dims,
)
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.diagonal import matrix_band_part, matrix_diag_part, matrix_set_diag
from graphflow.ops.linalg import matmul
from graphflow.ops.math import log
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import expand_dims
from graphflow.shape import Dims, merge, show

LogDeterminant = namedtuple("LogDeterminant", "sign log_abs_determinant")


def _triangular(matrix: np.ndarray, rhs: np.ndarray, lower: bool, adjoint: bool) -> np.ndarray:
    need_square(matrix)
    if rhs.ndim < 2 or rhs.shape[-2] != matrix.shape[-1]:
        raise InvalidArgumentError.because(f"a matrix of shape {matrix.shape} does not go with rhs {rhs.shape}")
    half = np.tril(matrix) if lower else np.triu(matrix)
    return regular(np.linalg.solve, adjointed(half, adjoint), rhs, what="the matrix is not invertible")


def _triangular_vjp(op: Operation, dy: Tensor) -> list[Tensor]:
    x, lower, adjoint = op.output, op.attrs["lower"], op.attrs["adjoint"]
    d_rhs = TRIANGULAR_SOLVE(op.inputs[0], dy, lower=lower, adjoint=not adjoint)
    d_matrix = -matmul(x, d_rhs, adjoint_b=True) if adjoint else -matmul(d_rhs, x, adjoint_b=True)
    return [matrix_band_part(d_matrix, -1, 0) if lower else matrix_band_part(d_matrix, 0, -1), d_rhs]


TRIANGULAR_SOLVE: OpDef = define(
    "MatrixTriangularSolve", "matrix rhs",
    infer=lambda matrix, rhs, lower, adjoint: solve_infer(matrix, rhs, adjoint),
    reference=_triangular,
    vjp=_triangular_vjp,
    types=MATRIX_TYPES,
)  # fmt: skip


def triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """x with matrix x = rhs for a triangular matrix, or its adjoint; its other half is not read.

    Shapes: [..., n, n] and [..., n, k] -> [..., n, k].   Gradient: both.
    Raises: ValueError for shapes that do not fit; InvalidArgumentError when run, for a 0 on the diagonal.
    """
    return TRIANGULAR_SOLVE(matrix, rhs, lower=bool(lower), adjoint=bool(adjoint), name=name)


matrix_triangular_solve = triangular_solve


# -- determinants --------------------------------------------------------------------------------------------------
def _log_determinant_infer(input: Tensor) -> list[tuple[Dims, DType]]:
    dims = square_dims(input, "the input")
    return [(None if dims is None else dims[:-2], input.dtype)] * 2


def _log_determinant_vjp(op: Operation, _: Tensor, dy: Tensor) -> list[Tensor]:
    return [expand_dims(expand_dims(dy, -1), -1) * MATRIX_INVERSE(op.inputs[0], adjoint=True)]


LOG_DETERMINANT = define(
    "LogMatrixDeterminant", "input",
    infer=_log_determinant_infer,
    reference=lambda x: tuple(np.linalg.slogdet(need_square(x))),
    vjp=_log_determinant_vjp,
    types=MATRIX_TYPES,
)  # fmt: skip


def slogdet(input: Any, name: str | None = None) -> LogDeterminant:
    """(sign, log of the absolute value) of the determinant of each matrix: [..., n, n] -> [...] each.

    Gradient: input, from the second.
    """
    return LogDeterminant(*LOG_DETERMINANT(input, name=name))


def logdet(matrix: Any, name: str | None = None) -> Tensor:
    """The log of the determinant of self-adjoint positive definite matrices: [..., n, n] -> [...].   Gradient: matrix.

    Raises: InvalidArgumentError when run, for a matrix that is not positive definite.
    """
    with name_scope(name, "logdet", [matrix]) as scope:
        factor = cholesky(matrix)
        diagonal = matrix_diag_part(factor)
        return reduce_sum(log(diagonal * conj(diagonal)), axis=[-1], name=scope)


# -- least squares -------------------------------------------------------------------------------------------------
def _least_squares(matrix: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    if matrix.ndim < 2 or rhs.ndim < 2 or matrix.shape[:-1] != rhs.shape[:-1]:
        raise InvalidArgumentError.because(f"a matrix of shape {matrix.shape} does not go with rhs {rhs.shape}")
    return np.matmul(of_finite(np.linalg.pinv, matrix, "the singular values do not converge"), rhs)


def _least_squares_infer(matrix: Tensor, rhs: Tensor) -> tuple[Dims, DType]:
    if matrix.dims is None or rhs.dims is None:
        return None, matrix.dtype
    if min(len(matrix.dims), len(rhs.dims)) < 2:
        raise ShapeError(f"matrices are needed, not shapes {show(matrix.dims)} and {show(rhs.dims)}")
    merge(matrix.dims[:-1], rhs.dims[:-1])
    return (*matrix.dims[:-2], matrix.dims[-1], rhs.dims[-1]), matrix.dtype


LEAST_SQUARES = define("MatrixSolveLs", "matrix rhs", _least_squares_infer, _least_squares, MATRIX_TYPES)


def matrix_solve_ls(
    matrix: Any, rhs: Any, l2_regularizer: Any = 0.0, fast: bool = True, name: str | None = None
) -> Tensor:
    """x with the least |matrix x - rhs|^2 + l2_regularizer |x|^2; the shortest one where there are several.

    fast      by the normal equations; without it by singular values, without gradient and without the regularizer
    Shapes:   [..., m, n] and [..., m, k] -> [..., n, k].   A matrix of unknown shape counts as one with m >= n.
    Gradient: both.   Raises: InvalidArgumentError when run, for a matrix without full rank.
    """
    with name_scope(name, "matrix_solve_ls", [matrix, rhs, l2_regularizer]) as scope:
        a = convert_to_tensor(matrix, name="matrix")
        b = convert_to_tensor(rhs, a.dtype, name="rhs")
        if not fast:
            return LEAST_SQUARES(a, b, name=scope)
        m, n = a.dims[-2:] if a.dims is not None else (None, None)
        if m is not None and n is not None and m < n:
            factor = _normal_factor(matmul(a, a, adjoint_b=True), l2_regularizer)
            return matmul(a, cholesky_solve(factor, b), adjoint_a=True, name=scope)
        factor = _normal_factor(matmul(a, a, adjoint_a=True), l2_regularizer)
        return cholesky_solve(factor, matmul(a, b, adjoint_a=True), name=scope)


def _normal_factor(gram: Tensor, l2_regularizer: Any) -> Tensor:
    weight = convert_to_tensor(l2_regularizer, gram.dtype, name="l2_regularizer")
    return cholesky(matrix_set_diag(gram, matrix_diag_part(gram) + weight))
