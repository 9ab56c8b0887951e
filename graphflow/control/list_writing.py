"""Operations on lists as nodes of TensorFlow: of its TensorArrays, or of its TensorLists, where a list is a value.

TensorFlow writes an index of an array once, so what a gradient drops there, because it was written again, stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.control.list_kinds import Lists, is_list
from graphflow.control.scribe import (
    FLOW,
    RESOURCE,
    VARIANT,
    Scribe,
    Value,
    dtype_of,
    shape_attr,
    type_attr,
)
from graphflow.dtypes import DType, ListType, int32, int64
from graphflow.graph_protos import AttrValue
from graphflow.operation import Operation
from graphflow.shape import Dims


# -- TensorArrays ------------------------------------------------------------------------------------------------------
def new_array(
    s: Scribe, size: Value, dtype: DType, dims: Dims, grows: bool, name: str | None = None
) -> tuple[Value, Value]:
    """(the handle of a TensorArray, its flow)."""
    attrs = {"clear_after_read": False, "identical_element_shapes": False, "tensor_array_name": ""}
    handle = s.put("TensorArrayV3", [size], RESOURCE, name, dtype=dtype, element_shape=shape_attr(dims),
                   dynamic_size=grows, **attrs)  # type: ignore[arg-type]  # fmt: skip
    return handle, handle.output(1, FLOW)


def read_array(s: Scribe, handle: Value, flow: Value, index: Value, dtype: DType, name: str | None = None) -> Value:
    return s.put("TensorArrayReadV3", [handle, index, flow], dtype, name, dtype=dtype)


def write_array(s: Scribe, handle: Value, flow: Value, index: Value, value: Value, name: str | None = None) -> Value:
    return s.put("TensorArrayWriteV3", [handle, index, value, flow], FLOW, name, T=value.kind)


def unstacked(s: Scribe, handle: Value, flow: Value, value: Value, size: Value, name: str | None = None) -> Value:
    return s.put("TensorArrayScatterV3", [handle, s.range(size), value, flow], FLOW, name, T=value.kind)


def stacked(s: Scribe, handle: Value, flow: Value, dtype: DType, dims: Dims, name: str | None = None) -> Value:
    size = s.put("TensorArraySizeV3", [handle, flow], int32)
    return s.put("TensorArrayGatherV3", [handle, s.range(size), flow], dtype, name, dtype=dtype,
                 element_shape=shape_attr(dims))  # fmt: skip


class _Array:
    """Operations on a list that is a TensorArray, by their names in graphflow."""

    def __init__(self, s: Scribe, op: Operation, lists: Lists) -> None:
        self.s, self.op, self.lists = s, op, lists
        self.dims = op.attrs.get("dims")

    @property
    def handle(self) -> Value:
        return self.s.place.value(self.lists, asks=self.op.name)

    def _new(self, size: Value, dtype: DType, name: str | None = None) -> Value:
        handle, flow = new_array(self.s, size, dtype, self.lists.dims, self.lists.grows, name)
        self.s.place.values[self.lists] = handle
        return flow

    def TensorArrayV3(self, size: Value) -> Value:
        return self._new(size, self.op.attrs["dtype"], self.op.name)

    def TensorArrayUnstackV3(self, value: Value) -> Value:
        size = self.s.size(value)
        flow = self._new(size, dtype_of(value.kind))
        return unstacked(self.s, self.handle, flow, value, size, self.op.name)

    def TensorArraySplitV3(self, value: Value, lengths: Value) -> Value:
        flow = self._new(self.s.size(lengths), dtype_of(value.kind))
        inputs = [self.handle, value, self.s.cast(lengths, int64), flow]
        return self.s.put("TensorArraySplitV3", inputs, FLOW, self.op.name, T=value.kind)

    def TensorArrayReadV3(self, flow: Value, index: Value) -> Value:
        return read_array(self.s, self.handle, flow, index, self.op.output.dtype, self.op.name)

    def TensorArrayWriteV3(self, flow: Value, index: Value, value: Value) -> Value:
        return write_array(self.s, self.handle, flow, index, value, self.op.name)

    def TensorArrayScatterV3(self, flow: Value, indices: Value, value: Value) -> Value:
        return self.s.put("TensorArrayScatterV3", [self.handle, indices, value, flow], FLOW, self.op.name, T=value.kind)

    def TensorArrayGatherV3(self, flow: Value, indices: Value) -> Value:
        dtype = self.op.output.dtype
        return self.s.put("TensorArrayGatherV3", [self.handle, indices, flow], dtype, self.op.name, dtype=dtype,
                          element_shape=shape_attr(self.dims))  # fmt: skip

    def TensorArrayStackV3(self, flow: Value) -> Value:
        return stacked(self.s, self.handle, flow, self.op.output.dtype, self.dims, self.op.name)

    def TensorArraySizeV3(self, flow: Value) -> Value:
        return self.s.put("TensorArraySizeV3", [self.handle, flow], int32, self.op.name)

    def _concat(self, flow: Value, name: str | None) -> Value:
        dtype = self.op.inputs[0].dtype.element  # type: ignore[attr-defined]
        rest = None if not self.dims else self.dims[1:]
        return self.s.put("TensorArrayConcatV3", [self.handle, flow], dtype, name, dtype=dtype,
                          element_shape_except0=shape_attr(rest))  # fmt: skip

    def TensorArrayConcatV3(self, flow: Value) -> Value:
        return self._concat(flow, self.op.name)

    def ListLengths(self, flow: Value) -> Value:
        lengths = self._concat(flow, None).output(1, type_attr(int64))
        return self.s.put("Cast", [lengths], int32, self.op.name, SrcT=int64, DstT=int32)


# -- TensorLists -------------------------------------------------------------------------------------------------------
_ANY_SHAPE = np.int32(-1)


def _item_types(kind: DType) -> AttrValue:
    """The dtypes that lists in lists are of, from the outside in: TensorFlow's own attribute has only the first."""
    types = []
    while isinstance(kind, ListType):
        kind = kind.element
        types.append(kind.as_datatype_enum)
    return AttrValue(list={"type": types})


