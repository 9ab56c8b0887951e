"""Cells of several small matrices, or with a path beside the recurrence."""

from __future__ import annotations

from typing import Any

from graphflow import initializers
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.bias import bias_add
from graphflow.ops.join import concat, split
from graphflow.ops.linalg import matmul
from graphflow.ops.math import sigmoid
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.cell import LSTMStateTuple, RNNCell, UnitsCell
from graphflow.recurrent.cells import last_size

_ZEROS = initializers.zeros_initializer()


class GLSTMCell(RNNCell):
    """An LSTM whose inputs and units fall into groups that see only themselves.

    num_proj   the size of the output, by one more matrix; num_units without one
    Raises: ValueError when units, outputs or inputs cannot be divided by the number of groups.
    Source: Kuchaiev and Ginsburg, Factorization tricks for LSTM networks (2017).
    """

    def __init__(
        self, num_units: int, initializer: Any = None, num_proj: int | None = None, number_of_groups: int = 1,
        forget_bias: float = 1.0, activation: Any = tanh, reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(reuse=reuse)
        for what, size in (("num_units", num_units), ("num_proj", num_proj or 0)):
            if size % number_of_groups:
                raise GraphError(f"{what} is {size}, which {number_of_groups} groups do not divide")
        self._num_units, self._num_proj, self._groups = num_units, num_proj, number_of_groups
        self._initializer, self._forget_bias, self._activation = initializer, forget_bias, activation

    @property
    def state_size(self) -> LSTMStateTuple:
        return LSTMStateTuple(self._num_units, self.output_size)

    @property
    def output_size(self) -> int:
        return self._num_proj or self._num_units

    def build(self, input_shape: Any) -> None:
        size = last_size(input_shape, self)
        if size % self._groups:
            raise ShapeError(f"there are {size} inputs, which {self._groups} groups do not divide")
        seen, units = (size + self.output_size) // self._groups, self._num_units // self._groups
        self._kernels = [
            self.add_weight(f"group{g}/kernel", [seen, 4 * units], initializer=self._initializer)
            for g in range(self._groups)
        ]
        self._biases = [self.add_weight(f"bias_{gate}", [self._num_units], initializer=_ZEROS) for gate in "ijfo"]
        self._projection: Any = None
        if self._num_proj:
            self._projection = self.add_weight("projection/kernel", [self._num_units, self._num_proj])
        self.built = True

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, LSTMStateTuple]:
        c, m = state
        pairs = zip(split(inputs, self._groups, axis=1), split(m, self._groups, axis=1), self._kernels, strict=True)
        parts = [split(matmul(concat([x, h], 1), kernel), 4, axis=1) for x, h, kernel in pairs]
        gates = [concat(gate, 1) for gate in zip(*parts, strict=True)]
        i, j, f, o = (bias_add(gate, bias) for gate, bias in zip(gates, self._biases, strict=True))
        c = sigmoid(f + self._forget_bias) * c + sigmoid(i) * tanh(j)
        m = sigmoid(o) * self._activation(c)
        if self._projection is not None:
            m = matmul(m, self._projection)
        return m, LSTMStateTuple(c, m)


class IntersectionRNNCell(UnitsCell):
    """Two gates: one for the state, one for a path from the inputs to the outputs.

    num_in_proj   inputs of another size than num_units go through a matrix first; ValueError without it
    Source: Collins et al., Capacity and Trainability in Recurrent Neural Networks.
    """

    def __init__(
        self, num_units: int, num_in_proj: int | None = None, initializer: Any = None, forget_bias: float = 1.0,
        y_activation: Any = relu, reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_units, reuse=reuse)
        self._initializer, self._forget_bias = initializer, forget_bias
        self._num_in_proj, self._y_activation = num_in_proj, y_activation

    def _linear(self, scope: str, inputs: int, outputs: int) -> tuple[Any, Any]:
        kernel = self.add_weight(f"{scope}kernel", [inputs, outputs], initializer=self._initializer)
        return kernel, self.add_weight(f"{scope}bias", [outputs], initializer=self._initializer or _ZEROS)

    def build(self, input_shape: Any) -> None:
        n, size = self._num_units, last_size(input_shape, self)
        self._projection: Any = None
        if size != n:
            if not self._num_in_proj:
                raise ShapeError(f"there are {size} inputs and {n} units",
                                 hint="num_in_proj=num_units brings the inputs to this size")  # fmt: skip
            self._projection = self._linear("in_projection/", size, n)
        self._kernel, self._bias = self._linear("", 2 * n, 4 * n)
        self.built = True

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x = inputs
        if self._projection is not None:
            kernel, bias = self._projection
            x = bias_add(matmul(x, kernel), bias)
        gh, h, gy, y = split(bias_add(matmul(concat([x, state], 1), self._kernel), self._bias), 4, axis=1)
        gh, gy = sigmoid(gh + self._forget_bias), sigmoid(gy + self._forget_bias)
        state = gh * state + (1.0 - gh) * tanh(h)
        return gy * x + (1.0 - gy) * self._y_activation(y), state
