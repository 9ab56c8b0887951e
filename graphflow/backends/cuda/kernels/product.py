"""Which products of matrices are left to cuBLASLt: larger ones, where it is there."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence

from graphflow.backends.base import Call
from graphflow.backends.cuda import cublas
from graphflow.backends.cuda.kernels import matmul as own
from graphflow.backends.cuda.kernels.tiles import merge
from graphflow.backends.cuda.launch import Pointer, Room, call, each_element
from graphflow.backends.cuda.regions import Epilogue
from graphflow.backends.space import Member
from graphflow.config import current
from graphflow.dtypes import as_dtype
from graphflow.operation import Operation, Tensor
from graphflow.ops.activations import RELU

_RELU = RELU.lowering.expressions[0]
_LARGE = 1 << 20  # multiplications: below, an own kernel is as fast


def matmul(op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]) -> Call | None:
    """One call of the library where it knows the epilogue, else one and a kernel for the epilogue."""
    a, b = inputs
    dtype, config, found = a.dtype.name, current(), own.product_of(op, inputs)
    large = found is not None and math.prod(found.shape) >= _LARGE and dtype in ("float32", "float64")
    if found is None or not large or not config.cublas or not cublas.available():
        return own.matmul(op, inputs, after, finished)
    room, known = Room(), _known(after)
    space = room.take("uint8", cublas.WORKSPACE, 1)
    options = dtype, *found
    tf32 = config.allow_tf32 and dtype == "float32"
    if known is not None:
        return call([cublas.Product((a, b, *finished, space), *options, known, tf32)], room.nbytes)
    m, n, _, batch = found.shape
    count = m * n * batch
    raw = room.take(dtype, count, as_dtype(dtype).size)
    finish = each_element(merge(dtype, after, mergers=1), (raw, *finished), (count, n, 1), count)
    return call([cublas.Product((a, b, raw, space), *options, "", tf32), finish], room.nbytes)


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
