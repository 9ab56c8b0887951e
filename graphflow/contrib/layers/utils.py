"""`tf.contrib.layers.utils`: outputs of layers by the names of their scopes, and what is known of shapes and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from graphflow.control.conditional import smart_cond as smart_cond
from graphflow.default import add_to_collections, get_collection
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.static import static_value
from graphflow.shape import TensorShape

_ALIASES: WeakKeyDictionary[Tensor, list[str]] = WeakKeyDictionary()


def listed(keys: Any) -> list[Any]:
    """The keys of collections: one key, several or none."""
    return [keys] if isinstance(keys, str) else list(keys or ())


def collect_named_outputs(collections: Any, alias: str, outputs: Tensor) -> Tensor:
    """The outputs, added to these collections and called `alias` there."""
    keys = listed(collections)
    if keys:
        _ALIASES.setdefault(outputs, []).append(alias.removesuffix("/"))
        add_to_collections(keys, outputs)
    return outputs


def convert_collection_to_dict(collection: Any) -> dict[str, Tensor]:
    """What a collection holds, in order, by the aliases of `collect_named_outputs`, else by the operation's name."""
    tensors = get_collection(collection)
    return {alias: tensor for tensor in tensors for alias in _ALIASES.get(tensor, [tensor.op.name])}


def constant_value(value_or_tensor_or_var: Any, dtype: Any = None) -> Any:
    """The value, if it is known without running; None otherwise."""
    if isinstance(value_or_tensor_or_var, Tensor):
        return static_value(value_or_tensor_or_var)
    return None if hasattr(value_or_tensor_or_var, "op") else value_or_tensor_or_var


def first_dimension(shape: Any, min_rank: int = 1) -> int:
    """The first size; ValueError for a lower rank, or when it is not known."""
    return _dimension(shape, 0, min_rank)


def last_dimension(shape: Any, min_rank: int = 1) -> int:
    """The last size; ValueError for a lower rank, or when it is not known."""
    return _dimension(shape, -1, min_rank)


def _dimension(shape: Any, index: int, min_rank: int) -> int:
    dims = TensorShape(shape).with_rank_at_least(min_rank).dims
    value = None if dims is None else dims[index].value
    if value is None:
        raise ShapeError(f"dimension {index} of the shape {shape} must be known")
    return value


def two_element_tuple(int_or_tuple: int | Sequence[int] | TensorShape) -> tuple[int, int]:
    """(n, n) for n, and two integers as they are."""
    if isinstance(int_or_tuple, int):
        return int_or_tuple, int_or_tuple
    both = tuple(getattr(n, "value", n) for n in int_or_tuple)
    if len(both) != 2 or None in both:
        raise GraphError(f"one or two integers are needed, not {int_or_tuple!r}")
    return int(both[0]), int(both[1])
