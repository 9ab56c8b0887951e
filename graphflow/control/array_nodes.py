"""TensorArray nodes of TensorFlow's GraphDefs as nodes of graphflow's ops.

TensorFlow's TensorArray is a resource, which a handle names; a `flow`, a number that nobody reads, says what comes
before what.  Here the flow is the list of the elements itself, and the handle says nothing more.  The array of a
gradient begins empty wherever the gradient asks for it; what is written to it is summed where flows are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from graphflow.control.dataflow import kind_of
from graphflow.control.list_nodes import LENGTHS, with_lengths
from graphflow.control.stacks import stack_kind
from graphflow.dtypes import DType, int32, list_of
from graphflow.errors import GraphError
from graphflow.graph_protos import NodeDef
from graphflow.names import full, node_of
from graphflow.node_attrs import made_node, python_value
from graphflow.shape import Dims

# Where the inputs of graphflow's op stand among those of TensorFlow's; the handle is number 0.
_INPUTS = {
    "TensorArrayReadV3": (2, 1), "TensorArrayWriteV3": (3, 1, 2), "TensorArrayScatterV3": (3, 1, 2),
    "TensorArrayGatherV3": (2, 1), "TensorArraySizeV3": (1,), "TensorArrayConcatV3": (1,),
    "TensorArraySplitV3": (1, 2),
}  # fmt: skip
# What it is in a gradient, where everything that is written counts.
_SUMMED = {"TensorArrayWriteV3": "ListAddItem", "TensorArrayScatterV3": "ListAddItems"}
_ADDS = ("ZerosLike", "Add", "AddV2", "AddN")  # in gradients only
_PASSES = ("Identity", *_ADDS)  # and all that passes on values in branches and loops


@dataclass(frozen=True)
class _Flow:
    """What a flow stands for: a list of this dtype, and whether it is that of a gradient."""

    dtype: DType
    gradient: bool


@dataclass
class _Arrays:
    """The TensorArrays of some nodes.

    flows  the flows among the tensors
    """

    nodes: Sequence[NodeDef]
    named: Mapping[str, NodeDef]
    flows: dict[str, _Flow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._takers = takers = {}  # type: dict[str, list[NodeDef]]
        self._pushes = [node for node in self.nodes if stack_kind(node) == "Push"]
        pushed: dict[str, list[NodeDef]] = {}
        for node in self.nodes:
            for key in node.input:
                takers.setdefault(node_of(key), []).append(node)
            if stack_kind(node) == "Pop":
                pushed.setdefault(self._stack(node), []).append(node)
        waiting = [node for node in self.nodes if node.op.startswith("TensorArray")]
        while waiting:
            node = waiting.pop()
            for key, flow in self._given(node).items():
                if key not in self.flows:
                    self.flows[key] = flow
                    waiting += takers.get(node.name, [])
                    if stack_kind(node) == "Push":
                        waiting += pushed.get(self._stack(node), [])

    def _given(self, node: NodeDef) -> dict[str, _Flow]:
        """The flows that a node gives, by those that are known."""
        if node.op in ("TensorArrayV3", "TensorArrayGradV3"):
            array = self.array(node) if node.op == "TensorArrayGradV3" else node
            if array is None or "dynamic_size" not in array.attr:
                return {}
            return {f"{node.name}:1": _Flow(_dtype(array), node.op == "TensorArrayGradV3")}
        if node.op in ("TensorArrayWriteV3", "TensorArrayScatterV3", "TensorArraySplitV3"):
            array = self.array(node)
            return {} if array is None else {f"{node.name}:0": _Flow(_dtype(array), self.is_gradient(node))}
        inputs = [flow for key in node.input if (flow := self.flows.get(full(key))) is not None]
        if not inputs and stack_kind(node) == "Pop":
            inputs = self._pushed(self._stack(node))
        if not inputs or (node.op not in _PASSES and kind_of(node) is None and stack_kind(node) is None):
            return {}
        flow = _Flow(inputs[0].dtype, node.op in _ADDS or any(f.gradient for f in inputs))
        return {f"{node.name}:{i}": flow for i in range(2 if kind_of(node) == "Switch" else 1)}

    def _pushed(self, stack: str) -> list[_Flow]:
        """The flows that are pushed to a stack."""
        values = [n.input[1] for n in self._pushes if len(n.input) > 1 and self._stack(n) == stack]
        return [flow for key in values if (flow := self.flows.get(full(key))) is not None]

    def _stack(self, node: NodeDef) -> str:
        while node.input and stack_kind(node) != "Make":
            node = self.named.get(node_of(node.input[0]), NodeDef())
        return node.name

    def handle(self, node: NodeDef) -> NodeDef | None:
        """The node that makes the handle which a node takes, also into branches and loops."""
        while node.input:
            key = full(node.input[0])
            node = self.named.get(node_of(key), NodeDef())
            if node.op in ("TensorArrayV3", "TensorArrayGradV3"):
                return node if key.endswith(":0") else None
            if node.op != "Identity" and kind_of(node) not in ("Enter", "Switch"):
                break
        return None

    def array(self, node: NodeDef) -> NodeDef | None:
        """The TensorArrayV3 behind a handle, also of a gradient; None unless it is one of TensorFlow's."""
        found = self.handle(node)
        while found is not None and found.op == "TensorArrayGradV3":
            found = self.handle(found)
        return found if found is not None and "dynamic_size" in found.attr else None

    def is_gradient(self, node: NodeDef) -> bool:
        found = self.handle(node)
        return found is not None and found.op == "TensorArrayGradV3"

    # -- nodes ---------------------------------------------------------------------------------------------------------
    def rewritten(self, node: NodeDef) -> list[NodeDef]:
        """The nodes that take the place of one."""
        node = with_lengths(node, self.named, "TensorArrayConcatV3")
        inputs = [key[:-2] if self._is_begun(key) else key for key in node.input]
        data = [key for key in inputs if not key.startswith("^")]
        waits = inputs[len(data) :]
        if node.op == "TensorArrayV3" and "dynamic_size" in node.attr:
            return [made_node(node.name, node.op, inputs, node.device, {"dtype": _dtype(node)})]
        array = self.array(node) if node.op in _INPUTS or node.op == "TensorArrayGradV3" else None
        if array is not None and node.op == "TensorArrayGradV3":
            return [self._begun(node, array, data, waits)]
        if array is not None and self.is_gradient(node):
            return self._of_gradient(node, array, data, waits)
        if array is not None:
            kept = [data[i] for i in _INPUTS[node.op] if i < len(data)] + waits
            made = [made_node(node.name, node.op, kept, node.device, _attributes(node, array))]
            if node.op == "TensorArrayConcatV3":
                name, attrs = f"{node.name}{LENGTHS}", {"dims": _shape(array)}
                made.append(made_node(name, "ListLengths", kept, node.device, attrs))
            return made
        if f"{node.name}:0" in self.flows and node.op == "ZerosLike":
            dtype = self.flows[f"{node.name}:0"].dtype
            return [made_node(node.name, "ListEmpty", [f"^{node_of(data[0])}", *waits], node.device, {"dtype": dtype})]
        if stack_kind(node) == "Make":
            kept_flows = self._pushed(node.name)
            if kept_flows:
                return [made_node(node.name, node.op, inputs, node.device, {"elem_type": list_of(kept_flows[0].dtype)})]
        if node.op == "Const" and (zero := self._zero_of(node)) is not None:
            return [made_node(node.name, "ListEmpty", waits, node.device, {"dtype": zero})]
        if inputs == list(node.input):
            return [node]
        copied = NodeDef()
        copied.CopyFrom(node)
        copied.input[:] = inputs
        return [copied]

    def _is_begun(self, key: str) -> bool:
        """Whether a tensor is the flow that an array begins with: here the first output of the node."""
        node = self.named.get(node_of(key), NodeDef())
        return key.endswith(":1") and key in self.flows and node.op in ("TensorArrayV3", "TensorArrayGradV3")

    def _begun(self, node: NodeDef, array: NodeDef, data: Sequence[str], waits: Sequence[str]) -> NodeDef:
        """The array of a gradient, where it begins or goes on."""
        flow = self.flows.get(full(node.input[1])) if len(data) > 1 else None
        if flow is not None and flow.gradient:
            return made_node(node.name, "Identity", [data[1], *waits], node.device, {})
        here = [f"^{node_of(data[1])}"] if len(data) > 1 else []
        if array.attr["dynamic_size"].b or not array.input:
            return made_node(node.name, "ListEmpty", [*here, *waits], node.device, {"dtype": _dtype(array)})
        return made_node(node.name, "TensorArrayV3", [array.input[0], *here, *waits], node.device,
                         {"dtype": _dtype(array)})  # fmt: skip

    def _of_gradient(self, node: NodeDef, array: NodeDef, data: Sequence[str], waits: Sequence[str]) -> list[NodeDef]:
        if len(data) <= max(_INPUTS[node.op]):
            raise GraphError(f"node {node.name!r} ({node.op}) has {len(data)} inputs, and needs more")
        kept = [data[i] for i in _INPUTS[node.op]]
        flow = self.flows.get(full(kept[0]))
        if node.op != "TensorArraySplitV3" and (flow is None or not flow.gradient):  # the first use: it begins here
            handle = self.handle(node)
            assert handle is not None
            kept[0] = handle.name
        dims = _shape(array)
        if node.op in _SUMMED:
            return [made_node(node.name, _SUMMED[node.op], [*kept, *waits], node.device, {})]
        if node.op == "TensorArrayReadV3" and dims is not None and None not in dims:
            shape = made_node(f"{node.name}/shape", "Const", [f"^{node_of(k)}" for k in kept], node.device,
                              {"dtype": int32, "value": np.array(dims, np.int32)})  # fmt: skip
            return [shape, made_node(node.name, "ListReadOrZeros", [*kept, shape.name, *waits], node.device, {})]
        split = next((n for n in self.nodes if n.op == "TensorArraySplitV3" and len(n.input) > 2
                      and self.array(n) is array and not self.is_gradient(n)), None)  # fmt: skip
        if node.op == "TensorArrayConcatV3" and split is not None:  # of pieces as long as those were
            shape = made_node(f"{node.name}/shape", "Shape", split.input[1:2], node.device, {"out_type": int32})
            return [shape, made_node(node.name, "ListConcatLike", [*kept, split.input[2], shape.name, *waits],
                                     node.device, {})]  # fmt: skip
        return [made_node(node.name, node.op, [*kept, *waits], node.device, _attributes(node, array))]

    def _zero_of(self, node: NodeDef) -> DType | None:
        """The dtype of the list that a constant begins: one that only meets the flows of gradients."""
        takers, found = list(self._takers.get(node.name, ())), None
        while takers:
            taker = takers.pop()
            flow = self.flows.get(f"{taker.name}:0")
            if kind_of(taker) == "Enter" and flow is None:
                takers += self._takers.get(taker.name, ())
            elif flow is None or not flow.gradient or not (kind_of(taker) == "Merge" or taker.op in _PASSES):
                return None
            else:
                found = flow.dtype
        return found


