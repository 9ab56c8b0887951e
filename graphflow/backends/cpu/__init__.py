"""The CPU backend: kernels compiled by numba."""

from __future__ import annotations

from functools import partial

from graphflow.backends.base import Bodies, Call, Executable, Watch, cpu_count
from graphflow.backends.cache import Cache
from graphflow.backends.clock import Clock
from graphflow.backends.cpu.compile import Kernels
from graphflow.backends.cpu.executable import CpuExecutable
from graphflow.backends.cpu.kernels.conv import image_lanes
from graphflow.backends.cpu.kernels.matmul import panels
from graphflow.backends.cpu.lower import lower
from graphflow.backends.cpu.team import Teams, thread_count
from graphflow.backends.cpu.walk import EXECUTOR
from graphflow.operation import Operation
from graphflow.passes.layout import Layouts
from graphflow.passes.loops.unroll import Short
from graphflow.plan import Plan, holds_items
from graphflow.store import Store


class CpuBackend:
    """Native kernels in one call a run, the NumPy reference where there is none.  One object a process."""

    name = "cpu"
    device = "CPU"
    lists = staticmethod(holds_items)
    layouts = Layouts(image_lanes, panels)
    short = Short(together=None)
    epilogues = None

    def __init__(self) -> None:
        self.kernels = Kernels(Cache())
        self.teams = Teams(self.kernels)
        self._ready = False

    def spares(self, threads: int) -> bool:
        return thread_count(threads) < cpu_count()

    def lower(self, op: Operation) -> Call | None:
        return lower(op)

    def compile(
        self, plan: Plan, store: Store, clock: Clock | None = None, threads: int = 0, function: Bodies | None = None,
        watch: Watch | None = None,
    ) -> Executable:  # fmt: skip
        if not self._ready:  # what executes plans is compiled with the first one, whatever its size
            for kernel in EXECUTOR:
                self.kernels.address(kernel, (), 0)
            self._ready = True
        members = thread_count(threads)
        team_of = partial(self.teams.of, members) if members > 1 else lambda: None
        return CpuExecutable(plan, store, self.kernels, clock, team_of, function, watch)
