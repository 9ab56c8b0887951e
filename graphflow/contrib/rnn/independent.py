"""Cells whose units do not see each other's state: the recurrent weights are vectors.

Source: Li et al., Independently Recurrent Neural Network (2018).
"""

from __future__ import annotations

from typing import Any

from graphflow import initializers
from graphflow.operation import Tensor
from graphflow.ops.arrange import tile
from graphflow.ops.bias import bias_add
from graphflow.ops.join import split
from graphflow.ops.linalg import matmul
from graphflow.ops.math import sigmoid
from graphflow.recurrent.cell import LSTMStateTuple, LSTMUnitsCell, UnitsCell, activation_or_tanh
from graphflow.recurrent.cells import last_size

_ZEROS = initializers.zeros_initializer()
_AROUND_ZERO = initializers.random_uniform_initializer(-1, 1)


class IndRNNCell(UnitsCell):
    """h' = activation(x @ kernel_w + h * kernel_u + bias).   Shapes: kernel_u [1, units]."""

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(num_units, reuse=reuse, name=name, dtype=dtype)
        self._activation = activation_or_tanh(activation)

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        self._kernel_w = self.add_weight("kernel_w", [last_size(input_shape, self), n])
        self._kernel_u = self.add_weight("kernel_u", [1, n], initializer=_AROUND_ZERO)
        self._bias = self.add_weight("bias", [n], initializer=_ZEROS)
        self.built = True

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = self._activation(bias_add(matmul(inputs, self._kernel_w) + state * self._kernel_u, self._bias))
        return h, h


class IndyGRUCell(UnitsCell):
    """A GRUCell with a vector in place of each recurrent matrix."""

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, kernel_initializer: Any = None,
        bias_initializer: Any = None, name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_units, reuse=reuse, name=name, dtype=dtype)
        self._activation = activation_or_tanh(activation)
        self._kernel_initializer, self._bias_initializer = kernel_initializer, bias_initializer

    def build(self, input_shape: Any) -> None:
        n, size = self._num_units, last_size(input_shape, self)
        self._gates = self._parts("gates", "kernel_w", size, 2 * n, initializers.ones_initializer())
        self._candidate = self._parts("candidate", "kernel", size, n, _ZEROS)
        self.built = True

    def _parts(self, scope: str, kernel: str, size: int, units: int, bias: Any) -> list[Any]:
        return [
            self.add_weight(f"{scope}/{kernel}", [size, units], initializer=self._kernel_initializer),
            self.add_weight(f"{scope}/kernel_u", [1, units], initializer=_AROUND_ZERO),
            self.add_weight(f"{scope}/bias", [units], initializer=self._bias_initializer or bias),
        ]

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        w, u, b = self._gates
        r, z = split(sigmoid(bias_add(matmul(inputs, w) + tile(state, [1, 2]) * u, b)), 2, axis=1)
        w, u, b = self._candidate
        candidate = self._activation(bias_add(matmul(inputs, w) + r * state * u, b))
        h = z * state + (1.0 - z) * candidate
        return h, h


class IndyLSTMCell(LSTMUnitsCell):
    """A BasicLSTMCell with a vector in place of the recurrent matrix."""

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, activation: Any = None, reuse: Any = None,
        kernel_initializer: Any = None, bias_initializer: Any = None, name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_units, reuse=reuse, name=name, dtype=dtype)
        self._forget_bias, self._activation = forget_bias, activation_or_tanh(activation)
        self._kernel_initializer, self._bias_initializer = kernel_initializer, bias_initializer

    def build(self, input_shape: Any) -> None:
        n = 4 * self._num_units
        self._kernel_w = self.add_weight(
            "kernel_w", [last_size(input_shape, self), n], initializer=self._kernel_initializer
        )
        self._kernel_u = self.add_weight("kernel_u", [1, n], initializer=_AROUND_ZERO)
        self._bias = self.add_weight("bias", [n], initializer=self._bias_initializer or _ZEROS)
        self.built = True

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, LSTMStateTuple]:
        c, h = state
        gates = matmul(inputs, self._kernel_w) + tile(h, [1, 4]) * self._kernel_u
        i, j, f, o = split(bias_add(gates, self._bias), 4, axis=1)
        c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * self._activation(j)
        h = self._activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h)
