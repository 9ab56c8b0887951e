"""Nodes of a GraphDef, written one after the other, in the graph itself or inside branches and loops."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.dtypes import DType, as_dtype, float32, int32
from graphflow.graph_protos import AttrValue, NodeDef
from graphflow.names import NameTable
from graphflow.node_attrs import attr_value
from graphflow.operation import Operation
from graphflow.shape import Dims
from graphflow.tensor_proto import make_tensor_proto, shape_proto

VARIANT, RESOURCE = AttrValue(type=21), AttrValue(type=20)


@dataclass(eq=False)
class Value:
    """A tensor that is written: its name for inputs, and its type."""

    key: str
    kind: AttrValue

    def output(self, index: int, kind: AttrValue) -> Value:
        """Another output of the same node."""
        name = self.key.partition(":")[0]
        return Value(f"{name}:{index}" if index else name, kind)


@dataclass(eq=False)
class Place:
    """Where nodes are written: the graph itself, which has no parent; a branch; or a loop.

    pivot    what a node waits for that takes nothing that only exists here
    bring    (a value from outside, whether as a reference, the node that asks) -> the value here
    values   what tensors, and other things, are here
    aliases  tensors that stand for others from outside
    outside  the nodes that are there in every iteration, whether the body runs or not
    """

    parent: Place | None = None
    pivot: str = ""
    bring: Callable[[Value, bool, str], Value] | None = None
    values: dict[Hashable, Value] = field(default_factory=dict)
    aliases: dict[Hashable, Hashable] = field(default_factory=dict)
    outside: set[str] = field(default_factory=set)

    def value(self, what: Hashable, ref: bool = False, asks: str = "") -> Value:
        """What a tensor is here; it is brought in if it is outside."""
        found = self.values.get((what, ref)) or self.values.get(what)
        if found is None:
            if what in self.aliases:
                found = self.value(self.aliases[what], ref, asks)
            else:
                assert self.parent is not None and self.bring is not None, what
                found = self.bring(self.parent.value(what, ref, asks), ref, asks)
            self.values[(what, ref) if ref else what] = found
        return found

    def knows(self, what: Hashable) -> bool:
        """Whether a tensor is here or outside."""
        return what in self.values or self.parent is not None and self.parent.knows(what)


@dataclass(eq=False)
class Scribe:
    """What writes the nodes of one operation.

    made   all nodes so far, with the operation that each belongs to
    """

    made: list[tuple[Operation, NodeDef]]
    names: NameTable
    op: Operation
    place: Place

    def unique(self, name: str) -> str:
        return self.names.unique(name)

    def put(
        self, op: str, inputs: Iterable[Value], kind: Any = None, name: str | None = None, waits: Sequence[str] = (),
        **attrs: Any,
    ) -> Value:  # fmt: skip
        """A node; gives its first output.   kind: the type of that; name: a new one below that of the operation."""
        name = name or self.unique(f"{self.op.name}/{op}")
        self.add(self.node(op, inputs, name, attrs), waits)
        return Value(name, as_attr("T", kind) if kind is not None else AttrValue())

    def node(self, op: str, inputs: Iterable[Value], name: str, attrs: Mapping[str, Any]) -> NodeDef:
        """A node that is not added yet."""
        kinds = {key: as_attr(key, value) for key, value in attrs.items()}
        return NodeDef(name=name, op=op, input=[v.key for v in inputs], device=self.op.device, attr=kinds)

    def add(self, node: NodeDef, waits: Sequence[str] = ()) -> None:
        """A node that is made already, and what it waits for."""
        pivot = self.place.pivot
        if pivot and not waits and all(key in self.place.outside for key in node.input):
            waits = [f"^{pivot}"]
        node.input.extend(waits)
        self.made.append((self.op, node))

    # -- short words ---------------------------------------------------------------------------------------------------
    def constant(self, value: Any, dtype: DType = int32, name: str | None = None) -> Value:
        array = np.asarray(value, dtype.dtype)
        return self.put("Const", [], dtype, name, dtype=dtype, value=AttrValue(tensor=make_tensor_proto(array)))

    def identity(self, value: Value, name: str, waits: Sequence[str] = ()) -> Value:
        return self.put("Identity", [value], value.kind, name, waits, T=value.kind)

    def binary(self, op: str, a: Value, b: Value, kind: Any = None) -> Value:
        return self.put(op, [a, b], a.kind if kind is None else kind, T=a.kind)

    def shape(self, value: Value) -> Value:
        return self.put("Shape", [value], int32, T=value.kind, out_type=int32)

    def size(self, value: Value) -> Value:
        """The first size."""
        return self.first(self.shape(value))

    def first(self, shape: Value) -> Value:
        """The first size of a shape."""
        return self._part(shape, 0, 1, shrink_axis_mask=1)

    def rest(self, shape: Value) -> Value:
        """A shape without its first size."""
        return self._part(shape, 1, 0, end_mask=1)

    def _part(self, vector: Value, begin: int, end: int, **mask: Any) -> Value:
        ends = [self.constant([number]) for number in (begin, end, 1)]
        masks: dict[str, Any] = {f"{m}_mask": 0 for m in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")} | mask
        return self.put("StridedSlice", [vector, *ends], vector.kind, T=vector.kind, Index=int32, **masks)

    def range(self, n: Value) -> Value:
        return self.put("Range", [self.constant(0), n, self.constant(1)], int32, Tidx=int32)

    def cast(self, value: Value, dtype: DType) -> Value:
        kind = as_attr("", dtype)
        return value if value.kind == kind else self.put("Cast", [value], kind, SrcT=value.kind, DstT=kind)

    def most(self, value: Value) -> Value:
        return self.put("Max", [value, self.constant([0])], value.kind, T=value.kind, Tidx=int32, keep_dims=False)


def as_attr(name: str, value: Any) -> AttrValue:
    return value if isinstance(value, AttrValue) else attr_value(name, value)


def shape_attr(dims: Dims) -> AttrValue:
    return AttrValue(shape=shape_proto(dims))


def type_attr(dtype: DType) -> AttrValue:
    return AttrValue(type=dtype.as_datatype_enum)


def dtype_of(kind: AttrValue) -> DType:
    return as_dtype(kind.type)


FLOW = type_attr(float32)


def scope_of(op: Operation) -> str:
    """The name scope that an operation stands in, with its slash."""
    scope = op.name.rpartition("/")[0]
    return f"{scope}/" if scope else ""
