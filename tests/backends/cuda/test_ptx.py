"""Kernels are compiled for four capabilities where the toolkit's wheels are: registers, and next to no local memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.cuda.ptxas import CAPABILITIES, TOOLKIT


@pytest.mark.skipif(not TOOLKIT, reason="the extra `cuda` is not installed: no kernel was compiled to PTX")
@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda c: f"sm_{c[0]}{c[1]}")
def test_no_kernel_spills(capability):
    """In a process of its own: this one may be of the simulator."""
    command = [sys.executable, "-m", "tests.backends.cuda.ptxas", *map(str, capability)]
    environment = {**os.environ, "GRAPHFLOW_CUBLAS": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert not done.returncode, done.stdout + done.stderr
