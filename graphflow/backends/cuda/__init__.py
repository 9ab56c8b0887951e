"""The CUDA backend: kernels compiled by numba.cuda, on one GPU."""

from __future__ import annotations

from graphflow import logging as log
from graphflow.backends.base import Bodies, Call, Executable, Watch, cpu_count
from graphflow.backends.cache import Cache
from graphflow.backends.clock import Clock
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.executable import CudaExecutable
from graphflow.backends.cuda.kernels.product import wanted
from graphflow.backends.cuda.loading import Kernels
from graphflow.backends.cuda.lower import lower
from graphflow.backends.cuda.memory import Variables
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Operation
from graphflow.ops.fused import type_of
from graphflow.passes.loops.unroll import Short
from graphflow.plan import Plan, Step, holds_rows
from graphflow.store import Store


class CudaBackend:
    """Kernels on the GPU, the NumPy reference on the CPU where there is none.

    strict   operations without a kernel are an error, instead of a note in the log

    Raises: GraphError when the driver or the GPU is missing, or the driver is too old.
    """

    name = "cuda"
    device = "GPU"
    lists = staticmethod(holds_rows)
    layouts = None
    # A round of a loop is a launch of its own, and a kernel that never ends for a new process.
    short = Short(rounds=256, operations=4096, elements=1 << 30, together=1 << 20)

    def __init__(self, strict: bool = False) -> None:
        shim.require_device()
        self.strict = strict
        self.kernels = Kernels(Cache())
        self._told: set[str] = set()

    def spares(self, threads: int) -> bool:
        return cpu_count() > 1

    def epilogues(self, op: Operation) -> bool:
        return "CPU" not in (op.device or "") and wanted(op)

    def lower(self, op: Operation) -> Call | None:
        return None if "CPU" in (op.device or "") else lower(op)

    def compile(
        self, plan: Plan, store: Store, clock: Clock | None = None, threads: int = 0, function: Bodies | None = None,
        watch: Watch | None = None,
    ) -> Executable:  # fmt: skip
        for step in plan.steps:
            self._place(step)
        variables = store.mirror
        if variables is None:
            variables = store.mirror = Variables(store, shim.new_stream())
        assert isinstance(variables, Variables)
        return CudaExecutable(plan, store, self.kernels, variables, clock, function, watch)

    def _place(self, step: Step) -> None:
        """Tell of a step that runs on the CPU though nobody has asked for that, or refuse it."""
        op = step.op
        if step.call is not None or step.copy or op.definition.calls or "CPU" in (op.device or ""):
            return
        if any(t.dtype.dtype.hasobject for t in op.inputs + op.outputs) or not op.outputs:
            return  # strings, lists and what only acts on the host belong there
        kind = type_of(op)
        if self.strict:
            raise InvalidArgumentError.because(
                f"{kind} has no CUDA kernel for {', '.join(map(repr, op.inputs)) or 'no inputs'}, and "
                f"allow_soft_placement is False",
                op, hint="allow_soft_placement=True runs it on the CPU; so does `with tf.device('/cpu:0'):`",
            ).note(*op.where())  # fmt: skip
        if kind not in self._told:
            self._told.add(kind)
            log.warning("%s %r has no CUDA kernel for these inputs: it runs on the CPU", kind, op.name)
