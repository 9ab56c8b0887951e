"""GraphDef: a graph as plain data, and back into a graph, under other names or with other inputs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from graphflow.control.array_nodes import with_lists
from graphflow.control.dataflow import DATAFLOW, Structure, in_order, needs_of
from graphflow.control.flatten import flattened, needs_flattening
from graphflow.control.list_nodes import TENSOR_LISTS, with_list_ops
from graphflow.control.rebuild import Builder
from graphflow.control.stacks import STACK_OPS, Stacks, without_triggers
from graphflow.dtypes import DType, ListType
from graphflow.errors import DTypeError, GraphError
from graphflow.exchange.composed import COMPOSED, compose
from graphflow.exchange.unsaved import restored
from graphflow.exchange.update_order import waits_of_updates
from graphflow.graph import Graph, get_default_graph
from graphflow.graph_protos import GraphDef, NodeDef
from graphflow.names import full, node_of
from graphflow.node_attrs import attr_values, attrs_of, known_as, python_value
from graphflow.operation import Operation, Tensor
from graphflow.ops import gradient_nodes  # noqa: F401  ops that only GraphDefs have
from graphflow.ops.define import REGISTRY, convert_to_tensor
from graphflow.ops.lists import LISTS_ADDED
from graphflow.ops.state import READ
from graphflow.tensor_proto import shape_proto

_INPUT = re.compile(r"(\^[^:^]+|[^:^]+(:\d+)?)\Z")  # `^a`, `a` or `a:1`
_SUMS = ("Add", "AddN", "AddV2")  # also of lists
_PRODUCER = 134  # the version of the format that TensorFlow 1.15 writes


def node_def(op: Operation) -> NodeDef:
    """An operation as data."""
    data = [t.op.name if t.value_index == 0 else t.name for t in op.inputs]
    waits = [f"^{c.name}" for c in op.control_inputs]
    return NodeDef(name=op.name, op=op.type, input=data + waits, device=op.device, attr=attr_values(op))


def as_graph_def(self: Graph, from_version: int | None = None, add_shapes: bool = False) -> GraphDef:
    """The graph as data; only the operations after the first `from_version`, and with static shapes if asked for."""
    ops, first = self.get_operations(), from_version or 0
    order = waits_of_updates(ops)
    if order or needs_flattening(ops):
        nodes = [node for op, node in flattened(ops, order) if op.id >= first]
    else:
        nodes = [node_def(op) for op in ops[first:]]
    if add_shapes:
        for node in nodes:
            _add_shapes(node, self.find(node.name))
    made = GraphDef(versions={"producer": _PRODUCER})
    list.extend(made.node, nodes)
    return made


def _add_shapes(node: NodeDef, op: Operation | None) -> None:
    """The static shapes of the outputs, where the node is the operation itself."""
    if op is not None and (op.type == node.op or node.op in ("Merge", "Exit")):
        shapes = node.attr["_output_shapes"].list
        shapes.SetInParent()
        shapes.shape.extend(shape_proto(t.dims) for t in op.outputs)
        if node.op == "Merge":
            shapes.shape.add()


def import_graph_def(
    graph_def: GraphDef,
    input_map: Mapping[str, Any] | None = None,
    return_elements: Sequence[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Any] | None:
    """Make the operations of a GraphDef in the default graph.

    input_map        {"a:0": tensor}: take these in place of tensors of the GraphDef
    return_elements  names in the GraphDef of operations and tensors; the list of them is returned
    name             the scope of the new operations: "import" when None, the current one for ''
    Nodes may stand in any order.
    Raises: TypeError unless it is a GraphDef; ValueError for names that it does not have, that two nodes have or that
            stand in a circle, and for unknown ops, before anything is made; ValueError for a tensor of another dtype
            than the one it replaces, and for attributes that do not fit.
    """
    if not isinstance(graph_def, GraphDef):
        raise not_a_graph_def(graph_def)
    strange = [f"{n.op} ({n.name})" for n in graph_def.node if not is_known(n.op)]
    if strange:
        raise GraphError(f"graphflow does not have these ops of the GraphDef: {', '.join(strange)}")
    graph = get_default_graph()
    mapped = {full(key): value for key, value in (input_map or {}).items()}
    there = {node.name for node in graph_def.node} | {node_of(key) for node in graph_def.node for key in node.input}
    unknown = [key for key in mapped if key.rpartition(":")[0] not in there]
    if unknown:
        raise GraphError(f"input_map has names that the GraphDef does not have: {', '.join(unknown)}")
    nodes = with_lists(with_list_ops(without_triggers([*map(restored, graph_def.node)])))
    structure = Structure(_in_order(nodes, mapped), mapped)
    for key in return_elements or ():
        if node_of(key) not in structure.nodes:
            raise GraphError(f"the GraphDef has no node {node_of(key)!r}")
        if not structure.is_at_top(key):
            raise GraphError(f"{key!r} exists only inside a branch or a loop of the GraphDef")
    with nullcontext(graph._scope) if name == "" else graph.name_scope(name or "import") as scope:
        tensors = {key: convert_to_tensor(value) for key, value in mapped.items()}
        builder = Builder(structure, partial(_make, scope), structure.top, None, tensors, Stacks(structure))
        builder.build()
    if return_elements is None:
        return None
    return [builder.tensor(key) if ":" in key else builder.operation(key) for key in return_elements]


def is_known(op: str) -> bool:
    """Whether nodes of this op can be imported."""
    if op in COMPOSED or known_as(op) in REGISTRY:
        return True
    return op in DATAFLOW or op in TENSOR_LISTS or op in STACK_OPS or op == "TensorArrayGradV3"


def not_a_graph_def(found: Any) -> TypeError:
    """The error for something else."""
    error = TypeError(f"graph_def must be a GraphDef, not {found!r:.60}")
    if isinstance(found, bytes):
        error.add_note("hint: GraphDef.FromString(data) is what the bytes of a file say")
    return error


def _in_order(nodes: Sequence[NodeDef], mapped: Mapping[str, Any]) -> list[NodeDef]:
    """The nodes, each behind those that it needs; the order that they have, if that is one."""
    named = {node.name: node for node in nodes}
    if len(named) < len(nodes):
        twice = [name for name, times in Counter(node.name for node in nodes).items() if times > 1]
        raise GraphError(f"several nodes of the GraphDef have the name {', '.join(twice)}")
    strange = [f"{key} (of {n.name})" for n in nodes for key in n.input if not _INPUT.match(key)]
    if strange:
        raise GraphError(f"nodes have inputs that are no names of tensors or nodes: {', '.join(strange)}")
    needs = needs_of(nodes, mapped)
    missing = [f"{need} (of {name})" for name, needed in needs.items() for need in needed if need not in named]
    if missing:
        raise GraphError(f"nodes have inputs that the GraphDef does not have: {', '.join(missing)}")
    circle = lambda name: GraphError(f"the inputs of node {name!r} of the GraphDef lead back to it")
    return [named[name] for name in in_order(needs, needs.__getitem__, circle)]


def _make(scope: str, node: NodeDef, data: list[Tensor], waits: list[Operation]) -> Operation:
    graph = get_default_graph()
    name = graph._names.unique(scope + node.name)
    sums = node.op in _SUMS and data and isinstance(data[0].dtype, ListType)
    with graph.device(node.device), graph.control_dependencies(waits):
        if waits:
            data = [_read_now(t) for t in data]
        try:
            if node.op in COMPOSED:
                return _composed(node, data, name)
            op = known_as(node.op)
            if op == "Identity" and _is_variable(data) and (waits or "_reads_now" in node.attr):
                op = "ReadVariable"
            record = LISTS_ADDED if sums else REGISTRY.get(op)
            if record is None:
                raise GraphError(f"node {node.name!r} ({node.op}) works on no TensorArray")
            attrs = {} if sums else attrs_of(node)
            least = sum(not arg.variadic for arg in record.args)
            if len(data) < least or len(data) > least == len(record.args):
                raise GraphError(f"node {node.name!r} ({node.op}) has {len(data)} inputs, and {least} are expected")
            inputs = record.convert(graph, name, data)
            outputs = record.outputs(inputs, attrs, name)
            for dims, dtype in outputs:
                if not isinstance(dtype, DType) or not isinstance(dims, tuple | None):
                    raise TypeError("an attribute that says a dtype or a shape is something else")
        except (DTypeError, TypeError) as error:  # another dtype; attributes or inputs that infer does not take
            problem = re.sub(r"^[\w.<>]+\(\) ", "", str(error))  # without the name of a function of graphflow's
            raise GraphError(f"node {node.name!r} ({node.op}) does not fit: {problem}") from None
        except (AttributeError, LookupError) as error:
            what = f"{len(data)} inputs and the attributes {sorted(node.attr)}"
            raise GraphError(f"node {node.name!r} ({node.op}), with {what}, is not understood: {error}") from None
        return graph.add_operation(record, name, inputs, attrs, outputs)


def _composed(node: NodeDef, data: list[Tensor], name: str) -> Operation:
    try:
        return compose(node.op, _attributes(node), data, name)
    except (KeyError, AttributeError) as error:  # an attribute that is not there; what is no table
        raise GraphError(f"node {node.name!r} ({node.op}) does not fit: {error}") from None


def _attributes(node: NodeDef) -> dict[str, Any]:
    return {key: python_value(node.name, key, value) for key, value in node.attr.items() if not key.startswith("_")}


def _is_variable(data: Sequence[Tensor]) -> bool:
    return len(data) == 1 and data[0].op.definition.variable


def _read_now(t: Tensor) -> Tensor:
    """What a node that waits for others sees of a variable: TensorFlow's Identity of a reference is no copy of it."""
    return READ(t.op.inputs[0]) if t.op.type == "Identity" and _is_variable(t.op.inputs) else t


# Hung on here, so that graph.py needs to know no op.
Graph.as_graph_def = as_graph_def  # type: ignore[attr-defined]
Operation.node_def = property(node_def)  # type: ignore[attr-defined]
