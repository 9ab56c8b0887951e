"""`raw_rnn`: a cell in a loop whose inputs, states and end a function decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import nest
from graphflow.control.iterate import iterate
from graphflow.control.tensor_array import TensorArray
from graphflow.control.values import taken_apart
from graphflow.dtypes import int32
from graphflow.operation import Tensor
from graphflow.ops.compare import logical_not, logical_or
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import zeros
from graphflow.ops.reduce import reduce_all
from graphflow.ops.shape_ops import axis_size
from graphflow.recurrent.cell import with_batch
from graphflow.recurrent.unroll import check_cell, past_end
from graphflow.variable_scope import variable_scope


def raw_rnn(
    cell: Any,
    loop_fn: Callable[..., Any],
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    scope: Any = None,
) -> tuple[Any, Any, Any]:
    """(TensorArrays of what was emitted, final state, final loop state).

    loop_fn  (time, cell output, cell state, loop state) -> (finished [batch], next input, next cell state, what to
             emit, next loop state).  At time 0 output, state and loop state are None: it gives the first ones, and for
             emit a tensor for the shape without the batch, or None for the cell's output
    The loop ends when all sequences have finished; finished ones emit zeros and keep their state.
    """
    check_cell(cell)
    if not callable(loop_fn):
        raise TypeError(f"loop_fn must be callable, not {loop_fn!r}")
    with variable_scope(scope or "rnn"):
        start = convert_to_tensor(0, int32, name="time")
        finished, first_input, state, emit, loop_state = loop_fn(start, None, None, None)
        inputs, pack_input = taken_apart(first_input)
        states, pack_state = taken_apart(state)
        extra, pack_extra = taken_apart([] if loop_state is None else loop_state)
        batch_size = axis_size(inputs[0], 0)
        wanted = cell.output_size if emit is None else nest.map_structure(lambda e: e.shape, emit)
        kinds = (
            nest.map_structure(lambda _: states[0].dtype, wanted)
            if emit is None
            else (nest.map_structure(lambda e: e.dtype, emit))
        )
        empty = [zeros(with_batch(batch_size, size), kind)
                 for size, kind in zip(nest.flatten(wanted), nest.flatten(kinds), strict=True)]  # fmt: skip
        n, m = len(inputs), len(states)

        def body(values: list[Tensor], _: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            time, ended, *rest = values
            given, before, own = rest[:n], rest[n : n + m], rest[n + m :]
            output, new = cell(pack_input(given), pack_state(before))
            passed = pack_extra(own) if loop_state is not None else None
            following = loop_fn(time + 1, output, new, passed)
            done, next_input, next_state, emitted, next_extra = following
            emitted = output if emitted is None else emitted
            nest.assert_same_structure(wanted, emitted, check_types=False)
            shown = [past_end(ended, t, z) for t, z in zip(taken_apart(emitted)[0], empty, strict=True)]
            kept = [past_end(ended, t, old) for t, old in zip(taken_apart(next_state)[0], before, strict=True)]
            more = own if loop_state is None or next_extra is None else taken_apart(next_extra)[0]
            going_in = taken_apart(next_input)[0]
            for t, old in zip([*going_in, *kept], [*given, *before], strict=True):
                t.set_shape(old.dims)
            return [time + 1, logical_or(done, ended), *going_in, *kept, *more], shown

        final, stacked = iterate(
            body, [start, convert_to_tensor(finished), *inputs, *states, *extra],
            going=lambda values: logical_not(reduce_all(values[1])),
        )  # fmt: skip
        arrays = [TensorArray(t.dtype, 0, dynamic_size=True).unstack(t) for t in stacked]
        last = final[2 + n + m :]
        return (
            nest.pack_sequence_as(wanted, arrays), pack_state(final[2 + n : 2 + n + m]),
            None if loop_state is None else pack_extra(last),
        )  # fmt: skip
