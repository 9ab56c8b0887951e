"""The nodes by which TensorFlow saves and restores variables, and what such nodes of a graph restore."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphflow.dtypes import DType, string
from graphflow.errors import GraphError
from graphflow.graph import Graph
from graphflow.graph_protos import AttrValue, NodeDef
from graphflow.io.saving import RESTORE
from graphflow.node_attrs import constant_node
from graphflow.operation import Operation, Tensor
from graphflow.ops.state import ASSIGN
from graphflow.ops.static import static_value


def names_in(scope: str) -> dict[str, str]:
    """The fields of a SaverDef that name nodes."""
    return {
        "filename_tensor_name": f"{scope}/Const:0", "save_tensor_name": f"{scope}/control_dependency:0",
        "restore_op_name": f"{scope}/restore_all",
    }  # fmt: skip


def saving(variables: Mapping[str, str], types: Mapping[str, DType], scope: str) -> list[NodeDef]:
    """The nodes that save and restore variables.

    variables  the name of the operation by the name in the checkpoint
    types      their dtypes, by the same names
    """
    names = np.array(list(variables), object)
    slices = np.full(len(names), b"", object)
    dtypes = AttrValue(list={"type": [types[name].as_datatype_enum for name in variables]})
    texts = AttrValue(type=string.as_datatype_enum)
    nodes = [constant_node(f"{scope}/Const", np.array(b"model", object))]
    for op in ("SaveV2", "RestoreV2"):
        tables = [f"{scope}/{op}/tensor_names", f"{scope}/{op}/shape_and_slices"]
        nodes += [constant_node(tables[0], names), constant_node(tables[1], slices)]
        saved = list(variables.values()) if op == "SaveV2" else []
        nodes.append(NodeDef(name=f"{scope}/{op}", op=op, input=[f"{scope}/Const", *tables, *saved],
                             attr={"dtypes": dtypes}))  # fmt: skip
    saved = [f"{scope}/Const", f"^{scope}/SaveV2"]
    nodes.append(NodeDef(name=f"{scope}/control_dependency", op="Identity", input=saved, attr={"T": texts}))
    assigned = []
    for i, (name, op) in enumerate(variables.items()):
        assigned.append(f"{scope}/Assign_{i}" if i else f"{scope}/Assign")
        attrs = {"T": AttrValue(type=types[name].as_datatype_enum), "validate_shape": AttrValue(b=True),
                 "use_locking": AttrValue(b=True)}  # fmt: skip
        value = f"{scope}/RestoreV2:{i}" if i else f"{scope}/RestoreV2"
        nodes.append(NodeDef(name=assigned[-1], op="Assign", input=[op, value], attr=attrs))
    nodes.append(NodeDef(name=f"{scope}/restore_all", op="NoOp", input=[f"^{name}" for name in assigned]))
    return nodes


def restored_by(graph: Graph, restore_op: str) -> dict[str, Operation]:
    """The variables that an operation of a graph restores, by their names in the checkpoint.

    Raises: ValueError where it assigns anything but what a RestoreV2 has read.
    """
    found: dict[str, Operation] = {}
    first = graph.find(restore_op)
    if first is None:
        raise GraphError(f"the graph does not have {restore_op!r}, which restores the variables of its Saver")
    waiting = [first]
    for op in waiting:
        if op.definition is ASSIGN:
            source = _source(op.inputs[1])
            if source.op.definition is not RESTORE:
                raise GraphError(f"{op.name!r} restores what comes from {source.op.name!r}, not from a checkpoint")
            names = static_value(source.op.inputs[1])
            if names is None or names.size <= source.value_index:
                raise GraphError(f"{source.op.name!r} restores variables whose names are not known")
            found[names.reshape(-1)[source.value_index].decode()] = op.inputs[0].op
        else:
            waiting += op.control_inputs
    return found


def _source(t: Tensor) -> Tensor:
    """What Identities and Reshapes pass on."""
    while t.op.type in ("Identity", "Reshape"):
        t = t.op.inputs[0]
    return t
