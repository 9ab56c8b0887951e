"""How many edits turn one sequence into another."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import DType, float32
from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, define
from graphflow.ops.shape_ops import refuse
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.static import static_dims
from graphflow.shape import Dims


def _sequences(indices: np.ndarray, values: np.ndarray) -> dict[tuple, list]:
    found: dict[tuple, list] = {}
    for place, value in zip(indices[:, :-1].tolist(), values.tolist(), strict=True):
        found.setdefault(tuple(place), []).append(value)
    return found


def _distance(a: list, b: list) -> int:
    """Levenshtein's, a row at a time."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def _distances(
    hypothesis: np.ndarray, guesses: np.ndarray, guess_shape: np.ndarray, truth: np.ndarray, rights: np.ndarray,
    right_shape: np.ndarray, normalize: bool,
) -> np.ndarray:  # fmt: skip
    if guess_shape.size != right_shape.size or guess_shape.size < 2:
        raise refuse(f"the shapes {guess_shape.tolist()} and {right_shape.tolist()} must have one rank, 2 at least")
    out = np.zeros(np.maximum(guess_shape, right_shape)[:-1], np.float32)
    ours, theirs = _sequences(hypothesis, guesses), _sequences(truth, rights)
    for place in {*ours, *theirs}:
        a, b = ours.get(place, []), theirs.get(place, [])
        edits = _distance(a, b)
        out[place] = (edits / len(b) if b else np.inf) if normalize else edits
    return out


def _infer(h: Tensor, hv: Tensor, h_shape: Tensor, t: Tensor, tv: Tensor, t_shape: Tensor, normalize: bool) -> Any:
    ours, theirs = static_dims(h_shape), static_dims(t_shape)
    if ours is None or theirs is None:
        return None, float32
    if len(ours) != len(theirs):
        raise ShapeError(f"hypothesis and truth must have one rank, not {len(ours)} and {len(theirs)}")
    pairs = zip(ours[:-1], theirs[:-1], strict=True)
    dims: Dims = tuple(None if None in pair else max(pair) for pair in pairs)  # type: ignore[type-var]
    made: tuple[Dims, DType] = dims, float32
    return made


EDIT_DISTANCE = define(
    "EditDistance", "hypothesis:int64 guesses guess_shape:int64 truth:int64 rights right_shape:int64",
    infer=_infer,
    reference=_distances,
    vjp=NO_GRADIENT,
)  # fmt: skip


def edit_distance(hypothesis: Any, truth: Any, normalize: bool = True, name: str | None = "edit_distance") -> Tensor:
    """The least number of insertions, deletions and replacements that turn each hypothesis into its truth.

    normalize   divides by the length of the truth; infinite where that is 0 and the hypothesis is not
    Shapes:     two SparseTensors [..., n] -> [...].   Dtype: float32.   No gradient.
    """
    ours, theirs = SparseTensor.from_value(hypothesis), SparseTensor.from_value(truth)
    return EDIT_DISTANCE(*ours.feed_components(), *theirs.feed_components(), normalize=bool(normalize), name=name)
