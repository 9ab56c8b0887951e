"""Slots: variables that an optimizer keeps beside each variable it trains, named `<variable>/<optimizer>`."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import DType, as_dtype
from graphflow.operation import Tensor
from graphflow.ops.basic import zeros_like
from graphflow.ops.fill import zeros
from graphflow.shape import as_dims, known
from graphflow.variable_scope import get_variable_scope
from graphflow.variables import Variable


def create_slot(primary: Variable, val: Any, name: str, colocate_with_primary: bool = True) -> Variable:
    """A slot with the initial value `val`, a value or a function that gives one."""
    return _slot(primary, val, name, None)


def create_slot_with_initializer(
    primary: Variable, initializer: Any, shape: Any, dtype: Any, name: str, colocate_with_primary: bool = True
) -> Variable:
    """A slot with the initial value `initializer(shape, dtype=dtype)`."""
    dims, wanted = as_dims(shape), as_dtype(dtype)
    sizes = primary.shape if dims is None else list(dims)
    return _slot(primary, lambda: initializer(sizes, dtype=wanted), name, wanted)


def create_zeros_slot(
    primary: Variable | Tensor, name: str, dtype: Any = None, colocate_with_primary: bool = True
) -> Variable:
    """A slot of the variable's shape that starts at 0."""
    wanted = primary.dtype if dtype is None else as_dtype(dtype)
    dims = as_dims(primary.shape)
    if known(dims):
        return _slot(primary, lambda: zeros(dims, wanted), name, wanted)
    value = primary.initialized_value() if isinstance(primary, Variable) else primary
    return _slot(primary, lambda: zeros_like(value, wanted), name, wanted)


def _slot(primary: Variable | Tensor, val: Any, name: str, dtype: DType | None) -> Variable:
    """The name depends on variable scopes only, and is made unique."""
    scope, graph = get_variable_scope().name, primary.graph
    full_name = f"{primary.op.name}/{name}"
    with graph.as_default(), graph.name_scope(None):
        return Variable(
            val, trainable=False, name=f"{scope}/{full_name}" if scope else full_name, dtype=dtype,
            validate_shape=known(as_dims(primary.shape)),
        )  # fmt: skip
