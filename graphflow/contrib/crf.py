"""`tf.contrib.crf`: linear-chain conditional random fields (Lafferty et al. 2001), their training and decoding.

A sequence of tags scores the sum of its unary scores, inputs[b, t, tag], and of the transitions between neighbours,
transition_params[tag, next tag].  Shapes: inputs [batch, time, tags], tags and lengths int, transitions [tags, tags].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import int32
from graphflow.operation import Tensor
from graphflow.ops.argmax import argmax
from graphflow.ops.arithmetic import maximum
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import one_hot
from graphflow.ops.indexing import gather_nd
from graphflow.ops.join import concat, stack
from graphflow.ops.reduce import reduce_logsumexp, reduce_max, reduce_sum
from graphflow.ops.select import where, where_v2
from graphflow.ops.sequences import reverse_sequence, sequence_mask
from graphflow.ops.shape_ops import expand_dims, shape, squeeze
from graphflow.recurrent.cell import RNNCell
from graphflow.recurrent.unroll import dynamic_rnn
from graphflow.shared_variables import get_variable
from graphflow.variable_scope import variable_scope


# -- scores --------------------------------------------------------------------------------------------------------
def crf_unary_score(tag_indices: Any, sequence_lengths: Any, inputs: Any) -> Tensor:
    """The sum of the unary scores of the tags [batch, time], up to the length of each sequence: [batch]."""
    inputs = convert_to_tensor(inputs)
    chosen = reduce_sum(inputs * one_hot(tag_indices, shape(inputs)[2], dtype=inputs.dtype), 2)
    return reduce_sum(chosen * sequence_mask(sequence_lengths, shape(inputs)[1], inputs.dtype), 1)


def crf_binary_score(tag_indices: Any, sequence_lengths: Any, transition_params: Any) -> Tensor:
    """The sum of the transitions between the tags [batch, time], up to the length of each sequence: [batch]."""
    tags, transitions = convert_to_tensor(tag_indices), convert_to_tensor(transition_params)
    between = gather_nd(transitions, stack([tags[:, :-1], tags[:, 1:]], axis=2))
    lengths = convert_to_tensor(sequence_lengths)
    mask = sequence_mask(maximum(lengths - 1, zeros_like(lengths)), shape(tags)[1] - 1, transitions.dtype)
    return reduce_sum(between * mask, 1)


def crf_sequence_score(inputs: Any, tag_indices: Any, sequence_lengths: Any, transition_params: Any) -> Tensor:
    """The score of each sequence of tags, not normalized; 0 for an empty sequence: [batch]."""
    unary = crf_unary_score(tag_indices, sequence_lengths, inputs)
    return unary + crf_binary_score(tag_indices, sequence_lengths, transition_params)


def crf_multitag_sequence_score(inputs: Any, tag_bitmap: Any, sequence_lengths: Any, transition_params: Any) -> Tensor:
    """log of the sum of exp(score) of all sequences whose tags the bitmap [batch, time, tags] allows: [batch]."""
    inputs = convert_to_tensor(inputs)
    allowed = where(tag_bitmap, inputs, -np.inf * ones_like(inputs))
    return crf_log_norm(allowed, sequence_lengths, transition_params)


def crf_log_norm(inputs: Any, sequence_lengths: Any, transition_params: Any) -> Tensor:
    """log of the sum of exp(score) of all sequences of tags, by the forward algorithm; 0 for no step: [batch]."""
    inputs = convert_to_tensor(inputs)
    lengths = cast(sequence_lengths, int32)
    steps = maximum(lengths - 1, zeros_like(lengths))
    _, alphas = dynamic_rnn(CrfForwardRnnCell(transition_params), inputs[:, 1:], steps, inputs[:, 0], inputs.dtype)
    norm = reduce_logsumexp(alphas, [1])
    return where_v2(lengths > 0, norm, zeros_like(norm))


def crf_log_likelihood(
    inputs: Any, tag_indices: Any, sequence_lengths: Any, transition_params: Any = None
) -> tuple[Tensor, Any]:
    """(the log of the probability of each sequence of tags [batch], transition_params).

    Without transition_params there is a variable `transitions` for them.   Gradient: inputs and transition_params.
    """
    inputs = convert_to_tensor(inputs)
    lengths = cast(sequence_lengths, int32)
    if transition_params is None:
        tags = inputs.shape[2].value
        transition_params = get_variable("transitions", [tags, tags], inputs.dtype)
    score = crf_sequence_score(inputs, tag_indices, lengths, transition_params)
    return score - crf_log_norm(inputs, lengths, transition_params), transition_params


# -- decoding ------------------------------------------------------------------------------------------------------
def viterbi_decode(score: Any, transition_params: Any) -> tuple[list[int], Any]:
    """(the best sequence of tags, its score) for one sequence, in NumPy: score [time, tags]."""
    score, transitions = np.asarray(score), np.asarray(transition_params)
    best = score[0]
    back = np.zeros(score.shape, np.int64)
    for t in range(1, len(score)):
        paths = best[:, None] + transitions
        back[t] = paths.argmax(0)
        best = score[t] + paths.max(0)
    tags = [int(best.argmax())]
    for pointers in back[:0:-1]:
        tags.append(int(pointers[tags[-1]]))
    return tags[::-1], best.max()


def crf_decode(potentials: Any, transition_params: Any, sequence_length: Any) -> tuple[Tensor, Tensor]:
    """(the best tags [batch, time] int32, 0 after the end of a sequence; their scores [batch])."""
    potentials = convert_to_tensor(potentials)
    lengths = cast(sequence_length, int32)
    steps = maximum(lengths - 1, zeros_like(lengths))
    with variable_scope("crf_decode"):
        forward = CrfDecodeForwardRnnCell(transition_params)
        back, last = dynamic_rnn(forward, potentials[:, 1:], steps, potentials[:, 0], potentials.dtype, scope="fwd")
        end = expand_dims(cast(argmax(last, 1), int32), 1)
        backward = CrfDecodeBackwardRnnCell(forward.output_size)
        tags, _ = dynamic_rnn(backward, reverse_sequence(back, steps, 1), steps, end, int32, scope="bwd")
        tags = reverse_sequence(concat([end, squeeze(tags, [2])], 1), maximum(lengths, ones_like(lengths)), 1)
        return tags, reduce_max(last, 1)


# -- one step ------------------------------------------------------------------------------------------------------
class _CrfCell(RNNCell):
    def __init__(self, transition_params: Any) -> None:
        super().__init__()
        transitions = convert_to_tensor(transition_params)
        self._tags = transitions.shape[0].value
        self._transitions = expand_dims(transitions, 0)

    @property
    def state_size(self) -> Any:
        return self._tags

    @property
    def output_size(self) -> Any:
        return self._tags


class CrfForwardRnnCell(_CrfCell):
    """A step of the forward algorithm: the state is the log of the summed scores of all paths to each tag."""

    def call(self, inputs: Any, state: Any) -> tuple[Tensor, Tensor]:
        alphas = inputs + reduce_logsumexp(expand_dims(state, 2) + self._transitions, [1])
        return alphas, alphas


class CrfDecodeForwardRnnCell(_CrfCell):
    """A step of the Viterbi algorithm: the state is the best score up to each tag, the output where it came from."""

    def call(self, inputs: Any, state: Any) -> tuple[Tensor, Tensor]:
        paths = expand_dims(state, 2) + self._transitions
        return cast(argmax(paths, 1), int32), inputs + reduce_max(paths, [1])


class CrfDecodeBackwardRnnCell(RNNCell):
    """A step back: from the pointers of a step and the tag after it to the tag before it."""

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        self._num_tags = num_tags

    @property
    def state_size(self) -> Any:
        return 1

    @property
    def output_size(self) -> Any:
        return 1

    def call(self, inputs: Any, state: Any) -> tuple[Tensor, Tensor]:
        at = one_hot(squeeze(state, [1]), self._num_tags, dtype=int32)
        tag = expand_dims(reduce_sum(inputs * at, 1), 1)
        return tag, tag
