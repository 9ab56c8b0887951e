"""Kernels compiled without a GPU, and what the assembler says of them: `python -m tests.backends.cuda.ptxas`.

Numba and NVVM make PTX once, as for a run; only the assembler works for one capability.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import Any, NamedTuple

import numpy as np

import graphflow as tf
from graphflow.backends.base import Call
from graphflow.operation import Tensor
from graphflow.passes import optimize
from graphflow.plan import make_plan
from graphflow.program import prune, specialize
from tests.backends.cuda.simulator import SIMULATED

CAPABILITIES = (7, 5), (8, 0), (9, 0), (10, 0)
STACK = 32  # bytes of a thread: where libdevice's sine and cosine reduce large arguments


class Report(NamedTuple):
    """What a kernel takes: registers of a thread, and bytes."""

    registers: int
    stack: int
    stores: int
    loads: int

    @property
    def spills(self) -> int:
        return self.stores + self.loads


TOOLKIT = importlib.util.find_spec("numba_cuda") is not None and not SIMULATED  # the extra brings what is needed


def launches(fetches: list[Tensor], feeds: dict[Tensor, np.ndarray]) -> list[tuple[str, Any]]:
    """What a run of these launches, with the names of its operations."""
    from graphflow.backends.cuda import CudaBackend
    from graphflow.backends.cuda.launch import Launch, Launches
    from graphflow.backends.cuda.lower import lower

    program = prune(tuple(fetches), (), tuple(feeds))
    dims = [feeds[t].shape for t in program.feeds]
    stage = specialize(program, dims, lambda variable: variable.output.dims)
    plan = make_plan(optimize(stage.program, None, None, CudaBackend.short), lower)
    found = []
    for step in plan.steps:
        if isinstance(step.call, Call) and isinstance(step.call.function, Launches):
            found += [(step.op.type, one) for one in step.call.function if isinstance(one, Launch)]
    return found


def report_of(text: str) -> Report:
    """What the assembler has said of a kernel."""
    memory = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", text)
    registers = re.search(r"Used (\d+) registers", text)
    assert memory and registers, text
    return Report(int(registers[1]), *map(int, memory.groups()))


def main(share: int, shares: int) -> int:
    """Compile the kernels of a share of the cases for all capabilities; a line for each that has local memory."""
    from graphflow.backends.cuda import generate, shim
    from graphflow.backends.cuda.compile import function_of
    from tests.backends.cuda.cases import CASES

    generate.MANY = 8  # as in the simulator: the shapes of the cases are small
    done: set[Any] = set()
    bad, most = 0, dict.fromkeys(CAPABILITIES, 0)
    for name in list(CASES)[share::shares]:
        with tf.Graph().as_default():
            for kind, one in launches(*CASES[name](np.random.default_rng(0))):
                if one.job in done:
                    continue
                done.add(one.job)
                ptx = shim.ptx(function_of(one.kernel), *one.job[1:])
                for capability in CAPABILITIES:
                    report = report_of(one.job.assembled(ptx, capability).report)
                    most[capability] = max(most[capability], report.registers)
                    if report.spills or report.stack > STACK:
                        bad += 1
                        print(f"{name}: {kind}: {capability}: {report}")
    many = f"{bad} spill or have more than {STACK} bytes of stack"
    print(f"{len(done)} kernels for each of {', '.join(map(str, CAPABILITIES))}; {many}")
    print(f"registers at most: {', '.join(map(str, most.values()))}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:] or (0, 1))))
