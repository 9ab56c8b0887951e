"""Where the kernels of this process run: on a GPU, in numba's simulator, or nowhere."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

import numpy as np
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


def _shared_array(self: Any, shape: Any, dtype: Any) -> np.ndarray:
    """The array of a block at the line of the caller.

    The simulator's own looks whether there is one before it makes it, so that two threads may make one each.
    """
    caller = sys._getframe(1)
    element = as_dtype(dtype) if isinstance(dtype, types.Type) else dtype
    made: np.ndarray = self._allocations.setdefault(
        (caller.f_code.co_filename, caller.f_lineno), np.empty(shape, element)
    )
    return made


if SIMULATED:
    from numba import types
    from numba.cuda.simulator.kernelapi import FakeCUDAShared
    from numba.np.numpy_support import as_dtype

    FakeCUDAShared.array = _shared_array
    sys.setswitchinterval(1e-3)  # the simulator's threads are Python's: they change places more often
