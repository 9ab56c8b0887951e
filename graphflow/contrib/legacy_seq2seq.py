"""`tf.contrib.legacy_seq2seq`: losses and decoders over lists of steps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import float32
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.argmax import argmax
from graphflow.ops.arithmetic import add_n
from graphflow.ops.basic import cast, stop_gradient
from graphflow.ops.bias import xw_plus_b
from graphflow.ops.cross_entropy import sparse_softmax_cross_entropy_with_logits
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.embedding import embedding_lookup
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import reshape, shape
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
    with variable_scope(scope or "embedding_rnn_decoder") as scope:
        embedding = get_variable("embedding", [num_symbols, embedding_size])

        def from_previous(previous: Any, _: int) -> Tensor:
            if output_projection is not None:
                previous = xw_plus_b(previous, output_projection[0], output_projection[1])
            found = embedding_lookup(embedding, argmax(previous, 1))
            return found if update_embedding_for_previous else stop_gradient(found)

        inputs = [embedding_lookup(embedding, i) for i in decoder_inputs]
        return rnn_decoder(inputs, initial_state, cell, loop_function=from_previous if feed_previous else None)


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


def _copied(cell: Any) -> Any:
    """A cell like this one with variables of its own."""
    return copy.deepcopy(cell)
