"""Backends by name.  A backend is imported when the first session asks for it: numba takes a while."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence

import numpy as np

from graphflow import logging as log
from graphflow.backends.base import Backend
from graphflow.errors import GraphError


def get_backend(name: str, strict: bool = False) -> Backend:
    """The backend called `name`, one object a process; ValueError for an unknown one, or one that cannot be used.

    strict   an accelerator refuses operations that it has no kernel for
    """
    return _made(name, strict and name == "cuda")


@functools.cache
def _made(name: str, strict: bool) -> Backend:
    if name == "cpu":
        from graphflow.backends.cpu import CpuBackend

        return CpuBackend()
    if name == "reference":
        from graphflow.backends.reference import ReferenceBackend

        return ReferenceBackend()
    if name == "cuda":
        from graphflow.backends.cuda import CudaBackend

        return CudaBackend(strict)
    raise GraphError(f"there is no backend {name!r}: choose 'cpu', 'cuda' or 'reference'")


@functools.cache
def accelerator(strict: bool) -> Backend | None:
    """The CUDA backend for programs that name a GPU.  Where it cannot be used: None and a note; if strict an error."""
    try:
        return get_backend("cuda", strict)
    except GraphError as error:
        if strict:
            raise
        log.warning("the program names a GPU, and runs on the CPU: %s", error)
        return None


@functools.cache
def called_alone(function: Callable, elements: tuple[str, ...], sizes: int) -> Callable[..., None]:
    """A kernel, compiled for the CPU, as a function of arrays for its pointers and of its sizes.

    elements   the dtypes of the pointers
    For loops over bytes that belong to no plan, such as checksums.  The GIL is free while it runs.
    """
    address = get_backend("cpu").kernels.address(function, elements, sizes)  # type: ignore[attr-defined]
    native = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
    block = ctypes.c_int64 * (len(elements) + sizes)

    def call(arrays: Sequence[np.ndarray], *numbers: int) -> None:
        native(ctypes.addressof(words := block(*[a.ctypes.data for a in arrays], *numbers)), 0, 1)
        del words

    return call


def kernel_counts() -> dict[str, int]:
    """How many CPU kernels this process has `compiled`, and how many it has `loaded` from the cache on disk."""
    kernels = get_backend("cpu").kernels  # type: ignore[attr-defined]
    return {"compiled": kernels.compiled, "loaded": kernels.loaded}


@functools.cache
def measured_peak(threads: int) -> tuple[int, float]:
    """(how many threads run a plan when `threads` are asked for, FLOP/s in float32 that they reach at most together).

    Measured once in a process, in some 50 ms.
    """
    from graphflow.backends.cpu.peak import peak
    from graphflow.backends.cpu.team import thread_count

    count = thread_count(threads)
    return count, peak(get_backend("cpu").kernels, count)  # type: ignore[attr-defined]