def empty_list(s: Scribe, kind: ListType, name: str | None = None) -> Value:
    """A list without items, of this type."""
    inputs = [s.constant(_ANY_SHAPE), s.constant(-1)]
    return s.put("EmptyTensorList", inputs, VARIANT, name, element_dtype=type_attr(kind.element), shape_type=int32,
                 _item_types=_item_types(kind))  # fmt: skip


def new_list(s: Scribe, size: Value, kind: ListType, name: str | None = None) -> Value:
    """A list of items that have not been written."""
    return s.put("TensorListReserve", [s.constant(_ANY_SHAPE), size], VARIANT, name,
                 element_dtype=type_attr(kind.element), shape_type=int32, _item_types=_item_types(kind))  # fmt: skip


def set_item(s: Scribe, list: Value, index: Value, item: Value, name: str | None = None) -> Value:
    return s.put("TensorListSetItem", [list, index, item], VARIANT, name, element_dtype=item.kind)


def push_item(s: Scribe, list: Value, item: Value, name: str | None = None) -> Value:
    return s.put("TensorListPushBack", [list, item], VARIANT, name, element_dtype=item.kind)


def get_item(
    s: Scribe, list: Value, index: Value, kind: AttrValue, shape: Value | None = None, name: str | None = None
) -> Value:
    shape = s.constant(_ANY_SHAPE) if shape is None else shape
    return s.put("TensorListGetItem", [list, index, shape], kind, name, element_dtype=kind)


