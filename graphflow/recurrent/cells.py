"""The cells: plain, GRU and LSTM."""

from __future__ import annotations

from typing import Any

from graphflow import initializers
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import add, multiply
from graphflow.ops.bias import bias_add
from graphflow.ops.clip import clip_by_value
from graphflow.ops.join import concat, split
from graphflow.ops.linalg import matmul
from graphflow.ops.math import sigmoid
from graphflow.recurrent.cell import LSTMStateTuple, RNNCell, UnitsCell, activation_or_tanh

_ZEROS, _ONES = initializers.zeros_initializer(), initializers.ones_initializer()


def last_size(input_shape: Any, cell: RNNCell) -> int:
    """The depth of a cell's inputs.   Raises: ValueError when it is unknown."""
    depth = input_shape[-1].value
    if depth is None:
        raise ShapeError(f"{type(cell).__name__} needs inputs of known depth, and their shape is {input_shape}")
    return depth


class BasicRNNCell(UnitsCell):
    """h' = activation([x, h] @ kernel + bias).

    Shapes: x [batch, inputs], h [batch, units]; kernel [inputs + units, units], bias [units].
    """

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, name: str | None = None, dtype: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(num_units, name=name, dtype=dtype, reuse=reuse, **kwargs)
        self._activation = activation_or_tanh(activation)

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        self._kernel = self.add_weight("kernel", [last_size(input_shape, self) + n, n])
        self._bias = self.add_weight("bias", [n], initializer=_ZEROS)
        self.built = True

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        output = self._activation(bias_add(matmul(concat([inputs, state], 1), self._kernel), self._bias))
        return output, output


class GRUCell(UnitsCell):
    """h' = u * h + (1 - u) * c, with r, u = sigmoid([x, h] @ gates) and c = activation([x, r * h] @ candidate).

    Shapes: x [batch, inputs], h [batch, units]; gates/kernel [inputs + units, 2 * units], candidate/kernel
            [inputs + units, units].  The bias of the gates starts at 1.
    Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder.
    """

    _names: tuple[str, str, str, str] = ("gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias")

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, kernel_initializer: Any = None,
        bias_initializer: Any = None, name: str | None = None, dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(num_units, name=name, dtype=dtype, reuse=reuse, **kwargs)
        self._activation = activation_or_tanh(activation)
        self._kernel_initializer, self._bias_initializer = kernel_initializer, bias_initializer

    def build(self, input_shape: Any) -> None:
        n, depth = self._num_units, last_size(input_shape, self)
        own, bias = self._kernel_initializer, self._bias_initializer
        gate_kernel, gate_bias, candidate_kernel, candidate_bias = self._names
        self._gate_kernel = self.add_weight(gate_kernel, [depth + n, 2 * n], initializer=own)
        self._gate_bias = self.add_weight(gate_bias, [2 * n], initializer=_ONES if bias is None else bias)
        self._candidate_kernel = self.add_weight(candidate_kernel, [depth + n, n], initializer=own)
        self._candidate_bias = self.add_weight(candidate_bias, [n], initializer=_ZEROS if bias is None else bias)
        self.built = True

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        gates = sigmoid(bias_add(matmul(concat([inputs, state], 1), self._gate_kernel), self._gate_bias))
        r, u = split(gates, 2, axis=1)
        candidate = bias_add(matmul(concat([inputs, r * state], 1), self._candidate_kernel), self._candidate_bias)
        output = u * state + (1 - u) * self._activation(candidate)
        return output, output


class BasicLSTMCell(RNNCell):
    """c' = c * sigmoid(f + forget_bias) + sigmoid(i) * activation(j), h' = activation(c') * sigmoid(o).

    i, j, f, o are the quarters of [x, h] @ kernel + bias.
    state_is_tuple  False: the state is one tensor, c and h side by side
    Shapes: x [batch, inputs], c and h [batch, units]; kernel [inputs + units, 4 * units], bias [4 * units].
    """

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None,
        reuse: Any = None, name: str | None = None, dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype, reuse=reuse, **kwargs)
        self._num_units, self._forget_bias, self._state_is_tuple = num_units, forget_bias, state_is_tuple
        self._activation = activation_or_tanh(activation)

    @property
    def state_size(self) -> Any:
        n = self._num_units
        return LSTMStateTuple(n, n) if self._state_is_tuple else 2 * n

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        self._kernel = self.add_weight("kernel", [last_size(input_shape, self) + n, 4 * n])
        self._bias = self.add_weight("bias", [4 * n], initializer=_ZEROS)
        self.built = True

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        c, h = unpacked(state, self._state_is_tuple)
        gates = bias_add(matmul(concat([inputs, h], 1), self._kernel), self._bias)
        i, j, f, o = split(gates, 4, axis=1)
        c = add(multiply(c, sigmoid(add(f, self._forget_bias))), multiply(sigmoid(i), self._activation(j)))
        h = multiply(self._activation(c), sigmoid(o))
        return h, packed(c, h, self._state_is_tuple)


