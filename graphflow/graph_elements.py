"""What stands for a tensor or an operation of a graph: its name, itself, or what holds one, such as a variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphflow.errors import GraphError
from graphflow.names import near
from graphflow.operation import Operation, Tensor, created

if TYPE_CHECKING:
    from graphflow.graph import Graph


def element(graph: Graph, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
    """The Tensor or Operation of the graph that `obj` stands for.

    Raises: KeyError for a name that is not in the graph; ValueError for one of the kind that is not allowed, and for
            what is of another graph; TypeError for anything else.
    """
    convert = getattr(obj, "_as_graph_element", None)
    if convert is not None:
        obj = convert()
    if isinstance(obj, str):
        return _named(graph, obj, allow_tensor, allow_operation)
    if isinstance(obj, (Tensor, Operation)):
        allowed = allow_tensor if isinstance(obj, Tensor) else allow_operation
        if not allowed:
            raise TypeError(f"{obj!r} is not allowed here")
        if obj.graph is not graph:
            site = (obj.op if isinstance(obj, Tensor) else obj).site
            raise GraphError(
                f"{obj!r} belongs to another graph",
                hint="a session has one graph, tf.Session(graph=...), and so has `with graph.as_default():`",
            ).note(*created(repr(obj), site))
        return obj
    raise TypeError(f"cannot convert a {type(obj).__name__} into a Tensor or Operation: {obj!r}")


def text(name: Any) -> str:
    """The name; TypeError for anything but text."""
    if not isinstance(name, str):
        raise TypeError(f"a name must be a string, not {type(name).__name__}")
    return name


def _named(graph: Graph, name: str, allow_tensor: bool, allow_operation: bool) -> Any:
    op_name, colon, index = name.rpartition(":")
    if colon and allow_tensor:
        if not index.isdigit():
            raise GraphError(f"{name!r} is not a tensor's name: the part after the colon must be a number")
        op = graph.find(op_name)
        if op is None:
            raise KeyError(
                f"the name {name!r} refers to a tensor of an operation that is not in the graph{_near(op_name, graph)}"
            )
        if int(index) >= len(op.outputs):
            raise KeyError(f"the name {name!r} refers to an output that {op!r} does not have")
        return op.outputs[int(index)]
    if colon:
        raise GraphError(f"{name!r} is the name of a tensor, not of an operation")
    op = graph.find(name)
    if op is not None and allow_operation:
        return op
    if op is not None or not allow_operation:
        raise GraphError(f"{name!r} is not a tensor's name: tensors are called <operation>:<output index>")
    raise KeyError(f"the name {name!r} refers to an operation that is not in the graph{_near(name, graph)}")


def _near(name: str, graph: Graph) -> str:
    return near(name, [op.name for op in graph.get_operations()])
