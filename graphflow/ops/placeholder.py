"""Tensors whose values come from outside."""

from __future__ import annotations

from typing import Any

from graphflow import dtypes
from graphflow.dtypes import DType
from graphflow.operation import Tensor
from graphflow.ops.define import PASS_GRADIENT, convert_to_tensor, define
from graphflow.ops.lowering import View
from graphflow.shape import Dims, as_dims, merge


def _with_default(input: Tensor, shape: Dims) -> tuple[Dims, DType]:
    merge(input.dims, shape)
    return shape, input.dtype


PLACEHOLDER = define("Placeholder", "", infer=lambda dtype, shape: (shape, dtype), reference=None, stateful=True)

PLACEHOLDER_WITH_DEFAULT = define(
    "PlaceholderWithDefault", "input",
    infer=_with_default,
    reference=lambda input, shape: input,
    vjp=PASS_GRADIENT,
    lowering=View(),
    static=lambda op: None,  # a run may feed something else
)  # fmt: skip


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor that every run must be fed.   Shapes: unknown sizes as None; shape None leaves the rank open."""
    return PLACEHOLDER(name=name, dtype=dtypes.as_dtype(dtype), shape=as_dims(shape))


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor that a run may feed; otherwise it has the value of `input`."""
    return PLACEHOLDER_WITH_DEFAULT(convert_to_tensor(input, name="input"), name=name, shape=as_dims(shape))
