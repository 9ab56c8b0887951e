"""A process that compiles kernels: run as a script, its arguments are the compute capability.

It needs few modules of graphflow.  Its packages are empty here, so that these bring no others: graphflow as a whole
takes longer to import than a kernel to compile.
"""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

SCRIPT = __file__
_PACKAGES = "graphflow", "graphflow.backends", "graphflow.backends.cuda", "graphflow.ops"


def code_of(job: Any, capability: tuple[int, int]) -> tuple[str, bytes] | None:
    """(name, machine code); None for a kernel that does not compile."""
    try:
        return job.compile(capability)[:2]
    except Exception:
        return None


def main() -> None:
    """Say that it is ready, then answer jobs until there are no more."""
    for name in _PACKAGES:
        package = sys.modules[name] = ModuleType(name)
        package.__path__ = [str(Path(__file__).parents[3].joinpath(*name.split(".")))]
    Job = importlib.import_module("graphflow.backends.cuda.compile").Job

    capability = int(sys.argv[1]), int(sys.argv[2])
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what else prints does not get between
    Job("def kernel(x, n):\n    x[n] = float32(n)\n", ("float32",), 1, 32).compile(capability)  # numba gets ready
    made: Any = "ready"
    while True:
        pickle.dump(made, answers)
        answers.flush()
        try:
            job = Job(*pickle.load(sys.stdin.buffer))
        except EOFError:
            return
        made = code_of(job, capability)


if __name__ == "__main__":
    main()
