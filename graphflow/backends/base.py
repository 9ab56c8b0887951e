"""What a backend is: it lowers operations to calls of kernels, and turns a finished plan into an executable."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from graphflow.backends.clock import Clock
from graphflow.operation import Operation, Program, Tensor
from graphflow.store import Store

if TYPE_CHECKING:
    from graphflow.passes.epilogues import Epilogues
    from graphflow.passes.layout import Layouts
    from graphflow.passes.loops.unroll import Short
    from graphflow.plan import Buffer, Plan, Step

# The values of the feeds in, the values of the fetches out: new arrays that the caller owns.
Executable = Callable[[list[np.ndarray]], list[np.ndarray]]


def cpu_count() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Bodies(Protocol):
    """Who compiles the bodies of branches and loops."""

    def __call__(self, program: Program) -> Executable: ...

    def plan(self, program: Program, donated: Collection[int]) -> Plan | None: ...


class Watch(Protocol):
    """Who looks at what the steps of a run make; `array` gives what a buffer of the plan holds now.

    `keep_all` and `look` are for those that know operations with their values, but no steps.
    """

    def begin(self) -> None: ...

    def before(self, step: Step, array: Callable[[Buffer], np.ndarray]) -> None: ...

    def after(self, step: Step, array: Callable[[Buffer], np.ndarray]) -> None: ...

    def keep_all(self) -> None: ...

    def look(self, op: Operation, inputs: Sequence[Any], outputs: Sequence[Any]) -> None: ...


@dataclass(frozen=True)
class Draws:
    """The key and the draw number of a random operation, as a pointer of a kernel."""

    op: Operation


@dataclass(frozen=True)
class Call:
    """One call of a kernel.

    function       the kernel: a function (*pointers, *sizes, tid, nthreads), or what else the backend can compile
    pointers       tensors of the operation, each a flat C-ordered array of its dtype; "status" is an int64[4] in
                   which a kernel reports a bad value: [1, position, value, 0]; Draws are the uint64[2] of Store.draws;
                   "team" is what the threads of a run share, for kernels in which they wait for each other
    sizes          int64 numbers
    scratch_bytes  memory that the kernel needs while it runs: one more pointer (uint8) after the others
    takes_tail     the kernel's last size is the address of an epilogue's arguments, or 0: see `tail`
    tail           an epilogue (*pointers, *sizes, first, last, left, right), which such a kernel runs on each block of
                   rows and columns of its result as soon as that is done
    whole_rows     these blocks are of whole rows
    pointwise      the kernel is done with element i of every input when it writes element i of an output
    over           the kernel changes the list that is its first output, which is this input until then
    repeats        how often it goes over its arrays
    endless        how long it takes depends on values: it lets Python look for signals
    error          the message for a bad value, with {position} and {value}
    """

    function: Any
    pointers: tuple[Tensor | Draws | str, ...]
    sizes: tuple[int, ...]
    scratch_bytes: int = 0
    takes_tail: bool = False
    tail: Call | None = None
    whole_rows: bool = False
    pointwise: bool = False
    over: int | None = None
    repeats: int = 1
    endless: bool = False
    error: str = ""

    @property
    def source(self) -> str:
        """The text of a generated kernel, what an emitted one computes; nothing for one that is written by hand."""
        return "" if isinstance(self.function, FunctionType) else str(self.function)


class Backend(Protocol):
    """`lower` says which kernel an operation becomes, None for its NumPy reference; `compile` binds a plan to it.

    With a clock, every run of the executable measures the steps of the plan; without one nothing is measured.
    threads: how many may run the plan together; 0 leaves it to the backend.
    function: makes what runs the bodies of branches and loops, for feeds of any shapes.
    watch: is called at the beginning of every run, and before and after every step.
    layouts: what graphflow.passes.layout asks; None where there is one layout of each thing.
    short: which loops it would rather have laid out, None for those that cost more to count than to do.
    epilogues: what graphflow.passes.epilogues asks; None where no product has a second output.
    spares: whether a CPU is left while so many threads run a plan.
    device: "CPU" or "GPU", where its kernels run.
    lists: which lists, and rows of loops, it keeps in memory that grows, for kernels; elsewhere they are Python's.
    """

    name: str
    device: str

    @property
    def lists(self) -> Callable[[Tensor], bool] | None: ...

    @property
    def short(self) -> Short | None: ...

    @property
    def layouts(self) -> Layouts | None: ...

    @property
    def epilogues(self) -> Epilogues | None: ...

    def spares(self, threads: int) -> bool: ...

    def lower(self, op: Operation) -> Call | None: ...

    def compile(
        self, plan: Plan, store: Store, clock: Clock | None = None, threads: int = 0, function: Bodies | None = None,
        watch: Watch | None = None,
    ) -> Executable: ...  # fmt: skip
