"""Two cells over sequences: one forwards, one backwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow import nest
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.arrange import reverse
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.join import concat, stack, unstack
from graphflow.ops.sequences import reverse_sequence
from graphflow.recurrent.unroll import check_cell, dynamic_rnn, static_rnn
from graphflow.variable_scope import variable_scope


def bidirectional_dynamic_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """((outputs forwards, outputs backwards), (final states)); both outputs stand at the time of their input.

    The arguments are those of `dynamic_rnn`; the variables are in `bidirectional_rnn/fw` and `/bw`.
    """
    check_cell(cell_fw, "cell_fw")
    check_cell(cell_bw, "cell_bw")
    time, batch = (0, 1) if time_major else (1, 0)

    def backwards(x: Any) -> Tensor:
        t = convert_to_tensor(x)
        if sequence_length is None:
            return reverse(t, [time])
        return reverse_sequence(t, sequence_length, seq_axis=time, batch_axis=batch)

    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward, state_fw = dynamic_rnn(cell_fw, inputs, sequence_length, initial_state_fw, dtype,
                                            time_major=time_major, scope=fw)  # fmt: skip
        with variable_scope("bw") as bw:
            reversed_inputs = nest.map_structure(backwards, inputs)
            backward, state_bw = dynamic_rnn(cell_bw, reversed_inputs, sequence_length, initial_state_bw, dtype,
                                             time_major=time_major, scope=bw)  # fmt: skip
        return (forward, nest.map_structure(backwards, backward)), (state_fw, state_bw)


def static_bidirectional_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Sequence[Any],
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any, Any]:
    """([both outputs of each step, side by side], final state forwards, final state backwards); see `static_rnn`."""
    check_cell(cell_fw, "cell_fw")
    check_cell(cell_bw, "cell_bw")
    if not isinstance(inputs, (list, tuple)):
        raise TypeError(f"inputs must be a list, not {inputs!r}")
    if not inputs:
        raise GraphError("inputs must not be empty")
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward, state_fw = static_rnn(cell_fw, inputs, initial_state_fw, dtype, sequence_length, fw)
        with variable_scope("bw") as bw:
            turned = _turned(inputs, sequence_length)
            backward, state_bw = static_rnn(cell_bw, turned, initial_state_bw, dtype, sequence_length, bw)
        outputs = [
            nest.map_structure(lambda a, b: concat([a, b], 1), f, b)
            for f, b in zip(forward, _turned(backward, sequence_length), strict=True)
        ]
        return outputs, state_fw, state_bw


def _turned(steps: Sequence[Any], sequence_length: Any) -> list[Any]:
    """The steps in the opposite order, of each sequence only up to its length."""
    if sequence_length is None:
        return list(reversed(steps))
    columns = []
    for column in zip(*[nest.flatten(step) for step in steps], strict=True):
        turned = reverse_sequence(stack(column), sequence_length, seq_axis=0, batch_axis=1)
        columns.append(unstack(turned, len(steps)))
    return [nest.pack_sequence_as(steps[0], row) for row in zip(*columns, strict=True)]


def stack_bidirectional_dynamic_rnn(
    cells_fw: Sequence[Any],
    cells_bw: Sequence[Any],
    inputs: Any,
    initial_states_fw: Any = None,
    initial_states_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    parallel_iterations: int | None = None,
    time_major: bool = False,
    scope: Any = None,
    swap_memory: bool = False,
) -> tuple[Any, tuple, tuple]:
    """(outputs, states forwards, states backwards) of layers that see both directions of the layer below."""
    _check_layers(cells_fw, cells_bw, initial_states_fw, initial_states_bw)
    states_fw, states_bw = [], []
    with variable_scope(scope or "stack_bidirectional_rnn"):
        for i, (fw, bw) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with variable_scope(f"cell_{i}"):
                outputs, (state_fw, state_bw) = bidirectional_dynamic_rnn(
                    fw, bw, inputs, sequence_length, initial_states_fw and initial_states_fw[i],
                    initial_states_bw and initial_states_bw[i], dtype, time_major=time_major,
                )  # fmt: skip
                inputs = concat(outputs, 2)
            states_fw.append(state_fw)
            states_bw.append(state_bw)
    return inputs, tuple(states_fw), tuple(states_bw)


def stack_bidirectional_rnn(
    cells_fw: Sequence[Any],
    cells_bw: Sequence[Any],
    inputs: Any,
    initial_states_fw: Any = None,
    initial_states_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], tuple, tuple]:
    """The same over a list of inputs."""
    _check_layers(cells_fw, cells_bw, initial_states_fw, initial_states_bw)
    states_fw, states_bw = [], []
    with variable_scope(scope or "stack_bidirectional_rnn"):
        for i, (fw, bw) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with variable_scope(f"cell_{i}") as cell_scope:
                inputs, state_fw, state_bw = static_bidirectional_rnn(
                    fw, bw, inputs, initial_states_fw and initial_states_fw[i],
                    initial_states_bw and initial_states_bw[i], dtype, sequence_length, cell_scope,
                )  # fmt: skip
            states_fw.append(state_fw)
            states_bw.append(state_bw)
    return inputs, tuple(states_fw), tuple(states_bw)


def _check_layers(cells_fw: Any, cells_bw: Any, states_fw: Any, states_bw: Any) -> None:
    for label, cells, states in (("fw", cells_fw, states_fw), ("bw", cells_bw, states_bw)):
        if not isinstance(cells, list) or not cells:
            raise GraphError(f"cells_{label} must be a list with at least one cell, not {cells!r}")
        if states is not None and len(states) != len(cells):
            raise GraphError(f"initial_states_{label} must hold a state for each of {len(cells)} cells")
    if len(cells_fw) != len(cells_bw):
        raise GraphError(f"there are {len(cells_fw)} cells forwards and {len(cells_bw)} backwards")
