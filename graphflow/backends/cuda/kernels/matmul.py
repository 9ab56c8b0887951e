"""Products of matrices, plain or in batches, with either operand transposed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graphflow.backends.base import Call
from graphflow.backends.cuda.kernels.tiles import multiplied
from graphflow.backends.cuda.launch import Pointer
from graphflow.backends.cuda.regions import Epilogue, Source
from graphflow.operation import Operation, Tensor
from graphflow.shape import sizes

_DTYPES = ("float32", "float64", "int32", "int64")


@dataclass(frozen=True)
class Strided:
    """A matrix in memory: element i at depth p is at i * X_row + p * X_column from where its image begins."""

    name: str
    along_k: bool

    def fixed(self, source: Source, i: str, mark: str) -> None:
        source.add(f"{mark}b = image * {self.name}_batch + {i} * {self.name}_row")

    def element(self, source: Source, i: str, p: str, mark: str) -> tuple[str, str]:
        return "", f"{mark}b + {p} * {self.name}_column"


def matmul(op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]) -> Call | None:
    """None where batches broadcast in part."""
    a, b = inputs
    flip_a, flip_b = (bool(flag) for flag in op.attrs.values())
    if a.dtype.name not in _DTYPES:
        return None
    left, out = sizes(a.dims), sizes(op.output.dims)
    m, n, k = out[-2], out[-1], left[-2 if flip_a else -1]
    steps = [batch_step(sizes(t.dims), out) for t in inputs]
    if steps[0] is None or steps[1] is None:
        return None
    parameters = [
        ("a_batch", steps[0]), ("a_row", 1 if flip_a else k), ("a_column", m if flip_a else 1),
        ("b_batch", steps[1]), ("b_row", k if flip_b else 1), ("b_column", 1 if flip_b else n),
    ]  # fmt: skip
    return multiplied(
        a.dtype.name, Strided("a", not flip_a), Strided("b", flip_b), (a, b), (m, n, k, math.prod(out[:-2])),
        parameters, (), after, finished,
    )  # fmt: skip


def batch_step(dims: tuple[int, ...], out: tuple[int, ...]) -> int | None:
    """From the matrix of one batch element to that of the next: 0 when one matrix serves all; None for a mixture."""
    own = (1,) * (len(out) - len(dims)) + dims[:-2]
    if math.prod(own) == 1:
        return 0
    return dims[-1] * dims[-2] if own == out[:-2] else None


ANCHORS = {"matmul": matmul}
