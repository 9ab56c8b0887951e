"""Operations that no file can hold, written as PyFunc, which calls a function that only the writing process has."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import ListType, string
from graphflow.errors import UnimplementedError
from graphflow.graph_protos import AttrValue, NodeDef
from graphflow.operation import Operation, Tensor


class LostFunction:
    """What a PyFunc calls that was read from a file."""

    def __init__(self, node: str, what: str) -> None:
        self._node, self._what = node, what

    def __call__(self, *values: np.ndarray) -> Any:
        raise UnimplementedError.because(
            f"the node {self._node!r} was read from a file, which cannot hold what it did: {self._what}"
        )

    def __repr__(self) -> str:
        return self._what


def carried(node: NodeDef, op: Operation) -> NodeDef:
    """The node of an operation; a PyFunc where it has an attribute, or passes on a list, that a file cannot hold."""
    lost = [value.placeholder for value in node.attr.values() if value.WhichOneof("value") == "placeholder"]
    lists = [isinstance(t.dtype, ListType) for t in (*op.inputs, *op.outputs)]
    if node.op != op.type or not lost and not any(lists) and not _has_object(op):
        return node
    types = [[_number(t) for t in tensors] for tensors in (op.inputs, op.outputs)]
    what = f"{node.op} with {', '.join(lost) or 'an object of that process'}"
    made = NodeDef(name=node.name, op="PyFunc", input=node.input, device=node.device, attr={
        "Tin": AttrValue(list={"type": types[0]}), "Tout": AttrValue(list={"type": types[1]}),
        "token": AttrValue(s=what.encode()),
    })  # fmt: skip
    made.attr["token"].keep(node)  # this process can make it again
    if "_output_shapes" in node.attr:
        made.attr["_output_shapes"].CopyFrom(node.attr["_output_shapes"])
    return made


def _has_object(op: Operation) -> bool:
    """Whether an operation holds a queue, an iterator or the like, or takes one."""
    record = op.definition
    return record.holds is not None or any(arg.name in ("handle", "iterator") for arg in record.args)


def restored(node: NodeDef) -> NodeDef:
    """What `carried` has been given, in the same process; any other node as it is."""
    kept = node.attr["token"].kept if node.op == "PyFunc" and "token" in node.attr else None
    if kept is None or not isinstance(kept[0], NodeDef):
        return node
    return NodeDef(name=node.name, op=kept[0].op, input=node.input, device=node.device, attr=kept[0].attr)


def _number(t: Tensor) -> int:
    return (string if isinstance(t.dtype, ListType) else t.dtype).as_datatype_enum
