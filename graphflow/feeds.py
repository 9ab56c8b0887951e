"""Fed values: checked against the tensors they are fed for, and turned into arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphflow.dtypes import string
from graphflow.errors import DTypeError, FeedError, GraphflowError
from graphflow.graph import Graph
from graphflow.nest import flatten
from graphflow.operation import Tensor, created
from graphflow.ops.values import as_array
from graphflow.shape import Dims, compatible, show

_PLAIN = frozenset((np.ndarray, float, int, bool, list, tuple, str, bytes))  # what is certainly no tensor


def fed_tensors(graph: Graph, keys: Mapping[Any, Any]) -> list[tuple[Tensor, Any]]:
    """The tensors that are fed under these keys, in the order of the graph, each with what its key is mapped to.

    Raises: TypeError for a key that is no tensor of the graph.
    """
    fed = {_tensor(graph, key): where for key, where in keys.items()}
    return sorted(fed.items(), key=lambda item: (item[0].op.id, item[0].value_index))


def composite(keys: Iterable[Any]) -> bool:
    """Whether one of the keys stands for several tensors, as a SparseTensor and a tuple of tensors do."""
    return any(isinstance(key, tuple) or hasattr(key, "feed_components") for key in keys)


def spread(feed_dict: Mapping[Any, Any]) -> dict[Any, Any]:
    """The tensors of composite keys, each with its part of the value, instead of these keys.

    A tuple, such as the state of a recurrent cell, is fed with a nest of as many values.

    Raises: TypeError for a value that does not have as many parts, ValueError when it is that of a tuple.
    """
    plain: dict[Any, Any] = {}
    for key, value in feed_dict.items():
        if isinstance(key, tuple):
            leaves, values = flatten(key), flatten(value)
            if len(leaves) != len(values):
                raise FeedError(f"the key {key!r} has {len(leaves)} tensors, its value {len(values)} arrays")
            plain.update(spread(dict(zip(leaves, values, strict=True))))
        elif hasattr(key, "feed_components"):
            tensors = key.feed_components()
            if not isinstance(value, (tuple, list)) or len(value) != len(tensors):
                raise TypeError(f"{key!r} is fed with {len(tensors)} arrays, not with {value!r}")
            plain.update(zip(tensors, value, strict=True))
        else:
            plain[key] = value
    return plain


def _tensor(graph: Graph, key: Any) -> Tensor:
    try:
        tensor = graph.as_graph_element(key, allow_operation=False)
    except (GraphflowError, KeyError, TypeError) as error:
        why = error.args[0] if error.args else error
        raise TypeError(f"cannot use {key!r} as a key of feed_dict: {why}") from None
    if not graph.is_feedable(tensor):
        raise FeedError(f"{tensor!r} may not be fed")
    return tensor


def as_feed(tensor: Tensor, value: Any) -> np.ndarray:
    """The value as a C-ordered array that `tensor` can have.

    Raises: TypeError for a tensor as value; ValueError for a value that does not fit the tensor's shape or dtype.
    """
    if type(value) not in _PLAIN and (isinstance(value, Tensor) or hasattr(value, "_as_graph_element")):
        fed = value if isinstance(value, Tensor) else value._as_graph_element()
        raise DTypeError(
            f"the value fed for {tensor.name!r} is {value!r}: feed numbers, strings, lists or arrays, not tensors",
            hint=f"run the tensor first to get its value: sess.run({fed.name!r})",
        ).note(*created(repr(fed), fed.op.site))
    dtype = tensor.dtype
    try:
        array = as_array(value, dtype) if dtype is string else np.asarray(value, dtype.dtype, "C")
    except OverflowError:
        raise TypeError(f"the value {value!r} fed for {tensor.name!r} does not fit into {dtype.name}") from None
    except (ValueError, TypeError) as error:
        raise _refused(tensor, f"a {type(value).__name__} cannot become {dtype.name}: {error}") from None
    if array.shape != tensor.dims and not compatible(array.shape, tensor.dims):
        shapes = f"the value has shape {show(array.shape)}, the tensor {show(tensor.dims)}"
        raise _refused(tensor, shapes, _reshaping(array, tensor.dims))
    return array


def _refused(tensor: Tensor, why: str, hint: str | None = None) -> FeedError:
    error = FeedError(f"cannot feed {tensor.name!r}: {why}", hint)
    error.note(*created(repr(tensor), tensor.op.site))
    return error


def _reshaping(array: np.ndarray, dims: Dims) -> str | None:
    """How a value of another shape might be meant."""
    if dims is None or len(dims) == array.ndim or dims.count(None) > 1:
        return None
    each = math.prod(d for d in dims if d is not None)
    if array.size != each if None not in dims else not each or array.size % each:
        return None
    return f"it has as many elements as np.reshape(value, {[-1 if d is None else d for d in dims]})"
