"""Kernels are compiled for four capabilities where the extra is: no spills, and next to no local memory."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphflow.backends.base import cpu_count
from tests.backends.cuda.ptxas import TOOLKIT


def compiled(share: int) -> subprocess.CompletedProcess:
    """In a process of its own: this one may be of the simulator."""
    command = [sys.executable, "-m", "tests.backends.cuda.ptxas", str(share), str(cpu_count())]
    environment = {**os.environ, "GRAPHFLOW_CUBLAS": "0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[3])


@pytest.mark.skipif(not TOOLKIT, reason="the extra `cuda` is not installed: no kernel was compiled")
def test_no_kernel_spills():
    with ThreadPoolExecutor(cpu_count()) as pool:
        for done in pool.map(compiled, range(cpu_count())):
            assert not done.returncode, done.stdout + done.stderr
