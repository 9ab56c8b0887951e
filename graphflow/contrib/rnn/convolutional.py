"""LSTMs whose products are convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow import initializers
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.convolution import convolution
from graphflow.ops.join import concat, split
from graphflow.ops.math import sigmoid
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.cell import LSTMStateTuple, RNNCell
from graphflow.recurrent.cells import unpacked
from graphflow.shape import TensorShape

_ZEROS = initializers.zeros_initializer()


class ConvLSTMCell(RNNCell):
    """An LSTM on images: i, j, f, o are the quarters of the channels of conv([x, h], kernel) + biases.

    conv_ndims       how many axes the convolution has: 1, 2 or 3
    input_shape      of x without the batch: [*sizes, channels]
    kernel_shape     [conv_ndims] sizes
    skip_connection  the output, and the state's h, are h with x beside it
    Shapes: x [batch, *sizes, channels], c [batch, *sizes, output_channels]; kernel [*kernel_shape, channels of x and h,
            4 * output_channels].
    Source: Shi et al., Convolutional LSTM Network.
    """

    def __init__(
        self, conv_ndims: int, input_shape: Sequence[int], output_channels: int, kernel_shape: Sequence[int],
        use_bias: bool = True, skip_connection: bool = False, forget_bias: float = 1.0, initializers: Any = None,
        name: str = "conv_lstm_cell",
    ) -> None:  # fmt: skip
        super().__init__(name=name)
        if conv_ndims != len(input_shape) - 1:
            raise GraphError(f"a convolution over {conv_ndims} axes needs one size each and the channels, "
                             f"not input_shape={list(input_shape)}")  # fmt: skip
        self._input_shape, self._channels, self._kernel_shape = list(input_shape), output_channels, list(kernel_shape)
        self._use_bias, self._skip, self._forget_bias = use_bias, skip_connection, forget_bias

    @property
    def state_size(self) -> LSTMStateTuple:
        size = TensorShape([*self._input_shape[:-1], self._channels])
        return LSTMStateTuple(size, size)

    @property
    def output_size(self) -> TensorShape:
        more = self._input_shape[-1] if self._skip else 0
        return TensorShape([*self._input_shape[:-1], self._channels + more])

    def build(self, input_shape: Any) -> None:
        depth = int(input_shape[-1]) + self._channels
        self._kernel = self.add_weight("kernel", [*self._kernel_shape, depth, 4 * self._channels])
        if self._use_bias:
            self._biases = self.add_weight("biases", [4 * self._channels], initializer=_ZEROS)
        self.built = True

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, LSTMStateTuple]:
        c, h = unpacked(state, True)
        gates = convolution(concat([inputs, h], -1), self._kernel, "SAME")
        if self._use_bias:
            gates = gates + self._biases
        i, j, f, o = split(gates, 4, axis=len(self._input_shape))
        c = sigmoid(f + self._forget_bias) * c + sigmoid(i) * tanh(j)
        output = tanh(c) * sigmoid(o)
        if self._skip:
            output = concat([output, inputs], -1)
        return output, LSTMStateTuple(c, output)


class Conv1DLSTMCell(ConvLSTMCell):
    """ConvLSTMCell over one axis."""

    def __init__(self, name: str = "conv_1d_lstm_cell", **kwargs: Any) -> None:
        super().__init__(conv_ndims=1, name=name, **kwargs)


class Conv2DLSTMCell(ConvLSTMCell):
    """ConvLSTMCell over two axes."""

    def __init__(self, name: str = "conv_2d_lstm_cell", **kwargs: Any) -> None:
        super().__init__(conv_ndims=2, name=name, **kwargs)


class Conv3DLSTMCell(ConvLSTMCell):
    """ConvLSTMCell over three axes."""

    def __init__(self, name: str = "conv_3d_lstm_cell", **kwargs: Any) -> None:
        super().__init__(conv_ndims=3, name=name, **kwargs)
