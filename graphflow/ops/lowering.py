"""Kinds of lowering: how an op says, in words that no backend owns, what its kernel computes.

Backends know these few kinds and never the list of ops.  Expressions are plain Python over the names of the op's
arguments and attributes; `exp`, `log`, `sqrt` and the like are the scalar functions, `T` casts to the dtype of the
first output.  An op without a lowering, or whose lowering is None for the dtypes at hand, runs its NumPy reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Elementwise:
    """One scalar expression for each output; inputs broadcast as in NumPy.

    operands  which inputs it is about, all when None; others have said by their values what shape the output has
    """

    expressions: tuple[str, ...]
    operands: tuple[int, ...] | None

    def __init__(self, *expressions: str, operands: tuple[int, ...] | None = None) -> None:
        object.__setattr__(self, "expressions", expressions)
        object.__setattr__(self, "operands", operands)


@dataclass(frozen=True)
class Reduce:
    """Fold the elements `x` of the axes in the second input into `acc`, from `init`; then `finish`, which knows `n`.

    An op with one input folds all axes.
    `init` may also be `lowest` or `highest`, the bounds of the dtype (infinite for floating ones).
    `accumulator` is the dtype that `acc` has, the element's own when None.   `merge` makes one result of two partial
    ones, `acc` and `x`; it is the step when empty.
    """

    init: str
    step: str
    finish: str = "acc"
    accumulator: str | None = None
    merge: str = ""


@dataclass(frozen=True)
class View:
    """The first input's bytes under another shape: no step, no copy."""


@dataclass(frozen=True)
class Kernel:
    """A kernel written by hand, found by name in each backend.

    With `epilogue` it can run elementwise operations over each block of its output as soon as that is done.
    """

    name: str
    epilogue: bool = False


@dataclass(frozen=True)
class Columns(Kernel):
    """A kernel whose outputs are columns of input `of`, all as wide, the first ones of which are `starts`.

    A region reads them where they are.
    """

    of: int = 0
    starts: tuple[int, ...] = ()


@dataclass(frozen=True)
class SideBySide(Kernel):
    """A kernel that joins all its inputs but the last, which are of one shape, along their last dimension.

    A region writes them where they go.
    """


@dataclass(frozen=True)
class Random:
    """Element i from the i-th block of Philox words `a`, `b` (uint32) of this op's key and draw number.

    `expression` sees `a`, `b`, the op's inputs other than the shape, and FUNCTIONS of graphflow.ops.philox.
    """

    expression: str


@dataclass(frozen=True)
class Together:
    """A region (graphflow.ops.fused) of Elementwise operations: one loop nest, intermediate values in registers."""

    region: Any


@dataclass(frozen=True)
class Each:
    """One kernel for many updates (graphflow.ops.updates) of one kind, each over its own arrays."""

    updates: Any


def operands(kind: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Those of the inputs (or of what belongs to inputs, such as names) whose elements a kernel computes with."""
    if isinstance(kind, Elementwise) and kind.operands is not None:
        return tuple([inputs[i] for i in kind.operands])
    if isinstance(kind, (Reduce, View)):
        return tuple(inputs[:1])
    if isinstance(kind, Columns):
        return (inputs[kind.of],)
    if isinstance(kind, SideBySide):
        return tuple(inputs[:-1])
    return tuple(inputs[1:]) if isinstance(kind, Random) else tuple(inputs)


Lowering = Elementwise | Reduce | View | Kernel | Random | Together | Each | None
AnyLowering = Any  # a Lowering, or a function of the operation that gives one
