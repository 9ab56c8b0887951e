"""Bijectors of matrices: triangles, their diagonals, inverses and products."""

from __future__ import annotations

import math
from typing import Any

from graphflow.contrib.distributions.bijectors.affine import AffineScalar
from graphflow.contrib.distributions.bijectors.base import Bijector
from graphflow.contrib.distributions.bijectors.compose import Chain
from graphflow.contrib.distributions.bijectors.elementwise import Softplus
from graphflow.contrib.distributions.shapes import fill_triangular, fill_triangular_inverse, triangular_size
from graphflow.dtypes import float32
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.assertions import assert_equal, assert_positive
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.decompositions import cholesky
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.diagonal import matrix_band_part, matrix_diag_part, matrix_set_diag
from graphflow.ops.fill import eye
from graphflow.ops.fill import range as range_
from graphflow.ops.join import concat
from graphflow.ops.linalg import matmul
from graphflow.ops.math import abs, log, sqrt
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import shape
from graphflow.ops.triangular import matrix_triangular_solve
from graphflow.shape import TensorShape


class FillTriangular(Bijector):
    """Triangular matrices [n, n] of vectors of n (n + 1) / 2 elements."""

    def __init__(self, upper: bool = False, validate_args: bool = False, name: str = "fill_triangular") -> None:
        self._upper = upper
        super().__init__(forward_min_event_ndims=1, inverse_min_event_ndims=2, is_constant_jacobian=True,
                         validate_args=validate_args, name=name)  # fmt: skip

    def _forward(self, x: Tensor) -> Tensor:
        return fill_triangular(x, upper=self._upper)

    def _inverse(self, y: Tensor) -> Tensor:
        return fill_triangular_inverse(y, upper=self._upper)

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return zeros_like(x[..., 0])

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return zeros_like(y[..., 0, 0])

    def _forward_event_shape(self, input_shape: TensorShape) -> TensorShape:
        *batch, m = input_shape.as_list()
        n = None if m is None else triangular_size(m)
        return TensorShape([*batch, n, n])

    def _inverse_event_shape(self, output_shape: TensorShape) -> TensorShape:
        *batch, rows, columns = output_shape.as_list()
        if rows is None or columns is None:
            return TensorShape([*batch, None])
        if rows != columns:
            raise ShapeError(f"a triangular matrix is square, and this one has the shape {output_shape}")
        return TensorShape([*batch, rows * (rows + 1) // 2])

    def _forward_event_shape_tensor(self, input_shape: Tensor) -> Tensor:
        m = cast(input_shape[-1:], float32)
        n = cast((sqrt(1.0 + 8.0 * m) - 1.0) / 2.0, input_shape.dtype)
        return concat([input_shape[:-1], n, n], 0)

    def _inverse_event_shape_tensor(self, output_shape: Tensor) -> Tensor:
        n = output_shape[-1:]
        return concat([output_shape[:-2], n * (n + 1) // 2], 0)


class TransformDiagonal(Bijector):
    """Matrices whose diagonals go through a bijector."""

    def __init__(self, diag_bijector: Bijector, validate_args: bool = False, name: str = "transform_diagonal") -> None:
        self._diag_bijector = diag_bijector
        super().__init__(forward_min_event_ndims=2, is_constant_jacobian=diag_bijector.is_constant_jacobian,
                         validate_args=validate_args, name=name)  # fmt: skip

    def _forward(self, x: Tensor) -> Tensor:
        return matrix_set_diag(x, self._diag_bijector.forward(matrix_diag_part(x)))

    def _inverse(self, y: Tensor) -> Tensor:
        return matrix_set_diag(y, self._diag_bijector.inverse(matrix_diag_part(y)))

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return self._diag_bijector.forward_log_det_jacobian(matrix_diag_part(x), event_ndims=1)

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return self._diag_bijector.inverse_log_det_jacobian(matrix_diag_part(y), event_ndims=1)


class ScaleTriL(Chain):
    """Lower triangular matrices with positive diagonals of vectors: FillTriangular, then `diag_bijector`, then a shift.

    diag_bijector   Softplus by default
    diag_shift      what is added to the diagonal; 1e-5 by default
    """

    def __init__(
        self, diag_bijector: Bijector | None = None, diag_shift: Any = 1e-5, validate_args: bool = False,
        name: str = "scale_tril",
    ) -> None:  # fmt: skip
        diagonal = Softplus(validate_args=validate_args) if diag_bijector is None else diag_bijector
        if diag_shift is not None:
            diagonal = Chain([AffineScalar(shift=diag_shift), diagonal])
        super().__init__([TransformDiagonal(diag_bijector=diagonal), FillTriangular()], validate_args, name)


class CholeskyOuterProduct(Bijector):
    """Y = X @ X^T for lower triangular X with a positive diagonal."""

    def __init__(self, validate_args: bool = False, name: str = "cholesky_outer_product") -> None:
        super().__init__(forward_min_event_ndims=2, validate_args=validate_args, name=name)

    def _forward(self, x: Tensor) -> Tensor:
        lower = matrix_band_part(x, -1, 0)
        return matmul(lower, lower, adjoint_b=True)

    def _inverse(self, y: Tensor) -> Tensor:
        return cholesky(y)

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        """log det = n log 2 + sum over i of (n - i) log X[i, i]."""
        diagonal = self._checked(matrix_diag_part(x), assert_positive)
        n = shape(x)[-1]
        weights = cast(n - range_(n), x.dtype)
        return cast(n, x.dtype) * math.log(2.0) + reduce_sum(log(diagonal) * weights, -1)


class MatrixInverseTriL(Bijector):
    """Y = X^-1 for lower triangular X."""

    def __init__(self, validate_args: bool = False, name: str = "matrix_inverse_tril") -> None:
        super().__init__(forward_min_event_ndims=2, validate_args=validate_args, name=name)

    def _forward(self, x: Tensor) -> Tensor:
        if x.dims is not None and len(x.dims) < 2:
            raise GraphError(f"{self.name} takes matrices, and {x!r} is none")
        x = self._checked(x, lambda t: assert_equal(matrix_band_part(t, -1, 0), t))
        one = eye(shape(x)[-1], dtype=x.dtype)
        return matrix_triangular_solve(x, one + zeros_like(x), lower=True)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._forward(y)

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        """log det = -2 n sum log |X[i, i]|, as TensorFlow has it."""
        factor = convert_to_tensor(-2.0, x.dtype) * cast(shape(x)[-1], x.dtype)
        return factor * reduce_sum(log(abs(matrix_diag_part(x))), -1)
