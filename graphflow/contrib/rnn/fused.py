"""Fused cells: they take a whole sequence, time first."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.rnn.block import LSTMBlockCell
from graphflow.errors import GraphError
from graphflow.layers.base import Layer
from graphflow.ops.arrange import reverse
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.join import stack, unstack
from graphflow.ops.sequences import reverse_sequence
from graphflow.ops.shape_ops import axis_size
from graphflow.recurrent.cell import LSTMStateTuple
from graphflow.recurrent.unroll import initial, lengths, over_time, static_rnn
from graphflow.variable_scope import variable_scope


class LSTMBlockFusedCell(LSTMBlockCell):
    """An LSTM over a sequence: inputs [time, batch, inputs] -> (outputs [time, batch, units], final state)."""

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, cell_clip: float | None = None, use_peephole: bool = False,
        reuse: Any = None, dtype: Any = None, name: str = "lstm_fused_cell",
    ) -> None:  # fmt: skip
        super().__init__(num_units, forget_bias, cell_clip, use_peephole, dtype, reuse, name)

    def __call__(  # type: ignore[override]
        self, inputs: Any, initial_state: Any = None, dtype: Any = None, sequence_length: Any = None,
        scope: Any = None,
    ) -> Any:  # fmt: skip
        return Layer.__call__(self, inputs, initial_state, dtype, sequence_length, scope=scope)

    def call(
        self, inputs: Any, initial_state: Any = None, dtype: Any = None, sequence_length: Any = None
    ) -> tuple[Any, LSTMStateTuple]:
        x = stack(inputs) if isinstance(inputs, (list, tuple)) else convert_to_tensor(inputs)
        batch_size = axis_size(x, 1)
        state = initial(self, initial_state, batch_size, dtype or x.dtype)
        step = _Step(self)
        outputs, final = over_time(step, x, [x], lengths(sequence_length, batch_size), LSTMStateTuple(*state),
                                   batch_size)  # fmt: skip
        return (unstack(outputs) if isinstance(inputs, (list, tuple)) else outputs), final


class _Step:
    """One step of a fused cell."""

    def __init__(self, cell: LSTMBlockFusedCell) -> None:
        self._cell = cell

    def __call__(self, inputs: Any, state: Any) -> Any:
        return LSTMBlockCell.call(self._cell, inputs, state)


class FusedRNNCellAdaptor:
    """A cell as a fused one: by dynamic_rnn, or by static_rnn."""

    def __init__(self, cell: Any, use_dynamic_rnn: bool = False) -> None:
        self._cell, self._dynamic = cell, use_dynamic_rnn

    def __call__(
        self, inputs: Any, initial_state: Any = None, dtype: Any = None, sequence_length: Any = None, scope: Any = None
    ) -> Any:
        many = isinstance(inputs, (list, tuple))
        if self._dynamic:
            x = stack(inputs) if many else convert_to_tensor(inputs)
            batch_size = axis_size(x, 1)
            with variable_scope(scope or "rnn"):
                state = initial(self._cell, initial_state, batch_size, dtype)
                known = lengths(sequence_length, batch_size)
                outputs, state = over_time(self._cell, x, [x], known, state, batch_size)
            return (unstack(outputs) if many else outputs), state
        steps = list(inputs) if many else unstack(inputs)
        outputs, state = static_rnn(self._cell, steps, initial_state, dtype, sequence_length, scope)
        return (outputs if many else stack(outputs)), state


class TimeReversedFusedRNN:
    """A fused cell over the sequence from its end; outputs stand where their inputs do."""

    def __init__(self, cell: Any) -> None:
        self._cell = cell

    def __call__(
        self, inputs: Any, initial_state: Any = None, dtype: Any = None, sequence_length: Any = None, scope: Any = None
    ) -> Any:
        many = isinstance(inputs, (list, tuple))
        if many and not inputs:
            raise GraphError("inputs must not be empty")
        x = stack(inputs) if many else convert_to_tensor(inputs)
        outputs, state = self._cell(_turned(x, sequence_length), initial_state=initial_state, dtype=dtype,
                                    sequence_length=sequence_length, scope=scope)  # fmt: skip
        turned = _turned(outputs, sequence_length)
        return (unstack(turned) if many else turned), state


def _turned(x: Any, sequence_length: Any) -> Any:
    if sequence_length is None:
        return reverse(x, [0])
    return reverse_sequence(x, sequence_length, seq_axis=0, batch_axis=1)
