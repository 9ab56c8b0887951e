"""An LSTM whose gates are normalized over the units."""

from __future__ import annotations

from typing import Any

from graphflow import initializers
from graphflow.operation import Tensor
from graphflow.ops.bias import bias_add
from graphflow.ops.join import concat, split
from graphflow.ops.linalg import matmul
from graphflow.ops.math import rsqrt, sigmoid
from graphflow.ops.normalization import dropout
from graphflow.ops.statistics import moments
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.cell import LSTMStateTuple, LSTMUnitsCell
from graphflow.recurrent.cells import last_size

_GATES = ("input", "transform", "forget", "output")


class LayerNormBasicLSTMCell(LSTMUnitsCell):
    """BasicLSTMCell with layer normalization of i, j, f, o and of the new c, and dropout of tanh(j).

    layer_norm        False: gates have a bias instead
    norm_gain, norm_shift  the first values of gamma and beta of `input`, `transform`, `forget`, `output`, `state`
    dropout_keep_prob  the probability that an element of the new values is kept
    Source: Ba et al., Layer Normalization; Semeniuta et al., Recurrent Dropout without Memory Loss.
    """

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, input_size: Any = None, activation: Any = tanh,
        layer_norm: bool = True, norm_gain: float = 1.0, norm_shift: float = 0.0, dropout_keep_prob: Any = 1.0,
        dropout_prob_seed: int | None = None, reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_units, reuse=reuse)
        self._forget_bias, self._activation = forget_bias, activation
        self._layer_norm, self._gain, self._shift = layer_norm, norm_gain, norm_shift
        self._keep_prob, self._seed = dropout_keep_prob, dropout_prob_seed

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        self._kernel = self.add_weight("kernel", [last_size(input_shape, self) + n, 4 * n])
        self._bias: Any = None
        self._norms: dict[str, tuple[Any, Any]] = {}
        if not self._layer_norm:
            self._bias = self.add_weight("bias", [4 * n], initializer=initializers.zeros_initializer())
        else:
            gamma, beta = (initializers.constant_initializer(v) for v in (self._gain, self._shift))
            for name in (*_GATES, "state"):
                self._norms[name] = (
                    self.add_weight(f"{name}/gamma", [n], initializer=gamma),
                    self.add_weight(f"{name}/beta", [n], initializer=beta),
                )
        self.built = True

    def _normalized(self, x: Tensor, name: str) -> Tensor:
        gamma, beta = self._norms[name]
        mean, variance = moments(x, [1], keep_dims=True)
        return (x - mean) * rsqrt(variance + 1e-12) * gamma + beta

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, LSTMStateTuple]:
        c, h = state
        gates = matmul(concat([inputs, h], 1), self._kernel)
        if self._bias is not None:
            gates = bias_add(gates, self._bias)
        i, j, f, o = split(gates, 4, axis=1)
        if self._layer_norm:
            i, j, f, o = (self._normalized(x, name) for x, name in zip((i, j, f, o), _GATES, strict=True))
        new = self._activation(j)
        if isinstance(self._keep_prob, Tensor) or self._keep_prob < 1:
            new = dropout(new, self._keep_prob, seed=self._seed)
        c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * new
        if self._layer_norm:
            c = self._normalized(c, "state")
        h = self._activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h)
