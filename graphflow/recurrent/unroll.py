"""`static_rnn` and `dynamic_rnn`: a cell over sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow import nest
from graphflow.control.iterate import iterate
from graphflow.control.values import taken_apart
from graphflow.dtypes import int32, int64
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast, identity, zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import range as range_
from graphflow.ops.join import concat
from graphflow.ops.select import where
from graphflow.ops.shape_ops import axis_size, rank, shape
from graphflow.recurrent.cell import zero_state
from graphflow.shape import compatible, merge, show
from graphflow.variable_scope import get_variable_scope, variable_scope


def check_cell(cell: Any, what: str = "cell") -> None:
    """TypeError for what cannot be a cell."""
    if not (hasattr(cell, "state_size") and hasattr(cell, "output_size") and callable(cell)):
        raise TypeError(f"{what} must be an RNNCell, not {cell!r}")


def initial(cell: Any, state: Any, batch_size: Any, dtype: Any) -> Any:
    """The state to begin with: the one given, or zeros.   Raises: ValueError with neither a state nor a dtype."""
    if state is not None:
        return nest.map_structure(convert_to_tensor, state)
    if dtype is None:
        raise GraphError("without an initial_state there must be a dtype")
    make = getattr(cell, "get_initial_state", None)
    if make is not None:
        return make(inputs=None, batch_size=batch_size, dtype=dtype)
    return zero_state(cell.state_size, batch_size, dtype)


def lengths(sequence_length: Any, batch_size: Any) -> Tensor | None:
    """int32 [batch]; ValueError for another rank or batch size."""
    if sequence_length is None:
        return None
    given = convert_to_tensor(sequence_length, name="sequence_length")
    if given.dims is not None and len(given.dims) != 1:
        raise ShapeError(f"sequence_length must be a vector, and has shape {show(given.dims)}")
    if given.dtype not in (int32, int64):
        given = cast(given, int32)
    merge(given.dims, (batch_size if isinstance(batch_size, int) else None,))
    return identity(cast(given, int32), name="sequence_length")


def past_end(ended: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`old` for the sequences that have ended; a scalar has no sequences."""
    if new.dims == ():
        return new
    chosen = where(ended, old, new)
    chosen.set_shape(new.dims)
    return chosen


def _kept(new: Tensor, old: Tensor) -> Tensor:
    """A next state with what is known of the shape of the state before."""
    if compatible(new.dims, old.dims):
        new.set_shape(old.dims)
    return new


def dynamic_rnn(
    cell: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Any, Any]:
    """(outputs, final state) of a cell over the time steps of inputs, whose number may be unknown.

    inputs           [batch, time, ...], or [time, batch, ...] if time_major; or a nest of these
    sequence_length  int [batch]: beyond it outputs are zero, and the state stays
    initial_state    in the structure of cell.state_size; zeros of `dtype` by default
    scope            of the variables; `rnn` by default
    Shapes: outputs [batch, time, *output_size] or time first as the inputs; a nest as cell.output_size.
    Gradient: inputs, initial_state, and what the cell uses.
    Raises:  TypeError for what is no cell; ValueError without initial_state and dtype, and for inputs without a time.
    """
    check_cell(cell)
    with variable_scope(scope or "rnn"):
        flat = [convert_to_tensor(x, name="inputs") for x in nest.flatten(inputs)]
        for x in flat:
            if x.dims is not None and len(x.dims) < 2:
                raise ShapeError(f"inputs must have a batch and a time axis, and {x!r} has not")
        rows = flat if time_major else [time_first(x) for x in flat]
        batch_size = axis_size(rows[0], 1)
        known = lengths(sequence_length, batch_size)
        state = initial(cell, initial_state, batch_size, dtype)
        outputs, final = over_time(cell, inputs, rows, known, state, batch_size)
        if not time_major:
            outputs = nest.map_structure(time_first, outputs)
        return outputs, final


def time_first(x: Tensor) -> Tensor:
    """The first two axes exchanged."""
    if x.dims is None:
        return transpose(x, concat([[1, 0], range_(2, rank(x))], 0))
    return transpose(x, [1, 0, *range(2, len(x.dims))])


def over_time(
    cell: Any, inputs: Any, rows: Sequence[Tensor], known: Tensor | None, state: Any, batch_size: Any
) -> tuple[Any, Any]:
    """(outputs, final state), time first."""
    first, repack = taken_apart(state)
    structure: list[Any] = []
    steps = [] if known is None else [range_(shape(rows[0])[0])]

    def body(values: list[Tensor], items: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        own = items[: len(rows)]
        for x in own:
            if x.dims is not None and x.dims[0] is None and isinstance(batch_size, int):
                x.set_shape((batch_size, *x.dims[1:]))
        output, new = cell(nest.pack_sequence_as(inputs, own), repack(values))
        nest.assert_same_structure(state, new, check_types=False)
        structure.append(output)
        outputs, _ = taken_apart(output)
        following, _ = taken_apart(new)
        if known is not None:
            ended = items[-1] >= known
            outputs = [past_end(ended, t, zeros_like(t)) for t in outputs]
            following = [past_end(ended, t, old) for t, old in zip(following, values, strict=True)]
        return [_kept(t, old) for t, old in zip(following, values, strict=True)], outputs

    final, stacked = iterate(body, first, [*rows, *steps], before=2, arrays_first=True)
    return nest.pack_sequence_as(structure[0], stacked), repack(final)


def static_rnn(
    cell: Any,
    inputs: Sequence[Any],
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """([output of each step], final state) of a cell over a list of inputs; the graph holds every step.

    inputs  a list of tensors [batch, ...], or of nests of them
    The other arguments are those of `dynamic_rnn`.
    """
    check_cell(cell)
    if not isinstance(inputs, (list, tuple)):
        raise TypeError(f"inputs must be a list, not {inputs!r}")
    if not inputs:
        raise GraphError("inputs must not be empty")
    with variable_scope(scope or "rnn"):
        steps = [nest.map_structure(convert_to_tensor, x) for x in inputs]
        batch_size = axis_size(nest.flatten(steps[0])[0], 0)
        known = lengths(sequence_length, batch_size)
        state = initial(cell, initial_state, batch_size, dtype)
        outputs = []
        for time, x in enumerate(steps):
            if time:
                get_variable_scope().reuse_variables()
            output, new = cell(x, state)
            if known is not None:
                ended = convert_to_tensor(time, int32) >= known
                output = nest.map_structure(lambda t, e=ended: past_end(e, t, zeros_like(t)), output)
                new = nest.map_structure(lambda t, old, e=ended: past_end(e, t, old), new, state)
            state = new
            outputs.append(output)
        return outputs, state
