"""Beams: the sequences that a beam search has found, from the choices of its steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import DType, int32
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, define
from graphflow.ops.infer import require_rank
from graphflow.shape import Dims, merge


def _tree_infer(step_ids: Tensor, parent_ids: Tensor, lengths: Tensor, end_token: Tensor) -> tuple[Dims, DType]:
    dims = merge(require_rank(step_ids, 3, "step_ids"), require_rank(parent_ids, 3, "parent_ids"))
    merge(dims and dims[1:2], require_rank(lengths, 1, "max_sequence_lengths"))
    require_rank(end_token, 0, "end_token")
    return dims, step_ids.dtype


def _gathered_tree(step_ids: np.ndarray, parents: np.ndarray, lengths: np.ndarray, end: np.ndarray) -> np.ndarray:
    time, batch, width = step_ids.shape
    out = np.full_like(step_ids, end)
    for b in range(batch):
        beams = np.arange(width)
        for t in range(min(time, int(lengths[b])) - 1, -1, -1):
            if ((beams < 0) | (beams >= width)).any():
                raise InvalidArgumentError.because(
                    f"parent_ids of step {t + 1} of example {b} are not in [0, {width}): {beams.tolist()}"
                )
            out[t, b] = step_ids[t, b, beams]
            beams = parents[t, b, beams]
        ended = np.cumsum(out[:, b] == end, 0) > 0
        out[:, b][ended] = end
    return out


GATHER_TREE = define(
    "GatherTree", "step_ids parent_ids max_sequence_lengths end_token",
    infer=_tree_infer,
    reference=_gathered_tree,
    vjp=NO_GRADIENT,
    types=(int32,),
)  # fmt: skip


def gather_tree(
    step_ids: Any, parent_ids: Any, max_sequence_lengths: Any, end_token: Any, name: str | None = None
) -> Tensor:
    """The sequence of every beam, followed back from its last step over its parents.

    step_ids, parent_ids   the id that a beam took at a step, and the beam of the step before that it goes on from
    max_sequence_lengths   of each example: its beams are followed back from there
    end_token              what stands behind the end of a sequence, and behind the first end_token in it
    Shapes: [time, batch, beams] twice, [batch], scalar -> [time, batch, beams].   Dtype: int32.   No gradient.
    Raises: InvalidArgumentError when run, for a parent that is no beam.
    """
    return GATHER_TREE(step_ids, parent_ids, max_sequence_lengths, end_token, name=name)
