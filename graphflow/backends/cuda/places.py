"""Where the values of plans are on the device: arenas, constants, variables, rows, and boxes that come and go."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.arena import padded
from graphflow.backends.cpu.buffers import storage_of, variables_of
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.launch import ALIGN
from graphflow.backends.cuda.memory import Variables
from graphflow.operation import Operation, Tensor
from graphflow.plan import Buffer, Plan, Step
from graphflow.shape import sizes
from graphflow.store import Store

Place = tuple[Any, int]  # device bytes, where something begins in them
BYTE = np.dtype(np.uint8)
_FIRST = 2**20  # bytes of rows that there is room for from the start


class Pieces:
    """Pieces of one block of device memory."""

    def __init__(self) -> None:
        self.nbytes = 0
        self._starts: dict[Any, int] = {}

    def add(self, what: Any, nbytes: int) -> None:
        self._starts[what] = self.nbytes
        self.nbytes += padded(max(nbytes, 1), ALIGN)

    def make(self, name: str) -> None:
        self.device = shim.allocate(self.nbytes, name)

    def place(self, what: Any) -> Place:
        return self.device, self._starts[what]

    def on_device(self, what: Any, dtype: np.dtype, count: int) -> Any:
        return shim.part(self.device, self._starts[what], dtype, count)


class Box(Pieces):
    """Pieces that go between host and device in one copy."""

    def make(self, name: str) -> None:
        super().make(name)
        self.host = shim.pinned(self.nbytes)

    def on_host(self, what: Any, dtype: np.dtype, dims: tuple[int, ...]) -> np.ndarray:
        start, count = self._starts[what], int(np.prod(dims, dtype=np.int64))
        return self.host[start : start + count * dtype.itemsize].view(dtype).reshape(dims)


class Rows:
    """Rows of one shape, nobody knows how many beforehand; there is room for twice as many when they have no place.

    device   the bytes of all, other ones after they have moved
    """

    def __init__(self, buffer: Buffer, stream: Any, what: str) -> None:
        self.dims, self.dtype = sizes((buffer.dims or (0,))[1:]), buffer.dtype.dtype
        self.nbytes = math.prod(self.dims) * self.dtype.itemsize
        self.count = self._room = 0
        self._stream, self._what = stream, what
        self.device: Any = None

    def reserve(self, count: int) -> None:
        """Make room for so many; those that are there stay."""
        if count <= self._room and self.device is not None:
            return
        room = max(count, 2 * self._room, _FIRST // max(self.nbytes, 1))
        before, self.device = self.device, shim.allocate(room * self.nbytes, f"{room} rows of {self._what}")
        kept = self._room * self.nbytes
        if before is not None and kept:
            shim.copy(shim.part(self.device, 0, BYTE, kept), shim.part(before, 0, BYTE, kept), self._stream)
            shim.wait(self._stream)  # before the memory is given back
        self._room = room

    def array(self) -> np.ndarray:
        """What is there, on the host."""
        made = np.empty((self.count, *self.dims), self.dtype)
        if made.nbytes:
            shim.download(shim.part(self.device, 0, BYTE, made.nbytes), made.reshape(-1).view(np.uint8), self._stream)
            shim.wait(self._stream)
        return made

    def set(self, value: np.ndarray) -> None:
        self.count = len(value)
        self.reserve(self.count)
        flat = np.array(value, self.dtype, order="C").reshape(-1).view(np.uint8)
        if flat.nbytes:
            shim.upload(shim.part(self.device, 0, BYTE, flat.nbytes), flat, self._stream)
            shim.wait(self._stream)


class Memory:
    """Where the values of one plan are on the device: a memory of its own, or one that a loop or branch has.

    arena   what lies between the steps
    rounds  for tensors that say how often a loop went round: what knows it without asking the device
    """

    arena: Any

    def __init__(self, plan: Plan, store: Store, mirror: Variables, stream: Any) -> None:
        self.plan, self.store, self.mirror, self.stream = plan, store, mirror, stream
        self.variables = variables_of(plan)
        self.rounds: dict[Tensor, Callable[[], int]] = {}
        self._views: dict[tuple, Any] = {}
        self._constants: dict[int, Any] = {}
        self._rows: dict[int, Rows] = {}

    def view(self, buffer: Buffer) -> Any:
        """The buffer as an array of a kernel."""
        count = int(np.prod(sizes(buffer.dims), dtype=np.int64))
        key = buffer.kind, buffer.index, buffer.dtype, count
        found = self._views.get(key)
        if found is None:
            memory, start = self.place(buffer)
            found = self._views[key] = shim.part(memory, start, buffer.dtype.dtype, count)
        return found

    def place(self, buffer: Buffer) -> Place:
        match buffer.kind:
            case "arena":
                return self.arena, buffer.index
            case "feed" | "fetch":
                return self.outside(buffer)
            case "state":
                variable = self.variables[buffer.index]
                return self.mirror.memory(variable, storage_of(variable, buffer, self.store).shape), 0
        found = self._constants.get(buffer.index)
        if found is None:
            value = self.plan.constants[buffer.index]
            found = self._constants[buffer.index] = shim.allocate(value.nbytes, "a constant")
            if value.nbytes:
                shim.upload(found, np.ascontiguousarray(value).reshape(-1).view(np.uint8), self.stream)
                shim.wait(self.stream)
        return found, 0

    def rows(self, buffer: Buffer, what: str = "") -> Rows:
        """Of a loop that makes nobody knows how many."""
        found = self._rows.get(buffer.index)
        if found is None:
            found = self._rows[buffer.index] = Rows(buffer, self.stream, what)
        return found

    def outside(self, buffer: Buffer) -> Place:
        """The place of a feed or a fetch."""
        raise NotImplementedError

    def on_host(self, t: Tensor, buffer: Buffer) -> Callable[[], Any] | None:
        """What knows the value of a tensor without asking the device, if anything does."""
        if buffer.kind == "const":
            value = self.plan.constants[buffer.index]
            return lambda: value
        return self.rounds.get(t)

    def draws(self, op: Operation) -> Any:
        """uint64 [2] of a random operation."""
        raise NotImplementedError

    def status(self, step: Step) -> Any:
        """int64 [1] of a step, which its kernels write where an index is bad."""
        raise NotImplementedError
