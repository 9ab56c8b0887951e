"""What a session remembers between runs: the values of variables, and how often each random op has drawn."""

from __future__ import annotations

import os

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


class Store:
    """Values by the id of the variable's operation.

    An array stays at its address until a value of another shape replaces it (validate_shape=False); `epoch` counts
    these replacements, so that whoever has bound addresses knows that they are stale.
    """

    def __init__(self) -> None:
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

    def draws(self, op: Operation) -> np.ndarray:
        """uint64 [key, draw number] of a random op; without seeds the key is this session's own."""
        state = self._draws.get(op.id)
        if state is None:
            seed, seed2 = op.attrs["seed"], op.attrs["seed2"]
            key = key_of(seed, seed2) if seed or seed2 else int.from_bytes(os.urandom(8), "little")
            state = self._draws[op.id] = np.array([key, 0], np.uint64)
        return state


def uninitialized(variable: Operation, op: Operation | None = None) -> GraphflowError:
    """The error for using a variable that has no value yet."""
    error = FailedPreconditionError.because(
        f"the variable {variable.name!r} is used before it has a value in this session",
        op or variable,
        hint="run tf.global_variables_initializer() first",
    )
    return error.note(*variable.where())
