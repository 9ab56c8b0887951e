"""Cells around cells: stacks, dropout, residual connections, projections, embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow import initializers, nest
from graphflow.default import device
from graphflow.dtypes import as_dtype, float32
from graphflow.errors import GraphError
from graphflow.layers.base import Layer
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.ops.bias import xw_plus_b
from graphflow.ops.define import convert_to_tensor, is_tensor
from graphflow.ops.embedding import embedding_lookup
from graphflow.ops.join import concat
from graphflow.ops.math import floor, sigmoid
from graphflow.ops.normalization import dropout
from graphflow.ops.random import random_uniform
from graphflow.ops.shape_ops import reshape
from graphflow.recurrent.cell import LSTMStateTuple, RNNCell, sizes_of
from graphflow.recurrent.cells import last_size
from graphflow.recurrent.linear import linear
from graphflow.shared_variables import get_variable
from graphflow.variable_scope import get_variable_scope, variable_scope


class MultiRNNCell(RNNCell):
    """Cells on top of each other: the output of one is the input of the next.

    state_is_tuple  the state is a tuple of their states; False: these side by side in one tensor
    """

    def __init__(self, cells: Sequence[RNNCell], state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise GraphError("MultiRNNCell needs at least one cell")
        if not isinstance(cells, (list, tuple)):
            raise TypeError(f"cells must be a list or tuple, not {cells!r}")
        self._cells, self._state_is_tuple = list(cells), state_is_tuple
        if not state_is_tuple and any(nest.is_nested(c.state_size) for c in cells):
            raise GraphError("some cells have a tuple for a state: state_is_tuple must be True")

    @property
    def state_size(self) -> Any:
        sizes = tuple(cell.state_size for cell in self._cells)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        return self._cells[-1].output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        if not self._state_is_tuple:
            return super().zero_state(batch_size, dtype)
        return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)

    @property
    def trainable_weights(self) -> list:
        return [w for cell in self._cells if isinstance(cell, Layer) for w in cell.trainable_weights]

    @property
    def non_trainable_weights(self) -> list:
        return [w for cell in self._cells if isinstance(cell, Layer) for w in cell.non_trainable_weights]

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        if self._state_is_tuple and (not nest.is_nested(state) or len(state) != len(self._cells)):
            raise GraphError(f"the state must be a tuple with {len(self._cells)} parts, not {state!r}")
        states, before = [], 0
        for i, cell in enumerate(self._cells):
            with variable_scope(f"cell_{i}"):
                if self._state_is_tuple:
                    own = state[i]
                else:
                    own, before = state[:, before : before + cell.state_size], before + cell.state_size
                inputs, new = cell(inputs, own)
                states.append(new)
        return inputs, tuple(states) if self._state_is_tuple else concat(states, 1)


class _Wrapper(RNNCell):
    """A cell around another one, without variables or a scope of its own."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        if not hasattr(cell, "state_size") or not hasattr(cell, "output_size") or not callable(cell):
            raise TypeError(f"the cell must be an RNNCell, not {cell!r}")
        self._cell = cell

    @property
    def wrapped_cell(self) -> Any:
        return self._cell

    @property
    def state_size(self) -> Any:
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        return self._cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        return self._cell.zero_state(batch_size, dtype)

    @property
    def trainable_weights(self) -> list:
        return self._cell.trainable_weights

    @property
    def non_trainable_weights(self) -> list:
        return self._cell.non_trainable_weights

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights


