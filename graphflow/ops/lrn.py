"""Local response normalization across channels (Krizhevsky et al. 2012)."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING, DType
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import multiply, pow
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.math import square
from graphflow.shape import Dims


def _same(input: Tensor, radius: int) -> tuple[Dims, DType]:
    return require_rank(input, 4, "the input"), input.dtype


def _neighbours(x: np.ndarray, radius: int) -> np.ndarray:
    """For each channel the sum over the channels at most `radius` away: differences of running sums."""
    n = x.shape[-1]
    running = np.concatenate([np.zeros((*x.shape[:-1], 1)), np.cumsum(x, axis=-1, dtype=np.float64)], -1)
    at = np.arange(n)
    return running[..., np.minimum(at + radius + 1, n)] - running[..., np.maximum(at - radius, 0)]


def _again(op: Operation, dy: Tensor) -> Tensor:
    return SUM_OF_NEIGHBOURS(dy, radius=op.attrs["radius"])


SUM_OF_NEIGHBOURS: OpDef = define(
    "SumOfNeighbours", "input",
    infer=_same,
    reference=_neighbours,
    vjp=(_again,),
    types=FLOATING,
)  # fmt: skip


def lrn(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5, name: str | None = None
) -> Tensor:
    """x / (bias + alpha * sum of x ** 2 over the channels at most depth_radius away) ** beta.

    Shapes: [n, h, w, c] -> the same.   Dtype: floating, kept.   Gradient: input.
    """
    with name_scope(name, "LRN", [input]) as scope:
        x = convert_to_tensor(input, name="input")
        total = SUM_OF_NEIGHBOURS(square(x), radius=int(depth_radius))
        made = multiply(x, pow(total * alpha + bias, -beta), name=scope)
        made.set_shape(total.shape)
        return made


local_response_normalization = lrn
