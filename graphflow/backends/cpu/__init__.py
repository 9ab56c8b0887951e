"""The CPU backend: kernels compiled by numba."""

from __future__ import annotations

from graphflow.backends.base import Call, Executable
from graphflow.backends.cache import Cache
from graphflow.backends.clock import Clock
from graphflow.backends.cpu.compile import Kernels
from graphflow.backends.cpu.executable import CpuExecutable
from graphflow.backends.cpu.lower import lower
from graphflow.operation import Operation
from graphflow.plan import Plan
from graphflow.store import Store


class CpuBackend:
    """Native kernels in one call a run, the NumPy reference where there is none.  One object a process."""

    name = "cpu"

    def __init__(self) -> None:
        self.kernels = Kernels(Cache())

    def lower(self, op: Operation) -> Call | None:
        return lower(op)

    def compile(self, plan: Plan, store: Store, clock: Clock | None = None) -> Executable:
        return CpuExecutable(plan, store, self.kernels, clock)
