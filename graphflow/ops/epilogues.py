"""Products of matrices that give something else beside, in the same kernel: made by the compiler, never by programs.

A layer relu(a @ b + bias) also gives the mask of its relu, the product that flows back into it takes that mask and also
gives the bias's gradient, and any product also gives the sums of an operand over what is folded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.dtypes import FLOATING, DType, uint8
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef, Outputs, define
from graphflow.ops.linalg import MATMUL
from graphflow.ops.lowering import Kernel
from graphflow.shape import Dims, sizes

_ROW = 16  # bytes: rows of a mask are whole multiples


def mask_row(columns: int) -> int:
    """Bytes of a row of a mask: a bit for each column, the lowest of a byte first; what comes after is undefined."""
    return -(-columns // (8 * _ROW)) * _ROW


def _packed(flags: np.ndarray) -> np.ndarray:
    rows, columns = flags.shape
    mask = np.zeros((rows, mask_row(columns)), np.uint8)
    bits = np.packbits(flags, axis=1, bitorder="little")
    mask[:, : bits.shape[1]] = bits
    return mask


def _product(a: np.ndarray, b: np.ndarray, flips: dict[str, bool]) -> np.ndarray:
    assert MATMUL.reference is not None
    made: np.ndarray = MATMUL.reference(a, b, **flips)
    return made


def _layer(a: np.ndarray, b: np.ndarray, bias: np.ndarray, **flips: bool) -> tuple[np.ndarray, np.ndarray]:
    y = np.maximum(_product(a, b, flips) + bias, 0)
    return y, _packed(y > 0)


def _back(a: np.ndarray, b: np.ndarray, mask: np.ndarray, **flips: bool) -> tuple[np.ndarray, np.ndarray]:
    dy = _product(a, b, flips)
    passes = np.unpackbits(mask, axis=1, count=dy.shape[1], bitorder="little").astype(bool)
    dz = np.where(passes, dy, dy.dtype.type(0))
    return dz, dz.sum(axis=0, dtype=np.float64)


def _infer_layer(a: Tensor, b: Tensor, bias: Tensor, **flips: bool) -> Outputs:
    dims, dtype = MATMUL.infer(a, b, **flips)
    rows, columns = sizes(dims)
    return [(dims, dtype), ((rows, mask_row(columns)), uint8)]


def _infer_back(a: Tensor, b: Tensor, mask: Tensor, **flips: bool) -> Outputs:
    dims, dtype = MATMUL.infer(a, b, **flips)
    return [(dims, dtype), (dims[1:], dtype)]


def _flops(op: Operation) -> int:
    assert MATMUL.flops is not None
    return MATMUL.flops(op)


def _define(name: str, args: str, infer: Callable, reference: Callable, kernel: str) -> OpDef:
    return define(name, args, infer, reference, lowering=Kernel(kernel), types=FLOATING, flops=_flops)


MATMUL_BIAS_RELU = _define("MatMulBiasRelu", "a b bias", _infer_layer, _layer, "matmul_bias_relu")
MATMUL_RELU_GRAD = _define("MatMulReluGrad", "a b mask:uint8", _infer_back, _back, "matmul_relu_grad")


def _summing(operand: int) -> OpDef:
    """A product that also gives the sums of its first or second operand over what is folded."""

    def folded(flips: dict[str, bool]) -> int:
        return int(flips["transpose_b"]) if operand else int(not flips["transpose_a"])

    def infer(*operands: Tensor, **flips: bool) -> Outputs:
        product: tuple[Dims, DType] = MATMUL.infer(*operands, **flips)
        return [product, ((sizes(operands[operand].dims)[1 - folded(flips)],), product[1])]

    def run(*operands: np.ndarray, **flips: bool) -> tuple[Any, ...]:
        a, b = operands
        return _product(a, b, flips), operands[operand].sum(axis=folded(flips), dtype=np.float64)

    which = "ab"[operand]
    return _define(f"MatMulSum{which.upper()}", "a b", infer, run, f"matmul_sum_{which}")


MATMUL_SUMS = _summing(0), _summing(1)  # of the first operand, of the second
