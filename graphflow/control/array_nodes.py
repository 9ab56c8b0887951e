"""TensorArray nodes of TensorFlow's GraphDefs as nodes of graphflow's ops.

TensorFlow's TensorArray is a resource, which a handle names; a `flow`, a number that nobody reads, says what comes
before what.  Here the flow is the list of the elements itself, and the handle says nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphflow.control.dataflow import full, kind_of, node_of
from graphflow.graph_protos import NodeDef
from graphflow.node_attrs import made_node, python_value

# Where the inputs of graphflow's op stand among those of TensorFlow's; the handle is number 0.
_INPUTS = {
    "TensorArrayReadV3": (2, 1), "TensorArrayWriteV3": (3, 1, 2), "TensorArrayScatterV3": (3, 1, 2),
    "TensorArrayGatherV3": (2, 1), "TensorArraySizeV3": (1,), "TensorArrayConcatV3": (1,),
    "TensorArraySplitV3": (1, 2),
}  # fmt: skip


def with_lists(nodes: Sequence[NodeDef]) -> list[NodeDef]:
    """The nodes, in which each TensorArray is the list that its flow stands for."""
    named = {node.name: node for node in nodes}
    arrays = {node.name: node for node in nodes if node.op == "TensorArrayV3" and "dynamic_size" in node.attr}
    if not arrays:
        return list(nodes)
    flows = {f"{name}:1": name for name in arrays}
    return [_with_list(node, named, arrays, flows) for node in nodes]


def _with_list(
    node: NodeDef, named: Mapping[str, NodeDef], arrays: Mapping[str, NodeDef], flows: Mapping[str, str]
) -> NodeDef:
    inputs = [flows.get(key, key) for key in node.input]
    if node.name in arrays:
        dtype = python_value(node.name, "dtype", node.attr["dtype"])
        return made_node(node.name, node.op, inputs, node.device, {"dtype": dtype})
    array = arrays.get(_array(node, named)) if node.op in _INPUTS else None
    if array is not None:
        data = [key for key in inputs if not key.startswith("^")]
        kept = [data[i] for i in _INPUTS[node.op] if i < len(data)] + inputs[len(data) :]
        return made_node(node.name, node.op, kept, node.device, _attributes(node, array))
    if inputs == list(node.input):
        return node
    made = NodeDef()
    made.CopyFrom(node)
    made.input[:] = inputs
    return made


def _array(node: NodeDef, named: Mapping[str, NodeDef]) -> str:
    """The TensorArrayV3 whose handle a node takes, also into branches and loops."""
    while node.input:
        key = full(node.input[0])
        node = named.get(node_of(key), NodeDef())
        if node.op == "TensorArrayV3":
            return node.name if key.endswith(":0") else ""
        if node.op != "Identity" and kind_of(node) not in ("Enter", "Switch"):
            break
    return ""


def _attributes(node: NodeDef, array: NodeDef) -> dict[str, object]:
    """What graphflow's op asks for: whether the array grows, or the shape of its elements."""
    if node.op in ("TensorArrayWriteV3", "TensorArrayScatterV3"):
        return {"grows": array.attr["dynamic_size"].b}
    if node.op in ("TensorArrayReadV3", "TensorArrayGatherV3", "TensorArrayConcatV3"):
        return {"dims": _shape(array)}
    return {}


def _shape(array: NodeDef) -> tuple[int | None, ...] | None:
    known = "element_shape" in array.attr
    return python_value(array.name, "element_shape", array.attr["element_shape"]) if known else None