def unpacked(state: Any, is_tuple: bool) -> list[Tensor]:
    """c and h of an LSTM's state."""
    if is_tuple:
        if not isinstance(state, (list, tuple)) or len(state) != 2:
            raise GraphError(f"the state of an LSTM is a tuple of c and h, not {state!r}")
        return list(state)
    return split(state, 2, axis=1)


def packed(c: Tensor, h: Tensor, is_tuple: bool) -> Any:
    return LSTMStateTuple(c, h) if is_tuple else concat([c, h], 1)


class LSTMCell(RNNCell):
    """BasicLSTMCell, with peepholes (the gates see the cell), clipping and a projection of the output, where asked for.

    use_peepholes  diagonal weights from c to the gates: w_f_diag, w_i_diag, w_o_diag
    cell_clip      c' is clipped to [-cell_clip, cell_clip]
    num_proj       h' is projected to this size, by projection/kernel [units, num_proj], and clipped by proj_clip
    initializer    for the kernels and diagonals
    Source: Sak et al., Long short-term memory recurrent neural network architectures for large scale acoustic modeling.
    """

    def __init__(
        self, num_units: int, use_peepholes: bool = False, cell_clip: float | None = None, initializer: Any = None,
        num_proj: int | None = None, proj_clip: float | None = None, num_unit_shards: int | None = None,
        num_proj_shards: int | None = None, forget_bias: float = 1.0, state_is_tuple: bool = True,
        activation: Any = None, reuse: Any = None, name: str | None = None, dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype, reuse=reuse, **kwargs)
        self._num_units, self._num_proj, self._use_peepholes = num_units, num_proj, use_peepholes
        self._cell_clip, self._proj_clip, self._initializer = cell_clip, proj_clip, initializer
        self._forget_bias, self._state_is_tuple = forget_bias, state_is_tuple
        self._activation = activation_or_tanh(activation)

    @property
    def state_size(self) -> Any:
        n, m = self._num_units, self.output_size
        return LSTMStateTuple(n, m) if self._state_is_tuple else n + m

    @property
    def output_size(self) -> int:
        return self._num_proj or self._num_units

    def build(self, input_shape: Any) -> None:
        n, own = self._num_units, self._initializer
        depth = last_size(input_shape, self) + self.output_size
        self._kernel = self.add_weight("kernel", [depth, 4 * n], initializer=own)
        self._bias = self.add_weight("bias", [4 * n], initializer=_ZEROS)
        if self._use_peepholes:
            self._w_f = self.add_weight("w_f_diag", [n], initializer=own)
            self._w_i = self.add_weight("w_i_diag", [n], initializer=own)
            self._w_o = self.add_weight("w_o_diag", [n], initializer=own)
        if self._num_proj:
            self._projection = self.add_weight("projection/kernel", [n, self._num_proj], initializer=own)
        self.built = True

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        n = self._num_units
        if self._state_is_tuple:
            c, h = unpacked(state, True)
        else:
            c, h = state[:, :n], state[:, n:]
        i, j, f, o = split(bias_add(matmul(concat([inputs, h], 1), self._kernel), self._bias), 4, axis=1)
        f = f + self._forget_bias
        if self._use_peepholes:
            f, i = f + self._w_f * c, i + self._w_i * c
        c = sigmoid(f) * c + sigmoid(i) * self._activation(j)
        if self._cell_clip is not None:
            c = clip_by_value(c, -self._cell_clip, self._cell_clip)
        h = sigmoid(o + self._w_o * c if self._use_peepholes else o) * self._activation(c)
        if self._num_proj:
            h = matmul(h, self._projection)
            if self._proj_clip is not None:
                h = clip_by_value(h, -self._proj_clip, self._proj_clip)
        return h, packed(c, h, self._state_is_tuple)
