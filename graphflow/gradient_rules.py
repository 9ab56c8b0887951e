"""Gradients of the user's: for a function, for an op type, and for the operations made in a block."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.errors import GraphError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import identity
from graphflow.ops.define import NO_GRADIENT, REGISTRY, convert_to_tensor, define
from graphflow.shape import Dims

_registered: dict[str, Callable | None] = {}


class RegisterGradient:
    """Decorator: `function(op, *dys)` is the gradient under this name, for Graph.gradient_override_map.

    The function gives a tensor or None for each input of the operation; alone when there is one input.
    Raises: KeyError when the name has a gradient already; TypeError when it is not text.
    """

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError(f"op_type must be text, not {op_type!r}")
        self._op_type = op_type

    def __call__(self, f: Callable) -> Callable:
        _register(self._op_type, f)
        return f


def NotDifferentiable(op_type: str) -> None:
    """Let gradients end at operations of this name; errors as for RegisterGradient."""
    if not isinstance(op_type, str):
        raise TypeError(f"op_type must be text, not {op_type!r}")
    _register(op_type, None)


NoGradient = no_gradient = NotDifferentiable


def _register(op_type: str, function: Callable | None) -> None:
    if op_type in _registered or op_type in REGISTRY and REGISTRY[op_type].vjp is not None:
        raise KeyError(f"{op_type!r} has a gradient already")
    _registered[op_type] = function


def gradient_of(op: Operation) -> Any:
    """The VJP of an operation: the one that its graph asks for, the one of its record, or one registered for its type.

    Raises: LookupError when the graph asks for a name that has no gradient.
    """
    name = op.graph.overridden.get(op)
    if name is None:
        vjp = op.definition.vjp
        if vjp is not None or op.type not in _registered:
            return vjp
        name = op.type
    elif name in REGISTRY and name not in _registered:
        return REGISTRY[name].vjp
    elif name not in _registered:
        raise LookupError(f"{op!r} should have the gradient {name!r}, and RegisterGradient was not called for it")
    function = _registered[name]
    return NO_GRADIENT if function is None else _listing(function)


def _listing(function: Callable) -> Callable[..., Sequence[Any]]:
    def vjp(op: Operation, *dys: Tensor) -> Sequence[Any]:
        found = function(op, *dys)
        listed = list(found) if isinstance(found, (list, tuple)) else [found]
        if len(listed) != len(op.inputs):
            raise GraphError(f"the gradient of {op!r} gave {len(listed)} values for {len(op.inputs)} inputs")
        return [None if dx is None else convert_to_tensor(dx) for dx in listed]

    return vjp


# -- the gradient of a function --------------------------------------------------------------------------------------
def _first(*tensors: Tensor, results: int, gradient: Callable) -> list[tuple[Dims, Any]]:
    return [(t.dims, t.dtype) for t in tensors[:results]]


def _first_values(*arrays: np.ndarray, results: int, gradient: Callable) -> tuple[np.ndarray, ...]:
    return arrays[:results]


def _asked(op: Operation, *dys: Tensor) -> Sequence[Any]:
    """None for the results, whose own gradients do not count, and the user's gradients for the arguments."""
    found = op.attrs["gradient"](*dys)
    listed = list(found) if isinstance(found, (list, tuple)) else [found]
    results = op.attrs["results"]
    if len(listed) != len(op.inputs) - results:
        raise GraphError(f"the gradient function gave {len(listed)} values for {len(op.inputs) - results} arguments")
    return [None] * results + [None if dx is None else convert_to_tensor(dx) for dx in listed]


CUSTOM_GRADIENT = define("CustomGradient", "*input:any", _first, _first_values, vjp=_asked)


def custom_gradient(f: Callable) -> Callable:
    """Decorator: `f(*tensors)` gives (y, gradient), and `gradient(*dys)` the gradients for the tensors.

    y is a tensor or a list of them.   Raises: ValueError when the number of gradients is not that of the arguments.
    """

    @functools.wraps(f)
    def decorated(*args: Any) -> Any:
        inputs = [identity(convert_to_tensor(x)) for x in args]
        y, gradient = f(*inputs)
        several = isinstance(y, (list, tuple))
        results = [convert_to_tensor(t) for t in (y if several else [y])]
        made = CUSTOM_GRADIENT(*results, *inputs, results=len(results), gradient=gradient)
        return type(y)(made if isinstance(made, list) else [made]) if several else made

    return decorated
