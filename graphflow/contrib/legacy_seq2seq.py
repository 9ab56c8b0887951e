"""`tf.contrib.legacy_seq2seq`: losses and decoders over lists of steps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from graphflow import nest
from graphflow.default import name_scope
from graphflow.dtypes import float32
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.argmax import argmax
from graphflow.ops.arithmetic import add_n
from graphflow.ops.basic import cast, stop_gradient
from graphflow.ops.bias import xw_plus_b
from graphflow.ops.contraction import tensordot
from graphflow.ops.cross_entropy import sparse_softmax_cross_entropy_with_logits
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.embedding import embedding_lookup
from graphflow.ops.fill import zeros
from graphflow.ops.join import concat, stack
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import expand_dims, reshape, shape
from graphflow.ops.softmax import softmax
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.linear import linear
from graphflow.recurrent.unroll import static_rnn
from graphflow.recurrent.wrappers import EmbeddingWrapper, OutputProjectionWrapper
from graphflow.shared_variables import get_variable
from graphflow.variable_scope import get_variable_scope, variable_scope


def sequence_loss_by_example(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    softmax_loss_function: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Tensor:
    """Weighted cross entropy of each example over the steps: [batch].

    logits [batch, classes], targets and weights [batch], a list of each with an item a step
    average_across_timesteps  divide by the sum of the example's weights
    """
    if not len(logits) == len(targets) == len(weights):
        raise GraphError(f"there are {len(logits)} logits, {len(targets)} targets and {len(weights)} weights")
    with name_scope(name, "sequence_loss_by_example", [*logits, *targets, *weights]):
        losses = []
        for logit, target, weight in zip(logits, targets, weights, strict=True):
            labels = reshape(target, [-1])
            loss_of = softmax_loss_function or sparse_softmax_cross_entropy_with_logits
            losses.append(loss_of(labels=labels, logits=logit) * weight)
        total = add_n(losses)
        return total / (add_n([convert_to_tensor(w) for w in weights]) + 1e-12) if average_across_timesteps else total


def sequence_loss(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    softmax_loss_function: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Tensor:
    """The sum of sequence_loss_by_example over the batch, divided by its size if average_across_batch."""
    with name_scope(name, "sequence_loss", [*logits, *targets, *weights]):
        total = reduce_sum(
            sequence_loss_by_example(logits, targets, weights, average_across_timesteps, softmax_loss_function)
        )
        return total / cast(shape(targets[0])[0], total.dtype) if average_across_batch else total


def rnn_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    cell: Any,
    loop_function: Callable[[Any, int], Any] | None = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """([output of each step], final state); with loop_function(output, i) the output of a step is the next input."""
    with variable_scope(scope or "rnn_decoder"):
        state, outputs = initial_state, []
        previous = None
        for i, given in enumerate(decoder_inputs):
            x = given
            if loop_function is not None and previous is not None:
                with variable_scope("loop_function", reuse=True):
                    x = loop_function(previous, i)
            if i:
                get_variable_scope().reuse_variables()
            output, state = cell(x, state)
            outputs.append(output)
            if loop_function is not None:
                previous = output
        return outputs, state


def basic_rnn_seq2seq(
    encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any, dtype: Any = float32, scope: Any = None
) -> tuple[list[Any], Any]:
    """The decoder begins with the last state of the encoder; each has variables of its own."""
    with variable_scope(scope or "basic_rnn_seq2seq"):
        _, state = static_rnn(_copied(cell), encoder_inputs, dtype=dtype)
        return rnn_decoder(decoder_inputs, state, cell)


def tied_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    loop_function: Callable[[Any, int], Any] | None = None,
    dtype: Any = float32,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """The same with one set of variables for encoder and decoder."""
    with variable_scope("combined_tied_rnn_seq2seq"):
        outer = scope or "tied_rnn_seq2seq"
        _, state = static_rnn(cell, encoder_inputs, dtype=dtype, scope=outer)
        get_variable_scope().reuse_variables()
        return rnn_decoder(decoder_inputs, state, cell, loop_function=loop_function, scope=outer)


def embedding_rnn_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    cell: Any,
    num_symbols: int,
    embedding_size: int,
    output_projection: Any = None,
    feed_previous: bool = False,
    update_embedding_for_previous: bool = True,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """rnn_decoder over ids: their embeddings, or with feed_previous those of the largest output of the step before.

    output_projection  (weights, biases) from outputs to symbols, for feed_previous
    update_embedding_for_previous  False: no gradient to the embedding by way of the step before
    """
    with variable_scope(scope or "embedding_rnn_decoder"):
        inputs, loop_function = _embedded(
            decoder_inputs, num_symbols, embedding_size, output_projection, feed_previous,
            update_embedding_for_previous,
        )  # fmt: skip
        return rnn_decoder(inputs, initial_state, cell, loop_function=loop_function)


def _embedded(
    decoder_inputs: Sequence[Any], num_symbols: int, embedding_size: int, output_projection: Any, feed_previous: bool,
    update_embedding_for_previous: bool,
) -> tuple[list[Tensor], Callable[[Any, int], Tensor] | None]:  # fmt: skip
    """(embeddings of the ids, with feed_previous the function from an output to the embedding of its largest)."""
    embedding = get_variable("embedding", [num_symbols, embedding_size])

    def from_previous(previous: Any, _: int) -> Tensor:
        if output_projection is not None:
            previous = xw_plus_b(previous, output_projection[0], output_projection[1])
        found = embedding_lookup(embedding, argmax(previous, 1))
        return found if update_embedding_for_previous else stop_gradient(found)

    return [embedding_lookup(embedding, i) for i in decoder_inputs], from_previous if feed_previous else None


def embedding_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    num_encoder_symbols: int,
    num_decoder_symbols: int,
    embedding_size: int,
    output_projection: Any = None,
    feed_previous: bool = False,
    dtype: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """An encoder and a decoder over ids.   feed_previous is a Python bool."""
    with variable_scope(scope or "embedding_rnn_seq2seq") as scope:
        kind = dtype or scope.dtype
        encoder = EmbeddingWrapper(_copied(cell), num_encoder_symbols, embedding_size)
        _, state = static_rnn(encoder, encoder_inputs, dtype=kind)
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)
        return embedding_rnn_decoder(
            decoder_inputs, state, cell, num_decoder_symbols, embedding_size, output_projection, feed_previous
        )


# -- attention -----------------------------------------------------------------------------------------------------
def attention_decoder(
    decoder_inputs: Sequence[Any], initial_state: Any, attention_states: Any, cell: Any,
    output_size: int | None = None, num_heads: int = 1, loop_function: Callable[[Any, int], Any] | None = None,
    dtype: Any = None, scope: Any = None, initial_state_attention: bool = False,
) -> tuple[list[Any], Any]:  # fmt: skip
    """rnn_decoder whose inputs and outputs are joined with what the state attends to (Vinyals et al. 2014).

    attention_states         [batch, length, size], of which each step takes a mean, weighted anew
    num_heads                how many such means are taken
    initial_state_attention  let the initial state attend too; else the first step gets zeros
    """
    if not decoder_inputs:
        raise GraphError("attention_decoder needs at least one input")
    with variable_scope(scope or "attention_decoder", dtype=dtype):
        attend = _Attention(convert_to_tensor(attention_states), num_heads)
        means = attend(initial_state) if initial_state_attention else attend.zeros(shape(decoder_inputs[0])[0])
        state, outputs = initial_state, []
        previous = None
        for i, given in enumerate(decoder_inputs):
            if i:
                get_variable_scope().reuse_variables()
            x = given
            if loop_function is not None and previous is not None:
                with variable_scope("loop_function", reuse=True):
                    x = loop_function(previous, i)
            x = convert_to_tensor(x)
            cell_output, state = cell(linear([x, *means], x.shape[1].value), state)
            with variable_scope(get_variable_scope(), reuse=True if i or initial_state_attention else None):
                means = attend(state)
            with variable_scope("AttnOutputProjection"):
                output = linear([cell_output, *means], output_size or cell.output_size)
            outputs.append(output)
            if loop_function is not None:
                previous = output
        return outputs, state


class _Attention:
    """Means of the states [batch, length, size], weighted by how well each goes with a query."""

    def __init__(self, states: Tensor, num_heads: int) -> None:
        size = states.shape[2].value
        if size is None:
            raise GraphError(f"the size of {states!r} must be known")
        self._states = states
        self._features, self._scales = [], []
        for head in range(num_heads):
            kernel = get_variable(f"AttnW_{head}", [1, 1, size, size], states.dtype)
            self._features.append(tensordot(states, reshape(kernel, [size, size]), 1))
            self._scales.append(get_variable(f"AttnV_{head}", [size], states.dtype))

    def __call__(self, query: Any) -> list[Tensor]:
        parts = [convert_to_tensor(t) for t in nest.flatten(query)]
        joined = parts[0] if len(parts) == 1 else concat(parts, 1)
        means = []
        for head, (features, scale) in enumerate(zip(self._features, self._scales, strict=True)):
            with variable_scope(f"Attention_{head}"):
                asked = expand_dims(linear([joined], features.shape[2].value), 1)
                weights = softmax(reduce_sum(scale * tanh(features + asked), 2))
                means.append(reduce_sum(expand_dims(weights, 2) * self._states, 1))
        return means

    def zeros(self, batch_size: Any) -> list[Tensor]:
        size = self._states.shape[2].value
        none = zeros([batch_size, size], self._states.dtype)
        none.set_shape([None, size])
        return [none] * len(self._scales)


def embedding_attention_decoder(
    decoder_inputs: Sequence[Any], initial_state: Any, attention_states: Any, cell: Any, num_symbols: int,
    embedding_size: int, num_heads: int = 1, output_size: int | None = None, output_projection: Any = None,
    feed_previous: bool = False, update_embedding_for_previous: bool = True, dtype: Any = None, scope: Any = None,
    initial_state_attention: bool = False,
) -> tuple[list[Any], Any]:  # fmt: skip
    """attention_decoder over ids; the other arguments are those of embedding_rnn_decoder."""
    with variable_scope(scope or "embedding_attention_decoder", dtype=dtype):
        inputs, loop_function = _embedded(
            decoder_inputs, num_symbols, embedding_size, output_projection, feed_previous,
            update_embedding_for_previous,
        )  # fmt: skip
        return attention_decoder(
            inputs, initial_state, attention_states, cell, output_size, num_heads, loop_function,
            initial_state_attention=initial_state_attention,
        )  # fmt: skip


def embedding_attention_seq2seq(
    encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any, num_encoder_symbols: int,
    num_decoder_symbols: int, embedding_size: int, num_heads: int = 1, output_projection: Any = None,
    feed_previous: bool = False, dtype: Any = None, scope: Any = None, initial_state_attention: bool = False,
) -> tuple[list[Any], Any]:  # fmt: skip
    """An encoder over ids, and a decoder that attends to its outputs.   feed_previous is a Python bool."""
    with variable_scope(scope or "embedding_attention_seq2seq", dtype=dtype) as scope:
        encoder = EmbeddingWrapper(_copied(cell), num_encoder_symbols, embedding_size)
        outputs, state = static_rnn(encoder, encoder_inputs, dtype=dtype or scope.dtype)
        output_size = None
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)
            output_size = num_decoder_symbols
        return embedding_attention_decoder(
            decoder_inputs, state, stack(outputs, axis=1), cell, num_decoder_symbols, embedding_size, num_heads,
            output_size, output_projection, feed_previous, initial_state_attention=initial_state_attention,
        )  # fmt: skip


# -- buckets -------------------------------------------------------------------------------------------------------
def model_with_buckets(
    encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], targets: Sequence[Any], weights: Sequence[Any],
    buckets: Sequence[tuple[int, int]], seq2seq: Callable[[Any, Any], Any],
    softmax_loss_function: Callable[..., Any] | None = None, per_example_loss: bool = False, name: str | None = None,
) -> tuple[list[Any], list[Tensor]]:  # fmt: skip
    """(outputs, losses), each with an entry a bucket: one model for inputs of several lengths.

    buckets           pairs of lengths, of the encoder's and of the decoder's inputs
    seq2seq           a function of these inputs that gives (outputs, state); its variables are made once
    per_example_loss  losses of sequence_loss_by_example instead of sequence_loss
    Raises: ValueError when there are fewer inputs than the last bucket needs.
    """
    longest = max(length for length, _ in buckets), max(length for _, length in buckets)
    for what, given, needed in (
        ("encoder inputs", encoder_inputs, longest[0]), ("targets", targets, longest[1]),
        ("weights", weights, longest[1]),
    ):  # fmt: skip
        if len(given) < needed:
            raise GraphError(f"the last bucket needs {needed} {what}, and there are {len(given)}")
    loss_of = sequence_loss_by_example if per_example_loss else sequence_loss
    outputs, losses = [], []
    with name_scope(name, "model_with_buckets", [*encoder_inputs, *decoder_inputs, *targets, *weights]):
        for i, (before, after) in enumerate(buckets):
            with variable_scope(get_variable_scope(), reuse=True if i else None):
                made, _ = seq2seq(encoder_inputs[:before], decoder_inputs[:after])
                outputs.append(made)
                losses.append(loss_of(made, targets[:after], weights[:after],
                                      softmax_loss_function=softmax_loss_function))  # fmt: skip
    return outputs, losses


def _copied(cell: Any) -> Any:
    """A cell like this one with variables of its own."""
    return copy.deepcopy(cell)
