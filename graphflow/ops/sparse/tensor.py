"""SparseTensor: the elements of a tensor that are not zero, and where they stand."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import DType, int64
from graphflow.graph import Graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.infer import require_rank
from graphflow.ops.static import static_dims
from graphflow.shape import TensorShape, merge

SparseTensorValue = namedtuple("SparseTensorValue", "indices values dense_shape")
SparseTensorValue.__doc__ = "What a run gives for a SparseTensor: three arrays."


class SparseTensor:
    """values[i] stands at indices[i] of a tensor of shape dense_shape; everywhere else there is zero.

    Shapes: indices [n, rank], values [n], dense_shape [rank].   Dtype: indices and dense_shape int64.
    Raises: ValueError for other ranks, or when n or the rank differ.
    """

    __slots__ = ("dense_shape", "indices", "values")

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        with name_scope(None, "SparseTensor", [indices, values, dense_shape]):
            self.indices: Tensor = convert_to_tensor(indices, int64, name="indices")
            self.values: Tensor = convert_to_tensor(values, name="values")
            self.dense_shape: Tensor = convert_to_tensor(dense_shape, int64, name="dense_shape")
        n, rank = require_rank(self.indices, 2, "indices")
        merge((n,), require_rank(self.values, 1, "values"))
        merge((rank,), require_rank(self.dense_shape, 1, "dense_shape"))

    @classmethod
    def from_value(cls, value: Any) -> SparseTensor:
        """A SparseTensor of constants; a SparseTensor itself.   Raises: TypeError for other values."""
        if isinstance(value, cls):
            return value
        if isinstance(value, SparseTensorValue):
            return cls(*value)
        raise TypeError(f"neither a SparseTensor nor a SparseTensorValue: {value!r}")

    @property
    def op(self) -> Operation:
        return self.values.op

    @property
    def graph(self) -> Graph:
        return self.values.graph

    @property
    def dtype(self) -> DType:
        return self.values.dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape of the dense tensor."""
        return TensorShape(static_dims(self.dense_shape))

    def get_shape(self) -> TensorShape:
        return self.shape

    def fetch_components(self) -> tuple[list[Tensor], Any]:
        """What a session fetches for it, and how the result is made of the values."""
        return [self.indices, self.values, self.dense_shape], SparseTensorValue

    def __repr__(self) -> str:
        return f"SparseTensor(indices={self.indices!r}, values={self.values!r}, dense_shape={self.dense_shape!r})"
