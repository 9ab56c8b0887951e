"""What counts as a tensor, and conversion that leaves slices as they are."""

from __future__ import annotations

from typing import Any

from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.indexed_slices import IndexedSlices


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor, a variable, or made of tensors, as IndexedSlices are."""
    return isinstance(x, Tensor) or hasattr(x, "_as_graph_element") or hasattr(x, "fetch_components")


def convert_to_tensor_or_indexed_slices(value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """IndexedSlices as they are (ValueError for another dtype); anything else as tf.convert_to_tensor."""
    if not isinstance(value, IndexedSlices):
        return convert_to_tensor(value, dtype, name)
    if dtype is not None and value.dtype != dtype:
        raise GraphError(f"slices of dtype {dtype} are needed, and these have {value.dtype.name}")
    return value
