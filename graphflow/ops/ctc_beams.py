"""Decoding by connectionist temporal classification with a beam search: the likeliest label sequences.

Source: Graves, "Supervised sequence labelling with recurrent neural networks" (2012), section 7.5.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import DType, float32, float64, int64
from graphflow.errors import FailedPreconditionError, GraphError, InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops.ctc import sparse_rows
from graphflow.ops.define import NO_GRADIENT, define
from graphflow.ops.infer import require_rank
from graphflow.ops.softmax import log_softmax_of
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.shape import Dims, merge

_NEVER = (-np.inf, -np.inf, -np.inf)


class _Prefix:
    """A label sequence, by its last label and the sequence before it.

    old, new   log probabilities of the paths that spell it, at the step before and at this one: all of them, those that
               end in a blank, those that end in the label; new is _NEVER when it is in no beam
    """

    __slots__ = ("parent", "label", "after", "old", "new")

    def __init__(self, parent: _Prefix | None, label: int) -> None:
        self.parent, self.label = parent, label
        self.after: dict[int, _Prefix] = {}
        self.old: tuple[float, float, float] = _NEVER
        self.new: tuple[float, float, float] = _NEVER

    def labels(self, merge_repeated: bool) -> list[int]:
        found: list[int] = []
        prefix, last = self, -1
        while prefix.parent is not None:
            if not merge_repeated or prefix.label != last:
                found.append(prefix.label)
            prefix, last = prefix.parent, prefix.label
        return found[::-1]


def _likelihood(prefix: _Prefix) -> float:
    return prefix.new[0]


def _stay(prefix: _Prefix, logs: np.ndarray) -> None:
    """The paths that spell the same after one step more."""
    label = prefix.new[2]
    if prefix.parent is not None:
        if prefix.parent.new[0] > -np.inf:
            label = np.logaddexp(label, prefix.parent.old[1 if prefix.label == prefix.parent.label else 0])
        label += logs[prefix.label]
    blank = prefix.old[0] + logs[-1]
    prefix.new = float(np.logaddexp(blank, label)), blank, label


def _grow(beams: list[_Prefix], logs: np.ndarray, width: int) -> list[_Prefix]:
    """The beams after a step of these log probabilities, the blank's last; the likeliest first."""
    for prefix in beams:
        prefix.old = prefix.new
    for prefix in beams:
        _stay(prefix, logs)
    kept = sorted(beams, key=_likelihood, reverse=True)

    def fits(total: float) -> bool:
        return total > -np.inf and (len(kept) < width or total > kept[-1].new[0])

    for prefix in beams:
        if not fits(prefix.old[0]):
            continue
        for label in range(len(logs) - 1):
            child = prefix.after.setdefault(label, _Prefix(prefix, label))
            if child.new[0] > -np.inf:
                continue
            total = float(logs[label]) + prefix.old[1 if label == prefix.label else 0]
            if not fits(total):
                child.old = child.new = _NEVER
                continue
            if len(kept) == width:
                kept.pop().new = _NEVER
            child.new = total, -np.inf, total
            kept.append(child)
            kept.sort(key=_likelihood, reverse=True)
    return kept


def _decoded(logs: np.ndarray, width: int, top: int, merge_repeated: bool) -> tuple[list[list[int]], list[float]]:
    root = _Prefix(None, -1)
    root.new = 0.0, 0.0, -np.inf
    beams = [root]
    for step in logs:
        beams = _grow(beams, step, width)
    if len(beams) < top:
        raise InvalidArgumentError.because(f"top_paths is {top}, and there are only {len(beams)} sequences")
    return [p.labels(merge_repeated) for p in beams[:top]], [p.new[0] for p in beams[:top]]


def _infer(inputs: Tensor, lengths: Tensor, top_paths: int, **_: Any) -> list[tuple[Dims, DType]]:
    _time, batch, _classes = require_rank(inputs, 3, "inputs")
    rows = merge((batch,), require_rank(lengths, 1, "sequence_length")) or (None,)
    types: list[tuple[Dims, DType]] = [((None, 2), int64)] * top_paths
    types += [((None,), int64)] * top_paths
    types += [((2,), int64)] * top_paths
    return [*types, ((rows[0], top_paths), inputs.dtype)]


def _decode(
    inputs: np.ndarray, lengths: np.ndarray, beam_width: int, top_paths: int, merge_repeated: bool
) -> list[np.ndarray]:
    time, batch, _ = inputs.shape
    if lengths.shape != (batch,) or (lengths > time).any():
        raise FailedPreconditionError.because(f"sequence_length {lengths.tolist()} does not go with {inputs.shape}")
    logs = [log_softmax_of(inputs[:n, b].astype(np.float64)) for b, n in enumerate(lengths.tolist())]
    found = [_decoded(each, beam_width, top_paths, merge_repeated) for each in logs]
    paths = [sparse_rows([labels[path] for labels, _ in found]) for path in range(top_paths)]
    parts = [path[part] for part in range(3) for path in paths]  # all indices, all values, all shapes
    return [*parts, np.array([scores for _, scores in found]).reshape(batch, top_paths)]


CTC_BEAM_SEARCH_DECODER = define(
    "CTCBeamSearchDecoder", "inputs sequence_length:int32",
    infer=_infer,
    reference=_decode,
    vjp=NO_GRADIENT,
    types=(float32, float64),
)  # fmt: skip


def ctc_beam_search_decoder(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1, merge_repeated: bool = True
) -> tuple[list[SparseTensor], Tensor]:
    """([labels] of the likeliest sequences, their log probabilities), by a search that keeps `beam_width` beginnings.

    merge_repeated   whether labels that follow each other in a sequence that was found count once
    Shapes: inputs [time, batch, classes], not normalized, blank last; sequence_length [batch]
            -> for each of top_paths a SparseTensor [batch, longest]; [batch, top_paths]
    Dtype:  labels int64; log probabilities the inputs'.   No gradient.
    Raises: ValueError for top_paths above beam_width; InvalidArgumentError when run, where there are not so many.
    """
    if not 0 < top_paths <= beam_width:
        raise GraphError(f"top_paths must be in [1, beam_width], and is {top_paths} of {beam_width}")
    made = CTC_BEAM_SEARCH_DECODER(
        inputs, sequence_length, beam_width=int(beam_width), top_paths=int(top_paths),
        merge_repeated=bool(merge_repeated),
    )  # fmt: skip
    n = top_paths
    return [SparseTensor(made[i], made[n + i], made[2 * n + i]) for i in range(n)], made[-1]


def ctc_beam_search_decoder_v2(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[SparseTensor], Tensor]:
    """`ctc_beam_search_decoder` that keeps repeated labels."""
    return ctc_beam_search_decoder(inputs, sequence_length, beam_width, top_paths, merge_repeated=False)
