"""Whether this process is one of numba's simulator."""

from __future__ import annotations

import os
import sys

import pytest

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
inside = pytest.mark.skipif(not SIMULATED, reason="runs in the process of the simulator, see test_in_the_simulator")

if SIMULATED:
    sys.setswitchinterval(1e-3)  # the simulator's threads are Python's: they change places more often
