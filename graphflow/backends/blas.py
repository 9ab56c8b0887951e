"""NumPy's own BLAS, which some references use, on one thread: results then do not depend on the number of threads.

It can be told so where it is the OpenBLAS of NumPy's wheels; another one obeys its own environment variables alone.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

_NAMES = ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads")


@functools.cache
def functions() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """(how many threads it uses, set that); None for a BLAS that is not known here."""
    home = Path(np.__file__).parent
    for path in [*home.parent.glob("numpy.libs/*openblas*"), *home.glob(".dylibs/*openblas*")]:
        library = ctypes.CDLL(str(path))  # which NumPy has loaded already
        for name in _NAMES:
            get, put = (getattr(library, name.format(verb), None) for verb in ("get", "set"))
            if get is not None and put is not None:
                return get, put
    return None


class _Serial:
    """Inside, one thread, in the whole process; the last one to leave brings back what there was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0

    def __enter__(self) -> None:
        found = functions()
        with self._lock:
            self._inside += 1
            if found is not None and self._inside == 1:
                self._before = found[0]()
                found[1](1)

    def __exit__(self, *_: object) -> None:
        found = functions()
        with self._lock:
            self._inside -= 1
            if found is not None and self._inside == 0:
                found[1](self._before)

    def forget(self) -> None:
        """In a child process, whose other threads are gone."""
        self._lock = threading.Lock()
        self._inside = 0


SERIAL_BLAS = _Serial()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SERIAL_BLAS.forget)
