"""The variable scope that every layer of this package opens, and the collections of what it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graphflow.contrib.layers.utils import collect_named_outputs, listed
from graphflow.names import GraphKeys
from graphflow.variable_scope import VariableScope, get_variable_scope, join_names, variable_scope


@contextmanager
def layer_scope(
    scope: Any, default_name: str, inputs: Any, reuse: Any, variables_collections: Any = None, **names: str
) -> Iterator[VariableScope]:
    """Variables made inside are model variables, called by their names in this package: kernel="weights".

    variables_collections   collections for the variables too: a list, or a dict by the variable's name
    """
    own_scope: list[str] = []

    def getter(getter: Callable, name: str, *args: Any, **kwargs: Any) -> Any:
        keys = [*(kwargs.get("collections") or [GraphKeys.GLOBAL_VARIABLES]), GraphKeys.MODEL_VARIABLES]
        outer, _, last = name.rpartition("/")
        if [outer] == own_scope:
            last = names.get(last, last)
            keys += collections_of(variables_collections, last)
        kwargs["collections"] = list(dict.fromkeys(keys))
        return getter(join_names(outer, last), *args, **kwargs)

    with variable_scope(scope, default_name, [inputs], reuse=reuse, custom_getter=getter) as opened:
        own_scope.append(opened.name)
        yield opened


def collections_of(variables_collections: Any, name: str) -> list[Any]:
    """The collections for a variable of this name."""
    if isinstance(variables_collections, dict):
        variables_collections = variables_collections.get(name)
    return listed(variables_collections)


def finished(
    outputs: Any, outputs_collections: Any = None, activation_fn: Callable | None = None,
    normalizer_fn: Callable | None = None, normalizer_params: dict[str, Any] | None = None,
    alias: str | None = None,
) -> Any:  # fmt: skip
    """The outputs after normalizer and activation, also in `outputs_collections`.

    alias   what they are called there; the name of the variable scope when None
    """
    if normalizer_fn is not None:
        outputs = normalizer_fn(outputs, **(normalizer_params or {}))
    if activation_fn is not None:
        outputs = activation_fn(outputs)
    return collect_named_outputs(outputs_collections, get_variable_scope().name if alias is None else alias, outputs)


def pair(value: Any) -> Sequence[int]:
    """(value, value) for an int."""
    return [value, value] if isinstance(value, int) else value
