"""`tf.saved_model.main_op`: the operation that readies a loaded graph."""

from __future__ import annotations

from graphflow.default import control_dependencies
from graphflow.operation import Operation
from graphflow.ops.basic import group
from graphflow.tables import tables_initializer
from graphflow.variables import global_variables_initializer, local_variables_initializer


def main_op() -> Operation:
    """Initializes variables, local variables and tables."""
    return group(global_variables_initializer(), local_variables_initializer(), tables_initializer())


def main_op_with_restore(restore_op_name: str) -> Operation:
    """main_op, and then the restoring operation of this name."""
    ready = main_op()
    with control_dependencies([ready]):
        return group(ready.graph.get_operation_by_name(restore_op_name))
