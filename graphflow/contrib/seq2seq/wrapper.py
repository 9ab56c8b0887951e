"""AttentionWrapper: a cell that attends to memories."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from graphflow import nest
from graphflow.control.tensor_array import TensorArray
from graphflow.dtypes import int32
from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.layers.core import Dense
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import zeros
from graphflow.ops.join import concat
from graphflow.ops.linalg import matmul
from graphflow.ops.shape_ops import expand_dims, squeeze
from graphflow.recurrent.cell import RNNCell, with_batch
from graphflow.shape import TensorShape

_State = namedtuple("_State", "cell_state attention time alignments alignment_history attention_state")


class AttentionWrapperState(_State):
    """The state of an AttentionWrapper: that of its cell, what it attended to, the time, and the weights."""

    def clone(self, **kwargs: Any) -> AttentionWrapperState:
        """The same with other parts."""
        return self._replace(**kwargs)


class AttentionWrapper(RNNCell):
    """A cell whose inputs are joined with what it attended to in the step before.

    attention_mechanism   one, or a list of them
    attention_layer_size  of a linear layer over output and context, one for each mechanism; None: the context itself
    alignment_history     keep the weights of all steps, in a TensorArray
    cell_input_fn         of inputs and attention; concat by default
    output_attention      the output is the attention; False: the output of the cell
    initial_cell_state    of the cell, for zero_state
    """

    def __init__(
        self, cell: Any, attention_mechanism: Any, attention_layer_size: Any = None, alignment_history: bool = False,
        cell_input_fn: Callable | None = None, output_attention: bool = True, initial_cell_state: Any = None,
        name: str | None = None, attention_layer: Any = None, attention_fn: Callable | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        self._many = isinstance(attention_mechanism, (list, tuple))
        self._mechanisms = list(attention_mechanism) if self._many else [attention_mechanism]
        if attention_layer_size is not None and attention_layer is not None:
            raise GraphError("give attention_layer_size or attention_layer, not both")
        self._layers = self._made_layers(attention_layer_size, attention_layer, dtype)
        self._cell, self._output_attention = cell, output_attention
        self._input = cell_input_fn or (lambda inputs, attention: concat([inputs, attention], -1))
        self._attend = attention_fn or _attend
        self._history = alignment_history
        self._initial = None
        if initial_cell_state is not None:
            self._initial = nest.map_structure(convert_to_tensor, initial_cell_state)

    def _made_layers(self, sizes: Any, layers: Any, dtype: Any) -> list[Any]:
        if layers is not None:
            made = list(layers) if isinstance(layers, (list, tuple)) else [layers]
        elif sizes is not None:
            sizes = list(sizes) if isinstance(sizes, (list, tuple)) else [sizes]
            made = [Dense(s, name="attention_layer", use_bias=False, dtype=dtype) for s in sizes]
        else:
            made = [None] * len(self._mechanisms)
        if len(made) != len(self._mechanisms):
            raise GraphError(f"there are {len(made)} attention layers for {len(self._mechanisms)} mechanisms")
        return made

    @property
    def _attention_size(self) -> int:
        pairs = zip(self._layers, self._mechanisms, strict=True)
        return sum(m.values.dims[-1] if layer is None else layer.units for layer, m in pairs)

    def _item_or_tuple(self, values: Sequence[Any]) -> Any:
        return tuple(values) if self._many else values[0]

    @property
    def output_size(self) -> Any:
        return self._attention_size if self._output_attention else self._cell.output_size

    @property
    def state_size(self) -> AttentionWrapperState:
        sizes = self._item_or_tuple([m.alignments_size for m in self._mechanisms])
        history = self._item_or_tuple([m.alignments_size if self._history else () for m in self._mechanisms])
        return AttentionWrapperState(
            self._cell.state_size, self._attention_size, TensorShape([]), sizes, history,
            self._item_or_tuple([m.state_size for m in self._mechanisms]),
        )  # fmt: skip

    def zero_state(self, batch_size: Any, dtype: Any) -> AttentionWrapperState:
        """The state before the first step, with initial_cell_state where that was given."""
        with get_default_graph().name_scope(f"{type(self).__name__}ZeroState"):
            cell = self._cell.zero_state(batch_size, dtype) if self._initial is None else self._initial
            alignments = [m.initial_alignments(batch_size, dtype) for m in self._mechanisms]
            history = [
                TensorArray(dtype, size=0, dynamic_size=True, element_shape=a.shape) if self._history else ()
                for a in alignments
            ]
            return AttentionWrapperState(
                cell, zeros(with_batch(batch_size, self._attention_size), dtype), zeros([], int32),
                self._item_or_tuple(alignments), self._item_or_tuple(history),
                self._item_or_tuple([m.initial_state(batch_size, dtype) for m in self._mechanisms]),
            )  # fmt: skip

    def call(self, inputs: Any, state: Any) -> tuple[Tensor, AttentionWrapperState]:
        if not isinstance(state, AttentionWrapperState):
            raise TypeError(f"the state must be an AttentionWrapperState, not {state!r}")
        output, cell_state = self._cell(self._input(inputs, state.attention), state.cell_state)
        before = state.attention_state if self._many else [state.attention_state]
        history = state.alignment_history if self._many else [state.alignment_history]
        attentions, weights, states, kept = [], [], [], []
        for mechanism, layer, own, past in zip(self._mechanisms, self._layers, before, history, strict=True):
            attention, alignment, following = self._attend(mechanism, output, own, layer)
            attentions.append(attention)
            weights.append(alignment)
            states.append(following)
            kept.append(past.write(state.time, alignment) if self._history else ())
        joined = attentions[0] if len(attentions) == 1 else concat(attentions, 1)
        new = AttentionWrapperState(
            cell_state, joined, state.time + 1, self._item_or_tuple(weights), self._item_or_tuple(kept),
            self._item_or_tuple(states),
        )  # fmt: skip
        return (joined if self._output_attention else output), new


def _attend(mechanism: Any, output: Tensor, state: Any, layer: Any) -> tuple[Tensor, Tensor, Any]:
    """(attention, weights, next state): the memory weighed, through the layer together with the output."""
    weights, following = mechanism(output, state=state)
    context = squeeze(matmul(expand_dims(weights, 1), mechanism.values), [1])
    attention = context if layer is None else layer(concat([output, context], 1))
    return attention, weights, following
