"""Making variables with the collections of models, and finding them again by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.contrib.framework.arguments import add_arg_scope
from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.names import GraphKeys
from graphflow.shared_variables import get_variable
from graphflow.variable_scope import VariableScope
from graphflow.variables import Variable


@add_arg_scope
def variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Callable | None = None,
    trainable: bool = True, collections: Sequence[Any] | None = None, caching_device: Any = None, device: Any = None,
    partitioner: Any = None, custom_getter: Callable | None = None, use_resource: bool | None = None,
    synchronization: Any = None, aggregation: Any = None,
) -> Any:  # fmt: skip
    """tf.get_variable, whose defaults arg_scope can change."""
    with get_default_graph().device(device):
        return get_variable(name, shape, dtype, initializer, regularizer, trainable, collections,
                            custom_getter=custom_getter)  # fmt: skip


@add_arg_scope
def model_variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Callable | None = None,
    trainable: bool = True, collections: Sequence[Any] | None = None, caching_device: Any = None, device: Any = None,
    partitioner: Any = None, custom_getter: Callable | None = None, use_resource: bool | None = None,
    synchronization: Any = None, aggregation: Any = None,
) -> Any:  # fmt: skip
    """As `variable`, also in MODEL_VARIABLES."""
    keys = [*(collections or ()), GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES]
    return variable(name, shape, dtype, initializer, regularizer, trainable, keys, device=device,
                    custom_getter=custom_getter)  # fmt: skip


def local_variable(
    initial_value: Any, validate_shape: bool = True, name: str | None = None, use_resource: bool | None = None
) -> Variable:
    """A variable in LOCAL_VARIABLES, not trainable."""
    return Variable(
        initial_value, trainable=False, collections=[GraphKeys.LOCAL_VARIABLES], validate_shape=validate_shape,
        name=name,
    )  # fmt: skip


def add_model_variable(var: Any) -> None:
    """Put a variable into MODEL_VARIABLES, once."""
    found = get_default_graph().get_collection_ref(GraphKeys.MODEL_VARIABLES)
    if var not in found:
        found.append(var)


# -- finding them ------------------------------------------------------------------------------------------------------
def get_variables(
    scope: str | VariableScope | None = None, suffix: str | None = None, collection: Any = GraphKeys.GLOBAL_VARIABLES
) -> list[Any]:
    """The variables of a collection whose names start with `scope` (a regular expression) and end in `suffix`."""
    start = scope.name if isinstance(scope, VariableScope) else scope
    if suffix is not None:
        start = f"{start or ''}.*{suffix if ':' in suffix else suffix + ':'}"
    return get_default_graph().get_collection(collection, start)


def get_model_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """`get_variables` of MODEL_VARIABLES."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_local_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """`get_variables` of LOCAL_VARIABLES."""
    return get_variables(scope, suffix, GraphKeys.LOCAL_VARIABLES)


def get_trainable_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """`get_variables` of TRAINABLE_VARIABLES."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


def get_variables_by_suffix(suffix: str, scope: Any = None) -> list[Any]:
    """The variables whose names end in `suffix`."""
    return get_variables(scope, suffix)


def get_variables_by_name(given_name: str, scope: Any = None) -> list[Any]:
    """The variables of this name, in whatever scope."""
    return get_variables(scope, f"/{given_name}:|^{given_name}:")


def get_unique_variable(var_op_name: str) -> Any:
    """The variable of exactly this full name.   Raises: ValueError when there is none."""
    for found in get_variables(re.escape(var_op_name)):
        if found.op.name == var_op_name:
            return found
    raise GraphError(f"there is no variable {var_op_name!r}")


def get_variables_to_restore(include: Sequence[str] | None = None, exclude: Sequence[str] | None = None) -> list[Any]:
    """The global variables, or those in the scopes `include`, without those in the scopes `exclude`."""
    for scopes in (include, exclude):
        if scopes is not None and (isinstance(scopes, str) or not isinstance(scopes, Sequence)):
            raise TypeError(f"include and exclude are lists of scopes, not {scopes!r}")
    wanted = get_variables() if include is None else [v for scope in include for v in get_variables(scope)]
    unwanted = {v for scope in exclude or () for v in get_variables(scope)}
    return [v for v in dict.fromkeys(wanted) if v not in unwanted]


def get_variable_full_name(var: Any) -> str:
    """The name without `:0`."""
    return var.op.name


def filter_variables(
    var_list: Sequence[Any], include_patterns: Sequence[str] | None = None,
    exclude_patterns: Sequence[str] | None = None, reg_search: bool = True,
) -> list[Any]:  # fmt: skip
    """Those whose names match one of the included regular expressions (None: any) and none of the excluded ones.

    reg_search      False: the expressions must match from the start
    """
    match = re.search if reg_search else re.match
    kept = [v for v in var_list
            if include_patterns is None or any(match(p, v.op.name) for p in include_patterns)]  # fmt: skip
    return [v for v in kept if not any(match(p, v.op.name) for p in exclude_patterns or ())]
