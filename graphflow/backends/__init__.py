"""Backends by name.  A backend is imported when the first session asks for it: numba takes a while."""

from __future__ import annotations

import functools

from graphflow.backends.base import Backend
from graphflow.errors import GraphError


@functools.cache
def get_backend(name: str) -> Backend:
    """The backend called `name`, one object a process; ValueError for an unknown one."""
    if name == "cpu":
        from graphflow.backends.cpu import CpuBackend

        return CpuBackend()
    if name == "reference":
        from graphflow.backends.reference import ReferenceBackend

        return ReferenceBackend()
    raise GraphError(f"there is no backend {name!r}: choose 'cpu' or 'reference'")


def kernel_counts() -> dict[str, int]:
    """How many CPU kernels this process has `compiled`, and how many it has `loaded` from the cache on disk."""
    kernels = get_backend("cpu").kernels  # type: ignore[attr-defined]
    return {"compiled": kernels.compiled, "loaded": kernels.loaded}
