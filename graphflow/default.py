"""The default graph's methods as functions: `tf.name_scope`, `tf.control_dependencies`, collections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from graphflow.errors import GraphError
from graphflow.graph import Graph, get_default_graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import graph_of

# What `tf` has of these.
__all__ = [
    "add_to_collection", "add_to_collections", "colocate_with", "container", "control_dependencies", "device",
    "get_collection", "get_collection_ref", "name_scope", "op_scope",
]  # fmt: skip


@contextmanager
def name_scope(name: str | None, default_name: str | None = None, values: Sequence[Any] | None = None) -> Iterator[str]:
    """Operations inside are called `name/...`; `default_name` serves when name is None.  Gives the scope.

    Raises: ValueError when both names are None and values are given, or the values are of several graphs.
    """
    if name is None and default_name is None and values is not None:
        raise GraphError("name_scope needs a name or a default_name when values are given")
    graph = same_graph(values or ())
    with graph.as_default(), graph.name_scope(default_name if name is None else name) as scope:
        yield scope


def same_graph(values: Sequence[Any]) -> Graph:
    """The graph of the tensors and operations among the values; ValueError when they are of several."""
    graph = graph_of(values)
    for value in values:
        if isinstance(value, (Tensor, Operation)) and value.graph is not graph:
            raise GraphError(f"{value!r} must be from the same graph as the other values")
    return graph


def op_scope(values: Sequence[Any], name: str | None, default_name: str | None = None) -> AbstractContextManager[str]:
    """The older order of name_scope's arguments."""
    return name_scope(name, default_name, values)


def control_dependencies(control_inputs: Sequence[Any] | None) -> AbstractContextManager[None]:
    """Operations made inside wait for these; None starts from nothing."""
    return get_default_graph().control_dependencies(control_inputs)


def device(device_name_or_function: Any) -> AbstractContextManager[None]:
    """Record a device on the operations made inside."""
    return get_default_graph().device(device_name_or_function)


def colocate_with(op: Any, ignore_existing: bool = False) -> AbstractContextManager[None]:
    """Accepted for TensorFlow's sake."""
    return get_default_graph().colocate_with(op, ignore_existing)


def container(container_name: str) -> AbstractContextManager[None]:
    """Accepted for TensorFlow's sake."""
    return get_default_graph().container(container_name)


def add_to_collection(name: Any, value: Any) -> None:
    """Add to a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Add to several collections of the default graph."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list:
    """A copy of a collection of the default graph; `scope` is a regular expression for the start of names."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list:
    """A collection of the default graph itself."""
    return get_default_graph().get_collection_ref(key)
