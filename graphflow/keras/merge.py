"""Layers of several inputs, and the functions that call them once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.errors import GraphError
from graphflow.keras.base import Layer
from graphflow.ops import arithmetic
from graphflow.ops.join import concat


class _Merge(Layer):
    function: Callable

    def call(self, inputs: Sequence[Any]) -> Any:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise GraphError(f"{type(self).__name__} takes a list of two or more tensors, not {inputs!r}")
        return functools.reduce(type(self).function, inputs)


class Add(_Merge):
    """The sum of the inputs, which broadcast."""

    function = staticmethod(arithmetic.add)


class Multiply(_Merge):
    """The product of the inputs, which broadcast."""

    function = staticmethod(arithmetic.multiply)


class Maximum(_Merge):
    """The largest of the inputs, element by element."""

    function = staticmethod(arithmetic.maximum)


class Minimum(_Merge):
    """The smallest of the inputs, element by element."""

    function = staticmethod(arithmetic.minimum)


class Average(Add):
    """The mean of the inputs, which broadcast."""

    def call(self, inputs: Sequence[Any]) -> Any:
        return super().call(inputs) / len(inputs)


class Subtract(_Merge):
    """The first of two inputs minus the second."""

    function = staticmethod(arithmetic.subtract)

    def call(self, inputs: Sequence[Any]) -> Any:
        if len(inputs) != 2:
            raise GraphError(f"Subtract takes two tensors, not {len(inputs)}")
        return super().call(inputs)


class Concatenate(Layer):
    """The inputs one after the other along an axis."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Sequence[Any]) -> Any:
        return concat(list(inputs), self.axis)


def _function(layer: type[Layer]) -> Callable[..., Any]:
    def function(inputs: Sequence[Any], **kwargs: Any) -> Any:
        return layer(**kwargs)(inputs)

    function.__name__ = function.__qualname__ = layer.__name__.lower()
    function.__doc__ = layer.__doc__
    return function


add, multiply, maximum, minimum = _function(Add), _function(Multiply), _function(Maximum), _function(Minimum)
average, subtract = _function(Average), _function(Subtract)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """The inputs one after the other along an axis."""
    return Concatenate(axis, **kwargs)(inputs)
