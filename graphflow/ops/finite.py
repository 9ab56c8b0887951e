"""Checks that numbers are finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import control_dependencies, name_scope
from graphflow.dtypes import FLOATING
from graphflow.errors import InvalidArgumentError
from graphflow.graph import get_default_graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import group, identity
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import same_as_input
from graphflow.ops.shape_ops import either


def _checked(x: np.ndarray, message: str) -> np.ndarray:
    if not np.isfinite(x).all():
        kinds = [name for name, found in (("Inf", np.isinf(x)), ("NaN", np.isnan(x))) if found.any()]
        raise InvalidArgumentError.because(f"{message} : the tensor had {' and '.join(kinds)} values")
    return x


def _checked_gradient(op: Operation, dy: Tensor) -> Tensor:
    return CHECK_NUMERICS(dy, message=f"not a number or infinite, in the gradient. {op.attrs['message']}")


# Stateful, so that a check that only others wait for is made too.
CHECK_NUMERICS: OpDef = define(
    "CheckNumerics", "tensor",
    infer=same_as_input,
    reference=_checked,
    vjp=(_checked_gradient,),
    types=FLOATING,
    stateful=True,
)  # fmt: skip


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """The tensor itself.   Gradient: passed on, checked too.

    Raises: InvalidArgumentError with this message when run, if an element is infinite or NaN.
    """
    return CHECK_NUMERICS(tensor, message=str(message), name=name)


def verify_tensor_all_finite(
    t: Any = None, msg: str | None = None, name: str | None = None, x: Any = None, message: str | None = None
) -> Tensor:
    """As check_numerics."""
    given = convert_to_tensor(either(x, t, "x", "t"), name="x")
    text = either(message, msg, "message", "msg")
    with name_scope(name, "VerifyFinite", [given]):
        check = check_numerics(given, text or "")
        with control_dependencies([check]):
            return identity(given, name="control_dependency")


def add_check_numerics_ops() -> Operation:
    """An operation that checks every floating tensor of the default graph that exists now."""
    checks = [
        check_numerics(t, message=t.name)
        for op in get_default_graph().get_operations()
        for t in op.outputs
        if t.dtype in FLOATING and not op.definition.variable
    ]
    return group(*checks)
