"""Values for variables from elsewhere: from arrays, or from a checkpoint under other names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphflow import logging
from graphflow.contrib.framework.variables import get_unique_variable
from graphflow.default import name_scope
from graphflow.errors import GraphError
from graphflow.operation import Operation
from graphflow.ops.basic import group
from graphflow.ops.placeholder import placeholder
from graphflow.train.checkpoint_utils import load_checkpoint
from graphflow.variables import Variable

Feeds = dict[Any, np.ndarray]


def assign_from_values(var_names_to_values: Mapping[str, Any]) -> tuple[Operation, Feeds]:
    """(an operation that assigns the arrays to the variables of these names, what to feed when it is run)."""
    return _assigned([(get_unique_variable(name), np.asarray(value)) for name, value in var_names_to_values.items()])


def assign_from_values_fn(var_names_to_values: Mapping[str, Any]) -> Callable[[Any], None]:
    """A function of a session that assigns the arrays to the variables of these names."""
    operation, feeds = assign_from_values(var_names_to_values)
    return lambda session: session.run(operation, feeds)


def assign_from_checkpoint(
    model_path: str, var_list: Sequence[Any] | Mapping[str, Any], ignore_missing_vars: bool = False
) -> tuple[Operation, Feeds]:
    """(an operation that assigns the values of a checkpoint to variables, what to feed when it is run).

    var_list              variables, which have their own names in the checkpoint, or {name there: variable}
    ignore_missing_vars   leave out, with a warning, what the checkpoint does not have
    Raises: ValueError for a variable that is missing or has another shape there.
    """
    return _assigned(_found(model_path, var_list, ignore_missing_vars, reshape_variables=False))


def assign_from_checkpoint_fn(
    model_path: str, var_list: Sequence[Any] | Mapping[str, Any], ignore_missing_vars: bool = False,
    reshape_variables: bool = False,
) -> Callable[[Any], None] | None:  # fmt: skip
    """A function of a session that does it, None where nothing is left to assign; arguments as assign_from_checkpoint.

    reshape_variables     values of another shape, but as many elements, are reshaped
    """
    found = _found(model_path, var_list, ignore_missing_vars, reshape_variables)
    if not found:
        logging.warning("No Variables to restore")
        return None
    operation, feeds = _assigned(found)
    return lambda session: session.run(operation, feeds)


def _found(
    model_path: str, var_list: Any, ignore_missing: bool, reshape_variables: bool
) -> list[tuple[Variable, np.ndarray]]:
    reader = load_checkpoint(model_path)
    wanted = var_list if isinstance(var_list, Mapping) else {v.op.name: v for v in var_list}
    found = []
    for name, variable in wanted.items():
        if not reader.has_tensor(name):
            if not ignore_missing:
                raise GraphError(f"the checkpoint {model_path!r} has no variable {name!r}")
            logging.warning("Variable %s missing in checkpoint %s", name, model_path)
            continue
        value = reader.get_tensor(name)
        if reshape_variables:
            value = value.reshape(variable.shape.as_list())
        if not variable.shape.is_compatible_with(value.shape):
            raise GraphError(f"{name!r} has shape {value.shape} in the checkpoint, and the variable {variable.shape}")
        found.append((variable, value))
    return found


def _assigned(found: list[tuple[Variable, np.ndarray]]) -> tuple[Operation, Feeds]:
    assignments, feeds = [], {}
    with name_scope(None, "AssignFrom"):
        for variable, value in found:
            given = placeholder(variable.dtype.base_dtype, value.shape, name=variable.op.name)
            assignments.append(variable.assign(given).op)
            feeds[given] = value
        return group(*assignments), feeds
