"""Where the kernels of this process run: on a GPU, in numba's simulator, or nowhere."""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"


def _has_gpu() -> bool:
    if importlib.util.find_spec("numba_cuda") is None:
        return False
    from graphflow.backends.cuda import shim

    return shim.available()


GPU = not SIMULATED and _has_gpu()
inside = pytest.mark.skipif(
    not SIMULATED and not GPU, reason="there is no GPU; without one it runs in a process of the simulator"
)

if SIMULATED:
    sys.setswitchinterval(1e-3)  # the simulator's threads are Python's: they change places more often
