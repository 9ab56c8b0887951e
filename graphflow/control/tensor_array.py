"""`tf.TensorArray`: an array of tensors to write in loops, and to read back."""

from __future__ import annotations

from typing import Any

from graphflow import dtypes
from graphflow.control.values import Rebuild, register_components
from graphflow.dtypes import DType, ListType
from graphflow.errors import DTypeError, GraphError, ShapeError
from graphflow.graph import get_default_graph
from graphflow.operation import Tensor
from graphflow.ops import lists
from graphflow.ops.basic import identity
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.ragged_lists import CONCAT, SPLIT
from graphflow.ops.static import static_value
from graphflow.shape import Dims, TensorShape, as_dims, compatible, merge, show


class TensorArray:
    """Tensors of one dtype by their index.  `write` and its like give a new TensorArray; use that from then on.

    size           int32 scalar; with dynamic_size writes may make it larger
    element_shape  the shape of every element, in full or in part
    infer_shape    elements must have one shape, which is known from the first write on
    flow           the list of another TensorArray: this one has its elements
    The elements are those that were written, zeros where the shape is known and nothing was.
    Raises: InvalidArgumentError when run, for an index out of range and for reading what was never written.
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Tensor | None = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        if handle is not None and (size is not None or tensor_array_name):
            raise GraphError("a TensorArray of a handle takes no size and no tensor_array_name")
        if flow is None and size is None and handle is None:
            raise GraphError("a TensorArray needs a size")
        self._dtype = dtypes.as_dtype(dtype)
        self._dynamic_size = bool(dynamic_size)
        self._infer_shape = infer_shape
        self._shape: list[Dims] = [as_dims(element_shape)]  # shared by all arrays that follow from this one
        self._name = name
        known = None if dynamic_size or size is None else static_value(convert_to_tensor(size, dtypes.int32))
        self._size = None if known is None or known.ndim else int(known)
        given = flow if flow is not None else handle
        if given is not None:
            if not isinstance(given, Tensor) or not isinstance(given.dtype, ListType):
                raise GraphError(f"flow must be the flow of a TensorArray, not {given!r}")
            self._flow = given
        else:
            with get_default_graph().name_scope(name or "TensorArray") as scope:
                self._flow = lists.LIST(size, dtype=self._dtype, name=scope)

    # -- what it is --------------------------------------------------------------------------------------------------
    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def flow(self) -> Tensor:
        """The list of the elements."""
        return self._flow

    handle = flow

    @property
    def dynamic_size(self) -> bool:
        return self._dynamic_size

    @property
    def element_shape(self) -> TensorShape:
        """What is known of the shape of the elements."""
        return TensorShape(self._shape[0])

    def _with(self, flow: Tensor) -> TensorArray:
        made = object.__new__(TensorArray)
        made.__dict__.update(self.__dict__, _flow=flow)
        return made

    def _learn(self, dims: Dims) -> None:
        """The shape of an element that is written."""
        known = self._shape[0]
        if not compatible(known, dims):
            raise ShapeError(f"an element of shape {show(dims)} does not fit a TensorArray of elements of shape "
                             f"{show(known)}")  # fmt: skip
        if self._infer_shape:
            self._shape[0] = merge(known, dims)

    def _value(self, value: Any) -> Tensor:
        t = convert_to_tensor(value, name="value")
        if t.dtype is not self._dtype:
            raise DTypeError(f"the TensorArray holds {self._dtype.name}, and the value is {t.dtype.name}: {t!r}")
        return t

    def _rows(self, value: Any) -> Tensor:
        """A value whose rows are elements."""
        rows = self._value(value)
        if rows.dims == ():
            raise ShapeError(f"the value must have rows, and is a scalar: {rows!r}")
        return rows

    # -- one element -------------------------------------------------------------------------------------------------
    def read(self, index: Any, name: str | None = None) -> Tensor:
        """The element at an index.   Gradient: to what was written there."""
        return lists.READ_ITEM(self._flow, index, dims=self._shape[0], name=name or "TensorArrayReadV3")

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with this element at the index."""
        t = self._value(value)
        self._learn(t.dims)
        with get_default_graph().name_scope(name or "TensorArrayWrite"):
            return self._with(lists.WRITE(self._flow, index, t, grows=self._dynamic_size, name=name))

    # -- all elements ------------------------------------------------------------------------------------------------
    def stack(self, name: str | None = None) -> Tensor:
        """All elements, which must have one shape: [size, ...]."""
        with get_default_graph().name_scope(name or "TensorArrayStack"):
            rows = lists.STACK(self._flow, dims=self._shape[0], name=name or "TensorArrayGatherV3")
        if self._size is not None and rows.dims and rows.dims[0] is None:
            rows.set_shape((self._size, *rows.dims[1:]))
        return rows

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements at these indices: [n, ...]."""
        return lists.GATHER(self._flow, indices, dims=self._shape[0], name=name or "TensorArrayGatherV3")

    def concat(self, name: str | None = None) -> Tensor:
        """All elements, joined along their first axis."""
        return CONCAT(self._flow, dims=self._shape[0], name=name or "TensorArrayConcatV3")

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """The array whose elements are the rows of value."""
        rows = self._rows(value)
        self._learn(None if rows.dims is None else rows.dims[1:])
        with get_default_graph().name_scope(f"{name or 'TensorArrayUnstack'}/TensorArrayScatter"):
            return self._with(lists.UNSTACK(rows, name="TensorArrayScatterV3"))

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with row i of value at indices[i]."""
        rows = self._rows(value)
        self._learn(None if rows.dims is None else rows.dims[1:])
        with get_default_graph().name_scope(name or "TensorArrayScatter"):
            return self._with(lists.SCATTER(self._flow, indices, rows, grows=self._dynamic_size, name=name))

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """The array whose elements are runs of rows of value, as many rows as lengths says for each."""
        rows = self._rows(value)
        if rows.dims is not None and self._infer_shape:
            self._learn((None, *rows.dims[1:]))
        with get_default_graph().name_scope(name or "TensorArraySplit"):
            return self._with(SPLIT(rows, lengths, name=name))

    def size(self, name: str | None = None) -> Tensor:
        """How many elements there are: int32."""
        return lists.SIZE(self._flow, name=name or "TensorArraySizeV3")

    def identity(self) -> TensorArray:
        """The same elements, there when the control dependencies in force are done."""
        return self._with(identity(self._flow))

    def close(self, name: str | None = None) -> Any:
        """Nothing to do: elements live as long as they are needed."""
        return self._flow.op

    def __repr__(self) -> str:
        return f"<tf.TensorArray {self._flow.name!r} element_shape={self.element_shape} dtype={self._dtype.name}>"


def _apart(array: TensorArray) -> tuple[list[Tensor], Rebuild]:
    return [array.flow], lambda flows: array._with(flows[0])


register_components(TensorArray, _apart)
