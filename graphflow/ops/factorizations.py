"""Matrices taken apart: QR, singular values, eigenvalues of self-adjoint matrices."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import DType
from graphflow.errors import GradientError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arrange import matrix_transpose
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.complex import conj, real
from graphflow.ops.decompositions import MATRIX_TYPES, need_square, of_finite, regular, square_dims
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.diagonal import matrix_band_part, matrix_diag, matrix_diag_part, matrix_set_diag
from graphflow.ops.linalg import matmul
from graphflow.ops.math import reciprocal
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import expand_dims
from graphflow.ops.triangular import triangular_solve
from graphflow.shape import Dims, show

Qr = namedtuple("Qr", "q r")
Svd = namedtuple("Svd", "s u v")


def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """Each matrix transposed, and conjugated where it is complex: [..., m, n] -> [..., n, m].   Gradient: matrix."""
    with name_scope(name, "adjoint", [matrix]):
        return matrix_transpose(conj(convert_to_tensor(matrix, name="matrix")))


def _matrix_dims(t: Tensor) -> tuple[int | None, ...] | None:
    if t.dims is not None and len(t.dims) < 2:
        raise ShapeError(f"the input must have rank at least 2, and has shape {show(t.dims)}")
    return t.dims


def _least(m: int | None, n: int | None) -> int | None:
    return None if m is None or n is None else min(m, n)


def _need_matrices(x: np.ndarray) -> np.ndarray:
    if x.ndim < 2:
        raise InvalidArgumentError.because(f"matrices are needed, not shape {x.shape}")
    return x


def _inverse_differences(values: Tensor) -> Tensor:
    """[..., n, n]: 1 / (values[j] - values[i]), 0 on the diagonal and where two values are equal."""
    difference = expand_dims(values, -2) - expand_dims(values, -1)
    same = difference * difference <= 0.0
    return where_v2(same, zeros_like(difference), reciprocal(where_v2(same, ones_like(difference), difference)))


# -- QR ------------------------------------------------------------------------------------------------------------
def _qr_infer(input: Tensor, full_matrices: bool) -> list[tuple[Dims, DType]]:
    dims = _matrix_dims(input)
    if dims is None:
        return [(None, input.dtype)] * 2
    *batch, m, n = dims
    inner = m if full_matrices else _least(m, n)
    return [((*batch, m, inner), input.dtype), ((*batch, inner, n), input.dtype)]


def _qr_vjp(op: Operation, dq: Tensor, dr: Tensor) -> list[Tensor]:
    """For q^H q = 1 and a triangular r (Walter and Lehmann, 2018), solved with r from the right."""
    q, r = op.outputs
    *_, m, n = op.inputs[0].dims or (None, None)
    if m is None or n is None or m < n or (op.attrs["full_matrices"] and m != n):
        raise GradientError("qr has a gradient for matrices with at least as many rows as columns, of known shape, "
                            "and without full_matrices")  # fmt: skip
    inner = matmul(q, dq, adjoint_a=True)
    outer = matmul(r, dr, adjoint_b=True)
    skew = inner - adjoint(inner) + outer - adjoint(outer)
    first = matmul(q, dr + _over(matrix_band_part(skew, -1, 0), r))
    return [first + _over(dq - matmul(q, inner), r)]


def _over(x: Tensor, r: Tensor) -> Tensor:
    """x r^-H for an upper triangular r."""
    return adjoint(triangular_solve(r, adjoint(x), lower=False))


QR = define(
    "Qr", "input",
    infer=_qr_infer,
    reference=lambda x, full_matrices: tuple(
        np.linalg.qr(_need_matrices(x), "complete" if full_matrices else "reduced")
    ),
    vjp=_qr_vjp,
    types=MATRIX_TYPES,
)  # fmt: skip


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Qr:
    """(q, r) with input = q r, orthonormal columns in q and an upper triangular r.

    Shapes:   [..., m, n] -> q [..., m, k], r [..., k, n]; k = min(m, n), or m with full_matrices
    Dtype:    float32, float64 or complex.   Gradient: input, for m >= n.
    """
    return Qr(*QR(input, full_matrices=bool(full_matrices), name=name))


# -- singular values -----------------------------------------------------------------------------------------------
def _svd_infer(input: Tensor, compute_uv: bool, full_matrices: bool) -> list[tuple[Dims, DType]]:
    dims, dtype = _matrix_dims(input), input.dtype
    if dims is None:
        return [(None, dtype.real_dtype), *[(None, dtype)] * (2 if compute_uv else 0)]
    *batch, m, n = dims
    least = _least(m, n)
    outputs: list[tuple[Dims, DType]] = [((*batch, least), dtype.real_dtype)]
    if compute_uv:
        outputs.append(((*batch, m, m if full_matrices else least), dtype))
        outputs.append(((*batch, n, n if full_matrices else least), dtype))
    return outputs


def _svd(x: np.ndarray, compute_uv: bool, full_matrices: bool) -> Any:
    what = "the singular values do not converge"
    if not compute_uv:
        return of_finite(lambda x: np.linalg.svd(x, compute_uv=False), _need_matrices(x), what)
    u, s, vh = of_finite(lambda x: np.linalg.svd(x, full_matrices=full_matrices), _need_matrices(x), what)
    return s, u, vh.conj().swapaxes(-1, -2)


def _svd_vjp(op: Operation, ds: Tensor, *duv: Tensor) -> list[Tensor]:
    """Townsend, Differentiating the singular value decomposition (2016)."""
    x = op.inputs[0]
    if x.dtype.is_complex:
        raise GradientError("svd has no gradient for complex matrices")
    if not duv:
        _, u, v = SVD(x, compute_uv=True, full_matrices=False)
        return [matmul(u, matmul(matrix_diag(ds), v, adjoint_b=True))]
    *_, m, n = x.dims or (None, None)
    if op.attrs["full_matrices"] and (m is None or m != n):
        raise GradientError("svd has no gradient with full_matrices, except for square matrices")
    (s, u, v), (du, dv) = op.outputs, duv
    roots = _inverse_differences(s * s)
    inverse = expand_dims(where_v2(s > 0.0, reciprocal(s), zeros_like(s)), -2)
    around_u = matmul(u, du, adjoint_a=True)
    around_v = matmul(v, dv, adjoint_a=True)
    middle = roots * (around_u - matrix_transpose(around_u)) * expand_dims(s, -2)
    middle += expand_dims(s, -1) * (roots * (around_v - matrix_transpose(around_v)))
    middle = matrix_set_diag(middle, ds)
    left = matmul((du - matmul(u, around_u)) * inverse, v, adjoint_b=True)  # 0 where u is square
    right = matmul(u * inverse, dv - matmul(v, around_v), adjoint_b=True)
    return [matmul(u, matmul(middle, v, adjoint_b=True)) + left + right]


SVD: OpDef = define("Svd", "input", _svd_infer, _svd, MATRIX_TYPES, vjp=_svd_vjp)


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """(s, u, v) with tensor = u diag(s) v^H and the largest singular value first; s alone without compute_uv.

    NaN for a matrix that is not finite.

    Shapes:   [..., m, n] -> s [..., k], u [..., m, k], v [..., n, k]; k = min(m, n); with full_matrices u and v are
              square
    Dtype:    float32, float64 or complex; s is real.   Gradient: tensor, real ones.
    """
    made = SVD(tensor, compute_uv=bool(compute_uv), full_matrices=bool(full_matrices), name=name)
    return Svd(*made) if compute_uv else made


# -- eigenvalues ---------------------------------------------------------------------------------------------------
def _eig_infer(input: Tensor, compute_v: bool) -> list[tuple[Dims, DType]]:
    dims = square_dims(input, "the input")
    values = (None if dims is None else dims[:-1]), input.dtype
    return [values, (dims, input.dtype)] if compute_v else [values]


def _eig(x: np.ndarray, compute_v: bool) -> Any:
    if not np.isfinite(np.tril(need_square(x))).all():
        raise InvalidArgumentError.because("a matrix that is not finite has no eigenvalues")
    made = regular(np.linalg.eigh if compute_v else np.linalg.eigvalsh, x, what="the eigenvalues do not converge")
    return tuple(made) if compute_v else made


def _eig_vjp(op: Operation, de: Tensor, *dv: Tensor) -> list[Tensor]:
    """Only the lower triangle is read, so the gradient is folded into it."""
    x = op.inputs[0]
    if dv:
        values, vectors = op.outputs
        inner = _inverse_differences(real(values))
        middle = cast(inner, x.dtype) * matmul(vectors, dv[0], adjoint_a=True) + matrix_diag(de)
    else:
        _, vectors = EIG(x, compute_v=True)
        middle = matrix_diag(de)
    whole = matmul(vectors, matmul(middle, vectors, adjoint_b=True))
    whole = matrix_band_part(whole + adjoint(whole), -1, 0)
    return [matrix_set_diag(whole, 0.5 * matrix_diag_part(whole))]


EIG: OpDef = define("SelfAdjointEigV2", "input", _eig_infer, _eig, MATRIX_TYPES, vjp=_eig_vjp)


def self_adjoint_eig(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """(eigenvalues in ascending order, eigenvectors in the columns) of self-adjoint matrices.

    Shapes:   [..., n, n] -> [..., n] and [..., n, n].   Only the lower triangle is read.
    Gradient: tensor, in its lower triangle.
    """
    values, vectors = EIG(tensor, compute_v=True, name=name)
    return values, vectors


def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Tensor:
    """The eigenvalues of self-adjoint matrices in ascending order: [..., n, n] -> [..., n].   Gradient: tensor."""
    return EIG(tensor, compute_v=False, name=name)
