"""Which products of matrices are left to cuBLASLt: larger ones, where it is there."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any, cast

from graphflow.backends.base import Call
from graphflow.backends.cuda import cublas
from graphflow.backends.cuda.kernels import matmul as own
from graphflow.backends.cuda.kernels.tiles import merge
from graphflow.backends.cuda.launch import Pointer, Room, call, each_element
from graphflow.backends.cuda.regions import Epilogue
from graphflow.backends.space import Member
from graphflow.config import current
from graphflow.dtypes import as_dtype, uint8
from graphflow.operation import Operation, Tensor
from graphflow.ops.activations import RELU

_RELU = RELU.lowering.expressions[0]
_LARGE = 1 << 20  # multiplications: below, an own kernel is as fast
_EXTENDED = {
    "matmul_bias_relu": "bias relu mask", "matmul_relu_grad": "relu_grad sum", "matmul_sum_a": "sum a",
    "matmul_sum_b": "sum b",
}  # fmt: skip


def matmul(op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]) -> Call | None:
    """One call of the library where it has the epilogue, else one and a kernel for the epilogue."""
    found, room = own.product_of(op, inputs), Room()
    dtype = inputs[0].dtype
    if found is None or not _is_for_library(found, dtype.name):
        return own.matmul(op, inputs, after, finished)
    known = _known(after)
    if known is not None:
        *bias, result = finished
        made = _product(found, known, room, (*inputs, result), bias)
        if not known or made.supported:
            return call([made], room.nbytes)
        room = Room()
    m, n, _, batch = found.shape
    count = m * n * batch
    raw = room.take(dtype.name, count, as_dtype(dtype.name).size)
    finish = each_element(merge(dtype.name, after, mergers=1), (raw, *finished), (count, n, 1), count)
    return call([_product(found, "", room, (*inputs, raw)), finish], room.nbytes)


def extended(op: Operation) -> Call | None:
    """One call of the library for a product of graphflow.ops.epilogues."""
    made, room = _extended(op)
    return call([made], room.nbytes)


def wanted(op: Operation) -> bool:
    """Whether a product of graphflow.ops.epilogues is for the library, and the library does it as it should."""
    found = own.product_of(op, op.inputs[:2])
    return found is not None and _is_for_library(found, op.output.dtype.name) and _extended(op)[0].supported


def _extended(op: Operation) -> tuple[cublas.Product, Room]:
    a, b, *given = op.inputs
    result, *made = op.outputs
    found, room = own.product_of(op, (a, b)), Room()
    assert found is not None
    name: Any = op.definition.lower(op)
    rest = sorted([*given, *made], key=lambda t: t.dtype is uint8)  # the mask comes last
    return _product(found, _EXTENDED[name.name], room, (a, b, result), rest), room


def _is_for_library(found: own.Product, dtype: str) -> bool:
    large = math.prod(found.shape) >= _LARGE and dtype in ("float32", "float64")
    return large and current().cublas and cublas.available()


def _product(
    found: own.Product, epilogue: str, room: Room, matrices: tuple[Pointer, ...], rest: Sequence[Pointer] = ()
) -> cublas.Product:
    dtype = cast(Tensor, matrices[0]).dtype.name
    space = room.take("uint8", cublas.WORKSPACE, 1)
    tf32 = current().allow_tf32 and dtype == "float32"
    return cublas.Product((*matrices, space, *rest), dtype, *found, epilogue, tf32)


def _known(after: Epilogue) -> str | None:
    """The library's name of an epilogue."""
    body = after.body
    words: list[str] = []
    value = next(iter(after.raw))
    for number, member in enumerate(body.members, len(body.inputs)):
        others = [i for i in member.operands if i != value]
        if _adds(member) and not words and len(others) == 1 and body.inputs[others[0]][0] == (False, True):
            words.append("bias")
        elif not others and member.expression == _RELU:
            words.append("relu")
        else:
            return None
        value = number
    known = len(after.raw) == 1 and body.outputs == (value,) and len(body.inputs) == 1 + ("bias" in words)
    return " ".join(words) if known and len(words) == len(set(words)) else None


def _adds(member: Member) -> bool:
    """Whether it is the sum of two values."""
    match ast.parse(member.expression, mode="eval").body:
        case ast.BinOp(ast.Name(), ast.Add(), ast.Name()):
            return True
    return False


KERNELS = dict.fromkeys(_EXTENDED, extended)
