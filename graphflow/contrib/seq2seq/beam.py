"""BeamSearchDecoder: the likeliest sequences instead of the likeliest next ids."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

from graphflow import nest
from graphflow.contrib.seq2seq.decoder import Decoder
from graphflow.contrib.seq2seq.helper import embedding_of, tokens
from graphflow.contrib.seq2seq.wrapper import AttentionWrapperState
from graphflow.control.tensor_array import TensorArray
from graphflow.dtypes import float32, int32, int64
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import minimum
from graphflow.ops.arrange import tile, transpose
from graphflow.ops.basic import cast
from graphflow.ops.beams import gather_tree
from graphflow.ops.compare import equal, logical_not, logical_or
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import fill, one_hot
from graphflow.ops.fill import range as numbers
from graphflow.ops.indexing import gather
from graphflow.ops.join import concat
from graphflow.ops.math import log
from graphflow.ops.ranking import top_k
from graphflow.ops.reduce import reduce_max, reduce_sum
from graphflow.ops.select import where
from graphflow.ops.sequences import sequence_mask
from graphflow.ops.shape_ops import axis_size, expand_dims, reshape, shape
from graphflow.ops.softmax import log_softmax
from graphflow.recurrent.unroll import check_cell
from graphflow.shape import TensorShape

BeamSearchDecoderState = namedtuple(
    "BeamSearchDecoderState", "cell_state log_probs finished lengths accumulated_attention_probs"
)
BeamSearchDecoderState.__doc__ = "The state of the cell, and of each beam [batch, beams] what it is worth so far."
BeamSearchDecoderOutput = namedtuple("BeamSearchDecoderOutput", "scores predicted_ids parent_ids")
BeamSearchDecoderOutput.__doc__ = "Of each beam after a step: its score, its last id, the beam that it goes on from."
FinalBeamSearchDecoderOutput = namedtuple("FinalBeamSearchDecoderOutput", "predicted_ids beam_search_decoder_output")
FinalBeamSearchDecoderOutput.__doc__ = "The sequences of the beams, the best first, and what the steps gave."


class BeamSearchDecoder(Decoder):
    """Keeps the `beam_width` likeliest beginnings of a sequence, for each example of the batch.

    embedding       a function of ids, or the params of embedding_lookup
    start_tokens    int32 [batch];   end_token   int32 scalar: a beam ends with it
    initial_state   of the cell, each row `beam_width` times: see `tile_batch`
    length_penalty_weight    w: scores are log probabilities / ((5 + length) / 6) ** w
    coverage_penalty_weight  of the sum of log(min(sum of attention, 1)) over the memory, which scores get too
    reorder_tensor_arrays    whether TensorArrays of the state, [batch * beams, ...] a step, follow the final beams
    Outputs of dynamic_decode: FinalBeamSearchDecoderOutput, predicted_ids int32 [batch, time, beams].
    """

    def __init__(
        self, cell: Any, embedding: Any, start_tokens: Any, end_token: Any, initial_state: Any, beam_width: int,
        output_layer: Callable | None = None, length_penalty_weight: float = 0.0, coverage_penalty_weight: float = 0.0,
        reorder_tensor_arrays: bool = True,
    ) -> None:  # fmt: skip
        check_cell(cell)
        if output_layer is not None and not callable(output_layer):
            raise TypeError(f"output_layer must be a layer, not {output_layer!r}")
        self._cell, self._output_layer, self._width = cell, output_layer, beam_width
        self._embed = embedding_of(embedding)
        self._start, self._end = tokens(start_tokens, end_token)
        self._length_weight, self._coverage_weight = length_penalty_weight, coverage_penalty_weight
        self._reorders = reorder_tensor_arrays
        self._batch = axis_size(self._start, 0)
        self._first_state = nest.map_structure(self._split, initial_state)
        self._first_inputs = self._embed(tile(expand_dims(self._start, 1), [1, beam_width]))

    @property
    def batch_size(self) -> Any:
        return self._batch

    @property
    def tracks_own_finished(self) -> bool:
        return True

    @property
    def output_size(self) -> BeamSearchDecoderOutput:
        return BeamSearchDecoderOutput(*[TensorShape([self._width])] * 3)

    @property
    def output_dtype(self) -> BeamSearchDecoderOutput:
        return BeamSearchDecoderOutput(float32, int32, int32)

    def initialize(self, name: str | None = None) -> tuple[Tensor, Tensor, BeamSearchDecoderState]:
        """Only the first beam counts: all begin with the same."""
        dtype = next(t.dtype for t in nest.flatten(self._first_state) if t.dtype.is_floating)
        first = one_hot(fill([self._batch], 0), self._width, on_value=0.0, off_value=-float("inf"), dtype=dtype)
        finished = one_hot(fill([self._batch], 0), self._width, on_value=False, off_value=True)
        lengths = cast(fill([self._batch, self._width], 0), int64)
        attention = self._attention(self._first_state)
        sums = () if attention is None else attention * 0
        return finished, self._first_inputs, BeamSearchDecoderState(self._first_state, first, finished, lengths, sums)

    def step(
        self, time: Any, inputs: Any, state: BeamSearchDecoderState, name: str | None = None
    ) -> tuple[BeamSearchDecoderOutput, BeamSearchDecoderState, Any, Tensor]:
        merged = nest.map_structure(self._merge, (inputs, state.cell_state))
        outputs, following = self._cell(*merged)
        if self._output_layer is not None:
            outputs = self._output_layer(outputs)
        logits = self._split(outputs)
        following = nest.map_structure(self._split, following)
        output, new = self._chosen(logits, following, state)
        return output, new, self._embed(output.predicted_ids), new.finished

    def _chosen(
        self, logits: Tensor, cell_state: Any, before: BeamSearchDecoderState
    ) -> tuple[BeamSearchDecoderOutput, BeamSearchDecoderState]:
        """The best beams after a step."""
        vocabulary = logits.dims[-1] if logits.dims and logits.dims[-1] is not None else shape(logits)[-1]
        ended = expand_dims(before.finished, 2)
        ends = one_hot(self._end, vocabulary, on_value=0.0, off_value=logits.dtype.min, dtype=logits.dtype)
        step = where(tile(ended, [1, 1, vocabulary]), log_softmax(logits) * 0 + ends, log_softmax(logits))
        totals = expand_dims(before.log_probs, 2) + step
        longer = one_hot(self._end, vocabulary, on_value=0, off_value=1, dtype=int64)
        lengths = expand_dims(before.lengths, 2) + longer * cast(logical_not(ended), int64)
        scores = totals / self._length_penalty(lengths, totals)
        attention, sums = self._attention(cell_state), before.accumulated_attention_probs
        if attention is not None:
            sums = sums + attention * cast(logical_not(ended), attention.dtype)
            covered = reduce_sum(log(minimum(sums, 1.0)), 2)
            scores = scores + expand_dims(covered * self._coverage_weight, 2)
        best, places = top_k(reshape(scores, [self._batch, -1]), self._width)
        ids, parents = places % vocabulary, places // vocabulary
        taken = lambda t: gather(t, parents, axis=1, batch_dims=1)
        finished = taken(before.finished)
        new = BeamSearchDecoderState(
            nest.map_structure(lambda t: taken(t) if self._has_beams(t) else t, cell_state),
            gather(reshape(totals, [self._batch, -1]), places, axis=1, batch_dims=1),
            logical_or(finished, equal(ids, self._end)),
            taken(before.lengths) + cast(logical_not(finished), int64),
            sums if isinstance(sums, tuple) else taken(sums),
        )
        return BeamSearchDecoderOutput(best, ids, parents), new

    def _length_penalty(self, lengths: Tensor, like: Tensor) -> Any:
        if isinstance(self._length_weight, (int, float)) and self._length_weight == 0:
            return 1.0
        return ((5.0 + cast(lengths, like.dtype)) / 6.0) ** self._length_weight

    def _attention(self, state: Any) -> Tensor | None:
        """The weights of the memory [batch, beams, time] of all mechanisms, where their sums count."""
        if isinstance(self._coverage_weight, (int, float)) and self._coverage_weight == 0:
            return None
        states = [state] if isinstance(state, AttentionWrapperState) else list(state)
        found = [s.alignments for s in states if isinstance(s, AttentionWrapperState)]
        weights = nest.flatten(found)
        if not weights:
            raise GraphError("coverage_penalty_weight needs a cell that attends: an AttentionWrapper")
        return concat([w / float(len(weights)) for w in weights], -1)

    def finalize(
        self, outputs: BeamSearchDecoderOutput, final_state: BeamSearchDecoderState, sequence_lengths: Any
    ) -> tuple[FinalBeamSearchDecoderOutput, BeamSearchDecoderState]:
        longest = cast(reduce_max(final_state.lengths, 1), int32)
        ids = gather_tree(outputs.predicted_ids, outputs.parent_ids, longest, self._end)
        if self._reorders:
            own = range_of_beams(outputs.parent_ids, final_state.lengths, self._width)
            reordered = lambda t: self._reordered(t, own) if isinstance(t, TensorArray) else t
            final_state = final_state._replace(cell_state=nest.map_structure(reordered, final_state.cell_state))
        return FinalBeamSearchDecoderOutput(ids, outputs), final_state

    def _reordered(self, array: TensorArray, beams: Tensor) -> Any:
        """The steps of the final beams, [time, batch * beams, ...] as before."""
        rows = array.stack()
        if rows.dims is None or len(rows.dims) < 2:
            return array
        steps = shape(beams)[0]
        apart = reshape(rows, concat([[steps, self._batch, self._width], shape(rows)[2:]], 0))
        return reshape(gather(apart, beams, axis=2, batch_dims=2), shape(rows))

    # -- beams -----------------------------------------------------------------------------------------------------
    def _has_beams(self, t: Any) -> bool:
        if isinstance(t, TensorArray):
            return False
        if t.dims is None:
            raise ShapeError(f"the rank of {t!r}, which belongs to a state with beams, must be known")
        return len(t.dims) > 0

    def _split(self, t: Any) -> Any:
        """[batch * beams, ...] as [batch, beams, ...]; scalars and arrays as they are."""
        t = t if isinstance(t, TensorArray) else convert_to_tensor(t)
        if not self._has_beams(t):
            return t
        made = reshape(t, concat([[self._batch, self._width], shape(t)[1:]], 0))
        made.set_shape((self._static_batch(), self._width, *t.dims[1:]))
        return made

    def _merge(self, t: Any) -> Any:
        """[batch, beams, ...] as [batch * beams, ...]."""
        if not self._has_beams(t):
            return t
        made = reshape(t, concat([[-1], shape(t)[2:]], 0))
        batch = self._static_batch()
        made.set_shape((None if batch is None else batch * self._width, *t.dims[2:]))
        return made

    def _static_batch(self) -> int | None:
        return self._start.dims[0] if self._start.dims else None


def range_of_beams(parent_ids: Tensor, lengths: Tensor, width: int) -> Tensor:
    """Which beam of each step [time, batch, beams] the final beams went through; behind their end, themselves."""
    time, batch = shape(parent_ids)[0], shape(parent_ids)[1]
    own = tile(reshape(numbers(width), [1, 1, width]), [time, batch, 1])
    found = gather_tree(own, parent_ids, cast(reduce_max(lengths, 1), int32), width + 1)
    inside = transpose(sequence_mask(lengths, time), [2, 0, 1])
    return where(inside, found, own)
