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


def jobs_of_loops() -> list[Any]:
    """The kernels that belong to no operation: what loops and branches move, clear and count."""
    from graphflow.backends.cuda import rounds, shim
    from graphflow.backends.cuda.compile import Job

    made = [Job(rounds.COUNT, ("uint64",), 0, shim.THREADS), Job(rounds.SET, ("int32",), 1, shim.THREADS),
            Job(rounds.LATCH, ("int64",), 2, shim.THREADS)]  # fmt: skip
    for n in (1, rounds.TOGETHER):
        words = tuple([f"int{8 << k % 4}" for k in range(n)])
        made.append(Job(rounds.clearing(n), words, n, shim.THREADS))
        for when in ("", "begin", "take", "give"):
            elements = (*(["int64"] if when else []), *[w for w in words for _ in range(2)])
            made.append(Job(rounds.moving(n, when), elements, 3 * n + 2 * (when == "begin"), shim.THREADS))
    return made


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
    jobs = dict.fromkeys([("loops and branches", job) for job in jobs_of_loops()] if not share else [])
    for name in list(CASES)[share::shares]:
        with tf.Graph().as_default():
            jobs |= {
                (f"{name}: {kind}", one.job): None for kind, one in launches(*CASES[name](np.random.default_rng(0)))
            }
    done: set[Any] = set()
    bad, most = 0, dict.fromkeys(CAPABILITIES, 0)
    for name, job in jobs:
        if job in done:
            continue
        done.add(job)
        ptx = shim.ptx(function_of(job.kernel), *job[1:])
        for capability in CAPABILITIES:
            report = report_of(job.assembled(ptx, capability).report)
            most[capability] = max(most[capability], report.registers)
            if report.spills or report.stack > STACK:
                bad += 1
                print(f"{name}: {capability}: {report}")
    many = f"{bad} spill or have more than {STACK} bytes of stack"
    print(f"{len(done)} kernels for each of {', '.join(map(str, CAPABILITIES))}; {many}")
    print(f"registers at most: {', '.join(map(str, most.values()))}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:] or (0, 1))))
