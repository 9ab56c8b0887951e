"""How many ops of the registry have CUDA kernels: `NUMBA_ENABLE_CUDASIM=1 python -m tests.backends.cuda.census`.

An op is native when its record names a kind of lowering that the backend knows; a Kernel must be one of its own.  For
some dtypes and shapes it may still run the reference, as on the CPU.
"""

from __future__ import annotations

from types import FunctionType

import graphflow  # noqa: F401  (all ops are defined)
from graphflow.backends.cpu.kernels import BINDINGS as CPU
from graphflow.backends.cuda.kernels import ANCHORS, BINDINGS
from graphflow.ops.define import REGISTRY, OpDef
from graphflow.ops.lowering import Kernel


def kernels_of(record: OpDef) -> set[str]:
    """The names of kernels that a lowering may ask for; those of a function are read from its code."""
    kind = record.lowering
    if isinstance(kind, Kernel):
        return {kind.name}
    found: set[str] = set()
    stack = [kind]
    while stack:
        item = stack.pop()
        if isinstance(item, Kernel):
            found.add(item.name)
        elif isinstance(item, FunctionType):
            constants = [c for c in item.__code__.co_consts if isinstance(c, str)]
            found |= {c for c in constants if c in CPU}
            stack += [cell.cell_contents for cell in item.__closure__ or ()]
        elif isinstance(item, (tuple, list)):
            stack += item
    return found


def main() -> None:
    own = {*ANCHORS, *BINDINGS}
    lowered = {name: record for name, record in REGISTRY.items() if record.lowering is not None}
    missing = {name: sorted(kernels_of(record) - own) for name, record in lowered.items()}
    missing = {name: kernels for name, kernels in missing.items() if kernels}
    native = len(lowered) - len(missing)
    print(f"{len(REGISTRY)} ops in the registry, {len(lowered)} with a lowering, {native} of them with kernels on CUDA")
    for name, kernels in sorted(missing.items()):
        print(f"  no CUDA kernel: {name} ({', '.join(kernels)})")
    only = ", ".join(sorted(set(CPU) - own))
    print(f"kernels of the CPU: {len(CPU)}, of CUDA: {len(own)}; only on the CPU: {only}")
    print("without a lowering, on the reference everywhere: " + ", ".join(sorted(set(REGISTRY) - set(lowered))))


if __name__ == "__main__":
    main()
