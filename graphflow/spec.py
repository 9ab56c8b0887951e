"""`tf.TensorSpec`: shape, dtype and name of a tensor, without the tensor."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import DType, as_dtype, float32
from graphflow.operation import Tensor
from graphflow.shape import TensorShape, as_shape


class TensorSpec:
    """What a tensor looks like."""

    __slots__ = ("shape", "dtype", "name")

    def __init__(self, shape: Any, dtype: Any = float32, name: str | None = None) -> None:
        self.shape: TensorShape = as_shape(shape)
        self.dtype: DType = as_dtype(dtype)
        self.name = name

    @classmethod
    def from_tensor(cls, tensor: Tensor, name: str | None = None) -> TensorSpec:
        """That of a tensor."""
        return cls(tensor.shape, tensor.dtype, name or tensor.op.name)

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        """Whether the dtype is the same and the shapes could be."""
        other = spec_or_tensor
        return self.dtype is other.dtype and self.shape.is_compatible_with(other.shape)

    def __eq__(self, other: object) -> bool:
        mine = (self.shape.dims, self.dtype, self.name)
        return isinstance(other, TensorSpec) and mine == (other.shape.dims, other.dtype, other.name)

    def __hash__(self) -> int:
        return hash((str(self.shape), self.dtype, self.name))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"
