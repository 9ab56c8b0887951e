"""Kernels are compiled for four capabilities where the toolkit's wheels are: registers alone, no local memory."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.cuda.ptxas import CAPABILITIES, assembler

MISSING = importlib.util.find_spec("numba_cuda") is None or assembler() is None
REASON = "the extra `cuda` and ptxas (nvidia-cuda-nvcc) are not installed: no kernel was compiled to PTX"


@pytest.mark.skipif(MISSING, reason=REASON)
@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda c: f"sm_{c[0]}{c[1]}")
def test_no_kernel_spills(capability, tmp_path):
    """In a process of its own: this one may be of the simulator."""
    command = [sys.executable, "-m", "tests.backends.cuda.ptxas", str(tmp_path), *map(str, capability)]
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert not done.returncode, done.stdout + done.stderr
