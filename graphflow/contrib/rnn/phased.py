"""An LSTM that is open only in a part of each of its periods, for events at irregular times."""

from __future__ import annotations

import math
from typing import Any

from graphflow import initializers
from graphflow.dtypes import float32
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, stop_gradient
from graphflow.ops.bias import bias_add
from graphflow.ops.division import floormod
from graphflow.ops.join import concat, split
from graphflow.ops.linalg import matmul
from graphflow.ops.math import exp, sigmoid
from graphflow.ops.random import random_uniform
from graphflow.ops.select import where_v2
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.cell import LSTMStateTuple, LSTMUnitsCell
from graphflow.recurrent.cells import last_size


class PhasedLSTMCell(LSTMUnitsCell):
    """An LSTM whose inputs are (time, x); k blends the new state with the old one: k * new + (1 - k) * old.

    k rises to 1 and falls to 0 within the first `ratio_on` of a period, and leaks a little in the rest of it.
    Shapes: time [batch, 1], float32 or float64; x [batch, inputs].
    period_init_min, period_init_max   periods start log-uniformly between them
    Source: Neil et al., Phased LSTM (2016).
    """

    def __init__(
        self, num_units: int, use_peepholes: bool = False, leak: float = 0.001, ratio_on: float = 0.1,
        trainable_ratio_on: bool = True, period_init_min: float = 1.0, period_init_max: float = 1000.0,
        reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_units, reuse=reuse)
        self._use_peepholes, self._leak = use_peepholes, leak
        self._ratio, self._trainable_ratio_on = ratio_on, trainable_ratio_on
        self._period_range = math.log(period_init_min), math.log(period_init_max)

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        seen = last_size(input_shape[1], self) + n
        more = n if self._use_peepholes else 0
        self._mask_gates = self._linear("mask_gates", seen + more, 2 * n)
        self._new_input = self._linear("new_input", seen, n)
        self._output_gate = self._linear("output_gate", seen + more, n)
        low, high = self._period_range
        self._period = self.add_weight(
            "period", [n], float32, lambda shape, dtype=None, **_: exp(random_uniform(shape, low, high, dtype))
        )
        first = self._period.initial_value
        self._phase = self.add_weight("phase", [n], float32, initializers.random_uniform_initializer(0.0, first))
        constant = initializers.constant_initializer(self._ratio)
        self._ratio_on = self.add_weight("ratio_on", [n], float32, constant, trainable=self._trainable_ratio_on)
        self.built = True

    def _linear(self, scope: str, inputs: int, outputs: int) -> tuple[Any, Any]:
        kernel = self.add_weight(f"{scope}/kernel", [inputs, outputs])
        return kernel, self.add_weight(f"{scope}/bias", [outputs], initializer=initializers.zeros_initializer())

    def _openness(self, time: Tensor) -> Tensor:
        """k.   The gradient of the remainder is that of what is divided."""
        shifted = time - cast(self._phase, time.dtype)
        period = cast(self._period, time.dtype)
        within = stop_gradient(floormod(shifted, period) - shifted) + shifted
        cycle = cast(within / period, float32)
        up = 2.0 * cycle / self._ratio_on
        falling = where_v2(cycle < self._ratio_on, 2.0 - up, self._leak * cycle)
        return where_v2(cycle < 0.5 * self._ratio_on, up, falling)

    def call(self, inputs: Any, state: Any) -> tuple[Tensor, LSTMStateTuple]:
        c, h = state
        time, x = inputs
        gates = _applied(self._mask_gates, [x, h, *([c] if self._use_peepholes else ())])
        i, f = split(sigmoid(gates), 2, axis=1)
        new_c = c * f + i * tanh(_applied(self._new_input, [x, h]))
        o = sigmoid(_applied(self._output_gate, [x, h, *([new_c] if self._use_peepholes else ())]))
        new_h = tanh(new_c) * o
        k = self._openness(time)
        new_c, new_h = k * new_c + (1.0 - k) * c, k * new_h + (1.0 - k) * h
        return new_h, LSTMStateTuple(new_c, new_h)


def _applied(linear: tuple[Any, Any], values: list[Tensor]) -> Tensor:
    kernel, bias = linear
    return bias_add(matmul(concat(values, 1), kernel), bias)
