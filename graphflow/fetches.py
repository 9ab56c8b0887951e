"""Nests of fetches: taken apart into tensors and operations, and put together again with the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from graphflow.errors import GraphError
from graphflow.graph import Graph
from graphflow.operation import Operation, Tensor
from graphflow.variables import Variable

Restore = Callable[[Sequence[Any]], Any]
_LEAVES = frozenset((Tensor, Operation, Variable, str))


def memo_key(fetches: Any) -> Any:
    """What `flatten` can be remembered under: for a leaf, and for a list or tuple of leaves; None for other nests."""
    kind = type(fetches)
    if kind in _LEAVES:
        return fetches
    return (kind, *fetches) if kind in (list, tuple) and _LEAVES.issuperset(map(type, fetches)) else None


def flatten(graph: Graph, fetches: Any) -> tuple[tuple[Tensor, ...], tuple[Operation, ...], Restore]:
    """(tensors to fetch, operations to run, a function from the tensors' values to the nest of results).

    Lists, tuples, named tuples and dicts keep their structure and type; an operation gives None.
    Raises: TypeError for what cannot be fetched, ValueError for unknown names and tensors of other graphs.
    """
    tensors: dict[Tensor, int] = {}
    operations: dict[Operation, None] = {}
    restore = _taken_apart(graph, fetches, tensors, operations)
    return tuple(tensors), tuple(operations), restore


def _taken_apart(graph: Graph, item: Any, tensors: dict[Tensor, int], operations: dict[Operation, None]) -> Restore:
    if isinstance(item, (list, tuple)):
        parts = [_taken_apart(graph, part, tensors, operations) for part in item]
        kind = type(item)
        if hasattr(kind, "_fields"):
            return lambda values: kind(*[part(values) for part in parts])
        return lambda values: kind([part(values) for part in parts])
    if isinstance(item, Mapping):
        named = {key: _taken_apart(graph, part, tensors, operations) for key, part in item.items()}
        made: Any = type(item)
        return lambda values: made((key, part(values)) for key, part in named.items())
    components = getattr(item, "fetch_components", None)
    if components is not None:  # IndexedSlices and the like: several tensors, one result
        inner, make = components()
        parts = [_taken_apart(graph, part, tensors, operations) for part in inner]
        return lambda values: make(*[part(values) for part in parts])
    element = _element(graph, item)
    if isinstance(element, Operation):
        operations[element] = None
        return lambda values: None
    return itemgetter(tensors.setdefault(element, len(tensors)))


def _element(graph: Graph, item: Any) -> Any:
    if item is None or not (isinstance(item, (str, Tensor, Operation)) or hasattr(item, "_as_graph_element")):
        raise TypeError(f"cannot fetch {item!r} of type {type(item).__name__}: a fetch is a Tensor, an Operation, a "
                        "Variable, a name, or a list, tuple or dict of these")  # fmt: skip
    try:
        element = graph.as_graph_element(item)
    except KeyError as error:
        raise GraphError(f"cannot fetch {item!r}: {error.args[0]}") from None
    if not graph.is_fetchable(element):
        raise GraphError(f"{element!r} may not be fetched")
    return element
