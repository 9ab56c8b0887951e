"""arg_scope: default arguments for functions, in force inside a `with` block."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from graphflow.errors import GraphError

Scope = dict[Callable, dict[str, Any]]  # decorated function -> its default arguments


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[Scope] = [{}]


_scopes = _Scopes()


def add_arg_scope(func: Callable) -> Callable:
    """Let `arg_scope` give default arguments to this function (as a decorator)."""

    @functools.wraps(func)
    def scoped(*args: Any, **kwargs: Any) -> Any:
        defaults = _scopes.stack[-1].get(scoped)
        return func(*args, **{**defaults, **kwargs}) if defaults else func(*args, **kwargs)

    scoped._takes_arg_scope = True  # type: ignore[attr-defined]
    return scoped


def has_arg_scope(func: Callable) -> bool:
    """Whether `arg_scope` can give it default arguments."""
    return hasattr(func, "_takes_arg_scope")


def arg_scoped_arguments(func: Callable) -> tuple[str, ...]:
    """The names of the arguments that have defaults, which `arg_scope` can replace."""
    _require(func)
    return tuple(p.name for p in inspect.signature(func).parameters.values() if p.default is not p.empty)


def current_arg_scope() -> Scope:
    """The default arguments in force, by function."""
    return _scopes.stack[-1]


@contextmanager
def arg_scope(list_ops_or_scope: Any, **kwargs: Any) -> Iterator[Scope]:
    """Inside, these arguments are defaults of the functions; gives a scope that can be entered again later.

    list_ops_or_scope   functions made with add_arg_scope; or an earlier scope, which takes no further arguments
    Raises: ValueError for a function that is not decorated, and for a scope with arguments; TypeError for neither.
    """
    if isinstance(list_ops_or_scope, Mapping):
        if kwargs:
            raise GraphError("an arg_scope that is entered again takes no further arguments")
        scope: Scope = dict(list_ops_or_scope)
    elif isinstance(list_ops_or_scope, Sequence):
        scope = dict(_scopes.stack[-1])
        for func in list_ops_or_scope:
            _require(func)
            scope[func] = {**scope.get(func, {}), **kwargs}
    else:
        raise TypeError(f"arg_scope takes a list of functions or an earlier scope, not {list_ops_or_scope!r}")
    _scopes.stack.append(scope)
    try:
        yield scope
    finally:
        _scopes.stack.pop()


def _require(func: Callable) -> None:
    if not has_arg_scope(func):
        raise GraphError(f"{getattr(func, '__name__', func)!r} is not decorated with add_arg_scope")
