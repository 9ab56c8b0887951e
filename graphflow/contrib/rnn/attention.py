"""A cell that attends to its own last outputs."""

from __future__ import annotations

from typing import Any

from graphflow import nest
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.conv import conv2d
from graphflow.ops.join import concat
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import reshape
from graphflow.ops.softmax import softmax
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.cell import RNNCell
from graphflow.recurrent.cells import last_size
from graphflow.recurrent.linear import linear
from graphflow.shared_variables import get_variable
from graphflow.variable_scope import variable_scope


class AttentionCellWrapper(RNNCell):
    """The output is a linear function of the cell's output and of what it attends to among its last states.

    attn_length    how many states it looks back
    attn_size      of what is attended to; the cell's output size by default
    attn_vec_size  of the attention's hidden layer; attn_size by default
    input_size     of the linear function of inputs and attention that the cell gets
    Source: Bahdanau et al., Neural Machine Translation by Jointly Learning to Align and Translate.
    """

    def __init__(
        self, cell: Any, attn_length: int, attn_size: int | None = None, attn_vec_size: int | None = None,
        input_size: int | None = None, state_is_tuple: bool = True, reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(reuse=reuse)
        if nest.is_nested(cell.state_size) and not state_is_tuple:
            raise GraphError("the cell has a tuple for a state: state_is_tuple must be True")
        if attn_length <= 0:
            raise GraphError(f"attn_length must be positive, not {attn_length}")
        self._cell, self._length, self._state_is_tuple = cell, attn_length, state_is_tuple
        self._size = cell.output_size if attn_size is None else attn_size
        self._hidden = self._size if attn_vec_size is None else attn_vec_size
        self._input_size = input_size

    @property
    def state_size(self) -> Any:
        sizes = (self._cell.state_size, self._size, self._size * self._length)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        return self._size

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        n, size = self._cell.state_size, self._size
        if self._state_is_tuple:
            own, attended, past = state
        else:
            own, attended, past = state[:, :n], state[:, n : n + size], state[:, n + size :]
        past = reshape(past, [-1, self._length, size])
        depth = self._input_size or last_size(inputs.shape, self)
        output, new = self._cell(linear([inputs, attended], depth), own)
        flat = nest.flatten(new)
        query = flat[0] if len(flat) == 1 else concat(flat, 1)
        attended, past = self._attention(query, past)
        with variable_scope("attn_output_projection"):
            output = linear([output, attended], size)
        past = concat([past, output[:, None]], 1)
        past = reshape(past, [-1, size * self._length])
        return output, (new, attended, past) if self._state_is_tuple else concat([new, attended, past], 1)

    def _attention(self, query: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """What is attended to, and the states without the oldest."""
        with variable_scope("attention"):
            k = get_variable("attn_w", [1, 1, self._size, self._hidden], past.dtype)
            v = get_variable("attn_v", [self._hidden], past.dtype)
            hidden = reshape(past, [-1, self._length, 1, self._size])
            features = conv2d(hidden, k, [1, 1, 1, 1], "SAME")
            y = reshape(linear([query], self._hidden), [-1, 1, 1, self._hidden])
            weights = softmax(reduce_sum(v * tanh(features + y), [2, 3]))
            attended = reduce_sum(reshape(weights, [-1, self._length, 1, 1]) * hidden, [1, 2])
            return reshape(attended, [-1, self._size]), past[:, 1:]
