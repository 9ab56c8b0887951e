"""Compiled kernels beside memory that may not be touched, in a process of their own."""

import ctypes
import faulthandler
import functools
import importlib
import mmap
import multiprocessing
import os
import tempfile
import threading

import numpy as np

from graphflow.backends import get_backend
from graphflow.backends.cpu.emitted import Emitted

PAGE = mmap.PAGESIZE
_C = ctypes.CDLL(None, use_errno=True)
_C.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_BARRIER = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


# Processes are forked from one that has imported what takes long, and has no threads of ours.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["graphflow.testing", "graphflow.backends.cpu"])


def isolated(test):
    """The test runs in a new process, which a wrong access may kill; its arguments must be picklable."""

    @functools.wraps(test)
    def run(**arguments):
        with tempfile.NamedTemporaryFile() as said:
            process = _FORKS.Process(target=_alone, args=(test.__module__, test.__name__, arguments, said.name))
            process.start()
            process.join()
            assert process.exitcode == 0, said.read().decode()

    return run


def _alone(module, name, arguments, output):
    """Run a test of a module; what it writes, and where it crashes, goes into a file."""
    with open(output, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    faulthandler.enable()
    getattr(importlib.import_module(module), name).__wrapped__(**arguments)


def walled(array, at_end=True):
    """A copy of the array in memory that ends (or starts) where nothing may be read or written."""
    array = np.ascontiguousarray(array)
    inner = -(-max(array.nbytes, 1) // PAGE) * PAGE
    memory = mmap.mmap(-1, inner + 2 * PAGE)
    whole = np.frombuffer(memory, np.uint8)
    start = whole.ctypes.data
    for page in (start, start + PAGE + inner):
        if _C.mprotect(page, PAGE, mmap.PROT_READ & 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    first = PAGE + (inner - array.nbytes if at_end else 0)
    copy = whole[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _count(code, seen, n, first, last, left, right):
    with code.loop(first, last) as i, code.loop(left, right) as j:
        at = i * n + j
        seen.store(at, seen.load(at) + 1)


COUNT = Emitted(_count, dtype="int32", block=True)


def run(call, arrays, nthreads=1, seen=None):
    """Run the kernel of a call natively on the arrays of its tensors.

    seen   int32 like the matrix that is written: counts how often the epilogue gets each element

    Threads take turns, so that what one leaves to another is seen; where they wait for each other they run together.
    """
    kernels = get_backend("cpu").kernels
    team = np.zeros(8, np.int64)
    passed = [team if p == "team" else arrays[p] for p in call.pointers]
    if call.scratch_bytes:
        passed.append(walled(np.full(call.scratch_bytes, 0xAB, np.uint8)))
    words = [*(a.ctypes.data for a in passed), *call.sizes]
    if call.takes_tail:
        words.append(0)
        if seen is not None:
            words += [kernels.address(COUNT, ("int32",), 1), seen.ctypes.data, seen.shape[-1]]
    block = np.array(words, np.int64)
    if call.takes_tail and seen is not None:
        block[-4] = block[-2:].ctypes.data
    sizes = len(call.sizes) + call.takes_tail
    kernel = _KERNEL(kernels.address(call.function, tuple(a.dtype.name for a in passed), sizes))
    if nthreads == 1 or "team" not in call.pointers:
        for tid in range(nthreads):
            kernel(block.ctypes.data, tid, nthreads)
        return
    barrier = threading.Barrier(nthreads, timeout=60)
    wait = _BARRIER(lambda team, tid, nthreads: barrier.wait() and None)
    team[0] = ctypes.cast(wait, ctypes.c_void_p).value
    threads = [threading.Thread(target=kernel, args=(block.ctypes.data, tid, nthreads)) for tid in range(nthreads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
