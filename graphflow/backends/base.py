"""What a backend is: it lowers operations to calls of kernels, and turns a finished plan into an executable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from graphflow.backends.clock import Clock
from graphflow.operation import Operation, Tensor
from graphflow.store import Store

if TYPE_CHECKING:
    from graphflow.plan import Plan

# The values of the feeds in, the values of the fetches out: new arrays that the caller owns.
Executable = Callable[[list[np.ndarray]], list[np.ndarray]]


@dataclass(frozen=True)
class Call:
    """One call of a kernel.

    function       the kernel: a Python function (*pointers, *sizes, tid, nthreads) that the backend compiles
    pointers       tensors of the operation, each a flat C-ordered array of its dtype; "status" is an int64[4] in
                   which a kernel reports a bad value: [1, position, value, 0]; "draws" is the uint64[2] of Store.draws;
                   "team" is what the threads of a run share, for kernels in which they wait for each other
    sizes          int64 numbers
    scratch_bytes  memory that the kernel needs while it runs: one more pointer (uint8) after the others
    takes_tail     the kernel's last size is the address of an epilogue's arguments, or 0: see `tail`
    tail           an epilogue (*pointers, *sizes, first, last, left, right), which such a kernel runs on each block of
                   rows and columns of its result as soon as that is done
    error          the message for a bad value, with {position} and {value}
    source         the text of a generated kernel
    """

    function: Any
    pointers: tuple[Tensor | str, ...]
    sizes: tuple[int, ...]
    scratch_bytes: int = 0
    takes_tail: bool = False
    tail: Call | None = None
    error: str = ""
    source: str = ""


class Backend(Protocol):
    """`lower` says which kernel an operation becomes, None for its NumPy reference; `compile` binds a plan to it.

    With a clock, every run of the executable measures the steps of the plan; without one nothing is measured.
    """

    name: str

    def lower(self, op: Operation) -> Call | None: ...

    def compile(self, plan: Plan, store: Store, clock: Clock | None = None) -> Executable: ...