class DropoutWrapper(_Wrapper):
    """Dropout of inputs, outputs and state: elements are kept with these probabilities, anew at each step.

    variational_recurrent  the same choice at all steps of a run; needs dtype, and input_size if inputs are dropped
    dropout_state_filter_visitor  of a part of the state: True or False for each of its parts; the c of an LSTM stays
    Raises: ValueError for a probability outside (0, 1], and for what variational_recurrent lacks.
    """

    def __init__(
        self, cell: Any, input_keep_prob: Any = 1.0, output_keep_prob: Any = 1.0, state_keep_prob: Any = 1.0,
        variational_recurrent: bool = False, input_size: Any = None, dtype: Any = None, seed: int | None = None,
        dropout_state_filter_visitor: Callable[[Any], Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(cell)
        given = {"input": input_keep_prob, "output": output_keep_prob, "state": state_keep_prob}
        self._keep = {what: convert_to_tensor(keep) if is_tensor(keep) else keep for what, keep in given.items()}
        for what, keep in self._keep.items():
            if not isinstance(keep, Tensor) and not 0 <= keep <= 1:
                raise GraphError(f"{what}_keep_prob must be between 0 and 1, not {keep!r}")
        self._seed = seed
        self._filter = dropout_state_filter_visitor or _default_filter
        self._noise: dict[str, list[Tensor]] = {}
        if variational_recurrent:
            if dtype is None:
                raise GraphError("variational_recurrent needs dtype")
            if _drops(self._keep["input"]) and input_size is None:
                raise GraphError("variational_recurrent with input_keep_prob needs input_size")
            sizes = {"input": input_size, "output": cell.output_size, "state": cell.state_size}
            for what, keep in self._keep.items():
                if _drops(keep):
                    self._noise[what] = [
                        random_uniform([1, *sizes_of(size)], dtype=as_dtype(dtype), seed=self._salted(what, i))
                        for i, size in enumerate(nest.flatten(sizes[what]))
                    ]

    def _salted(self, what: str, i: int) -> int | None:
        """Another seed for each place that drops."""
        salt = {"input": 1, "state": 2, "output": 3}[what]
        return None if self._seed is None else (self._seed * 1000003 + salt * 8191 + i * 131) % 2**31

    def __call__(self, inputs: Any, state: Any = None, scope: Any = None, **kwargs: Any) -> Any:
        inputs = self._dropped("input", inputs, [True])
        output, new = self._cell(inputs, state, scope=scope, **kwargs) if scope else self._cell(inputs, state, **kwargs)
        if _drops(self._keep["state"]):
            new = self._dropped("state", new, nest.flatten(_filtered(self._filter, new)))
        return self._dropped("output", output, [True]), new

    def _dropped(self, what: str, values: Any, which: Sequence[bool]) -> Any:
        keep = self._keep[what]
        if not _drops(keep):
            return values
        flat = nest.flatten(values)
        which = list(which) * (len(flat) if len(which) == 1 else 1)
        made = []
        for i, (value, drop) in enumerate(zip(flat, which, strict=True)):
            if not drop:
                made.append(value)
            elif what in self._noise:
                probability = cast(convert_to_tensor(keep), value.dtype)
                made.append(value / probability * floor(probability + self._noise[what][i]))
            else:
                made.append(dropout(value, keep, seed=self._salted(what, i)))
        return nest.pack_sequence_as(values, made)


def _drops(keep: Any) -> bool:
    return isinstance(keep, Tensor) or float(keep) < 1


def _default_filter(part: Any) -> Any:
    return LSTMStateTuple(c=False, h=True) if isinstance(part, LSTMStateTuple) else True


def _filtered(choose: Callable[[Any], Any], state: Any) -> Any:
    """True or False for each tensor of a state."""
    answer = choose(state)
    if nest.is_nested(answer) or not nest.is_nested(state):
        return answer
    if answer is not True:
        return [answer for _ in nest.flatten(state)]
    return [_filtered(choose, part) for part in (state.values() if isinstance(state, dict) else state)]


class ResidualWrapper(_Wrapper):
    """The inputs are added to the outputs; residual_fn(inputs, outputs) where given."""

    def __init__(self, cell: Any, residual_fn: Callable[[Any, Any], Any] | None = None, **kwargs: Any) -> None:
        super().__init__(cell)
        self._residual_fn = residual_fn

    def __call__(self, inputs: Any, state: Any = None, scope: Any = None, **kwargs: Any) -> Any:
        output, new = self._cell(inputs, state, scope=scope, **kwargs) if scope else self._cell(inputs, state, **kwargs)
        if self._residual_fn is not None:
            return self._residual_fn(inputs, output), new
        nest.assert_same_structure(inputs, output)
        for x, y in zip(nest.flatten(inputs), nest.flatten(output), strict=True):
            x.shape.assert_is_compatible_with(y.shape)
        return nest.map_structure(lambda x, y: x + y, inputs, output), new


class HighwayWrapper(_Wrapper):
    """The output is inputs * carry + output * (1 - carry), with carry = sigmoid(inputs @ carry_w + carry_b).

    couple_carry_transform_gates  False: a gate of its own, of transform_w and transform_b, in place of 1 - carry
    carry_bias_init               what carry_b begins with, and transform_b with the opposite sign
    Source: Srivastava et al., Highway Networks.
    """

    def __init__(self, cell: Any, couple_carry_transform_gates: bool = True, carry_bias_init: float = 1.0) -> None:
        super().__init__(cell)
        self._coupled, self._bias = couple_carry_transform_gates, carry_bias_init

    def __call__(self, inputs: Any, state: Any = None, scope: Any = None, **kwargs: Any) -> Any:
        output, new = self._cell(inputs, state, scope=scope, **kwargs) if scope else self._cell(inputs, state, **kwargs)
        nest.assert_same_structure(inputs, output)
        for x, y in zip(nest.flatten(inputs), nest.flatten(output), strict=True):
            x.shape.assert_is_compatible_with(y.shape)
        return nest.map_structure(self._highway, inputs, output), new

    def _highway(self, x: Tensor, y: Tensor) -> Tensor:
        carry = self._gate("carry", x, self._bias)
        return x * carry + y * (1 - carry if self._coupled else self._gate("transform", x, -self._bias))

    def _gate(self, name: str, x: Tensor, bias: float) -> Tensor:
        n = last_size(x.shape, self)
        weights = get_variable(f"{name}_w", [n, n], x.dtype)
        biases = get_variable(f"{name}_b", [n], x.dtype, initializers.constant_initializer(bias))
        return sigmoid(xw_plus_b(x, weights, biases))


class DeviceWrapper(_Wrapper):
    """The cell's operations carry the name of a device, which has no effect."""

    def __init__(self, cell: Any, device: str, **kwargs: Any) -> None:
        super().__init__(cell)
        self._device = device

    def __call__(self, inputs: Any, state: Any = None, scope: Any = None, **kwargs: Any) -> Any:
        with device(self._device):
            return self._cell(inputs, state, scope=scope, **kwargs) if scope else self._cell(inputs, state, **kwargs)


class InputProjectionWrapper(_Wrapper):
    """The inputs go through a linear layer of num_proj units, and activation, before the cell gets them."""

    def __init__(
        self, cell: Any, num_proj: int, activation: Callable[[Any], Any] | None = None, input_size: Any = None,
        reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(cell)
        self._num_proj, self._activation, self._reuse = num_proj, activation, reuse

    def __call__(self, inputs: Any, state: Any = None, scope: Any = None, *args: Any, **kwargs: Any) -> Any:
        return Layer.__call__(self, inputs, state, scope=scope)

    def call(self, inputs: Tensor, state: Any) -> Any:
        projected = linear([inputs], self._num_proj)
        return self._cell(projected if self._activation is None else self._activation(projected), state)


class OutputProjectionWrapper(_Wrapper):
    """The outputs of the cell go through a linear layer of output_size units, and activation."""

    def __init__(
        self, cell: Any, output_size: int, activation: Callable[[Any], Any] | None = None, reuse: Any = None
    ) -> None:
        super().__init__(cell)
        if output_size < 1:
            raise GraphError(f"output_size must be positive, not {output_size}")
        self._output_size, self._activation, self._reuse = output_size, activation, reuse

    @property
    def output_size(self) -> int:
        return self._output_size

    def __call__(self, inputs: Any, state: Any = None, scope: Any = None, *args: Any, **kwargs: Any) -> Any:
        return Layer.__call__(self, inputs, state, scope=scope)

    def call(self, inputs: Any, state: Any) -> Any:
        output, new = self._cell(inputs, state)
        projected = linear([output], self._output_size)
        return (projected if self._activation is None else self._activation(projected)), new


class EmbeddingWrapper(_Wrapper):
    """The inputs are ids, of which the cell gets the embeddings: the variable `embedding` [classes, size]."""

    def __init__(
        self, cell: Any, embedding_classes: int, embedding_size: int, initializer: Any = None, reuse: Any = None
    ) -> None:
        super().__init__(cell)
        if embedding_classes < 1 or embedding_size < 1:
            raise GraphError(f"there must be classes and units: {embedding_classes}, {embedding_size}")
        self._classes, self._size = embedding_classes, embedding_size
        self._initializer, self._reuse = initializer, reuse

    def __call__(self, inputs: Any, state: Any = None, scope: Any = None, *args: Any, **kwargs: Any) -> Any:
        return Layer.__call__(self, inputs, state, scope=scope)

    def call(self, inputs: Any, state: Any) -> Any:
        around = get_variable_scope().initializer
        chosen = self._initializer or around or initializers.random_uniform_initializer(-(3**0.5), 3**0.5)
        first = nest.flatten(state)[0]
        dtype = first.dtype if isinstance(first, Tensor) else float32
        embedding = get_variable("embedding", [self._classes, self._size], dtype, chosen)
        return self._cell(embedding_lookup(embedding, reshape(inputs, [-1])), state)
