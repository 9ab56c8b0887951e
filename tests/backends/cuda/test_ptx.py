"""Kernels are compiled for four capabilities where the extra is: no spills, and next to no local memory."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from graphflow.backends.base import cpu_count
from tests.backends.cuda.ptxas import CAPABILITIES, TOOLKIT


def compiled(capability: tuple[int, int]) -> subprocess.CompletedProcess:
    """In a process of its own: this one may be of the simulator."""
    command = [sys.executable, "-m", "tests.backends.cuda.ptxas", *map(str, capability)]
    environment = {**os.environ, "GRAPHFLOW_CUBLAS": "0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[3])


@pytest.fixture(scope="module")
def reports():
    """What was said for each capability, made side by side."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        yield {capability: pool.submit(compiled, capability) for capability in CAPABILITIES}


@pytest.mark.skipif(not TOOLKIT, reason="the extra `cuda` is not installed: no kernel was compiled to PTX")
@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda c: f"sm_{c[0]}{c[1]}")
def test_no_kernel_spills(capability, reports: dict[tuple[int, int], Future]):
    done = reports[capability].result()
    assert not done.returncode, done.stdout + done.stderr
