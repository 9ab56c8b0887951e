"""Bits of integers, and the bytes of one dtype seen as another."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import INTEGER, NUMERIC, DType
from graphflow.errors import DTypeError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.infer import broadcasted, same_as_input
from graphflow.ops.lowering import Elementwise
from graphflow.ops.shape_ops import refuse
from graphflow.shape import Dims, show


def _shift(function: Any) -> Any:
    """Shifts by less than 0 or more than the width count as 0 or as all but one bit."""

    def shifted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return function(x, np.clip(y, 0, 8 * x.dtype.itemsize - 1).astype(x.dtype))

    return shifted


def _bits(name: str, function: Any, lowering: Elementwise | None = None, commutative: bool = False) -> OpDef:
    return define(name, "x y", broadcasted, function, INTEGER, vjp=NO_GRADIENT, lowering=lowering,
                  commutative=commutative)  # fmt: skip


BITWISE_AND = _bits("BitwiseAnd", np.bitwise_and, Elementwise("x & y"), commutative=True)
BITWISE_OR = _bits("BitwiseOr", np.bitwise_or, Elementwise("x | y"), commutative=True)
BITWISE_XOR = _bits("BitwiseXor", np.bitwise_xor, Elementwise("x ^ y"), commutative=True)
LEFT_SHIFT = _bits("LeftShift", _shift(np.left_shift))
RIGHT_SHIFT = _bits("RightShift", _shift(np.right_shift))
INVERT = define("Invert", "x", same_as_input, np.invert, INTEGER, vjp=NO_GRADIENT, lowering=Elementwise("~x"))


def _bitcast_infer(input: Tensor, type: DType) -> tuple[Dims, DType]:
    dims, have, want = input.dims, input.dtype.size, type.size
    if dims is None or have == want:
        return dims, type
    if have > want:
        return (*dims, have // want), type
    if not dims or dims[-1] not in (None, want // have):
        raise ShapeError(f"{want // have} elements of {input.dtype.name} make one of {type.name}, and the last axis "
                         f"of {show(dims)} has another size")  # fmt: skip
    return dims[:-1], type


def _bitcast(x: np.ndarray, type: DType) -> np.ndarray:
    have, want = x.dtype.itemsize, type.size
    x = np.ascontiguousarray(x).reshape(x.shape)
    if have < want and tuple(x.shape[-1:]) != (want // have,):
        raise refuse(f"the last axis of {x.shape} must have size {want // have}")
    sizes: list[int] = [*x.shape]
    dims = sizes if have == want else [*sizes, have // want] if have > want else sizes[:-1]
    return x.reshape(-1).view(type.dtype).reshape(dims)


BITCAST = define("Bitcast", "input", _bitcast_infer, _bitcast, NUMERIC, vjp=NO_GRADIENT)


def bitcast(input: Any, type: Any, name: str | None = None) -> Tensor:
    """The same bytes as another dtype: one axis more, or one less, where the sizes of the dtypes differ.

    Shapes: [...] -> [...]; [..., size of input / size of type] for a smaller type, [..., k] -> [...] for a larger one.
    No gradient.   Raises: ValueError where the last axis does not fit a larger type.
    """
    wanted = dtypes.as_dtype(type)
    if wanted is dtypes.string or wanted.is_bool:
        raise DTypeError(f"a bitcast makes numbers, not {wanted.name}")
    return BITCAST(input, type=wanted, name=name)


def bitwise_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are 1 in both.   Dtype: integer, kept.   No gradient."""
    return BITWISE_AND(x, y, name=name)


def bitwise_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are 1 in x, y or both.   Dtype: integer, kept.   No gradient."""
    return BITWISE_OR(x, y, name=name)


def bitwise_xor(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits in which x and y differ.   Dtype: integer, kept.   No gradient."""
    return BITWISE_XOR(x, y, name=name)


def invert(x: Any, name: str | None = None) -> Tensor:
    """Every bit the other way.   Dtype: integer, kept.   No gradient."""
    return INVERT(x, name=name)


def left_shift(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * 2 ** y, without the bits that leave on the left.   Dtype: integer, kept.   No gradient."""
    return LEFT_SHIFT(x, y, name=name)


def right_shift(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x // 2 ** y; signed numbers keep their sign.   Dtype: integer, kept.   No gradient."""
    return RIGHT_SHIFT(x, y, name=name)
