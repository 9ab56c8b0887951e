"""Cells with other gates than those of the LSTM and the GRU."""

from __future__ import annotations

from typing import Any

from graphflow import initializers
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.bias import bias_add
from graphflow.ops.clip import clip_by_value
from graphflow.ops.join import concat, split
from graphflow.ops.linalg import matmul
from graphflow.ops.math import sigmoid
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.cell import LSTMStateTuple, RNNCell, UnitsCell, activation_or_tanh
from graphflow.recurrent.cells import last_size, packed, unpacked

_ZEROS = initializers.zeros_initializer()


class UGRNNCell(UnitsCell):
    """h' = g * h + (1 - g) * activation(c), with g, c = [x, h] @ kernel + bias and g = sigmoid(g + forget_bias).

    Shapes: x [batch, inputs], h [batch, units]; kernel [inputs + units, 2 * units].
    Source: Collins et al., Capacity and Trainability in Recurrent Neural Networks.
    """

    def __init__(
        self, num_units: int, initializer: Any = None, forget_bias: float = 1.0, activation: Any = tanh,
        reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_units, reuse=reuse)
        self._initializer, self._forget_bias = initializer, forget_bias
        self._activation = activation_or_tanh(activation)

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        self._kernel = self.add_weight(
            "kernel", [last_size(input_shape, self) + n, 2 * n], initializer=self._initializer
        )
        self._bias = self.add_weight("bias", [2 * n], initializer=self._initializer or _ZEROS)
        self.built = True

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        g, c = split(bias_add(matmul(concat([inputs, state], 1), self._kernel), self._bias), 2, axis=1)
        g = sigmoid(g + self._forget_bias)
        output = g * state + (1.0 - g) * self._activation(c)
        return output, output


class SRUCell(UnitsCell):
    """c' = f * c + (1 - f) * x1, h = r * activation(c') + (1 - r) * x4, with x1, f, r, x4 = x @ kernel.

    The biases are those of f and r, which are sigmoids.
    Shapes: x [batch, inputs], c [batch, units]; kernel [inputs, 4 * units], bias [2 * units].
    Source: Lei and Zhang, Training RNNs as Fast as CNNs.
    """

    def __init__(self, num_units: int, activation: Any = None, reuse: Any = None, name: str | None = None,
                 **kwargs: Any) -> None:  # fmt: skip
        super().__init__(num_units, name=name, reuse=reuse, **kwargs)
        self._activation = activation_or_tanh(activation)

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        self._kernel = self.add_weight("kernel", [last_size(input_shape, self), 4 * n])
        self._bias = self.add_weight("bias", [2 * n], initializer=_ZEROS)
        self.built = True

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x, f, r, skip = split(matmul(inputs, self._kernel), 4, axis=1)
        f, r = split(sigmoid(bias_add(concat([f, r], 1), self._bias)), 2, axis=1)
        c = f * state + (1.0 - f) * x
        return r * self._activation(c) + (1.0 - r) * skip, c


