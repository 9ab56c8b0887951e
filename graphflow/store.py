"""What a session remembers between runs: values of variables, how often random ops have drawn, queues, iterators."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from graphflow.errors import FailedPreconditionError, GraphflowError
from graphflow.operation import Operation
from graphflow.ops.seeds import key_of
from graphflow.shape import Dims

_ALIGN = 64


def aligned(dims: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialized C-ordered array whose data start on a 64-byte boundary."""
    if dtype.hasobject:
        return np.empty(dims, dtype)
    nbytes = int(np.prod(dims, dtype=np.int64)) * dtype.itemsize
    raw = np.empty(nbytes + _ALIGN, np.uint8)
    start = -raw.ctypes.data % _ALIGN
    return raw[start : start + nbytes].view(dtype).reshape(dims)


class Mirror(Protocol):
    """Who keeps values of variables elsewhere, on a device."""

    def pull(self, variable: Operation) -> None:
        """Let the store's array have the newest value."""

    def stale(self, variable: Operation) -> None:
        """The store has got a newer value."""


class Store:
    """Values by the id of the variable's operation.

    An array stays at its address until a value of another shape replaces it (validate_shape=False); `epoch` counts
    these replacements, so that whoever has bound addresses knows that they are stale.

    lock     one run at a time holds it; a run that waits for others lets it go meanwhile (`released`)
    mirror   who keeps the variables on a device, None where they live here
    compile  (program, shapes of its feeds, threads) -> an executable for one caller; the session sets it
    spare    whether a CPU is left when a plan runs; the session sets it
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.compile: Callable[[Any, Sequence[Dims], int], Callable[[list], list]] | None = None
        self.spare = False
        self.mirror: Mirror | None = None
        self._held: dict[Any, Any] = {}
        self.epoch = 0
        self.reshaped: Operation | None = None  # the variable that was replaced last
        self._arrays: dict[int, np.ndarray] = {}
        self._initialized: set[int] = set()
        self._draws: dict[int, np.ndarray] = {}

    def initialized(self, variable: Operation) -> bool:
        """Whether the variable has a value."""
        return variable.id in self._initialized

    def dims(self, variable: Operation) -> Dims:
        """The shape of the variable's value, or, before there is one, its static shape."""
        array = self._arrays.get(variable.id)
        return variable.output.dims if array is None else array.shape

    def value(self, variable: Operation) -> np.ndarray | None:
        """The variable's own array, None before it has a value."""
        if self.mirror is not None:
            self.mirror.pull(variable)
        return self._arrays[variable.id] if variable.id in self._initialized else None

    def storage(self, variable: Operation, dims: tuple[int, ...]) -> np.ndarray | None:
        """The array to write values of this shape to, made when there is none; None when it has another shape."""
        array = self._arrays.get(variable.id)
        if array is None:
            array = self._arrays[variable.id] = aligned(dims, variable.output.dtype.dtype)
        return array if array.shape == dims else None

    def mark(self, variable: Operation) -> None:
        """The variable's array now holds a value."""
        self._initialized.add(variable.id)

    def mark_all(self, numbers: frozenset[int]) -> None:
        """So do those of the variables whose operations have these ids."""
        self._initialized |= numbers

    def forget(self, variable: Operation) -> None:
        """The variable has no value, as before the first."""
        self._initialized.discard(variable.id)

    def write(self, variable: Operation, value: np.ndarray) -> None:
        """Give the variable a value of any shape."""
        array = self.storage(variable, value.shape)
        if array is None:
            del self._arrays[variable.id]
            self.epoch += 1
            self.reshaped = variable
            array = self.storage(variable, value.shape)
        assert array is not None
        if array is not value:
            array[...] = value
        self.mark(variable)
        if self.mirror is not None:
            self.mirror.stale(variable)

    def held(self, op: Operation) -> Any:
        """What the session keeps for this operation, or for all of its shared_name; made when first asked for."""
        key = op.attrs.get("shared_name") or op.id
        with self.lock:
            if key not in self._held:
                assert op.definition.holds is not None
                self._held[key] = op.definition.holds(self, **op.attrs)
            return self._held[key]

    def name_of(self, held: Any) -> bytes:
        """A string that stands for something that the session keeps."""
        return next(f"held-{key}" for key, value in self._held.items() if value is held).encode()

    def named(self, name: bytes) -> Any:
        """What the session keeps under the name; None when there is nothing of that name."""
        return next((value for key, value in self._held.items() if f"held-{key}".encode() == name), None)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let other runs go on while this thread, in the middle of its own, waits for something."""
        lock: Any = self.lock
        if not lock._is_owned():
            yield
            return
        state = lock._release_save()  # all levels, as threading.Condition does
        try:
            yield
        finally:
            lock._acquire_restore(state)

    def close(self) -> None:
        """Wake those who wait for a queue or an iterator: what they wait for will not come."""
        with self.lock:
            for held in self._held.values():
                if hasattr(held, "cancel"):
                    held.cancel()
            self._held.clear()

    def draws(self, op: Operation) -> np.ndarray:
        """uint64 [key, draw number] of a random op; without seeds the key is this session's own."""
        state = self._draws.get(op.id)
        if state is None:
            seed, seed2 = op.attrs["seed"], op.attrs["seed2"]
            key = key_of(seed, seed2) if seed or seed2 else int.from_bytes(os.urandom(8), "little")
            state = self._draws[op.id] = np.array([key, 0], np.uint64)
        return state

    def draw_counts(self) -> dict[int, list[int]]:
        """[key, draw number] of every random op that has drawn, by the id of its operation."""
        return {number: state.tolist() for number, state in self._draws.items()}

    def set_draw_counts(self, counts: Mapping[int, Sequence[int]]) -> None:
        """Let random ops go on from there; others are left alone."""
        for number, state in counts.items():
            self._draws.setdefault(number, np.empty(2, np.uint64))[...] = state


def uninitialized(variable: Operation, op: Operation | None = None) -> GraphflowError:
    """The error for using a variable that has no value yet."""
    error = FailedPreconditionError.because(
        f"the variable {variable.name!r} is used before it has a value in this session",
        op or variable,
        hint="run tf.global_variables_initializer() first",
    )
    return error.note(*variable.where())
