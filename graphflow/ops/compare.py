"""Comparisons and logic: bool out, no gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import FLOATING, NUMERIC, REAL, bool_, string
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import define
from graphflow.ops.infer import broadcasted, compared, predicate
from graphflow.ops.lowering import Elementwise, Lowering


def _of_numbers(expression: str) -> Any:
    def lower(op: Operation) -> Lowering:
        return None if op.inputs[0].dtype is string else Elementwise(expression)

    return lower


_ANY = (*NUMERIC, bool_, string)

EQUAL = define("Equal", "x y", compared, lambda x, y: x == y, _ANY, lowering=_of_numbers("x == y"), commutative=True)
NOT_EQUAL = define("NotEqual", "x y", compared, lambda x, y: x != y, _ANY, lowering=_of_numbers("x != y"),
                   commutative=True)  # fmt: skip
LESS = define("Less", "x y", compared, lambda x, y: x < y, REAL, lowering=Elementwise("x < y"))
LESS_EQUAL = define("LessEqual", "x y", compared, lambda x, y: x <= y, REAL, lowering=Elementwise("x <= y"))
GREATER = define("Greater", "x y", compared, lambda x, y: x > y, REAL, lowering=Elementwise("x > y"))
GREATER_EQUAL = define("GreaterEqual", "x y", compared, lambda x, y: x >= y, REAL, lowering=Elementwise("x >= y"))

LOGICAL_AND = define("LogicalAnd", "x:bool y:bool", broadcasted, np.logical_and, lowering=Elementwise("x and y"),
                     commutative=True)  # fmt: skip
LOGICAL_OR = define("LogicalOr", "x:bool y:bool", broadcasted, np.logical_or, lowering=Elementwise("x or y"),
                    commutative=True)  # fmt: skip
LOGICAL_NOT = define("LogicalNot", "x:bool", predicate, np.logical_not, lowering=Elementwise("not x"))

IS_NAN = define("IsNan", "x", predicate, np.isnan, FLOATING, lowering=Elementwise("x != x"))
IS_INF = define("IsInf", "x", predicate, np.isinf, FLOATING, lowering=Elementwise("abs(x) == inf"))
IS_FINITE = define("IsFinite", "x", predicate, np.isfinite, FLOATING, lowering=Elementwise("x - x == 0"))


def equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x == y for each element, strings too."""
    return EQUAL(x, y, name=name)


def not_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x != y for each element, strings too."""
    return NOT_EQUAL(x, y, name=name)


def less(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x < y for each element."""
    return LESS(x, y, name=name)


def less_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x <= y for each element."""
    return LESS_EQUAL(x, y, name=name)


def greater(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x > y for each element."""
    return GREATER(x, y, name=name)


def greater_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x >= y for each element."""
    return GREATER_EQUAL(x, y, name=name)


def logical_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x and y; bool only."""
    return LOGICAL_AND(x, y, name=name)


def logical_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x or y; bool only."""
    return LOGICAL_OR(x, y, name=name)


def logical_not(x: Any, name: str | None = None) -> Tensor:
    """not x; bool only."""
    return LOGICAL_NOT(x, name=name)


def logical_xor(x: Any, y: Any, name: str | None = "LogicalXor") -> Tensor:
    """Exactly one of x and y; bool only."""
    return LOGICAL_AND(LOGICAL_OR(x, y), LOGICAL_NOT(LOGICAL_AND(x, y)), name=name)


def is_nan(x: Any, name: str | None = None) -> Tensor:
    """Whether an element is NaN."""
    return IS_NAN(x, name=name)


def is_inf(x: Any, name: str | None = None) -> Tensor:
    """Whether an element is infinite."""
    return IS_INF(x, name=name)


def is_finite(x: Any, name: str | None = None) -> Tensor:
    """Whether an element is neither infinite nor NaN."""
    return IS_FINITE(x, name=name)
