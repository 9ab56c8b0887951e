"""The types of lists: what is known of their items in a program whose shapes are known."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import DType, ListType, list_of
from graphflow.errors import DTypeError
from graphflow.operation import Tensor
from graphflow.shape import Dims, compatible, merge, sizes


def kind_of(t: Tensor) -> ListType:
    if not isinstance(t.dtype, ListType):
        raise DTypeError(f"{t!r} is not the flow of a TensorArray")
    return t.dtype


def item_of(list: Tensor, dims: Dims) -> Dims:
    """The shape of an item, of which so much was known when the graph was built."""
    item = kind_of(list).item
    return merge(dims, item) if compatible(dims, item) else dims


def written(list: Tensor, item: Dims) -> ListType:
    """The type of a list when an item of this shape was written to it."""
    kind = kind_of(list)
    if kind.blank and item is not None and None not in item:
        return list_of(kind.element, sizes(item))
    return kind if kind.item is not None and kind.item == item else list_of(kind.element)


def added_type(*lists: Tensor) -> tuple[Dims, DType]:
    kinds = [kind_of(t) for t in lists if not kind_of(t).blank] or [kind_of(lists[0])]
    kind = kinds[0] if all(k is kinds[0] for k in kinds) else list_of(kinds[0].element)
    first = lists[0].dims
    return first if all(t.dims == first for t in lists) else (None,), kind


def joined(a: tuple[Dims, Any], b: tuple[Dims, Any]) -> tuple[Dims, ListType]:
    """The type of what may be a list of either type."""
    (a_dims, a_kind), (b_dims, b_kind) = a, b
    kind = b_kind if a_kind.blank else a_kind if b_kind.blank or a_kind is b_kind else list_of(a_kind.element)
    return a_dims if a_dims == b_dims else (None,), kind
