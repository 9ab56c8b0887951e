"""Decoders, and the loop that runs them until all sequences have ended."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from graphflow import nest
from graphflow.control.iterate import iterate
from graphflow.control.values import taken_apart
from graphflow.dtypes import ListType, int32
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.compare import logical_not, logical_or
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.reduce import reduce_all
from graphflow.ops.select import where
from graphflow.recurrent.unroll import check_cell, past_end, time_first
from graphflow.shape import compatible
from graphflow.variable_scope import variable_scope

BasicDecoderOutput = namedtuple("BasicDecoderOutput", "rnn_output sample_id")
BasicDecoderOutput.__doc__ = "The outputs of a step, or of all steps, and the ids that were taken of them."


class Decoder:
    """The base: batch_size, output_size, output_dtype, `initialize() -> (finished, inputs, state)` and
    `step(time, inputs, state) -> (outputs, next state, next inputs, finished)`."""

    @property
    def tracks_own_finished(self) -> bool:
        """Whether `finished` may become False again, as with beams that change places."""
        return False

    def finalize(self, outputs: Any, final_state: Any, sequence_lengths: Any) -> tuple[Any, Any]:
        """What is made of outputs and state at the end."""
        return outputs, final_state


class BasicDecoder(Decoder):
    """A cell, a helper that samples and feeds it, and a layer over its outputs, where given."""

    def __init__(self, cell: Any, helper: Any, initial_state: Any, output_layer: Any = None) -> None:
        check_cell(cell)
        if not hasattr(helper, "next_inputs"):
            raise TypeError(f"helper must be a Helper, not {helper!r}")
        if output_layer is not None and not callable(output_layer):
            raise TypeError(f"output_layer must be a layer, not {output_layer!r}")
        self._cell, self._helper, self._initial_state, self._output_layer = cell, helper, initial_state, output_layer

    @property
    def batch_size(self) -> Any:
        return self._helper.batch_size

    @property
    def output_size(self) -> BasicDecoderOutput:
        size = self._cell.output_size
        units = getattr(self._output_layer, "units", size)
        return BasicDecoderOutput(units, self._helper.sample_ids_shape)

    @property
    def output_dtype(self) -> BasicDecoderOutput:
        dtype = nest.flatten(self._initial_state)[0].dtype
        kinds = nest.map_structure(lambda _: dtype, self._cell.output_size)
        return BasicDecoderOutput(kinds, self._helper.sample_ids_dtype)

    def initialize(self, name: str | None = None) -> tuple[Any, ...]:
        return (*self._helper.initialize(), self._initial_state)

    def step(self, time: Any, inputs: Any, state: Any, name: str | None = None) -> tuple[Any, Any, Any, Any]:
        outputs, new = self._cell(inputs, state)
        if self._output_layer is not None:
            outputs = self._output_layer(outputs)
        ids = self._helper.sample(time=time, outputs=outputs, state=new)
        finished, next_inputs, next_state = self._helper.next_inputs(
            time=time, outputs=outputs, state=new, sample_ids=ids
        )
        return BasicDecoderOutput(outputs, ids), next_state, next_inputs, finished


def dynamic_decode(
    decoder: Any,
    output_time_major: bool = False,
    impute_finished: bool = False,
    maximum_iterations: Any = None,
    parallel_iterations: int = 32,
    swap_memory: bool = False,
    scope: Any = None,
    **kwargs: Any,
) -> tuple[Any, Any, Tensor]:
    """(outputs, final state, lengths of the sequences) of a decoder that steps until all sequences have ended.

    impute_finished     sequences that have ended give zeros and keep their state
    maximum_iterations  int scalar: stop then
    Shapes: outputs [batch, time, ...], or time first if output_time_major; lengths int32 [batch].
    Raises: TypeError for what is no decoder.
    """
    if not (hasattr(decoder, "step") and hasattr(decoder, "initialize")):
        raise TypeError(f"decoder must be a Decoder, not {decoder!r}")
    with variable_scope(scope or "decoder"):
        finished, first_inputs, first_state = decoder.initialize()
        inputs, pack_inputs = taken_apart(first_inputs)
        states, pack_state = taken_apart(first_state)
        limit = None
        if maximum_iterations is not None:
            limit = maximum(cast(convert_to_tensor(maximum_iterations, name="maximum_iterations"), int32), 0)
        finished = convert_to_tensor(finished)
        n = len(inputs)
        structure: list[Any] = []

        def body(values: list[Tensor], _: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            time, ended, steps, *rest = values
            outputs, new, next_inputs, done = decoder.step(time, pack_inputs(rest[:n]), pack_state(rest[n:]))
            if not decoder.tracks_own_finished:
                done = logical_or(done, ended)
            structure.append(outputs)
            emitted, following = taken_apart(outputs)[0], taken_apart(new)[0]
            if impute_finished:
                emitted = [past_end(ended, t, zeros_like(t)) for t in emitted]
                following = [t if isinstance(t.dtype, ListType) or t.dims is None else past_end(ended, t, old)
                             for t, old in zip(following, rest[n:], strict=True)]  # fmt: skip
            steps = where(ended, steps, zeros_like(steps) + time + 1)
            more = [*taken_apart(next_inputs)[0], *following]
            for t, old in zip(more, rest, strict=True):
                if not isinstance(t.dtype, ListType) and compatible(t.dims, old.dims):
                    t.set_shape(old.dims)
            return [time + 1, done, steps, *more], emitted

        start = [convert_to_tensor(0, int32), finished, cast(zeros_like(finished), int32), *inputs, *states]
        final, stacked = iterate(
            body, start, going=lambda values: logical_not(reduce_all(values[1])), limit=limit,
        )  # fmt: skip
        outputs = nest.pack_sequence_as(structure[0], stacked)
        outputs, state = decoder.finalize(outputs, pack_state(final[3 + n :]), final[2])
        if not output_time_major:
            outputs = nest.map_structure(time_first, outputs)
        return outputs, state, final[2]
