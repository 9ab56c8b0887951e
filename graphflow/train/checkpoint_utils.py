"""Reading checkpoints without a Saver."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphflow.errors import GraphError, ShapeError
from graphflow.graph import get_default_graph
from graphflow.io.checkpoint import CheckpointReader, near, open_checkpoint
from graphflow.names import GraphKeys
from graphflow.ops import state
from graphflow.ops.fill import constant
from graphflow.shape import compatible, show
from graphflow.train.checkpoint_state import latest_checkpoint
from graphflow.variables import Variable


def NewCheckpointReader(filepattern: Any) -> CheckpointReader:
    """A checkpoint: has_tensor, get_tensor, get_variable_to_shape_map and get_variable_to_dtype_map.

    Raises: NotFoundError when there is none under this prefix, DataLossError for a damaged one.
    """
    return open_checkpoint(filepattern)


def load_checkpoint(ckpt_dir_or_file: Any) -> CheckpointReader:
    """The checkpoint under a prefix, or the latest one of a folder.   Raises: ValueError for a folder without one."""
    path = os.fsdecode(ckpt_dir_or_file)
    if os.path.isdir(path):
        latest = latest_checkpoint(path)
        if latest is None:
            raise GraphError(f"there is no checkpoint in {path!r}")
        path = latest
    return open_checkpoint(path)


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """(name, shape) of all variables of a checkpoint, by name."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: Any, name: str) -> np.ndarray:
    """The value of one variable of a checkpoint, by its name with or without `:0`."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


def init_from_checkpoint(ckpt_dir_or_file: Any, assignment_map: Any) -> None:
    """Let the initializers of variables that exist take their values from a checkpoint.

    assignment_map   {name in the checkpoint: variable, or its name}, {"scope/": "scope/"} for all variables below,
                     or pairs of these
    Raises: ValueError for variables that one of the two does not have, and for shapes that differ.
    """
    reader = load_checkpoint(ckpt_dir_or_file)
    shapes = reader.get_variable_to_shape_map()
    pairs = assignment_map.items() if isinstance(assignment_map, Mapping) else assignment_map
    variables = {v.op.name: v for v in get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES)}
    for source, target in pairs:
        for key, variable in _matches(source, target, variables, shapes):
            _initialize(reader, key, variable, shapes)


def _matches(
    source: str, target: Any, variables: Mapping[str, Variable], shapes: Mapping
) -> list[tuple[str, Variable]]:
    if isinstance(target, Variable):
        return [(source, target)]
    if isinstance(target, (list, tuple)):
        raise GraphError(f"partitioned variables are not supported: {target!r}")
    if not target.endswith("/") and target in variables:
        return [(source, variables[target])]
    if not source.endswith("/") or not target.endswith("/"):
        raise GraphError(f"there is no variable {target!r} to initialize{near(target, variables)}")
    scope = "" if target == "/" else target
    below = [(name.removeprefix(scope), v) for name, v in variables.items() if name.startswith(scope)]
    if not below:
        raise GraphError(f"there are no variables in the scope {target!r}{near(target, variables)}")
    start = "" if source == "/" else source
    return [(start + name, v) for name, v in below]


def _initialize(reader: CheckpointReader, key: str, variable: Variable, shapes: Mapping[str, Sequence[int]]) -> None:
    if key not in shapes:
        raise GraphError(f"{key!r}, for the variable {variable.name!r}, is not in the checkpoint{near(key, shapes)}")
    if not compatible(tuple(shapes[key]), variable._ref.dims):
        raise ShapeError(f"the variable {variable.name!r} has shape {variable.shape}, and {key!r} of the checkpoint "
                         f"{show(tuple(shapes[key]))}")  # fmt: skip
    graph = variable.graph
    with graph.as_default(), graph.control_dependencies(None), graph.name_scope("init_from_checkpoint"):
        value = constant(reader.get_tensor(key), variable.dtype, name="value")
        variable.initializer = state.assign(variable, value, name="Assign").op
        variable.initial_value = value
