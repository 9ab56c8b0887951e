"""A linear function with its own variables, as cells use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow import initializers
from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.bias import bias_add
from graphflow.ops.join import concat
from graphflow.ops.linalg import matmul
from graphflow.shared_variables import get_variable


def linear(inputs: Sequence[Tensor], size: int, use_bias: bool = True, bias_initializer: Any = None) -> Tensor:
    """inputs side by side @ kernel + bias, with the variables `kernel` and `bias` of the variable scope in force.

    Raises: ValueError when the depth of an input is unknown.
    """
    depth = 0
    for t in inputs:
        if not t.dims or t.dims[-1] is None:
            raise ShapeError(f"a linear function needs inputs of known depth, not {t!r}")
        depth += t.dims[-1]
    joined = inputs[0] if len(inputs) == 1 else concat(inputs, 1)
    product = matmul(joined, get_variable("kernel", [depth, size], joined.dtype))
    if not use_bias:
        return product
    return bias_add(product, get_variable("bias", [size], joined.dtype, bias_initializer or _ZEROS))


_ZEROS = initializers.zeros_initializer()
