"""Regularizers: penalties on weights, to be added to a loss."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import as_dtype, float32
from graphflow.operation import Tensor
from graphflow.ops.fill import constant
from graphflow.ops.math import abs, square
from graphflow.ops.reduce import reduce_sum


class Regularizer:
    """A function of a weight that gives a scalar."""

    def __call__(self, x: Any) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """A regularizer from what `get_config` gave."""
        return cls(**config)


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x ** 2)."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = float(l1 or 0.0), float(l2 or 0.0)

    def __call__(self, x: Any) -> Tensor:
        terms = [rate * reduce_sum(function(x)) for rate, function in ((self.l1, abs), (self.l2, square)) if rate]
        if not terms:
            return constant(0.0, as_dtype(getattr(x, "dtype", float32)))
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    def get_config(self) -> dict[str, float]:
        """The arguments that `from_config` needs."""
        return {"l1": self.l1, "l2": self.l2}


def l1(l: float = 0.01) -> L1L2:  # noqa: E741
    """l * sum(|x|)."""
    return L1L2(l1=l)


def l2(l: float = 0.01) -> L1L2:  # noqa: E741
    """l * sum(x ** 2)."""
    return L1L2(l2=l)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """l1 * sum(|x|) + l2 * sum(x ** 2)."""
    return L1L2(l1, l2)
