"""Connectionist temporal classification: the loss of label sequences that are not aligned in time, and decoding.

Source: Graves et al., "Connectionist temporal classification" (2006).  The last class is the blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.dtypes import DType, float16, float32, float64, int64
from graphflow.errors import FailedPreconditionError, InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.infer import require_rank, same_as_input
from graphflow.ops.lowering import View
from graphflow.ops.shape_ops import either, reshape
from graphflow.ops.softmax import log_softmax_of
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.shape import Dims, merge

PREVENT_GRADIENT = define(
    "PreventGradient", "input",
    infer=same_as_input,
    reference=lambda x: x,
    vjp=None,  # an error for whoever asks, not a gradient that is silently incomplete
    lowering=View(),
)  # fmt: skip


def _loss_infer(inputs: Tensor, indices: Tensor, labels: Tensor, lengths: Tensor, **_: Any) -> list[tuple[Dims, DType]]:
    time, batch, classes = require_rank(inputs, 3, "inputs")
    n, _two = merge(require_rank(indices, 2, "the indices of labels"), (None, 2)) or (None, 2)
    merge((n,), require_rank(labels, 1, "the values of labels"))
    rows = merge((batch,), require_rank(lengths, 1, "sequence_length")) or (None,)
    return [(rows, inputs.dtype), ((time, rows[0], classes), inputs.dtype)]


def _sequences(indices: np.ndarray, values: np.ndarray, batch: int, classes: int, collapse: bool) -> list[np.ndarray]:
    """The labels of each example, up to the first blank."""
    blank = classes - 1
    found = []
    for b in range(batch):
        labels = values[indices[:, 0] == b]
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            raise InvalidArgumentError.because(f"the labels {labels.tolist()} of example {b} are not in [0, {blank})")
        ends = np.flatnonzero(labels == blank)
        if ends.size and (labels[ends[0] :] != blank).any():
            raise InvalidArgumentError.because(f"a label of example {b} comes after a blank one: {labels.tolist()}")
        labels = labels[: ends[0]] if ends.size else labels
        if collapse and labels.size:
            labels = labels[np.concatenate([[True], labels[1:] != labels[:-1]])]
        if not labels.size:
            raise InvalidArgumentError.because(f"there are no labels for example {b}")
        found.append(labels)
    return found


def _path_sums(log_y: np.ndarray, stays: np.ndarray, skips: np.ndarray) -> np.ndarray:
    """alpha [time, states]: the log probability of all paths that reach each state at each time.

    log_y [time, states]; a path stays where it is (if the state allows), goes one state on, or skips one.
    """
    alpha = np.full(log_y.shape, -np.inf)
    alpha[0, :2] = log_y[0, :2]
    for t in range(1, len(log_y)):
        before = alpha[t - 1]
        total = np.where(stays, before, -np.inf)
        total[1:] = np.logaddexp(total[1:], before[:-1])
        total[2:] = np.where(skips[2:], np.logaddexp(total[2:], before[:-2]), total[2:])
        alpha[t] = total + log_y[t]
    return alpha


def _one_loss(logs: np.ndarray, labels: np.ndarray, merge_repeated: bool) -> tuple[float, np.ndarray]:
    """The loss of one example and its gradient to the inputs, from log_softmax [time, classes]."""
    blank = logs.shape[1] - 1
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    stays = np.full(states.shape, True) if merge_repeated else states == blank
    same = np.concatenate([[False, False], states[2:] == states[:-2]])
    skips = (states != blank) & ~(same & merge_repeated)
    log_y = logs[:, states]
    alpha = _path_sums(log_y, stays, skips)
    # backwards in time the states stand in opposite order, and a skip belongs to the state that it comes from
    back = np.concatenate([skips[2:], [False, False]])[::-1]
    beta = _path_sums(log_y[::-1, ::-1], stays[::-1], back)[::-1, ::-1]
    total = np.logaddexp.reduce(alpha[-1, -2:])
    if total == -np.inf:
        return np.inf, np.exp(logs)
    visits = np.exp(alpha + beta - log_y - total)
    gradient = np.exp(logs)
    np.subtract.at(gradient.T, states, visits.T)  # a class stands for several states
    return -total, gradient


def _loss(
    inputs: np.ndarray, indices: np.ndarray, values: np.ndarray, lengths: np.ndarray,
    preprocess_collapse_repeated: bool, ctc_merge_repeated: bool, ignore_longer_outputs_than_inputs: bool,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    time, batch, classes = inputs.shape
    if lengths.shape != (batch,) or (lengths > time).any() or (lengths < 0).any():
        raise InvalidArgumentError.because(f"sequence_length {lengths.tolist()} does not go with inputs {inputs.shape}")
    losses, gradient = np.zeros(batch), np.zeros(inputs.shape)
    for b, labels in enumerate(_sequences(indices, values, batch, classes, preprocess_collapse_repeated)):
        repeats = int((labels[1:] == labels[:-1]).sum()) if ctc_merge_repeated else 0
        if len(labels) + repeats > lengths[b]:
            if ignore_longer_outputs_than_inputs:
                continue
            raise InvalidArgumentError.because(
                f"the labels of example {b} take {len(labels) + repeats} steps, and its sequence has {lengths[b]}"
            )
        logs = log_softmax_of(inputs[: lengths[b], b])
        losses[b], gradient[: lengths[b], b] = _one_loss(logs, labels, ctc_merge_repeated)
    return losses, gradient


def _loss_vjp(op: Operation, d_loss: Tensor, _: Tensor) -> Tensor:
    return reshape(d_loss, [1, -1, 1]) * PREVENT_GRADIENT(op.outputs[1])


CTC_LOSS = define(
    "CTCLoss", "inputs labels_indices:int64 labels_values:int32 sequence_length:int32",
    infer=_loss_infer,
    reference=_loss,
    vjp=(_loss_vjp, None, None, None),
    types=(float32, float64),
)  # fmt: skip


def ctc_loss(
    labels: Any, inputs: Any = None, sequence_length: Any = None, preprocess_collapse_repeated: bool = False,
    ctc_merge_repeated: bool = True, ignore_longer_outputs_than_inputs: bool = False, time_major: bool = True,
    logits: Any = None,
) -> Tensor:  # fmt: skip
    """-log of the probability that the outputs spell the labels, over all ways to place these in time.

    labels   SparseTensor, int32, [batch, longest]: row b holds the labels of example b; blank is classes - 1
    preprocess_collapse_repeated        whether repeated labels count once
    ctc_merge_repeated                  whether a class that comes at several steps in a row is one label
    ignore_longer_outputs_than_inputs   loss 0 for labels that do not fit into their sequence, instead of an error
    Shapes:   inputs (`logits`) [time, batch, classes], or [batch, time, classes] without time_major; not normalized
              sequence_length [batch] -> [batch]
    Dtype:    floating, kept.   Gradient: inputs; it has no gradient of its own.
    Raises:   TypeError for labels that are not sparse; InvalidArgumentError when run, for labels that do not fit.
    """
    labels = SparseTensor.from_value(labels)
    x = convert_to_tensor(either(inputs, logits, "inputs", "logits"), name="logits")
    dtype = x.dtype
    if not time_major:
        x = transpose(x, [1, 0, 2])
    loss, _ = CTC_LOSS(
        cast(x, float32) if dtype is float16 else x, labels.indices, labels.values, sequence_length,
        preprocess_collapse_repeated=bool(preprocess_collapse_repeated), ctc_merge_repeated=bool(ctc_merge_repeated),
        ignore_longer_outputs_than_inputs=bool(ignore_longer_outputs_than_inputs),
    )  # fmt: skip
    return cast(loss, dtype)


def _decoder_infer(inputs: Tensor, sequence_length: Tensor, merge_repeated: bool) -> list[tuple[Dims, DType]]:
    _time, batch, _classes = require_rank(inputs, 3, "inputs")
    rows = merge((batch,), require_rank(sequence_length, 1, "sequence_length")) or (None,)
    return [((None, 2), int64), ((None,), int64), ((2,), int64), ((rows[0], 1), inputs.dtype)]


def _decode(inputs: np.ndarray, lengths: np.ndarray, merge_repeated: bool) -> tuple[np.ndarray, ...]:
    time, batch, classes = inputs.shape
    if lengths.shape != (batch,) or (lengths > time).any():
        raise FailedPreconditionError.because(f"sequence_length {lengths.tolist()} does not go with {inputs.shape}")
    best, highest = inputs.argmax(axis=2), inputs.max(axis=2)
    rows = []
    for b, length in enumerate(lengths):
        path = best[:length, b]
        kept = path != classes - 1
        if merge_repeated:
            kept[1:] &= path[1:] != path[:-1]
        rows.append(path[kept])
    scores = [[-highest[:length, b].sum()] for b, length in enumerate(lengths)]
    return *sparse_rows(rows), np.array(scores).reshape(batch, 1)


def sparse_rows(rows: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of labels, of any lengths, as a sparse matrix: (indices, values, shape), int64."""
    places = [(b, i) for b, row in enumerate(rows) for i in range(len(row))]
    values = np.array([label for row in rows for label in row], np.int64)
    return np.array(places, np.int64).reshape(-1, 2), values, np.array([len(rows), max(map(len, rows), default=0)])


CTC_GREEDY_DECODER = define(
    "CTCGreedyDecoder", "inputs sequence_length:int32",
    infer=_decoder_infer,
    reference=_decode,
    vjp=NO_GRADIENT,
    types=(float32, float64),
)  # fmt: skip


def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True
) -> tuple[list[SparseTensor], Tensor]:
    """([labels], score): the likeliest class of each step, without blanks and (merge_repeated) repetitions.

    Shapes: inputs [time, batch, classes], sequence_length [batch] -> labels SparseTensor [batch, longest], [batch, 1]
    Dtype:  labels int64; the score, minus the sum of the largest inputs, is the inputs'.   No gradient.
    """
    indices, values, dense_shape, score = CTC_GREEDY_DECODER(
        inputs, sequence_length, merge_repeated=bool(merge_repeated)
    )
    return [SparseTensor(indices, values, dense_shape)], score