class NASCell(RNNCell):
    """The cell that a search over architectures found: eight products of x and of h, joined in three layers.

    use_bias  adds a bias to the products of h
    Shapes: x [batch, inputs], c [batch, units], h [batch, num_proj or units]; kernel [inputs, 8 * units],
            recurrent_kernel [num_proj or units, 8 * units], projection_weights [units, num_proj].
    Source: Zoph and Le, Neural Architecture Search with Reinforcement Learning.
    """

    def __init__(self, num_units: int, num_proj: int | None = None, use_bias: bool = False, reuse: Any = None,
                 **kwargs: Any) -> None:  # fmt: skip
        super().__init__(reuse=reuse, **kwargs)
        self._num_units, self._num_proj, self._use_bias = num_units, num_proj, use_bias

    @property
    def state_size(self) -> LSTMStateTuple:
        return LSTMStateTuple(self._num_units, self.output_size)

    @property
    def output_size(self) -> int:
        return self._num_units if self._num_proj is None else self._num_proj

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        self._recurrent_kernel = self.add_weight("recurrent_kernel", [self.output_size, 8 * n])
        self._kernel = self.add_weight("kernel", [last_size(input_shape, self), 8 * n])
        if self._use_bias:
            self._bias = self.add_weight("bias", [8 * n], initializer=_ZEROS)
        if self._num_proj is not None:
            self._projection = self.add_weight("projection_weights", [n, self._num_proj])
        self.built = True

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, LSTMStateTuple]:
        c, h = unpacked(state, True)
        product = matmul(h, self._recurrent_kernel)
        if self._use_bias:
            product = bias_add(product, self._bias)
        x, m = split(matmul(inputs, self._kernel), 8, axis=1), split(product, 8, axis=1)
        first = tanh(tanh(sigmoid(x[0] + m[0]) * relu(x[1] + m[1])) + c)
        second = tanh(sigmoid(x[2] + m[2]) + relu(x[3] * m[3]))
        third = tanh(tanh(x[4] + m[4]) * sigmoid(x[5] + m[5]))
        fourth = sigmoid(tanh(x[6] + m[6]) + sigmoid(x[7] + m[7]))
        c = first * second
        h = tanh(c * tanh(third + fourth))
        if self._num_proj is not None:
            h = matmul(h, self._projection)
        return h, LSTMStateTuple(c, h)


class CoupledInputForgetGateLSTMCell(RNNCell):
    """An LSTM that forgets where it takes in: c' = f * c + (1 - f) * activation(j), h' = activation(c') * sigmoid(o).

    j, f, o are the thirds of [x, h] @ W_0 + B, and f = sigmoid(f + forget_bias).
    use_peepholes  diagonal weights from c to f and o: W_F_diag, W_O_diag
    num_proj       h' is projected to this size, by W_P_0 [units, num_proj], and clipped by proj_clip
    Source: Greff et al., LSTM: A Search Space Odyssey.
    """

    def __init__(
        self, num_units: int, use_peepholes: bool = False, initializer: Any = None, num_proj: int | None = None,
        proj_clip: float | None = None, num_unit_shards: int = 1, num_proj_shards: int = 1, forget_bias: float = 1.0,
        state_is_tuple: bool = True, activation: Any = tanh, reuse: Any = None, layer_norm: bool = False,
        norm_gain: float = 1.0, norm_shift: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(reuse=reuse)
        if layer_norm:
            raise GraphError("layer_norm is not there: LayerNormBasicLSTMCell has it")
        self._num_units, self._num_proj, self._use_peepholes = num_units, num_proj, use_peepholes
        self._proj_clip, self._forget_bias, self._state_is_tuple = proj_clip, forget_bias, state_is_tuple
        self._activation = activation_or_tanh(activation)

    @property
    def state_size(self) -> Any:
        n, m = self._num_units, self.output_size
        return LSTMStateTuple(n, m) if self._state_is_tuple else n + m

    @property
    def output_size(self) -> int:
        return self._num_proj or self._num_units

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        self._kernel = self.add_weight("W_0", [last_size(input_shape, self) + self.output_size, 3 * n])
        self._bias = self.add_weight("B", [3 * n], initializer=_ZEROS)
        if self._use_peepholes:
            self._w_f, self._w_o = self.add_weight("W_F_diag", [n]), self.add_weight("W_O_diag", [n])
        if self._num_proj:
            self._projection = self.add_weight("W_P_0", [n, self._num_proj])
        self.built = True

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        n = self._num_units
        c, h = unpacked(state, True) if self._state_is_tuple else (state[:, :n], state[:, n:])
        j, f, o = split(bias_add(matmul(concat([inputs, h], 1), self._kernel), self._bias), 3, axis=1)
        f = f + self._forget_bias
        f = sigmoid(f + self._w_f * c if self._use_peepholes else f)
        c = f * c + (1 - f) * self._activation(j)
        h = sigmoid(o + self._w_o * c if self._use_peepholes else o) * self._activation(c)
        if self._num_proj:
            h = matmul(h, self._projection)
            if self._proj_clip is not None:
                h = clip_by_value(h, -self._proj_clip, self._proj_clip)
        return h, packed(c, h, self._state_is_tuple)
