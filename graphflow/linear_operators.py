"""`tf.linalg.LinearOperator...`: matrices that know their structure."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import float32
from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arrange import matrix_transpose
from graphflow.ops.decompositions import matrix_determinant, matrix_solve
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.diagonal import matrix_band_part, matrix_diag, matrix_diag_part
from graphflow.ops.fill import eye
from graphflow.ops.linalg import matmul
from graphflow.ops.math import abs, log
from graphflow.ops.products import reduce_prod
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import expand_dims, shape, squeeze
from graphflow.ops.triangular import triangular_solve
from graphflow.shape import TensorShape


class LinearOperator:
    """A matrix [..., m, n] that can be multiplied by, solved for and made dense.

    A subclass says what it knows better than its dense form in `_dense`, `_solve`, `_determinant` and the like.
    """

    def __init__(self, matrix: Tensor, name: str) -> None:
        if matrix.dims is not None and len(matrix.dims) < 1:
            raise ShapeError(f"{name} needs at least one axis, not the shape {matrix.shape}")
        self._matrix, self.name = matrix, name

    @property
    def dtype(self) -> Any:
        return self._matrix.dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape [..., m, n]."""
        return self._dense().shape

    @property
    def domain_dimension(self) -> Any:
        return self.shape[-1]

    @property
    def range_dimension(self) -> Any:
        return self.shape[-2]

    def shape_tensor(self, name: str = "shape_tensor") -> Tensor:
        return shape(self._dense())

    def _dense(self) -> Tensor:
        return self._matrix

    def to_dense(self, name: str = "to_dense") -> Tensor:
        """The matrix as a tensor [..., m, n]."""
        return self._dense()

    def diag_part(self, name: str = "diag_part") -> Tensor:
        return matrix_diag_part(self._dense())

    def trace(self, name: str = "trace") -> Tensor:
        return reduce_sum(self.diag_part(), -1)

    def add_to_tensor(self, x: Any, name: str = "add_to_tensor") -> Tensor:
        return self._dense() + convert_to_tensor(x, self.dtype, name="x")

    def _product(self, x: Tensor, adjoint: bool) -> Tensor:
        return matmul(self._dense(), x, transpose_a=adjoint)

    def matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "matmul") -> Tensor:
        """The matrix, or its transpose, times x [..., n, k]."""
        x = convert_to_tensor(x, self.dtype, name="x")
        return self._product(matrix_transpose(x) if adjoint_arg else x, adjoint)

    def matvec(self, x: Any, adjoint: bool = False, name: str = "matvec") -> Tensor:
        """The matrix, or its transpose, times the vectors x [..., n]."""
        return squeeze(self.matmul(expand_dims(convert_to_tensor(x, self.dtype, name="x"), -1), adjoint), -1)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return matrix_solve(self._dense(), rhs, adjoint)

    def solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "solve") -> Tensor:
        """The x [..., n, k] with matmul(x) equal to rhs."""
        rhs = convert_to_tensor(rhs, self.dtype, name="rhs")
        return self._solve(matrix_transpose(rhs) if adjoint_arg else rhs, adjoint)

    def solvevec(self, rhs: Any, adjoint: bool = False, name: str = "solve") -> Tensor:
        """The vectors x [..., n] with matvec(x) equal to rhs."""
        return squeeze(self.solve(expand_dims(convert_to_tensor(rhs, self.dtype, name="rhs"), -1), adjoint), -1)

    def determinant(self, name: str = "det") -> Tensor:
        return self._determinant()

    def _determinant(self) -> Tensor:
        return matrix_determinant(self._dense())

    def log_abs_determinant(self, name: str = "log_abs_det") -> Tensor:
        return self._log_abs_determinant()

    def _log_abs_determinant(self) -> Tensor:
        return log(abs(self._determinant()))


class LinearOperatorFullMatrix(LinearOperator):
    """A matrix without structure, [..., m, n]."""

    def __init__(
        self, matrix: Any, is_non_singular: bool | None = None, is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None, is_square: bool | None = None,
        name: str = "LinearOperatorFullMatrix",
    ) -> None:  # fmt: skip
        super().__init__(convert_to_tensor(matrix, name="matrix", preferred_dtype=float32), name)


class _Triangular(LinearOperator):
    """What a matrix with zeros on one side of its diagonal knows."""

    def _determinant(self) -> Tensor:
        return reduce_prod(self.diag_part(), -1)

    def _log_abs_determinant(self) -> Tensor:
        return reduce_sum(log(abs(self.diag_part())), -1)


class LinearOperatorLowerTriangular(_Triangular):
    """The lower triangle, with the diagonal, of [..., n, n]."""

    def __init__(
        self, tril: Any, is_non_singular: bool | None = None, is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None, is_square: bool | None = None,
        name: str = "LinearOperatorLowerTriangular",
    ) -> None:  # fmt: skip
        super().__init__(convert_to_tensor(tril, name="tril", preferred_dtype=float32), name)

    def _dense(self) -> Tensor:
        return matrix_band_part(self._matrix, -1, 0)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return triangular_solve(self._matrix, rhs, lower=True, adjoint=adjoint)


class LinearOperatorDiag(_Triangular):
    """The matrix with this diagonal [..., n]."""

    def __init__(
        self, diag: Any, is_non_singular: bool | None = None, is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None, is_square: bool | None = None, name: str = "LinearOperatorDiag",
    ) -> None:  # fmt: skip
        super().__init__(convert_to_tensor(diag, name="diag", preferred_dtype=float32), name)

    @property
    def diag(self) -> Tensor:
        return self._matrix

    def diag_part(self, name: str = "diag_part") -> Tensor:
        return self._matrix

    def _dense(self) -> Tensor:
        return matrix_diag(self._matrix)

    def _product(self, x: Tensor, adjoint: bool) -> Tensor:
        return expand_dims(self._matrix, -1) * x

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return rhs / expand_dims(self._matrix, -1)


class LinearOperatorIdentity(LinearOperatorDiag):
    """The matrix with ones on its diagonal, [batch_shape..., num_rows, num_rows]."""

    def __init__(
        self, num_rows: Any, batch_shape: Any = None, dtype: Any = None, is_non_singular: bool | None = True,
        is_self_adjoint: bool | None = True, is_positive_definite: bool | None = True, is_square: bool | None = True,
        assert_proper_shapes: bool = False, name: str = "LinearOperatorIdentity",
    ) -> None:  # fmt: skip
        ones = matrix_diag_part(eye(num_rows, batch_shape=batch_shape, dtype=dtype or float32))
        super().__init__(ones, name=name)
