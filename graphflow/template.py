"""`make_template`: a function whose calls all share one set of variables."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.names import GraphKeys
from graphflow.variable_scope import AUTO_REUSE, VariableScope, variable_scope
from graphflow.variables import Variable


class Template:
    """A function together with the variable scope that its first call made."""

    def __init__(
        self, name: str, function: Callable, create_scope_now: bool = False, unique_name: str | None = None,
        custom_getter: Callable | None = None,
    ) -> None:  # fmt: skip
        self._name, self._unique_name = name, unique_name
        self._function, self._custom_getter = function, custom_getter
        self._scope: VariableScope | None = None
        self._called = False
        if create_scope_now:
            with self._new_scope(auxiliary_name_scope=False) as self._scope:
                pass

    def _new_scope(self, **settings: Any) -> variable_scope:
        return variable_scope(self._unique_name, self._name, custom_getter=self._custom_getter, **settings)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            if self._scope is None:
                self._scope = stack.enter_context(self._new_scope())
            else:
                stack.enter_context(variable_scope(self._scope, reuse=self._called or AUTO_REUSE))
            before = len(get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES))
            result = self._function(*args, **kwargs)
            made = len(get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES)) - before
            if self._called and made:
                raise GraphError(f"template {self._name!r} made {made} new trainable variables after its first call",
                                 hint="use get_variable inside a template, not Variable")  # fmt: skip
            self._called = True
            return result

    @property
    def name(self) -> str:
        return self._name

    @property
    def variable_scope(self) -> VariableScope | None:
        """The scope of the variables; None before the first call."""
        return self._scope

    var_scope = variable_scope

    @property
    def variable_scope_name(self) -> str | None:
        return None if self._scope is None else self._scope.name

    @property
    def variables(self) -> list[Variable]:
        """The global and local variables of the template."""
        return [] if self._scope is None else self._scope.global_variables() + self._scope.local_variables()

    @property
    def trainable_variables(self) -> list[Variable]:
        return [] if self._scope is None else self._scope.trainable_variables()


def make_template(
    name_: str, func_: Callable, create_scope_now_: bool = False, unique_name_: str | None = None,
    custom_getter_: Callable | None = None, **kwargs: Any,
) -> Template:  # fmt: skip
    """A function like `func_`, with `kwargs` filled in, that makes its variables in its first call and reuses them.

    The variables are in the scope `name_`, made unique, or exactly in `unique_name_`.
    Raises: ValueError when a later call makes new trainable variables.
    """
    function = functools.partial(func_, **kwargs) if kwargs else func_
    return Template(name_, function, create_scope_now_, unique_name_, custom_getter_)
