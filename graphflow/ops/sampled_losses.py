"""Losses over very many classes, of which only a sample is looked at: noise-contrastive estimation, sampled softmax."""

from __future__ import annotations

from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import float32, int64
from graphflow.operation import Tensor
from graphflow.ops.basic import cast, ones_like, stop_gradient, zeros_like
from graphflow.ops.candidates import log_uniform_candidate_sampler
from graphflow.ops.compare import equal
from graphflow.ops.cross_entropy import sigmoid_cross_entropy_with_logits, softmax_cross_entropy_with_logits
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.embedding import embedding_lookup
from graphflow.ops.join import concat
from graphflow.ops.linalg import matmul
from graphflow.ops.math import log
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import expand_dims, reshape, shape


def _sampled_logits(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int,
    sampled_values: Any, remove_accidental_hits: bool, partition_strategy: str, seed: int | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(logits, labels) [batch, num_true + num_sampled] of the true classes and of those drawn.

    Each logit is lowered by the logarithm of how often its class is expected in the sample.
    """
    inputs = convert_to_tensor(inputs, name="inputs")
    labels = cast(convert_to_tensor(labels, name="labels"), int64)
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes, seed)
    drawn, true_expected, drawn_expected = (stop_gradient(convert_to_tensor(t)) for t in sampled_values)
    drawn = cast(drawn, int64)
    flat = reshape(labels, [-1])
    ids, n = concat([flat, drawn], 0), shape(flat)[0]
    rows = cast(embedding_lookup(weights, ids, partition_strategy), inputs.dtype)
    shifts = cast(embedding_lookup(biases, ids, partition_strategy), inputs.dtype)
    true_rows = reshape(rows[:n], concat([[-1, num_true], shape(rows)[1:]], 0))
    true_logits = reduce_sum(expand_dims(inputs, 1) * true_rows, 2) + reshape(shifts[:n], [-1, num_true])
    drawn_logits = matmul(inputs, rows[n:], transpose_b=True) + shifts[n:]
    if remove_accidental_hits:
        hits = cast(equal(expand_dims(labels, 2), drawn), inputs.dtype)
        drawn_logits = drawn_logits + reduce_sum(hits, 1) * cast(float32.min, inputs.dtype)
    true_logits = true_logits - log(cast(true_expected, inputs.dtype))
    drawn_logits = drawn_logits - log(cast(drawn_expected, inputs.dtype))
    targets = concat([ones_like(true_logits) / num_true, zeros_like(drawn_logits)], 1)
    return concat([true_logits, drawn_logits], 1), targets


def nce_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1,
    sampled_values: Any = None, remove_accidental_hits: bool = False, partition_strategy: str = "mod",
    name: str | None = "nce_loss",
) -> Tensor:  # fmt: skip
    """Noise-contrastive estimation: sigmoid cross entropy of the true classes against classes drawn as noise.

    weights, biases   tables [num_classes, dim] and [num_classes], or lists of parts as in embedding_lookup
    sampled_values    what a candidate sampler gave; by default log_uniform_candidate_sampler with unique classes
    remove_accidental_hits   whether true classes that are drawn do not count as noise
    Shapes:   labels [batch, num_true], inputs [batch, dim] -> [batch]
    Dtype:    labels integer; weights, biases and inputs floating.   Gradient: weights, biases and inputs.
    Source:   Gutmann and Hyvarinen, "Noise-contrastive estimation" (2010).
    """
    with name_scope(name, "nce_loss", [biases, labels, inputs]):
        logits, targets = _sampled_logits(weights, biases, labels, inputs, num_sampled, num_classes, num_true,
                                          sampled_values, remove_accidental_hits, partition_strategy, None)  # fmt: skip
        return reduce_sum(sigmoid_cross_entropy_with_logits(labels=targets, logits=logits, name="sampled_losses"), 1)


def sampled_softmax_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1,
    sampled_values: Any = None, remove_accidental_hits: bool = True, partition_strategy: str = "mod",
    name: str | None = "sampled_softmax_loss", seed: int | None = None,
) -> Tensor:  # fmt: skip
    """Softmax cross entropy over the true classes and a sample of the others; otherwise as nce_loss.

    Source: Jean et al., "On using very large target vocabulary for neural machine translation" (2014).
    """
    with name_scope(name, "sampled_softmax_loss", [biases, labels, inputs]):
        logits, targets = _sampled_logits(weights, biases, labels, inputs, num_sampled, num_classes, num_true,
                                          sampled_values, remove_accidental_hits, partition_strategy, seed)  # fmt: skip
        return softmax_cross_entropy_with_logits(labels=targets, logits=logits)
