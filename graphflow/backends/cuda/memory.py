"""Variables on the device, and whose copy is the newest: the device's or the store's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphflow.backends.cuda import shim
from graphflow.operation import Operation
from graphflow.store import Store


class Variables:
    """The variables of one store that live on the device.  A store asks it before it shows a value to anyone else."""

    def __init__(self, store: Store, stream: Any) -> None:
        self._store, self._stream = store, stream
        self._memory: dict[int, Any] = {}
        self._ahead: set[int] = set()  # newer on the device
        self._behind: set[int] = set()  # newer on the host

    def memory(self, variable: Operation, dims: tuple[int, ...]) -> Any:
        """The bytes of a variable, new ones when there are none of this size."""
        nbytes = math.prod(dims) * variable.output.dtype.size
        found = self._memory.get(variable.id)
        if found is None or found.shape[0] != max(nbytes, 1):
            found = self._memory[variable.id] = shim.allocate(nbytes, f"the variable {variable.name!r}")
            self._ahead.discard(variable.id)
            self._behind.add(variable.id)
        return found

    def push(self, variables: Mapping[int, Operation]) -> None:
        """Queue copies to the device of those whose values are newer on the host; they are given by their ids."""
        for number in self._behind & variables.keys():
            if self._store.initialized(variables[number]):
                value = self._store.value(variables[number])
                assert value is not None
                if value.nbytes:
                    flat = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
                    shim.upload(self._memory[number], flat, self._stream)
                    shim.wait(self._stream)
                self._behind.discard(number)

    def wrote(self, numbers: frozenset[int]) -> None:
        """Kernels have written the variables with these ids."""
        self._behind -= numbers
        self._ahead |= numbers

    def pull(self, variable: Operation) -> None:
        """Let the store's array have the newest value."""
        if variable.id not in self._ahead:
            return
        self._ahead.discard(variable.id)
        array = self._store.storage(variable, self._store.dims(variable))  # type: ignore[arg-type]
        assert array is not None
        if array.nbytes:
            shim.download(self._memory[variable.id], array.reshape(-1).view(np.uint8), self._stream)
            shim.wait(self._stream)

    def stale(self, variable: Operation) -> None:
        """The host has written it."""
        self._ahead.discard(variable.id)
        if variable.id in self._memory:
            self._behind.add(variable.id)
