"""TensorList nodes of TensorFlow's GraphDefs as nodes of graphflow's ops on lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.dtypes import DType, as_dtype, int32, list_of
from graphflow.errors import GraphError
from graphflow.graph_protos import NodeDef
from graphflow.names import NameTable, full, node_of
from graphflow.node_attrs import made_node, python_value
from graphflow.shape import Dims

LENGTHS = "/lengths"  # what such a node adds to the name
# How many inputs each has, at least and at most.
TENSOR_LISTS = {
    "EmptyTensorList": (0, 2), "TensorListReserve": (2, 2), "TensorListFromTensor": (1, 2),
    "TensorListPushBack": (2, 2), "TensorListGetItem": (2, 3), "TensorListSetItem": (3, 3), "TensorListLength": (1, 1),
    "TensorListResize": (2, 2), "TensorListStack": (1, 2), "TensorListGather": (2, 3),
    "TensorListScatterIntoExistingList": (3, 3), "TensorListConcatV2": (3, 3), "TensorListSplit": (3, 3),
}  # fmt: skip


def with_list_ops(nodes: Sequence[NodeDef]) -> list[NodeDef]:
    """The nodes, in which each op on TensorLists is one of graphflow's."""
    if not any(node.op in TENSOR_LISTS for node in nodes):
        return list(nodes)
    found = _Rewriter({node.name: node for node in nodes})
    for node in nodes:
        if node.op in TENSOR_LISTS:
            found.rewrite(node)
        else:
            found.made.append(with_lengths(node, found.named, "TensorListConcatV2"))
    return found.made


def with_lengths(node: NodeDef, named: Mapping[str, NodeDef], op: str) -> NodeDef:
    """The node, where it takes the lengths of what an op joins: its second output, here a node of its own."""
    taken = [
        i for i, key in enumerate(node.input)
        if key.endswith(":1") and (source := named.get(node_of(key))) is not None and source.op == op
    ]  # fmt: skip
    if not taken:
        return node
    made = NodeDef()
    made.CopyFrom(node)
    for i in taken:
        made.input[i] = f"{node_of(node.input[i])}{LENGTHS}"
    return made


