"""Bijectors y = scale @ x + shift."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.distributions.bijectors.base import Bijector
from graphflow.dtypes import float32
from graphflow.errors import GraphError
from graphflow.linear_operators import LinearOperator, LinearOperatorDiag, LinearOperatorFullMatrix
from graphflow.linear_operators import LinearOperatorLowerTriangular as Triangular
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, identity, ones_like, zeros_like
from graphflow.ops.decompositions import matrix_solve
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.diagonal import matrix_diag, matrix_diag_part, matrix_set_diag
from graphflow.ops.linalg import matmul
from graphflow.ops.math import abs, log
from graphflow.ops.shape_ops import expand_dims, shape, squeeze
from graphflow.ops.triangular import triangular_solve


def _given(value: Any, name: str, dtype: Any = None) -> Any:
    return None if value is None else convert_to_tensor(value, dtype, name=name, preferred_dtype=float32)


class AffineScalar(Bijector):
    """y = scale * x + shift, element by element."""

    def __init__(
        self, shift: Any = None, scale: Any = None, validate_args: bool = False, name: str = "affine_scalar"
    ) -> None:
        self.shift, self.scale = _given(shift, "shift"), _given(scale, "scale")
        super().__init__(forward_min_event_ndims=0, is_constant_jacobian=True, validate_args=validate_args, name=name)

    def _forward(self, x: Tensor) -> Tensor:
        y = identity(x) if self.scale is None else x * self.scale
        return y if self.shift is None else y + self.shift

    def _inverse(self, y: Tensor) -> Tensor:
        x = identity(y) if self.shift is None else y - self.shift
        return x if self.scale is None else x / self.scale

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return convert_to_tensor(0.0, x.dtype) if self.scale is None else log(abs(self.scale))


class AffineLinearOperator(Bijector):
    """y = scale @ x + shift for vectors x; `scale` is a tf.linalg.LinearOperator [..., n, n]."""

    def __init__(
        self, shift: Any = None, scale: LinearOperator | None = None, validate_args: bool = False,
        name: str = "affine_linear_operator",
    ) -> None:  # fmt: skip
        self.shift = _given(shift, "shift")
        if scale is not None and not isinstance(scale, LinearOperator):
            raise TypeError(f"scale must be a tf.linalg.LinearOperator, not {scale!r}")
        if scale is not None and self.shift is not None and scale.dtype is not self.shift.dtype:
            raise TypeError(f"shift is {self.shift.dtype.name} and scale is {scale.dtype.name}")
        self.scale: Any = scale
        dtype = next((t.dtype for t in (scale, self.shift) if t is not None), float32)
        super().__init__(forward_min_event_ndims=1, is_constant_jacobian=True, validate_args=validate_args,
                         dtype=dtype, name=name)  # fmt: skip

    def _forward(self, x: Tensor) -> Tensor:
        y = x if self.scale is None else self._product(x)
        return y if self.shift is None else y + self.shift

    def _inverse(self, y: Tensor) -> Tensor:
        x = y if self.shift is None else y - self.shift
        return x if self.scale is None else self._solution(x)

    def _product(self, x: Tensor) -> Tensor:
        """The matrices have a batch of their own, that of x stands before it."""
        if isinstance(self.scale, LinearOperatorDiag):
            return x * self.scale.diag
        return squeeze(matmul(self.scale.to_dense(), expand_dims(x, -1)), -1)

    def _solution(self, y: Tensor) -> Tensor:
        if isinstance(self.scale, LinearOperatorDiag):
            return y / self.scale.diag
        matrix = self.scale.to_dense() + zeros_like(matrix_diag(y))
        solve = triangular_solve if isinstance(self.scale, Triangular) else matrix_solve
        return squeeze(solve(matrix, expand_dims(y, -1)), -1)

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return convert_to_tensor(0.0, x.dtype) if self.scale is None else self.scale.log_abs_determinant()


class Affine(AffineLinearOperator):
    """y = scale @ x + shift for vectors x, with

    scale = scale_identity_multiplier * 1 + diag(scale_diag) + scale_tril + factor @ diag(perturb_diag) @ factor^T

    of those that are given; the identity without any.  Only the lower triangle of scale_tril is read.
    Raises: ValueError for scale_perturb_diag without scale_perturb_factor.
    """

    def __init__(
        self, shift: Any = None, scale_identity_multiplier: Any = None, scale_diag: Any = None, scale_tril: Any = None,
        scale_perturb_factor: Any = None, scale_perturb_diag: Any = None, validate_args: bool = False,
        name: str = "affine",
    ) -> None:  # fmt: skip
        if scale_perturb_diag is not None and scale_perturb_factor is None:
            raise GraphError("scale_perturb_diag needs a scale_perturb_factor")
        shift = _given(shift, "shift")
        multiple = _given(scale_identity_multiplier, "scale_identity_multiplier")
        diag, tril = _given(scale_diag, "scale_diag"), _given(scale_tril, "scale_tril")
        factor = _given(scale_perturb_factor, "scale_perturb_factor")
        if diag is None and tril is None and factor is None:
            dtype = float32 if shift is None else shift.dtype
            super().__init__(shift, None, validate_args, name)
            self.scale = convert_to_tensor(1.0, dtype) if multiple is None else multiple
            self._scaled = True
            return
        self._scaled = False
        scale = _combined(multiple, diag, tril, factor, _given(scale_perturb_diag, "scale_perturb_diag"))
        super().__init__(shift, scale, validate_args, name)

    def _forward(self, x: Tensor) -> Tensor:
        if not self._scaled:
            return super()._forward(x)
        y = x * self.scale
        return y if self.shift is None else y + self.shift

    def _inverse(self, y: Tensor) -> Tensor:
        if not self._scaled:
            return super()._inverse(y)
        return (y if self.shift is None else y - self.shift) / self.scale

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        if not self._scaled:
            return super()._forward_log_det_jacobian(x)
        return log(abs(self.scale)) * cast(shape(x)[-1], self.scale.dtype)


def _combined(multiple: Any, diag: Any, tril: Any, factor: Any, middle: Any) -> LinearOperator:
    """The operator of the structure that the parts have."""
    if tril is not None:
        diagonal = matrix_diag_part(tril)
    else:
        diagonal = zeros_like(factor[..., 0]) if diag is None else zeros_like(diag)
    if diag is not None:
        diagonal = diagonal + diag
    if multiple is not None:
        diagonal = diagonal + expand_dims(multiple, -1)
    elif diag is None and tril is None:
        diagonal = ones_like(diagonal)
    lower = None if tril is None else Triangular(matrix_set_diag(tril, diagonal))
    if factor is None:
        return LinearOperatorDiag(diagonal) if lower is None else lower
    weighted = factor if middle is None else factor * expand_dims(middle, -2)
    whole = matrix_diag(diagonal) if lower is None else lower.to_dense()
    return LinearOperatorFullMatrix(whole + matmul(weighted, factor, transpose_b=True))
