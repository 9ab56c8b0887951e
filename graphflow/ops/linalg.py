"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import COMPLEX, FLOATING, DType, int32, int64
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.complex import conj
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.lowering import Kernel
from graphflow.shape import Dims, broadcast, elements, show

_TYPES = (*FLOATING, int32, int64, *COMPLEX)


def _meet(a: Tensor, k: int | None, k2: int | None, flipped_fits: bool) -> None:
    """ShapeError unless a's columns are as many as b's rows."""
    if k is not None and k2 is not None and k != k2:
        hint = "matmul(a, b, transpose_b=True) takes b transposed" if flipped_fits else None
        if hint is None and a.dims is not None and k2 and None not in a.dims[1:] and elements(a.dims[1:]) == k2:
            hint = f"tf.reshape(a, [-1, {k2}]) makes one row of each item"
        raise ShapeError(f"inner dimensions differ: a has {k} columns, b has {k2} rows", hint=hint)


def _matrix_infer(a: Tensor, b: Tensor, transpose_a: bool, transpose_b: bool) -> tuple[Dims, DType]:
    m, k = require_rank(a, 2, "a")
    k2, n = require_rank(b, 2, "b")
    m, k = (k, m) if transpose_a else (m, k)
    k2, n = (n, k2) if transpose_b else (k2, n)
    _meet(a, k, k2, k == n and not transpose_b)
    return (m, n), a.dtype


def _batch_infer(x: Tensor, y: Tensor, adj_x: bool, adj_y: bool) -> tuple[Dims, DType]:
    for t, label in ((x, "x"), (y, "y")):
        if t.dims is not None and len(t.dims) < 2:
            raise ShapeError(f"{label} must have rank at least 2, and has shape {show(t.dims)}")
    if x.dims is None or y.dims is None:
        return None, x.dtype
    (m, k), (k2, n) = x.dims[-2:], y.dims[-2:]
    m, k = (k, m) if adj_x else (m, k)
    k2, n = (n, k2) if adj_y else (k2, n)
    _meet(x, k, k2, k == n and not adj_y)
    batch = broadcast(x.dims[:-2], y.dims[:-2])
    return (*(batch or ()), m, n), x.dtype


def _product(x: np.ndarray, y: np.ndarray, flip_x: bool, flip_y: bool, conjugate: bool) -> np.ndarray:
    if x.ndim < 2 or y.ndim < 2:
        raise InvalidArgumentError.because(f"matrices are needed, not shapes {x.shape} and {y.shape}")
    if flip_x:
        x = (x.conj() if conjugate else x).swapaxes(-1, -2)
    if flip_y:
        y = (y.conj() if conjugate else y).swapaxes(-1, -2)
    if x.shape[-1] != y.shape[-2]:
        raise InvalidArgumentError.because(
            f"inner dimensions differ: a has {x.shape[-1]} columns, b has {y.shape[-2]} rows"
        )
    if x.dtype == np.float16:
        x, y = x.astype(np.float32), y.astype(np.float32)
    try:
        return np.matmul(x, y)
    except ValueError:
        raise InvalidArgumentError.because(
            f"batch dimensions {x.shape[:-2]} and {y.shape[:-2]} do not broadcast"
        ) from None


def _matrix_vjp_a(op: Operation, dy: Tensor) -> Tensor:
    ta, tb, b = op.attrs["transpose_a"], op.attrs["transpose_b"], conj(op.inputs[1])
    if ta:
        return MATMUL(b, dy, transpose_a=tb, transpose_b=True)
    return MATMUL(dy, b, transpose_a=False, transpose_b=not tb)


def _matrix_vjp_b(op: Operation, dy: Tensor) -> Tensor:
    ta, tb, a = op.attrs["transpose_a"], op.attrs["transpose_b"], conj(op.inputs[0])
    if tb:
        return MATMUL(dy, a, transpose_a=True, transpose_b=ta)
    return MATMUL(a, dy, transpose_a=not ta, transpose_b=False)


def _batch_vjp_x(op: Operation, dy: Tensor) -> Tensor:
    """BatchMatMulV2 conjugates what it flips, so nothing but the unflipped operand needs conj."""
    ax, ay, y = op.attrs["adj_x"], op.attrs["adj_y"], op.inputs[1]
    if ax:
        return BATCH_MATMUL(y, dy, adj_x=ay, adj_y=True)
    return BATCH_MATMUL(dy, y, adj_x=False, adj_y=not ay)


def _batch_vjp_y(op: Operation, dy: Tensor) -> Tensor:
    ax, ay, x = op.attrs["adj_x"], op.attrs["adj_y"], op.inputs[0]
    if ay:
        return BATCH_MATMUL(dy, x, adj_x=True, adj_y=ax)
    return BATCH_MATMUL(x, dy, adj_x=not ax, adj_y=False)


def _product_flops(op: Operation, transposed: bool) -> int:
    """A multiplication and an addition for each term of each inner product."""
    terms = op.inputs[0].dims[-2 if transposed else -1]  # type: ignore[index]
    return 2 * terms * elements(op.output.dims)  # type: ignore[operator]


MATMUL = define(
    "MatMul", "a b",
    infer=_matrix_infer,
    reference=lambda a, b, transpose_a, transpose_b: _product(a, b, transpose_a, transpose_b, conjugate=False),
    vjp=(_matrix_vjp_a, _matrix_vjp_b),
    exact=True,
    lowering=Kernel("matmul", epilogue=True),
    types=_TYPES,
    flops=lambda op: _product_flops(op, op.attrs["transpose_a"]),
)  # fmt: skip

BATCH_MATMUL = define(
    "BatchMatMulV2", "x y",
    infer=_batch_infer,
    reference=lambda x, y, adj_x, adj_y: _product(x, y, adj_x, adj_y, conjugate=True),
    vjp=(_batch_vjp_x, _batch_vjp_y),
    lowering=Kernel("matmul", epilogue=True),
    types=_TYPES,
    flops=lambda op: _product_flops(op, op.attrs["adj_x"]),
)  # fmt: skip


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of two matrices, or of two stacks of matrices.

    Shapes:   a [..., m, k], b [..., k, n] -> [..., m, n]; leading dimensions broadcast.
              transpose_a takes a as [..., k, m], transpose_b takes b as [..., n, k]; adjoint_* also conjugates.
    Dtype:    floating, complex, int32 or int64, one for both.   Gradient: both.
    Cost:     2 * m * k * n FLOP a matrix.   a_is_sparse and b_is_sparse are hints, and change nothing.
    Raises:   ValueError when inner dimensions differ, for a rank below 2, for transpose_x together with adjoint_x.
    """
    if (transpose_a and adjoint_a) or (transpose_b and adjoint_b):
        raise GraphError("a matrix is transposed or adjoint, not both")
    a = convert_to_tensor(a, name="a")
    b = convert_to_tensor(b, dtype_hint=a.dtype, name="b")
    if _stacked(a) or _stacked(b):
        a, b = conj(a) if transpose_a else a, conj(b) if transpose_b else b
        return BATCH_MATMUL(a, b, adj_x=bool(transpose_a or adjoint_a), adj_y=bool(transpose_b or adjoint_b),
                            name=name or "MatMul")  # fmt: skip
    a, b = conj(a) if adjoint_a else a, conj(b) if adjoint_b else b
    return MATMUL(a, b, transpose_a=bool(transpose_a or adjoint_a), transpose_b=bool(transpose_b or adjoint_b),
                  name=name)  # fmt: skip


def _stacked(t: Tensor) -> bool:
    return t.dims is None or len(t.dims) > 2
