"""What the optimizers share: calling an update rule with a variable, its slots and the hyperparameters by name."""

from __future__ import annotations

from typing import Any

from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast
from graphflow.ops.define import OpDef
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.variables import Variable


def apply_rule(rule: OpDef, var: Variable, grad: Any, values: dict[str, Any], **attrs: Any) -> Operation:
    """Add the update operation.  `values` holds slots and hyperparameters by the names of the rule's arguments.

    A rule of IndexedSlices takes their values as gradient, and their indices.  Hyperparameters are cast to the
    variable's dtype.
    """
    given = {**values, "var": var}
    if isinstance(grad, IndexedSlices):
        given |= {"grad": grad.values, "delta": grad.values, "indices": grad.indices}
    else:
        given |= {"grad": grad, "delta": grad}
    inputs: list[Tensor] = []
    for i, argument in enumerate(rule.args):
        value = given[argument.name]
        if i in rule.writes:
            inputs.append(value._ref)
        elif argument.name == "indices" or argument.fixed is not None:
            inputs.append(value)
        else:
            inputs.append(cast(value, var.dtype))
    outputs = rule(*inputs, **attrs)
    return outputs[0].op if isinstance(outputs, list) else outputs.op
