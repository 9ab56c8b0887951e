"""Orthonormal columns, for initial values."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import FLOATING, DType
from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.shape import Dims


def _infer(matrix: Tensor) -> tuple[Dims, DType]:
    rows, columns = require_rank(matrix, 2, "the matrix")
    if rows is not None and columns is not None and columns > rows:
        raise ShapeError(f"{columns} columns of {rows} elements cannot be orthonormal")
    return matrix.dims, matrix.dtype


def _orthonormal(matrix: np.ndarray) -> np.ndarray:
    q, r = np.linalg.qr(matrix.astype(np.float64))
    return q * np.where(np.diagonal(r) < 0, -1.0, 1.0)


ORTHONORMAL = define("OrthonormalColumns", "matrix", _infer, _orthonormal, FLOATING)


def orthonormal_columns(matrix: Any, name: str | None = None) -> Tensor:
    """Orthonormal columns that span those of a matrix with no more columns than rows: Q of QR, with R's diagonal >= 0.

    Of a matrix of normal numbers these are uniformly distributed.   Shapes: [m, n] -> [m, n], n <= m.   No gradient.
    """
    return ORTHONORMAL(convert_to_tensor(matrix, name="matrix"), name=name)