class _List:
    """Operations on lists that are values, by their names in graphflow."""

    def __init__(self, s: Scribe, op: Operation) -> None:
        self.s, self.op, self.name = s, op, op.name
        first = next(t for t in (*op.outputs, *op.inputs) if is_list(t))
        self.kind: ListType = first.dtype  # type: ignore[assignment]
        self.item = type_attr(self.kind.element)

    def _dims(self) -> Value:
        dims = self.op.attrs.get("dims")
        return self.s.constant(_ANY_SHAPE if dims is None else [-1 if d is None else d for d in dims])

    def _long_enough(self, list: Value, last: Value) -> Value:
        """The list, longer where it has no item at an index."""
        length = self.s.put("TensorListLength", [list], int32)
        wanted = self.s.binary("AddV2", last, self.s.constant(1))
        return self._resized(list, self.s.binary("Maximum", length, wanted))

    def _resized(self, list: Value, size: Value) -> Value:
        return self.s.put("TensorListResize", [list, size], VARIANT)

    def TensorArrayV3(self, size: Value) -> Value:
        return new_list(self.s, size, self.kind, self.name)

    def ListEmpty(self) -> Value:
        return empty_list(self.s, self.kind, self.name)

    def TensorArrayUnstackV3(self, value: Value, name: str | None = None) -> Value:
        inputs = [value, self.s.constant(_ANY_SHAPE)]
        return self.s.put("TensorListFromTensor", inputs, VARIANT, name or self.name, element_dtype=value.kind,
                          shape_type=int32)  # fmt: skip

    def TensorArrayReadV3(self, list: Value, index: Value) -> Value:
        return get_item(self.s, list, index, self.item, self._dims(), self.name)

    def ListReadOrZeros(self, list: Value, index: Value, shape: Value) -> Value:
        return get_item(self.s, self._long_enough(list, index), index, self.item, shape, self.name)

    def TensorArrayWriteV3(self, list: Value, index: Value, value: Value) -> Value:
        if self.op.attrs["grows"]:
            list = self._long_enough(list, index)
        return set_item(self.s, list, index, value, self.name)

    def ListAddItem(self, list: Value, index: Value, value: Value) -> Value:
        list = self._long_enough(list, index)
        before = get_item(self.s, list, index, self.item, self.s.shape(value))
        return set_item(self.s, list, index, self.s.binary("AddV2", before, value), self.name)

    def ListDrop(self, list: Value, indices: Value) -> Value:
        return self.s.put("Identity", [list], VARIANT, self.name, T=VARIANT)

    def TensorArraySizeV3(self, list: Value) -> Value:
        return self.s.put("TensorListLength", [list], int32, self.name)

    def TensorArrayStackV3(self, list: Value) -> Value:
        return self._stack(list, self._dims())

    def _stack(self, list: Value, shape: Value) -> Value:
        return self.s.put("TensorListStack", [list, shape], self.item, self.name, element_dtype=self.item,
                          num_elements=-1)  # fmt: skip

    def ListStackLike(self, list: Value, shape: Value) -> Value:
        return self._stack(self._resized(list, self.s.first(shape)), self.s.rest(shape))

    def TensorArrayGatherV3(self, list: Value, indices: Value) -> Value:
        return self._gather(list, indices, self._dims())

    def _gather(self, list: Value, indices: Value, shape: Value) -> Value:
        return self.s.put("TensorListGather", [list, indices, shape], self.item, self.name, element_dtype=self.item)

    def ListGatherLike(self, list: Value, indices: Value, shape: Value) -> Value:
        return self._gather(self._long_enough(list, self.s.most(indices)), indices, self.s.rest(shape))

    def TensorArrayScatterV3(self, list: Value, indices: Value, value: Value) -> Value:
        if self.op.attrs["grows"]:
            list = self._long_enough(list, self.s.most(indices))
        return self.s.put("TensorListScatterIntoExistingList", [list, value, indices], VARIANT, self.name,
                          element_dtype=self.item)  # fmt: skip

    def ListAddItems(self, list: Value, indices: Value, value: Value) -> Value:
        n = self.s.binary("AddV2", self.s.binary("Maximum", self.s.most(indices), self.s.constant(-1)),
                          self.s.constant(1))  # fmt: skip
        sums = self.s.put("UnsortedSegmentSum", [value, indices, n], value.kind, T=value.kind, Tindices=int32,
                          Tnumsegments=int32)  # fmt: skip
        return self.ListAddN(list, self.TensorArrayUnstackV3(sums, self.s.unique(f"{self.name}/TensorListFromTensor")))

    def ListAddN(self, *lists: Value) -> Value:
        lengths = [self.s.put("TensorListLength", [each], int32) for each in lists]
        longest = lengths[0]
        for length in lengths[1:]:
            longest = self.s.binary("Maximum", longest, length)
        same = [self._resized(each, longest) for each in lists]
        return self.s.put("AddN", same, VARIANT, self.name, T=VARIANT, N=len(same))

    def _concat(self, list: Value, name: str | None, shape: Value | None = None, lengths: Value | None = None) -> Value:
        inputs = [list, shape or self._dims(), lengths or self.s.constant(np.zeros(0, np.int64), int64)]
        return self.s.put("TensorListConcatV2", inputs, self.item, name, element_dtype=self.item, shape_type=int32)

    def ListConcatLike(self, list: Value, lengths: Value, shape: Value) -> Value:
        longer = self._resized(list, self.s.size(lengths))
        inputs = [self.s.constant([-1]), self.s.rest(shape), self.s.constant(0)]
        item = self.s.put("ConcatV2", inputs, int32, T=int32, N=2, Tidx=int32)
        return self._concat(longer, self.name, item, self.s.cast(lengths, int64))

    def TensorArrayConcatV3(self, list: Value) -> Value:
        return self._concat(list, self.name)

    def ListLengths(self, list: Value) -> Value:
        lengths = self._concat(list, None).output(1, type_attr(int64))
        return self.s.put("Cast", [lengths], int32, self.name, SrcT=int64, DstT=int32)

    def TensorArraySplitV3(self, value: Value, lengths: Value) -> Value:
        inputs = [value, self.s.constant(_ANY_SHAPE), self.s.cast(lengths, int64)]
        return self.s.put("TensorListSplit", inputs, VARIANT, self.name, element_dtype=self.item, shape_type=int32)


def write_list_op(s: Scribe, op: Operation, lists: Lists, data: Sequence[Value]) -> Value | None:
    """The nodes of an operation on lists; None where there are none for it."""
    how: Any = _Array(s, op, lists) if lists.is_array else _List(s, op)
    write = getattr(how, op.type, None)
    return None if write is None else write(*data)


def kind_of_list(lists: Lists) -> AttrValue:
    """The type that a list has in nodes."""
    return FLOW if lists.is_array else VARIANT