def with_lists(nodes: Sequence[NodeDef]) -> list[NodeDef]:
    """The nodes, in which each TensorArray is the list that its flow stands for."""
    if not any(node.op == "TensorArrayV3" and "dynamic_size" in node.attr for node in nodes):
        return list(nodes)
    arrays = _Arrays(nodes, {node.name: node for node in nodes})
    return [made for node in nodes for made in arrays.rewritten(node)]


def _dtype(array: NodeDef) -> DType:
    dtype = python_value(array.name, "dtype", array.attr["dtype"])
    if not isinstance(dtype, DType):
        raise GraphError(f"node {array.name!r} ({array.op}): its attribute 'dtype' is no dtype: {dtype!r}")
    return dtype


def _attributes(node: NodeDef, array: NodeDef) -> dict[str, object]:
    """What graphflow's op asks for: whether the array grows, or the shape of its elements."""
    if node.op in ("TensorArrayWriteV3", "TensorArrayScatterV3"):
        return {"grows": array.attr["dynamic_size"].b}
    if node.op in ("TensorArrayReadV3", "TensorArrayGatherV3", "TensorArrayConcatV3"):
        return {"dims": _shape(array)}
    return {}


def _shape(array: NodeDef) -> Dims:
    known = "element_shape" in array.attr
    return python_value(array.name, "element_shape", array.attr["element_shape"]) if known else None
