"""Functions that TensorFlow 1 keeps inside its modules and that programs take from there all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.default import control_dependencies, name_scope
from graphflow.dtypes import int32
from graphflow.operation import Tensor
from graphflow.ops.basic import identity
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.shape_ops import shape
from graphflow.recurrent.cell import RNNCell
from graphflow.recurrent.linear import linear
from graphflow.shape import TensorShape
from graphflow.shape import as_shape as as_shape
from graphflow.variable_scope import get_variable_scope, variable_scope
from graphflow.variables import Variable

VariableV1 = RefVariable = ResourceVariable = variable = Variable


def is_resource_variable(var: Any) -> bool:
    """False: variables here are as the first TensorFlow's."""
    return False


def with_dependencies(dependencies: Sequence[Any], output_tensor: Any, name: str | None = None) -> Tensor:
    """The tensor, once the operations of `dependencies` have run."""
    with (
        name_scope(name, "control_dependency", [*dependencies, output_tensor]) as scope,
        control_dependencies(dependencies),
    ):
        return identity(convert_to_tensor(output_tensor), name=scope)


def _linear(
    args: Any, output_size: int, bias: bool, bias_initializer: Any = None, kernel_initializer: Any = None
) -> Tensor:
    """The tensors [batch, n] of `args` side by side @ kernel + bias; the variables of these names in the scope."""
    inputs = list(args) if isinstance(args, (list, tuple)) else [args]
    with variable_scope(get_variable_scope(), initializer=kernel_initializer):
        return linear(inputs, output_size, bias, bias_initializer)


def _like_rnncell(cell: Any) -> bool:
    return isinstance(cell, RNNCell) or all(hasattr(cell, a) for a in ("output_size", "state_size", "zero_state"))


def shape_internal(input: Any, name: str | None = None, optimize: bool = True, out_type: Any = int32) -> Tensor:
    """As tf.shape."""
    return shape(input, name, out_type)


def _tensor_shape_tensor_conversion_function(
    s: Any, dtype: Any = None, name: str | None = None, as_ref: Any = False
) -> Tensor:
    """A TensorShape of known sizes as a vector, int32 by default."""
    return convert_to_tensor(s.as_list(), dtype or int32, name or "shape_as_tensor")


def unknown_shape(rank: int | None = None, **kwargs: Any) -> TensorShape:
    """A shape of which nothing but the rank is known."""
    return TensorShape(None if rank is None else [None] * rank)


def remove_undocumented(module_name: str, allowed_exception_list: Any = None, doc_string_modules: Any = None) -> None:
    """Nothing: names of modules stay."""


def executing_eagerly() -> bool:
    """False: programs build graphs."""
    return False


in_eager_mode = executing_eagerly


def in_graph_mode() -> bool:
    """True."""
    return True