@dataclass
class _Rewriter:
    """Writes nodes for others."""

    named: Mapping[str, NodeDef]
    made: list[NodeDef] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = NameTable()
        for name in self.named:
            self._names.unique(name)

    def rewrite(self, node: NodeDef) -> None:
        data = [key for key in node.input if not key.startswith("^")]
        least, most = TENSOR_LISTS[node.op]
        if not least <= len(data) <= most:
            raise GraphError(f"node {node.name!r} ({node.op}) has {len(data)} inputs, and {most} are expected")
        getattr(self, f"_{node.op}")(node, *data)

    def _put(self, node: NodeDef, op: str, inputs: Iterable[str], name: str = "", **attrs: Any) -> None:
        """The node that takes its place."""
        waits = [key for key in node.input if key.startswith("^")]
        self.made.append(made_node(name or node.name, op, [*inputs, *waits], node.device, attrs))

    def _more(self, node: NodeDef, op: str, inputs: Iterable[str], **attrs: Any) -> str:
        """A further node that this one needs."""
        name = self._names.unique(f"{node.name}/{op}")
        waits = [key for key in node.input if key.startswith("^")]
        self.made.append(made_node(name, op, [*inputs, *waits], node.device, attrs))
        return name

    # -- what is known -------------------------------------------------------------------------------------------------
    def _dims(self, key: str) -> tuple[bool, Dims]:
        """(whether a shape is a constant, which)."""
        node = self._behind(key)
        if node.op != "Const":
            return False, None
        value = np.asarray(python_value(node.name, "value", node.attr["value"]))
        if value.ndim != 1:
            return True, None
        return True, tuple(None if d < 0 else d for d in value.tolist())

    def _behind(self, key: str) -> NodeDef:
        node = self.named.get(node_of(key), NodeDef())
        while node.op in ("Identity", "Enter", "Switch") and node.input:
            node = self.named.get(node_of(node.input[0]), NodeDef())
        return node

    def _grown(self, key: str, index: str) -> str | None:
        """The list before it was made longer for this index."""
        resize = self.named.get(node_of(key), NodeDef())
        if resize.op != "TensorListResize":
            return None
        longer = self.named.get(node_of(resize.input[1]), NodeDef())
        if longer.op != "Maximum" or len(longer.input) < 2:
            return None
        length, wanted = (self.named.get(node_of(k), NodeDef()) for k in longer.input[:2])
        same = length.op == "TensorListLength" and full(length.input[0]) == full(resize.input[0])
        return resize.input[0] if same and wanted.op == "AddV2" and full(wanted.input[0]) == full(index) else None

    # -- the ops -------------------------------------------------------------------------------------------------------
    def _EmptyTensorList(self, node: NodeDef, *data: str) -> None:
        here = [f"^{node_of(key)}" for key in data]  # in the branch or loop where these are
        self._put(node, "ListEmpty", here, dtype=_item_type(node))

    def _TensorListReserve(self, node: NodeDef, _: str, size: str, *__: str) -> None:
        self._put(node, "TensorArrayV3", [size], dtype=_item_type(node))

    def _TensorListFromTensor(self, node: NodeDef, value: str, *_: str) -> None:
        self._put(node, "TensorArrayUnstackV3", [value])

    def _TensorListPushBack(self, node: NodeDef, list: str, item: str) -> None:
        size = self._more(node, "TensorArraySizeV3", [list])
        self._put(node, "TensorArrayWriteV3", [list, size, item], grows=True)

    def _TensorListGetItem(self, node: NodeDef, list: str, index: str, shape: str = "") -> None:
        known, dims = self._dims(shape)
        if known:
            self._put(node, "TensorArrayReadV3", [list, index], dims=dims)
        else:
            self._put(node, "ListReadOrZeros", [self._grown(list, index) or list, index, shape])

    def _TensorListSetItem(self, node: NodeDef, list: str, index: str, item: str) -> None:
        before = self._grown(list, index)
        self._put(node, "TensorArrayWriteV3", [before or list, index, item], grows=before is not None)

    def _TensorListLength(self, node: NodeDef, list: str) -> None:
        self._put(node, "TensorArraySizeV3", [list])

    def _TensorListResize(self, node: NodeDef, list: str, size: str) -> None:
        self._put(node, "ListResize", [list, size])

    def _TensorListStack(self, node: NodeDef, list: str, shape: str = "") -> None:
        known, dims = self._dims(shape)
        if known:
            self._put(node, "TensorArrayStackV3", [list], dims=dims)
        else:
            size = self._more(node, "TensorArraySizeV3", [list])
            self._put(node, "ListStackLike", [list, self._with_first(node, size, shape)])

    def _TensorListGather(self, node: NodeDef, list: str, indices: str, shape: str = "") -> None:
        known, dims = self._dims(shape)
        if known:
            self._put(node, "TensorArrayGatherV3", [list, indices], dims=dims)
        else:
            size = self._more(node, "Size", [indices], out_type=int32)
            self._put(node, "ListGatherLike", [list, indices, self._with_first(node, size, shape)])

    def _TensorListScatterIntoExistingList(self, node: NodeDef, list: str, value: str, indices: str) -> None:
        self._put(node, "TensorArrayScatterV3", [list, indices, value], grows=False)

    def _TensorListConcatV2(self, node: NodeDef, list: str, shape: str, lengths: str) -> None:
        known, dims = self._dims(lengths)
        if known and not dims:
            self._put(node, "TensorArrayConcatV3", [list], dims=self._dims(shape)[1])
            self._put(node, "ListLengths", [list], f"{node.name}{LENGTHS}", dims=self._dims(shape)[1])
        else:  # of as many items, and of zeros for those that were not written
            self._put(node, "ListConcatLike", [list, lengths, shape])

    def _TensorListSplit(self, node: NodeDef, value: str, _: str, lengths: str) -> None:
        self._put(node, "TensorArraySplitV3", [value, lengths])

    def _with_first(self, node: NodeDef, size: str, shape: str) -> str:
        """A shape with one more size in front."""
        zero = self._more(node, "Const", [], dtype=int32, value=np.array(0, np.int32))
        first = self._more(node, "ExpandDims", [size, zero])
        return self._more(node, "ConcatV2", [first, shape, zero])


def _item_type(node: NodeDef) -> DType:
    """The dtype of the items, which may be lists themselves."""
    types = list(node.attr["_item_types"].list.type) if "_item_types" in node.attr else []
    if not types:
        return python_value(node.name, "element_dtype", node.attr["element_dtype"])
    found = as_dtype(types[-1])
    for _ in types[1:]:
        found = list_of(found)
    return found
