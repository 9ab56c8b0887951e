"""Switches between TensorFlow's ways of working, of which graphflow has one, and settings that change nothing."""

from __future__ import annotations

from enum import Enum
from typing import Any

# What `tf` has of these.
__all__ = [
    "AggregationMethod", "UnconnectedGradients", "VariableAggregation", "VariableSynchronization",
    "disable_control_flow_v2", "disable_eager_execution", "disable_resource_variables", "disable_tensor_equality",
    "disable_v2_behavior", "disable_v2_tensorshape", "enable_control_flow_v2", "enable_resource_variables",
    "executing_eagerly", "resource_variables_enabled",
]  # fmt: skip


def _nothing(what: str) -> Any:
    def switch() -> None: ...

    switch.__doc__ = f"Nothing changes: {what}."
    return switch


disable_eager_execution = _nothing("graphs are built and sessions run them")
disable_v2_behavior = _nothing("names and rules are those of TensorFlow 1")
disable_control_flow_v2 = _nothing("there is one kind of control flow")
enable_control_flow_v2 = _nothing("there is one kind of control flow")
disable_tensor_equality = _nothing("`==` on tensors is identity")
disable_v2_tensorshape = _nothing("shapes hold Dimension objects")
enable_resource_variables = _nothing("there is one kind of variable")
disable_resource_variables = _nothing("there is one kind of variable")


def resource_variables_enabled() -> bool:
    """False."""
    return False


def executing_eagerly() -> bool:
    """False: graphs are built and sessions run them."""
    return False


class AggregationMethod:
    """How gradients are added up; no effect."""

    ADD_N = DEFAULT = 0
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


class UnconnectedGradients(Enum):
    """What `tf.gradients` gives for an x that no y depends on."""

    NONE = "none"
    ZERO = "zero"


class VariableSynchronization(Enum):
    """When copies of a variable are brought together; no effect."""

    AUTO, NONE, ON_WRITE, ON_READ = range(4)


class VariableAggregation(Enum):
    """How copies of a variable are brought together; no effect."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = range(4)
    ONLY_FIRST_TOWER = 3
