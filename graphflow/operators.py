"""The operators of Tensor and Variable, hung on here so that graph.py needs to know no op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.errors import DTypeError
from graphflow.operation import Tensor
from graphflow.ops import arithmetic, compare, division, math
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.linalg import matmul
from graphflow.ops.slicing import getitem, part_of_variable
from graphflow.variables import Variable


def _partner(tensor: Any, value: Any, name: str) -> Any:
    """`value` in the dtype of the tensor it meets, named `x` or `y` in the operator's scope."""
    return value if isinstance(value, Tensor) else convert_to_tensor(value, tensor.dtype, name=name)


def _binary(function: Callable, name: str) -> tuple[Callable, Callable]:
    """The operator with the tensor on the left and on the right; the other side takes the tensor's dtype."""
    reflected = f"__r{name}__"

    def left(self: Any, other: Any) -> Any:
        if type(other) is Tensor or type(other) in (float, int):
            return function(self, other, name=name)
        with self.graph.as_default(), self.graph.name_scope(name) as scope:
            try:
                partner = _partner(self, other, "y")
            except TypeError:
                if hasattr(type(other), reflected):  # what is no tensor may know how to meet one
                    return NotImplemented
                raise
            return function(self, partner, name=scope)

    def right(self: Any, other: Any) -> Any:
        with self.graph.as_default(), self.graph.name_scope(name) as scope:
            return function(_partner(self, other, "x"), self, name=scope)

    return left, right


def _logical(of_bools: Callable) -> Callable:
    def operator(x: Any, y: Any, name: str | None = None) -> Tensor:
        if x.dtype.name != "bool":
            raise DTypeError(f"& | ^ ~ work on bool tensors, and {x!r} has dtype {x.dtype.name}")
        return of_bools(x, y, name=name)

    return operator


_OPERATORS: dict[str, tuple[Callable, str]] = {
    "add": (arithmetic.add, "add"),
    "sub": (arithmetic.subtract, "sub"),
    "mul": (arithmetic.multiply, "mul"),
    "truediv": (division.truediv, "truediv"),
    "div": (division.div, "div"),
    "floordiv": (division.floordiv, "floordiv"),
    "mod": (division.floormod, "mod"),
    "pow": (arithmetic.pow, "pow"),
    "matmul": (matmul, "matmul"),
    "and": (_logical(compare.logical_and), "and"),
    "or": (_logical(compare.logical_or), "or"),
    "xor": (_logical(compare.logical_xor), "xor"),
}

_COMPARISONS: dict[str, tuple[Callable, str]] = {
    "lt": (compare.less, "Less"),
    "le": (compare.less_equal, "LessEqual"),
    "gt": (compare.greater, "Greater"),
    "ge": (compare.greater_equal, "GreaterEqual"),
}


def _hang(cls: Any) -> None:
    for word, (function, name) in _OPERATORS.items():
        left, right = _binary(function, name)
        setattr(cls, f"__{word}__", left)
        setattr(cls, f"__r{word}__", right)
    for word, (function, name) in _COMPARISONS.items():
        setattr(cls, f"__{word}__", _binary(function, name)[0])
    cls.__neg__ = lambda self: math.negative(self)
    cls.__abs__ = lambda self: math.abs(self)
    cls.__invert__ = lambda self: _not(self)
    cls.__getitem__ = lambda self, key: getitem(convert_to_tensor(self), key)


def _not(x: Any) -> Tensor:
    if x.dtype.name != "bool":
        raise DTypeError(f"~ works on bool tensors, and {x!r} has dtype {x.dtype.name}")
    return compare.logical_not(x)


_hang(Tensor)
_hang(Variable)
Variable.__getitem__ = lambda self, key: part_of_variable(getitem(convert_to_tensor(self), key), self._ref)  # type: ignore
