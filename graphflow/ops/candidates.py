"""Candidate sampling: a few classes drawn to stand for all of them in a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.dtypes import DType, float32, int64
from graphflow.errors import GraphError, InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops import philox
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.infer import require_rank
from graphflow.ops.random import words_for
from graphflow.ops.seeds import seed_attrs
from graphflow.shape import Dims, merge

_LARGEST_DRAW = 2**26  # numbers that are tried before it is given up to find enough different classes


def _infer(true_classes: Tensor, num_true: int, num_sampled: int, **_: Any) -> list[tuple[Dims, DType]]:
    rows = merge((None, num_true), require_rank(true_classes, 2, "true_classes"))
    return [((num_sampled,), int64), (rows, float32), ((num_sampled,), float32)]


def _uniforms(n: int, key: int, draw: int) -> np.ndarray:
    words = words_for(np.array([n]), key, draw)
    return philox.uniform64(words[:, 0], words[:, 1])


def _distinct(classes: Callable[[int], np.ndarray], wanted: int) -> tuple[np.ndarray, int]:
    """The first different classes of an endless sequence, and how many of its elements that took.

    classes   gives the first n elements of the sequence
    """
    n = 2 * wanted + 16
    while True:
        drawn = classes(n)
        first = np.sort(np.unique(drawn, return_index=True)[1])[:wanted]
        if len(first) == wanted:
            return drawn[first], int(first[-1]) + 1 if wanted else 0
        if n > _LARGEST_DRAW:
            raise InvalidArgumentError.because(f"{n} numbers drawn have not {wanted} different classes among them")
        n *= 2


def _sampler(name: str, probability: Callable[[Any, int], Any], draw_from: Callable[[np.ndarray, int], Any]) -> OpDef:
    """The record of a sampler.

    probability   (classes, range_max) -> how likely each class is in one draw
    draw_from     (uniform numbers in [0, 1), range_max) -> classes
    """

    def sample(
        true_classes: np.ndarray, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int, seed2: int,
        key: int, draw: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        def classes(n: int) -> np.ndarray:
            return np.minimum(draw_from(_uniforms(n, key, draw), range_max).astype(np.int64), range_max - 1)

        if unique and num_sampled > range_max:
            raise InvalidArgumentError.because(f"there are no {num_sampled} different classes below {range_max}")
        drawn, tries = _distinct(classes, num_sampled) if unique else (classes(num_sampled), num_sampled)

        def expected(of: np.ndarray) -> np.ndarray:
            p = probability(of.astype(np.float64), range_max)
            return p * num_sampled if tries == num_sampled else -np.expm1(tries * np.log1p(-p))

        return drawn, expected(true_classes), expected(drawn)

    return define(
        name, "true_classes:int64", infer=_infer, reference=sample, vjp=NO_GRADIENT, stateful=True, draws=True
    )


UNIFORM_SAMPLER = _sampler(
    "UniformCandidateSampler",
    probability=lambda k, n: np.full(k.shape, 1 / n),
    draw_from=lambda u, n: u * n,
)

LOG_UNIFORM_SAMPLER = _sampler(
    "LogUniformCandidateSampler",
    probability=lambda k, n: np.log1p(1 / (k + 1)) / np.log1p(n),
    draw_from=lambda u, n: np.expm1(u * np.log1p(n)),
)


def _sampled(
    record: OpDef, true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None,
    name: str | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    if min(num_true, num_sampled, range_max) < 1:
        raise GraphError(f"num_true {num_true}, num_sampled {num_sampled}, range_max {range_max}: all are at least 1")
    drawn, true_expected, sampled_expected = record(
        true_classes, num_true=int(num_true), num_sampled=int(num_sampled), unique=bool(unique),
        range_max=int(range_max), **seed_attrs(seed), name=name,
    )  # fmt: skip
    return drawn, true_expected, sampled_expected


def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None = None,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """(classes drawn, how often each true class is expected among them, how often each of those drawn is).

    unique   whether all classes drawn are different: they are then drawn until num_sampled different ones came
    Shapes:  true_classes [batch, num_true] -> [num_sampled], [batch, num_true], [num_sampled]
    Dtype:   classes int64, expectations float32.   No gradient.
    Raises:  InvalidArgumentError when run, for more unique classes than there are.
    """
    return _sampled(UNIFORM_SAMPLER, true_classes, num_true, num_sampled, unique, range_max, seed, name)


def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None = None,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """As uniform_candidate_sampler, with P(class) = log(1 + 1 / (class + 1)) / log(range_max + 1).

    That is Zipf's law: for words that are numbered from the most frequent one on.
    """
    return _sampled(LOG_UNIFORM_SAMPLER, true_classes, num_true, num_sampled, unique, range_max, seed, name)
