"""The block cells: the same arithmetic as the plain ones, under other names."""

from __future__ import annotations

from typing import Any

from graphflow import initializers
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.bias import bias_add
from graphflow.ops.clip import clip_by_value
from graphflow.ops.join import concat, split
from graphflow.ops.linalg import matmul
from graphflow.ops.math import sigmoid
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.cell import LSTMStateTuple, LSTMUnitsCell
from graphflow.recurrent.cells import GRUCell, last_size

_ZEROS = initializers.zeros_initializer()


class LSTMBlockCell(LSTMUnitsCell):
    """LSTMCell without projection; the gates stand in the kernel as i, j, f, o.   Variables: `lstm_cell/kernel`, ..."""

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, cell_clip: float | None = None, use_peephole: bool = False,
        dtype: Any = None, reuse: Any = None, name: str = "lstm_cell",
    ) -> None:  # fmt: skip
        super().__init__(num_units, dtype=dtype, reuse=reuse, name=name)
        self._forget_bias, self._use_peephole = forget_bias, use_peephole
        self._cell_clip = None if cell_clip is None or cell_clip < 0 else cell_clip

    def build(self, input_shape: Any) -> None:
        n = self._num_units
        self._kernel = self.add_weight("kernel", [last_size(input_shape, self) + n, 4 * n])
        self._bias = self.add_weight("bias", [4 * n], initializer=_ZEROS)
        if self._use_peephole:
            self._w_i, self._w_f, self._w_o = (self.add_weight(f"w_{g}_diag", [n]) for g in "ifo")
        self.built = True

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, LSTMStateTuple]:
        if not isinstance(state, (list, tuple)) or len(state) != 2:
            raise GraphError(f"the state of an LSTM is a tuple of c and h, not {state!r}")
        c, h = state
        i, j, f, o = split(bias_add(matmul(concat([inputs, h], 1), self._kernel), self._bias), 4, axis=1)
        if self._use_peephole:
            i, f = i + self._w_i * c, f + self._w_f * c
        c = sigmoid(f + self._forget_bias) * c + sigmoid(i) * tanh(j)
        if self._cell_clip is not None:
            c = clip_by_value(c, -self._cell_clip, self._cell_clip)
        h = sigmoid(o + self._w_o * c if self._use_peephole else o) * tanh(c)
        return h, LSTMStateTuple(c, h)


class GRUBlockCellV2(GRUCell):
    """GRUCell.   Variables: `gru_cell/gates/kernel`, ..."""

    def __init__(
        self, num_units: int | None = None, cell_size: int | None = None, reuse: Any = None, name: str = "gru_cell"
    ) -> None:
        if (num_units is None) == (cell_size is None):
            raise GraphError("give num_units or cell_size, not both")
        size = cell_size if num_units is None else num_units
        assert size is not None
        super().__init__(size, reuse=reuse, name=name)


class GRUBlockCell(GRUBlockCellV2):
    """GRUCell, its weights by their older names.   Variables: `gru_cell/w_ru`, `b_ru`, `w_c`, `b_c`"""

    _names = ("w_ru", "b_ru", "w_c", "b_c")
