"""The default session of a thread, and what tensors, operations and variables do in it: `eval` and `run`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from graphflow.errors import GraphError
from graphflow.graph import Graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.variables import Variable

if TYPE_CHECKING:
    from graphflow.session import Session


class _Stack(threading.local):
    def __init__(self) -> None:
        self.sessions: list[Session] = []


_stack = _Stack()


@contextmanager
def default_session(session: Session) -> Iterator[Session]:
    """Make this the default session of the thread inside a `with` block."""
    _stack.sessions.append(session)
    try:
        yield session
    finally:
        _stack.sessions.remove(session)


def get_default_session() -> Session | None:
    """The innermost default session of this thread, None without one."""
    return _stack.sessions[-1] if _stack.sessions else None


def _session_for(graph: Graph, session: Session | None, what: str) -> Session:
    chosen = session or get_default_session()
    if chosen is None:
        raise GraphError(f"{what} needs a session: pass one, or use `with tf.Session():`")
    if chosen.graph is not graph:
        raise GraphError(f"{what}: the session's graph is another than the tensor's")
    return chosen


def _eval(
    self: Tensor | SparseTensor, feed_dict: Mapping[Any, Any] | None = None, session: Session | None = None
) -> Any:
    """The value of this tensor in the session, or in the default one."""
    return _session_for(self.graph, session, "eval()").run(self, feed_dict)


def _run(self: Operation, feed_dict: Mapping[Any, Any] | None = None, session: Session | None = None) -> None:
    """Run this operation in the session, or in the default one."""
    _session_for(self.graph, session, "run()").run(self, feed_dict)


def _eval_variable(self: Variable, session: Session | None = None) -> Any:
    """The value of this variable in the session, or in the default one."""
    return _session_for(self.graph, session, "eval()").run(self)


# Hung on here, so that those who define them need to know no session.
Tensor.eval = _eval  # type: ignore[attr-defined]
SparseTensor.eval = _eval  # type: ignore[attr-defined]
Operation.run = _run  # type: ignore[attr-defined]
Variable.eval = _eval_variable  # type: ignore[method-assign]
