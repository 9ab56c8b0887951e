"""The global step: one variable that counts the steps of training."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import int64
from graphflow.errors import GraphError
from graphflow.graph import Graph, get_default_graph
from graphflow.initializers import zeros_initializer
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.shared_variables import get_variable
from graphflow.variables import Variable


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The step that a session has reached."""
    return int(sess.run(global_step_tensor))


def get_global_step(graph: Graph | None = None) -> Any:
    """The global step of a graph, None when it has none.   Raises: TypeError when what is there cannot be one."""
    graph = graph or get_default_graph()
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        raise GraphError(f"there are {len(found)} global steps: {[v.name for v in found]}")
    if found:
        step = found[0]
    else:
        named = [v for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES) if v.name == "global_step:0"]
        if not named:
            return None
        step = named[0]
    assert_global_step(step)
    return step


def create_global_step(graph: Graph | None = None) -> Variable:
    """A new global step: int64, not trainable, named global_step.   Raises: ValueError when there is one already."""
    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise GraphError("the graph has a global step already")
    with graph.as_default(), graph.name_scope(None):
        return get_variable(
            "global_step", [], int64, zeros_initializer(), trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )  # fmt: skip


def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The global step of a graph, made if it has none."""
    graph = graph or get_default_graph()
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


def assert_global_step(global_step_tensor: Any) -> None:
    """TypeError unless this can count steps: an integer variable or tensor of shape ()."""
    if not isinstance(global_step_tensor, (Variable, Tensor)):
        raise TypeError(f"a global step is a variable, not {global_step_tensor!r}")
    if not global_step_tensor.dtype.is_integer:
        raise TypeError(f"a global step counts with integers, and {global_step_tensor!r} does not")
    if global_step_tensor.shape.ndims not in (None, 0):
        raise TypeError(f"a global step is one number, and {global_step_tensor!r} is not")
