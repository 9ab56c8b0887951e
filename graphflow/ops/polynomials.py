"""Polynomials, and the beta function of several numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.default import name_scope
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import subtract
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.math import lgamma
from graphflow.ops.reduce import reduce_sum


def polyval(coeffs: Sequence[Any], x: Any, name: str | None = None) -> Tensor:
    """coeffs[0] x^(n-1) + ... + coeffs[n-1] by Horner's scheme; 0 without coefficients.   Gradient: coeffs and x.

    Raises: ValueError when coeffs is no list.
    """
    if not isinstance(coeffs, (list, tuple)):
        raise GraphError(f"the coefficients must be a list, not {type(coeffs).__name__}")
    with name_scope(name, "polyval", [*coeffs, x]):
        t = convert_to_tensor(x, name="x")
        if not coeffs:
            return zeros_like(t)
        parts = [convert_to_tensor(c, name=f"coeff{i}") for i, c in enumerate(coeffs)]
        total = parts[0]
        for part in parts[1:]:
            total = part + total * t
        return total


def lbeta(x: Any, name: str | None = None) -> Tensor:
    """log |B(x)|, the sum of lgamma minus lgamma of the sum, over the last axis: [..., n] -> [...].   Gradient: x."""
    with name_scope(name, "lbeta", [x]) as scope:
        t = convert_to_tensor(x, name="x")
        return subtract(reduce_sum(lgamma(t), [-1]), lgamma(reduce_sum(t, [-1])), name=scope)
