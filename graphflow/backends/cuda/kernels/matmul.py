"""Products of matrices, plain or in batches, with either operand transposed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graphflow.backends.base import Call
from graphflow.backends.cuda.kernels.tiles import multiplied, together
from graphflow.backends.cuda.launch import Pointer
from graphflow.backends.cuda.regions import Epilogue, Source
from graphflow.operation import Operation, Tensor
from graphflow.shape import sizes

_DTYPES = ("float32", "float64", "int32", "int64")


@dataclass(frozen=True)
class Strided:
    """A matrix in memory, X_batch after the one before: neighbours lie together, others X_step apart.

    bits    of positions
    """

    name: str
    along_k: bool
    lanes: int
    bits: int = 32

    values = ("at",)

    @property
    def needs(self) -> tuple[str, ...]:
        return "image", f"{self.name}_batch", f"{self.name}_step"

    def row(self, source: Source) -> None:
        at = f"i * {self.name}_step" if self.along_k else "i"
        source.add(f"at = int{self.bits}(image * {self.name}_batch + {at})")

    def element(self, source: Source) -> tuple[str, str]:
        return "", f"int{self.bits}(at + {'p' if self.along_k else f'p * {self.name}_step'})"


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
    (a_step, b_step), size = (m if flip_a else k, k if flip_b else n), a.dtype.size
    parameters = [("a_batch", steps[0]), ("a_step", a_step), ("b_batch", steps[1]), ("b_step", b_step)]
    bits = 32 if max(math.prod(sizes(t.dims)) for t in inputs) < 2**31 else 64
    return multiplied(
        a.dtype.name, Strided("a", not flip_a, together(a_step, size), bits),
        Strided("b", flip_b, together(b_step, size), bits), (a, b), (m, n, k, math.prod(out[:-2])), parameters, after,
        finished,
    )  # fmt: skip


def batch_step(dims: tuple[int, ...], out: tuple[int, ...]) -> int | None:
    """From the matrix of one batch element to that of the next: 0 when one matrix serves all; None for a mixture."""
    own = (1,) * (len(out) - len(dims)) + dims[:-2]
    if math.prod(own) == 1:
        return 0
    return dims[-1] * dims[-2] if own == out[:-2] else None


ANCHORS = {"matmul": matmul}
