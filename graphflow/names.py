"""Names: which ones are valid, how repeated ones are told apart, and the keys of the standard collections."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from graphflow.errors import GraphError

_OP_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\-/]*\Z")
_INNER_SCOPE = re.compile(r"[A-Za-z0-9_.\-/]*\Z")


def near(name: str, names: Iterable[str]) -> str:
    """`; did you mean 'a' or 'b'?` for the names that are most like this one; nothing when none is."""
    found = difflib.get_close_matches(name, list(names), 3)
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


class NameTable:
    """The names in use in one graph.  A repeated name gets _1, _2, ...; case does not tell names apart."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def unique(self, name: str, mark: bool = True) -> str:
        """`name`, or `name_N` with the smallest free N; remembered as used when `mark`."""
        used, key = self._used, name.lower()
        n = used.get(key, 0)
        if mark:
            used[key] = n + 1
        if n == 0:
            return name
        candidate = f"{key}_{n}"
        while candidate in used:
            n += 1
            candidate = f"{key}_{n}"
        if mark:
            used[candidate] = 1
        return f"{name}_{n}"


def check_op_name(name: str) -> None:
    """ValueError unless `name` is a full name that an operation can have."""
    if not _OP_NAME.match(name):
        raise GraphError(f"{name!r} is not a valid name: use letters, digits and . _ - /, not starting with _ - or /")


def check_scope_name(name: str, inside: bool) -> None:
    """ValueError unless `name` can be a name scope, at the top or `inside` another."""
    if not (_INNER_SCOPE if inside else _OP_NAME).match(name):
        raise GraphError(f"{name!r} is not a valid scope name: use letters, digits and . _ - /")


def full(name: str) -> str:
    """The name of a tensor, `a:0` for `a`."""
    return name if ":" in name else f"{name}:0"


def node_of(key: str) -> str:
    """The node that an input `a`, `a:1` or `^a` comes from."""
    return key.removeprefix("^").partition(":")[0]


class GraphKeys:
    """Keys of the standard collections; the values are TensorFlow's."""

    GLOBAL_VARIABLES = VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    METRIC_VARIABLES = "metric_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    SUMMARIES = "summaries"
    QUEUE_RUNNERS = "queue_runners"
    TABLE_INITIALIZERS = "table_initializer"
    ASSET_FILEPATHS = "asset_filepaths"
    REGULARIZATION_LOSSES = "regularization_losses"
    CONCATENATED_VARIABLES = "concatenated_variables"
    SAVERS = "savers"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    SAVEABLE_OBJECTS = "saveable_objects"
    RESOURCES = "resources"
    LOCAL_RESOURCES = "local_resources"
    INIT_OP = "init_op"
    LOCAL_INIT_OP = "local_init_op"
    READY_OP = "ready_op"
    READY_FOR_LOCAL_INIT_OP = "ready_for_local_init_op"
    SUMMARY_OP = "summary_op"
    GLOBAL_STEP = "global_step"
    EVAL_STEP = "eval_step"
    TRAIN_OP = "train_op"
    COND_CONTEXT = "cond_context"
    WHILE_CONTEXT = "while_context"
