"""Where the buffers of a plan are: as addresses for native code, and as arrays for what runs in Python."""

from __future__ import annotations

import sys

import numpy as np

from graphflow.backends.cpu.buffers import allocated, results, storage_of, variables_of
from graphflow.backends.cpu.cells import Cells
from graphflow.dtypes import ListType
from graphflow.ops.lists import as_items
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import known, sizes
from graphflow.store import Store

_ONLY_HERE = 3  # references to an array that only the memory has, while it counts them


class Memory:
    """The arena, lists and objects of an executable, and where constants, variables, feeds and fetches are.

    given      by the number of a fetch array, the fetch that it is given to; see `results`
    copies     the other fetches with their positions
    variables  by the id of their operation
    arrays     those of the run: the feeds, then the arrays for the caller
    """

    def __init__(self, plan: Plan, store: Store) -> None:
        self._store = store
        self._arena = allocated(plan)
        self._arena_start = self._arena.ctypes.data
        self._constants = plan.constants
        self._objects: list[np.ndarray | None] = [None] * plan.objects
        self._cells = Cells(plan.lists)
        self._addresses: dict[tuple[str, int], int] = {}  # of constants and variables
        self.given, self.copies = results(plan)
        first = len(plan.program.feeds)
        self._number = {index: first + i for i, index in enumerate(self.given)}  # of each fetch array in `arrays`
        self.variables = variables_of(plan)
        self.arrays: list[np.ndarray] = []

    def address(self, buffer: Buffer) -> tuple[int, int | None]:
        """(the address, None), or, for memory that is new in every run, (0, its number among the run's arrays)."""
        match buffer.kind:
            case "arena":
                return self._arena_start + buffer.index, None
            case "feed":
                return 0, buffer.index
            case "fetch":
                return 0, self._number[buffer.index]
            case "list":
                return self._cells.address(buffer.index), None
            case _:
                found = self._addresses.get(buffer[:2])
                if found is None:
                    array = self.state(buffer) if buffer.kind == "state" else self.array(buffer)
                    found = self._addresses[buffer[:2]] = array.ctypes.data
                return found, None

    def state(self, buffer: Buffer) -> np.ndarray:
        """The array of a variable."""
        return storage_of(self.variables[buffer.index], buffer, self._store)

    def array(self, buffer: Buffer) -> np.ndarray:
        """The buffer as a NumPy array; for a variable its own array."""
        index = buffer.index
        array: np.ndarray | None
        match buffer.kind:
            case "arena":
                array = self._arena[index : index + buffer.nbytes].view(buffer.dtype.dtype)
            case "state":
                array = self.state(buffer)
            case "feed":
                array = self.arrays[index]
            case "fetch":
                array = self.arrays[self._number[index]]
            case "const":
                array = self._constants[index]
            case "list":
                return self._cells.value(buffer)
            case _:
                array = self._objects[index]
                assert array is not None
                return array
        return array.reshape(sizes(buffer.dims)) if known(buffer.dims) else array  # a list may have any length

    def own(self, buffer: Buffer) -> np.ndarray:
        """A value that lasts, as programs take it: lists as object arrays; what nobody else has is given away."""
        value = self.array(buffer)
        alone = buffer.kind == "object" and value.flags.owndata and sys.getrefcount(value) == _ONLY_HERE
        value = value if alone else value.copy()
        return as_items(value) if isinstance(buffer.dtype, ListType) else value

    def save(self, buffer: Buffer, value: np.ndarray) -> None:
        if buffer.kind == "object":
            self._objects[buffer.index] = value
        elif buffer.kind == "list":
            self._cells.set(buffer, value)
        elif buffer.kind == "state":
            self._store.write(self.variables[buffer.index], value)
        else:
            np.copyto(self.array(buffer), value)

    def bindable(self, step: Step) -> bool:
        """Whether every buffer is memory; a variable whose array has another shape is written by the reference."""
        return all(b.kind != "object" for b in step.inputs) and all(map(self.fits, step.outputs))

    def fits(self, b: Buffer) -> bool:
        """Whether it is memory, in the shape that the plan counts on."""
        return b.kind != "object" and (b.kind != "state" or self.state(b).shape == b.dims)

    def has_value(self, state: Buffer) -> bool:
        """Whether the variable has one, of the shape that the plan counts on."""
        variable = self.variables[state.index]
        return self._store.initialized(variable) and self._store.dims(variable) == state.dims
