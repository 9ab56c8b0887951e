"""Products of matrices, plain or in batches, with either operand transposed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


class Product(NamedTuple):
    """What is multiplied.

    shape   (m, n, k, batch)
    flips   whether the operands are transposed
    steps   elements from one matrix of each operand to the next of the batch, 0 when one serves all
    """

    shape: tuple[int, int, int, int]
    flips: tuple[bool, bool]
    steps: tuple[int, int]


def product_of(op: Operation, inputs: Sequence[Tensor]) -> Product | None:
    """None where batches broadcast in part."""
    flip_a, flip_b = (bool(op.attrs[key]) for key in sorted(op.attrs))
    left, out = sizes(inputs[0].dims), sizes(op.output.dims)
    step_a, step_b = (_batch_step(sizes(t.dims), out) for t in inputs)
    if step_a is None or step_b is None:
        return None
    shape = out[-2], out[-1], left[-2 if flip_a else -1], math.prod(out[:-2])
    return Product(shape, (flip_a, flip_b), (step_a, step_b))


def matmul(op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]) -> Call | None:
    """None for other dtypes, and where batches broadcast in part."""
    a, b = inputs
    found = product_of(op, inputs)
    if found is None or a.dtype.name not in _DTYPES:
        return None
    (m, n, k, _), (flip_a, flip_b) = found.shape, found.flips
    (a_step, b_step), size = (m if flip_a else k, k if flip_b else n), a.dtype.size
    parameters = [("a_batch", found.steps[0]), ("a_step", a_step), ("b_batch", found.steps[1]), ("b_step", b_step)]
    bits = 32 if max(math.prod(sizes(t.dims)) for t in inputs) < 2**31 else 64
    return multiplied(
        a.dtype.name, Strided("a", not flip_a, together(a_step, size), bits),
        Strided("b", flip_b, together(b_step, size), bits), (a, b), found.shape, parameters, after, finished,
    )  # fmt: skip


def _batch_step(dims: tuple[int, ...], out: tuple[int, ...]) -> int | None:
    """From the matrix of one batch element to that of the next: 0 when one matrix serves all; None for a mixture."""
    own = (1,) * (len(out) - len(dims)) + dims[:-2]
    if math.prod(own) == 1:
        return 0
    return dims[-1] * dims[-2] if own == out[:-2] else None


ANCHORS = {"matmul": matmul}
